package fs

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"sync"

	"golang.org/x/sys/unix"
)

// Op is the kind of a call.
type Op string

// The kinds. OpenRW is OpOpen. RemoveAll and MkdirAll are one call for Faults, and as many changes as names for Mem.
const (
	OpCreate   Op = "create"
	OpOpen     Op = "open"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpSync     Op = "sync"
	OpTruncate Op = "truncate"
	OpAllocate Op = "allocate"
	OpClose    Op = "close"
	OpRename   Op = "rename"
	OpRemove   Op = "remove"
	OpMkdir    Op = "mkdir"
	OpList     Op = "list"
	OpSize     Op = "size"
	OpSyncDir  Op = "syncdir"
)

// Call is what a fault is decided by.
type Call struct {
	Op    Op
	Name  string // a file: as it was opened; Rename: the new name
	Count int    // calls of this kind so far, this one too, from 1; it counts on while faults are off
	Grows bool   // a new file or directory, or a write, Truncate or Allocate that ends beyond the end of the file
}

// Short is the error of a write that comes to a part of its bytes.
type Short struct {
	Bytes int   // written before the error
	Err   error // why; usually unix.ENOSPC
}

// Error says what failed and after how much.
func (s *Short) Error() string { return fmt.Sprintf("%v after %d bytes", s.Err, s.Bytes) }

// Unwrap gives the reason.
func (s *Short) Unwrap() error { return s.Err }

// Full is the fault of a disk without room: what grows fails with unix.ENOSPC, and writes within a file go on.
func Full(c Call) error {
	if c.Grows {
		return unix.ENOSPC
	}
	return nil
}

// Faults is an FS that fails on demand. A call that is given an error is not made at all, with these exceptions: a Short
// write writes its part; a Close closes. After a Sync with an error a Mem underneath takes what it covered for written
// though it is not: reads see it, a later Sync that succeeds changes nothing about it, and a crash finds it or not; only
// what is written again can last. A SyncDir is like that until a name in the directory changes again.
//
// It may be used from any goroutine.
type Faults struct {
	inner FS                 // immutable
	fault func(c Call) error // immutable; called under mu
	mu    sync.Mutex         // held while fault runs
	off   bool               // guarded by mu
	count map[Op]int         // guarded by mu
}

// NewFaults wraps inner. fault gives the error of a call, nil for none; it is called for one call at a time, must not
// use the file system, and is on from the start.
func NewFaults(inner FS, fault func(c Call) error) *Faults {
	return &Faults{inner: inner, fault: fault, count: map[Op]int{}}
}

// Set turns faults on or off: a disk is full, then has room again.
func (f *Faults) Set(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.off = !on
}

// check counts a call and gives its fault.
func (f *Faults) check(op Op, name string, grows bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[op]++
	if f.off {
		return nil
	}
	if err := f.fault(Call{op, name, f.count[op], grows}); err != nil {
		return pathError(string(op), name, err)
	}
	return nil
}

// Create makes or empties a file.
func (f *Faults) Create(name string) (File, error) {
	_, err := f.inner.Size(name)
	if err := f.check(OpCreate, name, errors.Is(err, iofs.ErrNotExist)); err != nil {
		return nil, err
	}
	return f.file(name, f.inner.Create)
}

// Open opens a file to read.
func (f *Faults) Open(name string) (File, error) {
	if err := f.check(OpOpen, name, false); err != nil {
		return nil, err
	}
	return f.file(name, f.inner.Open)
}

// OpenRW opens a file to read and write.
func (f *Faults) OpenRW(name string) (File, error) {
	if err := f.check(OpOpen, name, false); err != nil {
		return nil, err
	}
	return f.file(name, f.inner.OpenRW)
}

func (f *Faults) file(name string, open func(string) (File, error)) (File, error) {
	inner, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{f, inner, name}, nil
}

// Rename replaces to by from.
func (f *Faults) Rename(from, to string) error {
	if err := f.check(OpRename, to, false); err != nil {
		return err
	}
	return f.inner.Rename(from, to)
}

// Remove removes a file or an empty directory.
func (f *Faults) Remove(name string) error {
	if err := f.check(OpRemove, name, false); err != nil {
		return err
	}
	return f.inner.Remove(name)
}

// RemoveAll removes a tree.
func (f *Faults) RemoveAll(dir string) error {
	if err := f.check(OpRemove, dir, false); err != nil {
		return err
	}
	return f.inner.RemoveAll(dir)
}

// MkdirAll makes a directory and those above it.
func (f *Faults) MkdirAll(dir string) error {
	_, err := f.inner.List(dir)
	if err := f.check(OpMkdir, dir, errors.Is(err, iofs.ErrNotExist)); err != nil {
		return err
	}
	return f.inner.MkdirAll(dir)
}

// List gives the base names in a directory, sorted.
func (f *Faults) List(dir string) ([]string, error) {
	if err := f.check(OpList, dir, false); err != nil {
		return nil, err
	}
	return f.inner.List(dir)
}

// Size gives the size of a file.
func (f *Faults) Size(name string) (int64, error) {
	if err := f.check(OpSize, name, false); err != nil {
		return 0, err
	}
	return f.inner.Size(name)
}

// SyncDir makes the names in a directory last.
func (f *Faults) SyncDir(dir string) error {
	if err := f.check(OpSyncDir, dir, false); err != nil {
		f.failSyncDir(dir)
		return err
	}
	return f.inner.SyncDir(dir)
}

// failSyncDir hands a failed SyncDir down to a Mem.
func (f *Faults) failSyncDir(dir string) {
	if m, ok := f.inner.(interface{ failSyncDir(string) }); ok {
		m.failSyncDir(dir)
	}
}

// faultyFile is an open file of Faults. Its fields are immutable.
type faultyFile struct {
	f     *Faults
	inner File
	name  string
}

// beyond says whether end lies behind the end of the file.
func (f *faultyFile) beyond(end int64) bool {
	size, err := f.inner.Size()
	return err == nil && end > size
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.f.check(OpRead, f.name, false); err != nil {
		return 0, err
	}
	return f.inner.ReadAt(p, off)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.f.check(OpWrite, f.name, f.beyond(off+int64(len(p))))
	if err == nil {
		return f.inner.WriteAt(p, off)
	}
	short, ok := errors.AsType[*Short](err)
	if !ok {
		return 0, err
	}
	n, worse := f.inner.WriteAt(p[:min(len(p), short.Bytes)], off)
	if worse != nil {
		err = worse
	}
	return n, err
}

func (f *faultyFile) Sync() error {
	if err := f.f.check(OpSync, f.name, false); err != nil {
		f.failSync()
		return err
	}
	return f.inner.Sync()
}

// failSync hands a failed Sync down to a Mem.
func (f *faultyFile) failSync() {
	if m, ok := f.inner.(interface{ failSync() }); ok {
		m.failSync()
	}
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.f.check(OpTruncate, f.name, f.beyond(size)); err != nil {
		return err
	}
	return f.inner.Truncate(size)
}

func (f *faultyFile) Size() (int64, error) {
	if err := f.f.check(OpSize, f.name, false); err != nil {
		return 0, err
	}
	return f.inner.Size()
}

func (f *faultyFile) Allocate(size int64) error {
	if err := f.f.check(OpAllocate, f.name, f.beyond(size)); err != nil {
		return err
	}
	return f.inner.Allocate(size)
}

func (f *faultyFile) Close() error {
	return errors.Join(f.f.check(OpClose, f.name, false), f.inner.Close())
}

package fs

import (
	"errors"
	"io"
	iofs "io/fs"

	"golang.org/x/sys/unix"
)

// maxMem is where a file of a Mem ends.
const maxMem = 2 << 30

var errNegative = errors.New("negative offset")

// memFile is an open file of a Mem.
type memFile struct {
	m      *Mem   // immutable
	name   string // immutable: as it was opened
	inode  *inode // immutable; its content is guarded by m.mu
	writes bool   // immutable
	closed bool   // guarded by m.mu
}

// usable refuses what is not possible. Preconditions: m.mu is held.
func (f *memFile) usable(refused error) error {
	switch {
	case f.m.down:
		return ErrCrashed
	case f.closed:
		return iofs.ErrClosed
	}
	return refused
}

// change makes one change of the file, if nothing refuses it.
func (f *memFile) change(op Op, refused error, do func(torn bool)) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.usable(refused); err != nil {
		return pathError(string(op), f.name, err)
	}
	return f.m.change(op, f.name, do)
}

// refuses says why a change of the size to size is not possible; readOnly is what a file that is open to read says.
func (f *memFile) refuses(size int64, readOnly error) error {
	switch {
	case size < 0:
		return unix.EINVAL
	case !f.writes:
		return readOnly
	case size > maxMem:
		return unix.EFBIG
	}
	return nil
}

func (f *memFile) WriteAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, pathError(string(OpWrite), f.name, errNegative)
	}
	refused := f.refuses(min(off, maxMem)+int64(len(p)), unix.EBADF)
	if len(p) == 0 {
		return 0, f.check(OpWrite, refused)
	}
	err = f.change(OpWrite, refused, func(torn bool) {
		if torn {
			p = p[:len(p)/2]
		}
		if len(p) > 0 {
			f.inode.write(p, off)
		}
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	var refused error
	if off < 0 {
		refused = errNegative
	}
	if err := f.usable(refused); err != nil {
		return 0, pathError(string(OpRead), f.name, err)
	}
	n := min(int64(len(p)), max(0, f.inode.now.size-off))
	f.inode.now.read(p[:n], off)
	if int(n) < len(p) {
		return int(n), io.EOF
	}
	return int(n), nil
}

func (f *memFile) Sync() error {
	return f.change(OpSync, nil, func(torn bool) {
		if !torn {
			f.inode.sync()
		}
	})
}

// failSync is a Sync whose error Faults returns.
func (f *memFile) failSync() {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.usable(nil) == nil {
		f.inode.failSync()
	}
}

func (f *memFile) Truncate(size int64) error {
	return f.change(OpTruncate, f.refuses(size, unix.EINVAL), func(torn bool) { f.resize(size, torn) })
}

func (f *memFile) Allocate(size int64) error {
	return f.change(OpAllocate, f.refuses(size, unix.EBADF), func(torn bool) {
		f.resize(max(size, f.inode.now.size), torn)
	})
}

// resize goes to size, or half of the way.
func (f *memFile) resize(size int64, torn bool) {
	if torn {
		size = (f.inode.now.size + size) / 2
	}
	f.inode.resize(size)
}

func (f *memFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.usable(nil); err != nil {
		return 0, pathError(string(OpSize), f.name, err)
	}
	return f.inode.now.size, nil
}

func (f *memFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.usable(nil); err != nil {
		return pathError("close", f.name, err)
	}
	f.closed = true
	return nil
}

// check is a change that changes nothing.
func (f *memFile) check(op Op, refused error) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if err := f.usable(refused); err != nil {
		return pathError(string(op), f.name, err)
	}
	return nil
}

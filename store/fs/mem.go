package fs

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrCrashed is what every call returns once a Mem has come to its crash point.
var ErrCrashed = errors.New("the machine has crashed")

// Phase says how much of the operation at a crash point was done.
type Phase uint8

// The phases. In none of them does the caller learn that the operation was done: it gets ErrCrashed.
const (
	Before Phase = iota // nothing of it
	Torn                // half of a write, Truncate or Allocate; others may or may not have happened, as the seed decides
	After               // all of it: what a Sync covers lasts
)

// Mem is a file system in memory whose machine can crash. It keeps what is seen now apart from what lasts, and in
// between every state that a sector, a size or a name has had since; Crash picks among those.
//
// Calls that change something are counted from 1: create, write, truncate, allocate, sync, rename, remove, mkdir (one for
// each directory), syncdir. RemoveAll counts as the removals that it is made of. A call that is refused does not count.
//
// Every method may be called from any goroutine. Paths may start with a slash or not: there is one root, which is there.
// A file ends at 2 GiB (unix.EFBIG).
type Mem struct {
	mu      sync.Mutex
	root    *node     // guarded by mu, with everything below it
	pending []*change // guarded by mu: names that do not last yet, in order
	ops     int       // guarded by mu
	stopAt  int       // guarded by mu; 0: never
	phase   Phase     // guarded by mu
	down    bool      // guarded by mu
}

// NewMem makes an empty file system.
func NewMem() *Mem { return &Mem{root: newDir(nil)} }

// Ops is how many calls have changed something so far. A test runs its work once to learn it, then once more for each
// number and phase:
//
//	for n := 1; n <= ops; n++ {
//		m := fs.NewMem()
//		m.StopAt(n, fs.Torn)
//		work(m) // ends with ErrCrashed
//		check(m.Crash(seed))
//	}
func (m *Mem) Ops() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// StopAt crashes the machine at the change with number n (counted from the start, as Ops does): that one and every later
// call, reads and Close too, return ErrCrashed. 0 takes the crash point away, as long as it was not come to.
func (m *Mem) StopAt(n int, phase Phase) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopAt, m.phase = n, phase
}

// change runs one operation that changes something, or a part of it, or stops at it. Preconditions: mu is held, and the
// operation is possible.
func (m *Mem) change(op Op, name string, do func(torn bool)) error {
	m.ops++
	if m.ops != m.stopAt {
		do(false)
		return nil
	}
	m.down = true
	if m.phase != Before {
		do(m.phase == Torn)
	}
	return pathError(string(op), name, ErrCrashed)
}

// find walks to a node. Preconditions: mu is held.
func (m *Mem) find(name string) (*node, error) {
	if m.down {
		return nil, ErrCrashed
	}
	at := m.root
	for part := range strings.SplitSeq(strings.Trim(path.Clean("/"+name), "/"), "/") {
		if part == "" {
			continue // the root
		}
		if at.file != nil {
			return nil, unix.ENOTDIR
		}
		next := at.now[part]
		if next == nil {
			return nil, unix.ENOENT
		}
		at = next
	}
	return at, nil
}

// dir finds a directory.
func (m *Mem) dir(name string) (*node, error) {
	d, err := m.find(name)
	if err == nil && d.file != nil {
		err = unix.ENOTDIR
	}
	return d, err
}

// place is the directory that a name is in, and its base name. The root is in no directory.
func (m *Mem) place(name string) (dir *node, base string, err error) {
	name = path.Clean("/" + name)
	if name == "/" {
		return nil, "", unix.EBUSY
	}
	dir, err = m.dir(path.Dir(name))
	return dir, path.Base(name), err
}

// Create makes or empties a file.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	switch {
	case err == nil && n.file == nil:
		err = unix.EISDIR
	case err == nil:
		err = m.change(OpCreate, name, func(bool) { n.file.resize(0) })
	case err == unix.ENOENT:
		var d *node
		var base string
		if d, base, err = m.place(name); err == nil {
			n = &node{file: &inode{}}
			err = m.change(OpCreate, name, func(bool) { m.record(&change{edits: []edit{{d, base, n}}}) })
		}
	}
	if err != nil {
		return nil, wrapped(OpCreate, name, err)
	}
	return &memFile{m: m, name: name, inode: n.file, writes: true}, nil
}

// Open opens a file to read.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenRW opens a file to read and write.
func (m *Mem) OpenRW(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writes bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.regular(name)
	if err != nil {
		return nil, wrapped(OpOpen, name, err)
	}
	return &memFile{m: m, name: name, inode: n, writes: writes}, nil
}

func (m *Mem) regular(name string) (*inode, error) {
	n, err := m.find(name)
	if err == nil && n.file == nil {
		err = unix.EISDIR
	}
	if err != nil {
		return nil, err
	}
	return n.file, nil
}

// Rename replaces to by from.
func (m *Mem) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return wrapped(OpRename, to, m.rename(from, to))
}

func (m *Mem) rename(from, to string) error {
	n, err := m.find(from)
	if err != nil {
		return err
	}
	d, base, err := m.place(from)
	if err != nil {
		return err
	}
	e, target, err := m.place(to)
	if err != nil {
		return err
	}
	old := e.now[target]
	switch {
	case old != nil && old.file == nil:
		return unix.EEXIST
	case n == old:
		return nil
	case n.file == nil && old != nil:
		return unix.ENOTDIR
	case n.file == nil && e.under(n):
		return unix.EINVAL
	}
	return m.change(OpRename, to, func(bool) {
		m.record(&change{edits: []edit{{d, base, nil}, {e, target, n}}, moves: n.file == nil})
	})
}

// Remove removes a file or an empty directory.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return wrapped(OpRemove, name, m.remove(name))
}

func (m *Mem) remove(name string) error {
	n, err := m.find(name)
	if err != nil {
		return err
	}
	d, base, err := m.place(name)
	if err != nil {
		return err
	}
	if len(n.now) > 0 {
		return unix.ENOTEMPTY
	}
	return m.change(OpRemove, name, func(bool) {
		c := &change{edits: []edit{{d, base, nil}}}
		if n.file == nil {
			c.gone = n
		}
		m.record(c)
	})
}

// RemoveAll removes a tree, one name after the other, the deepest first.
func (m *Mem) RemoveAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return wrapped(OpRemove, dir, m.removeAll(dir))
}

func (m *Mem) removeAll(name string) error {
	n, err := m.find(name)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return err
	}
	for _, base := range n.names() {
		if err := m.removeAll(path.Join(name, base)); err != nil {
			return err
		}
	}
	return m.remove(name)
}

// MkdirAll makes a directory and those above it.
func (m *Mem) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return wrapped(OpMkdir, dir, m.mkdirAll(dir))
}

func (m *Mem) mkdirAll(name string) error {
	if _, err := m.dir(name); err != unix.ENOENT {
		return err
	}
	if err := m.mkdirAll(path.Dir(path.Clean("/" + name))); err != nil {
		return err
	}
	d, base, err := m.place(name)
	if err != nil {
		return err
	}
	n := newDir(d)
	return m.change(OpMkdir, name, func(bool) { m.record(&change{edits: []edit{{d, base, n}}, made: n}) })
}

// List gives the base names in a directory, sorted.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.dir(dir)
	if err != nil {
		return nil, wrapped(OpList, dir, err)
	}
	return n.names(), nil
}

// Size gives the size of a file.
func (m *Mem) Size(name string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.regular(name)
	if err != nil {
		return 0, wrapped(OpSize, name, err)
	}
	return n.now.size, nil
}

// SyncDir makes the names in a directory last.
func (m *Mem) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.dir(dir)
	if err == nil {
		err = m.change(OpSyncDir, dir, func(torn bool) {
			if !torn {
				m.settle(d)
			}
		})
	}
	return wrapped(OpSyncDir, dir, err)
}

// failSyncDir is a SyncDir whose error Faults returns.
func (m *Mem) failSyncDir(dir string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d, err := m.dir(dir); err == nil {
		d.stuck = true
	}
}

// wrapped says which call failed; nil stays nil.
func wrapped(op Op, name string, err error) error {
	var number unix.Errno
	if err == ErrCrashed || errors.As(err, &number) && err == error(number) {
		return pathError(string(op), name, err)
	}
	return err
}

// names are the base names in a directory, sorted.
func (n *node) names() []string { return slices.Sorted(maps.Keys(n.now)) }

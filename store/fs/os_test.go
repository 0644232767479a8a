package fs_test

import (
	"os"
	"path"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/franken-node/fnode-supervisor/store/fs"
)

// TestFilesAndDirectoriesAreOursAlone: nobody else reads what the store writes.
func TestFilesAndDirectoriesAreOursAlone(t *testing.T) {
	c, d := &check{t}, t.TempDir()
	c.ok(fs.OS{}.MkdirAll(path.Join(d, "x", "y")))
	c.put(fs.OS{}, path.Join(d, "x", "f"), "")
	for name, want := range map[string]os.FileMode{"x": 0o700, "x/y": 0o700, "x/f": 0o600} {
		st, err := os.Stat(path.Join(d, name))
		c.ok(err)
		if got := st.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

// TestAllocateTakesRealBlocks: without blocks a later write could run out of room.
func TestAllocateTakesRealBlocks(t *testing.T) {
	c, name := &check{t}, path.Join(t.TempDir(), "f")
	f, err := fs.OS{}.Create(name)
	c.ok(err)
	c.ok(f.Truncate(1 << 20)) // a hole
	c.ok(f.Allocate(2 << 20))
	c.ok(f.Sync())
	c.ok(f.Close())
	var st unix.Stat_t
	c.ok(unix.Stat(name, &st))
	if got := st.Blocks * 512; got < 2<<20 {
		t.Errorf("%d bytes have blocks, want %d", got, 2<<20)
	}
}

// TestAllocateWritesTheBlocks: extents that are only reserved cost a journal commit each when they are written.
func TestAllocateWritesTheBlocks(t *testing.T) {
	c, name := &check{t}, path.Join(t.TempDir(), "f")
	f, err := fs.OS{}.Create(name)
	c.ok(err)
	c.ok(f.Allocate(1 << 20))
	c.ok(f.Sync())
	c.ok(f.Close())
	g, err := os.Open(name)
	c.ok(err)
	var m struct { // struct fiemap of linux/fiemap.h, with room for 32 extents
		start, length                  uint64
		flags, mapped, count, reserved uint32
		extents                        [32]struct {
			logical, physical, length uint64
			reserved64                [2]uint64
			flags                     uint32
			reserved                  [3]uint32
		}
	}
	const fiemap, unwritten = 0xc020660b, 0x800
	m.length, m.count = 1<<20, uint32(len(m.extents))
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, g.Fd(), fiemap, uintptr(unsafe.Pointer(&m))); e != 0 {
		t.Skipf("the file system does not tell its extents: %v", e)
	}
	c.ok(g.Close())
	if m.mapped == 0 {
		t.Fatal("no extents")
	}
	for _, e := range m.extents[:m.mapped] {
		if e.flags&unwritten != 0 {
			t.Errorf("the extent at %d is reserved, not written", e.logical)
		}
	}
}

// TestAllocateThatFailsLeavesTheSize: a size that no file may have stands in for a full disk.
func TestAllocateThatFailsLeavesTheSize(t *testing.T) {
	c := &check{t}
	f, err := fs.OS{}.Create(path.Join(t.TempDir(), "f"))
	c.ok(err)
	_, err = f.WriteAt([]byte("head"), 0)
	c.ok(err)
	c.is(f.Allocate(1<<62), unix.EFBIG)
	c.size(f, 4)
	c.ok(f.Close())
}

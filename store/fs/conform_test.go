package fs_test

import (
	"bytes"
	"errors"
	"io"
	iofs "io/fs"
	"path"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/franken-node/fnode-supervisor/store/fs"
)

// kinds are the file systems that have to behave alike, each with an empty directory.
var kinds = map[string]func(t *testing.T) (fs.FS, string){
	"OS": func(t *testing.T) (fs.FS, string) { return fs.OS{}, t.TempDir() },
	"Mem": func(*testing.T) (fs.FS, string) {
		m := fs.NewMem()
		if err := m.MkdirAll("/data"); err != nil {
			panic(err)
		}
		return m, "/data"
	},
	"Faults": func(t *testing.T) (fs.FS, string) {
		return fs.NewFaults(fs.OS{}, func(fs.Call) error { return nil }), t.TempDir()
	},
}

// row is one rule; do works in the directory d.
type row struct {
	name string
	do   func(c *check, fsys fs.FS, d string)
}

var rows = []row{
	{"reads give what was written, zeros in holes, EOF at the end", func(c *check, fsys fs.FS, d string) {
		f, err := fsys.Create(path.Join(d, "a"))
		c.ok(err)
		n, err := f.WriteAt([]byte("hello"), 1000)
		if c.ok(err); n != 5 {
			c.Fatal(n)
		}
		c.size(f, 1005)
		b := make([]byte, 20)
		n, err = f.ReadAt(b, 995)
		if n != 10 || !errors.Is(err, io.EOF) || string(b[:n]) != "\x00\x00\x00\x00\x00hello" {
			c.Fatalf("%d %v %q", n, err, b)
		}
		n, err = f.ReadAt(b[:5], 1000)
		if n != 5 || err != nil {
			c.Fatalf("%d %v", n, err)
		}
		n, err = f.ReadAt(b, 1005)
		if n != 0 || !errors.Is(err, io.EOF) {
			c.Fatalf("%d %v", n, err)
		}
		n, err = f.ReadAt(nil, 5000)
		if n != 0 || err != nil {
			c.Fatalf("%d %v", n, err)
		}
		n, err = f.WriteAt(nil, 5000)
		if n != 0 || err != nil {
			c.Fatalf("%d %v", n, err)
		}
		c.size(f, 1005)
		if _, err = f.ReadAt(b, -1); err == nil {
			c.Fatal("read before the start")
		}
		if _, err = f.WriteAt(b, -1); err == nil {
			c.Fatal("written before the start")
		}
		c.ok(f.Close())
	}},
	{"writes over each other, at odd places, are kept", func(c *check, fsys fs.FS, d string) {
		f, err := fsys.Create(path.Join(d, "a"))
		c.ok(err)
		want := make([]byte, 9000)
		for i, w := range [][2]int{{0, 9000}, {511, 2}, {512, 512}, {4095, 4097}, {1, 1}, {700, 3000}, {8999, 1}} {
			p := bytes.Repeat([]byte{byte(i + 1)}, w[1])
			copy(want[w[0]:], p)
			_, err := f.WriteAt(p, int64(w[0]))
			c.ok(err)
			clear(p) // the caller's again
		}
		c.ok(f.Sync())
		c.ok(f.Close())
		c.has(fsys, path.Join(d, "a"), string(want))
	}},
	{"Create empties, Open refuses writes, OpenRW wants it there", func(c *check, fsys fs.FS, d string) {
		name := path.Join(d, "a")
		for _, open := range []func(string) (fs.File, error){fsys.Open, fsys.OpenRW} {
			_, err := open(name)
			c.is(err, iofs.ErrNotExist)
		}
		c.put(fsys, name, "old content")
		f, err := fsys.OpenRW(name)
		c.ok(err)
		_, err = f.WriteAt([]byte("new"), 0)
		c.ok(err)
		c.ok(f.Close())
		c.has(fsys, name, "new content")
		f, err = fsys.Open(name)
		c.ok(err)
		_, err = f.WriteAt([]byte("x"), 0)
		c.is(err, unix.EBADF)
		c.is(f.Truncate(0), unix.EINVAL)
		c.is(f.Allocate(100), unix.EBADF)
		c.ok(f.Sync())
		c.ok(f.Close())
		c.has(fsys, name, "new content")
		f, err = fsys.Create(name)
		c.ok(err)
		c.size(f, 0)
		c.ok(f.Close())
		_, err = fsys.Create(path.Join(d, "none", "a"))
		c.is(err, iofs.ErrNotExist)
		_, err = fsys.Create(path.Join(name, "a"))
		c.is(err, unix.ENOTDIR)
	}},
	{"after Close everything is ErrClosed", func(c *check, fsys fs.FS, d string) {
		f, err := fsys.Create(path.Join(d, "a"))
		c.ok(err)
		c.ok(f.Close())
		_, err = f.ReadAt(make([]byte, 1), 0)
		c.is(err, iofs.ErrClosed)
		_, err = f.WriteAt(make([]byte, 1), 0)
		c.is(err, iofs.ErrClosed)
		_, err = f.Size()
		c.is(err, iofs.ErrClosed)
		c.is(f.Sync(), iofs.ErrClosed)
		c.is(f.Truncate(1), iofs.ErrClosed)
		c.is(f.Allocate(1), iofs.ErrClosed)
		c.is(f.Close(), iofs.ErrClosed)
	}},
	{"Truncate cuts, and what is gained again reads as zeros", func(c *check, fsys fs.FS, d string) {
		name := path.Join(d, "a")
		f, err := fsys.Create(name)
		c.ok(err)
		_, err = f.WriteAt(bytes.Repeat([]byte("x"), 3000), 0)
		c.ok(err)
		c.ok(f.Truncate(700))
		c.size(f, 700)
		c.ok(f.Truncate(2000))
		c.size(f, 2000)
		c.is(f.Truncate(-1), unix.EINVAL)
		c.ok(f.Close())
		c.has(fsys, name, string(bytes.Repeat([]byte("x"), 700))+string(make([]byte, 1300)))
	}},
	{"Allocate grows with zeros and never shrinks", func(c *check, fsys fs.FS, d string) {
		name := path.Join(d, "a")
		f, err := fsys.Create(name)
		c.ok(err)
		_, err = f.WriteAt([]byte("head"), 0)
		c.ok(err)
		c.ok(f.Allocate(600_001))
		c.size(f, 600_001)
		c.ok(f.Allocate(10))
		c.ok(f.Allocate(0))
		c.size(f, 600_001)
		c.is(f.Allocate(-1), unix.EINVAL)
		c.ok(f.Close())
		c.has(fsys, name, "head"+string(make([]byte, 600_001-4)))
	}},
	{"Rename replaces a file, and open files go with it", func(c *check, fsys fs.FS, d string) {
		a, b := path.Join(d, "a"), path.Join(d, "b")
		c.is(fsys.Rename(a, b), iofs.ErrNotExist)
		c.put(fsys, a, "A")
		c.put(fsys, b, "B")
		fa, err := fsys.OpenRW(a)
		c.ok(err)
		fb, err := fsys.OpenRW(b)
		c.ok(err)
		c.ok(fsys.Rename(a, b))
		c.ok(fsys.SyncDir(d))
		c.has(fsys, b, "A")
		c.list(fsys, d, "b")
		_, err = fa.WriteAt([]byte("a2"), 0)
		c.ok(err)
		_, err = fb.WriteAt([]byte("nobody"), 0)
		c.ok(err)
		c.size(fb, 6)
		c.ok(fa.Close())
		c.ok(fb.Close())
		c.has(fsys, b, "a2")
		c.ok(fsys.Rename(b, b))
		c.has(fsys, b, "a2")
		c.is(fsys.Rename(b, path.Join(d, "none", "b")), iofs.ErrNotExist)
	}},
	{"Rename of directories, and onto them", func(c *check, fsys fs.FS, d string) {
		p, q, f := path.Join(d, "p"), path.Join(d, "q"), path.Join(d, "f")
		c.ok(fsys.MkdirAll(p))
		c.put(fsys, path.Join(p, "x"), "X")
		c.put(fsys, f, "F")
		c.is(fsys.Rename(f, p), iofs.ErrExist)
		c.is(fsys.Rename(p, f), unix.ENOTDIR)
		c.is(fsys.Rename(p, path.Join(p, "in")), unix.EINVAL)
		c.ok(fsys.Rename(p, q))
		c.has(fsys, path.Join(q, "x"), "X")
		c.ok(fsys.Rename(f, path.Join(q, "f")))
		c.list(fsys, q, "f", "x")
		c.list(fsys, d, "q")
		c.ok(fsys.SyncDir(q))
		c.ok(fsys.MkdirAll(p))
		c.is(fsys.Rename(q, p), iofs.ErrExist)
		c.ok(fsys.Rename(q, path.Join(p, "q")))
		c.is(fsys.Rename(p, path.Join(p, "q", "in")), unix.EINVAL)
		c.ok(fsys.Rename(path.Join(p, "q"), q))
		c.ok(fsys.Rename(p, path.Join(q, "p")))
	}},
	{"Remove takes files and empty directories; an open file lives on", func(c *check, fsys fs.FS, d string) {
		name, sub := path.Join(d, "a"), path.Join(d, "sub")
		c.is(fsys.Remove(name), iofs.ErrNotExist)
		c.put(fsys, name, "A")
		f, err := fsys.Open(name)
		c.ok(err)
		c.ok(fsys.Remove(name))
		b := make([]byte, 1)
		_, err = f.ReadAt(b, 0)
		c.ok(err)
		c.ok(f.Close())
		_, err = fsys.Open(name)
		c.is(err, iofs.ErrNotExist)
		c.ok(fsys.MkdirAll(path.Join(sub, "deep")))
		c.is(fsys.Remove(sub), unix.ENOTEMPTY)
		c.ok(fsys.Remove(path.Join(sub, "deep")))
		c.ok(fsys.Remove(sub))
		c.list(fsys, d)
	}},
	{"RemoveAll takes a tree, a file, or nothing", func(c *check, fsys fs.FS, d string) {
		sub := path.Join(d, "sub")
		c.ok(fsys.MkdirAll(path.Join(sub, "x", "y")))
		c.put(fsys, path.Join(sub, "x", "y", "f"), "F")
		c.put(fsys, path.Join(sub, "g"), "G")
		c.ok(fsys.RemoveAll(sub))
		c.list(fsys, d)
		c.ok(fsys.RemoveAll(sub))
		c.put(fsys, sub, "a file")
		c.ok(fsys.RemoveAll(sub))
		c.list(fsys, d)
	}},
	{"directories: MkdirAll, List, SyncDir", func(c *check, fsys fs.FS, d string) {
		x := path.Join(d, "x")
		_, err := fsys.List(x)
		c.is(err, iofs.ErrNotExist)
		c.is(fsys.SyncDir(x), iofs.ErrNotExist)
		c.ok(fsys.MkdirAll(path.Join(x, "y")))
		c.ok(fsys.MkdirAll(path.Join(x, "y")))
		for _, n := range []string{"c", "a", "b"} {
			c.put(fsys, path.Join(x, n), n)
		}
		c.list(fsys, x, "a", "b", "c", "y")
		c.ok(fsys.SyncDir(x))
		_, err = fsys.List(path.Join(x, "a"))
		c.is(err, unix.ENOTDIR)
		c.is(fsys.SyncDir(path.Join(x, "a")), unix.ENOTDIR)
		c.is(fsys.MkdirAll(path.Join(x, "a")), unix.ENOTDIR)
		c.is(fsys.MkdirAll(path.Join(x, "a", "z")), unix.ENOTDIR)
	}},
	{"a directory is no file", func(c *check, fsys fs.FS, d string) {
		for _, open := range []func(string) (fs.File, error){fsys.Create, fsys.Open, fsys.OpenRW} {
			_, err := open(d)
			c.is(err, unix.EISDIR)
		}
		_, err := fsys.Size(d)
		c.is(err, unix.EISDIR)
		_, err = fsys.Size(path.Join(d, "none"))
		c.is(err, iofs.ErrNotExist)
		c.put(fsys, path.Join(d, "a"), "four")
		if n, err := fsys.Size(path.Join(d, "a")); n != 4 || err != nil {
			c.Fatal(n, err)
		}
	}},
	{"Publish makes and replaces, and leaves nothing behind", func(c *check, fsys fs.FS, d string) {
		name := path.Join(d, "witness")
		for _, text := range []string{"one", "a longer one", ""} {
			c.ok(fs.Publish(fsys, name, []byte(text)))
			c.has(fsys, name, text)
			c.list(fsys, d, "witness")
		}
		c.is(fs.Publish(fsys, path.Join(d, "none", "w"), nil), iofs.ErrNotExist)
		c.ok(fsys.MkdirAll(path.Join(d, "dir")))
		c.is(fs.Publish(fsys, path.Join(d, "dir"), nil), iofs.ErrExist)
		c.list(fsys, d, "dir", "witness")
	}},
}

// TestD7FileSystemsBehaveAlike runs every rule on every file system.
func TestD7FileSystemsBehaveAlike(t *testing.T) {
	for kind, make := range kinds {
		for _, r := range rows {
			t.Run(kind+"/"+r.name, func(t *testing.T) {
				fsys, dir := make(t)
				r.do(&check{t}, fsys, dir)
			})
		}
	}
}

func TestIsTempKnowsWhatPublishLeaves(t *testing.T) {
	for name, want := range map[string]bool{"witness.tmp~": true, "d/witness.tmp~": true, "witness": false, "a.tmp": false, "": false} {
		if fs.IsTemp(name) != want {
			t.Errorf("IsTemp(%q) is %v", name, !want)
		}
	}
}

package fs_test

import (
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/franken-node/fnode-supervisor/store/fs"
)

// check fails with the rule's name.
type check struct{ *testing.T }

func (c *check) ok(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *check) is(err, want error) {
	c.Helper()
	if !errors.Is(err, want) {
		c.Fatalf("the error is %v, want %v", err, want)
	}
}

func (c *check) size(f interface{ Size() (int64, error) }, want int64) {
	c.Helper()
	if n, err := f.Size(); err != nil || n != want {
		c.Fatalf("size %d, %v; want %d", n, err, want)
	}
}

func (c *check) put(fsys fs.FS, name, text string) {
	c.Helper()
	f, err := fsys.Create(name)
	c.ok(err)
	_, err = f.WriteAt([]byte(text), 0)
	c.ok(err)
	c.ok(f.Sync())
	c.ok(f.Close())
}

func (c *check) has(fsys fs.FS, name, want string) {
	c.Helper()
	if got := content(c.T, fsys, name); string(got) != want {
		c.Fatalf("%s holds %q, want %q", name, got, want)
	}
}

func (c *check) list(fsys fs.FS, dir string, want ...string) {
	c.Helper()
	if got, err := fsys.List(dir); err != nil || !slices.Equal(got, want) {
		c.Fatalf("%s lists %q, %v; want %q", dir, got, err, want)
	}
}

// content reads a whole file.
func content(t testing.TB, fsys fs.FS, name string) []byte {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

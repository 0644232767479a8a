package fs_test

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/store/fs"
)

// started is a machine with a directory and an old witness that last, and the count of changes so far.
func started(t *testing.T) (*fs.Mem, int) {
	t.Helper()
	c, m := &check{t}, fs.NewMem()
	c.ok(m.MkdirAll("data"))
	c.ok(m.SyncDir("/"))
	c.ok(fs.Publish(m, "data/witness", []byte("old")))
	return m, m.Ops()
}

var fresh = strings.Repeat("new and longer than a sector ", 40)

// publishAt publishes with a crash at every change and phase; it gives what breaks the promise of Publish.
func publishAt(t *testing.T, publish func(fsys fs.FS, name string, data []byte) error) error {
	m, start := started(t)
	if err := publish(m, "data/witness", []byte(fresh)); err != nil {
		t.Fatal(err)
	}
	end := m.Ops()
	for n := start + 1; n <= end+1; n++ {
		for _, phase := range phases {
			m, _ := started(t)
			m.StopAt(n, phase)
			err := publish(m, "data/witness", []byte(fresh))
			if (err == nil) != (n > end) || err != nil && !errors.Is(err, fs.ErrCrashed) {
				t.Fatalf("change %d of %d: %v", n, end, err)
			}
			for _, seed := range seeds {
				if bad := published(t, m.Crash(seed), err == nil); bad != nil {
					return fmt.Errorf("crash at change %d, phase %d, seed %d: %w", n, phase, seed, bad)
				}
			}
		}
	}
	return nil
}

// published looks at a machine after a crash in a Publish.
func published(t *testing.T, m *fs.Mem, done bool) error {
	names, err := m.List("data")
	if err != nil {
		return err
	}
	for _, name := range names {
		if name != "witness" && !fs.IsTemp(name) {
			return fmt.Errorf("%q is left behind", name)
		}
	}
	if !slices.Contains(names, "witness") {
		return errors.New("the witness is gone")
	}
	if got := string(content(t, m, "data/witness")); got != fresh && (done || got != "old") {
		return fmt.Errorf("the witness holds %q", got)
	}
	if err := fs.Publish(m, "data/witness", []byte("next")); err != nil {
		return err
	}
	if names, _ := m.List("data"); len(names) != 1 {
		return fmt.Errorf("the next Publish leaves %q", names)
	}
	return nil
}

// TestD7PublishIsOldOrNewAtEveryCrash: never a mixture, and new for ever once it has returned.
func TestD7PublishIsOldOrNewAtEveryCrash(t *testing.T) {
	if err := publishAt(t, fs.Publish); err != nil {
		t.Error(err)
	}
}

// hush leaves steps out.
type hush struct {
	fs.FS
	sync, syncDir bool
}

type hushFile struct{ fs.File }

func (hushFile) Sync() error { return nil }

func (h hush) Create(name string) (fs.File, error) {
	f, err := h.FS.Create(name)
	if h.sync && err == nil {
		f = hushFile{f}
	}
	return f, err
}

func (h hush) SyncDir(dir string) error {
	if h.syncDir {
		return nil
	}
	return h.FS.SyncDir(dir)
}

// TestAPublishThatLeavesAStepOutIsNoticed: the crash points see what each step is for.
func TestAPublishThatLeavesAStepOutIsNoticed(t *testing.T) {
	for name, publish := range map[string]func(fs.FS, string, []byte) error{
		"no sync of the file":      func(f fs.FS, n string, b []byte) error { return fs.Publish(hush{FS: f, sync: true}, n, b) },
		"no sync of the directory": func(f fs.FS, n string, b []byte) error { return fs.Publish(hush{FS: f, syncDir: true}, n, b) },
		"written in place": func(f fs.FS, n string, b []byte) error {
			g, err := f.Create(n)
			if err != nil {
				return err
			}
			_, err = g.WriteAt(b, 0)
			return errors.Join(err, g.Sync())
		},
		"removed before the rename": func(f fs.FS, n string, b []byte) error {
			return errors.Join(f.Remove(n), f.SyncDir(path.Dir(n)), fs.Publish(f, n, b))
		},
	} {
		if err := publishAt(t, publish); err == nil {
			t.Errorf("%s: nobody notices", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

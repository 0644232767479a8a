package fs_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/franken-node/fnode-supervisor/store/fs"
)

var (
	phases = []fs.Phase{fs.Before, fs.Torn, fs.After}
	seeds  = append([]uint64{fs.LoseAll, fs.KeepAll}, slices.Collect(func(yield func(uint64) bool) {
		for s := uint64(1); s <= 40 && yield(s); s++ {
		}
	})...)
)

// segment appends frames to a segment with room, as the committer will; done counts those that were acknowledged.
func segment(m fs.FS, done *int) error {
	if err := m.MkdirAll("data"); err != nil {
		return err
	}
	f, err := m.Create("data/1")
	if err != nil {
		return err
	}
	for _, err := range []error{f.Allocate(64 << 10), f.Sync(), m.SyncDir("data"), m.SyncDir("/")} {
		if err != nil {
			return err
		}
	}
	for i := range 5 {
		if _, err := f.WriteAt(frame(i), int64(i)*700); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		*done++
	}
	return f.Close()
}

func frame(i int) []byte { return bytes.Repeat([]byte{byte(i + 1)}, 700) }

// TestD7EveryCrashPointStopsTheMachine: what was acknowledged is found at every one, and every later call is refused.
func TestD7EveryCrashPointStopsTheMachine(t *testing.T) {
	var m *fs.Mem
	var none int
	m = fs.NewMem()
	if err := segment(m, &none); err != nil {
		t.Fatal(err)
	}
	ops := m.Ops()
	if want := 2 + 2 + 2 + 5*2; ops != want { // mkdir create, allocate sync, syncdir twice, frames
		t.Fatalf("%d changes, want %d", ops, want)
	}
	for n := 1; n <= ops; n++ {
		for _, phase := range phases {
			m, done := fs.NewMem(), 0
			m.StopAt(n, phase)
			if err := segment(m, &done); !errors.Is(err, fs.ErrCrashed) || m.Ops() != n {
				t.Fatalf("change %d: %v, %d changes", n, err, m.Ops())
			}
			dead(t, m)
			for _, seed := range seeds {
				acknowledged(t, m.Crash(seed), done, fmt.Sprintf("change %d, phase %d, seed %d", n, phase, seed))
			}
		}
	}
}

func acknowledged(t *testing.T, m *fs.Mem, done int, where string) {
	t.Helper()
	if done == 0 {
		return
	}
	got := content(t, m, "data/1")
	for i := range done {
		if !bytes.Equal(got[i*700:][:700], frame(i)) {
			t.Fatalf("%s: frame %d was acknowledged and is lost", where, i)
		}
	}
	if m.Ops() != 0 {
		t.Fatalf("%s: the count goes on after the crash", where)
	}
}

// dead tries every call on a machine that has stopped.
func dead(t *testing.T, m *fs.Mem) {
	t.Helper()
	_, create := m.Create("x")
	_, open := m.Open("data/1")
	_, list := m.List("/")
	_, size := m.Size("data/1")
	for i, err := range []error{
		create, open, list, size, m.Rename("a", "b"), m.Remove("a"), m.RemoveAll("data"), m.MkdirAll("y"), m.SyncDir("/"),
	} {
		if !errors.Is(err, fs.ErrCrashed) {
			t.Fatalf("call %d on a machine that has crashed: %v", i, err)
		}
	}
}

// TestD7OpenFilesDieWithTheMachine: their reads too.
func TestD7OpenFilesDieWithTheMachine(t *testing.T) {
	c, m := &check{t}, fs.NewMem()
	f, err := m.Create("a")
	c.ok(err)
	m.StopAt(m.Ops()+1, fs.Before)
	c.is(m.SyncDir("/"), fs.ErrCrashed)
	b := make([]byte, 1)
	_, err = f.WriteAt(b, 0)
	c.is(err, fs.ErrCrashed)
	_, err = f.WriteAt(nil, 0)
	c.is(err, fs.ErrCrashed)
	_, err = f.ReadAt(b, 0)
	c.is(err, fs.ErrCrashed)
	_, err = f.Size()
	c.is(err, fs.ErrCrashed)
	for _, err := range []error{f.Sync(), f.Truncate(0), f.Allocate(1), f.Close()} {
		c.is(err, fs.ErrCrashed)
	}
}

// TestD7PhasesSayHowMuchWasDone: with the two extremes.
func TestD7PhasesSayHowMuchWasDone(t *testing.T) {
	whole, half := strings.Repeat("n", 1000), strings.Repeat("n", 500)
	for _, r := range []struct {
		name       string
		do         func(m *fs.Mem, f fs.File) error
		phase      fs.Phase
		lose, keep string
	}{
		{"write", func(_ *fs.Mem, f fs.File) error { return put(f, whole) }, fs.Before, "", ""},
		{"write", func(_ *fs.Mem, f fs.File) error { return put(f, whole) }, fs.Torn, "", half},
		{"write", func(_ *fs.Mem, f fs.File) error { return put(f, whole) }, fs.After, "", whole},
		{"one byte", func(_ *fs.Mem, f fs.File) error { return put(f, "n") }, fs.Torn, "", ""},
		{"allocate", func(_ *fs.Mem, f fs.File) error { return f.Allocate(40) }, fs.Before, "", ""},
		{"allocate", func(_ *fs.Mem, f fs.File) error { return f.Allocate(40) }, fs.Torn, "", string(make([]byte, 20))},
		{"allocate", func(_ *fs.Mem, f fs.File) error { return f.Allocate(40) }, fs.After, "", string(make([]byte, 40))},
		{"truncate", func(_ *fs.Mem, f fs.File) error { return f.Truncate(40) }, fs.Torn, "", string(make([]byte, 20))},
		{"sync", synced, fs.Before, "", whole},
		{"sync", synced, fs.Torn, "", whole},
		{"sync", synced, fs.After, whole, whole},
		{"rename", renamed, fs.Before, "", ""},
		{"rename", renamed, fs.Torn, "", "B"},
		{"rename", renamed, fs.After, "", "B"},
		{"syncdir", dirSynced, fs.Before, "", "B"},
		{"syncdir", dirSynced, fs.Torn, "", "B"},
		{"syncdir", dirSynced, fs.After, "B", "B"},
	} {
		t.Run(fmt.Sprintf("%s/%d", r.name, r.phase), func(t *testing.T) {
			c, m := &check{t}, fs.NewMem()
			c.put(m, "a", "")
			c.put(m, "b", "B")
			c.ok(m.SyncDir("/"))
			f, err := m.OpenRW("a")
			c.ok(err)
			before := 0
			switch r.name {
			case "sync", "syncdir":
				before = 1
			}
			m.StopAt(m.Ops()+before+1, r.phase)
			c.is(r.do(m, f), fs.ErrCrashed)
			c.has(m.Crash(fs.LoseAll), "a", r.lose)
			c.has(m.Crash(fs.KeepAll), "a", r.keep)
		})
	}
}

func put(f fs.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

func synced(_ *fs.Mem, f fs.File) error {
	return errors.Join(put(f, strings.Repeat("n", 1000)), f.Sync())
}

func renamed(m *fs.Mem, _ fs.File) error { return m.Rename("b", "a") }

func dirSynced(m *fs.Mem, f fs.File) error { return errors.Join(renamed(m, f), m.SyncDir("/")) }

// TestWhatACrashCutOffDoesNotComeBack: bytes behind the size that was found are zeros when the file grows over them.
func TestWhatACrashCutOffDoesNotComeBack(t *testing.T) {
	for seed := range uint64(200) {
		c, m := &check{t}, fs.NewMem()
		c.put(m, "a", strings.Repeat("1", 100))
		c.ok(m.SyncDir("/"))
		f, err := m.OpenRW("a")
		c.ok(err)
		c.ok(put(f, strings.Repeat("2", 300)))
		m = m.Crash(seed)
		size, err := m.Size("a")
		c.ok(err)
		f, err = m.OpenRW("a")
		c.ok(err)
		c.ok(f.Truncate(400))
		if got := content(t, m, "a")[size:]; !bytes.Equal(got, make([]byte, len(got))) {
			t.Fatalf("seed %d: behind %d there is %q", seed, size, got)
		}
	}
}

// TestACrashSharesNothing: what is done to the machine found, or to the old one, is not seen in the other; the same seed
// finds the same.
func TestACrashSharesNothing(t *testing.T) {
	c, m := &check{t}, fs.NewMem()
	c.put(m, "a", strings.Repeat("1", 5000))
	c.ok(m.SyncDir("/"))
	f, err := m.OpenRW("a")
	c.ok(err)
	c.ok(put(f, strings.Repeat("2", 3000)))
	found := m.Crash(7)
	want := string(content(t, found, "a"))
	c.ok(put(f, strings.Repeat("3", 6000)))
	c.ok(f.Sync())
	c.has(found, "a", want)
	g, err := found.OpenRW("a")
	c.ok(err)
	c.ok(put(g, "mine"))
	c.ok(found.Remove("a"))
	c.has(m, "a", strings.Repeat("3", 6000))
	c.ok(put(f, strings.Repeat("4", 9000)))
	for seed := range uint64(20) {
		if a, b := content(t, m.Crash(seed), "a"), content(t, m.Crash(seed), "a"); !bytes.Equal(a, b) {
			t.Fatalf("seed %d finds two states", seed)
		}
	}
}

// TestMemIsSafeForConcurrentUse is for -race: writers, names, and crashes at once; at the end each file is whole.
func TestMemIsSafeForConcurrentUse(t *testing.T) {
	m := fs.NewMem()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() { // owner: this test; ends: its work is done
			name := fmt.Sprintf("f%d", i)
			for n := range 20 {
				if err := fs.Publish(m, name, bytes.Repeat([]byte{byte(n)}, 3000)); err != nil {
					t.Error(err)
				}
				if _, err := m.List("/"); err != nil {
					t.Error(err)
				}
				if got, err := m.Crash(uint64(n)).Size(name); err != nil || got != 3000 {
					t.Errorf("%s was published and is %d, %v", name, got, err)
				}
			}
		})
	}
	all.Wait()
	for i := range 4 {
		if got := content(t, m, fmt.Sprintf("f%d", i)); !bytes.Equal(got, bytes.Repeat([]byte{19}, 3000)) {
			t.Errorf("f%d is not whole", i)
		}
	}
}

// TestMemEndsAtItsBound: nobody makes the machine of the test run out of memory by a wrong offset.
func TestMemEndsAtItsBound(t *testing.T) {
	c, m := &check{t}, fs.NewMem()
	f, err := m.Create("a")
	c.ok(err)
	_, err = f.WriteAt([]byte("x"), 1<<62)
	c.is(err, unix.EFBIG)
	c.is(f.Truncate(1<<40), unix.EFBIG)
	c.is(f.Allocate(1<<40), unix.EFBIG)
	c.size(f, 0)
	if m.Ops() != 1 {
		t.Errorf("%d changes were counted, want 1: refused ones do not count", m.Ops())
	}
}

// BenchmarkCrash is a machine with a segment of 4 MiB: made, 64 frames of 4 KiB appended with a sync each, crashed.
func BenchmarkCrash(b *testing.B) {
	b.ReportAllocs()
	p := make([]byte, 4096)
	for seed := range b.N {
		m := fs.NewMem()
		f, err := m.Create("a")
		if err != nil {
			b.Fatal(err)
		}
		if err := f.Allocate(4 << 20); err != nil {
			b.Fatal(err)
		}
		for i := range int64(64) {
			if _, err := f.WriteAt(p, i*4096); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
		m.Crash(uint64(seed))
	}
}

// BenchmarkCrashFull crashes a machine with 4 files of 4 MiB, all written, one sector of each not synced.
func BenchmarkCrashFull(b *testing.B) {
	b.ReportAllocs()
	m := fs.NewMem()
	for i := range 4 {
		f, err := m.Create(fmt.Sprint(i))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.WriteAt(make([]byte, 4<<20), 0); err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(f.Sync(), m.SyncDir("/"), put(f, "x")); err != nil {
			b.Fatal(err)
		}
	}
	for seed := range b.N {
		m.Crash(uint64(seed))
	}
}

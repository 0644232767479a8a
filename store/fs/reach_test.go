package fs

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// TestD7CrashesReachEveryState: what the rules allow is found by some seed. Keeping everything would pass the model.
func TestD7CrashesReachEveryState(t *testing.T) {
	if err := reach(func(m *Mem) machine { return m }); err != nil {
		t.Error(err)
	}
}

// reach looks for every state of small scenarios.
func reach(wrap func(*Mem) machine) error {
	scenarios := []struct {
		name string
		do   func(m machine, f File) error
		see  func(m *Mem) string
		want int
	}{
		{"two sectors, each old, new or newest", func(_ machine, f File) error {
			return firstError(write(f, string(bytes.Repeat([]byte("1"), 1024)), 0), f.Sync(),
				write(f, string(bytes.Repeat([]byte("2"), 1024)), 0), write(f, string(bytes.Repeat([]byte("3"), 1024)), 0))
		}, func(m *Mem) string { b, _ := whole(m, "a"); return fmt.Sprintf("%.1q %.1q", b, b[min(len(b), 512):]) }, 9},
		{"sizes: old, at each sector on the way, new", func(_ machine, f File) error {
			return firstError(f.Truncate(100), f.Sync(), f.Allocate(2000))
		}, func(m *Mem) string { n, _ := m.Size("a"); return fmt.Sprint(n) }, 5},
		{"a shorter size, and a longer one behind it", func(_ machine, f File) error {
			return firstError(f.Truncate(100), f.Sync(), f.Truncate(50), f.Truncate(300))
		}, func(m *Mem) string { n, _ := m.Size("a"); return fmt.Sprint(n) }, 3},
		{"after a failed sync and one that succeeds, old or new", func(_ machine, f File) error {
			err := firstError(write(f, "1", 0), f.Sync(), write(f, "2", 0))
			f.(interface{ failSync() }).failSync()
			return firstError(err, f.Sync())
		}, func(m *Mem) string { b, _ := whole(m, "a"); return fmt.Sprintf("%q", b) }, 2},
		{"names: each change or not", func(m machine, f File) error {
			_, err := m.Create("c")
			return firstError(err, m.Rename("a", "d"), m.Remove("b"))
		}, func(m *Mem) string { l, _ := m.List("/"); return fmt.Sprint(l) }, 8},
		{"a new file that was synced, in a directory that was not", func(m machine, _ File) error {
			f, err := m.Create("c")
			if err != nil {
				return err
			}
			return firstError(write(f, "new", 0), f.Sync())
		}, func(m *Mem) string { n, err := m.Size("c"); return fmt.Sprint(n, err) }, 2},
		{"a name that lasts before its content does", func(m machine, f File) error {
			return firstError(write(f, "new", 0), m.Rename("a", "b"))
		}, func(m *Mem) string {
			n, err := m.Size("b")
			_, gone := m.Size("a")
			return fmt.Sprint(n, err, gone != nil)
		}, 3},
		{"a new directory that was synced, in one that was not", func(m machine, _ File) error {
			err := m.MkdirAll("x")
			_, err2 := m.Create("x/f")
			return firstError(err, err2, m.SyncDir("x"))
		}, func(m *Mem) string { l, err := m.List("x"); return fmt.Sprint(l, err != nil) }, 2},
		{"a new directory and a name in it", func(m machine, _ File) error {
			err := m.MkdirAll("x")
			_, err2 := m.Create("x/f")
			return firstError(err, err2)
		}, func(m *Mem) string { l, err := m.List("x"); return fmt.Sprint(l, err != nil) }, 3},
	}
	for _, s := range scenarios {
		m := wrap(withFiles())
		f, err := m.OpenRW("a")
		if err == nil {
			err = s.do(m, f)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		seen := map[string]int{}
		for seed := range uint64(2000) {
			seen[s.see(m.crash(seed))]++
		}
		if len(seen) != s.want {
			return fmt.Errorf("%s: %d states, want %d: %q", s.name, len(seen), s.want, slices.Sorted(maps.Keys(seen)))
		}
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

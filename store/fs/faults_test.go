package fs_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/franken-node/fnode-supervisor/store/fs"
)

// failing gives err at the nth call of a kind.
func failing(op fs.Op, n int, err error) func(fs.Call) error {
	return func(c fs.Call) error {
		if c.Op == op && c.Count == n {
			return err
		}
		return nil
	}
}

// TestD7EachCallFailsAsToldAndOnlyThen: by kind and count, and what is underneath is not touched.
func TestD7EachCallFailsAsToldAndOnlyThen(t *testing.T) {
	var f fs.File
	calls := []struct {
		op fs.Op
		do func(fsys fs.FS) error
	}{
		{fs.OpMkdir, func(s fs.FS) error { return s.MkdirAll("d") }},
		{fs.OpCreate, func(s fs.FS) (err error) { f, err = s.Create("d/a"); return err }},
		{fs.OpWrite, func(fs.FS) error { return put(f, "text") }},
		{fs.OpRead, func(fs.FS) error { _, err := f.ReadAt(make([]byte, 4), 0); return err }},
		{fs.OpAllocate, func(fs.FS) error { return f.Allocate(10) }},
		{fs.OpTruncate, func(fs.FS) error { return f.Truncate(4) }},
		{fs.OpSize, func(fs.FS) error { _, err := f.Size(); return err }},
		{fs.OpSync, func(fs.FS) error { return f.Sync() }},
		{fs.OpClose, func(fs.FS) error { return f.Close() }},
		{fs.OpOpen, func(s fs.FS) error { g, err := s.Open("d/a"); return closed(g, err) }},
		{fs.OpRename, func(s fs.FS) error { return s.Rename("d/a", "d/b") }},
		{fs.OpSyncDir, func(s fs.FS) error { return s.SyncDir("d") }},
		{fs.OpList, func(s fs.FS) error { _, err := s.List("d"); return err }},
		{fs.OpRemove, func(s fs.FS) error { return s.RemoveAll("d") }},
	}
	for _, want := range calls {
		m := fs.NewMem()
		s := fs.NewFaults(m, failing(want.op, 1, unix.EIO))
		for _, c := range calls {
			if c.op == want.op {
				before := m.Ops()
				if err := c.do(s); !errors.Is(err, unix.EIO) || !strings.Contains(err.Error(), string(c.op)) {
					t.Fatalf("%s: %v", c.op, err)
				}
				if m.Ops() != before {
					t.Errorf("%s failed and changed something", c.op)
				}
				if c.op == fs.OpClose { // the file is closed all the same
					continue
				}
			}
			if err := c.do(s); err != nil {
				t.Fatalf("%s fails, then %s: %v", want.op, c.op, err)
			}
		}
	}
}

func closed(f fs.File, err error) error {
	if err != nil {
		return err
	}
	return f.Close()
}

// publishFaults are faults at each step of Publish, and what readers then see.
var publishFaults = []struct {
	name  string
	fault func(fs.Call) error
	want  error
	sees  string
}{
	{"no room for the file", fs.Full, unix.ENOSPC, "old"},
	{"no room for the write", failing(fs.OpWrite, 1, unix.ENOSPC), unix.ENOSPC, "old"},
	{"room for a part of the write", failing(fs.OpWrite, 1, &fs.Short{Bytes: 10, Err: unix.ENOSPC}), unix.ENOSPC, "old"},
	{"the sync fails", failing(fs.OpSync, 1, unix.EIO), unix.EIO, "old"},
	{"the close fails", failing(fs.OpClose, 1, unix.EIO), unix.EIO, "old"},
	{"the rename fails", failing(fs.OpRename, 1, unix.EIO), unix.EIO, "old"},
	{"the sync of the directory fails", failing(fs.OpSyncDir, 1, unix.EIO), unix.EIO, fresh},
}

// TestD7PublishUnderFaults: the old content stays until the rename, and no temporary file. Then it works again, and lasts.
func TestD7PublishUnderFaults(t *testing.T) {
	for kind, make := range kinds {
		for _, r := range publishFaults {
			t.Run(kind+"/"+r.name, func(t *testing.T) {
				inner, d := make(t)
				c, name := &check{t}, d+"/witness"
				c.ok(fs.Publish(inner, name, []byte("old")))
				s := fs.NewFaults(inner, r.fault)
				c.is(fs.Publish(s, name, []byte(fresh)), r.want)
				c.has(inner, name, r.sees)
				c.list(inner, d, "witness")
				s.Set(false)
				c.ok(fs.Publish(s, name, []byte("next")))
				if m, ok := inner.(*fs.Mem); ok {
					c.ok(m.SyncDir("/"))
					c.has(m.Crash(fs.LoseAll), name, "next")
				}
			})
		}
	}
}

// TestD7AFullDiskTakesWhatHasRoom: frames go on within the segment, nothing grows; with room again all does.
func TestD7AFullDiskTakesWhatHasRoom(t *testing.T) {
	c, s := &check{t}, fs.NewFaults(fs.NewMem(), fs.Full)
	s.Set(false)
	f, err := s.Create("a")
	c.ok(err)
	c.ok(f.Allocate(1000))
	s.Set(true)
	_, err = f.WriteAt(make([]byte, 1000), 0)
	c.ok(err)
	_, err = f.WriteAt(make([]byte, 1000), 1)
	c.is(err, unix.ENOSPC)
	c.is(f.Allocate(1001), unix.ENOSPC)
	c.is(f.Truncate(1001), unix.ENOSPC)
	c.ok(f.Truncate(900))
	c.ok(f.Sync())
	_, err = s.Create("b")
	c.is(err, unix.ENOSPC)
	c.is(s.MkdirAll("d"), unix.ENOSPC)
	g, err := s.Create("a") // it is there: emptied
	c.ok(err)
	c.size(g, 0)
	s.Set(false)
	c.ok(f.Allocate(1001))
	c.ok(s.MkdirAll("d"))
	s.Set(true)
	c.ok(s.MkdirAll("d")) // it is there
}

// TestD7AShortWriteWritesItsPart: and no more.
func TestD7AShortWriteWritesItsPart(t *testing.T) {
	for kind, make := range kinds {
		t.Run(kind, func(t *testing.T) {
			inner, d := make(t)
			c, s := &check{t}, fs.NewFaults(inner, failing(fs.OpWrite, 2, &fs.Short{Bytes: 3, Err: unix.ENOSPC}))
			f, err := s.Create(d + "/a")
			c.ok(err)
			c.ok(put(f, "1"))
			n, err := f.WriteAt([]byte("222222"), 1)
			if c.is(err, unix.ENOSPC); n != 3 {
				t.Errorf("%d bytes were written, want 3", n)
			}
			c.has(inner, d+"/a", "1222")
			n, err = f.WriteAt([]byte("3"), 4)
			if c.ok(err); n != 1 {
				t.Error(n)
			}
			c.ok(f.Close())
		})
	}
}

// TestD4ASyncAfterAFailedOneProvesNothing: who tries again would acknowledge what is lost. What is written again lasts.
func TestD4ASyncAfterAFailedOneProvesNothing(t *testing.T) {
	c, m := &check{t}, fs.NewMem()
	c.put(m, "a", strings.Repeat("1", 1024))
	c.ok(m.SyncDir("/"))
	s := fs.NewFaults(m, failing(fs.OpSync, 1, unix.EIO))
	f, err := s.OpenRW("a")
	c.ok(err)
	c.ok(put(f, strings.Repeat("2", 1024)))
	c.is(f.Sync(), unix.EIO)
	c.has(m, "a", strings.Repeat("2", 1024)) // reads see it
	c.ok(f.Sync())
	c.has(m.Crash(fs.LoseAll), "a", strings.Repeat("1", 1024))
	c.has(m.Crash(fs.KeepAll), "a", strings.Repeat("2", 1024))
	c.ok(put(f, strings.Repeat("3", 512)))
	c.ok(f.Sync())
	c.has(m.Crash(fs.LoseAll), "a", strings.Repeat("3", 512)+strings.Repeat("1", 512))
	var found []string
	for seed := range uint64(100) {
		if got := string(content(t, m.Crash(seed), "a")); !slices.Contains(found, got) {
			found = append(found, got)
		}
	}
	if len(found) != 2 {
		t.Errorf("%d states are found, want 2: the second sector is old or new, the first is new", len(found))
	}
}

// TestD4ASyncDirAfterAFailedOneProvesNothing: likewise for names, until one in the directory changes again.
func TestD4ASyncDirAfterAFailedOneProvesNothing(t *testing.T) {
	c, m := &check{t}, fs.NewMem()
	s := fs.NewFaults(m, failing(fs.OpSyncDir, 1, unix.EIO))
	c.put(s, "a", "1")
	c.is(s.SyncDir("/"), unix.EIO)
	c.ok(s.SyncDir("/"))
	c.list(m.Crash(fs.LoseAll), "/")
	c.list(m.Crash(fs.KeepAll), "/", "a")
	c.put(s, "b", "2")
	c.ok(s.SyncDir("/"))
	c.list(m.Crash(fs.LoseAll), "/", "a", "b")
}

package fs

import (
	"fmt"
	"testing"
)

// mutant is a Mem with one rule broken.
type mutant struct {
	*Mem
	onWrite, onSync, onFailSync func(f *memFile) error // in place of the method
	onNames                     func(m *Mem)           // after a change of names
	onSyncDir                   func() error
	onCrash                     func(seed uint64) uint64
}

type mutantFile struct {
	*memFile
	by *mutant
}

func (m *mutant) OpenRW(name string) (File, error) { return m.file(m.Mem.OpenRW(name)) }

func (m *mutant) Create(name string) (File, error) {
	f, err := m.file(m.Mem.Create(name))
	m.named()
	return f, err
}

func (m *mutant) file(f File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return mutantFile{f.(*memFile), m}, nil
}

func (m *mutant) named() {
	if m.onNames != nil && len(m.pending) > 0 {
		m.onNames(m.Mem)
	}
}

func (m *mutant) Rename(from, to string) error {
	before := len(m.pending)
	err := m.Mem.Rename(from, to)
	if len(m.pending) > before {
		m.named()
	}
	return err
}

func (m *mutant) Remove(name string) error {
	err := m.Mem.Remove(name)
	m.named()
	return err
}

func (m *mutant) SyncDir(dir string) error {
	if m.onSyncDir != nil {
		return m.onSyncDir()
	}
	return m.Mem.SyncDir(dir)
}

func (m *mutant) crash(seed uint64) *Mem {
	if m.onCrash != nil {
		seed = m.onCrash(seed)
	}
	return m.Crash(seed)
}

func (f mutantFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.memFile.WriteAt(p, off)
	if err == nil && f.by.onWrite != nil {
		err = f.by.onWrite(f.memFile)
	}
	return n, err
}

func (f mutantFile) Sync() error {
	if f.by.onSync != nil {
		return f.by.onSync(f.memFile)
	}
	return f.memFile.Sync()
}

func (f mutantFile) failSync() {
	if f.by.onFailSync != nil {
		_ = f.by.onFailSync(f.memFile)
		return
	}
	f.memFile.failSync()
}

var mutants = map[string]mutant{
	"Sync does nothing":              {onSync: func(*memFile) error { return nil }},
	"what is not synced is not lost": {onWrite: (*memFile).Sync},
	"a crash keeps all or nothing": {onCrash: func(seed uint64) uint64 {
		if seed%2 == 0 {
			return LoseAll
		}
		return KeepAll
	}},
	"Sync forgets the size": {onSync: func(f *memFile) error {
		size, sizes := f.inode.disk.size, f.inode.sizes
		err := f.Sync()
		f.inode.disk.size, f.inode.sizes = size, sizes
		return err
	}},
	"Sync forgets the last write": {onSync: func(f *memFile) error {
		if n := len(f.inode.log); n > 0 {
			f.inode.log = f.inode.log[:n-1]
		}
		return f.Sync()
	}},
	"a sync after a failed one helps": {onFailSync: func(*memFile) error { return nil }},
	"SyncDir does nothing":            {onSyncDir: func() error { return nil }},
	"names last at once":              {onNames: func(m *Mem) { lastAll(m) }},
	"Sync makes names last": {onSync: func(f *memFile) error {
		lastAll(f.m)
		return f.Sync()
	}},
	"a rename is two steps": {onNames: func(m *Mem) {
		c := m.pending[len(m.pending)-1]
		if len(c.edits) == 2 {
			second := *c
			c.edits, second.edits = c.edits[:1], c.edits[1:]
			m.pending = append(m.pending, &second)
		}
	}},
	"changes of a name in any order": {onNames: func(m *Mem) { m.pending[len(m.pending)-1].needs = nil }},
	"nothing that is renamed is kept": {onNames: func(m *Mem) {
		if c := m.pending[len(m.pending)-1]; len(c.edits) == 2 {
			c.edits = c.edits[:1]
		}
	}},
}

// lastAll makes every name last.
func lastAll(m *Mem) {
	for _, c := range m.pending {
		c.waits = nil
	}
	m.settle(newDir(nil))
}

// TestD7TheModelNoticesBrokenRules: each mutant of Mem is found out by one of the tests above.
func TestD7TheModelNoticesBrokenRules(t *testing.T) {
	for name, mutant := range mutants {
		by, err := notice(func(m *Mem) machine {
			one := mutant
			one.Mem = m
			return &one
		})
		if err == nil {
			t.Errorf("%s: nobody notices", name)
		} else {
			t.Logf("%s: %s: %v", name, by, err)
		}
	}
	if by, err := notice(func(m *Mem) machine { return &mutant{Mem: m} }); err != nil {
		t.Errorf("a mutant that breaks nothing fails: %s: %v", by, err)
	}
}

// notice runs what the tests run, on drawn examples; nil if all is well.
func notice(wrap func(*Mem) machine) (by string, err error) {
	if err := reach(wrap); err != nil {
		return "reach", err
	}
	for i := range 150 {
		seeds := []uint64{uint64(i), LoseAll}
		if err := crashes(wrap, [][]step{drawSteps.Example(i), drawSteps.Example(i + 1000)}, seeds); err != nil {
			return fmt.Sprintf("content, example %d", i), err
		}
		if err := namesCrash(wrap(NewMem()), drawNames.Example(i), []uint64{LoseAll, uint64(i), uint64(i + 1), uint64(i + 2)}); err != nil {
			return fmt.Sprintf("names, example %d", i), err
		}
	}
	return "", nil
}

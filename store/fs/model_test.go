package fs

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// machine is a Mem, or a mutant of one.
type machine interface {
	FS
	crash(seed uint64) *Mem
}

func (m *Mem) crash(seed uint64) *Mem { return m.Crash(seed) }

// step is one operation on the content of a file.
type step struct {
	Kind string
	File int
	Off  int64
	Len  int64
}

// drawSteps draws what is done to files, and the seed of the crash behind it. Places lie near the bounds of sectors.
var drawSteps = rapid.Custom(func(t *rapid.T) (steps []step) {
	place := rapid.Custom(func(t *rapid.T) int64 {
		return rapid.Int64Range(0, 6).Draw(t, "sector")*sectorSize + rapid.SampledFrom([]int64{0, 0, 1, 100, 511}).Draw(t, "in")
	})
	kinds := []string{"write", "write", "write", "truncate", "allocate", "sync", "failsync"}
	for range rapid.IntRange(1, 12).Draw(t, "steps") {
		steps = append(steps, step{
			rapid.SampledFrom(kinds).Draw(t, "kind"), rapid.IntRange(0, 1).Draw(t, "file"), place.Draw(t, "off"), 1 + place.Draw(t, "len"),
		})
	}
	return steps
})

// history is what a crash may find of one file, said without images: each sector's states, and the sizes.
type history struct {
	content []byte
	sectors map[int][][]byte // states that may be found; a sector that is not in it was always zeros
	dirty   map[int]bool     // written since the last sync, failed or not
	sizes   []int64          // the size that lasts, then those since
}

func newHistory(content []byte) *history {
	h := &history{content: content, sectors: map[int][][]byte{}, dirty: map[int]bool{}, sizes: []int64{int64(len(content))}}
	for s := range sectorsOf(int64(len(content))) {
		h.sectors[s] = [][]byte{h.sector(s)}
	}
	return h
}

// sector is a sector of what is seen now, filled up with zeros.
func (h *history) sector(s int) []byte {
	b := make([]byte, sectorSize)
	if s*sectorSize < len(h.content) {
		copy(b, h.content[s*sectorSize:])
	}
	return b
}

// touched takes down the states of the sectors of [off, end) after a change.
func (h *history) touched(off, end int64) {
	for s := int(off / sectorSize); s < sectorsOf(end); s++ {
		if h.sectors[s] == nil {
			h.sectors[s] = [][]byte{make([]byte, sectorSize)}
		}
		h.sectors[s] = append(h.sectors[s], h.sector(s))
		h.dirty[s] = true
	}
}

func (h *history) resize(size int64) {
	old := int64(len(h.content))
	if size < old {
		h.content = h.content[:size:size]
		h.touched(size, old)
	} else {
		h.content = append(h.content, make([]byte, size-old)...)
	}
	h.sizes = append(h.sizes, size)
}

func (h *history) do(s step, fill byte) {
	switch s.Kind {
	case "write":
		if end := s.Off + s.Len; end > int64(len(h.content)) {
			h.resize(end)
		}
		copy(h.content[s.Off:], bytes.Repeat([]byte{fill}, int(s.Len)))
		h.touched(s.Off, s.Off+s.Len)
	case "truncate":
		h.resize(s.Off)
	case "allocate":
		h.resize(max(s.Off, int64(len(h.content))))
	case "sync":
		for s := range h.dirty {
			h.sectors[s] = [][]byte{h.sector(s)}
		}
		h.sizes = []int64{int64(len(h.content))}
		h.dirty = map[int]bool{}
	case "failsync":
		h.dirty = map[int]bool{}
	}
}

// allows says what is wrong with content as found after a crash.
func (h *history) allows(found []byte) error {
	if !h.allowsSize(int64(len(found))) {
		return fmt.Errorf("size %d is none of %d, nor between", len(found), h.sizes)
	}
	for at := 0; at < len(found); at += sectorSize {
		got, states := found[at:min(len(found), at+sectorSize)], h.sectors[at/sectorSize]
		if states == nil {
			states = [][]byte{make([]byte, sectorSize)}
		}
		if !slices.ContainsFunc(states, func(s []byte) bool { return bytes.Equal(s[:len(got)], got) }) {
			return fmt.Errorf("sector %d is none of its %d states", at/sectorSize, len(states))
		}
	}
	return nil
}

func (h *history) allowsSize(size int64) bool {
	for i, to := range h.sizes {
		if size == to || i > 0 && size%sectorSize == 0 && h.sizes[i-1] < size && size < to {
			return true
		}
	}
	return false
}

var modelFiles = [2]string{"a", "b"}

// work does steps on a machine and in the model, crashes it, and compares. It gives what was found.
func work(m machine, steps []step, seed uint64, before [2][]byte) (found [2][]byte, next *Mem, err error) {
	var files [2]File
	var model [2]*history
	for i, name := range modelFiles {
		if files[i], err = m.OpenRW(name); err != nil {
			return found, nil, err
		}
		model[i] = newHistory(before[i])
	}
	for n, s := range steps {
		f, fill := files[s.File], byte(n+1)
		model[s.File].do(s, fill)
		switch s.Kind {
		case "write":
			_, err = f.WriteAt(bytes.Repeat([]byte{fill}, int(s.Len)), s.Off)
		case "truncate":
			err = f.Truncate(s.Off)
		case "allocate":
			err = f.Allocate(s.Off)
		case "sync":
			err = f.Sync()
		case "failsync":
			f.(interface{ failSync() }).failSync()
		}
		if err != nil {
			return found, nil, err
		}
		if now, err := whole(m, modelFiles[s.File]); err != nil || !bytes.Equal(now, model[s.File].content) {
			return found, nil, fmt.Errorf("after step %d (%+v) it reads wrong: %v", n, s, err)
		}
	}
	next = m.crash(seed)
	for i, name := range modelFiles {
		if found[i], err = whole(next, name); err == nil {
			err = model[i].allows(found[i])
		}
		if err == nil && seed == KeepAll && !bytes.Equal(found[i], model[i].content) {
			err = fmt.Errorf("KeepAll lost something")
		}
		if err != nil {
			return found, nil, fmt.Errorf("file %s, seed %d: %w", name, seed, err)
		}
	}
	return found, next, nil
}

func whole(m FS, name string) ([]byte, error) {
	f, err := m.Open(name)
	if err != nil {
		return nil, err
	}
	n, err := f.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return nil, err
	}
	return b, f.Close()
}

// withFiles is a machine on which the model's files last, empty.
func withFiles() *Mem {
	m := NewMem()
	for _, name := range modelFiles {
		if _, err := m.Create(name); err != nil {
			panic(err)
		}
	}
	if err := m.SyncDir("/"); err != nil {
		panic(err)
	}
	return m
}

// crashes does two rounds of steps, each with a crash behind it.
func crashes(wrap func(*Mem) machine, rounds [][]step, seeds []uint64) error {
	m, before := withFiles(), [2][]byte{}
	for i, steps := range rounds {
		var err error
		if before, m, err = work(wrap(m), steps, seeds[i], before); err != nil {
			return fmt.Errorf("round %d: %w", i, err)
		}
	}
	return nil
}

// TestD7ACrashFindsWhatTheRulesAllow: what was synced is there, and every sector and size is one that was.
func TestD7ACrashFindsWhatTheRulesAllow(t *testing.T) {
	seed := rapid.OneOf(rapid.Just(LoseAll), rapid.Just(KeepAll), rapid.Uint64())
	rapid.Check(t, func(t *rapid.T) {
		rounds := rapid.SliceOfN(drawSteps, 2, 2).Draw(t, "rounds")
		if err := crashes(func(m *Mem) machine { return m }, rounds, rapid.SliceOfN(seed, 2, 2).Draw(t, "seeds")); err != nil {
			t.Fatal(err)
		}
	})
}

// TestD7LoseAllFindsWhatLasts: the extreme is exact, but for what a failed sync left unknown.
func TestD7LoseAllFindsWhatLasts(t *testing.T) {
	m := withFiles()
	f, _ := m.OpenRW("a")
	must(t, write(f, "synced", 0), f.Sync(), write(f, "XXXXXXXX", 2), f.Truncate(3))
	if got, _ := whole(m.Crash(LoseAll), "a"); string(got) != "synced" {
		t.Errorf("found %q", got)
	}
	if got, _ := whole(m.Crash(KeepAll), "a"); string(got) != "syX" {
		t.Errorf("found %q", got)
	}
	if got, _ := whole(m, "a"); string(got) != "syX" {
		t.Errorf("Crash changed the machine itself: %q", got)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func write(f File, text string, off int64) error {
	_, err := f.WriteAt([]byte(text), off)
	return err
}

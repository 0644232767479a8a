package fs

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// nameStep is one operation on names.
type nameStep struct{ Kind, From, To string }

// drawNames draws what is done to names. Steps that are not possible are refused and skipped.
var drawNames = rapid.Custom(func(t *rapid.T) (steps []nameStep) {
	name := rapid.SampledFrom([]string{"/a", "/b", "/x", "/y", "/x/a", "/x/b", "/x/y", "/y/a", "/y/x", "/x/y/a"})
	kinds := []string{"create", "create", "create", "rename", "rename", "rename", "rename", "remove", "remove", "mkdir", "mkdir", "sync", "sync", "sync all"}
	for range rapid.IntRange(3, 25).Draw(t, "steps") {
		steps = append(steps, nameStep{rapid.SampledFrom(kinds).Draw(t, "kind"), name.Draw(t, "from"), name.Draw(t, "to")})
	}
	return steps
})

// tree is what files there are: path to content, which names the file; a directory is "dir".
type tree map[string]string

func see(m FS, dir string, into tree) error {
	names, err := m.List(dir)
	if err != nil {
		return err
	}
	for _, base := range names {
		name := path.Join(dir, base)
		if into[name] = "dir"; see(m, name, into) == nil {
			continue
		}
		b, err := whole(m, name)
		if err != nil {
			return err
		}
		into[name] = string(b)
	}
	return nil
}

// nameModel knows what was seen since everything was synced, and for each directory since it was.
type nameModel struct {
	all   []tree
	dirs  map[string][]tree
	moved bool // since all was synced, something left its directory: then a directory's own history does not tell
	made  int
}

func (h *nameModel) saw(now tree) {
	h.all = append(h.all, now)
	for d := range h.dirs {
		h.dirs[d] = append(h.dirs[d], now)
	}
}

func (h *nameModel) synced(dir string) {
	now := h.all[len(h.all)-1]
	h.dirs[dir] = []tree{now}
}

func (h *nameModel) syncedAll() {
	now := h.all[len(h.all)-1]
	h.all, h.moved, h.dirs = []tree{now}, false, map[string][]tree{"/": {now}}
	for name, id := range now {
		if id == "dir" {
			h.synced(name)
		}
	}
}

// do does a step. An error is what is wrong, never that a step was refused.
func (h *nameModel) do(m FS, s nameStep) error {
	now := h.all[len(h.all)-1]
	var refused error
	switch s.Kind {
	case "create":
		if now[s.From] != "" {
			return nil
		}
		f, err := m.Create(s.From)
		if err != nil {
			return nil
		}
		h.made++
		if err := firstError(write(f, strconv.Itoa(h.made), 0), f.Sync()); err != nil {
			return err
		}
	case "rename":
		refused = m.Rename(s.From, s.To)
		h.moved = h.moved || refused == nil && (now[s.From] == "dir" || path.Dir(s.From) != path.Dir(s.To))
	case "remove":
		refused = m.Remove(s.From)
		h.moved = h.moved || refused == nil && now[s.From] == "dir"
	case "mkdir":
		refused = m.MkdirAll(s.From)
	case "sync":
		dir := path.Dir(s.From)
		if refused = m.SyncDir(dir); refused == nil {
			h.synced(dir)
		}
		return nil
	case "sync all":
		for name, id := range now {
			if id == "dir" {
				if err := m.SyncDir(name); err != nil {
					return err
				}
			}
		}
		if err := m.SyncDir("/"); err != nil {
			return err
		}
		h.syncedAll()
		return nil
	}
	if refused == nil {
		next := tree{}
		if err := see(m, "/", next); err != nil {
			return err
		}
		h.saw(next)
	}
	return nil
}

// allows says what is wrong with the names found.
func (h *nameModel) allows(found tree) error {
	places := map[string][]string{}
	for name, id := range found {
		if id != "dir" {
			places[id] = append(places[id], name)
		}
	}
	for id := 1; id <= h.made; id++ {
		at, always := places[strconv.Itoa(id)], true
		for _, t := range h.all {
			always = always && slices.Contains(slices.Collect(maps.Values(t)), strconv.Itoa(id))
		}
		if len(at) > 1 || always && len(at) == 0 {
			return fmt.Errorf("file %d is found at %q; it was there all the time: %v", id, at, always)
		}
	}
	if len(h.all) == 1 && !maps.Equal(found, h.all[0]) {
		return fmt.Errorf("all was synced: found %q, want %q", found, h.all[0])
	}
	if h.moved {
		return nil
	}
	for dir, seen := range h.dirs {
		if dir != "/" && found[dir] != "dir" {
			continue
		}
		for _, base := range []string{"a", "b", "x", "y"} {
			name := path.Join(dir, base)
			if !slices.ContainsFunc(seen, func(t tree) bool { return t[name] == found[name] }) {
				return fmt.Errorf("%s is %q, which it was not since %s was synced", name, found[name], dir)
			}
		}
	}
	return nil
}

// namesCrash does steps, and crashes with each of the seeds.
func namesCrash(m machine, steps []nameStep, seeds []uint64) error {
	h := &nameModel{all: []tree{{}}}
	h.syncedAll()
	for _, s := range steps {
		if err := h.do(m, s); err != nil {
			return fmt.Errorf("%+v: %w", s, err)
		}
	}
	for _, seed := range seeds {
		found := tree{}
		next := m.crash(seed)
		if err := see(next, "/", found); err != nil {
			return err
		}
		err := h.allows(found)
		if now := h.all[len(h.all)-1]; err == nil && seed == KeepAll && !maps.Equal(found, now) {
			err = fmt.Errorf("KeepAll finds %q, want %q", found, now)
		}
		again := tree{}
		if e := see(next.Crash(LoseAll), "/", again); err == nil && (e != nil || !maps.Equal(found, again)) {
			err = fmt.Errorf("what is found does not last: %q, then %q: %v", found, again, e)
		}
		if err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
	}
	return nil
}

// TestD7RenamesAreAtomicAndSyncedNamesLast: no crash finds a file twice, or loses one that was there all the time, and
// what is found in a directory was there since its last sync.
func TestD7RenamesAreAtomicAndSyncedNamesLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seeds := append(rapid.SliceOfN(rapid.Uint64(), 3, 3).Draw(t, "seeds"), LoseAll, KeepAll)
		if err := namesCrash(NewMem(), drawNames.Draw(t, "steps"), seeds); err != nil {
			t.Fatal(err)
		}
	})
}

// nameStates are how many states a crash may find after some steps; "sync" and "fail" name the directory.
var nameStates = []struct {
	steps string
	want  int
}{
	{"create /a; sync all; rename /a /b; rename /b /c", 3},
	{"create /a; sync all; rename /a /b; rename /b /c; sync /", 1},
	{"create /a; sync all; remove /a; create /a", 3},
	{"create /a; create /b; sync all; rename /a /b", 2},
	{"create /a; sync all; mkdir /x; rename /a /x/a", 3}, // not without /x
	{"create /a; sync all; mkdir /x/y; rename /a /x/y/a", 4},
	{"mkdir /x; create /x/a; sync all; rename /x/a /b; remove /x", 3},                                // /x goes only when its file went
	{"mkdir /x/y; create /x/y/a; sync all; rename /x/y/a /b; remove /x/y; remove /x", 4},             // nor what /x is in
	{"mkdir /x; create /x/a; mkdir /y; sync all; rename /y /x/y; rename /x/y /b; rename /x /b/x", 4}, // never in each other
	{"mkdir /x; mkdir /y; create /x/a; sync all; rename /x/a /y/a; sync /y", 2},                      // both directories
	{"mkdir /x; mkdir /y; create /x/a; sync all; rename /x/a /y/a; sync /x", 2},
	{"mkdir /x; mkdir /y; create /x/a; sync all; rename /x/a /y/a; sync /y; sync /x", 1},
	{"mkdir /x; mkdir /y; create /x/a; sync all; rename /x/a /y/a; rename /y/a /y/b; sync /y", 3},
	{"mkdir /x; create /x/a; sync all; create /x/b; removeall /x; sync /", 1}, // nobody can sync /x any more
	{"create /a; sync all; create /b; fail /; sync /", 2},                     // a failed sync is not made good
	{"create /a; sync all; create /b; fail /; create /c; sync /", 1},          // but what is written again is
}

func (h *nameModel) script(m *Mem, steps string) error {
	for one := range strings.SplitSeq(steps, "; ") {
		w := append(strings.Fields(one), "", "")
		var err error
		switch {
		case one == "sync all":
			err = h.do(m, nameStep{Kind: one})
		case w[0] == "sync":
			err = m.SyncDir(w[1])
		case w[0] == "fail":
			m.failSyncDir(w[1])
		case w[0] == "removeall":
			err = m.RemoveAll(w[1])
		default:
			err = h.do(m, nameStep{w[0], w[1], w[2]})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", one, err)
		}
	}
	return nil
}

// TestD7NamesNeedEachOther: each of these states is found, and no other; the file that is only renamed is in all.
func TestD7NamesNeedEachOther(t *testing.T) {
	for _, s := range nameStates {
		m, h := NewMem(), &nameModel{all: []tree{{}}}
		if err := h.script(m, s.steps); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for seed := range uint64(500) {
			found := tree{}
			if err := see(m.Crash(seed), "/", found); err != nil {
				t.Fatal(err)
			}
			seen[fmt.Sprint(found)] = true
			if files := slices.Collect(maps.Values(found)); strings.Contains(s.steps, "rename") && !slices.Contains(files, "1") {
				t.Errorf("%s: seed %d finds %v", s.steps, seed, found)
			}
		}
		if len(seen) != s.want {
			t.Errorf("%s: %d states, want %d: %v", s.steps, len(seen), s.want, slices.Sorted(maps.Keys(seen)))
		}
	}
}

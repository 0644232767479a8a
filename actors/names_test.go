package actors

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestNamesAreThoseOfAMap compares the slots by path with a map, through tables that grow, and hold what is dead.
func TestNamesAreThoseOfAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var n names
		all := map[string]*Slot{}
		paths := rapid.IntRange(1, 3000).Draw(t, "paths")
		rnd := rapid.Uint64().Draw(t, "seed")
		for range 2 * paths {
			rnd = rnd*6364136223846793005 + 1442695040888963407
			path := fmt.Sprint("p/", rnd>>33%uint64(paths))
			s, there := all[path]
			switch {
			case n.find(path) != s:
				t.Fatalf("%s: found %v, want %v", path, n.find(path), s)
			case !there:
				all[path] = &Slot{path: path}
				n.add(all[path])
			case n.remove(&Slot{path: path}):
				t.Fatalf("%s: another slot of that path was taken out", path)
			case !n.remove(s) || n.remove(s):
				t.Fatalf("%s is not taken out once", path)
			default:
				delete(all, path)
			}
		}
		list := n.all()
		for _, s := range list {
			if all[s.path] != s {
				t.Fatalf("%s is listed and not here", s.path)
			}
		}
		if len(list) != len(all) || n.count != len(all) {
			t.Fatalf("%d listed, %d counted, %d here", len(list), n.count, len(all))
		}
	})
}

package evidence

import "slices"

// Kept is an entry in a Ring.
type Kept struct {
	N    uint64 // its number, from 1, of all that were added
	At   int64  // ns since 1970
	Path string // whose decision it is
	Entry
}

// Ring is the ledger in memory: the newest entries, for people and snapshots (rule E3). What it drops is counted; the
// disk has what is required. It has one owner.
type Ring struct {
	room []Kept
	n    uint64 // were added
}

// NewRing makes a ring for at most size entries; at least one.
func NewRing(size int) *Ring { return &Ring{room: make([]Kept, 0, max(size, 1))} }

// Add takes an entry, in place of the oldest where there is no room, and gives its number.
func (r *Ring) Add(at int64, path string, e Entry) uint64 {
	r.n++
	k := Kept{r.n, at, path, e}
	if len(r.room) < cap(r.room) {
		r.room = append(r.room, k)
	} else {
		r.room[int((r.n-1)%uint64(cap(r.room)))] = k
	}
	return r.n
}

// Dropped is how many entries had to make room.
func (r *Ring) Dropped() uint64 { return r.n - uint64(len(r.room)) }

// Newest gives the newest n entries of a path, oldest first; of all paths where that is empty.
func (r *Ring) Newest(path string, n int) (out []Kept) {
	for i := r.n; i > r.Dropped() && len(out) < n; i-- {
		if k := r.room[int((i-1)%uint64(cap(r.room)))]; path == "" || k.Path == path {
			out = append(out, k)
		}
	}
	slices.Reverse(out)
	return out
}

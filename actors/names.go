package actors

import "hash/maphash"

// names finds slots by path. It keeps nothing but their addresses, and a byte for each, in tables of which only one at a
// time has to grow: a map of a million paths takes 52 bytes each, and this 9 to 16.
type names struct {
	few   []*Slot      // as long as there are few; nil: there were many
	many  *[256]shard  // by hash; nil: there are few
	seed  maphash.Seed // of many
	count int
}

// few are not worth a table.
const fewNames = 8

// shard is a table with open addressing: a place after the other is tried.
type shard struct {
	tags []uint8 // free, dead, or a part of the hash, so that few slots are looked at
	at   []*Slot
	used int // places that are not free
	live int
}

const (
	freeTag = 0
	deadTag = 1
	realTag = 2 // and more
)

// find gives the slot of a path; nil: there is none.
func (n *names) find(path string) *Slot {
	if n.many == nil {
		for _, s := range n.few {
			if s.path == path {
				return s
			}
		}
		return nil
	}
	h := maphash.String(n.seed, path)
	t := &n.many[h%256]
	if i := t.find(h, path); i >= 0 {
		return t.at[i]
	}
	return nil
}

// add takes a slot in whose path is new.
func (n *names) add(s *Slot) {
	n.count++
	switch {
	case n.many != nil:
		h := maphash.String(n.seed, s.path)
		n.many[h%256].add(n.seed, h, s)
	case len(n.few) < fewNames:
		n.few = append(n.few, s)
	default:
		few := append(n.few, s)
		n.few, n.many, n.seed = nil, new([256]shard), maphash.MakeSeed()
		n.count -= len(few)
		for _, s := range few {
			n.add(s)
		}
	}
}

// remove takes a slot out, if it is here.
func (n *names) remove(s *Slot) bool {
	if n.many == nil {
		for i, o := range n.few {
			if o == s {
				last := len(n.few) - 1
				n.few[i], n.few[last] = n.few[last], nil
				n.few = n.few[:last]
				n.count--
				return true
			}
		}
		return false
	}
	h := maphash.String(n.seed, s.path)
	t := &n.many[h%256]
	i := t.find(h, s.path)
	if i < 0 || t.at[i] != s {
		return false
	}
	n.count--
	t.remove(i)
	return true
}

// all lists the slots.
func (n *names) all() []*Slot {
	out := append(make([]*Slot, 0, n.count), n.few...)
	if n.many != nil {
		for i := range n.many {
			for _, s := range n.many[i].at {
				if s != nil {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

func tagOf(h uint64) uint8 { return uint8(h>>8)%(256-realTag) + realTag }

// start is where the places of a hash begin.
func (t *shard) start(h uint64) int { return int(h >> 32 * uint64(len(t.at)) >> 32) }

func (t *shard) find(h uint64, path string) int {
	if len(t.at) == 0 {
		return -1
	}
	tag := tagOf(h)
	for i := t.start(h); ; {
		switch {
		case t.tags[i] == tag && t.at[i].path == path:
			return i
		case t.tags[i] == freeTag:
			return -1
		}
		if i++; i == len(t.at) {
			i = 0
		}
	}
}

func (t *shard) add(seed maphash.Seed, h uint64, s *Slot) {
	if t.used*8 >= len(t.at)*7 {
		t.grow(seed)
	}
	i := t.start(h)
	for t.tags[i] >= realTag {
		if i++; i == len(t.at) {
			i = 0
		}
	}
	if t.tags[i] == freeTag {
		t.used++
	}
	t.tags[i], t.at[i] = tagOf(h), s
	t.live++
}

// grow makes room for half as many more, or sweeps out what is dead.
func (t *shard) grow(seed maphash.Seed) {
	old := t.at
	size := max(8, t.live+t.live/2+t.live/4)
	*t = shard{tags: make([]uint8, size), at: make([]*Slot, size)}
	for _, s := range old {
		if s != nil {
			t.add(seed, maphash.String(seed, s.path), s)
		}
	}
}

func (t *shard) remove(i int) {
	t.at[i] = nil
	t.live--
	next := i + 1
	if next == len(t.at) {
		next = 0
	}
	if t.tags[next] == freeTag { // no search goes on from here
		t.tags[i] = freeTag
		t.used--
		return
	}
	t.tags[i] = deadTag
}

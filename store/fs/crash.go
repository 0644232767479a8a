package fs

import (
	"math"
	"math/rand/v2"
)

// Seeds of Crash with a meaning of their own, the two extremes: nothing that does not last is kept, or everything is.
// Every other seed draws.
const (
	LoseAll uint64 = 0
	KeepAll uint64 = math.MaxUint64
)

// Crash gives the file system as it is found after a crash now; m is left as it is, and they share nothing that changes.
// Everything found lasts, and the count of changes starts anew. The same work and seed give the same state.
//
// For each sector of a file one of its states since the last Sync is found, and likewise for its size, which may also
// stop at a sector on its way up; of the changes of names since SyncDir any that does not need one that is lost. A seed
// draws first how much is kept of each of these three, and may keep all names and no content.
func (m *Mem) Crash(seed uint64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := newDice(seed)
	names := map[*node]map[string]*node{} // directories that kept changes alter
	found := map[*change]bool{}
	for _, c := range m.pending {
		if !d.keeps(d.names) || !c.stands(found) {
			continue
		}
		found[c] = true
		for _, e := range c.edits {
			if names[e.dir] == nil {
				names[e.dir] = map[string]*node{}
				for name, to := range e.dir.disk {
					names[e.dir][name] = to
				}
			}
			e.apply(names[e.dir])
		}
	}
	return &Mem{root: rebuild(m.root, nil, names, d)}
}

// stands says whether all that c needs is found.
func (c *change) stands(found map[*change]bool) bool {
	for _, p := range c.needs {
		if !p.lasts && !found[p] {
			return false
		}
	}
	return true
}

// rebuild gives a directory as found, with all below it.
func rebuild(n, up *node, names map[*node]map[string]*node, d *dice) *node {
	dir := newDir(up)
	dir.now = names[n]
	if dir.now == nil {
		dir.now = n.disk
	}
	kept := map[string]*node{}
	for _, name := range dir.names() { // in order: the dice must fall alike
		to := dir.now[name]
		if to.file == nil {
			kept[name] = rebuild(to, dir, names, d)
		} else {
			kept[name] = &node{file: to.file.found(d)}
		}
		dir.disk[name] = kept[name]
	}
	dir.now = kept
	return dir
}

// found gives a file as found.
func (n *inode) found(d *dice) *inode {
	g := n.disk.clone()
	for _, patches := range [][]patch{n.failed, n.log} {
		for _, p := range patches {
			keeps := d.tears(len(p.sectors))
			for i, s := range p.sectors {
				if keeps(i) && s != settled {
					g.set(p.first+i, s)
				}
			}
		}
	}
	g.cut(n.foundSize(d))
	disk := g.clone()
	return &inode{now: g, disk: disk}
}

func (n *inode) foundSize(d *dice) int64 {
	size := n.disk.size
	for _, to := range n.sizes {
		if d.keeps(d.sizes) {
			size = to
			continue
		}
		if from := size / sectorSize; d.sizes > 0 && (to-1)/sectorSize > from && d.IntN(2) == 0 {
			return (from + 1 + d.Int64N((to-1)/sectorSize-from)) * sectorSize
		}
		return size
	}
	return size
}

// dice draw what a crash keeps: of each kind none (0), all (4), or so many quarters.
type dice struct {
	*rand.Rand
	names, sizes, data int
}

func newDice(seed uint64) *dice {
	d := &dice{Rand: rand.New(rand.NewPCG(seed, 0x5ec7))}
	switch seed {
	case LoseAll:
	case KeepAll:
		d.names, d.sizes, d.data = 4, 4, 4
	default:
		d.names, d.sizes, d.data = d.IntN(5), d.IntN(5), d.IntN(5)
	}
	return d
}

func (d *dice) keeps(quarters int) bool { return d.IntN(4) < quarters }

// tears draws what is kept of a patch of n sectors: all, none, the first few, or some.
func (d *dice) tears(n int) func(i int) bool {
	if d.keeps(d.data) {
		return func(int) bool { return true }
	}
	draw := 0
	if d.data > 0 {
		draw = d.IntN(3)
	}
	switch draw {
	case 1:
		end := d.IntN(n)
		return func(i int) bool { return i < end }
	case 2:
		return func(int) bool { return d.IntN(2) == 0 }
	}
	return func(int) bool { return false }
}

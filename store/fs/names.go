package fs

import "slices"

// node is a file or a directory of a Mem.
type node struct {
	file *inode // nil: a directory

	now, disk map[string]*node // a directory's names: as seen, and as they last
	up        *node            // a directory's own; nil: the root
	stuck     bool             // its last SyncDir failed, and no name in it has changed since
}

func newDir(up *node) *node {
	return &node{now: map[string]*node{}, disk: map[string]*node{}, up: up}
}

// under says whether n is d or somewhere below it.
func (n *node) under(d *node) bool {
	for ; n != nil; n = n.up {
		if n == d {
			return true
		}
	}
	return false
}

// change is one atomic change of names: a new name, a removed one, or both at once for a rename.
type change struct {
	edits []edit
	made  *node // the directory that it makes
	gone  *node // the directory that it removes
	moves bool  // it renames a directory

	waits []*node   // directories that were not synced since
	needs []*change // earlier ones: no disk has this one without them
	lasts bool
}

// edit sets one name; to nil removes it.
type edit struct {
	dir  *node
	name string
	to   *node
}

func (e edit) apply(names map[string]*node) {
	if e.to == nil {
		delete(names, e.name)
	} else {
		names[e.name] = e.to
	}
}

// record does a change for all to see, and keeps in mind that it does not last yet.
func (m *Mem) record(c *change) {
	for _, p := range m.pending {
		if c.follows(p) {
			c.needs = append(c.needs, p)
		}
	}
	for _, e := range c.edits {
		e.apply(e.dir.now)
		e.dir.stuck = false
		if !slices.Contains(c.waits, e.dir) {
			c.waits = append(c.waits, e.dir)
		}
		if e.to != nil && e.to.file == nil {
			e.to.up = e.dir
		}
	}
	m.pending = append(m.pending, c)
	if c.gone != nil { // nobody can sync it any more
		m.synced(c.gone)
	}
}

// follows says that no disk has c without p: they share a name; or c puts something that lasts elsewhere into a directory
// that p makes; or c removes a directory that p changed; or both move directories, which otherwise could end up in each
// other.
func (c *change) follows(p *change) bool {
	for _, e := range c.edits {
		for _, f := range p.edits {
			if e.dir == f.dir && e.name == f.name || f.dir == c.gone {
				return true
			}
		}
	}
	return c.moves && p.moves || c.crosses() && p.made != nil && c.edits[1].dir.under(p.made)
}

// crosses says whether c renames from one directory to another.
func (c *change) crosses() bool { return len(c.edits) == 2 && c.edits[0].dir != c.edits[1].dir }

func (m *Mem) synced(d *node) {
	for _, c := range m.pending {
		c.waits = slices.DeleteFunc(c.waits, func(w *node) bool { return w == d })
	}
}

// settle makes the names in d last, unless its last sync failed and there is nothing new to write: the system takes what
// the failed one covered for written.
func (m *Mem) settle(d *node) {
	if d.stuck {
		return
	}
	m.synced(d)
	m.pending = slices.DeleteFunc(m.pending, func(c *change) bool {
		if len(c.waits) > 0 || slices.ContainsFunc(c.needs, func(p *change) bool { return !p.lasts }) {
			return false
		}
		for _, e := range c.edits {
			e.apply(e.dir.disk)
		}
		c.lasts, c.needs = true, nil
		return true
	})
}

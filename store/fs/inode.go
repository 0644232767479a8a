package fs

import "slices"

// sectorSize is what a disk writes whole or not at all.
const sectorSize = 512

// sector is never changed once it is in an image: a write makes new ones, and images share them.
type sector [sectorSize]byte

// image is the content of a file. Sectors that are nil or beyond the slice are zeros, and so is what lies in the last
// sector beyond size.
type image struct {
	sectors []*sector
	size    int64
	shared  bool // sectors is another image's too: copy it before it is set
}

func (g *image) at(i int) *sector {
	if i < len(g.sectors) {
		return g.sectors[i]
	}
	return nil
}

func (g *image) set(i int, s *sector) {
	if g.at(i) == s {
		return
	}
	g.own()
	if i >= len(g.sectors) {
		g.sectors = append(g.sectors, make([]*sector, i+1-len(g.sectors))...)
	}
	g.sectors[i] = s
}

// own makes the slice this image's alone.
func (g *image) own() {
	if g.shared {
		g.sectors, g.shared = slices.Clone(g.sectors), false
	}
}

// clone gives an image that is the same until one of both is set.
func (g *image) clone() image {
	g.shared = true
	return *g
}

// read copies from off; what is beyond the sectors reads as zeros. Preconditions: off+len(p) <= size.
func (g *image) read(p []byte, off int64) {
	for len(p) > 0 {
		s, in := g.at(int(off/sectorSize)), int(off%sectorSize)
		n := min(len(p), sectorSize-in)
		if s == nil {
			clear(p[:n])
		} else {
			copy(p[:n], s[in:])
		}
		p, off = p[n:], off+int64(n)
	}
}

// cut makes the image end at size.
func (g *image) cut(size int64) {
	g.size = size
	g.sectors = g.sectors[:min(len(g.sectors), sectorsOf(size))]
	if last := g.at(int(size / sectorSize)); last != nil && size%sectorSize > 0 {
		g.set(int(size/sectorSize), last.cut(int(size%sectorSize)))
	}
}

// cut gives the first n bytes of s, and zeros.
func (s *sector) cut(n int) *sector {
	var c sector
	copy(c[:n], s[:])
	return &c
}

func sectorsOf(size int64) int { return int((size + sectorSize - 1) / sectorSize) }

// inode is a file of a Mem: what is seen, what lasts, and what was between. Guarded by Mem.mu.
type inode struct {
	now, disk image
	log       []patch // since the last sync
	failed    []patch // what a failed sync covered: taken for written, though perhaps it was not; earlier than log
	sizes     []int64 // since the last sync
}

// patch sets some sectors in a row.
type patch struct {
	first   int
	sectors []*sector
}

// settled stands in inode.failed for a sector that was written again and synced.
var settled = new(sector)

func (n *inode) patch(p patch) {
	for i, s := range p.sectors {
		n.now.set(p.first+i, s)
	}
	n.log = append(n.log, p)
}

// write puts b at off. Preconditions: b is not empty.
func (n *inode) write(b []byte, off int64) {
	first, end := int(off/sectorSize), off+int64(len(b))
	fresh := make([]sector, sectorsOf(end)-first)
	p := patch{first, make([]*sector, len(fresh))}
	for i := range fresh {
		if old := n.now.at(first + i); old != nil && (i == 0 || i == len(fresh)-1) { // only these may keep a part of it
			fresh[i] = *old
		}
		p.sectors[i] = &fresh[i]
		in := max(0, int(off)-(first+i)*sectorSize)
		b = b[copy(fresh[i][in:], b):]
	}
	n.patch(p)
	if end > n.now.size {
		n.setSize(end)
	}
}

func (n *inode) setSize(size int64) {
	n.now.size = size
	n.sizes = append(n.sizes, size)
}

// resize cuts or grows; what is gained is zeros.
func (n *inode) resize(size int64) {
	if first := int(size / sectorSize); size < n.now.size && first < len(n.now.sectors) {
		p := patch{first, make([]*sector, len(n.now.sectors)-first)}
		if s := n.now.at(first); s != nil && size%sectorSize > 0 {
			p.sectors[0] = s.cut(int(size % sectorSize))
		}
		n.patch(p)
	}
	if size != n.now.size {
		n.setSize(size)
	}
}

// sync makes what is seen last; but a sector that a failed sync covered only if it was written again since.
func (n *inode) sync() {
	again := map[int]bool{}
	for _, p := range n.log {
		for i := range p.sectors {
			n.disk.set(p.first+i, n.now.at(p.first+i))
			if len(n.failed) > 0 {
				again[p.first+i] = true
			}
		}
	}
	for _, p := range n.failed {
		for i := range p.sectors {
			if again[p.first+i] {
				p.sectors[i] = settled
			}
		}
	}
	n.disk.size = n.now.size
	n.log, n.sizes = nil, nil
}

// failSync is a sync that failed: the system takes the sectors for written and will not write them again.
func (n *inode) failSync() { n.failed, n.log = append(n.failed, n.log...), nil }

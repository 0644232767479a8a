package mmr_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// naive is a range by its definition, over the list of its leaves, recursively: a power of two of leaves is a perfect
// tree; any other number is the largest power of two that fits, then the rest. It shares nothing with the package.
type naive struct {
	leaves []mmr.Hash
	memo   map[[2]int]mmr.Hash // of hash, since every size is asked for
}

func newNaive(leaves []mmr.Hash) *naive { return &naive{leaves, map[[2]int]mmr.Hash{}} }

// testLeaves are n leaves that have nothing in common.
func testLeaves(n int, salt string) []mmr.Hash {
	out := make([]mmr.Hash, n)
	for i := range out {
		out[i] = sha256.Sum256(binary.BigEndian.AppendUint64([]byte(salt), uint64(i)))
	}
	return out
}

// split is the largest power of two that is less than count.
func split(count int) int {
	k := 1
	for k*2 < count {
		k *= 2
	}
	return k
}

func perfect(count int) bool { return count == 1 || split(count)*2 == count }

// nodes counts the nodes of count leaves.
func nodes(count int) int {
	switch {
	case count == 0:
		return 0
	case perfect(count):
		return 2*count - 1
	}
	return nodes(split(count)) + nodes(count-split(count))
}

// hash is that of the leaves lo to hi: of their tree if they are perfect, else bagged.
func (n *naive) hash(lo, hi int) mmr.Hash {
	if hi-lo == 1 {
		return n.leaves[lo]
	}
	if h, ok := n.memo[[2]int{lo, hi}]; ok {
		return h
	}
	mid := lo + split(hi-lo)
	l, r := n.hash(lo, mid), n.hash(mid, hi)
	text := []byte("fnode/mmr/bag\x01")
	if perfect(hi - lo) { // it is the last of its nodes, and nodes are numbered from 1 in its hash
		text = binary.BigEndian.AppendUint64(nil, uint64(nodes(lo)+nodes(hi-lo)))
	}
	h := mmr.Hash(sha256.Sum256(append(append(text, l[:]...), r[:]...)))
	n.memo[[2]int{lo, hi}] = h
	return h
}

// root is that of the first count leaves.
func (n *naive) root(count int) mmr.Hash {
	text := binary.BigEndian.AppendUint64([]byte("fnode/mmr/root\x01"), uint64(nodes(count)))
	if count > 0 {
		h := n.hash(0, count)
		text = append(text, h[:]...)
	}
	return sha256.Sum256(text)
}

// list gives every node of the leaves lo to hi in order.
func (n *naive) list(lo, hi int) (out []mmr.Hash) {
	if lo == hi {
		return nil
	}
	if hi-lo > 1 {
		mid := lo + split(hi-lo)
		out = append(n.list(lo, mid), n.list(mid, hi)...)
	}
	if perfect(hi - lo) {
		out = append(out, n.hash(lo, hi))
	}
	return out
}

// peaks are the hashes of the perfect trees of the leaves lo to hi.
func (n *naive) peaks(lo, hi int) []mmr.Hash {
	if lo == hi {
		return nil
	}
	if perfect(hi - lo) {
		return []mmr.Hash{n.hash(lo, hi)}
	}
	mid := lo + split(hi-lo)
	return append(n.peaks(lo, mid), n.peaks(mid, hi)...)
}

// inclusion is the proof for a leaf among lo to hi: what stands beside it, from the bottom.
func (n *naive) inclusion(lo, hi, leaf int) []mmr.Hash {
	if hi-lo == 1 {
		return nil
	}
	mid := lo + split(hi-lo)
	if leaf < mid {
		return append(n.inclusion(lo, mid, leaf), n.hash(mid, hi))
	}
	return append(n.inclusion(mid, hi, leaf), n.hash(lo, mid))
}

// consistency is the proof that the range of lo to hi begins with the leaves up to old.
func (n *naive) consistency(lo, hi, old int) []mmr.Hash {
	if old == hi && perfect(hi-lo) {
		return []mmr.Hash{n.hash(lo, hi)}
	}
	mid := lo + split(hi-lo)
	if old <= mid {
		return append(n.consistency(lo, mid, old), n.hash(mid, hi))
	}
	return append(n.consistency(mid, hi, old), n.hash(lo, mid))
}

// stored are the nodes of a range.
type stored []mmr.Hash

var errNoNode = errors.New("no such node")

func (s stored) Node(index uint64) (mmr.Hash, error) {
	if index >= uint64(len(s)) {
		return mmr.Hash{}, errNoNode
	}
	return s[index], nil
}

// built is the range of those leaves, by the accumulator.
func built(leaves []mmr.Hash) (stored, mmr.Accumulator) {
	var acc mmr.Accumulator
	s := make(stored, 0, 2*len(leaves))
	for _, l := range leaves {
		s = acc.Add(s, l)
	}
	return s, acc
}

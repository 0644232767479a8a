package mmr

import (
	"math/bits"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Nodes reads the nodes of a range: the leaves at LeafIndex, interior nodes at all other indices. What it does not have
// is an error. Callers ask only below Size of the leaves they name.
type Nodes interface {
	Node(index uint64) (Hash, error)
}

// Kind is what a proof shows.
type Kind uint8

// The kinds of proof.
const (
	Inclusion   Kind = 1 // that a leaf is in a range, at that number
	Consistency Kind = 2 // that a range begins with all of an older one
)

// Proof is a proof against a root. Its hashes stand from the bottom to the top: for Consistency the last peak of the
// older range; then each sibling on the way up to a peak; then what the peaks right of that bag to, if there are some;
// then the peaks left of it, the nearest first. How many they are follows from the other fields, and is at most
// log2(Leaves)+2.
type Proof struct {
	Kind   Kind
	Of     uint64 // Inclusion: the number of the leaf, from 0. Consistency: the leaves of the older range
	Leaves uint64 // of the range whose root it leads to
	Hashes []Hash
}

// climb is the way of a proof: from a block of 1<<from leaves up to its peak, and over the peaks to the root.
type climb struct {
	leaves    uint64
	block     uint64 // which block of that many leaves
	from, top int    // heights of the block and of its peak
	hashes    int    // of the proof
}

func newClimb(leaves, last uint64, from int) climb {
	c := climb{leaves: leaves, block: last >> from, from: from, top: bits.Len64(last^leaves) - 1}
	c.hashes = c.top - from + bits.OnesCount64(c.left())
	if c.right() != 0 {
		c.hashes++
	}
	return c
}

// right and left are the heights, as bits, of the peaks beside the one that is climbed.
func (c climb) right() uint64 { return c.leaves & (1<<c.top - 1) }
func (c climb) left() uint64  { return c.leaves &^ (2<<c.top - 1) }

// at is the block of that height on the way up.
func (c climb) at(height int) uint64 { return c.block >> (height - c.from) }

// sibling is the index of the node beside the way up.
func (c climb) sibling(height int) uint64 { return nodeAt(height, c.at(height)^1) }

// climb is the way that a proof takes, if its fields are within their bounds.
func (p Proof) climb() (climb, error) {
	var none climb
	if p.Leaves == 0 || p.Leaves > MaxLeaves {
		return none, codes.New(codes.ProofInvalid, "a proof is about a range of 1 to %d leaves, this one about %d", uint64(MaxLeaves), p.Leaves)
	}
	switch p.Kind {
	case Inclusion:
		if p.Of >= p.Leaves {
			return none, codes.New(codes.ProofInvalid, "leaf %d is not among %d leaves", p.Of, p.Leaves)
		}
		return newClimb(p.Leaves, p.Of, 0), nil
	case Consistency:
		if p.Of == 0 || p.Of > p.Leaves {
			return none, codes.New(codes.ProofInvalid, "a range of %d leaves does not follow one of %d", p.Leaves, p.Of)
		}
		c := newClimb(p.Leaves, p.Of-1, bits.TrailingZeros64(p.Of))
		c.hashes++
		return c, nil
	}
	return none, codes.New(codes.ProofInvalid, "there is no proof of kind %d", p.Kind)
}

// InclusionProof shows that a range of that many leaves has its leaf at that number, from 0. It reads at most
// 2*log2(leaves) nodes.
func InclusionProof(nodes Nodes, leaves, leaf uint64) (Proof, error) {
	return prove(nodes, Proof{Kind: Inclusion, Of: leaf, Leaves: leaves})
}

// ConsistencyProof shows that the range of newLeaves begins with that of oldLeaves: 1 <= oldLeaves <= newLeaves. It
// reads at most 2*log2(newLeaves)+1 nodes.
func ConsistencyProof(nodes Nodes, oldLeaves, newLeaves uint64) (Proof, error) {
	return prove(nodes, Proof{Kind: Consistency, Of: oldLeaves, Leaves: newLeaves})
}

func prove(nodes Nodes, p Proof) (Proof, error) {
	c, err := p.climb()
	if err != nil {
		return Proof{}, err
	}
	read := func(index uint64) (h Hash) {
		if err == nil {
			h, err = nodes.Node(index)
		}
		return h
	}
	p.Hashes = make([]Hash, 0, c.hashes)
	if p.Kind == Consistency {
		p.Hashes = append(p.Hashes, read(nodeAt(c.from, c.block)))
	}
	for h := c.from; h < c.top; h++ {
		p.Hashes = append(p.Hashes, read(c.sibling(h)))
	}
	var rest Hash
	for right := c.right(); right != 0; right &= right - 1 {
		peak := read(peakAt(c.leaves, bits.TrailingZeros64(right)))
		if right == c.right() {
			rest = peak
		} else {
			rest = bag(&peak, &rest)
		}
	}
	if c.right() != 0 {
		p.Hashes = append(p.Hashes, rest)
	}
	for left := c.left(); left != 0; left &= left - 1 {
		p.Hashes = append(p.Hashes, read(peakAt(c.leaves, bits.TrailingZeros64(left))))
	}
	if err != nil {
		return Proof{}, err
	}
	return p, nil
}

// VerifyInclusion says whether the proof shows that the range with that root has the leaf id at that number. leaves and
// leaf are what the caller believes, not what the proof says. The error is codes.ProofInvalid.
func VerifyInclusion(root Hash, leaves, leaf uint64, id Hash, p Proof) error {
	c, err := p.check(Inclusion, leaf, leaves)
	if err != nil {
		return err
	}
	if bagged := c.fold(id, p.Hashes, nil); rootOf(leaves, &bagged) != root {
		return codes.New(codes.ProofInvalid, "the proof does not lead from leaf %d to the root of %d leaves", leaf, leaves)
	}
	return nil
}

// VerifyConsistency says whether the proof shows that the range with newRoot begins with the one with oldRoot. The
// numbers of leaves are what the caller believes. That everything follows the empty range needs no proof, and none is
// taken. The error is codes.ProofInvalid.
func VerifyConsistency(oldRoot Hash, oldLeaves uint64, newRoot Hash, newLeaves uint64, p Proof) error {
	c, err := p.check(Consistency, oldLeaves, newLeaves)
	if err != nil {
		return err
	}
	older := p.Hashes[0]
	newer := c.fold(p.Hashes[0], p.Hashes[1:], &older)
	if rootOf(oldLeaves, &older) != oldRoot {
		return codes.New(codes.ProofInvalid, "the proof does not lead to the older root, of %d leaves", oldLeaves)
	}
	if rootOf(newLeaves, &newer) != newRoot {
		return codes.New(codes.ProofInvalid, "the proof does not lead from %d leaves to the newer root, of %d", oldLeaves, newLeaves)
	}
	return nil
}

// check says whether a proof is about what was asked, and has the hashes that this takes.
func (p Proof) check(kind Kind, of, leaves uint64) (climb, error) {
	if p.Kind != kind || p.Of != of || p.Leaves != leaves {
		return climb{}, codes.New(codes.ProofInvalid, "the proof is about something else: kind %d of %d in %d leaves, asked for kind %d of %d in %d",
			p.Kind, p.Of, p.Leaves, kind, of, leaves)
	}
	c, err := p.climb()
	if err == nil && len(p.Hashes) != c.hashes {
		err = codes.New(codes.ProofInvalid, "the proof has %d hashes, it takes %d", len(p.Hashes), c.hashes)
	}
	return c, err
}

// fold climbs from node to what the peaks bag to. Where older is given it begins as node, and ends as what the peaks
// bag to of the range that ends with the block: all that stands left of the way.
func (c climb) fold(node Hash, hashes []Hash, older *Hash) Hash {
	for h := c.from; h < c.top; h++ {
		beside, index := &hashes[h-c.from], nodeAt(h+1, c.at(h+1))
		if c.at(h)&1 == 0 {
			node = interior(index, &node, beside)
			continue
		}
		node = interior(index, beside, &node)
		if older != nil {
			*older = bag(beside, older)
		}
	}
	hashes = hashes[c.top-c.from:]
	if c.right() != 0 {
		node = bag(&node, &hashes[0])
		hashes = hashes[1:]
	}
	for i := range hashes {
		node = bag(&hashes[i], &node)
		if older != nil {
			*older = bag(&hashes[i], older)
		}
	}
	return node
}

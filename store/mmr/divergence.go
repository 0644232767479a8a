package mmr

import (
	"math/bits"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Divergence finds where two ranges part, by asking the peer for single nodes. agree is how many leaves both begin
// with: the first that differs has that number, and if agree is the smaller of the two counts, one range is a prefix of
// the other. exchanges is how many nodes the peer was asked for: at most log2(n)+2, where n is the smaller count.
//
// The leaf found is asked for last: the two do differ there. That nothing before it does rests on the peer's interior
// nodes; a peer that lies is told a wrong place. If interior nodes differ over leaves that do not, the error is codes.ProofInvalid.
func Divergence(own Nodes, ownLeaves uint64, peer Nodes, peerLeaves uint64) (agree uint64, exchanges int, err error) {
	n := min(ownLeaves, peerLeaves)
	if max(ownLeaves, peerLeaves) > MaxLeaves {
		return 0, 0, codes.New(codes.ProofInvalid, "a range has at most %d leaves", uint64(MaxLeaves))
	}
	c := comparison{own: own, peer: peer}
	for rest := n; rest != 0; { // nodes of a range stand at the same indices in every longer one
		h := bits.Len64(rest) - 1
		rest ^= 1 << h
		if block := n>>h - 1; !c.same(h, block) {
			block = c.descend(h, block)
			return block, c.asked, c.err
		}
	}
	return n, c.asked, c.err
}

type comparison struct {
	own, peer Nodes
	asked     int
	err       error // the first
}

// same compares a node; after an error everything is.
func (c *comparison) same(height int, block uint64) bool {
	if c.err != nil {
		return true
	}
	var mine, theirs Hash
	if mine, c.err = c.own.Node(nodeAt(height, block)); c.err != nil {
		return true
	}
	c.asked++
	theirs, c.err = c.peer.Node(nodeAt(height, block))
	return c.err != nil || mine == theirs
}

// descend finds the first leaf that differs under a node that does.
func (c *comparison) descend(height int, block uint64) uint64 {
	for h := height - 1; h >= 0; h-- {
		block *= 2
		if c.same(h, block) {
			block++
		}
	}
	if c.same(0, block) && c.err == nil {
		c.err = codes.New(codes.ProofInvalid, "the nodes over leaf %d differ, and no leaf under them does: interior nodes are damaged or made up", block)
	}
	return block
}

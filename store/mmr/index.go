package mmr

import "math/bits"

// MaxLeaves is how many leaves a range may have: no index or size overflows up to there.
const MaxLeaves = 1 << 62

// Size is how many nodes a range of that many leaves has. O(1).
func Size(leaves uint64) uint64 { return 2*leaves - uint64(bits.OnesCount64(leaves)) }

// LeafIndex is the index of the leaf with that number, both from 0: the node that comes next after as many leaves. O(1).
func LeafIndex(leaf uint64) uint64 { return Size(leaf) }

// Leaves is how many leaves a range of size nodes has: the largest number with Size(leaves) <= size. It is exact where
// size is complete, that is where no interior node is missing behind the last leaf. Up to MaxLeaves; O(log n).
func Leaves(size uint64) (leaves uint64, complete bool) {
	for h := bits.Len64(size); h >= 0; h-- {
		if nodes := uint64(2)<<h - 1; h <= 62 && size >= nodes { // of a mountain of that height
			size -= nodes
			leaves |= 1 << h
		}
	}
	return leaves, size == 0 && leaves <= MaxLeaves
}

// Height is the height of the node with that index, 0 for a leaf: how many nodes came before it with the same last
// leaf. O(log n).
func Height(index uint64) int {
	last, _ := Leaves(index)
	return int(index - Size(last))
}

// PeakIndices are the indices of the peaks of a range, highest first: one for each bit of leaves. O(log n).
func PeakIndices(leaves uint64) []uint64 {
	out := make([]uint64, 0, bits.OnesCount64(leaves))
	for rest := leaves; rest != 0; {
		h := bits.Len64(rest) - 1
		rest ^= 1 << h
		out = append(out, peakAt(leaves, h))
	}
	return out
}

// nodeAt is the index of the node over the leaves [block<<height, (block+1)<<height).
func nodeAt(height int, block uint64) uint64 { return Size(block<<height) + 2<<height - 2 }

// peakAt is the index of the peak of that height, which must be a bit of leaves.
func peakAt(leaves uint64, height int) uint64 { return nodeAt(height, leaves>>height-1) }

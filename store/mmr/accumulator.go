package mmr

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Hash is a node, a leaf or a root.
type Hash [32]byte

// String is the hash in 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// The tags of what the draft does not define. The last byte is the version.
const (
	bagTag  = "fnode/mmr/bag\x01"
	rootTag = "fnode/mmr/root\x01"
)

// interior is the node with that index.
func interior(index uint64, left, right *Hash) Hash {
	var b [8 + 64]byte
	binary.BigEndian.PutUint64(b[:], index+1)
	copy(b[8:], left[:])
	copy(b[40:], right[:])
	return sha256.Sum256(b[:])
}

// bag puts a peak before what lies right of it.
func bag(peak, rest *Hash) Hash {
	var b [len(bagTag) + 64]byte
	n := copy(b[:], bagTag)
	copy(b[n:], peak[:])
	copy(b[n+32:], rest[:])
	return sha256.Sum256(b[:])
}

// rootOf is the root of a range whose peaks bag to that; those of no leaves to nothing.
func rootOf(leaves uint64, bagged *Hash) Hash {
	var b [len(rootTag) + 8 + 32]byte
	n := copy(b[:], rootTag)
	binary.BigEndian.PutUint64(b[n:], Size(leaves))
	n += 8
	if leaves > 0 {
		n += copy(b[n:], bagged[:])
	}
	return sha256.Sum256(b[:n])
}

// Accumulator is what appending needs of a range: its peaks, 2 KB whatever its size. The zero value is the empty range.
// It has one owner and is not safe for concurrent use; a copy is a range of its own, to go on from or to come back to.
type Accumulator struct {
	leaves uint64
	peaks  [63]Hash // by height; it is one where leaves has that bit
}

// Resume makes the accumulator of a range again. peaks are the nodes at PeakIndices(leaves), highest first. It checks
// that there are as many as leaves has bits; that they are the right ones only a comparison of Root shows.
func Resume(leaves uint64, peaks []Hash) (Accumulator, error) {
	var a Accumulator
	if leaves > MaxLeaves {
		return a, codes.New(codes.ProofInvalid, "a range has at most %d leaves, this one %d", uint64(MaxLeaves), leaves)
	}
	if n := bits.OnesCount64(leaves); n != len(peaks) {
		return a, codes.New(codes.ProofInvalid, "%d leaves have %d peaks, got %d", leaves, n, len(peaks))
	}
	a.leaves = leaves
	for i, rest := 0, leaves; rest != 0; i++ {
		h := bits.Len64(rest) - 1
		rest ^= 1 << h
		a.peaks[h] = peaks[i]
	}
	return a, nil
}

// Add appends a leaf. The nodes that this makes, the leaf and each interior node that it completes, are appended to
// nodes in the order of their indices, the first of which is Size before the call: on average 2, at most 63. It allocates
// only where nodes has no room for them.
func (a *Accumulator) Add(nodes []Hash, leaf Hash) []Hash {
	nodes = append(nodes, leaf)
	index, h := Size(a.leaves), 0
	for ; a.leaves>>h&1 == 1; h++ {
		index++
		leaf = interior(index, &a.peaks[h], &leaf)
		nodes = append(nodes, leaf)
	}
	a.peaks[h] = leaf
	a.leaves++
	return nodes
}

// Leaves is how many leaves were added.
func (a *Accumulator) Leaves() uint64 { return a.leaves }

// Size is how many nodes the range has: the index of the next one.
func (a *Accumulator) Size() uint64 { return Size(a.leaves) }

// Peaks are copies of the peaks, highest first.
func (a *Accumulator) Peaks() []Hash {
	out := make([]Hash, 0, bits.OnesCount64(a.leaves))
	for rest := a.leaves; rest != 0; {
		h := bits.Len64(rest) - 1
		rest ^= 1 << h
		out = append(out, a.peaks[h])
	}
	return out
}

// Root is the one value that commits to every leaf, their order and their number. At most 63 hashes are computed.
func (a *Accumulator) Root() Hash {
	var out Hash
	for h, rest := 0, a.leaves; rest != 0; rest &= rest - 1 {
		h = bits.TrailingZeros64(rest)
		if rest == a.leaves {
			out = a.peaks[h]
		} else {
			out = bag(&a.peaks[h], &out)
		}
	}
	return rootOf(a.leaves, &out)
}

// Interior is the node at index over its two children: SHA-256 of the index plus one, big-endian, and both.
func Interior(index uint64, left, right Hash) Hash { return interior(index, &left, &right) }

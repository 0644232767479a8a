package mmr_test

import (
	"crypto/sha256"
	"strconv"
	"testing"

	"github.com/franken-node/fnode-supervisor/store/mmr"
)

func BenchmarkAdd(b *testing.B) {
	var acc mmr.Accumulator
	var leaf mmr.Hash
	room := make([]mmr.Hash, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		room = acc.Add(room[:0], leaf)
		leaf = room[0]
	}
}

// millions are the nodes of 2^20 leaves.
var millions stored

func million() stored {
	if millions == nil {
		millions, _ = built(testLeaves(1<<20, "bench"))
	}
	return millions
}

// BenchmarkHash is what one interior node costs at least: a proof at 2^20 leaves has 20 of them.
func BenchmarkHash(b *testing.B) {
	var text [72]byte
	for b.Loop() {
		h := sha256.Sum256(text[:])
		copy(text[8:], h[:])
	}
}

// BenchmarkVerify checks a proof at 2^20 leaves, where one mountain is all, and at one less, where there are 20.
func BenchmarkVerify(b *testing.B) {
	for _, leaves := range []uint64{1 << 20, 1<<20 - 1} {
		b.Run(strconv.FormatUint(leaves, 10), func(b *testing.B) {
			const leaf = 12345
			s := million()
			acc := rootAt(s, leaves)
			p := must(mmr.InclusionProof(s, leaves, leaf))
			text, root, id := p.Encode(), acc.Root(), s[mmr.LeafIndex(leaf)]
			b.ReportAllocs()
			for b.Loop() {
				if err := mmr.VerifyInclusion(root, leaves, leaf, id, p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(text)), "proof-bytes")
		})
	}
}

func BenchmarkVerifyConsistency(b *testing.B) {
	const old, leaves = 765432, 1 << 20
	s := million()
	older, newer := rootAt(s, old), rootAt(s, leaves)
	p := must(mmr.ConsistencyProof(s, old, leaves))
	oldRoot, newRoot := older.Root(), newer.Root()
	b.ReportAllocs()
	for b.Loop() {
		if err := mmr.VerifyConsistency(oldRoot, old, newRoot, leaves, p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(p.Encode())), "proof-bytes")
}

func BenchmarkDecode(b *testing.B) {
	text := must(mmr.InclusionProof(million(), 1<<20, 12345)).Encode()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := mmr.Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}

// rootAt is the accumulator as it was after so many leaves.
func rootAt(s stored, leaves uint64) mmr.Accumulator {
	var peaks []mmr.Hash
	for _, index := range mmr.PeakIndices(leaves) {
		peaks = append(peaks, must(s.Node(index)))
	}
	return must(mmr.Resume(leaves, peaks))
}

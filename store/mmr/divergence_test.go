package mmr_test

import (
	"crypto/sha256"
	"errors"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// counted counts what it is asked.
type counted struct {
	stored
	asked int
}

func (c *counted) Node(index uint64) (mmr.Hash, error) { c.asked++; return c.stored.Node(index) }

// parted are the leaves, and others from a place on.
func parted(leaves []mmr.Hash, at, n int) []mmr.Hash {
	out := slices.Clone(leaves[:min(at, n)])
	for i := at; i < n; i++ {
		out = append(out, sha256.Sum256(leaves[i][:]))
	}
	return out
}

// found asks for the divergence, and fails unless it is at want and within floor(log2 n)+2 exchanges.
func found(t *testing.T, a stored, own int, b stored, theirs, want int) (exchanges int) {
	t.Helper()
	peer := &counted{stored: b}
	agree, exchanges, err := mmr.Divergence(a, uint64(own), peer, uint64(theirs))
	if err != nil || agree != uint64(want) {
		t.Fatalf("%d and %d leaves agree in %d, want %d: %v", own, theirs, agree, want, err)
	}
	if exchanges != peer.asked {
		t.Fatalf("%d exchanges told, %d made", exchanges, peer.asked)
	}
	if bound := bits.Len(uint(min(own, theirs))) + 1; exchanges > bound {
		t.Fatalf("%d and %d leaves that part at %d took %d exchanges, over %d", own, theirs, want, exchanges, bound)
	}
	return exchanges
}

func TestM2DivergenceIsFoundAtEveryPlace(t *testing.T) {
	const most = 40
	leaves := testLeaves(most, "divergence")
	s, _ := built(leaves)
	count := 0
	for theirs := range most + 1 {
		for at := range theirs + 1 {
			b, _ := built(parted(leaves, at, theirs))
			for own := range most + 1 {
				found(t, s, own, b, theirs, min(at, own))
				count++
			}
		}
	}
	t.Logf("%d pairs of ranges", count)
}

func TestM2DivergenceTakesLog2Exchanges(t *testing.T) {
	const most = 1 << 16
	leaves, r := testLeaves(most, "divergence"), rand.New(rand.NewPCG(seed, 6))
	s, _ := built(leaves)
	trials, worst := 100, map[int]int{}
	if long() {
		trials = 5000
	}
	for i := range trials {
		theirs := 1 + r.IntN(1<<(1+r.IntN(16)))
		if i < 4 {
			theirs = most - i%2
		}
		at, own := r.IntN(theirs+1), most
		if i%3 == 0 {
			own = 1 + r.IntN(most)
		}
		b, _ := built(parted(leaves, at, theirs))
		log2 := bits.Len(uint(min(own, theirs))) - 1
		worst[log2] = max(worst[log2], found(t, s, own, b, theirs, min(at, own)))
	}
	t.Logf("%d ranges; most exchanges by floor(log2 n), bound log2 n + 2: %v (seed %d)", trials, worst, seed)
}

func TestDivergenceTellsWhatIsDamagedOrMissing(t *testing.T) {
	leaves := testLeaves(100, "damaged")
	s, _ := built(leaves)
	for _, peak := range mmr.PeakIndices(100) {
		b := slices.Clone(s)
		b[peak][5] ^= 1
		if _, _, err := mmr.Divergence(s, 100, b, 100); !errors.Is(err, codes.Of(codes.ProofInvalid)) {
			t.Errorf("peak %d is damaged: %v", peak, err)
		}
	}
	for _, n := range []int{0, 1, 50, 126} { // the first that is asked for is the peak at 126
		other, _ := built(parted(leaves, 3, 100))
		for _, err := range []error{third(mmr.Divergence(s[:n], 100, other, 100)), third(mmr.Divergence(s, 100, other[:n], 100))} {
			if !errors.Is(err, errNoNode) {
				t.Errorf("%d nodes: %v", n, err)
			}
		}
	}
	if err := third(mmr.Divergence(s, 100, s, mmr.MaxLeaves+1)); !errors.Is(err, codes.Of(codes.ProofInvalid)) {
		t.Errorf("over MaxLeaves: %v", err)
	}
}

func third[A, B any](_ A, _ B, err error) error { return err }

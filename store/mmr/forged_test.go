package mmr_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// claim is what somebody asks to have verified, beside the proof.
type claim struct {
	old, root  mmr.Hash // old: of the older range, for Consistency
	id         mmr.Hash // of the leaf, for Inclusion
	of, leaves uint64
}

func (c claim) verify(p mmr.Proof, kind mmr.Kind) error {
	if kind == mmr.Inclusion {
		return mmr.VerifyInclusion(c.root, c.leaves, c.of, c.id, p)
	}
	return mmr.VerifyConsistency(c.old, c.of, c.root, c.leaves, p)
}

// bitFlips are the encodings that differ in one bit: of version, kind, numbers and every hash.
func bitFlips(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		b := bytes.Clone(b)
		for i := range 8 * len(b) {
			b[i/8] ^= 1 << (i % 8)
			if !yield(b) {
				return
			}
			b[i/8] ^= 1 << (i % 8)
		}
	}
}

// reshaped are proofs with hashes left out, added, repeated, swapped and put in each other's place.
func reshaped(p mmr.Proof) iter.Seq[mmr.Proof] {
	with := func(h []mmr.Hash) mmr.Proof { q := p; q.Hashes = h; return q }
	return func(yield func(mmr.Proof) bool) {
		h, n := p.Hashes, len(p.Hashes)
		for i := range n + 1 {
			for _, more := range append(slices.Clone(h), mmr.Hash{}) {
				if !yield(with(slices.Insert(slices.Clone(h), i, more))) {
					return
				}
			}
			if i < n && (!yield(with(slices.Delete(slices.Clone(h), i, i+1))) || !yield(with(h[:i]))) {
				return
			}
			for j := range i {
				if i == n {
					continue
				}
				swapped, copied := slices.Clone(h), slices.Clone(h)
				swapped[i], swapped[j] = h[j], h[i]
				copied[i] = h[j]
				if !yield(with(swapped)) || !yield(with(copied)) {
					return
				}
			}
		}
	}
}

// forger counts what was refused, and fails on what was not.
type forger struct {
	t     *testing.T
	count map[string]int
}

func (f *forger) refused(how string, err error, c claim, p mmr.Proof) {
	f.count[how]++
	if !errors.Is(err, codes.Of(codes.ProofInvalid)) {
		f.t.Fatalf("%s: %v, want proof_invalid, for kind %d of %d in %d", how, err, p.Kind, c.of, c.leaves)
	}
}

// altered tries every change of one proof, and of what it is claimed to show.
func (f *forger) altered(n *naive, c claim, p mmr.Proof) {
	if err := c.verify(p, p.Kind); err != nil {
		f.t.Fatalf("the proof itself: %v", err)
	}
	text := p.Encode()
	for b := range bitFlips(text) {
		q, err := mmr.Decode(b)
		if err == nil {
			err = c.verify(q, p.Kind)
		}
		f.refused("bit flipped", err, c, p)
	}
	for i := range text {
		f.refused("cut", second(mmr.Decode(text[:i])), c, p)
	}
	for _, more := range [][]byte{{0}, make([]byte, 32), text} {
		f.refused("trailing bytes", second(mmr.Decode(append(bytes.Clone(text), more...))), c, p)
	}
	for q := range reshaped(p) {
		f.refused("hashes reshaped", c.verify(q, p.Kind), c, q)
	}
	f.refused("other kind", c.verify(p, 3-p.Kind), c, p)

	try := func(how string, d claim) { // what is claimed, once beside the proof and once in it
		q := p
		q.Of, q.Leaves = d.of, d.leaves
		f.refused(how, d.verify(p, p.Kind), d, p)
		f.refused(how, d.verify(q, p.Kind), d, q)
	}
	for of := range c.leaves + 2 {
		if d := c; of != c.of {
			d.of = of
			try("other number", d)
		}
	}
	for leaves := range c.leaves*2 + 2 {
		if d := c; leaves != c.leaves {
			d.leaves = leaves
			try("other size", d)
			if int(leaves) <= len(n.leaves) {
				d.root, d.leaves = n.root(int(leaves)), c.leaves
				try("root of another size", d)
			}
		}
	}
	for _, d := range []claim{{root: c.root, leaves: ^uint64(0), of: c.of}, {root: c.root, leaves: mmr.MaxLeaves + 1, of: c.of}, {root: c.root, leaves: c.leaves, of: ^uint64(0)}} {
		d.old, d.id = c.old, c.id
		try("number without measure", d)
	}
	for b := range bitFlips(c.root[:]) {
		d := c
		d.root = mmr.Hash(b)
		f.refused("other root", d.verify(p, p.Kind), d, p)
	}
	for b := range bitFlips(c.id[:]) {
		if d := c; p.Kind == mmr.Inclusion {
			d.id = mmr.Hash(b)
			f.refused("other leaf id", d.verify(p, p.Kind), d, p)
		} else {
			d.old = mmr.Hash(b)
			f.refused("other older root", d.verify(p, p.Kind), d, p)
		}
	}
}

// forgedSizes are those whose proofs are forged: every one up to a bound, and some larger.
func forgedSizes() []int {
	most := 14
	if long() {
		most = 64
	}
	var out []int
	for n := 1; n <= most; n++ {
		out = append(out, n)
	}
	return append(out, 100, 127, 128, 129)
}

func TestM2ForgedInclusionIsRefused(t *testing.T) {
	leaves, r := testLeaves(600, "forged"), rand.New(rand.NewPCG(seed, 4))
	n, f := newNaive(leaves), &forger{t, map[string]int{}}
	s, _ := built(leaves)
	for _, size := range forgedSizes() {
		for _, leaf := range fewOf(r, size) {
			c := claim{root: n.root(size), id: leaves[leaf], of: uint64(leaf), leaves: uint64(size)}
			p := must(mmr.InclusionProof(s, c.leaves, c.of))
			f.altered(n, c, p)
			for other := range size { // the proof of one leaf for another
				if other == leaf {
					continue
				}
				q := must(mmr.InclusionProof(s, c.leaves, uint64(other)))
				f.refused("proof of another leaf", c.verify(q, q.Kind), c, q)
				q.Of = c.of
				f.refused("proof of another leaf", c.verify(q, q.Kind), c, q)
				d := c
				d.of, q.Of = uint64(other), uint64(other)
				f.refused("id of another leaf", d.verify(q, q.Kind), d, q)
			}
			f.interiorAsLeaf(s, c, p)
		}
	}
	t.Logf("%d forged proofs of inclusion refused: %v", total(f.count), f.count)
}

// interiorAsLeaf claims that the parent of the leaf is a leaf, of this range or of a smaller one.
func (f *forger) interiorAsLeaf(s stored, c claim, p mmr.Proof) {
	if len(mmr.Siblings(c.leaves, mmr.LeafIndex(c.of))) == 0 {
		return
	}
	index := mmr.LeafIndex(c.of)
	for mmr.Height(index) == 0 || index <= mmr.LeafIndex(c.of|1) {
		index++
	}
	p.Hashes = p.Hashes[1:]
	for leaves := range c.leaves + 1 {
		for of := range leaves {
			d := claim{root: c.root, id: s[index], of: of, leaves: leaves}
			q := p
			q.Of, q.Leaves = of, leaves
			f.refused("interior node as a leaf", d.verify(q, q.Kind), d, q)
		}
	}
}

func TestM2ForgedConsistencyIsRefused(t *testing.T) {
	leaves, r := testLeaves(600, "forged"), rand.New(rand.NewPCG(seed, 5))
	n, f := newNaive(leaves), &forger{t, map[string]int{}}
	s, _ := built(leaves)
	for _, size := range forgedSizes() {
		for _, last := range fewOf(r, size) {
			old := last + 1
			c := claim{old: n.root(old), root: n.root(size), of: uint64(old), leaves: uint64(size)}
			p := must(mmr.ConsistencyProof(s, c.of, c.leaves))
			f.altered(n, c, p)
			for other := 1; other <= size; other++ {
				if q := must(mmr.ConsistencyProof(s, uint64(other), c.leaves)); other != old {
					f.refused("proof of another size", c.verify(q, q.Kind), c, q)
					q.Of = c.of
					f.refused("proof of another size", c.verify(q, q.Kind), c, q)
				}
			}
			if size > 1 && old < size {
				d := claim{old: c.root, root: c.old, of: c.leaves, leaves: c.of}
				f.refused("backwards", d.verify(p, p.Kind), d, p)
			}
		}
	}
	t.Logf("%d forged proofs of consistency refused: %v", total(f.count), f.count)
}

// TestM2RewrittenHistoryIsRefused: one leaf of the older range is another in the newer one, and all else is honest.
func TestM2RewrittenHistoryIsRefused(t *testing.T) {
	const most = 40
	leaves := testLeaves(most, "history")
	n, f := newNaive(leaves), &forger{t, map[string]int{}}
	for changed := range most {
		other := slices.Clone(leaves)
		other[changed] = sha256.Sum256(leaves[changed][:])
		m := newNaive(other)
		s, _ := built(other)
		for size := 1; size <= most; size++ {
			for old := 1; old <= size; old++ {
				c := claim{old: n.root(old), root: m.root(size), of: uint64(old), leaves: uint64(size)}
				p := must(mmr.ConsistencyProof(s, c.of, c.leaves))
				if old <= changed { // the change came later
					if err := c.verify(p, p.Kind); err != nil {
						t.Fatal(err)
					}
					continue
				}
				f.refused("rewritten", c.verify(p, p.Kind), c, p)
			}
		}
	}
	t.Logf("%d proofs from a rewritten history refused", f.count["rewritten"])
}

func TestARefusalNamesItsReason(t *testing.T) {
	leaves := testLeaves(10, "reason")
	s, acc := built(leaves)
	in, con := must(mmr.InclusionProof(s, 10, 3)), must(mmr.ConsistencyProof(s, 3, 10))
	with := func(p mmr.Proof, change func(*mmr.Proof)) mmr.Proof { change(&p); return p }
	verify := func(leaves, of uint64, p mmr.Proof) error {
		return mmr.VerifyInclusion(acc.Root(), leaves, of, s[mmr.LeafIndex(3)], p)
	}
	follows := func(oldRoot mmr.Hash, old uint64, newRoot mmr.Hash, p mmr.Proof) error {
		return mmr.VerifyConsistency(oldRoot, old, newRoot, 10, p)
	}
	three := rootAt(s, 3)
	for _, c := range []struct {
		err  error
		want string
	}{
		{verify(10, 3, with(in, func(p *mmr.Proof) { p.Hashes = p.Hashes[:3] })), "the proof has 3 hashes, it takes 4 (FN5012)"},
		{verify(10, 3, with(in, func(p *mmr.Proof) { p.Hashes = append(slices.Clone(p.Hashes), mmr.Hash{}) })), "the proof has 5 hashes, it takes 4 (FN5012)"},
		{verify(10, 4, in), "the proof is about something else: kind 1 of 3 in 10 leaves, asked for kind 1 of 4 in 10 (FN5012)"},
		{verify(10, 3, con), "the proof is about something else: kind 2 of 3 in 10 leaves, asked for kind 1 of 3 in 10 (FN5012)"},
		{verify(0, 0, mmr.Proof{Kind: mmr.Inclusion}), "a proof is about a range of 1 to 4611686018427387904 leaves, this one about 0 (FN5012)"},
		{verify(10, 10, mmr.Proof{Kind: mmr.Inclusion, Of: 10, Leaves: 10}), "leaf 10 is not among 10 leaves (FN5012)"},
		{verify(10, 4, with(in, func(p *mmr.Proof) { p.Of = 4 })), "the proof does not lead from leaf 4 to the root of 10 leaves (FN5012)"},
		{follows(acc.Root(), 3, acc.Root(), con), "the proof does not lead to the older root, of 3 leaves (FN5012)"},
		{follows(three.Root(), 3, three.Root(), con), "the proof does not lead from 3 leaves to the newer root, of 10 (FN5012)"},
		{follows(acc.Root(), 11, acc.Root(), with(con, func(p *mmr.Proof) { p.Of = 11 })), "a range of 10 leaves does not follow one of 11 (FN5012)"},
		{second(mmr.Decode(nil)), "an encoded proof has at least 18 bytes, got 0 (FN5012)"},
		{second(mmr.Decode(append([]byte{2}, in.Encode()[1:]...))), "the encoding of a proof has version 1 here, got 2 (FN5012)"},
		{second(mmr.Decode(append([]byte{1, 3}, in.Encode()[2:]...))), "there is no proof of kind 3 (FN5012)"},
		{second(mmr.Decode(append(in.Encode(), 0))), "the proof takes 146 bytes, got 147 (FN5012)"},
	} {
		if c.err == nil || c.err.Error() != c.want {
			t.Errorf("%v, want %s", c.err, c.want)
		}
	}
}

// fewOf are all of 0 to n-1 for small n, else five of them.
func fewOf(r *rand.Rand, n int) (out []int) {
	if n > 96 {
		return []int{0, n/2 - 1, n / 2, n - 1, r.IntN(n)}
	}
	for i := range n {
		out = append(out, i)
	}
	return out
}

func total(count map[string]int) (n int) {
	for _, c := range count {
		n += c
	}
	return n
}

func FuzzDecode(f *testing.F) {
	leaves := testLeaves(40, "fuzz")
	n := newNaive(leaves)
	s, acc := built(leaves)
	for of := range uint64(40) {
		f.Add(must(mmr.InclusionProof(s, 40, of)).Encode())
		f.Add(must(mmr.ConsistencyProof(s, of+1, 40)).Encode())
	}
	f.Add([]byte{})
	f.Add(make([]byte, 18))
	f.Add(bytes.Repeat([]byte{1}, 18+32*63))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := mmr.Decode(b)
		if err != nil {
			if !errors.Is(err, codes.Of(codes.ProofInvalid)) || p.Hashes != nil {
				t.Errorf("%v", err)
			}
			return
		}
		if len(b) > 2034 || !bytes.Equal(p.Encode(), b) {
			t.Errorf("%x was read as %+v, which is %x", b, p, p.Encode())
		}
		// It holds only if it is the proof of this range.
		switch {
		case p.Kind == mmr.Consistency:
			var old mmr.Hash
			if p.Of <= 40 {
				old = n.root(int(p.Of))
			}
			if err := mmr.VerifyConsistency(old, p.Of, acc.Root(), p.Leaves, p); err == nil && !slices.Equal(p.Hashes, n.consistency(0, 40, int(p.Of))) {
				t.Errorf("forged: %+v", p)
			}
		default:
			var id mmr.Hash
			if p.Of < 40 {
				id = leaves[p.Of]
			}
			if err := mmr.VerifyInclusion(acc.Root(), p.Leaves, p.Of, id, p); err == nil && !slices.Equal(p.Hashes, n.inclusion(0, 40, int(p.Of))) {
				t.Errorf("forged: %+v", p)
			}
		}
	})
}

package mmr_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

func long() bool { return os.Getenv("FNODE_LONG") != "" }

// kat is the known-answer tree of the draft; its source stands in the file.
type kat struct {
	Nodes, Leaves []string
	Complete      []uint64                       `json:"complete_indices"`
	Peaks         map[string][]string            `json:"peaks"`
	Paths         map[string]map[string][]uint64 `json:"inclusion_path_indices_derived"`
}

func readKAT(t *testing.T) (k kat, nodes []mmr.Hash) {
	t.Helper()
	b, err := os.ReadFile("testdata/mmr-kat39.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &k); err != nil {
		t.Fatal(err)
	}
	for _, s := range k.Nodes {
		nodes = append(nodes, mmr.Hash(must(hex.DecodeString(s))))
	}
	if len(nodes) != 39 || len(k.Leaves) != 21 || len(k.Complete) != 21 || len(k.Peaks) != 21 || len(k.Paths) != 21 {
		t.Fatalf("the vector has %d nodes, %d leaves, %d complete sizes, %d peaks, %d paths", len(nodes), len(k.Leaves), len(k.Complete), len(k.Peaks), len(k.Paths))
	}
	return k, nodes
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestM2KnownAnswerTree(t *testing.T) {
	k, want := readKAT(t)
	var acc mmr.Accumulator
	var got []mmr.Hash
	paths := 0
	for i := range k.Leaves {
		index := mmr.LeafIndex(uint64(i))
		leaf := mmr.Hash(sha256.Sum256(binary.BigEndian.AppendUint64(nil, index)))
		if leaf.String() != k.Leaves[i] || want[index] != leaf {
			t.Fatalf("leaf %d is %s at %d, want %s", i, leaf, index, k.Leaves[i])
		}
		got = acc.Add(got, leaf)
		last := acc.Size() - 1
		if last != k.Complete[i] || uint64(len(got)) != acc.Size() || acc.Leaves() != uint64(i+1) {
			t.Fatalf("%d leaves end at index %d, want %d", i+1, last, k.Complete[i])
		}
		key := strconv.FormatUint(last, 10)
		var peaks []string
		for _, p := range acc.Peaks() {
			peaks = append(peaks, p.String())
		}
		if !slices.Equal(peaks, k.Peaks[key]) {
			t.Errorf("peaks at %s: %v, want %v", key, peaks, k.Peaks[key])
		}
		for j, p := range mmr.PeakIndices(acc.Leaves()) {
			if want[p].String() != k.Peaks[key][j] {
				t.Errorf("peak %d at %s has index %d", j, key, p)
			}
		}
		if len(k.Paths[key]) != len(got) {
			t.Fatalf("the vector has %d paths at %s", len(k.Paths[key]), key)
		}
		for node, path := range k.Paths[key] {
			if got := mmr.Siblings(acc.Leaves(), must(strconv.ParseUint(node, 10, 64))); !slices.Equal(got, path) {
				t.Errorf("path of node %s at %s: %v, want %v", node, key, got, path)
			}
			paths++
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("nodes\n%v, want\n%v", got, want)
	}
	// Proofs of leaves begin with the hashes on those paths.
	for _, last := range k.Complete {
		leaves, _ := mmr.Leaves(last + 1)
		for leaf := range leaves {
			p := must(mmr.InclusionProof(stored(want), leaves, leaf))
			for i, beside := range k.Paths[strconv.FormatUint(last, 10)][strconv.FormatUint(mmr.LeafIndex(leaf), 10)] {
				if p.Hashes[i] != want[beside] {
					t.Errorf("hash %d of the proof of leaf %d at %d is not node %d", i, leaf, last, beside)
				}
			}
		}
	}
	t.Logf("%d nodes, %d leaves, %d sizes, %d paths as in the vector", len(want), len(k.Leaves), len(k.Complete), paths)
}

func TestIndexArithmeticFollowsTheOrderOfNodes(t *testing.T) {
	const leaves = 1 << 12
	index, complete := uint64(0), map[uint64]uint64{0: 0}
	for leaf := range uint64(leaves) {
		if got := mmr.LeafIndex(leaf); got != index {
			t.Fatalf("leaf %d has index %d, want %d", leaf, got, index)
		}
		for h, rest := 0, leaf; ; h, rest = h+1, rest>>1 { // the leaf, and a parent for each one bit at its end
			if got := mmr.Height(index); got != h {
				t.Fatalf("node %d has height %d, want %d", index, got, h)
			}
			index++
			if rest&1 == 0 {
				break
			}
		}
		complete[index] = leaf + 1
		if got := mmr.Size(leaf + 1); got != index {
			t.Fatalf("%d leaves are %d nodes, want %d", leaf+1, got, index)
		}
	}
	last := uint64(0)
	for size := range index + 1 {
		n, whole := complete[size]
		if whole {
			last = n
		}
		if got, ok := mmr.Leaves(size); got != last || ok != whole {
			t.Fatalf("%d nodes have %d leaves, complete %v; want %d, %v", size, got, ok, last, whole)
		}
	}
	for _, n := range []uint64{mmr.MaxLeaves - 1, mmr.MaxLeaves} {
		if got, ok := mmr.Leaves(mmr.Size(n)); got != n || !ok {
			t.Errorf("Leaves(Size(%d)) is %d, %v", n, got, ok)
		}
	}
	for _, size := range []uint64{mmr.Size(mmr.MaxLeaves) + 1, mmr.Size(mmr.MaxLeaves + 1), ^uint64(0)} {
		if _, ok := mmr.Leaves(size); ok {
			t.Errorf("size %d is more than MaxLeaves and complete", size)
		}
	}
	if got := mmr.Height(mmr.Size(mmr.MaxLeaves) - 1); got != 62 {
		t.Errorf("the last node has height %d", got)
	}
	if got := mmr.PeakIndices(mmr.MaxLeaves); len(got) != 1 || got[0] != mmr.Size(mmr.MaxLeaves)-1 {
		t.Errorf("peaks of MaxLeaves: %v", got)
	}
}

func TestAccumulatorIsTheNaiveRange(t *testing.T) {
	const most = 1000
	leaves := testLeaves(most, "accumulator")
	n := newNaive(leaves)
	var acc mmr.Accumulator
	var got []mmr.Hash
	for i := 0; ; i++ {
		if acc.Root() != n.root(i) {
			t.Fatalf("root of %d leaves is %s, want %s", i, acc.Root(), n.root(i))
		}
		if !slices.Equal(acc.Peaks(), n.peaks(0, i)) {
			t.Fatalf("peaks of %d leaves", i)
		}
		again, err := mmr.Resume(acc.Leaves(), acc.Peaks())
		if err != nil || again.Root() != acc.Root() || again.Size() != acc.Size() {
			t.Fatalf("resumed at %d leaves: %v", i, err)
		}
		if i == most {
			break
		}
		before := len(got)
		got = acc.Add(got, leaves[i])
		if more := again.Add(nil, leaves[i]); !slices.Equal(more, got[before:]) {
			t.Fatalf("resumed at %d leaves, the next makes other nodes", i)
		}
	}
	if !slices.Equal(got, n.list(0, most)) {
		t.Error("the nodes are not those of the naive list")
	}
}

func TestResumeTakesOnlyAsManyPeaksAsLeavesAskFor(t *testing.T) {
	for _, leaves := range []uint64{0, 1, 2, 3, 7, 8, 1000, mmr.MaxLeaves - 1, mmr.MaxLeaves, mmr.MaxLeaves + 1, ^uint64(0)} {
		want := len(mmr.PeakIndices(min(leaves, mmr.MaxLeaves)))
		for n := range 66 {
			_, err := mmr.Resume(leaves, make([]mmr.Hash, n))
			if ok := n == want && leaves <= mmr.MaxLeaves; (err == nil) != ok || err != nil && !errors.Is(err, codes.Of(codes.ProofInvalid)) {
				t.Errorf("%d peaks of %d leaves: %v", n, leaves, err)
			}
		}
	}
}

func TestACopyOfAnAccumulatorIsARangeOfItsOwn(t *testing.T) {
	leaves := testLeaves(100, "copy")
	_, acc := built(leaves[:50])
	before, kept := acc.Root(), acc
	for _, l := range leaves[50:] {
		acc.Add(nil, l)
	}
	if kept.Root() != before || acc.Root() == before {
		t.Error("a copy changed with its original")
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	var acc mmr.Accumulator
	room := make([]mmr.Hash, 0, 64)
	var leaf mmr.Hash
	if n := testing.AllocsPerRun(10_000, func() {
		leaf[0]++
		room = acc.Add(room[:0], leaf)
	}); n != 0 {
		t.Errorf("Add allocates %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { leaf = acc.Root() }); n != 0 {
		t.Errorf("Root allocates %v times", n)
	}
}

// TestRootsOfDifferentSizesDiffer: equal peaks at different sizes cannot be had, but equal bytes can.
func TestRootsOfDifferentSizesDiffer(t *testing.T) {
	seen := map[mmr.Hash]uint64{}
	for leaves := range uint64(1000) {
		a := must(mmr.Resume(leaves, make([]mmr.Hash, len(mmr.PeakIndices(leaves)))))
		if n, ok := seen[a.Root()]; ok {
			t.Errorf("%d and %d leaves with peaks of zeros have one root", n, leaves)
		}
		seen[a.Root()] = leaves
	}
}

// sizes and the leaves of each that a tier looks at: every one up to 128, then those at the borders of mountains and
// some drawn.
func someLeaves(r *rand.Rand, n int) []int {
	var out []int
	if n <= 128 || long() {
		for i := range n {
			out = append(out, i)
		}
		return out
	}
	out = append(out, 0, n/2, n-1)
	at := 0
	for rest := n; rest > 0; rest = n - at {
		k := 1
		for k*2 <= rest {
			k *= 2
		}
		out = append(out, at, at+k/2, at+k-1)
		at += k
	}
	for range 6 {
		out = append(out, r.IntN(n))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const seed = 39

func TestM2InclusionOfEverySize(t *testing.T) {
	const most = 1000
	leaves, r := testLeaves(most, "inclusion"), rand.New(rand.NewPCG(seed, 1))
	n := newNaive(leaves)
	s, _ := built(leaves)
	count := 0
	for size := 1; size <= most; size++ {
		root := n.root(size)
		have := s[:mmr.Size(uint64(size))] // no proof reads beyond its range
		for _, leaf := range someLeaves(r, size) {
			p, err := mmr.InclusionProof(have, uint64(size), uint64(leaf))
			if err != nil {
				t.Fatalf("leaf %d of %d: %v", leaf, size, err)
			}
			if !slices.Equal(p.Hashes, n.inclusion(0, size, leaf)) {
				t.Fatalf("leaf %d of %d: not the naive proof (seed %d)", leaf, size, seed)
			}
			if err := mmr.VerifyInclusion(root, uint64(size), uint64(leaf), leaves[leaf], throughBytes(t, p)); err != nil {
				t.Fatalf("leaf %d of %d: %v (seed %d)", leaf, size, err, seed)
			}
			count++
		}
	}
	t.Logf("%d proofs of inclusion in every size up to %d (seed %d)", count, most, seed)
}

func TestM2ConsistencyOfEverySize(t *testing.T) {
	const most = 1000
	leaves, r := testLeaves(most, "consistency"), rand.New(rand.NewPCG(seed, 2))
	n := newNaive(leaves)
	s, _ := built(leaves)
	count := 0
	for size := 1; size <= most; size++ {
		have := s[:mmr.Size(uint64(size))]
		for _, last := range someLeaves(r, size) {
			old := last + 1
			p, err := mmr.ConsistencyProof(have, uint64(old), uint64(size))
			if err != nil {
				t.Fatalf("%d to %d: %v", old, size, err)
			}
			if !slices.Equal(p.Hashes, n.consistency(0, size, old)) {
				t.Fatalf("%d to %d: not the naive proof (seed %d)", old, size, seed)
			}
			if err := mmr.VerifyConsistency(n.root(old), uint64(old), n.root(size), uint64(size), throughBytes(t, p)); err != nil {
				t.Fatalf("%d to %d: %v (seed %d)", old, size, err, seed)
			}
			count++
		}
	}
	t.Logf("%d proofs of consistency to every size up to %d (seed %d)", count, most, seed)
}

// throughBytes is the proof as it comes out of its encoding.
func throughBytes(t *testing.T, p mmr.Proof) mmr.Proof {
	t.Helper()
	q, err := mmr.Decode(p.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if q.Kind != p.Kind || q.Of != p.Of || q.Leaves != p.Leaves || !slices.Equal(q.Hashes, p.Hashes) || !bytes.Equal(q.Encode(), p.Encode()) {
		t.Fatalf("%+v came back as %+v", p, q)
	}
	return q
}

// zeros has every node.
type zeros struct{ reads int }

func (z *zeros) Node(uint64) (mmr.Hash, error) { z.reads++; return mmr.Hash{}, nil }

func TestProofsAreShort(t *testing.T) {
	r := rand.New(rand.NewPCG(seed, 3))
	longest, reads := map[mmr.Kind]int{}, 0
	try := func(leaves, of uint64) {
		z := &zeros{}
		p := must(mmr.InclusionProof(z, leaves, of))
		q := must(mmr.ConsistencyProof(z, of+1, leaves))
		longest[p.Kind] = max(longest[p.Kind], len(p.Encode()))
		longest[q.Kind] = max(longest[q.Kind], len(q.Encode()))
		reads = max(reads, z.reads)
	}
	for range 20_000 {
		leaves := 1 + r.Uint64N(1<<20)
		try(leaves, r.Uint64N(leaves))
	}
	for h := range 21 {
		for _, n := range []uint64{1 << h, 1<<h - 1} {
			for _, of := range []uint64{0, n / 2, n - 2, n - 1} {
				if of < n {
					try(n, of)
				}
			}
		}
	}
	if longest[mmr.Inclusion] != 658 || longest[mmr.Consistency] != 690 {
		t.Errorf("up to 2^20 leaves the longest proofs have %v bytes, want 658 and 690", longest)
	}
	t.Logf("up to 2^20 leaves: at most %d bytes for inclusion, %d for consistency, %d nodes read for both", longest[mmr.Inclusion], longest[mmr.Consistency], reads)
	clear(longest)
	for range 20_000 {
		leaves := 1 + r.Uint64N(1<<(1+r.IntN(62)))
		try(leaves, r.Uint64N(leaves))
	}
	try(mmr.MaxLeaves-1, 0)
	try(mmr.MaxLeaves-1, mmr.MaxLeaves-2)
	try(mmr.MaxLeaves, mmr.MaxLeaves-1)
	if longest[mmr.Inclusion] != 2002 || longest[mmr.Consistency] != 2034 {
		t.Errorf("up to MaxLeaves the longest proofs have %v bytes, want 2002 and 2034", longest)
	}
}

func TestProofsOfNothingAreRefused(t *testing.T) {
	s, _ := built(testLeaves(10, "refused"))
	for _, c := range []struct {
		why string
		err error
	}{
		{"leaf beyond the range", second(mmr.InclusionProof(s, 10, 10))},
		{"empty range", second(mmr.InclusionProof(s, 0, 0))},
		{"range over MaxLeaves", second(mmr.InclusionProof(s, mmr.MaxLeaves+1, 0))},
		{"from the empty range", second(mmr.ConsistencyProof(s, 0, 10))},
		{"between empty ranges", second(mmr.ConsistencyProof(s, 0, 0))},
		{"older is longer", second(mmr.ConsistencyProof(s, 10, 9))},
	} {
		if !errors.Is(c.err, codes.Of(codes.ProofInvalid)) {
			t.Errorf("%s: %v", c.why, c.err)
		}
	}
	for leaf := range uint64(12) { // what the store does not have is its own error
		if _, err := mmr.InclusionProof(s[:1], 12, leaf); !errors.Is(err, errNoNode) {
			t.Errorf("leaf %d: %v", leaf, err)
		}
	}
}

// TestTheRootByHandIsThatOfTheDocs: docs/store.md works one root out with sha256sum.
func TestTheRootByHandIsThatOfTheDocs(t *testing.T) {
	var acc mmr.Accumulator
	for _, word := range []string{"started", "crashed", "restarted"} {
		acc.Add(nil, sha256.Sum256([]byte(word)))
	}
	if page := must(os.ReadFile("../../docs/store.md")); !bytes.Contains(page, []byte("# "+acc.Root().String())) {
		t.Errorf("docs/store.md does not have the root %s", acc.Root())
	}
}

func second[T any](_ T, err error) error { return err }

func ExampleAccumulator() {
	var acc mmr.Accumulator
	var s stored
	for _, word := range []string{"started", "crashed", "restarted"} {
		s = acc.Add(s, sha256.Sum256([]byte(word)))
	}
	root := acc.Root()
	proof, err := mmr.InclusionProof(s, acc.Leaves(), 1)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(len(proof.Encode()), "bytes")
	fmt.Println(mmr.VerifyInclusion(root, 3, 1, sha256.Sum256([]byte("crashed")), proof))
	fmt.Println(mmr.VerifyInclusion(root, 3, 1, sha256.Sum256([]byte("stopped")), proof))
	// Output:
	// 82 bytes
	// <nil>
	// the proof does not lead from leaf 1 to the root of 3 leaves (FN5012)
}

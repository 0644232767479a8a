package evidence_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

func TestE4ABundleOfASelectionHolds(t *testing.T) {
	l := story("bundle")
	cp := uint64(len(l.items) - 9) // what the checkpoint covers
	hidden := func(i *evidence.Item) bool { return i.Kind == 48 }
	incident, err := evidence.Incident(l, 30, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		sel           evidence.Selection
		markers, runs uint64
		first, last   uint64
		words         string
	}{
		{evidence.Selection{}, cp, 1, 1, cp, "the whole ledger"},
		{evidence.Selection{Hide: hidden, Hidden: "kv: private"}, cp, 1, 1, cp, "the whole ledger"},
		{evidence.Range(5, 9), 5, 1, 5, 9, "markers 5 to 9"},
		{evidence.Range(40, 900), cp - 39, 1, 40, cp, "markers 40 to 900"},
		{evidence.Under("sup/ext/a"), 6, 6, 2, cp, "path sup/ext/a"},
		{evidence.Under("sup"), cp - 2, 2, 2, cp, "path sup"},
		{incident, 0, 0, 20, 36, "incident of marker 30, within 5s of it"},
	} {
		b, sum := bundle(t, l, row.sel)
		for _, key := range [][]byte{nil, pub(l.key)} {
			rep, shown, err := verify(b, key)
			if err != nil {
				t.Errorf("%s: %v", row.words, err)
				continue
			}
			if rep.Markers != sum.Markers || rep.Runs != sum.Runs || rep.Redacted != sum.Redacted || rep.Covered != cp || rep.Beyond != sum.Beyond || sum.Covered != cp {
				t.Errorf("%s: written %+v, read %+v", row.words, sum, rep)
			}
			if row.markers > 0 && (rep.Markers != row.markers || rep.Runs != row.runs) || rep.Manifest.Words != row.words {
				t.Errorf("%s: %d markers in %d runs, want %d in %d", row.words, rep.Markers, rep.Runs, row.markers, row.runs)
			}
			if f, n := shown[0].Seq, shown[len(shown)-1].Seq; f < row.first || n > row.last {
				t.Errorf("%s: shows %d to %d, want within %d to %d", row.words, f, n, row.first, row.last)
			}
			if want := map[bool]string{true: "genesis", false: "argument"}[key == nil]; rep.Anchor.From != want || rep.Anchor.Key != fmt.Sprintf("%x", pub(l.key)) {
				t.Errorf("the anchor is %+v", rep.Anchor)
			}
			if rep.Recomputed+uint64(rep.Unknown["lease"]) != rep.Decisions {
				t.Errorf("%s: of %d decisions %d were recomputed, and %v are unknown", row.words, rep.Decisions, rep.Recomputed, rep.Unknown)
			}
		}
	}
	if _, err := evidence.WriteBundle(&bytes.Buffer{}, l, evidence.Under("nowhere")); !errors.Is(err, codes.Of(codes.NoMarker)) {
		t.Errorf("nothing is selected: %v", err)
	}
	if _, err := evidence.Incident(l, 900, time.Second); !errors.Is(err, codes.Of(codes.NoMarker)) {
		t.Errorf("no such incident: %v", err)
	}
}

// TestE4ABundleTellsOfDecisionsRedactionsAndWhatIsPruned: each marker is shown with what it says, or that it is hidden.
func TestE4ABundleTellsOfDecisionsRedactionsAndWhatIsPruned(t *testing.T) {
	l := story("shown")
	secret := []byte("what happened, number 3")
	l.items[4].Payload, l.items[4].Pruned = nil, true // marker 5: number 3
	l.items[7].Payload = bytes.Clone(l.items[7].Payload)
	b, sum := bundle(t, l, evidence.Selection{Hide: func(i *evidence.Item) bool { return i.Seq%3 == 2 && i.Kind != 18 }, Hidden: "every third", By: "auditor", At: 7})
	rep, shown, err := verify(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, secret) || !rep.Manifest.Whole || rep.Manifest.Hidden != "every third" || rep.Manifest.By != "auditor" || rep.Manifest.At != 7 {
		t.Error(rep.Manifest)
	}
	entries, denials := 0, 0
	for i, s := range shown {
		of := l.items[i]
		if s.Marker != of.Marker || s.Pruned != of.Pruned || s.Redacted != (of.Seq%3 == 2 && of.Kind != 18 && !of.Pruned) {
			t.Errorf("marker %d is shown as %+v", of.Seq, s)
		}
		if (s.Redacted || s.Pruned) == (s.Says.Body != nil) {
			t.Errorf("marker %d says %q", s.Seq, s.Says.Body)
		}
		if s.Entry != nil {
			entries++
		}
		if s.Denials != nil {
			denials++
		}
	}
	if rep.Pruned != 1 || rep.Redacted != sum.Redacted || rep.Redacted == 0 || uint64(entries) != rep.Decisions || entries < 9 || denials > 1 {
		t.Errorf("%d entries, %d denials, %+v", entries, denials, rep)
	}
	if rep.Payloads+rep.Redacted+rep.Pruned != rep.Markers+2 { // and those of genesis and checkpoint
		t.Errorf("%+v", rep)
	}
}

func TestE4ALedgerWhoseBeginningWasPrunedIsExported(t *testing.T) {
	l := story("pruned")
	l.base = 10
	b, _ := bundle(t, l, evidence.Selection{})
	for key, want := range map[string]string{"": "checkpoint", "pruned": "argument"} {
		var anchor []byte
		if key != "" {
			anchor = pub(keyOf(key))
		}
		rep, shown, err := verify(b, anchor)
		if err != nil || rep.Anchor.From != want || shown[0].Seq != 11 {
			t.Errorf("%v, anchor %+v", err, rep.Anchor)
		}
	}
}

// broken says that a bundle breaks, at one of the places.
func broken(t *testing.T, name string, b []byte, key []byte, what string, places ...int) {
	t.Helper()
	rep, _, err := verify(b, key)
	if !errors.Is(err, codes.Of(codes.BundleBroken)) || len(rep.Breaks) == 0 {
		t.Errorf("%s: %v", name, err)
		return
	}
	first := rep.Breaks[0]
	if len(places) > 0 && !slices.Contains(places, int(first.Offset)) {
		t.Errorf("%s: told at offset %d, want one of %d: %s", name, first.Offset, places, first)
	}
	if !slices.ContainsFunc(rep.Breaks, func(b evidence.Break) bool { return strings.Contains(b.String(), what) }) {
		t.Errorf("%s: %v, want %q", name, rep.Breaks, what)
	}
}

// TestE4EveryFlippedBitIsToldByItsPlace: as damage does it, without anybody who mends checksums.
func TestE4EveryFlippedBitIsToldByItsPlace(t *testing.T) {
	l := story("flip")
	b, _ := bundle(t, l, evidence.Selection{Hide: func(i *evidence.Item) bool { return i.Seq%7 == 0 }, Hidden: "sevenths"})
	pieces := split(b)
	r := rand.New(rand.NewPCG(3, 3))
	n := 0
	for at := range b {
		for bit := range 8 {
			if !long() && bit != r.IntN(8) {
				continue
			}
			if !long() && at > 600 && r.IntN(16) > 0 {
				continue
			}
			n++
			b[at] ^= 1 << bit
			rep, _, err := verify(b, nil)
			b[at] ^= 1 << bit
			switch {
			case err == nil:
				t.Fatalf("bit %d of byte %d: nothing is told", bit, at)
			case at < 8:
				if !errors.Is(err, codes.Of(codes.NotABundle)) && !errors.Is(err, codes.Of(codes.BundleNewer)) || !strings.Contains(err.Error(), "(offset ") {
					t.Fatalf("bit %d of byte %d: %v", bit, at, err)
				}
			default:
				i, _ := slices.BinarySearchFunc(pieces, at+1, func(p piece, at int) int { return p.at - at })
				if want := int64(pieces[i-1].at); rep.Breaks[0].Offset != want {
					t.Fatalf("bit %d of byte %d: told at %d, want %d: %v", bit, at, rep.Breaks[0].Offset, want, err)
				}
			}
		}
	}
	if n < 1000 {
		t.Errorf("only %d flips", n)
	}
	t.Logf("%d flips in %d bytes, each told at its part", n, len(b))
}

// TestE4EveryFlippedBitThatIsSealedAgainIsToldOrHarmless: somebody flips bits and mends the checksum of the part, but has
// no key. What is not told changes nothing of what the bundle shows but words that nobody signs.
func TestE4EveryFlippedBitThatIsSealedAgainIsToldOrHarmless(t *testing.T) {
	l := story("sealed")
	b, _ := bundle(t, l, evidence.Selection{Hide: func(i *evidence.Item) bool { return i.Seq%7 == 0 }, Hidden: "sevenths"})
	want, wantShown, err := verify(b, nil)
	if err != nil {
		t.Fatal(err)
	}
	pieces := split(b)
	r := rand.New(rand.NewPCG(4, 4))
	told, harmless := map[byte]int{}, map[byte]int{}
	for i, p := range pieces {
		for at := range p.body {
			for bit := range 8 {
				if !long() && r.IntN(8) > 0 || !long() && i > 8 && r.IntN(12) > 0 {
					continue
				}
				p.body[at] ^= 1 << bit
				got, shown, err := verify(join(pieces), nil)
				p.body[at] ^= 1 << bit
				if errors.Is(err, codes.Of(codes.BundleNewer)) {
					told[p.kind]++
					continue
				}
				if err != nil {
					if told[p.kind]++; len(got.Breaks) == 0 || got.Breaks[0].What == "" {
						t.Fatalf("part %d, byte %d: no place is told: %v", i, at, err)
					}
					continue
				}
				harmless[p.kind]++
				got.Manifest, got.Beyond = want.Manifest, want.Beyond
				if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(shown, wantShown) {
					t.Fatalf("part %d (kind %d), byte %d, bit %d: nothing is told, and another thing is shown", i, p.kind, at, bit)
				}
			}
		}
	}
	n := 0
	for _, k := range []byte{pGenesis, pMarker, pProof} {
		if harmless[k] > 0 || told[k] == 0 {
			t.Errorf("parts of kind %d: %d told, %d harmless", k, told[k], harmless[k])
		}
		n += told[k]
	}
	if n < 1000 {
		t.Errorf("only %d flips", n)
	}
	t.Logf("told, by kind of part: %v; harmless: %v (words of the manifest, what nobody signs of the checkpoint's own marker)", told, harmless)
}

func TestE4ACutBundleIsToldAtTheCut(t *testing.T) {
	l := story("cut")
	b, _ := bundle(t, l, evidence.Selection{})
	for _, p := range split(b) {
		broken(t, "before a part", b[:p.at], nil, "", p.at)
		broken(t, "within a head", b[:p.at+5], nil, "cut off", p.at)
		broken(t, "after a head", b[:p.at+12], nil, "cut off", p.at)
		broken(t, "within a body", b[:p.at+12+len(p.body)/2], nil, "cut off", p.at)
	}
	broken(t, "bytes behind it", append(bytes.Clone(b), 0), nil, "cut off", len(b))
	broken(t, "a part behind it", append(bytes.Clone(b), b[8:]...), nil, "behind the end", len(b))
	for n := range 8 {
		if _, _, err := verify(b[:n], nil); !errors.Is(err, codes.Of(codes.NotABundle)) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := evidence.Verify(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(b))), evidence.Check{}); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("a reader that fails: %v", err)
	}
	if _, err := evidence.Verify(iotest.OneByteReader(bytes.NewReader(b)), evidence.Check{}); err != nil {
		t.Errorf("byte by byte: %v", err)
	}
}

// TestE4MarkersThatAreSwappedDroppedOrDoubledAreTold: by somebody who mends checksums and counts, but has no key.
func TestE4MarkersThatAreSwappedDroppedOrDoubledAreTold(t *testing.T) {
	l := story("moved")
	for _, sel := range []evidence.Selection{{}, evidence.Under("sup/ext/b")} {
		b, _ := bundle(t, l, sel)
		whole := split(b)
		n := 0
		for i, p := range whole {
			dropped := slices.Delete(slices.Clone(whole), i, i+1)
			doubled := slices.Insert(slices.Clone(whole), i, p)
			edge := p.kind == pMarker && whole[i-1].kind == pProof && sel.Pick != nil // the first of a run of a selection may go
			for name, ps := range map[string][]piece{"dropped": dropped, "doubled": doubled} {
				ps = recounted(ps)
				rep, _, err := verify(join(ps), nil)
				switch {
				case err != nil && len(rep.Breaks) > 0:
					n++
				case err == nil && name == "dropped" && p.kind == pGenesis:
					t.Errorf("the genesis is gone, and its proof is taken for something")
				case err == nil && name == "dropped" && edge && whole[i+1].kind == pMarker:
				default:
					t.Errorf("%v: part %d of kind %d %s: %v", sel.Words, i, p.kind, name, err)
				}
			}
			if i+1 < len(whole) {
				swapped := slices.Clone(whole)
				swapped[i], swapped[i+1] = whole[i+1], whole[i]
				broken(t, fmt.Sprintf("part %d of kind %d swapped", i, p.kind), join(recounted(swapped)), nil, "")
			}
		}
		t.Logf("%d parts dropped or doubled, each told", n)
	}
}

// recounted mends the counts of the last part.
func recounted(ps []piece) []piece {
	ps = slices.Clone(ps)
	at := slices.IndexFunc(ps, func(p piece) bool { return p.kind == pEnd })
	if at < 0 {
		return ps
	}
	var e evidence.End
	if err := marker.Decode(ps[at].body, &e); err != nil {
		panic(err)
	}
	open := false
	e.Markers, e.Runs = 0, 0
	for _, p := range ps {
		switch p.kind {
		case pMarker:
			e.Markers++
			open = true
		case pProof:
			if open {
				e.Runs++
			}
			open = false
		}
	}
	ps[at].body = must(marker.Encode(&e))
	return ps
}

func BenchmarkVerify(b *testing.B) {
	l := newLedger("bench")
	for len(l.items) < 10_000 {
		decided(l, 9)
	}
	l.sign()
	text, sum := bundle(b, l, evidence.Selection{})
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, _, err := verify(text, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(sum.Markers)*float64(b.N)/b.Elapsed().Seconds(), "markers/s")
}

func BenchmarkWrite(b *testing.B) {
	l := newLedger("bench")
	for len(l.items) < 10_000 {
		decided(l, 9)
	}
	l.sign()
	for b.Loop() {
		if _, err := evidence.WriteBundle(io.Discard, l, evidence.Selection{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "markers/s")
}

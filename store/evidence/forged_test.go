package evidence_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// at is the index of the part with that marker in a run.
func at(ps []piece, seq uint64) int {
	return slices.IndexFunc(ps, func(p piece) bool { return p.kind == pMarker && p.seq() == seq })
}

// decision is a marker with evidence of a restart, and what it says.
func decision(t *testing.T, ps []piece) (i int, p marker.Payload, e evidence.Entry) {
	t.Helper()
	for i, q := range ps {
		if q.kind != pMarker || q.marker().Kind != 18 {
			continue
		}
		if err := marker.Decode(q.body[1+marker.Size:], &p); err != nil {
			t.Fatal(err)
		}
		return i, p, must(evidence.Decode(p.Body))
	}
	t.Fatal("no decision")
	return
}

// TestE4WhoHasNoKeyCannotAlterADecision: whatever is hashed again, the root that is signed is another one.
func TestE4WhoHasNoKeyCannotAlterADecision(t *testing.T) {
	l := story("altered")
	b, _ := bundle(t, l, evidence.Selection{})
	i, p, e := decision(t, split(b))
	e.Choice = "quarantine"
	p.Body = must(e.Encode())
	payload := must(marker.Encode(&p))

	ps := split(b) // only the payload
	ps[i].body = append(ps[i].body[:1+marker.Size:1+marker.Size], payload...)
	offset := split(join(ps))[i].at
	broken(t, "the payload", join(ps), nil, "the payload is not the one that the marker states", offset)

	ps = split(b) // its digest too
	ps[i] = ps[i].with(ps[i].marker(), payload)
	broken(t, "the digest", join(ps), nil, "choice: recorded quarantine, recomputed restart", offset)
	broken(t, "the digest", join(ps), nil, "it is not the one to which marker")

	for j := i + 1; j < len(ps) && ps[j].kind == pMarker; j++ { // and the whole chain behind it
		m, prev := ps[j].marker(), ps[j-1].marker()
		m.Prev = prev.ID()
		ps[j].body = append(m.Append(ps[j].body[:1:1]), ps[j].body[1+marker.Size:]...)
	}
	rep, _, err := verify(join(ps), nil)
	if err == nil || !strings.Contains(err.Error(), "choice: recorded quarantine") {
		t.Error(err)
	}
	last := rep.Breaks[len(rep.Breaks)-2]
	if last.Part != "proof" || !strings.Contains(last.What, "are not shown to be in the ledger") || rep.Runs != 0 {
		t.Error(rep.Breaks)
	}

	e.Choice, e.Rule = "restart", "S1" // nothing that the replay could see: another trace
	ps = split(b)
	m := ps[i].marker()
	m.Trace[0] = 1
	ps[i].body = append(m.Append([]byte{0}), ps[i].body[1+marker.Size:]...)
	broken(t, "a trace", join(ps), nil, "it is not the one to which marker", ps[i].at)
}

// TestE2WhoHasTheKeyAndAltersADecisionIsNamedByTheReplay: the ledger itself was written so.
func TestE2WhoHasTheKeyAndAltersADecisionIsNamedByTheReplay(t *testing.T) {
	l := newLedger("insider")
	l.tell()
	var where uint64
	for i := range l.items {
		it := &l.items[i]
		p, err := it.Says()
		if err != nil || it.Kind != 18 || where > 0 {
			continue
		}
		e := must(evidence.Decode(p.Body))
		e.Choice = "quarantine"
		p.Body = must(e.Encode())
		it.Payload, where = must(marker.Encode(&p)), it.Seq
	}
	again := newLedger("insider")
	for _, i := range l.items[1:] {
		p, _ := i.Says()
		kind := map[uint16]string{2: "checkpoint", 17: "grant", 18: "protect", 19: "denials"}[i.Kind]
		if kind == "" || kind == "checkpoint" {
			kind = "kv"
		}
		again.raw(kind, p.Region, p.Actor, i.Payload)
	}
	again.sign()
	b, _ := bundle(t, again, evidence.Selection{})
	rep, _, err := verify(b, pub(again.key))
	if !errors.Is(err, codes.Of(codes.BundleBroken)) || len(rep.Breaks) != 1 || rep.Breaks[0].Seq != where ||
		rep.Breaks[0].What != "the decision is not the one that its inputs lead to: choice: recorded quarantine, recomputed restart" {
		t.Errorf("%v", err)
	}
	if rep.Runs != 1 || rep.Recomputed != rep.Decisions-2 { // and the grant, which nothing recomputes
		t.Errorf("%+v", rep)
	}
}

func TestE4AProofOfAnotherMarkerIsTold(t *testing.T) {
	l := story("proofs")
	b, _ := bundle(t, l, evidence.Under("sup/ext/b"))
	ps := split(b)
	var proofs []int
	for i, p := range ps {
		if p.kind == pProof {
			proofs = append(proofs, i)
		}
	}
	for _, i := range proofs {
		for _, j := range proofs {
			if i == j {
				continue
			}
			forged := slices.Clone(ps)
			forged[i].body = ps[j].body
			broken(t, "another's proof", join(forged), nil, "the ledger")
			relabelled := must(mmr.Decode(ps[j].body))
			relabelled.Of = must(mmr.Decode(ps[i].body)).Of
			forged[i].body = relabelled.Encode()
			if _, err := mmr.Decode(forged[i].body); err == nil {
				broken(t, "another's proof, relabelled", join(forged), nil, "the ledger")
			}
		}
	}
	older := must(mmr.InclusionProof(l, 30, 19)) // of a smaller range
	forged := slices.Clone(ps)
	forged[proofs[1]].body = older.Encode()
	broken(t, "an older proof", join(forged), nil, "not shown to be in the ledger")
}

// TestM3ACheckpointOfAnotherKeyIsTold: by the genesis, and by the anchor that is handed in.
func TestM3ACheckpointOfAnotherKeyIsTold(t *testing.T) {
	l := story("signed")
	honest, _ := bundle(t, l, evidence.Selection{})
	l.key = keyOf("somebody else")
	l.sign()
	b, _ := bundle(t, l, evidence.Selection{})
	checkpoint := split(b)[2].at
	broken(t, "by the genesis", b, nil, "it is signed with the key", checkpoint)
	broken(t, "by the anchor", b, pub(keyOf("signed")), "it is signed with the key", checkpoint)
	broken(t, "another anchor", honest, pub(keyOf("somebody else")), "it is signed with the key", split(honest)[2].at)

	forged := story("signed by somebody else") // all of it, from its genesis on
	b, _ = bundle(t, forged, evidence.Selection{})
	if rep, _, err := verify(b, nil); err != nil || rep.Anchor.From != "genesis" {
		t.Errorf("a ledger of somebody else holds by itself: %v", err)
	}
	broken(t, "a forged ledger", b, pub(keyOf("signed")), "it is signed with the key")

	other := split(b) // an honest checkpoint for markers of another ledger
	other[2] = split(honest)[2]
	broken(t, "the checkpoint of another ledger", join(other), nil, "it is of the ledger")
	none := split(honest)
	broken(t, "no checkpoint", join(append(none[:2:2], none[4:]...)), nil, "no checkpoint stands before")
}

// TestM3AKeyIsFollowedThroughItsHandovers: from the anchor on, and not backwards.
func TestM3AKeyIsFollowedThroughItsHandovers(t *testing.T) {
	l := story("first")
	l.handOver(keyOf("second"))
	l.add("kv", "", 1)
	l.handOver(keyOf("third"))
	l.sign()
	b, _ := bundle(t, l, evidence.Selection{})
	for _, row := range []struct {
		key       string
		from      string
		handovers int
	}{{"", "genesis", 2}, {"first", "argument", 2}, {"second", "argument", 1}, {"third", "argument", 0}} {
		var anchor []byte
		if row.key != "" {
			anchor = pub(keyOf(row.key))
		}
		rep, _, err := verify(b, anchor)
		if err != nil || rep.Anchor.From != row.from || rep.Handovers != row.handovers {
			t.Errorf("%q: %v, %+v, %d hand-overs", row.key, err, rep.Anchor, rep.Handovers)
		}
	}
	broken(t, "a stranger", b, pub(keyOf("fourth")), "it is signed with the key")

	ps := split(b)
	keys := []int{}
	for i, p := range ps {
		if p.kind == pKey {
			keys = append(keys, i)
		}
	}
	if len(keys) != 2 {
		t.Fatal(keys)
	}
	broken(t, "a hand-over is missing", join(slices.Delete(slices.Clone(ps), keys[0], keys[0]+1)), nil, "it is signed with the key")
	m := ps[keys[1]].marker()
	forged := slices.Clone(ps) // handed over by somebody who did not hold the key
	says := must(ref(marker.Sign(keyOf("mallory"), "key", &marker.Handover{Store: l.id, Role: "ledger", Key: pub(keyOf("third"))})))
	forged[keys[1]] = ps[keys[1]].with(m, must(marker.Encode(&marker.Payload{Body: rawOf(says)})))
	broken(t, "a hand-over by a stranger", join(forged), nil, "it is signed with the key")
	says.Sig[3] ^= 1
	forged[keys[1]] = ps[keys[1]].with(m, must(marker.Encode(&marker.Payload{Body: rawOf(says)})))
	broken(t, "a signature that does not hold", join(forged), nil, "the signature of this key does not hold", ps[keys[1]].at)

	l.key = keyOf("second") // the old key goes on signing
	l.sign()
	b, _ = bundle(t, l, evidence.Selection{})
	broken(t, "the key that went", b, nil, "it is signed with the key")
}

// TestE4WhatTheManifestPromisesIsHeld: nobody signs it, but it is what the bundle says of itself.
func TestE4WhatTheManifestPromisesIsHeld(t *testing.T) {
	l := story("whole")
	b, _ := bundle(t, l, evidence.Range(10, 20))
	ps := split(b)
	cut := slices.Delete(slices.Clone(ps), at(ps, 10), at(ps, 12))
	broken(t, "the first are missing", join(recounted(cut)), nil, "some before it are missing")
	short, _ := bundle(t, l, evidence.Range(10, 15))
	short2 := split(short)
	short2[0] = ps[0]
	broken(t, "the last are missing", join(short2), nil, "those behind 15 are missing")
	short2[0] = split(must2(bundle(t, l, evidence.Range(10, 12))))[0]
	broken(t, "more than it says", join(short2), nil, "the manifest says markers 10 to 12")
	var e evidence.End
	last := len(ps) - 1
	_ = marker.Decode(ps[last].body, &e)
	for name, change := range map[string]func(){
		"markers": func() { e.Markers++ }, "runs": func() { e.Runs++ }, "redacted": func() { e.Redacted++ }, "pruned": func() { e.Pruned++ },
	} {
		was := e
		change()
		forged := slices.Clone(ps)
		forged[last].body = rawOf(&e)
		broken(t, name, join(forged), nil, "were written", ps[last].at)
		e = was
	}
}

func must2[A, B any](a A, _ B) A { return a }

// TestE4HostileBytesAreRefusedWithinLimits: whatever a part says of its size.
func TestE4HostileBytesAreRefusedWithinLimits(t *testing.T) {
	l := story("limits")
	b, _ := bundle(t, l, evidence.Range(3, 5))
	ps := split(b)
	for _, i := range []int{0, 2, 4, len(ps) - 1} {
		for _, size := range []uint32{1<<32 - 1, 5 << 20, uint32(len(ps[i].body)) + 1} {
			c := bytes.Clone(b)
			binary.BigEndian.PutUint32(c[ps[i].at:], size)
			broken(t, "a length", c, nil, "", ps[i].at)
		}
		for kind := range 256 {
			forged := slices.Clone(ps)
			if forged[i].kind = byte(kind); byte(kind) != ps[i].kind {
				broken(t, "another kind", join(forged), nil, "", ps[i].at, ps[0].at, ps[3].at, ps[4].at, ps[len(ps)-2].at, ps[len(ps)-1].at, ps[1].at)
			}
		}
	}
	for _, text := range []string{"", "FNBUN", "not a bundle at all", "FNSEG\x00\x00\x01", "FNBUN\x00\x00\x00"} {
		if _, _, err := verify([]byte(text), nil); !errors.Is(err, codes.Of(codes.NotABundle)) {
			t.Errorf("%q: %v", text, err)
		}
	}
	newer := bytes.Clone(b)
	newer[7] = 2
	if _, _, err := verify(newer, nil); !errors.Is(err, codes.Of(codes.BundleNewer)) {
		t.Errorf("a newer bundle: %v", err)
	}
	ps[4].body[1+3] = 2 // of a marker
	if _, _, err := verify(join(ps), nil); !errors.Is(err, codes.Of(codes.BundleNewer)) {
		t.Errorf("a newer marker: %v", err)
	}
	empty := join(nil)
	broken(t, "nothing", empty, nil, "cut off", 8)
	many := slices.Repeat([]piece{{kind: pProof}}, 5000)
	rep, _, err := verify(join(append(ps[:1:1], many...)), nil)
	if rep.BreakCount != 5001 || len(rep.Breaks) != 100 || len(codes.From(err).Facts) != 100 {
		t.Errorf("%d breaks, %d listed", rep.BreakCount, len(rep.Breaks))
	}
}

// TestE4ABundleIsNeverWholeInMemory: a hundred megabytes through a pipe.
func TestE4ABundleIsNeverWholeInMemory(t *testing.T) {
	l := newLedger("stream")
	payload := must(marker.Encode(&marker.Payload{Body: rawOf(make([]byte, 1<<20))}))
	for range 100 {
		l.raw("kv", "", "", payload)
	}
	l.sign()
	r, w := io.Pipe()
	wrote := make(chan error, 1) // capacity 1: the one answer
	go func() {                  // owner: the test; ends: the bundle is written or its reader has ended
		_, err := evidence.WriteBundle(w, l, evidence.Selection{})
		wrote <- errors.Join(err, w.CloseWithError(err))
	}()
	var most uint64
	n := 0
	rep, err := evidence.Verify(r, evidence.Check{Progress: func(int64) {
		if n++; n%10 == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}})
	if err := errors.Join(err, r.Close(), <-wrote); err != nil {
		t.Fatal(err)
	}
	if rep.Bytes < 100<<20 || most > 32<<20 {
		t.Errorf("%d bytes of bundle, %d of memory", rep.Bytes, most)
	}
	t.Logf("%d MB of bundle, %d MB of heap at most", rep.Bytes>>20, most>>20)
}

// FuzzVerify: hostile bytes are refused without a panic.
func FuzzVerify(f *testing.F) {
	l := story("fuzz")
	for _, sel := range []evidence.Selection{{}, evidence.Range(2, 4), evidence.Under("sup/ext/b")} {
		b, _ := bundle(f, l, sel)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := b
		if ps := pieces(b); ps != nil { // also with checksums that hold
			whole = join(ps)
		}
		for _, b := range [][]byte{b, whole} {
			_, _ = evidence.Verify(bytes.NewReader(b), evidence.Check{Replays: replays()})
		}
	})
}

// pieces are those of bytes that may be none.
func pieces(b []byte) (ps []piece) {
	defer func() { _ = recover() }()
	return split(b)
}

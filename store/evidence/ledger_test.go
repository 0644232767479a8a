package evidence_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	extension "github.com/franken-node/fnode-supervisor/actors/extension/core"
	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
	"github.com/franken-node/fnode-supervisor/supervision/account"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

func long() bool { return os.Getenv("FNODE_LONG") != "" }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func keyOf(name string) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	return ed25519.NewKeyFromSeed(seed)
}

func pub(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// ledger is one in memory.
type ledger struct {
	id    marker.Tag
	key   ed25519.PrivateKey // signs checkpoints
	items []evidence.Item
	acc   mmr.Accumulator
	nodes []mmr.Hash
	base  uint64
	now   int64
}

// newLedger begins with a genesis.
func newLedger(name string) *ledger {
	l := &ledger{id: marker.TagOf("ledger " + name), key: keyOf(name), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()}
	l.add("genesis", "", &marker.Genesis{Store: l.id, Time: l.now, Role: "ledger", Key: pub(l.key)})
	return l
}

// add appends a marker at a path.
func (l *ledger) add(kind, path string, body any) uint64 {
	return l.put(kind, &marker.Payload{Region: path, Actor: path, Body: must(marker.Encode(body))})
}

func (l *ledger) put(kind string, p *marker.Payload) uint64 {
	return l.raw(kind, p.Region, p.Actor, must(marker.Encode(p)))
}

func (l *ledger) raw(kind, region, actor string, payload []byte) uint64 {
	l.now += int64(time.Second)
	i := evidence.Item{Payload: payload, Marker: marker.Marker{
		Kind: spec.RecordNamed(kind).Code, Seq: uint64(len(l.items) + 1), Epoch: 1, Time: l.now, Region: marker.TagOf(region), Actor: marker.TagOf(actor),
		Digest: marker.DigestOf(payload), Length: uint32(len(payload)),
	}}
	if i.Seq > 1 {
		i.Prev = l.items[i.Seq-2].ID()
	}
	l.items = append(l.items, i)
	l.nodes = l.acc.Add(l.nodes, mmr.Hash(i.ID()))
	return i.Seq
}

// sign appends a checkpoint of all so far.
func (l *ledger) sign() uint64 {
	n := uint64(len(l.items))
	return l.add("checkpoint", "", must(ref(marker.Sign(l.key, "checkpoint", &marker.Checkpoint{
		Store: l.id, Seq: n, Head: l.items[n-1].ID(), Root: marker.ID(l.acc.Root()), Time: l.now,
	}))))
}

func ref[T any](v T, err error) (*T, error) { return &v, err }

// handOver appends that another key signs from here on.
func (l *ledger) handOver(to ed25519.PrivateKey) {
	l.add("key", "", must(ref(marker.Sign(l.key, "key", &marker.Handover{Store: l.id, Time: l.now, Role: "ledger", Key: pub(to)}))))
	l.key = to
}

func (l *ledger) Base() uint64 { return l.base }

func (l *ledger) Read(first, last uint64, f func(*evidence.Item) bool) error {
	for seq := max(first, 1); seq <= min(last, uint64(len(l.items))); seq++ {
		if i := l.items[seq-1]; !f(&i) {
			return nil
		}
	}
	return nil
}

func (l *ledger) Prove(seq, at uint64) (mmr.Proof, error) { return mmr.InclusionProof(l, at, seq-1) }

func (l *ledger) Node(i uint64) (mmr.Hash, error) { return l.nodes[i], nil }

func (l *ledger) Checkpoint() (evidence.Item, error) {
	for _, i := range slices.Backward(l.items) {
		if i.Kind == spec.RecordNamed("checkpoint").Code {
			return i, nil
		}
	}
	return evidence.Item{}, fmt.Errorf("no checkpoint")
}

// story is a ledger of a daemon in which b crashes until its supervisor gives up: about 60 markers, of which 8 and the
// checkpoint are behind the last one that is signed.
func story(name string) *ledger {
	l := newLedger(name)
	l.tell()
	l.sign()
	for range 8 {
		l.add("kv", "sup/ext/c", "behind the checkpoint")
	}
	return l
}

func (l *ledger) tell() {
	for i := range 20 {
		l.add([]string{"kv", "lifecycle", "region"}[i%3], fmt.Sprint("sup/ext/", string(rune('a'+i%4))), fmt.Sprint("what happened, number ", i))
	}
	l.sign()
	decided(l, 9)
	g := must(extension.Entry(extension.Inputs{Path: "sup/ext/b", Name: "b", Version: "1.2.0", Digest: "sha256:00", Profile: "strict", Queue: 64}))
	l.add("grant", "sup/ext/b", &g)
	g = must(evidence.New("lease", map[uint64]string{1: "db-1"}, evidence.Outcome{
		Rule: "E1", Candidates: []string{"refuse", "grant"}, Constraints: []string{"fence"}, Choice: "grant",
	}))
	l.add("grant", "sup/ext/b", &g)
	l.add("denials", "sup/ext/a", &evidence.Denials{Path: "sup/ext/a", What: "FN1003", Count: 41, First: 20, Last: 90, From: 10, Until: 100})
}

// decided adds the evidence of n crashes of b.
func decided(l *ledger, n int) {
	c := must(core.New(core.Spec{Budget: core.Budget{Restarts: n - 1, Window: time.Hour}, Children: []core.Child{{Name: "b"}}}))
	inc := uint32(1)
	step := func(e core.Event) {
		e.Now, e.Rand, e.Inc, e.Name = l.now, 1<<62, inc, "b"
		for _, cmd := range c.Step(e) {
			if cmd.Kind == core.Start {
				inc = cmd.Inc
			}
		}
		for _, d := range c.Decided() {
			e := must(account.Entry(&d, uint64(len(l.items))))
			l.add("protect", "sup/ext/b", &e)
		}
	}
	step(core.Event{Kind: core.Boot})
	for range n {
		step(core.Event{Kind: core.Ready})
		step(core.Event{Kind: core.Ended, Exit: core.Exit{Kind: core.Crashed, Text: "boom"}})
		l.add("lifecycle", "sup/ext/b", "ended")
		step(core.Event{Kind: core.Due})
	}
}

// bundle writes a selection.
func bundle(t testing.TB, l *ledger, sel evidence.Selection) ([]byte, evidence.Summary) {
	t.Helper()
	var b bytes.Buffer
	sum, err := evidence.WriteBundle(&b, l, sel)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Bytes != int64(b.Len()) {
		t.Fatalf("%d bytes were told, %d written", sum.Bytes, b.Len())
	}
	return b.Bytes(), sum
}

// replays recompute all but leases.
func replays() evidence.Validator {
	all := account.Replays()
	maps.Copy(all, extension.Replays())
	return all
}

// verify gives what was found, and every marker that was shown.
func verify(b []byte, key ed25519.PublicKey) (evidence.Report, []evidence.Shown, error) {
	var shown []evidence.Shown
	rep, err := evidence.Verify(bytes.NewReader(b), evidence.Check{
		Key: key, Replays: replays(), Each: func(s *evidence.Shown) { shown = append(shown, *s) },
	})
	return rep, shown, err
}

// The kinds of parts, as docs/store.md has them: this is a second implementation of the frames.
const (
	pManifest = iota + 1
	pGenesis
	pKey
	pCheckpoint
	pMarker
	pProof
	pEnd
)

// piece is a part of a bundle.
type piece struct {
	at   int
	kind byte
	body []byte
}

func (p piece) seq() uint64 { return binary.BigEndian.Uint64(p.body[1+8:]) }

// marker is that of a marker's part.
func (p piece) marker() marker.Marker { return must(marker.Parse(p.body[1:])) }

// with is the part with another marker and payload, whose length and digest are those of the payload.
func (p piece) with(m marker.Marker, payload []byte) piece {
	m.Digest, m.Length = marker.DigestOf(payload), uint32(len(payload))
	p.body = append(m.Append([]byte{0}), payload...)
	return p
}

func split(b []byte) (out []piece) {
	for at := 8; at < len(b); {
		n := int(binary.BigEndian.Uint32(b[at:]))
		out = append(out, piece{at, b[at+4], bytes.Clone(b[at+12 : at+12+n])})
		at += 12 + n
	}
	return out
}

func join(ps []piece) []byte {
	b := []byte("FNBUN\x00\x00\x01")
	for _, p := range ps {
		h := binary.BigEndian.AppendUint32(nil, uint32(len(p.body)))
		h = append(h, p.kind, 0, 0, 0)
		table := crc32.MakeTable(crc32.Castagnoli)
		b = append(binary.BigEndian.AppendUint32(append(b, h...), crc32.Checksum(append(h, p.body...), table)), p.body...)
	}
	return b
}

func rawOf(v any) cbor.RawMessage { return must(marker.Encode(v)) }

package evidence

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"

	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// ofKind reads a marker that has to be of a kind, with its payload.
func (v *verifier) ofKind(kind string) (s Shown, ok bool) {
	before := v.rep.BreakCount
	s, ok = v.item()
	if k := spec.RecordCoded(s.Kind); ok && k != nil && k.Name != kind {
		v.broken("it is a marker of the kind %s", k.Name)
	}
	return s, ok && v.rep.BreakCount == before
}

// ledger takes the identity of the ledger, and sees that it is the same everywhere.
func (v *verifier) ledger(id marker.Tag) {
	if v.store == nil {
		v.store, v.rep.Store = &id, hex.EncodeToString(id[:])
		if id != v.rep.Manifest.Store {
			v.broken("it is of the ledger %x, the manifest says %x", id, v.rep.Manifest.Store)
		}
	} else if *v.store != id {
		v.broken("it is of the ledger %x, and not of %x", id, *v.store)
	}
}

func (v *verifier) genesis() {
	if v.first != nil || v.trusted != nil {
		v.broken("a bundle has one genesis, before keys and checkpoint")
		return
	}
	s, ok := v.ofKind("genesis")
	v.first = &link{marker.Place{Seq: s.Seq, ID: s.ID()}, v.on.at}
	if ok && s.Seq != 1 {
		v.broken("a genesis is marker 1")
	}
	if !ok || s.Pruned || s.Redacted {
		return
	}
	var g marker.Genesis
	if err := marker.Decode(s.Says.Body, &g); err != nil || len(g.Key) != ed25519.PublicKeySize {
		return // the payload was found to be broken; a key of another size opens nothing
	}
	v.ledger(g.Store)
	if v.Key == nil {
		v.trust(g.Key, "genesis")
	}
}

func (v *verifier) trust(key []byte, from string) {
	v.trusted = bytes.Clone(key)
	v.rep.Anchor = Anchor{hex.EncodeToString(key), from}
}

// anchor settles what is trusted before the first signature is looked at.
func (v *verifier) anchor(signer []byte) {
	switch {
	case v.trusted != nil:
	case v.Key != nil:
		v.trust(v.Key, "argument")
	default:
		v.trust(signer, "checkpoint")
	}
}

// key follows a hand-over from the key that is trusted. One that begins with another key leads from what came before
// the anchor, and is left alone.
func (v *verifier) key() {
	s, ok := v.ofKind("key")
	if !ok || s.Pruned || s.Redacted {
		return
	}
	var signed marker.Signed
	var h marker.Handover
	if marker.Decode(s.Says.Body, &signed) != nil || signed.Open("key", &h) != nil {
		return // said
	}
	v.ledger(h.Store)
	v.anchor(signed.Key)
	if bytes.Equal(signed.Key, v.trusted) {
		v.trusted = h.Key
		v.rep.Handovers++
	}
}

func (v *verifier) checkpoint() {
	v.signed = true
	s, ok := v.ofKind("checkpoint")
	switch {
	case !ok:
		return
	case s.Pruned || s.Redacted:
		v.broken("the checkpoint has no payload: nothing is signed")
		return
	}
	var signed marker.Signed
	var says marker.Checkpoint
	if marker.Decode(s.Says.Body, &signed) != nil || signed.Open("checkpoint", &says) != nil {
		return // said
	}
	v.ledger(says.Store)
	v.anchor(signed.Key)
	switch {
	case !bytes.Equal(signed.Key, v.trusted):
		v.broken("it is signed with the key %x, and the anchor (%s) leads to %x", signed.Key, v.rep.Anchor.From, []byte(v.trusted))
	case s.Seq <= says.Seq:
		v.broken("it signs markers up to %d, and is not behind them", says.Seq)
	case s.Seq == says.Seq+1 && s.Prev != says.Head:
		v.broken("it is not chained to the marker %d that it signs", says.Seq)
	default:
		v.says = &says
		v.rep.Covered, v.rep.Signed, v.rep.Root = says.Seq, says.Time, says.Root.String()
	}
}

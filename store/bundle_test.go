package store_test

import (
	"bytes"
	"testing"

	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/evidence"
)

// TestE4ABundleOfThisStoreVerifies writes bundles of the whole ledger, of a range and of a path, and reads them back
// without the store; one of a ledger that was pruned too.
func TestE4ABundleOfThisStoreVerifies(t *testing.T) {
	w := newWorld(t, 12)
	w.live(40)
	s, err := store.Open(w.options())
	must(t, err)
	must(t, s.Checkpoint())
	head := s.Head().Seq
	for name, sel := range map[string]evidence.Selection{"whole": {}, "range": evidence.Range(7, 20), "path": evidence.Under("r")} {
		var b bytes.Buffer
		sum, err := evidence.WriteBundle(&b, s.Source(), sel)
		must(t, err)
		r, err := evidence.Verify(bytes.NewReader(b.Bytes()), evidence.Check{})
		if err != nil || r.Markers != sum.Markers || r.Anchor.From != "genesis" {
			t.Errorf("%s: %v %+v", name, err, r)
		}
		t.Logf("%s: %d markers in %d runs, %d bytes", name, r.Markers, r.Runs, b.Len())
		b.Bytes()[b.Len()/2] ^= 1
		if _, err := evidence.Verify(bytes.NewReader(b.Bytes()), evidence.Check{}); err == nil {
			t.Errorf("%s: a changed byte is not told", name)
		}
	}
	must(t, s.Checkpoint())
	_, err = s.Cut(store.Pruning{Ephemeral: head, Whole: head / 2, Why: "test"})
	must(t, err)
	var b bytes.Buffer
	if _, err := evidence.WriteBundle(&b, s.Source(), evidence.Selection{}); err != nil {
		t.Fatal(err)
	}
	if r, err := evidence.Verify(&b, evidence.Check{}); err != nil || r.Pruned == 0 {
		t.Errorf("pruned: %v %+v", err, r)
	}
	must(t, s.Close())
}

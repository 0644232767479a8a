package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// TestE4AStoreIsExportedWhileItIsWritten: whole, by range and by path; every bundle holds.
func TestE4AStoreIsExportedWhileItIsWritten(t *testing.T) {
	s, err := store.Open(store.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Segment: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := evidence.WriteBundle(&bytes.Buffer{}, s.Source(), evidence.Selection{}); !errors.Is(err, codes.Of(codes.LedgerNoCheckpoint)) {
		t.Errorf("before the first checkpoint: %v", err)
	}
	write := func(from, n int) {
		for i := from; i < from+n; i++ {
			e, err := evidence.New("denial", i, evidence.Outcome{Rule: "C3", Candidates: []string{"allow", "deny"}, Choice: "deny"})
			if err != nil {
				t.Error(err)
				return
			}
			body, _ := e.Encode()
			if r := commit(s, core.Tx{Kind: "protect", Region: fmt.Sprint("sup/", i%3), Actor: fmt.Sprint("sup/", i%3, "/a"), Body: body}); r.Err != nil {
				t.Error(r.Err)
			}
		}
	}
	write(0, 300)
	if err := s.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	writers.Go(func() { write(300, 300) }) // owner: writers.Wait; ends: 300 commits
	first, err := s.Entry(1)
	if err != nil {
		t.Fatal(err)
	}
	var g marker.Genesis
	if err := marker.Decode(first.Payload.Body, &g); err != nil {
		t.Fatal(err)
	}
	incident, err := evidence.Incident(s.Source(), 77, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for _, sel := range []evidence.Selection{{}, evidence.Range(100, 150), evidence.Under("sup/1"), incident} {
		var b bytes.Buffer
		sum, err := evidence.WriteBundle(&b, s.Source(), sel)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := evidence.Verify(&b, evidence.Check{Key: g.Key})
		if err != nil || rep.Markers != sum.Markers || rep.Markers == 0 || rep.Covered != 301 || rep.Anchor.From != "argument" {
			t.Errorf("%s: %v, %+v", rep.Manifest.Words, err, rep)
		}
		t.Logf("%s: %d markers in %d runs, %d bytes", rep.Manifest.Words, rep.Markers, rep.Runs, sum.Bytes)
	}
	writers.Wait()
}

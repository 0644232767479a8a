package daemon

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/ledger"
	"github.com/franken-node/fnode-supervisor/config"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// aDesk is a desk over a store of small segments, whose clock the test sets.
func aDesk(t *testing.T, now *time.Time) (*desk, *recorder) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	s, err := store.Open(store.Options{Dir: t.TempDir(), Log: quiet, Segment: 64 << 10, Now: func() int64 { return now.UnixNano() }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &books{Store: s}
	return &desk{s: b, root: "sup", now: func() time.Time { return *now }}, newRecorder(b, "boot1", quiet)
}

func (k *desk) must(t *testing.T, tx core.Tx) {
	t.Helper()
	done := make(chan error, 1) // capacity 1: the one answer; never closed
	k.s.Commit(tx, func(r core.Result) { done <- r.Err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// fill writes n ephemeral markers.
func (k *desk) fill(t *testing.T, n int) {
	t.Helper()
	for range n {
		k.must(t, core.Tx{Kind: "test", Set: []core.KV{{Key: "k", Value: make([]byte, 1000)}}})
	}
}

func (k *desk) checkpoints(t *testing.T, n int) {
	t.Helper()
	for range n {
		if _, err := k.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestD8WhatIsEphemeralGoesWithTheRetention, and what is younger stays, as does what is required.
func TestD8WhatIsEphemeralGoesWithTheRetention(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	k, rec := aDesk(t, &now)
	d := &daemon{opts: Options{Log: slog.New(slog.DiscardHandler)}, cfg: &config.Config{Ledger: config.Ledger{Retention: time.Hour}}, store: k.s}
	rec.add("sup", marker.Lifecycle{Event: "boot"})
	k.fill(t, 100)
	old := k.s.Head().Seq
	now = now.Add(2 * time.Hour)
	k.fill(t, 100)
	d.letGo(now) // nothing may go: there is no checkpoint yet
	k.checkpoints(t, 2)
	d.letGo(now)
	gone, kept := 0, 0
	err := k.s.Entries(1, k.s.Head().Seq, func(e store.Entry) error {
		switch {
		case e.Pruned && e.Seq > old:
			t.Errorf("marker %d is younger than the retention", e.Seq)
		case e.Pruned && isKind(&e, "lifecycle"):
			t.Errorf("marker %d is required", e.Seq)
		case e.Pruned:
			gone++
		default:
			kept++
		}
		return nil
	})
	if err != nil || gone < 40 || kept < 100 { // what is in the segment that is written stays
		t.Errorf("%d went, %d stay: %v", gone, kept, err)
	}
	if v, err := k.Verify(func(_, _ uint64) error { return nil }); err != nil || !v.OK {
		t.Errorf("%+v %v", v, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { d.retain(ctx) }) // owner: the test; ends: stop
	stop()
	ended.Wait()
}

// TestAPlaceThatWasPrunedIsRefused by code, with what there is; so is a tree whose run began in what was pruned.
func TestAPlaceThatWasPrunedIsRefused(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	k, rec := aDesk(t, &now)
	rec.add("sup", marker.Lifecycle{Event: "boot"})
	defer func(was uint64) { window = was }(window)
	window = 4
	rec.recordTree(config.DefaultSupervisor("sup"))
	k.fill(t, 10)
	tree, err := k.TreeAt("5")
	if err != nil || tree.Root.Path != "sup" || tree.Root.State != "Waiting" {
		t.Fatalf("%+v %v", tree, err)
	}
	now = now.Add(time.Hour)
	k.fill(t, 300)
	k.checkpoints(t, 2)
	if did, err := k.Prune(ledger.PruneRequest{Before: 100, Why: "a test"}); err != nil || did.Base < 10 {
		t.Fatalf("%+v %v", did, err)
	}
	for _, place := range []string{"5", "30m", "0s"} {
		_, err := k.TreeAt(place)
		if c := codes.From(err); c == nil || c.Code != codes.NoMarker || !strings.Contains(c.Facts[len(c.Facts)-1].Text, "of 2026-01-01T01:00:00Z to marker") {
			t.Errorf("%s: %v", place, err)
		}
	}
	rec.add("sup", marker.Lifecycle{Event: "boot"})
	k.fill(t, 1) // behind it
	if tree, err := k.TreeAt("0s"); err != nil || tree.Root.State != "Starting" {
		t.Errorf("%+v %v", tree, err)
	}
}

// TestAListLooksBackAndStops: it looks no further than it has to, over several windows.
func TestAListLooksBackAndStops(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	k, rec := aDesk(t, &now)
	defer func(was uint64) { window = was }(window)
	window = 16
	rec.add("sup/ext/a", marker.Lifecycle{Event: "started", Incarnation: 1})
	k.fill(t, 30)
	now = now.Add(time.Hour)
	rec.add("sup/ext/a", marker.Lifecycle{Event: "ended", Incarnation: 1, Cause: "boom"})
	k.fill(t, 30)
	for name, row := range map[string]struct {
		q     ledger.Query
		items int
		more  bool
	}{
		"path":      {ledger.Query{Path: "sup/ext"}, 2, false},
		"newest":    {ledger.Query{Path: "sup/ext", Limit: 1}, 1, true},
		"not below": {ledger.Query{Path: "sup/ex"}, 0, false},
		"since":     {ledger.Query{Path: "sup", Since: "30m"}, 1, false},
		"until":     {ledger.Query{Path: "sup", Until: "30m"}, 1, false},
		"kind":      {ledger.Query{Kind: "test", Limit: 50}, 50, true},
		"range":     {ledger.Query{First: 3, Last: 7}, 5, false},
		"nothing":   {ledger.Query{First: 7, Last: 3}, 0, false},
	} {
		l, err := k.List(row.q)
		if err != nil || len(l.Items) != row.items || l.More != row.more {
			t.Errorf("%s: %d items, more %v: %v", name, len(l.Items), l.More, err)
		}
	}
	if _, err := k.List(ledger.Query{Kind: "nonsense"}); !errors.Is(err, codes.Of(codes.BadRequest)) {
		t.Error(err)
	}
	seen, last := 0, k.s.Head().Seq
	err := k.back(1, last, func(e *store.Entry) bool {
		if e.Seq != last-uint64(seen) {
			t.Errorf("marker %d is out of order", e.Seq)
		}
		seen++
		return seen < 20
	})
	if err != nil || seen != 20 {
		t.Error(seen, err)
	}
}

// TestWhatTheStoreRefusesIsCounted, and told once; an answer of the state is none of it.
func TestWhatTheStoreRefusesIsCounted(t *testing.T) {
	now := time.Now()
	k, _ := aDesk(t, &now)
	var said strings.Builder
	rec := newRecorder(k.s, "b", slog.New(slog.NewTextHandler(&said, nil)))
	conflict := make(chan core.Result, 1) // capacity 1: the one answer; never closed
	k.s.Commit(core.Tx{Kind: "kv", If: []core.Cond{{Key: "none", Value: []byte("x")}}, Body: []byte{0x80}}, func(r core.Result) { conflict <- r })
	if r := <-conflict; !errors.Is(r.Err, codes.Of(codes.Conflict)) || k.s.refused.Load() != 0 {
		t.Fatal(r.Err, k.s.refused.Load())
	}
	if err := k.s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		rec.add("sup", marker.Lifecycle{Event: "started"})
	}
	if k.s.refused.Load() != 3 || k.s.failed.Load() != 0 || strings.Count(said.String(), "not recorded any more") != 1 {
		t.Errorf("%d refused, %d failed, said %q", k.s.refused.Load(), k.s.failed.Load(), said.String())
	}
}

// TestReceiptsAreBounded: what has no reason, no end, or no bounds is no receipt.
func TestReceiptsAreBounded(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	k, _ := aDesk(t, &now)
	good := ledger.GrantRequest{Action: "a", Scope: "s", Reason: "r", ExpiresNS: int64(time.Hour)}
	for _, change := range []func(*ledger.GrantRequest){
		func(r *ledger.GrantRequest) { r.Action = " " }, func(r *ledger.GrantRequest) { r.Scope = "" },
		func(r *ledger.GrantRequest) { r.Reason = strings.Repeat("x", 513) }, func(r *ledger.GrantRequest) { r.ExpiresNS = 0 },
		func(r *ledger.GrantRequest) { r.ExpiresNS = int64(400 * 24 * time.Hour) },
	} {
		r := good
		change(&r)
		if _, err := k.Grant(t.Context(), r, api.Peer{}); !errors.Is(err, codes.Of(codes.BadRequest)) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	r, err := k.Grant(t.Context(), good, api.Peer{UID: 7, Roles: []api.Role{api.Security}})
	if err != nil || r.State != "valid" || r.UID != 7 || r.Roles[0] != api.Security {
		t.Fatalf("%+v %v", r, err)
	}
	now = now.Add(2 * time.Hour)
	if l, err := k.Receipts(); err != nil || l.Items[0].State != "expired" {
		t.Errorf("%+v %v", l, err)
	}
	if r, err := k.Revoke(t.Context(), ledger.RevokeRequest{ID: r.ID}, api.Peer{UID: 8}); err != nil || r.State != "revoked" || r.Revoked.UID != 8 || r.UID != 7 {
		t.Errorf("%+v %v", r, err)
	}
	if e, err := k.Entry(k.s.Head().Seq, false); err != nil || e.Kind != "receipt" || !strings.Contains(string(e.Body), `"revoked":{`) {
		t.Errorf("%+v %v", e, err)
	}
}

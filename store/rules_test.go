package store_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/fs"
)

// TestD2TheStateIsMadeAnewUnlessItIsAsItWasLeft: opened as it is after a clean close; else made anew, from the newest
// snapshot that is good, and it says why.
func TestD2TheStateIsMadeAnewUnlessItIsAsItWasLeft(t *testing.T) {
	w := newWorld(t, 21)
	w.live(40)
	s, err := store.Open(w.options())
	must(t, err)
	if h := s.How(); h.Rebuilt != "" || h.Torn {
		t.Errorf("after a clean close: %+v", h)
	}
	must(t, s.Close())
	names, err := w.disk.List("/data/snapshots")
	must(t, err)
	flip(t, w.disk, "/data/snapshots/"+names[len(names)-1], 100, 3)
	must(t, os.RemoveAll(w.state))
	s, err = store.Open(w.options())
	must(t, err)
	if h := s.How(); h.Rebuilt == "" || len(h.Skipped) != 1 {
		t.Errorf("without Badger's folder, with a bad snapshot: %+v", h)
	}
	w.check(s)
	must(t, s.Close())
}

// TestD10AnAnswerNeverClaimsMoreThanWasReached: where the sync fails the outcome is unknown, and after it none.
func TestD10AnAnswerNeverClaimsMoreThanWasReached(t *testing.T) {
	w := newWorld(t, 22)
	o := w.options()
	faults := fs.NewFaults(w.disk, func(c fs.Call) error {
		if c.Op == fs.OpSync {
			return unix.EIO
		}
		return nil
	})
	faults.Set(false)
	o.FS = faults
	s, err := store.Open(o)
	must(t, err)
	faults.Set(true)
	for i, want := range []base.Effect{base.EffectUnknown, base.EffectNone} {
		r := commit(s, core.Tx{Kind: "test", Set: []core.KV{{Key: "k", Value: []byte("v")}}})
		var c *codes.Error
		if !errors.As(r.Err, &c) || c.Code != codes.StoreStopped || c.Effect != want || r.Seq != 0 {
			t.Errorf("commit %d: %+v", i, r)
		}
	}
	_ = s.Close()
	for _, k := range spec.RecordKinds {
		if k.Durability != spec.Local {
			t.Errorf("%s claims %s, which nothing here reaches", k.Name, k.Durability)
		}
	}
}

// TestD8WhatStopsFirstIsTheOrderOfTheTable fills a ledger to its quota: what is ephemeral stops first, then what is
// not protective; what protects goes on.
func TestD8WhatStopsFirstIsTheOrderOfTheTable(t *testing.T) {
	w := newWorld(t, 23)
	o := w.options()
	o.Quota, o.Every = 60<<10, 1<<20
	s, err := store.Open(o)
	must(t, err)
	order := []string{}
	stopped := map[string]bool{}
	body := append([]byte{0x59, 0x01, 0xf4}, bytes.Repeat([]byte{1}, 500)...) // CBOR: 500 bytes
	for range 400 {
		for _, kind := range []string{"test", "kv", "protect"} {
			r := commit(s, core.Tx{Kind: kind, Body: body})
			if errors.Is(r.Err, codes.Of(codes.LedgerFull)) && !stopped[kind] {
				stopped[kind] = true
				order = append(order, kind)
			} else if r.Err != nil && !stopped[kind] {
				t.Fatal(kind, r.Err)
			}
		}
	}
	if len(order) != 2 || order[0] != "test" || order[1] != "kv" {
		t.Errorf("stopped in the order %v", order)
	}
	must(t, s.Close())
}

package obligations_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/obligations"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func init() {
	obligations.Register(spec.ObligationKind{Name: "test_leaky", Rule: spec.ObligationAbandon})
	obligations.Register(spec.ObligationKind{Name: "test_heir", Rule: spec.ObligationHandOn})
}

func TestO1ResolvingTwiceIsABrokenInvariant(t *testing.T) {
	for _, to := range []obligations.State{obligations.Committed, obligations.Aborted, obligations.Transferred} {
		var l obligations.Ledger
		if err := l.Reserve(obligations.Reply, "x", 1, 0); err != nil {
			t.Fatal(err)
		}
		if err := l.Resolve(1, to); err != nil || l.Open() != 0 {
			t.Fatal(err, l.Open())
		}
		if err := l.Resolve(1, to); !errors.Is(err, codes.Of(codes.Invariant)) {
			t.Fatal("twice:", err)
		}
	}
}

func TestO1NobodyLeaksOnPurposeOrResolvesToReserved(t *testing.T) {
	for _, to := range []obligations.State{obligations.Leaked, spec.Reserved} {
		var l obligations.Ledger
		_ = l.Reserve(obligations.Reply, "x", 1, 0)
		if err := l.Resolve(1, to); !errors.Is(err, codes.Of(codes.Invariant)) || l.Open() != 1 {
			t.Fatal(to, err)
		}
	}
}

func TestO2DurableAndUnknownKindsAreRefused(t *testing.T) {
	var l obligations.Ledger
	for _, k := range spec.ObligationKinds {
		err := l.Reserve(obligations.Kind(k.Name), "x", 1, 0)
		if k.Durable != errors.Is(err, codes.Of(codes.NoStore)) {
			t.Error(k.Name, err)
		}
		l.Stop()
	}
	if l.Reserve("no such kind", "x", 2, 0) == nil {
		t.Error("an unknown kind was taken")
	}
}

func TestO3StoppingAppliesEachKindsRule(t *testing.T) {
	var l obligations.Ledger
	for i, k := range []obligations.Kind{obligations.Reply, "test_leaky", obligations.SendPermit, "test_heir"} {
		if err := l.Reserve(k, string(k), base.ObligationID(i+1), 0); err != nil {
			t.Fatal(err)
		}
	}
	var got []obligations.State
	for _, r := range l.Stop() {
		got = append(got, r.To)
	}
	want := []obligations.State{obligations.Aborted, obligations.Leaked, obligations.Aborted, obligations.Transferred}
	if !slices.Equal(got, want) || l.Open() != 0 {
		t.Fatal(got, l.Open())
	}
}

// TestO1EveryPromiseEndsOnce plays random orders against a set.
func TestO1EveryPromiseEndsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l obligations.Ledger
		open := map[base.ObligationID]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := base.ObligationID(rapid.IntRange(1, 8).Draw(t, "id"))
			if rapid.Bool().Draw(t, "reserve") {
				if err := l.Reserve(obligations.Reply, "x", id, 0); (err == nil) == open[id] {
					t.Fatal("reserve", id, err)
				}
				open[id] = true
				continue
			}
			if err := l.Resolve(id, obligations.Committed); (err == nil) != open[id] {
				t.Fatal("resolve", id, err)
			}
			delete(open, id)
		}
		if l.Open() != len(open) || len(l.Stop()) != len(open) {
			t.Fatal("the books differ")
		}
	})
}

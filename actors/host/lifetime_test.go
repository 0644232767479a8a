package host_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
)

// TestC3ALifetimeEndsByClosingTheRegion: with what the actor owns, with Done closed, whatever its lane holds.
func TestC3ALifetimeEndsByClosingTheRegion(t *testing.T) { synctest.Test(t, aLifetimeEnds) }

func aLifetimeEnds(t *testing.T) {
	_, sys := world(t)
	asked := make(chan base.Reason, 2)
	kid := actors.Func(func(_ *actors.Cx, msg any) error {
		if m, ok := msg.(actors.CancelRequested); ok {
			asked <- m.Reason
		}
		return nil
	})
	ref, err := sys.Spawn(actors.Child{Name: "c", Lifetime: 5 * time.Millisecond, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			_, err := cx.Spawn(actors.Child{Name: "kid", Behaviour: kid})
			return err
		case actors.CancelRequested:
			asked <- m.Reason
			if cx.Err() == nil {
				t.Error("Done is open while the actor drains")
			}
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if why := got(t, asked, "the request"); why < base.ReasonBudget {
			t.Error("asked for", why)
		}
	}
	if e := retired(t, sys, ref); e.Kind != actors.ExitShutdown || e.Reason != base.ReasonBudget {
		t.Error(e, e.Reason)
	}
}

// TestC3ALifetimeNeedsNoPlaceInAFullLane: an incarnation begins, and can end, although Timed is full.
func TestC3ALifetimeNeedsNoPlaceInAFullLane(t *testing.T) {
	_, sys := world(t)
	heard, again := make(chan any, 16), make(chan error, 1)
	child := actors.Child{Name: "c", Behaviour: mortal(nil), Lifetime: time.Hour, Lanes: lanes.Options{Timed: 2}}
	sup := spawn(t, sys, "sup", parent(child, heard, func(cx *actors.Cx, ref actors.Ref, msg any) error {
		if _, ok := msg.(begin); ok {
			_, err := cx.Respawn(ref, mortal(nil))
			again <- err
		}
		return nil
	}))
	got(t, heard, "started")
	c := lookup(t, sys, "sup/c")
	_ = sys.Tell(c, fail{})
	got(t, heard, "the end")
	for sys.Tell(c, alarm{time.Now()}) == nil { // until Timed is full
	}
	_ = sys.Tell(sup, begin{})
	if err := got(t, again, "the next start"); err != nil {
		t.Fatal(err)
	}
	if n, err := actors.Call[get, int](within(t), sys, c, get{}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
}

// TestR3ADrainThatTheSupervisorDidNotOrderIsLimitedToo: a budget or a door asked the child; the supervisor
// keeps no time for that.
func TestR3ADrainThatTheSupervisorDidNotOrderIsLimitedToo(t *testing.T) {
	for name, child := range map[string]actors.Child{
		"lifetime": {Lifetime: 5 * time.Millisecond}, "deliveries": {Deliveries: 1}, "door": {Doors: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { aDrainEndsInTime(t, child) })
		})
	}
}

func aDrainEndsInTime(t *testing.T, child actors.Child) {
	_, sys := world(t)
	var held []*actors.Ask[get, int]
	heard := make(chan any, 16)
	child.Name, child.Drain, child.Behaviour = "c", 5*time.Millisecond, owes(&held)
	spawn(t, sys, "sup", parent(child, heard, func(*actors.Cx, actors.Ref, any) error { return nil }))
	got(t, heard, "started")
	c := lookup(t, sys, "sup/c")
	if err := sys.Tell(c, actors.Question(sys, get{}, func(int, error) {})); err != nil {
		t.Fatal(err)
	}
	if child.Doors {
		settled(t, sys, c)
		if err := sys.StopFromOutside(c, base.ReasonUser); err != nil {
			t.Fatal(err)
		}
	}
	end, ok := got(t, heard, "the end").(actors.ChildEnded)
	if !ok || end.Exit.Kind != actors.ExitKilled {
		t.Fatalf("%+v", end)
	}
}

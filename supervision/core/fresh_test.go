package core_test

import (
	"math"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// TestS3AStableChildStartsOverAlsoWhereASiblingTookItAlong: "reset after a stable period".
func TestS3AStableChildStartsOverAlsoWhereASiblingTookItAlong(t *testing.T) {
	sp := abc(core.OneForAll, func(s *core.Spec) {
		s.Budget.Restarts = 100
		s.Children[0].Backoff = core.Backoff{Initial: 100 * time.Millisecond, Stable: time.Minute}
	})
	w := newWorld(t, sp)
	w.now, w.rand = 1, ^uint64(0)
	w.step(core.Event{Kind: core.Boot})
	for range 6 { // six failures in a row: its ceiling is 6.4 s by now
		w.crash("a")
		w.step(w.timers["a/0"])
	}
	w.now += int64(24 * time.Hour) // a whole day without a fault
	w.crash("b")                   // takes a along
	w.now += int64(time.Second)
	w.crash("a")
	if got := w.delay.Round(time.Microsecond); got != 100*time.Millisecond {
		t.Fatalf("after a stable day its first failure waits up to %s, want 100ms", got)
	}
}

// TestS2AClockThatIsSetBackSpendsNoBudget: Now is the wall clock on the host of production (UnixNano).
func TestS2AClockThatIsSetBackSpendsNoBudget(t *testing.T) {
	w := booted(t, abc(core.OneForOne)) // 3 within 5 s
	w.now = int64(10 * time.Hour)
	for range 3 {
		w.crash("b")
	}
	w.now = int64(9 * time.Hour) // the clock is set back by an hour; from here on one crash in ten minutes
	for i := range 4 {
		w.now += int64(10 * time.Minute)
		w.crash("b")
		if w.exit != nil {
			t.Fatalf("gave up at crash %d after the step, though there is one in ten minutes: %v", i+1, w.exit)
		}
	}
}

// TestS1ATemporaryOrDynamicChildLeavesNoSpecWhereItsRestartByRequestFails.
func TestS1ATemporaryOrDynamicChildLeavesNoSpecWhereItsRestartByRequestFails(t *testing.T) {
	w := booted(t, abc(core.OneForOne, func(s *core.Spec) { s.Children[1].Restart = core.Temporary }))
	w.hold = true
	w.step(core.Event{Kind: core.Restarted, Name: "b", Req: 1})
	w.close("b")
	w.step(core.Event{Kind: core.Failed, Name: "b", Inc: w.gone("b"), Exit: core.Exit{Kind: core.Crashed, Text: "no"}})
	if n := len(w.c.Children()); n != 2 || w.replies[1] != core.StartFailed {
		t.Errorf("temporary: %d children, reply %q: %+v", n, w.replies[1], w.c.Children())
	}
	w = newWorld(t, abc(core.Dynamic, func(s *core.Spec) { s.Children = s.Children[:1] }))
	w.step(core.Event{Kind: core.Boot})
	w.step(core.Event{Kind: core.Add, Child: &core.Child{Name: "x"}, Req: 1})
	w.hold = true
	w.step(core.Event{Kind: core.Restarted, Name: "x", Req: 2})
	w.close("x")
	w.step(core.Event{Kind: core.Failed, Name: "x", Inc: w.gone("x"), Exit: core.Exit{Kind: core.Crashed, Text: "no"}})
	w.step(core.Event{Kind: core.Add, Child: &core.Child{Name: "x"}, Req: 3})
	if w.replies[3] == core.AlreadyHere {
		t.Errorf("dynamic: a child that is down for good keeps its name: %+v", w.c.Children())
	}
}

// TestS3ABackoffThatIsNoNumberIsRefused.
func TestS3ABackoffThatIsNoNumberIsRefused(t *testing.T) {
	c := core.Child{Name: "a", Backoff: core.Backoff{Factor: math.NaN()}}
	if f := (core.Spec{Budget: core.Budget{Restarts: 3, Window: time.Second}}).Check(c); len(f) > 0 {
		return
	}
	w := newWorld(t, core.Spec{Budget: core.Budget{Restarts: 3, Window: time.Second}, Children: []core.Child{c}})
	w.rand = ^uint64(0)
	w.step(core.Event{Kind: core.Boot})
	w.crash("a")
	w.step(w.timers["a/0"])
	w.crash("a")
	if w.delay <= 0 {
		t.Fatalf("it is taken, and the delay is %s", w.delay)
	}
}

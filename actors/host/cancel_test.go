package host_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// prompt is how long a request may take to be heard, and what was waited for to end, on a busy machine. What is
// measured is told by the tests, and by fnode_cancel_latency_seconds.
const prompt = 2 * time.Second

// waiting is an actor in a state in which it waits.
type waiting struct {
	name  string
	child actors.Child // its Behaviour is on, which says in w.in that it waits
	on    func(w *stage) actors.Func
	enter func(t *testing.T, w *stage)                        // nil: it waits from its start on
	leave func(t *testing.T, w *stage, end actors.ChildEnded) // nil: nothing to look at
}

// stage is where it waits.
type stage struct {
	sys   *actors.System
	c     actors.Ref
	other actors.Ref    // whom it waits for
	in    chan struct{} // capacity 8; never closed: it waits
	gate  chan struct{} // capacity 0; closed when the other may go on
	back  chan error    // capacity 8; never closed: what callers outside were told
}

// full is an actor with one place, which is taken, in a handler that waits for the gate.
func (w *stage) full(t *testing.T) {
	t.Helper()
	in := make(chan struct{}, 1) // capacity 1; never closed
	ref, err := w.sys.Spawn(actors.Child{Name: "other", Lanes: lanes.Options{Ready: 1}, Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(boom); ok {
			in <- struct{}{}
			<-w.gate
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	w.other = ref
	_ = w.sys.Tell(ref, boom{})
	got(t, in, "the other's handler")
	if err := w.sys.Tell(ref, add{}); err != nil {
		t.Fatal(err)
	}
}

var waits = []waiting{
	{
		name: "timer armed",
		on: func(w *stage) actors.Func {
			return func(cx *actors.Cx, msg any) error {
				if _, ok := msg.(actors.Started); !ok {
					return nil
				}
				defer func() { w.in <- struct{}{} }()
				_, err := cx.After(time.Hour, add{})
				return err
			}
		},
	},
	{
		name: "lane full", child: actors.Child{Lanes: lanes.Options{Ready: 1}},
		on: func(w *stage) actors.Func {
			return func(cx *actors.Cx, msg any) error {
				if _, ok := msg.(boom); ok {
					w.in <- struct{}{}
					<-cx.Done() // a library that waits
				}
				return nil
			}
		},
		enter: func(t *testing.T, w *stage) {
			_ = w.sys.Tell(w.c, boom{})
			got(t, w.in, "the handler")
			if err := w.sys.Tell(w.c, add{}); err != nil {
				t.Fatal(err)
			}
			if w.sys.Tell(w.c, add{}) == nil {
				t.Fatal("its lane is not full")
			}
			go func() { w.back <- actors.TellWait(within(t), w.sys, w.c, add{}) }() // owner: the test, by back; ends: it has room, or the actor is gone
			w.in <- struct{}{}
		},
		leave: func(t *testing.T, w *stage, _ actors.ChildEnded) { got(t, w.back, "whoever waited for room is told") },
	},
	{
		name: "permit waiting",
		on: func(w *stage) actors.Func {
			return func(cx *actors.Cx, msg any) error {
				if _, ok := msg.(add); ok {
					_, err := cx.Reserve(w.other)
					w.in <- struct{}{}
					return err
				}
				return nil
			}
		},
		enter: func(t *testing.T, w *stage) { w.full(t); _ = w.sys.Tell(w.c, add{}) },
		leave: func(t *testing.T, w *stage, _ actors.ChildEnded) {
			close(w.gate)
			for ctx := within(t); w.sys.Room(w.other) != 1; {
				if ctx.Err() != nil {
					t.Fatal("the place that was granted to nobody is lost: room", w.sys.Room(w.other))
				}
			}
		},
	},
	{
		name: "ask outstanding",
		on: func(w *stage) actors.Func {
			return func(cx *actors.Cx, msg any) error {
				switch msg.(type) {
				case add:
					_, err := actors.Request[get, int](cx, w.other, get{}, time.Hour)
					w.in <- struct{}{}
					return err
				case actors.CancelRequested:
					cx.Drained() // it does not wait for the answer
				}
				return nil
			}
		},
		enter: func(t *testing.T, w *stage) { w.mute(t); _ = w.sys.Tell(w.c, add{}) },
		leave: func(t *testing.T, w *stage, _ actors.ChildEnded) { // the answer comes too late, and is no error
			close(w.gate)
			if err := w.sys.Tell(w.other, add{}); err != nil {
				t.Error(err)
			}
			settled(t, w.sys, w.other)
		},
	},
	{
		name: "ask kept",
		on: func(w *stage) actors.Func {
			var kept *actors.Ask[get, int]
			return func(cx *actors.Cx, msg any) error {
				switch m := msg.(type) {
				case *actors.Ask[get, int]:
					kept = m
					m.Keep(cx)
					w.in <- struct{}{}
				case actors.CancelRequested:
					kept.Fail(cx, errors.New("not any more"))
				}
				return nil
			}
		},
		enter: func(t *testing.T, w *stage) {
			go func() { // owner: the test, by back; ends: it is answered
				_, err := actors.Call[get, int](within(t), w.sys, w.c, get{})
				w.back <- err
			}()
		},
		leave: func(t *testing.T, w *stage, _ actors.ChildEnded) {
			if err := got(t, w.back, "the answer"); err == nil || err.Error() != "not any more" {
				t.Error(err)
			}
		},
	},
	{
		name: "inside start, between messages",
		on: func(w *stage) actors.Func {
			return func(cx *actors.Cx, msg any) error {
				if _, ok := msg.(actors.Started); ok {
					cx.Starting() // and Ready is never said
					w.in <- struct{}{}
				}
				return nil
			}
		},
		leave: func(t *testing.T, _ *stage, end actors.ChildEnded) {
			if end.Ready {
				t.Error("it was never ready")
			}
		},
	},
	{
		name: "inside start, in the handler",
		on: func(w *stage) actors.Func {
			return func(cx *actors.Cx, msg any) error {
				if _, ok := msg.(actors.Started); ok {
					w.in <- struct{}{}
					<-cx.Done()
				}
				return nil
			}
		},
	},
}

// mute is an actor that keeps the first question, and answers it when it is told to.
func (w *stage) mute(t *testing.T) {
	t.Helper()
	var kept *actors.Ask[get, int]
	w.other = spawn(t, w.sys, "other", func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case *actors.Ask[get, int]:
			if kept != nil {
				return nil
			}
			kept = m
			m.Keep(cx)
		case add:
			kept.Reply(cx, 1)
		}
		return nil
	})
}

// TestR5ACancelReachesItsTargetWhateverItWaitsFor: the request is delivered promptly, what was waited for holds up
// nothing, and the end is proved. An engine's call under way is in internal/daemon.
func TestR5ACancelReachesItsTargetWhateverItWaitsFor(t *testing.T) {
	for _, e := range waits {
		t.Run(e.name, func(t *testing.T) {
			var mu sync.Mutex
			var told time.Duration
			h := host.New(host.Options{Workers: 3, System: actors.Options{Events: func(ev actors.Event) {
				if ev.Kind == actors.EventEnded && ev.Path == "sup/c" {
					mu.Lock()
					defer mu.Unlock()
					told = -1
					if !ev.Told.IsZero() {
						told = ev.Told.Sub(ev.Asked)
					}
				}
			}}})
			closeAtEnd(t, h)
			w := &stage{sys: h.System(), in: make(chan struct{}, 8), gate: make(chan struct{}), back: make(chan error, 8)}
			heard := make(chan any, 16)
			requests := 0
			on := e.on(w)
			child := e.child
			child.Name, child.Behaviour = "c", actors.Func(func(cx *actors.Cx, msg any) error {
				if _, ok := msg.(actors.CancelRequested); ok {
					requests++
				}
				return on(cx, msg)
			})
			sup := spawn(t, w.sys, "sup", parent(child, heard, func(cx *actors.Cx, ref actors.Ref, msg any) error {
				if _, ok := msg.(quit); ok {
					return cx.Close(ref, regions.Request{Reason: base.ReasonUser})
				}
				return nil
			}))
			w.c = lookup(t, w.sys, "sup/c")
			if e.enter != nil {
				e.enter(t, w)
			}
			got(t, w.in, "it waits")
			began := time.Now()
			_ = w.sys.Tell(sup, quit{})
			var end actors.ChildEnded
			for over := false; !over; end, over = got(t, heard, "the end").(actors.ChildEnded) {
			}
			took := time.Since(began)
			if took > prompt || end.Exit.Kind != actors.ExitShutdown || !end.Proof.Quiescent() {
				t.Errorf("it ended after %s: %s, %s", took, end.Exit, end.Proof)
			}
			mu.Lock()
			if told < 0 || told > prompt || requests != 1 {
				t.Errorf("heard %d requests, after %s", requests, told)
			}
			t.Logf("acknowledged after %s, ended after %s", told, took)
			mu.Unlock()
			if e.leave != nil {
				e.leave(t, w, end)
			}
		})
	}
}

// TestR5ACancelIsMaskedWhileItsTargetFinalizes: the finalizers run to their end, once; the stronger reason is kept.
func TestR5ACancelIsMaskedWhileItsTargetFinalizes(t *testing.T) {
	_, sys := world(t)
	heard, in, gate := make(chan any, 16), make(chan struct{}, 1), make(chan struct{})
	var ran []string
	child := actors.Child{Name: "c", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(actors.Started); !ok {
			return nil
		}
		return errors.Join(
			cx.Finalize("first", func() error { ran = append(ran, "first"); return nil }),
			cx.Finalize("second", func() error { in <- struct{}{}; <-gate; ran = append(ran, "second"); return nil }))
	})}
	sup := spawn(t, sys, "sup", parent(child, heard, func(cx *actors.Cx, ref actors.Ref, msg any) error {
		if _, ok := msg.(quit); ok {
			return cx.Close(ref, regions.Request{Reason: base.ReasonUser})
		}
		return nil
	}))
	c := lookup(t, sys, "sup/c")
	got(t, heard, "started")
	_ = sys.Tell(sup, quit{})
	got(t, in, "the finalizer")
	for _, brutal := range []bool{false, true} { // from outside: a finalizer may run in the handler of whoever asked last
		if !sys.Ask(c, regions.Request{Reason: base.ReasonShutdown, Brutal: brutal}) {
			t.Fatal("nobody finalizes")
		}
	}
	close(gate)
	var end actors.ChildEnded
	for over := false; !over; end, over = got(t, heard, "the end").(actors.ChildEnded) {
	}
	if !slices.Equal(ran, []string{"second", "first"}) || !end.Proof.Quiescent() || end.Proof.Reason != base.ReasonShutdown {
		t.Errorf("finalizers %v, %s for %s", ran, end.Proof, end.Proof.Reason)
	}
}

// TestR5AStopReachesAChildWhoseRestartIsPending: it does not wait for the delay.
func TestR5AStopReachesAChildWhoseRestartIsPending(t *testing.T) {
	h := host.New(host.Options{Workers: 2})
	sys := h.System()
	starts := 0
	_, err := supervision.Run(sys, "sup", supervision.Spec{
		Budget: core.Budget{Restarts: 5, Window: time.Minute},
		Children: []supervision.Child{{
			Child: core.Child{Name: "c", Backoff: core.Backoff{Initial: time.Hour, Max: time.Hour}},
			Start: func() actors.Behaviour { starts++; return mortal(make(chan any, 1)) },
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = sys.Tell(lookup(t, sys, "sup/c"), fail{})
	for ctx := within(t); ; {
		v, _ := sys.Snapshot()[0].View.(supervision.View)
		if len(v.Children) == 1 && v.Children[0].State == spec.ChildBackoff {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("never in backoff: %+v", v)
		}
	}
	began := time.Now()
	closed := make(chan regions.Proof, 1) // capacity 1: the one proof; never closed
	sys.Root().OnClosed(func(p regions.Proof) { closed <- p })
	closeAtEnd(t, h)
	sys.Root().Close(regions.Request{Reason: base.ReasonShutdown})
	if p := got(t, closed, "the end"); !p.Quiescent() || time.Since(began) > prompt || starts != 1 {
		t.Errorf("%s after %s, %d starts", p, time.Since(began), starts)
	}
	t.Logf("closed after %s", time.Since(began))
}

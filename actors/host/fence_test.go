package host_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// TestR6AHandlerThatReturnsAsItIsFencedIsDeliveredToByOneWorker: the fence falls a tick or two after the handler
// began, and the handler returns at about that time.
func TestR6AHandlerThatReturnsAsItIsFencedIsDeliveredToByOneWorker(t *testing.T) {
	closed := make(chan struct{}, 64)
	h := host.New(host.Options{Workers: 2, System: actors.Options{Events: func(e actors.Event) {
		if e.Kind == actors.EventClosed && e.Path == "sup/c" {
			closed <- struct{}{}
		}
	}}})
	sys := h.System()
	t.Cleanup(func() { // what is as quick to be fenced may be so at the end too: no proof is asked for
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		_, _ = h.Shutdown(ctx, base.ReasonShutdown, time.Second)
	})
	var twice atomic.Int32
	in := make(chan struct{}, 1)
	life := func() actors.Behaviour {
		var busy atomic.Bool
		return actors.Func(func(cx *actors.Cx, msg any) error {
			if busy.Swap(true) {
				twice.Add(1)
			}
			defer busy.Store(false)
			switch m := msg.(type) {
			case volley:
				in <- struct{}{}
				for until := cx.Now().Add(time.Duration(m.left) * 20 * time.Microsecond); cx.Now().Before(until); {
				}
			case *actors.Ask[get, int]:
				m.Reply(cx, int(cx.Incarnation()))
			}
			return nil
		})
	}
	_, err := supervision.Run(sys, "sup", supervision.Spec{
		Budget: core.Budget{Restarts: 1 << 20, Window: time.Minute},
		Children: []supervision.Child{{
			Child: core.Child{Name: "c", TwoIncarnations: true, Backoff: core.Backoff{Off: true}},
			Start: life, Actor: actors.Child{StuckAfter: time.Nanosecond},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := lookup(t, sys, "sup/c")
	for i := range 40 {
		if err := sys.Tell(c, volley{30 + 2*i}); err != nil {
			t.Fatal(err)
		}
		got(t, in, "the handler")
		for range 3 {
			_ = sys.Tell(c, nudge{})
		}
		closeChild(t, sys, "sup", "c")
		if n, err := actors.Call[get, int](within(t), sys, c, get{}); err != nil || n != i+2 {
			t.Fatalf("incarnation %d, %v; want %d", n, err, i+2)
		}
	}
	for range 40 {
		got(t, closed, "the end of an incarnation")
	}
	if n := twice.Load(); n > 0 {
		t.Fatalf("%d deliveries beside another", n)
	}
	t.Logf("%d of 40 were fenced", h.Stats().Stuck.Load())
}

package host_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

var _ = errors.New
var _ = fmt.Sprint
var _ = context.Background

// AfterFunc that panics
func TestB40AfterFuncPanicEndsTheIncarnationOnly(t *testing.T) {
	_, sys := worldB(t, host.Options{})
	a := spawn(t, sys, "a", doer(func(cx *actors.Cx, m any) error {
		if _, ok := m.(quit); ok {
			cx.AfterFunc(func() { panic("callback") })
			return actors.ErrStop
		}
		return nil
	}))
	_ = sys.Tell(a, quit{})
	eventuallyB(t, "gone", func() bool { _, ok := sys.Lookup("a"); return !ok })
}

type badRes struct{}

func (badRes) Label() string       { return "bad" }
func (badRes) Ask(regions.Request) { panic("ask") }
func (badRes) Kill()               { panic("kill") }

func TestB41AResourcePanicDoesNotStrandTheRegion(t *testing.T) {
	_, sys := worldB(t, host.Options{})
	a := spawn(t, sys, "a", doer(func(cx *actors.Cx, m any) error {
		if _, ok := m.(quit); ok {
			_, _ = cx.Own(regions.File, badRes{})
			return actors.ErrStop
		}
		return nil
	}))
	_ = sys.Tell(a, quit{})
	time.Sleep(100 * time.Millisecond)
}

// double delivery after a false fence
func TestB42FalseFenceDoubleDelivery(t *testing.T) {
	for range 30 {
		gate := make(chan struct{})
		told := make(chan struct{}, 8)
		goon := make(chan struct{})
		var first atomic.Bool
		_, sys := worldB(t, host.Options{System: actors.Options{Events: func(e actors.Event) {
			if e.Kind == actors.EventStuck && !first.Swap(true) {
				told <- struct{}{}
				<-goon
			}
		}}})
		in := make(chan struct{}, 1)
		var twice atomic.Int32
		c := sup1(t, sys, "sup", actors.Child{StuckAfter: 5 * time.Millisecond}, core.Child{TwoIncarnations: true, Shutdown: core.Shutdown{Within: 3 * time.Second}}, func() actors.Behaviour {
			var busy atomic.Bool
			return doer(func(cx *actors.Cx, msg any) error {
				if busy.Swap(true) {
					twice.Add(1)
				}
				defer busy.Store(false)
				switch m := msg.(type) {
				case *actors.Ask[get, int]:
					m.Keep(cx)
				case actors.Started, nudge:
					for end := time.Now().Add(200 * time.Microsecond); time.Now().Before(end); {
					}
				}
				return nil
			})
		})
		_ = sys.Tell(c, actors.Question[get, int](sys, get{}, func(int, error) {}))
		_ = sys.Tell(c, do(func(cx *actors.Cx) { in <- struct{}{}; <-gate }))
		got(t, in, "handler")
		go closeChild(t, sys, "sup", "c")
		got(t, told, "stuck told")
		close(gate)
		time.Sleep(20 * time.Millisecond)
		close(goon)
		for range 100 {
			_ = sys.Tell(c, nudge{})
		}
		time.Sleep(20 * time.Millisecond)
		if twice.Load() > 0 {
			t.Fatalf("BROKEN: %d deliveries to one incarnation at once", twice.Load())
		}
	}
}

// drain clock that fires on an incarnation of which the close is done (stale): Done of the next life
func TestB43StaleDrain(t *testing.T) {
	_, sys := worldB(t, host.Options{})
	c := sup1(t, sys, "sup", actors.Child{Drain: time.Millisecond}, core.Child{}, func() actors.Behaviour {
		return doer(func(cx *actors.Cx, msg any) error {
			if _, ok := msg.(actors.Started); ok {
				_, err := cx.Spawn(actors.Child{Name: "g", Behaviour: doer(nil)})
				return err
			}
			return nil
		})
	})
	bad := 0
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		n := inc(sys, "sup/c")
		d := time.Now()
		_ = sys.Tell(c, do(func(cx *actors.Cx) {
			_, _ = cx.Spawn(actors.Child{Name: "h", Behaviour: actors.Func(func(k *actors.Cx, m any) error {
				if _, ok := m.(actors.CancelRequested); ok {
					for time.Since(d) < 1050*time.Microsecond {
					}
				}
				return nil
			})})
			d = time.Now()
			panic("x")
		}))
		for inc(sys, "sup/c") == n {
		}
		run1(t, sys, c, func(cx *actors.Cx) {
			if cx.Err() != nil {
				bad++
			}
		})
	}
	if bad > 0 {
		t.Errorf("BROKEN: Done of a healthy incarnation is closed, %d times", bad)
	}
}

// TwoIncarnations whose handler returns before respawn while its region drains: budget burnt
func TestB44RespawnWhileTheOldRegionDrainsDoesNotBurnTheBudget(t *testing.T) {
	_, sys := worldB(t, host.Options{})
	_ = base.ReasonUser
}

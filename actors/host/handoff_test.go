package host_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
)

type (
	begin  struct{}
	nudge  struct{}
	volley struct{ left int }
	alarm  struct{ due time.Time }
)

func init() { actors.Register(lanes.Timed, func(a alarm) time.Time { return a.due }) }

// journal writes down who handled something, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

// held is a host of one worker that is kept busy until release is called, so that what is sent meanwhile
// waits in the run queue in order.
func held(t *testing.T) (sys *actors.System, release func()) {
	t.Helper()
	h := host.New(host.Options{Workers: 1, Spares: -1})
	closeAtEnd(t, h)
	gate, in := make(chan struct{}), make(chan struct{})
	g := spawn(t, h.System(), "gate", func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(begin); ok {
			close(in)
			<-gate
		}
		return nil
	})
	if err := h.System().Tell(g, begin{}); err != nil {
		t.Fatal(err)
	}
	got(t, in, "the gate is held")
	return h.System(), func() { close(gate) }
}

// noted is an actor that writes its name down at every nudge, and is idle by now.
func noted(t *testing.T, sys *actors.System, j *journal, name string) actors.Ref {
	t.Helper()
	return spawn(t, sys, name, func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(nudge); ok {
			j.add(name)
		}
		return nil
	})
}

func TestL6AMessageToAnIdleActorRunsNextOnTheSameWorker(t *testing.T) {
	h := host.New(host.Options{Workers: 1, Spares: -1})
	closeAtEnd(t, h)
	sys, j, done := h.System(), &journal{}, make(chan struct{})
	b := noted(t, sys, j, "b")
	var others []actors.Ref
	for i := range 5 {
		others = append(others, noted(t, sys, j, fmt.Sprint("x", i)))
	}
	last := spawn(t, sys, "last", func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(nudge); ok {
			close(done)
		}
		return nil
	})
	a := spawn(t, sys, "a", func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(begin); !ok {
			return nil
		}
		j.add("a")
		for _, x := range append(others, last) { // the first of them is handed to, the rest queue
			if err := cx.Tell(x, nudge{}); err != nil {
				return err
			}
		}
		return cx.Tell(cx.Self(), volley{})
	})
	c := spawn(t, sys, "c", func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(begin); ok {
			j.add("c")
			return cx.Tell(b, nudge{})
		}
		return nil
	})
	g := spawn(t, sys, "starter", func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(begin); ok {
			return errors.Join(cx.Tell(a, begin{}), cx.Tell(c, begin{}))
		}
		return nil
	})
	if err := sys.Tell(g, begin{}); err != nil {
		t.Fatal(err)
	}
	got(t, done, "the last one")
	j.mu.Lock()
	defer j.mu.Unlock()
	// a is handed to by the starter and hands to x0; c was queued before x1..x4, and hands to b.
	if want := []string{"a", "x0", "c", "b", "x1", "x2", "x3", "x4"}; !slices.Equal(j.lines, want) {
		t.Fatalf("order %v, want %v", j.lines, want)
	}
	if h.Stats().HandOffs.Load() == 0 {
		t.Fatal("no hand-off was counted")
	}
}

func TestL6AHandOffNeverPassesAWaitingCancelOrDueTimed(t *testing.T) {
	for _, urgent := range []string{"cancel", "timed"} {
		t.Run(urgent, func(t *testing.T) {
			sys, release := held(t)
			j, done := &journal{}, make(chan struct{})
			b := spawn(t, sys, "b", func(_ *actors.Cx, msg any) error {
				if _, ok := msg.(nudge); ok {
					j.add("handed")
					close(done)
				}
				return nil
			})
			var victim actors.Ref
			parent := spawn(t, sys, "parent", func(cx *actors.Cx, msg any) error {
				switch msg.(type) {
				case actors.Started:
					ref, err := cx.Spawn(actors.Child{Name: "victim", Behaviour: actors.Func(func(_ *actors.Cx, m any) error {
						switch m.(type) {
						case actors.CancelRequested, alarm:
							j.add("urgent")
						}
						return nil
					})})
					victim = ref
					return err
				case begin:
					if urgent == "cancel" {
						return errors.Join(cx.Close(victim, regions.Request{Reason: base.ReasonUser}), cx.Tell(b, nudge{}))
					}
					return errors.Join(cx.Tell(victim, alarm{cx.Now()}), cx.Tell(b, nudge{}))
				}
				return nil
			})
			release()
			if err := sys.Tell(parent, begin{}); err != nil {
				t.Fatal(err)
			}
			got(t, done, "the hand-off")
			j.mu.Lock()
			defer j.mu.Unlock()
			if want := []string{"urgent", "handed"}; !slices.Equal(j.lines, want) {
				t.Fatalf("order %v, want %v", j.lines, want)
			}
		})
	}
}

func TestL6AHandOffInheritsTheRestOfTheQuantum(t *testing.T) {
	sys, release := held(t)
	const volleys = 10_000
	var turns int // one worker: no other goroutine writes it
	done := make(chan int, 1)
	var a, b actors.Ref
	player := func(other *actors.Ref) actors.Func {
		return func(cx *actors.Cx, msg any) error {
			if v, ok := msg.(volley); ok && v.left > 0 {
				turns++
				return cx.Tell(*other, volley{v.left - 1})
			}
			return nil
		}
	}
	a, b = spawn(t, sys, "a", player(&b)), spawn(t, sys, "b", player(&a))
	x := spawn(t, sys, "x", func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(nudge); ok {
			done <- turns
		}
		return nil
	})
	if err := errors.Join(sys.Tell(a, volley{volleys}), sys.Tell(x, nudge{})); err != nil {
		t.Fatal(err)
	}
	release()
	if n := got(t, done, "the bystander"); n > 2*64 {
		t.Fatalf("%d deliveries of a ping-pong before a bystander's turn: the quantum is 64", n)
	}
}

func TestL6AHandlerThatGoesOnGivesItsHandOffAway(t *testing.T) {
	h := host.New(host.Options{Workers: 1})
	closeAtEnd(t, h)
	sys := h.System()
	seen := make(chan struct{})
	b := spawn(t, sys, "b", func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(nudge); ok {
			close(seen)
		}
		return nil
	})
	ok := make(chan bool, 1)
	a := spawn(t, sys, "a", func(cx *actors.Cx, msg any) error {
		if _, isBegin := msg.(begin); isBegin {
			err := cx.Tell(b, nudge{})
			got(t, seen, "b, while a's handler still runs")
			ok <- true
			return err
		}
		return nil
	})
	if err := sys.Tell(a, begin{}); err != nil {
		t.Fatal(err)
	}
	got(t, ok, "a")
}

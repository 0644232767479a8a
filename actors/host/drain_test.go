package host_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// owes is an actor that opens a promise when it is asked to end and never keeps it: it does not drain.
func owes(held *[]*actors.Ask[get, int]) actors.Func {
	return func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			m.Keep(cx)
			*held = append(*held, m)
		}
		return nil
	}
}

func TestR3ADrainEndsWithItsBudgetInTime(t *testing.T) {
	for _, c := range []struct {
		name  string
		drain time.Duration
		want  time.Duration
	}{
		{"default", 0, 5 * time.Second},
		{"own", 300 * time.Millisecond, 300 * time.Millisecond},
		{"for ever, until shutdown kills it", -1, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := host.New(host.Options{Workers: 2})
				sys := h.System()
				var held []*actors.Ask[get, int]
				ref, err := sys.Spawn(actors.Child{Name: "ower", Behaviour: owes(&held), Drain: c.drain})
				if err != nil {
					t.Fatal(err)
				}
				answered := make(chan error, 1)
				go func() { // owner: the test, by answered; ends: the question is answered
					_, err := actors.Call[get, int](context.Background(), sys, ref, get{})
					answered <- err
				}()
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began := time.Now()
				p, err := h.Shutdown(ctx, base.ReasonShutdown, time.Second)
				if err != nil || !p.Quiescent() {
					t.Error(p, err)
				}
				if took := time.Since(began); took < c.want || took > c.want+100*time.Millisecond {
					t.Errorf("it drained for %s, want %s", took, c.want)
				}
				if err := <-answered; err == nil {
					t.Error("the question was answered without an answer")
				}
			})
		})
	}
}

func TestR2WhatAnActorOwnsDrainsWhenItEndsByItself(t *testing.T) {
	_, sys := world(t)
	heard, ended := make(chan string, 4), make(chan struct{})
	child := func(_ *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.CancelRequested:
			heard <- "cancel"
		case add:
			heard <- "add"
			_ = m
		}
		return nil
	}
	ref := spawn(t, sys, "parent", func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(quit); !ok {
			return nil
		}
		kid, err := cx.Spawn(actors.Child{Name: "kid", Behaviour: actors.Func(child)})
		if err != nil {
			return err
		}
		if err := cx.Tell(kid, add{1}); err != nil {
			return err
		}
		return actors.ErrStop
	})
	sys.OnRetired(ref, func(actors.Exit) { close(ended) })
	if err := sys.Tell(ref, quit{}); err != nil {
		t.Fatal(err)
	}
	got(t, ended, "the parent's end")
	close(heard)
	var all []string
	for s := range heard {
		all = append(all, s)
	}
	slices.Sort(all) // the child may have begun before it was asked
	if want := []string{"add", "cancel"}; !slices.Equal(all, want) {
		t.Fatalf("the child heard %v, want %v: a close is a request and a drain", all, want)
	}
}

// stuckOnce is a child whose first incarnation never returns from boom, until gate is closed. It panics
// where two workers deliver to the second one at once.
func stuckOnce(gate <-chan struct{}, in chan<- struct{}) func() actors.Behaviour {
	return func() actors.Behaviour {
		var busy atomic.Bool
		return actors.Func(func(cx *actors.Cx, msg any) error {
			if busy.Swap(true) {
				panic("two deliveries at once")
			}
			defer busy.Store(false)
			switch m := msg.(type) {
			case nudge:
				runtime.Gosched()
			case boom:
				in <- struct{}{}
				<-gate
			case *actors.Ask[get, int]:
				if cx.Err() != nil {
					return cx.Err() // nobody has asked this one to end
				}
				m.Reply(cx, int(cx.Incarnation()))
			}
			return nil
		})
	}
}

func TestR6ASecondIncarnationLivesBesideAWedgedOneIfItsSpecAllows(t *testing.T) {
	h, sys := world(t)
	gate, in := make(chan struct{}), make(chan struct{}, 1)
	_, err := supervision.Run(sys, "sup", supervision.Spec{
		Budget: core.Budget{Restarts: 3, Window: time.Minute},
		Children: []supervision.Child{{
			Child: core.Child{Name: "c", TwoIncarnations: true, Backoff: core.Backoff{Off: true}},
			Start: stuckOnce(gate, in),
			Actor: actors.Child{StuckAfter: 5 * time.Millisecond},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := lookup(t, sys, "sup/c")
	if err := sys.Tell(c, boom{}); err != nil {
		t.Fatal(err)
	}
	got(t, in, "the handler")
	if err := sys.Tell(c, add{}); err != nil {
		t.Fatal(err)
	}
	closeChild(t, sys, "sup", "c") // it is in the way now: it is fenced, and left behind
	n, err := actors.Call[get, int](within(t), sys, c, get{})
	if err != nil || n != 2 {
		t.Fatalf("incarnation %d, %v; want the second to answer", n, err)
	}
	if h.Stats().Stuck.Load() == 0 {
		t.Fatal("it was not counted as stuck")
	}
	close(gate) // the first returns after all, and its region ends: world's proof is quiescent
	for i := range 3000 {
		if err := sys.Tell(c, nudge{}); err == nil && i%100 > 0 {
			continue // a flood, so that a second worker would have something to deliver
		}
		if n, err := actors.Call[get, int](within(t), sys, c, get{}); err != nil || n != 2 {
			t.Fatal(n, err)
		}
	}
}

// closeChild asks for a restart of the child: stop it, start it again.
func closeChild(t *testing.T, sys *actors.System, sup, name string) {
	t.Helper()
	ref := lookup(t, sys, sup)
	_, err := actors.Call[supervision.Request, struct{}](within(t), sys, ref, supervision.Request{Kind: core.Restarted, Name: name})
	if err != nil {
		t.Fatal(err)
	}
}

func lookup(t *testing.T, sys *actors.System, path string) actors.Ref {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		if ref, ok := sys.Lookup(path); ok {
			return ref
		}
	}
	t.Fatal("never: ", path)
	return actors.Ref{}
}

func TestR6AWedgedIncarnationLeftBehindIsNamedByTheProof(t *testing.T) {
	h := host.New(host.Options{Workers: 2})
	sys := h.System()
	gate, in := make(chan struct{}), make(chan struct{}, 1)
	_, err := supervision.Run(sys, "sup", supervision.Spec{
		Budget: core.Budget{Restarts: 3, Window: time.Minute},
		Children: []supervision.Child{{
			Child: core.Child{Name: "c", TwoIncarnations: true, Backoff: core.Backoff{Off: true}},
			Start: stuckOnce(gate, in),
			Actor: actors.Child{StuckAfter: 5 * time.Millisecond},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := lookup(t, sys, "sup/c")
	if err := sys.Tell(c, boom{}); err != nil {
		t.Fatal(err)
	}
	got(t, in, "the handler")
	closeChild(t, sys, "sup", "c")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	p, err := h.Shutdown(ctx, base.ReasonShutdown, time.Second)
	if !errors.Is(err, host.ErrWedged) || !slices.Contains(p.Residue, "region sup/c") {
		t.Fatalf("%v, %v: the residue has to name it", p, err)
	}
	close(gate)
}

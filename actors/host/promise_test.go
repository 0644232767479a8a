package host_test

import (
	"errors"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// TestO1AQuestionHandedOnIsOnlyItsNewHolders: the one that handed on is still in its handler when the new
// holder has the question.
func TestO1AQuestionHandedOnIsOnlyItsNewHolders(t *testing.T) {
	_, sys := world(t)
	has, returned := make(chan struct{}), make(chan struct{})
	back := spawn(t, sys, "back", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			close(has)
			<-returned
			m.Reply(cx, 42)
		}
		return nil
	})
	front := spawn(t, sys, "front", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			if err := m.HandOn(cx, back); err != nil {
				return err
			}
			<-has
		}
		return nil
	})
	go func() { // owner: the test's Call waits for its answer; ends: front has handled the question
		settled(t, sys, front)
		close(returned)
	}()
	if n, err := actors.Call[get, int](within(t), sys, front, get{}); n != 42 || err != nil {
		t.Fatal(n, err)
	}
}

// phoenix is the spec of a child that is restarted at once.
func phoenix(name string, start actors.Func, a actors.Child) supervision.Child {
	return supervision.Child{
		Child: core.Child{Name: name, Backoff: core.Backoff{Off: true}}, Actor: a,
		Start: func() actors.Behaviour { return start },
	}
}

func run(t *testing.T, sys *actors.System, children ...supervision.Child) {
	t.Helper()
	_, err := supervision.Run(sys, "sup", supervision.Spec{Budget: core.Budget{Restarts: 100, Window: time.Minute}, Children: children})
	if err != nil {
		t.Fatal(err)
	}
}

// gated is a child with one place in its Ready lane that stays in the handler of boom until gate is closed.
func gated(t *testing.T, sys *actors.System, gate <-chan struct{}) actors.Ref {
	t.Helper()
	in := make(chan struct{}, 1)
	ref, err := sys.Spawn(actors.Child{Name: "gated", Lanes: lanes.Options{Ready: 1}, Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(boom); ok {
			in <- struct{}{}
			<-gate
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.Tell(ref, boom{}); err != nil {
		t.Fatal(err)
	}
	got(t, in, "the gate")
	return ref
}

// TestO5APermitForAnIncarnationThatEndedIsGivenBack: it is granted while nobody is there to hold it.
func TestO5APermitForAnIncarnationThatEndedIsGivenBack(t *testing.T) {
	_, sys := world(t)
	gate := make(chan struct{})
	one := gated(t, sys, gate)
	run(t, sys, phoenix("c", func(cx *actors.Cx, msg any) error {
		switch msg.(type) {
		case begin:
			for range 2 { // one is granted at once, one waits
				if _, err := cx.Reserve(one); err != nil {
					return err
				}
			}
			return errors.New("ends before its permits come")
		case *actors.Permit:
			t.Error("the next incarnation got a permit that it did not ask for")
		}
		return nil
	}, actors.Child{}))
	c := lookup(t, sys, "sup/c")
	_ = sys.Tell(c, begin{})
	for range 3 { // the first permit comes back, the second is granted and comes back
		settled(t, sys, c)
	}
	defer close(gate)
	if err := sys.Tell(one, add{}); err != nil {
		t.Fatal("its place is still promised:", err)
	}
}

// TestL4WhatAnIncarnationReservedIsFreeAfterIt: a child with a small lane watches a neighbour and restarts,
// often.
func TestL4WhatAnIncarnationReservedIsFreeAfterIt(t *testing.T) {
	_, sys := world(t)
	of := spawn(t, sys, "of", func(*actors.Cx, any) error { return nil })
	run(t, sys, phoenix("c", func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			_, err := cx.Monitor(of)
			return err
		case fail:
			return errors.New("failed on purpose")
		case *actors.Ask[get, int]:
			m.Reply(cx, int(cx.Incarnation()))
		}
		return nil
	}, actors.Child{Lanes: lanes.Options{Ready: 4}}))
	c := lookup(t, sys, "sup/c")
	for i := range 20 {
		if n, err := actors.Call[get, int](within(t), sys, c, get{}); n != i+1 || err != nil {
			t.Fatalf("incarnation %d, %v after %d restarts", n, err, i)
		}
		_ = sys.Tell(c, fail{})
	}
}

// TestL4ALaneThatDropsItsOldestKeepsWhatWasPromised: an answer, a Down and a result are not the oldest to go.
func TestL4ALaneThatDropsItsOldestKeepsWhatWasPromised(t *testing.T) {
	h := host.New(host.Options{Workers: 2})
	closeAtEnd(t, h)
	sys, gate, in := h.System(), make(chan struct{}), make(chan struct{}, 1)
	heard := make(chan any, 16)
	echo := spawn(t, sys, "echo", mortal(nil))
	ref, err := sys.Spawn(actors.Child{Name: "c", Lanes: lanes.Options{Ready: 4, Overflow: lanes.DropOldest}, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case begin:
			_, err := actors.Request[get, int](cx, echo, get{}, 0)
			_, err2 := cx.Monitor(echo)
			in <- struct{}{}
			<-gate
			return errors.Join(err, err2)
		case actors.Answer[int], actors.Down:
			heard <- m
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	_ = sys.Tell(ref, begin{})
	got(t, in, "the handler")
	settled(t, sys, echo) // the answer is there
	_ = sys.Tell(echo, quit{})
	retired(t, sys, echo) // and so is the Down
	for range 10 {
		_ = sys.Tell(ref, add{})
	}
	close(gate)
	if a, ok := got(t, heard, "the answer").(actors.Answer[int]); !ok || a.Err != nil {
		t.Fatal(a)
	}
	if _, ok := got(t, heard, "the Down").(actors.Down); !ok {
		t.Fatal("not the Down")
	}
}

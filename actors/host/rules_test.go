package host_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

type (
	tie    struct{ to actors.Ref }
	untied struct{ from actors.Ref }
	fail   struct{}
)

// mortal links, fails, stops and drains on request; what it hears beside that goes to heard.
func mortal(heard chan<- any) actors.Func {
	return func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case tie:
			return cx.Link(m.to)
		case untied:
			cx.Unlink(m.from)
		case fail:
			return errors.New("failed on purpose")
		case quit:
			return actors.ErrStop
		case *actors.Ask[get, int]:
			m.Reply(cx, int(cx.Incarnation()))
		case actors.LinkDown, actors.Down:
			heard <- m
		}
		return nil
	}
}

// retired waits for the end of an actor.
func retired(t *testing.T, sys *actors.System, ref actors.Ref) actors.Exit {
	t.Helper()
	end := make(chan actors.Exit, 1)
	sys.OnRetired(ref, func(e actors.Exit) { end <- e })
	return got(t, end, ref.Path()+" ends")
}

func TestS4ALinkThatIsTakenBackIsNotHeardOf(t *testing.T) {
	_, sys := world(t)
	heard := make(chan any, 4)
	untie := func(first bool) { // whoever set it
		a := spawn(t, sys, fmt.Sprint("a", first), mortal(heard))
		b, err := sys.Spawn(actors.Child{Name: fmt.Sprint("b", first), TrapLinks: true, Behaviour: mortal(heard)})
		if err != nil {
			t.Fatal(err)
		}
		setter, other := a, b
		if first {
			setter, other = b, a
		}
		_ = sys.Tell(setter, tie{other})
		settled(t, sys, setter)
		_ = sys.Tell(b, untied{a})
		settled(t, sys, b)
		_ = sys.Tell(a, fail{})
		retired(t, sys, a)
		settled(t, sys, b) // a LinkDown would have overtaken the question
		_ = sys.Tell(b, fail{})
		retired(t, sys, b)
	}
	untie(true)
	untie(false)
	if len(heard) > 0 {
		t.Error("heard:", <-heard)
	}
}

func TestS4ALinkBringsTheOtherDownExactlyOnceUnlessTheEndWasClean(t *testing.T) {
	_, sys := world(t)
	heard := make(chan any, 16)
	make2 := func(i int, trap bool) (a, b actors.Ref) {
		a = spawn(t, sys, fmt.Sprint("a", i), mortal(heard))
		b, err := sys.Spawn(actors.Child{Name: fmt.Sprint("b", i), Behaviour: mortal(heard), TrapLinks: trap})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // linking twice is linking once
			if err := sys.Tell(b, tie{a}); err != nil {
				t.Fatal(err)
			}
		}
		settled(t, sys, b)
		return a, b
	}
	a, b := make2(1, false)
	_ = sys.Tell(a, fail{})
	if e := retired(t, sys, b); e.Kind != actors.ExitLinked || e.On != "a1" || !strings.Contains(fmt.Sprint(e.Err), "on purpose") {
		t.Error("abnormal end:", e)
	}
	a, b = make2(2, false)
	_ = sys.Tell(b, fail{})
	if e := retired(t, sys, a); e.Kind != actors.ExitLinked || e.On != "b2" {
		t.Error("a link has two ends:", e)
	}
	a, b = make2(3, false)
	_ = sys.Tell(a, quit{})
	retired(t, sys, a)
	if n, err := actors.Call[get, int](within(t), sys, b, get{}); n != 1 || err != nil {
		t.Error("a clean end took the other along:", n, err)
	}
	a, b = make2(4, true)
	_ = sys.Tell(a, fail{})
	if d, ok := got(t, heard, "the trapped link").(actors.LinkDown); !ok || d.Of != a || d.Exit.Kind != actors.ExitFailed {
		t.Error("trapped:", d)
	}
	_ = sys.Tell(b, tie{a}) // a link to what is gone counts as its end
	if d, ok := got(t, heard, "the late link").(actors.LinkDown); !ok || d.Exit.Kind != actors.ExitGone {
		t.Error("late:", d)
	}
	settled(t, sys, b)
	if len(heard) > 0 {
		t.Error("heard again:", <-heard)
	}
}

func TestS4ALinkTiesIncarnationsAndNotTheirSuccessors(t *testing.T) {
	_, sys := world(t)
	heard := make(chan any, 16)
	_, err := supervision.Run(sys, "sup", supervision.Spec{
		Budget: core.Budget{Restarts: 5, Window: time.Minute},
		Children: []supervision.Child{
			{Child: core.Child{Name: "a", Backoff: core.Backoff{Off: true}}, Start: func() actors.Behaviour { return mortal(heard) }},
			{Child: core.Child{Name: "b", Backoff: core.Backoff{Off: true}}, Start: func() actors.Behaviour { return mortal(heard) }, Actor: actors.Child{TrapLinks: true}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	a, b := lookup(t, sys, "sup/a"), lookup(t, sys, "sup/b")
	_ = sys.Tell(b, tie{a})
	settled(t, sys, b)
	_ = sys.Tell(a, fail{}) // b hears of it
	got(t, heard, "the first link")
	if n, err := actors.Call[get, int](within(t), sys, a, get{}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	_ = sys.Tell(b, fail{}) // a#2 was never linked
	if n, err := actors.Call[get, int](within(t), sys, b, get{}); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := actors.Call[get, int](within(t), sys, a, get{}); n != 2 || err != nil {
		t.Fatalf("incarnation %d of a, %v: it was ended by a link of the one before", n, err)
	}
}

func TestR3ADrainEndsWithItsBudgetInDeliveries(t *testing.T) {
	_, sys := world(t)
	j, gate, in := &journal{}, make(chan struct{}), make(chan struct{}, 1)
	heard := make(chan any, 16)
	child := actors.Child{Name: "c", DrainDeliveries: 3, Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		switch msg.(type) {
		case boom:
			in <- struct{}{}
			<-gate
		case add:
			j.add("add")
		}
		return nil
	})}
	sup := spawn(t, sys, "sup", parent(child, heard, func(cx *actors.Cx, ref actors.Ref, msg any) error {
		if _, ok := msg.(begin); ok {
			return cx.Close(ref, regions.Request{Reason: base.ReasonUser})
		}
		return nil
	}))
	got(t, heard, "started")
	c := lookup(t, sys, "sup/c")
	_ = sys.Tell(c, boom{})
	got(t, in, "the handler")
	for range 10 {
		_ = sys.Tell(c, add{})
	}
	_ = sys.Tell(sup, begin{})
	settled(t, sys, sup)
	close(gate)
	end, ok := got(t, heard, "the end").(actors.ChildEnded)
	j.mu.Lock()
	defer j.mu.Unlock()
	if !ok || end.Exit.Kind != actors.ExitKilled || end.Exit.Reason != base.ReasonBudget && end.Exit.Reason != base.ReasonUser || len(j.lines) != 3 {
		t.Fatalf("%+v after %d deliveries, want 3", end.Exit, len(j.lines))
	}
}

func TestC3ABudgetInDeliveriesOrTimeEndsTheIncarnation(t *testing.T) {
	_, sys := world(t)
	for name, child := range map[string]actors.Child{
		"deliveries": {Deliveries: 5}, "time": {Lifetime: 5 * time.Millisecond},
	} {
		child.Name = name
		asked := make(chan base.Reason, 1)
		child.Behaviour = actors.Func(func(_ *actors.Cx, msg any) error {
			if m, ok := msg.(actors.CancelRequested); ok {
				asked <- m.Reason
			}
			return nil
		})
		ref, err := sys.Spawn(child)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			_ = sys.Tell(ref, add{})
		}
		if why := got(t, asked, name+": the request"); why != base.ReasonBudget {
			t.Errorf("%s: asked to end for %s", name, why)
		}
		if e := retired(t, sys, ref); e.Kind != actors.ExitShutdown {
			t.Errorf("%s: %v", name, e)
		}
	}
}

func TestL4AFullLaneDropsTheOldestWhereItsOptionSaysSo(t *testing.T) {
	h := host.New(host.Options{Workers: 2})
	closeAtEnd(t, h)
	sys, j, gate, in := h.System(), &journal{}, make(chan struct{}), make(chan struct{}, 1)
	ref, err := sys.Spawn(actors.Child{Name: "c", Lanes: lanes.Options{Ready: 3, Overflow: lanes.DropOldest}, Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case boom:
			in <- struct{}{}
			<-gate
		case add:
			j.add(fmt.Sprint(m.by))
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	_ = sys.Tell(ref, boom{})
	got(t, in, "the handler")
	for i := range 6 {
		if err := sys.Tell(ref, add{i}); err != nil {
			t.Fatal(err)
		}
	}
	close(gate)
	settled(t, sys, ref) // drops one more: 3
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lines) < 2 || !slices.Equal(j.lines[len(j.lines)-2:], []string{"4", "5"}) || slices.Contains(j.lines, "2") {
		t.Fatal(j.lines)
	}
	if d := sys.DeadLetters()["lane_full"]; d < 3 {
		t.Fatalf("%d dead letters, want 3 or more: %v", d, sys.DeadLetters())
	}
}

func TestO5APermitIsAbortedOrGivenBackByTheEndOfItsHolder(t *testing.T) {
	_, sys := world(t)
	gate, in := make(chan struct{}), make(chan struct{}, 1)
	one, err := sys.Spawn(actors.Child{Name: "one", Lanes: lanes.Options{Ready: 1}, Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(boom); ok {
			in <- struct{}{}
			<-gate
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	_ = sys.Tell(one, boom{})
	got(t, in, "the handler")
	holder := func(name string, act func(*actors.Cx, *actors.Permit) error) (actors.Ref, chan struct{}) {
		held := make(chan struct{}, 1)
		return spawn(t, sys, name, func(cx *actors.Cx, msg any) error {
			switch m := msg.(type) {
			case begin:
				_, err := cx.Reserve(one)
				return err
			case *actors.Permit:
				held <- struct{}{}
				return act(cx, m)
			case fail:
				return errors.New("holder ends")
			}
			return nil
		}), held
	}
	aborter, held := holder("aborter", func(cx *actors.Cx, p *actors.Permit) error { return p.Abort(cx) })
	_ = sys.Tell(aborter, begin{})
	got(t, held, "the first permit")
	settled(t, sys, aborter)
	keeper, held := holder("keeper", func(*actors.Cx, *actors.Permit) error { return nil })
	_ = sys.Tell(keeper, begin{})
	got(t, held, "the second, since the first was given back")
	settled(t, sys, keeper)
	if err := sys.Tell(one, add{}); err == nil {
		t.Fatal("a place that is promised was given away")
	}
	third, held := holder("third", func(cx *actors.Cx, p *actors.Permit) error { return p.Send(cx, add{}) })
	_ = sys.Tell(third, begin{})
	settled(t, sys, third)
	if len(held) > 0 {
		t.Fatal("two permits for one place")
	}
	_ = sys.Tell(keeper, fail{})
	got(t, held, "the third, since its holder ended")
	close(gate)
}

func TestC2DoneClosesWhenTheCancelIsAccepted(t *testing.T) {
	_, sys := world(t)
	in, heard := make(chan struct{}, 1), make(chan any, 16)
	after := make(chan struct{}, 1)
	child := actors.Child{Name: "c", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(boom); !ok {
			return nil
		}
		cx.AfterFunc(func() { after <- struct{}{} })
		derived, cancel := context.WithTimeout(cx, time.Minute)
		defer cancel()
		if cx.Checkpoint() != nil || cx.Err() != nil {
			return errors.New("cancelled before anybody asked")
		}
		if me, ok := actors.FromContext(derived); !ok || me != cx {
			return errors.New("a derived context lost its Cx")
		}
		in <- struct{}{}
		<-derived.Done() // a library called from a running handler
		if err := cx.Checkpoint(); !errors.Is(err, context.Canceled) || !errors.Is(err, codes.Of(codes.Cancelled)) {
			return fmt.Errorf("a checkpoint says %w", err)
		}
		return nil
	})}
	sup := spawn(t, sys, "sup", parent(child, heard, func(cx *actors.Cx, ref actors.Ref, msg any) error {
		if _, ok := msg.(begin); ok {
			return cx.Close(ref, regions.Request{Reason: base.ReasonUser})
		}
		return nil
	}))
	got(t, heard, "started")
	_ = sys.Tell(lookup(t, sys, "sup/c"), boom{})
	got(t, in, "the handler")
	_ = sys.Tell(sup, begin{})
	got(t, after, "AfterFunc")
	if end, ok := got(t, heard, "the end").(actors.ChildEnded); !ok || end.Exit.Kind != actors.ExitShutdown {
		t.Fatal(end.Exit)
	}
}

func TestO1AQuestionHandedOnIsAnsweredByItsNewHolder(t *testing.T) {
	_, sys := world(t)
	back := spawn(t, sys, "back", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			m.Reply(cx, 42)
		}
		return nil
	})
	front := spawn(t, sys, "front", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			if err := m.HandOn(cx, back); err != nil {
				return err
			}
			return errors.New("the one that handed on may end")
		}
		return nil
	})
	if n, err := actors.Call[get, int](within(t), sys, front, get{}); n != 42 || err != nil {
		t.Fatal(n, err)
	}
	retired(t, sys, front)
	if a := sys.DeadLetters(); len(a) > 0 {
		t.Fatal(a)
	}
}

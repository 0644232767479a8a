package host_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// TestS5APanicInAfterFuncEndsItsOwnIncarnation: it runs where the request is accepted, in somebody else's handler.
func TestS5APanicInAfterFuncEndsItsOwnIncarnation(t *testing.T) {
	_, sys := world(t)
	heard := make(chan any, 16)
	child := actors.Child{Name: "c", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(actors.Started); ok {
			cx.AfterFunc(func() { panic("boom") })
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
	_ = sys.Tell(sup, begin{})
	end, ok := got(t, heard, "the end").(actors.ChildEnded)
	if !ok || end.Exit.Kind != actors.ExitPanicked || end.Proof.Outcome != base.OutcomePanicked {
		t.Fatalf("%+v", end)
	}
	settled(t, sys, sup) // the one that asked is none the worse
}

// TestS5APanicInAfterFuncAtTheEndIsTold: the incarnation ends by itself; the panic is in the proof.
func TestS5APanicInAfterFuncAtTheEndIsTold(t *testing.T) {
	_, sys := world(t)
	heard := make(chan any, 16)
	child := actors.Child{Name: "c", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(actors.Started); ok {
			cx.AfterFunc(func() { panic("boom") })
			return actors.ErrStop
		}
		return nil
	})}
	spawn(t, sys, "sup", parent(child, heard, func(*actors.Cx, actors.Ref, any) error { return nil }))
	end, ok := got(t, heard, "the end").(actors.ChildEnded)
	if !ok || end.Proof.Outcome != base.OutcomePanicked || len(end.Proof.Faults) != 1 {
		t.Fatalf("%+v", end)
	}
}

// late is a Cx whose cancel was accepted between the look at Done and the call of AfterFunc.
type late struct {
	*actors.Cx
	open chan struct{}
}

func (l late) Done() <-chan struct{} { return l.open }

// TestC2DerivingAContextWhileTheCancelIsAcceptedNeitherBlocksNorMissesIt: the context package holds a lock of
// the derived context while it calls AfterFunc.
func TestC2DerivingAContextWhileTheCancelIsAcceptedNeitherBlocksNorMissesIt(t *testing.T) {
	_, sys := world(t)
	seen := make(chan error, 1)
	child := actors.Child{Name: "c", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(actors.CancelRequested); ok {
			derived, cancel := context.WithCancel(late{cx, make(chan struct{})})
			defer cancel()
			<-derived.Done()
			seen <- context.Cause(derived)
		}
		return nil
	})}
	heard := make(chan any, 16)
	sup := spawn(t, sys, "sup", parent(child, heard, func(cx *actors.Cx, ref actors.Ref, msg any) error {
		if _, ok := msg.(begin); ok {
			return cx.Close(ref, regions.Request{Reason: base.ReasonUser})
		}
		return nil
	}))
	got(t, heard, "started")
	_ = sys.Tell(sup, begin{})
	if err := got(t, seen, "the derived context's end"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestC2DerivedContextsRaceWithTheCancel is the same with the real race.
func TestC2DerivedContextsRaceWithTheCancel(t *testing.T) {
	_, sys := world(t)
	for range 100 {
		var turns atomic.Int64
		ref, err := sys.Spawn(actors.Child{Name: "c", Doors: true, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
			for msg == (begin{}) && cx.Err() == nil {
				derived, cancel := context.WithCancel(cx)
				turns.Add(1)
				if cx.Err() != nil {
					<-derived.Done()
				}
				cancel()
			}
			return nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		_ = sys.Tell(ref, begin{})
		for turns.Load() == 0 {
			runtime.Gosched()
		}
		if err := sys.StopFromOutside(ref, base.ReasonUser); err != nil {
			t.Fatal(err)
		}
		retired(t, sys, ref)
	}
}

// rude is a resource whose methods panic.
type rude struct{ ask, kill bool }

func (r rude) Label() string { return "rude" }
func (r rude) Ask(regions.Request) {
	if r.ask {
		panic("rude ask")
	}
}

func (r rude) Kill() {
	if r.kill {
		panic("rude kill")
	}
}

// TestR2AResourceThatPanicsStrandsNobody: the others hear of the close, the region ends, the proof names it.
func TestR2AResourceThatPanicsStrandsNobody(t *testing.T) {
	_, sys := world(t)
	var release func(base.Outcome)
	heard := make(chan any, 16)
	kid := actors.Child{Name: "kid", Behaviour: actors.Func(func(*actors.Cx, any) error { return nil })}
	child := actors.Child{Name: "c", Behaviour: actors.Func(func(cx *actors.Cx, msg any) (err error) {
		switch msg.(type) {
		case actors.Started:
			if release, err = cx.Own(regions.File, rude{ask: true}); err == nil {
				_, err = cx.Spawn(kid)
			}
		case actors.CancelRequested:
			release(base.OutcomeOk)
		}
		return err
	})}
	sup := spawn(t, sys, "sup", parent(child, heard, func(cx *actors.Cx, ref actors.Ref, msg any) error {
		if _, ok := msg.(begin); ok {
			return cx.Close(ref, regions.Request{Reason: base.ReasonUser})
		}
		return nil
	}))
	got(t, heard, "started")
	_ = sys.Tell(sup, begin{})
	end, ok := got(t, heard, "the end").(actors.ChildEnded)
	if !ok || end.Exit.Kind != actors.ExitShutdown || end.Proof.Outcome != base.OutcomePanicked || len(end.Proof.Faults) != 1 {
		t.Fatalf("%+v", end)
	}
}

// TestR2AResourceThatPanicsWhenItIsKilledStrandsNobody: the killer goes on, the others are killed, the proof
// names it, and the region closes when it leaves.
func TestR2AResourceThatPanicsWhenItIsKilledStrandsNobody(t *testing.T) {
	_, sys := world(t)
	var release func(base.Outcome)
	kids, heard := make(chan actors.Exit, 1), make(chan any, 16)
	child := actors.Child{Name: "c", Behaviour: actors.Func(func(cx *actors.Cx, msg any) (err error) {
		if _, ok := msg.(actors.Started); ok {
			if release, err = cx.Own(regions.Process, rude{kill: true}); err == nil {
				_, err = cx.Spawn(actors.Child{Name: "kid", Behaviour: mortal(nil)})
			}
		}
		return err
	})}
	sup := spawn(t, sys, "sup", parent(child, heard, func(cx *actors.Cx, ref actors.Ref, msg any) error {
		if _, ok := msg.(begin); ok {
			return cx.Close(ref, regions.Request{Reason: base.ReasonUser, Brutal: true})
		}
		return nil
	}))
	got(t, heard, "started")
	sys.OnRetired(lookup(t, sys, "sup/c/kid"), func(e actors.Exit) { kids <- e })
	_ = sys.Tell(sup, begin{})
	if e := got(t, kids, "the sibling's end"); e.Kind != actors.ExitKilled {
		t.Error(e)
	}
	release(base.OutcomeOk)
	end, ok := got(t, heard, "the end").(actors.ChildEnded)
	if !ok || end.Exit.Kind != actors.ExitKilled || len(end.Proof.Faults) == 0 || !end.Proof.Quiescent() {
		t.Fatalf("%+v", end)
	}
}

// TestR1AnActorOwnsNoKindThatIsTheKernels: neither actors, slots and regions, nor what is no kind.
func TestR1AnActorOwnsNoKindThatIsTheKernels(t *testing.T) {
	_, sys := world(t)
	refused := make(chan error, 8)
	spawn(t, sys, "c", func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(actors.Started); ok {
			for _, k := range []regions.Kind{regions.Actor, regions.Slot, regions.Descendant, regions.Listener + 1} {
				_, err := cx.Own(k, rude{})
				refused <- err
			}
		}
		return nil
	})
	for range 4 {
		if err := got(t, refused, "the refusal"); !errors.Is(err, codes.Of(codes.BadChild)) {
			t.Error(err)
		}
	}
}

// broken is an error whose text panics, as that of a nil *broken does.
type broken struct{ text string }

func (b *broken) Error() string { return b.text }

// TestS5AnErrorWhoseTextPanicsEndsItsOwnIncarnationOnly: a nil pointer in an error is a fault of the child.
func TestS5AnErrorWhoseTextPanicsEndsItsOwnIncarnationOnly(t *testing.T) {
	for name, bad := range map[string]func() error{
		"returned": func() error { var none *broken; return none },
		"panicked": func() error { var none *broken; panic(none) },
		"stop":     func() error { var none *broken; return actors.StopAs(actors.Exit{Kind: actors.ExitFailed, Err: none}) },
	} {
		t.Run(name, func(t *testing.T) {
			_, sys := world(t)
			run(t, sys, phoenix("c", func(cx *actors.Cx, msg any) error {
				switch m := msg.(type) {
				case fail:
					return bad()
				case *actors.Ask[get, int]:
					m.Reply(cx, int(cx.Incarnation()))
				}
				return nil
			}, actors.Child{}))
			c := lookup(t, sys, "sup/c")
			_ = sys.Tell(c, fail{})
			if n, err := actors.Call[get, int](within(t), sys, c, get{}); n != 2 || err != nil {
				t.Fatal(n, err)
			}
		})
	}
}

// TestS5ACallbackFromOutsideThatPanicsHurtsNobody: what waits for an end, or for an answer.
func TestS5ACallbackFromOutsideThatPanicsHurtsNobody(t *testing.T) {
	_, sys := world(t)
	ref := spawn(t, sys, "c", mortal(nil))
	sys.OnRetired(ref, func(actors.Exit) { panic("rude") })
	if err := sys.Tell(ref, actors.Question(sys, get{}, func(int, error) { panic("rude") })); err != nil {
		t.Fatal(err)
	}
	if n, err := actors.Call[get, int](within(t), sys, ref, get{}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	_ = sys.Tell(ref, quit{})
	if e := retired(t, sys, ref); e.Kind != actors.ExitNormal {
		t.Fatal("it was ended by somebody else's callback:", e)
	}
}

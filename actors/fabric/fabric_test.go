package fabric_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/fabric"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

type (
	add  struct{ by int }
	get  struct{}
	quit struct{}
)

// counter is an ordinary kernel actor: it knows nothing of protoactor.
type counter struct{ n int }

func (c *counter) Receive(cx *actors.Cx, msg any) error {
	switch m := msg.(type) {
	case add:
		c.n += m.by
	case *actors.Ask[get, int]:
		m.Reply(cx, c.n)
	case quit:
		return actors.ErrStop
	}
	return nil
}

// rig is a kernel system and a protoactor system tied together.
type rig struct {
	t       *testing.T
	sys     *actors.System
	foreign *actor.ActorSystem
	f       *fabric.Fabric
	dead    chan *actor.DeadLetterEvent // capacity 64; never closed
}

func newRig(t *testing.T) *rig {
	t.Helper()
	h := host.New(host.Options{Workers: 2})
	quiet := actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) })
	foreign := actor.NewActorSystem(append(fabric.Config(), quiet)...)
	r := &rig{t: t, sys: h.System(), foreign: foreign, f: fabric.New(h.System(), foreign), dead: make(chan *actor.DeadLetterEvent, 64)}
	fabric.Accept[get, int](r.f)
	foreign.EventStream.Subscribe(func(m any) {
		if e, ok := m.(*actor.DeadLetterEvent); ok {
			select {
			case r.dead <- e:
			default:
			}
		}
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if p, err := h.Shutdown(ctx, base.ReasonShutdown, time.Second); err != nil || !p.Quiescent() {
			t.Error(p, err)
		}
		foreign.Shutdown()
	})
	return r
}

func (r *rig) open(c actors.Child) (actors.Ref, *actor.PID) {
	r.t.Helper()
	if c.Behaviour == nil {
		c.Behaviour = &counter{}
	}
	ref, err := r.sys.Spawn(c)
	if err != nil {
		r.t.Fatal(err)
	}
	pid, err := r.f.Open(ref)
	if err != nil {
		r.t.Fatal(err)
	}
	return ref, pid
}

func (r *rig) ask(pid *actor.PID, m any) (any, error) {
	return r.foreign.Root.RequestFuture(pid, m, 2*time.Second).Result()
}

func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(2 * time.Second):
		t.Fatal("never: ", what)
		panic("unreachable")
	}
}

func TestPlainCodeSendsAndAsks(t *testing.T) {
	r := newRig(t)
	_, pid := r.open(actors.Child{Name: "counter"})
	for range 10 {
		r.foreign.Root.Send(pid, add{2})
	}
	if v, err := r.ask(pid, get{}); err != nil || v != 20 {
		t.Fatal(v, err)
	}
	if v, err := r.ask(actor.NewPID(r.foreign.Address(), "counter"), get{}); err != nil || v != 20 {
		t.Fatal("a fresh PID by name:", v, err)
	}
	if v, err := r.ask(pid, &actor.Touch{}); err != nil || !v.(*actor.Touched).Who.Equal(pid) {
		t.Fatal(v, err)
	}
	r.foreign.Root.Send(pid, batch{add{1}, add{1}})
	if v, _ := r.ask(pid, get{}); v != 22 {
		t.Fatal("a batch:", v)
	}
	// a plain actor asks, and its answer has our PID as the sender
	got := make(chan any, 1)
	r.foreign.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		switch m := c.Message().(type) {
		case *actor.Started:
			c.Request(pid, get{})
		case int:
			if c.Sender().Equal(pid) {
				got <- m
			}
		}
	}))
	if v := wait(t, got, "the answer to a plain actor"); v != 22 {
		t.Fatal(v)
	}
}

type batch []any

func (b batch) GetMessages() []any { return b }

func TestAKernelErrorIsAFailureToForeignAskers(t *testing.T) {
	r := newRig(t)
	_, pid := r.open(actors.Child{Name: "mute", Behaviour: actors.Func(func(*actors.Cx, any) error { return nil })})
	v, err := r.ask(pid, get{})
	f, ok := v.(*fabric.Failure)
	if err != nil || !ok || !errors.Is(f.Err, codes.Of(codes.NoReply)) {
		t.Fatal(v, err)
	}
}

// watcher counts the Terminated that a plain actor gets for pid.
func (r *rig) watcher(pid *actor.PID, unwatch bool) <-chan *actor.Terminated {
	term, ready := make(chan *actor.Terminated, 8), make(chan struct{})
	r.foreign.Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		switch m := c.Message().(type) {
		case *actor.Started:
			c.Watch(pid)
			c.Watch(pid)
			if unwatch {
				c.Unwatch(pid)
			}
			close(ready)
		case *actor.Terminated:
			term <- m
		}
	}))
	<-ready
	return term
}

func TestWatchFiresExactlyOnceAlsoAfterDeath(t *testing.T) {
	r := newRig(t)
	ref, pid := r.open(actors.Child{Name: "mortal"})
	early, never := r.watcher(pid, false), r.watcher(pid, true)
	_ = r.sys.Tell(ref, quit{})
	if m := wait(t, early, "Terminated"); !m.Who.Equal(pid) || m.Why != actor.TerminatedReason_Stopped {
		t.Fatal(m)
	}
	for name, late := range map[string]*actor.PID{"the cached PID": pid, "a fresh PID": actor.NewPID(r.foreign.Address(), "mortal")} {
		if m := wait(t, r.watcher(late, false), name); m.Why != actor.TerminatedReason_NotFound {
			t.Fatal(name, m)
		}
	}
	if len(early)+len(never) > 0 {
		t.Fatal("told twice, or although unwatched")
	}
	if _, err := r.ask(pid, get{}); !errors.Is(err, actor.ErrDeadLetter) {
		t.Fatal("a dead actor was asked:", err)
	}
}

func TestForeignStopOnlyWhereOptedIn(t *testing.T) {
	r := newRig(t)
	_, closed := r.open(actors.Child{Name: "closed"})
	for name, stop := range map[string]func(*actor.PID){
		"Stop": func(p *actor.PID) { r.foreign.Root.Stop(p) }, "Poison": func(p *actor.PID) { r.foreign.Root.Poison(p) },
	} {
		stop(closed)
		if v, err := r.ask(closed, get{}); err != nil || v != 0 {
			t.Fatal(name, "ended an actor that did not opt in:", v, err)
		}
		_, pid := r.open(actors.Child{Name: "open" + name, Doors: true})
		term := r.watcher(pid, false)
		stop(pid)
		wait(t, term, "Terminated after "+name)
	}
	e := wait(t, r.dead, "the refusal as a dead letter")
	if f, ok := e.Message.(*fabric.Failure); !ok || !errors.Is(f.Err, codes.Of(codes.CapabilityDenied)) {
		t.Fatalf("%#v", e.Message)
	}
}

func TestNamesBelongToOne(t *testing.T) {
	r := newRig(t)
	props := actor.PropsFromFunc(func(actor.Context) {})
	if _, err := r.foreign.Root.SpawnNamed(props, "taken"); err != nil {
		t.Fatal(err)
	}
	ref, err := r.sys.Spawn(actors.Child{Name: "taken", Behaviour: &counter{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.f.Open(ref); !errors.Is(err, codes.Of(codes.NameTaken)) {
		t.Fatal(err)
	}
	ref, pid := r.open(actors.Child{Name: "ours"})
	if again, err := r.f.Open(ref); err != nil || !again.Equal(pid) {
		t.Fatal("a second door:", again, err)
	}
}

func TestASuccessorKeepsItsNameAndTheOldPIDIsDead(t *testing.T) {
	r := newRig(t)
	ref, old := r.open(actors.Child{Name: "svc"})
	r.foreign.Root.Send(old, add{1}) // caches the Process in the PID
	gone := make(chan struct{}, 1)
	r.sys.OnRetired(ref, func(actors.Exit) { gone <- struct{}{} })
	_ = r.sys.Tell(ref, quit{})
	wait(t, gone, "the end of the first")
	_, pid := r.open(actors.Child{Name: "svc"})
	r.foreign.Root.Send(old, add{5})
	if e := wait(t, r.dead, "a dead letter"); e.Message != (add{5}) {
		t.Fatalf("%#v", e.Message)
	}
	if v, err := r.ask(pid, get{}); err != nil || v != 0 {
		t.Fatal("the successor lost its name, or got the message:", v, err)
	}
}

func TestAFullLaneIsADeadLetter(t *testing.T) {
	r := newRig(t)
	gate, in := make(chan struct{}), make(chan struct{}, 8)
	_, pid := r.open(actors.Child{Name: "slow", Lanes: lanes.Options{Ready: 2}, Behaviour: actors.Func(func(_ *actors.Cx, m any) error {
		if _, ok := m.(add); ok {
			in <- struct{}{}
			<-gate
		}
		return nil
	})})
	r.foreign.Root.Send(pid, add{1})
	wait(t, in, "the first delivery")
	for range 3 {
		r.foreign.Root.Send(pid, add{2})
	}
	if e := wait(t, r.dead, "the third as a dead letter"); e.Message != (add{2}) {
		t.Fatalf("%#v", e.Message)
	}
	close(gate)
}

func TestAPanickingSubscriberDoesNotHurtTheKernel(t *testing.T) {
	r := newRig(t)
	var seen atomic.Int32
	r.foreign.EventStream.Subscribe(func(m any) {
		if _, ok := m.(*actor.DeadLetterEvent); ok {
			seen.Add(1)
			panic("subscriber")
		}
	})
	ref, pid := r.open(actors.Child{Name: "mortal"})
	r.foreign.Root.Send(pid, add{1}) // caches the door, so that what follows goes through it
	gone := make(chan struct{}, 1)
	r.sys.OnRetired(ref, func(actors.Exit) { gone <- struct{}{} })
	_ = r.sys.Tell(ref, quit{})
	wait(t, gone, "the end")
	r.foreign.Root.Send(pid, add{1})
	if seen.Load() == 0 {
		t.Fatal("the control failed: nobody panicked")
	}
	other, _ := r.open(actors.Child{Name: "other"})
	if n, err := actors.Call[get, int](t.Context(), r.sys, other, get{}); err != nil || n != 0 {
		t.Fatal(n, err)
	}
}

// TestAnswersNeverCollide: a second reply to a protoactor future is a data race inside protoactor; the
// reply promise lets one out only.
func TestAnswersNeverCollide(t *testing.T) {
	r := newRig(t)
	_, pid := r.open(actors.Child{Name: "twice", Behaviour: actors.Func(func(cx *actors.Cx, m any) error {
		if q, ok := m.(*actors.Ask[get, int]); ok {
			q.Reply(cx, 1)
			return errors.New("and then it fails")
		}
		return nil
	})})
	if v, err := r.ask(pid, get{}); err != nil || v != 1 {
		t.Fatal(v, err)
	}
}

package actors_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

// bench is a host on which the test decides what happens next: one goroutine, no time of its own, and a
// transport that may be held up.
type bench struct {
	sys   *actors.System
	queue []turn
	now   time.Time
	hold  func(m actors.Message) bool // nil: everything arrives at once
	late  []func() error              // what is held up
	wrote []store.Tx
	slots map[string]*actors.Slot

	// What tests want to hear of; nil: nothing.
	arm, disarm func(*actors.Timer)
	step        func(actors.StepKind)
	ready       func()
	event       func(actors.Event)
}

type turn struct {
	s *actors.Slot
	t actors.Ticket
}

func newBench() *bench {
	b := &bench{now: time.Unix(1e9, 0), slots: map[string]*actors.Slot{}}
	b.sys = actors.NewSystem(b, actors.Options{Events: func(ev actors.Event) { call(b.event, ev) }})
	return b
}

func (b *bench) Send(from, to *actors.Slot, m actors.Message) error {
	if b.hold != nil && b.hold(m) {
		b.late = append(b.late, func() error { return to.Accept(from, m) })
		return nil
	}
	return to.Accept(from, m)
}

func (b *bench) Spawn(_, s *actors.Slot) {
	b.slots[s.Path()] = s
	if t, ok := s.Wake(); ok {
		b.queue = append(b.queue, turn{s, t})
	}
}

func (b *bench) Ready(_, s *actors.Slot, t actors.Ticket) {
	b.queue = append(b.queue, turn{s, t})
	if b.ready != nil {
		b.ready()
	}
}

// call calls f, if there is one.
func call[T any](f func(T), v T) {
	if f != nil {
		f(v)
	}
}

func (b *bench) Arm(_ *actors.Slot, _ time.Duration, t *actors.Timer) func() {
	call(b.arm, t)
	return func() { call(b.disarm, t) }
}

func (b *bench) Read(*actors.Slot, string) ([]byte, bool, error)  { return nil, false, nil }
func (b *bench) List(*actors.Slot, string, int) ([]string, error) { return nil, nil }
func (b *bench) Step(_ *actors.Slot, k actors.StepKind)           { call(b.step, k) }
func (b *bench) Now() time.Time                                   { return b.now }
func (b *bench) Rand() uint64                                     { return 1 }

func (b *bench) Commit(_ *actors.Slot, tx store.Tx, done func(store.Result)) {
	b.wrote = append(b.wrote, tx)
	done(store.Result{})
}

// run delivers until nothing is left to deliver.
func (b *bench) run() {
	for len(b.queue) > 0 {
		e := b.queue[0]
		b.queue = b.queue[1:]
		if e.s.Claim(e.t) && e.s.Deliver() == actors.More {
			b.queue = append(b.queue, turn{e.s, e.s.Requeue()})
		}
	}
}

// arrive lets what was held up come in now.
func (b *bench) arrive(t *testing.T) {
	t.Helper()
	if len(b.late) == 0 {
		t.Fatal("nothing was held up")
	}
	late := b.late
	b.late, b.hold = nil, nil
	for _, f := range late {
		_ = f()
	}
}

// keeper restarts its one child at every end, and closes or kills it on request.
type keeper struct {
	child actors.Func
	ref   actors.Ref
	ends  []actors.ChildEnded
	done  bool // no more restarts
	two   bool // another incarnation may live beside a wedged one
	errs  []error
}

type (
	closeIt struct{}
	killIt  struct{}
)

func (k *keeper) Receive(cx *actors.Cx, msg any) (err error) {
	switch m := msg.(type) {
	case actors.Started:
		k.ref, err = cx.Spawn(actors.Child{Name: "c", Supervised: true, Behaviour: k.child})
	case closeIt:
		err = cx.Close(k.ref, regions.Request{Reason: base.ReasonUser})
	case killIt:
		err = cx.Kill(k.ref)
	case actors.ChildEnded:
		k.ends = append(k.ends, m)
		if !k.done {
			_, err = cx.Respawn(k.ref, k.child)
		}
	case actors.ChildWedged:
		if k.two {
			_, err := cx.Respawn(k.ref, k.child)
			k.errs = append(k.errs, err)
		}
	}
	return err
}

func keep(t *testing.T, b *bench, child actors.Func) (*keeper, actors.Ref) {
	t.Helper()
	k := &keeper{child: child}
	ref, err := b.sys.Spawn(actors.Child{Name: "k", Behaviour: k})
	if err != nil {
		t.Fatal(err)
	}
	b.run()
	return k, ref
}

func (b *bench) tell(t *testing.T, to actors.Ref, ms ...any) {
	t.Helper()
	for _, m := range ms {
		if err := b.sys.Tell(to, m); err != nil {
			t.Fatal(err)
		}
	}
}

// obedient leaves as soon as it is asked.
type obedient struct{ release *func(base.Outcome) }

func (obedient) Label() string         { return "obedient" }
func (o obedient) Ask(regions.Request) { (*o.release)(base.OutcomeOk) }
func (o obedient) Kill()               {}

func isControl(m actors.Message) bool { return fmt.Sprintf("%T", m.Body) == "actors.control" }

// TestL4ALateControlMessageTakesNoCancelOfTheNextIncarnationWithIt: equal requests merge, and those of two
// incarnations are not equal.
func TestL4ALateControlMessageTakesNoCancelOfTheNextIncarnationWithIt(t *testing.T) {
	b := newBench()
	n := 0 // control messages: the second is the region's word that the actor is alone
	k, ref := keep(t, b, func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(actors.Started); ok && cx.Incarnation() == 1 {
			var release func(base.Outcome)
			var err error
			release, err = cx.Own(regions.File, obedient{&release})
			return err
		}
		return nil
	})
	b.hold = func(m actors.Message) bool {
		if isControl(m) {
			n++
		}
		return isControl(m) && n == 2
	}
	b.tell(t, ref, closeIt{})
	b.run()
	if len(k.ends) != 1 {
		t.Fatal(k.ends)
	}
	k.done = true
	b.tell(t, ref, closeIt{}) // delivered before what waits at the child
	b.arrive(t)               // for the first incarnation
	b.run()
	if len(k.ends) != 2 {
		t.Fatalf("%d ends: the second cancel was lost", len(k.ends))
	}
}

// TestC2ALateKillClosesDoneOfItsOwnIncarnationOnly: the kill was under way when the drain ended by itself.
func TestC2ALateKillClosesDoneOfItsOwnIncarnationOnly(t *testing.T) {
	b := newBench()
	var held []any
	var errs []error
	k, ref := keep(t, b, func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case *actors.Ask[int, int]:
			m.Keep(cx)
			held = append(held, m)
		case string:
			errs = append(errs, cx.Err())
			if len(held) > 0 {
				return errors.New("ends by itself")
			}
		}
		return nil
	})
	b.tell(t, k.ref, actors.Question(b.sys, 1, func(int, error) {}))
	b.tell(t, ref, closeIt{})
	b.run() // it drains, and owes an answer
	b.hold = isControl
	b.tell(t, ref, killIt{})
	b.run()
	b.hold = nil
	b.tell(t, k.ref, "end")
	b.run()
	held = nil
	b.arrive(t)
	b.tell(t, k.ref, "look")
	b.run()
	if len(k.ends) != 1 || len(errs) != 2 || errs[1] != nil {
		t.Fatalf("%d ends; the next incarnation is told %v", len(k.ends), errs)
	}
}

// TestR6WhatIsInNoHandlerIsNotFenced: the handler returned at the moment at which it was given up.
func TestR6WhatIsInNoHandlerIsNotFenced(t *testing.T) {
	b := newBench()
	var held []any
	k, ref := keep(t, b, func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[int, int]); ok {
			m.Keep(cx)
			held = append(held, m)
		}
		return nil
	})
	b.tell(t, k.ref, actors.Question(b.sys, 1, func(int, error) {}))
	b.tell(t, ref, closeIt{})
	b.run() // it drains, and owes an answer
	if b.slots["k/c"].Fence(1) {
		t.Fatal("an incarnation whose handler has returned was fenced")
	}
	if len(held) != 1 || len(k.ends) != 0 {
		t.Fatal(held, k.ends)
	}
}

// TestR6AFencedIncarnationThatReturnsIsLeftBehindWhileItDrains: its successor needs no second start.
func TestR6AFencedIncarnationThatReturnsIsLeftBehindWhileItDrains(t *testing.T) {
	b := newBench()
	var release func(base.Outcome)
	var downs []actors.Down
	child := func(cx *actors.Cx, msg any) (err error) {
		switch msg.(type) {
		case actors.Started:
			if cx.Incarnation() == 1 {
				release, err = cx.Own(regions.File, quiet{})
			}
		case actors.CancelRequested:
			if cx.Incarnation() == 1 && !b.slots["k/c"].Fence(1) { // as the monitor of a host does
				err = errors.New("it was not fenced")
			}
		}
		return err
	}
	k, ref := keep(t, b, child)
	k.two = true
	watch := actors.Func(func(cx *actors.Cx, msg any) (err error) {
		switch m := msg.(type) {
		case actors.Started:
			_, err = cx.Monitor(k.ref)
		case actors.Down:
			downs = append(downs, m)
		}
		return err
	})
	if _, err := b.sys.Spawn(actors.Child{Name: "watch", Behaviour: watch}); err != nil {
		t.Fatal(err)
	}
	b.run()
	b.tell(t, ref, closeIt{})
	b.run()
	if len(k.errs) != 1 || k.errs[0] != nil {
		t.Fatal("the next incarnation was refused:", k.errs)
	}
	release(base.OutcomeOk) // the old region closes now
	b.run()
	if len(k.ends) != 0 || len(downs) != 1 {
		t.Fatalf("ends %v, downs %v; want none of the successor, one of the first", k.ends, downs)
	}
	k.done = true
	b.tell(t, ref, closeIt{})
	b.run()
	if len(k.ends) != 1 || k.ends[0].Incarnation != 2 {
		t.Fatal(k.ends)
	}
}

// quiet is a resource that the test ends.
type quiet struct{}

func (quiet) Label() string       { return "quiet" }
func (quiet) Ask(regions.Request) {}
func (quiet) Kill()               {}

// TestR3ALateMessageAtTheEndOfTheLaneHoldsUpNoDrain: it is for the incarnation before, and the last to come.
func TestR3ALateMessageAtTheEndOfTheLaneHoldsUpNoDrain(t *testing.T) {
	b := newBench()
	var old actors.Port
	k, ref := keep(t, b, func(cx *actors.Cx, msg any) error {
		switch msg.(type) {
		case actors.Started:
			if cx.Incarnation() == 1 {
				old = cx.Port()
			}
		case string:
			return errors.New("ends by itself")
		}
		return nil
	})
	b.tell(t, k.ref, "end")
	b.run()
	k.done = true
	b.tell(t, ref, closeIt{}) // is delivered first, and its cancel overtakes what comes now
	if err := old.Tell("the last word of a driver"); err != nil {
		t.Fatal(err)
	}
	b.run()
	if len(k.ends) != 2 {
		t.Fatalf("%d ends, want 2: it waits for what nobody will send", len(k.ends))
	}
}

// effects tries every effect of a Cx and lists what was not refused as gone.
func effects(cx *actors.Cx, to actors.Ref, p *actors.Permit) (done []string) {
	_, read, readErr := cx.Read("k")
	_ = read
	_, list := cx.List("k", 1)
	_, commit := cx.Commit(store.Tx{})
	_, reserve := cx.Reserve(to)
	_, monitor := cx.Monitor(to)
	_, ask := actors.Request[int, int](cx, to, 1, 0)
	_, timer := cx.After(time.Second, 1)
	_, spawn := cx.Spawn(actors.Child{Name: "x", Behaviour: actors.Func(func(*actors.Cx, any) error { return nil })})
	_, own := cx.Own(regions.File, quiet{})
	for what, err := range map[string]error{
		"tell": cx.Tell(to, 1), "read": readErr, "list": list, "commit": commit, "reserve": reserve, "monitor": monitor,
		"ask": ask, "timer": timer, "spawn": spawn, "own": own, "link": cx.Link(to), "permit": p.Send(cx, 1),
	} {
		if !errors.Is(err, codes.Of(codes.Gone)) {
			done = append(done, what)
		}
	}
	return done
}

// TestR6NoEffectOfAFencedOrEndedIncarnationIsDone: not by the handler that was given up, and not by a Cx that
// its successor found.
func TestR6NoEffectOfAFencedOrEndedIncarnationIsDone(t *testing.T) {
	b := newBench()
	to, err := b.sys.Spawn(actors.Child{Name: "to", Behaviour: actors.Func(func(*actors.Cx, any) error { return nil })})
	if err != nil {
		t.Fatal(err)
	}
	var first *actors.Cx
	var permit *actors.Permit
	done := map[string][]string{}
	k, ref := keep(t, b, func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			if cx.Incarnation() > 1 {
				done["ended"] = effects(first, to, permit)
				return nil
			}
			first = cx
			_, err := cx.Reserve(to)
			return err
		case *actors.Permit:
			permit = m
		case actors.CancelRequested:
			if !b.slots["k/c"].Fence(1) {
				return errors.New("it was not fenced")
			}
			done["fenced"] = effects(cx, to, permit)
		}
		return nil
	})
	b.tell(t, ref, closeIt{})
	b.run()
	if len(k.ends) != 1 || len(done) != 2 || len(done["fenced"]) > 0 || len(done["ended"]) > 0 || len(b.wrote) > 0 {
		t.Fatalf("ends %v; done in spite of it: %v, %d commits", k.ends, done, len(b.wrote))
	}
}

// TestS4ALinkIsForgottenWithItsEnd: an actor that lives long keeps nothing of the many that linked to it.
func TestS4ALinkIsForgottenWithItsEnd(t *testing.T) {
	b := newBench()
	downs := 0
	hub, err := b.sys.Spawn(actors.Child{Name: "hub", TrapLinks: true, Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(actors.LinkDown); ok {
			downs++
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	const spokes = 100
	var freed atomic.Int32
	for i := range spokes {
		why := &trouble{fmt.Sprint("trouble ", i)}
		runtime.AddCleanup(why, func(int) { freed.Add(1) }, i)
		ref, err := b.sys.Spawn(actors.Child{Name: fmt.Sprint("spoke", i), Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
			if _, ok := msg.(string); ok {
				return why
			}
			return cx.Link(hub)
		})})
		if err != nil {
			t.Fatal(err)
		}
		b.run()
		b.tell(t, ref, "end")
		b.run()
	}
	b.slots, b.queue = nil, nil
	for range 10 {
		runtime.GC()
	}
	for deadline := time.Now().Add(5 * time.Second); freed.Load() < spokes-1 && time.Now().Before(deadline); runtime.GC() {
	}
	if n := freed.Load(); downs != spokes || n < spokes-1 { // the last may still be in a register
		t.Fatalf("%d ends heard, %d of %d forgotten", downs, n, spokes)
	}
	runtime.KeepAlive(b)
}

// trouble is an object of its own in memory, since it has a pointer in it: it is freed alone.
type trouble struct{ text string }

func (e *trouble) Error() string { return e.text }

// TestO1AFencedHoldersQuestionsAreAnsweredAtOnce: once each, and what the handler says later is not heard.
func TestO1AFencedHoldersQuestionsAreAnsweredAtOnce(t *testing.T) {
	b := newBench()
	answers, atFence := map[int][]error{}, 0
	ask := func(i int) any {
		return actors.Question(b.sys, i, func(_ int, err error) { answers[i] = append(answers[i], err) })
	}
	k, ref := keep(t, b, func(cx *actors.Cx, msg any) error {
		m, ok := msg.(*actors.Ask[int, int])
		if !ok {
			return nil
		}
		if m.Q == 1 {
			m.Keep(cx)
			return nil
		}
		if !b.slots["k/c"].Fence(1) {
			return errors.New("it was not fenced")
		}
		atFence = len(answers)
		m.Reply(cx, 7)
		return nil
	})
	b.tell(t, k.ref, ask(1))
	b.tell(t, ref, closeIt{})
	b.run() // it drains, and owes the first answer
	b.tell(t, k.ref, ask(2))
	b.run()
	if atFence != 2 || len(k.ends) != 1 {
		t.Fatalf("%d of 2 were told at the fence; ends %v", atFence, k.ends)
	}
	for i, errs := range answers {
		if len(errs) != 1 || !errors.Is(errs[0], codes.Of(codes.AskLost)) {
			t.Errorf("question %d: %v", i, errs)
		}
	}
}

// TestO1AQuestionThatIsToldOnInsteadOfHandedOnIsRefused: two would hold it, and two would answer.
func TestO1AQuestionThatIsToldOnInsteadOfHandedOnIsRefused(t *testing.T) {
	b := newBench()
	var refused error
	var answers []int
	back, err := b.sys.Spawn(actors.Child{Name: "back", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[int, int]); ok {
			m.Reply(cx, 2)
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	k, _ := keep(t, b, func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[int, int]); ok {
			m.Keep(cx)
			refused = cx.Tell(back, m)
			m.Reply(cx, 1)
		}
		return nil
	})
	b.tell(t, k.ref, actors.Question(b.sys, 1, func(n int, _ error) { answers = append(answers, n) }))
	b.run()
	if !errors.Is(refused, codes.Of(codes.Invariant)) || !slices.Equal(answers, []int{1}) {
		t.Fatal(refused, answers)
	}
}

// TestS4WatchersHearOfAnEndInTheOrderInWhichTheyCame: a run of the lab can be repeated.
func TestS4WatchersHearOfAnEndInTheOrderInWhichTheyCame(t *testing.T) {
	b := newBench()
	ref, err := b.sys.Spawn(actors.Child{Name: "c", Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(string); ok {
			return actors.ErrStop
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	var order, want []int
	for i := range 16 {
		want = append(want, i)
		watch := actors.Func(func(cx *actors.Cx, msg any) (err error) {
			switch msg.(type) {
			case actors.Started:
				_, err = cx.Monitor(ref)
			case actors.Down:
				order = append(order, i)
			}
			return err
		})
		if _, err := b.sys.Spawn(actors.Child{Name: fmt.Sprint("w", i), Behaviour: watch}); err != nil {
			t.Fatal(err)
		}
	}
	b.run()
	b.tell(t, ref, "end")
	b.run()
	if !slices.Equal(order, want) {
		t.Fatal(order)
	}
}

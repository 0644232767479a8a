package host_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
)

// bystander hears everything and answers only get.
func bystander() actors.Func {
	return func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[quit, int]); ok {
			m.Reply(cx, 1)
		}
		return nil
	}
}

func TestO1AnAnsweredQuestionThatIsToldToALoggerStaysAnswered(t *testing.T) {
	synctest.Test(t, anAnsweredQuestionThatIsToldToALoggerStaysAnswered)
}

func anAnsweredQuestionThatIsToldToALoggerStaysAnswered(t *testing.T) {
	_, sys := world(t)
	log := spawn(t, sys, "log", bystander())
	answerer := spawn(t, sys, "answerer", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			m.Reply(cx, 42)
			return cx.Tell(log, m) // as in Akka: forward what was handled
		}
		return nil
	})
	gate, answers := make(chan struct{}), make(chan actors.Answer[int], 4)
	asker := spawn(t, sys, "asker", func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case begin:
			_, err := actors.Request[get, int](cx, answerer, get{}, 0)
			<-gate
			return err
		case actors.Answer[int]:
			answers <- m
		}
		return nil
	})
	room := sys.Room(asker)
	_ = sys.Tell(asker, begin{})
	synctest.Wait() // the answer is queued, and the logger has handled what it was told
	if _, err := actors.Call[quit, int](within(t), sys, log, quit{}); err != nil {
		t.Fatal(err)
	}
	close(gate)
	if a := got(t, answers, "answer"); a.Val != 42 || a.Err != nil {
		t.Errorf("O1: it was answered 42, the asker reads %d, %v", a.Val, a.Err)
	}
	_, _ = actors.Call[quit, int](within(t), sys, log, quit{})
	synctest.Wait()
	if now := sys.Room(asker); now != room {
		t.Errorf("L4: the asker had room for %d, and has now for %d", room, now)
	}
}

func TestO1ASecondAnswerToTheOutsideWorldBlocksNoWorker(t *testing.T) {
	synctest.Test(t, aSecondAnswerToTheOutsideWorldBlocksNoWorker)
}

func aSecondAnswerToTheOutsideWorldBlocksNoWorker(t *testing.T) {
	_, sys := world(t)
	one, two := spawn(t, sys, "one", bystander()), spawn(t, sys, "two", bystander())
	answerer := spawn(t, sys, "answerer", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			m.Reply(cx, 42)
			_ = cx.Tell(one, m)
			return cx.Tell(two, m)
		}
		return nil
	})
	if _, err := actors.Call[get, int](within(t), sys, answerer, get{}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []actors.Ref{one, two} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := actors.Call[quit, int](ctx, sys, r, quit{}); err != nil {
			t.Errorf("%s is held for ever: %v", r.Path(), err)
		}
		cancel()
	}
}

func TestL1AMonitorsLinkDownForwardedToALoggerDoesNotEndIt(t *testing.T) {
	synctest.Test(t, aMonitorsLinkDownForwardedToALoggerDoesNotEndIt)
}

func aMonitorsLinkDownForwardedToALoggerDoesNotEndIt(t *testing.T) {
	_, sys := world(t)
	log := spawn(t, sys, "log", bystander())
	mate := spawn(t, sys, "mate", func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(boom); ok {
			panic("boom")
		}
		return nil
	})
	seen := make(chan struct{}, 1)
	_, err := sys.Spawn(actors.Child{Name: "trap", TrapLinks: true, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			return cx.Link(mate)
		case actors.LinkDown:
			_ = cx.Tell(log, m)
			seen <- struct{}{}
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	_ = sys.Tell(mate, boom{})
	got(t, seen, "link down")
	synctest.Wait()
	if _, err := actors.Call[quit, int](within(t), sys, log, quit{}); err != nil {
		t.Errorf("the logger was told of another's end, and ended: %v", err)
	}
}

// leaver is a resource that leaves when the test says so.
type leaver struct{}

func (leaver) Label() string       { return "leaver" }
func (leaver) Ask(regions.Request) {}
func (leaver) Kill()               {}

func TestO5WhoWaitsForRoomGetsItWhenAnEndEmptiesTheLane(t *testing.T) {
	synctest.Test(t, whoWaitsForRoomGetsItWhenAnEndEmptiesTheLane)
}

func whoWaitsForRoomGetsItWhenAnEndEmptiesTheLane(t *testing.T) {
	_, sys := world(t)
	heard := make(chan any, 16)
	gate, in, release := make(chan struct{}), make(chan struct{}, 1), make(chan func(base.Outcome), 1)
	b := func() actors.Func {
		return func(cx *actors.Cx, msg any) error {
			switch msg.(type) {
			case actors.Started:
				if cx.Incarnation() == 1 {
					r, err := cx.Own(regions.File, leaver{})
					release <- r
					return err
				}
			case boom:
				in <- struct{}{}
				<-gate
				panic("boom")
			}
			return nil
		}
	}
	spawn(t, sys, "sup", parent(actors.Child{Name: "c", Queue: actors.QueueDrop, Lanes: lanes.Options{Ready: 2}, Behaviour: b()}, heard,
		func(cx *actors.Cx, ref actors.Ref, msg any) error {
			if _, ok := msg.(actors.ChildEnded); ok {
				_, err := cx.Respawn(ref, b())
				return err
			}
			return nil
		}))
	got(t, heard, "started")
	ref, _ := sys.Lookup("sup/c")
	_ = sys.Tell(ref, boom{})
	got(t, in, "boom")
	_, _ = sys.Tell(ref, add{1}), sys.Tell(ref, add{1})
	done := make(chan error, 1)
	go func() { done <- actors.TellWait(within(t), sys, ref, add{1}) }() // owner: the test, by done; ends: it was told, or its time is over
	synctest.Wait()                                                      // it waits
	close(gate)
	synctest.Wait() // the handler has ended; the region waits for the resource
	got(t, release, "resource")(base.OutcomeOk)
	got(t, heard, "ended")
	got(t, heard, "started again")
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
		return
	case <-time.After(2 * time.Second):
		t.Errorf("L4, O5: the lane of 2 is empty (room %d, depth %v), and who waits for room is not woken", sys.Room(ref), depth(sys, "sup/c"))
	}
	_ = sys.Tell(ref, add{1}) // any delivery wakes it
	<-done
}

func depth(sys *actors.System, path string) int {
	for _, a := range sys.Snapshot() {
		if a.Path == path {
			return a.Depth()
		}
	}
	return -1
}

func TestR6AShutdownEndsBesideAFinalizerThatDoesNotReturn(t *testing.T) {
	synctest.Test(t, aShutdownEndsBesideAFinalizerThatDoesNotReturn)
}

func aShutdownEndsBesideAFinalizerThatDoesNotReturn(t *testing.T) {
	h := host.New(host.Options{Workers: 2})
	sys := h.System()
	gate := make(chan struct{})
	spawn(t, sys, "a", func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(actors.Started); ok {
			return cx.Finalize("slow", func() error { <-gate; return nil })
		}
		return nil
	})
	synctest.Wait()
	done := make(chan error, 1)
	go func() { // owner: the test, by done; ends: Shutdown has returned
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_, err := h.Shutdown(ctx, base.ReasonShutdown, 50*time.Millisecond)
		done <- err
	}()
	select {
	case err := <-done:
		t.Log(err)
	case <-time.After(3 * time.Second):
		t.Error("R3, R6: ctx and grace of 50 ms each are over for 3 s, and Shutdown does not return")
		defer func() { <-done }()
	}
	close(gate)
}

func TestL5ATimersNilIsDelivered(t *testing.T) { synctest.Test(t, aTimersNilIsDelivered) }

func aTimersNilIsDelivered(t *testing.T) {
	_, sys := world(t)
	heard := make(chan string, 4)
	ref := spawn(t, sys, "a", func(cx *actors.Cx, msg any) error {
		switch msg.(type) {
		case begin:
			_, err := cx.After(time.Millisecond, nil)
			return err
		case nil:
			heard <- "nil"
		}
		return nil
	})
	_ = sys.Tell(ref, nil)
	got(t, heard, "a nil that was told")
	_ = sys.Tell(ref, begin{})
	select {
	case <-heard:
	case <-time.After(time.Second):
		t.Error("L5: After took a nil, fired, counted it as handled, and the handler never saw it")
	}
}

func TestL4QuestionsThatTimedOutHoldNoRoom(t *testing.T) {
	synctest.Test(t, questionsThatTimedOutHoldNoRoom)
}

func questionsThatTimedOutHoldNoRoom(t *testing.T) {
	_, sys := world(t)
	var held []*actors.Ask[get, int]
	mute := spawn(t, sys, "mute", owes(&held))
	timeouts := make(chan error, 8)
	asker, err := sys.Spawn(actors.Child{Name: "asker", Lanes: lanes.Options{Ready: 4}, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case begin:
			for range 4 {
				if _, err := actors.Request[get, int](cx, mute, get{}, 5*time.Millisecond); err != nil {
					return err
				}
			}
		case actors.Answer[int]:
			timeouts <- m.Err
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	_ = sys.Tell(asker, begin{})
	for range 4 {
		got(t, timeouts, "timeout")
	}
	synctest.Wait()
	if err := sys.Tell(asker, add{1}); err != nil {
		t.Errorf("the asker heard of 4 timeouts, waits for nothing, its lane of 4 is empty, and it takes nothing: %v", err)
	}
}

func TestO1OneQuestionToldTwiceIsAnsweredOnce(t *testing.T) {
	synctest.Test(t, oneQuestionToldTwiceIsAnsweredOnce)
}

func oneQuestionToldTwiceIsAnsweredOnce(t *testing.T) {
	_, sys := world(t)
	answerer := spawn(t, sys, "answerer", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			m.Reply(cx, 42)
		}
		return nil
	})
	n := make(chan int, 4)
	q := actors.Question(sys, get{}, func(v int, _ error) { n <- v })
	_, _ = sys.Tell(answerer, q), sys.Tell(answerer, q)
	synctest.Wait()
	if len(n) != 1 {
		t.Errorf("answer was called %d times", len(n))
	}
}

func TestO3CallUnderACancelledContextAsksNobody(t *testing.T) {
	synctest.Test(t, callUnderACancelledContextAsksNobody)
}

func callUnderACancelledContextAsksNobody(t *testing.T) {
	_, sys := world(t)
	asked := make(chan struct{}, 4)
	ref := spawn(t, sys, "a", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			asked <- struct{}{}
			m.Reply(cx, 42)
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := actors.Call[get, int](ctx, sys, ref, get{})
	select {
	case <-asked:
		t.Errorf("the question was asked under a context that had ended; the caller got: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
}

func TestO5WhoWaitsForRoomIsNotOvertakenForEver(t *testing.T) {
	synctest.Test(t, whoWaitsForRoomIsNotOvertakenForEver)
}

func whoWaitsForRoomIsNotOvertakenForEver(t *testing.T) {
	_, sys := world(t)
	var n, at atomic.Int64
	gate, in := make(chan struct{}), make(chan struct{})
	ref, err := sys.Spawn(actors.Child{Name: "a", Lanes: lanes.Options{Ready: 2}, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		switch msg.(type) {
		case boom:
			close(in)
			<-gate
		case begin: // goes on by a message to itself, as an actor does that must not block
			if n.Add(1); at.Load() == 0 && cx.Err() == nil {
				return cx.Tell(cx.Self(), begin{})
			}
		case add:
			at.Store(n.Load())
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	_ = sys.Tell(ref, boom{})
	<-in
	_, _ = sys.Tell(ref, begin{}), sys.Tell(ref, begin{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	time.AfterFunc(50*time.Millisecond, func() { close(gate) }) // it waits by then
	before := n.Load()
	err = actors.TellWait(ctx, sys, ref, add{1})
	after := n.Load()
	at.CompareAndSwap(0, after)
	if err != nil || after-before > 1000 {
		t.Errorf("O5: it waited first for a place; %d later messages were given one meanwhile: %v", after-before, err)
	}
}

func TestR1ANameIsOnePathElement(t *testing.T) { synctest.Test(t, aNameIsOnePathElement) }

func aNameIsOnePathElement(t *testing.T) {
	_, sys := world(t)
	if _, err := sys.Spawn(actors.Child{Name: "a/b", Behaviour: bystander()}); err == nil {
		t.Error(`Child.Name is "one path element": a/b was taken`)
	}
}

func TestO1AFailureWithoutAnErrorIsNoSuccess(t *testing.T) {
	synctest.Test(t, aFailureWithoutAnErrorIsNoSuccess)
}

func aFailureWithoutAnErrorIsNoSuccess(t *testing.T) {
	_, sys := world(t)
	ref := spawn(t, sys, "a", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			m.Fail(cx, nil)
		}
		return nil
	})
	if v, err := actors.Call[get, int](within(t), sys, ref, get{}); err == nil {
		t.Errorf("it failed, and the caller reads %d, nil", v)
	}
}

func TestR6AFencedIncarnationPublishesNothing(t *testing.T) {
	synctest.Test(t, aFencedIncarnationPublishesNothing)
}

func aFencedIncarnationPublishesNothing(t *testing.T) {
	_, sys := world(t)
	heard := make(chan any, 16)
	gate, in, out := make(chan struct{}), make(chan struct{}), make(chan struct{})
	b := func() actors.Func {
		return func(cx *actors.Cx, msg any) error {
			switch msg.(type) {
			case actors.Started:
				cx.Publish(int(cx.Incarnation()))
			case boom:
				close(in)
				<-gate
				cx.Publish("of the one that was given up")
				close(out)
			}
			return nil
		}
	}
	sup := spawn(t, sys, "sup", parent(actors.Child{Name: "c", StuckAfter: 10 * time.Millisecond, Behaviour: b()}, heard,
		func(cx *actors.Cx, ref actors.Ref, msg any) error {
			switch msg.(type) {
			case begin:
				return cx.Close(ref, regions.Request{Reason: base.ReasonUser})
			case actors.ChildWedged:
				_, err := cx.Respawn(ref, b())
				return err
			}
			return nil
		}))
	got(t, heard, "started")
	ref, _ := sys.Lookup("sup/c")
	_ = sys.Tell(ref, boom{})
	got(t, in, "boom")
	_ = sys.Tell(sup, begin{})
	got(t, heard, "wedged")
	got(t, heard, "started again")
	close(gate)
	<-out
	synctest.Wait() // what was given up has returned
	for _, a := range sys.Snapshot() {
		if a.Path == "sup/c" && a.View != 2 {
			t.Errorf("C3, R6: incarnation %d lives, and inspection shows what the fenced one published: %v", a.Incarnation, a.View)
		}
	}
}

func TestO1AKeptQuestionMayComeAgainByATimer(t *testing.T) {
	synctest.Test(t, aKeptQuestionMayComeAgainByATimer)
}

func aKeptQuestionMayComeAgainByATimer(t *testing.T) {
	events := make(chan actors.Event, 100)
	h := host.New(host.Options{Workers: 2, System: actors.Options{Events: func(e actors.Event) { events <- e }}})
	closeAtEnd(t, h)
	sys := h.System()
	tries := 0
	ref := spawn(t, sys, "a", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			if tries++; tries == 1 { // not now: look again later
				m.Keep(cx)
				_, err := cx.After(time.Millisecond, m)
				return err
			}
			m.Reply(cx, 42)
		}
		return nil
	})
	v, err := actors.Call[get, int](within(t), sys, ref, get{})
	if v != 42 || err != nil {
		t.Error(v, err)
	}
	for len(events) > 0 {
		if e := <-events; e.Kind == actors.EventViolated {
			t.Errorf("After took it, and then: %s", e.Detail)
		}
	}
}

func TestO1APermitDoesNotSendAPromiseThatIsHeld(t *testing.T) {
	synctest.Test(t, aPermitDoesNotSendAPromiseThatIsHeld)
}

func aPermitDoesNotSendAPromiseThatIsHeld(t *testing.T) {
	_, sys := world(t)
	log := spawn(t, sys, "log", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			m.Reply(cx, 7)
		}
		return nil
	})
	var held *actors.Ask[get, int]
	ref := spawn(t, sys, "a", func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case *actors.Ask[get, int]:
			held = m
			m.Keep(cx)
			_, err := cx.Reserve(log)
			return err
		case *actors.Permit:
			if err := m.Send(cx, held); err != nil { // Tell refuses this: "two would (O1)"
				held.Fail(cx, err)
				return m.Abort(cx)
			}
		}
		return nil
	})
	_, _ = actors.Call[get, int](within(t), sys, ref, get{})
	synctest.Wait() // the handler has returned
	for _, a := range sys.Snapshot() {
		if a.Path == "a" && a.Obligations > 0 {
			t.Errorf("O1: the question was handed over by a permit and answered, and %s holds %d promises still", a.Path, a.Obligations)
		}
	}
}

// TestL4QuestionsOfAnEndedLifeHoldNoRoom: the next incarnation has its whole lane.
func TestL4QuestionsOfAnEndedLifeHoldNoRoom(t *testing.T) {
	synctest.Test(t, questionsOfAnEndedLifeHoldNoRoom)
}

func questionsOfAnEndedLifeHoldNoRoom(t *testing.T) {
	_, sys := world(t)
	var held []*actors.Ask[get, int]
	mute := spawn(t, sys, "mute", owes(&held))
	run(t, sys, phoenix("c", actors.Func(func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(boom); ok {
			for range 4 {
				if _, err := actors.Request[get, int](cx, mute, get{}, 0); err != nil {
					t.Error(err)
				}
			}
			panic("boom")
		}
		return nil
	}), actors.Child{Lanes: lanes.Options{Ready: 4}}))
	synctest.Wait()
	ref, _ := sys.Lookup("sup/c")
	for life := range 3 {
		if err := sys.Tell(ref, boom{}); err != nil {
			t.Fatalf("after %d lives: %v", life, err)
		}
		synctest.Wait()
		if n := sys.Room(ref); n != 4 {
			t.Fatalf("after %d lives its lane of 4 has room for %d", life+1, n)
		}
	}
}

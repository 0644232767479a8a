package host_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a host whose end is checked: a closed root with a proof that nothing is left.
func world(t *testing.T) (*host.Host, *actors.System) {
	t.Helper()
	h := host.New(host.Options{Workers: 2})
	closeAtEnd(t, h)
	return h, h.System()
}

func closeAtEnd(t *testing.T, h *host.Host) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		p, err := h.Shutdown(ctx, base.ReasonShutdown, time.Second)
		if err != nil || !p.Quiescent() {
			t.Errorf("not quiescent: %v, %v", p, err)
		}
		for _, a := range h.System().Snapshot() {
			t.Errorf("left over: %s", a.Path)
		}
	})
}

func spawn(t *testing.T, sys *actors.System, name string, f actors.Func) actors.Ref {
	t.Helper()
	ref, err := sys.Spawn(actors.Child{Name: name, Behaviour: f})
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func got[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(5 * time.Second):
		t.Fatalf("never: %s", what)
		panic("unreachable")
	}
}

type (
	add  struct{ by int }
	get  struct{}
	boom struct{}
	quit struct{}
)

type counter struct{ n int }

func (c *counter) Receive(cx *actors.Cx, msg any) error {
	switch m := msg.(type) {
	case add:
		c.n += m.by
	case *actors.Ask[get, int]:
		m.Reply(cx, c.n)
	case boom:
		panic("boom")
	case quit:
		return actors.ErrStop
	}
	return nil
}

func TestTellAndCall(t *testing.T) {
	_, sys := world(t)
	ref, err := sys.Spawn(actors.Child{Name: "counter", Behaviour: &counter{}})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := sys.Tell(ref, add{2}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := actors.Call[get, int](within(t), sys, ref, get{}); err != nil || n != 200 {
		t.Fatal(n, err)
	}
}

func TestO1AnAskWithoutReplyFailsAtOnce(t *testing.T) {
	_, sys := world(t)
	ref := spawn(t, sys, "mute", func(*actors.Cx, any) error { return nil })
	_, err := actors.Call[get, int](within(t), sys, ref, get{})
	if !errors.Is(err, codes.Of(codes.NoReply)) {
		t.Fatal(err)
	}
}

func TestAskKeptIsAnsweredLater(t *testing.T) {
	_, sys := world(t)
	var kept *actors.Ask[get, int]
	ref := spawn(t, sys, "keeper", func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case *actors.Ask[get, int]:
			kept = m
			m.Keep(cx)
		case add:
			kept.Reply(cx, m.by)
		}
		return nil
	})
	go func() { // owner: the test's Call waits for it; ends: at once
		for sys.Snapshot()[0].Handled < 1 {
		}
		_ = sys.Tell(ref, add{7})
	}()
	if n, err := actors.Call[get, int](within(t), sys, ref, get{}); err != nil || n != 7 {
		t.Fatal(n, err)
	}
}

func TestO3APanicAnswersHeldAsksAndEndsTheIncarnationOnce(t *testing.T) {
	_, sys := world(t)
	var ends atomic.Int32
	watched := make(chan actors.Down, 4)
	ref := spawn(t, sys, "fragile", func(cx *actors.Cx, msg any) error {
		if m, ok := msg.(*actors.Ask[get, int]); ok {
			m.Keep(cx)
			panic("boom")
		}
		return nil
	})
	spawn(t, sys, "watcher", func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			_, err := cx.Monitor(ref)
			return err
		case actors.Down:
			ends.Add(1)
			watched <- m
		}
		return nil
	})
	_, err := actors.Call[get, int](within(t), sys, ref, get{})
	if c := codes.From(err); c == nil || c.Code != codes.AskLost || c.Effect != base.EffectUnknown {
		t.Fatal(err)
	}
	if d := got(t, watched, "down"); d.Exit.Kind != actors.ExitPanicked && d.Exit.Kind != actors.ExitGone {
		t.Fatal(d)
	}
	if err := sys.Tell(ref, add{1}); !errors.Is(err, codes.Of(codes.Gone)) {
		t.Fatal("a dead actor took a message:", err)
	}
}

func TestS4AMonitorSetAfterDeathFiresExactlyOnce(t *testing.T) {
	_, sys := world(t)
	dead := spawn(t, sys, "dead", func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(actors.Started); ok {
			return actors.ErrStop
		}
		return nil
	})
	gone := make(chan actors.Exit, 1)
	sys.OnRetired(dead, func(e actors.Exit) { gone <- e })
	got(t, gone, "retired")
	downs := make(chan actors.Down, 4)
	spawn(t, sys, "watcher", func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			_, err := cx.Monitor(dead)
			return err
		case actors.Down:
			downs <- m
		}
		return nil
	})
	if d := got(t, downs, "down"); d.Exit.Kind != actors.ExitGone {
		t.Fatal(d)
	}
}

// parent spawns one supervised child and reports what it hears.
func parent(child actors.Child, heard chan any, act func(cx *actors.Cx, ref actors.Ref, msg any) error) actors.Func {
	var ref actors.Ref
	return func(cx *actors.Cx, msg any) (err error) {
		switch m := msg.(type) {
		case actors.Started:
			child.Supervised = true
			ref, err = cx.Spawn(child)
			return err
		case actors.ChildStarted, actors.ChildEnded, actors.ChildWedged:
			heard <- m
		}
		return act(cx, ref, msg)
	}
}

func TestS5ARestartKeepsTheQueueAndTheAddress(t *testing.T) {
	_, sys := world(t)
	heard := make(chan any, 16)
	spawn(t, sys, "sup", parent(actors.Child{Name: "c", Behaviour: &counter{}}, heard,
		func(cx *actors.Cx, ref actors.Ref, msg any) error {
			if _, ok := msg.(boom); ok {
				_, err := cx.Respawn(ref, &counter{n: 1000})
				return err
			}
			return nil
		}))
	got(t, heard, "started")
	ref, _ := sys.Lookup("sup/c")
	sup, _ := sys.Lookup("sup")
	_ = sys.Tell(ref, boom{})
	end, ok := got(t, heard, "ended").(actors.ChildEnded)
	if !ok || end.Exit.Kind != actors.ExitPanicked || !end.Ready || end.Exit.On != "host_test.boom" {
		t.Fatalf("%+v", end)
	}
	for range 5 {
		if err := sys.Tell(ref, add{1}); err != nil {
			t.Fatal("a parked slot refused:", err)
		}
	}
	_ = sys.Tell(sup, boom{})
	got(t, heard, "started again")
	if n, err := actors.Call[get, int](within(t), sys, ref, get{}); err != nil || n != 1005 {
		t.Fatal(n, err)
	}
}

func TestS6CloseIsByCancelAndKillEndsAtTheBoundary(t *testing.T) {
	for _, brutal := range []bool{false, true} {
		t.Run(fmt.Sprint("brutal=", brutal), func(t *testing.T) {
			_, sys := world(t)
			heard, seen := make(chan any, 16), make(chan any, 16)
			b := actors.Func(func(cx *actors.Cx, msg any) error {
				if _, ok := msg.(actors.CancelRequested); ok {
					seen <- msg
					<-cx.Done()
					return nil
				}
				return nil
			})
			sup := spawn(t, sys, "sup", parent(actors.Child{Name: "c", Behaviour: b}, heard,
				func(cx *actors.Cx, ref actors.Ref, msg any) error {
					if _, ok := msg.(quit); ok {
						return cx.Close(ref, regions.Request{Reason: base.ReasonUser, Brutal: brutal})
					}
					return nil
				}))
			got(t, heard, "started")
			_ = sys.Tell(sup, quit{})
			end := got(t, heard, "ended").(actors.ChildEnded)
			want := actors.ExitShutdown
			if brutal {
				want = actors.ExitKilled
			}
			if end.Exit.Kind != want || (len(seen) == 0) != brutal || !end.Proof.Quiescent() {
				t.Fatalf("%+v seen %d", end, len(seen))
			}
		})
	}
}

func TestL4ATimerFiresOnceOrIsDisarmed(t *testing.T) {
	_, sys := world(t)
	fired := make(chan string, 4)
	var keep actors.TimerID
	spawn(t, sys, "timers", func(cx *actors.Cx, msg any) (err error) {
		switch m := msg.(type) {
		case actors.Started:
			if keep, err = cx.After(time.Hour, "never"); err != nil {
				return err
			}
			_, err = cx.After(time.Millisecond, "soon")
		case string:
			fired <- m
			if !cx.Disarm(keep) || cx.Disarm(keep) {
				fired <- "disarm lies"
			}
		}
		return err
	})
	if s := got(t, fired, "timer"); s != "soon" {
		t.Fatal(s)
	}
	select {
	case s := <-fired:
		t.Fatal(s)
	case <-time.After(5 * time.Millisecond):
	}
}

func TestL4AFullLaneRefusesAndAPermitCannotFail(t *testing.T) {
	_, sys := world(t)
	gate, in := make(chan struct{}), make(chan struct{}, 64)
	slow, err := sys.Spawn(actors.Child{Name: "slow", Lanes: lanes.Options{Ready: 4}, Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(add); ok {
			in <- struct{}{}
			<-gate
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	_ = sys.Tell(slow, add{})
	got(t, in, "the first delivery")
	var refused error
	for range 5 {
		refused = sys.Tell(slow, add{})
	}
	if c := codes.From(refused); c == nil || c.Code != codes.LaneFull || c.RetryAfter == 0 {
		t.Fatal("the fifth was not refused:", refused)
	}
	sent := make(chan error, 1)
	spawn(t, sys, "polite", func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			_, err := cx.Reserve(slow)
			return err
		case *actors.Permit:
			sent <- m.Send(cx, add{})
		}
		return nil
	})
	waiting := make(chan error, 1)
	go func() { waiting <- actors.TellWait(within(t), sys, slow, add{}) }() // owner: the test receives; ends: room or its context
	close(gate)
	if err := got(t, sent, "permit"); err != nil {
		t.Fatal(err)
	}
	if err := got(t, waiting, "room for the outside"); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		got(t, in, "delivery")
	}
}

func TestL3CancelOvertakesABacklog(t *testing.T) {
	_, sys := world(t)
	heard, order := make(chan any, 16), make(chan string, 3000)
	gate := make(chan struct{})
	b := actors.Func(func(_ *actors.Cx, msg any) error {
		switch msg.(type) {
		case quit:
			<-gate
		case add:
			order <- "add"
		case actors.CancelRequested:
			order <- "cancel"
		}
		return nil
	})
	sup := spawn(t, sys, "sup", parent(actors.Child{Name: "c", Lanes: lanes.Options{Ready: 4096}, Behaviour: b}, heard,
		func(cx *actors.Cx, ref actors.Ref, msg any) error {
			if _, ok := msg.(quit); ok {
				return cx.Close(ref, regions.Request{Reason: base.ReasonUser})
			}
			return nil
		}))
	got(t, heard, "started")
	ref, _ := sys.Lookup("sup/c")
	_ = sys.Tell(ref, quit{})
	for range 2000 {
		_ = sys.Tell(ref, add{})
	}
	_, _ = actors.Call[get, int](within(t), sys, sup, get{}) // the supervisor runs
	_ = sys.Tell(sup, quit{})
	_, _ = actors.Call[get, int](within(t), sys, sup, get{})
	close(gate)
	got(t, heard, "ended")
	if first := <-order; first != "cancel" {
		t.Fatal("the cancel waited behind", first)
	}
	if len(order) != 2000 {
		t.Fatal("the drain lost messages:", len(order))
	}
}

func TestR6EndlessHandlerWedgesAndTheParentNamesIt(t *testing.T) {
	h := host.New(host.Options{Workers: 2})
	sys := h.System()
	gate := make(chan struct{})
	in := make(chan struct{}, 1)
	ref, err := sys.Spawn(actors.Child{Name: "stuck", StuckAfter: 10 * time.Millisecond, Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(boom); ok {
			in <- struct{}{}
			<-gate
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	_ = sys.Tell(ref, boom{})
	got(t, in, "the handler")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	p, err := h.Shutdown(ctx, base.ReasonShutdown, 2*time.Second)
	if !errors.Is(err, host.ErrWedged) || len(p.Residue) == 0 {
		t.Fatalf("%v %v", p, err)
	}
	named := false
	for _, r := range p.Residue {
		named = named || r == "region stuck"
	}
	if !named {
		t.Fatal("the residue does not name it:", p.Residue)
	}
	close(gate) // it returns after all
}

func TestL5ConservationUnderLoad(t *testing.T) {
	_, sys := world(t)
	const senders, each = 8, 2000
	ref, err := sys.Spawn(actors.Child{Name: "sink", Lanes: lanes.Options{Ready: 64}, Behaviour: &counter{}})
	if err != nil {
		t.Fatal(err)
	}
	var taken, refused atomic.Int64
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() { // owner: wg; ends: after its sends
			for range each {
				if sys.Tell(ref, add{1}) == nil {
					taken.Add(1)
				} else {
					refused.Add(1)
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for err = errors.New("full"); err != nil; n, err = actors.Call[get, int](within(t), sys, ref, get{}) {
	}
	if int64(n) != taken.Load() || taken.Load()+refused.Load() != senders*each {
		t.Fatalf("counted %d, taken %d, refused %d", n, taken.Load(), refused.Load())
	}
	v := sys.Snapshot()[0]
	c, l := v.Counts, lanes.Ready
	inDelivery := c.Taken[l] - c.Handled[l]
	if c.Sent[l] != uint64(v.Lanes[l].Depth)+inDelivery+c.Handled[l]+c.Refused[l]+c.Dead[l]+c.Revoked[l] || inDelivery > 1 {
		t.Fatalf("L5: %+v", c)
	}
}

func TestC3CapabilitiesOnlyNarrow(t *testing.T) {
	_, sys := world(t)
	errs := make(chan error, 2)
	inner := actors.Func(func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(actors.Started); ok {
			_, err := cx.After(time.Hour, 1)
			errs <- err
		}
		return nil
	})
	_, err := sys.Spawn(actors.Child{Name: "poor", Caps: actors.CapSpawn, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(actors.Started); ok {
			_, err := cx.Spawn(actors.Child{Name: "child", Caps: actors.CapAll, Behaviour: inner})
			return err
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	if err := got(t, errs, "refusal"); !errors.Is(err, codes.Of(codes.CapabilityDenied)) {
		t.Fatal(err)
	}
}

func TestO3AnAskTimeoutAnswersOnceAndDropsTheLateReply(t *testing.T) {
	_, sys := world(t)
	var held *actors.Ask[get, int]
	mute := spawn(t, sys, "mute", func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case *actors.Ask[get, int]:
			held = m
			m.Keep(cx)
		case quit:
			held.Reply(cx, 1)
		}
		return nil
	})
	answers := make(chan actors.Answer[int], 4)
	spawn(t, sys, "asker", func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			_, err := actors.Request[get, int](cx, mute, get{}, 5*time.Millisecond)
			return err
		case actors.Answer[int]:
			answers <- m
			return cx.Tell(mute, quit{})
		}
		return nil
	})
	if a := got(t, answers, "answer"); !errors.Is(a.Err, codes.Of(codes.AskTimeout)) {
		t.Fatal(a)
	}
	for m := within(t); sys.Snapshot()[0].Late+sys.Snapshot()[1].Late == 0 && m.Err() == nil; {
	}
	if v := sys.Snapshot(); v[0].Late+v[1].Late != 1 {
		t.Fatal("the late answer was not counted")
	}
	if len(answers) > 0 {
		t.Fatal("a second answer", <-answers)
	}
}

// TestL6AQueuedSlotThatBecomesUrgentIsPromoted: one worker, many slots that wait as Ready; a cancel for the
// last of them does not wait behind the others' work.
func TestL6AQueuedSlotThatBecomesUrgentIsPromoted(t *testing.T) {
	h := host.New(host.Options{Workers: 1, Spares: -1}) // nobody delivers while the blocker sends
	sys := h.System()
	gate, in := make(chan struct{}), make(chan struct{}, 1)
	var delivered, before, seen atomic.Int64
	work := actors.Func(func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(add); ok {
			delivered.Add(1)
		}
		return nil
	})
	const n = 300
	refs := make([]actors.Ref, n)
	for i := range refs {
		refs[i] = spawn(t, sys, fmt.Sprint("w", i), work)
	}
	heard := make(chan any, 16)
	last := actors.Child{Name: "c", Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(actors.CancelRequested); ok {
			seen.Store(delivered.Load())
		}
		return nil
	})}
	blocker := parent(last, heard, func(cx *actors.Cx, ref actors.Ref, msg any) error {
		if _, ok := msg.(boom); !ok {
			return nil
		}
		in <- struct{}{}
		<-gate // everybody else queues up behind this handler
		for _, r := range refs {
			for range 5 {
				_ = cx.Tell(r, add{1})
			}
		}
		_ = cx.Tell(ref, add{1}) // queued as Ready, behind the others
		before.Store(delivered.Load())
		return cx.Close(ref, regions.Request{Reason: base.ReasonUser})
	})
	sup := spawn(t, sys, "sup", blocker)
	got(t, heard, "started")
	_ = sys.Tell(sup, boom{})
	got(t, in, "the blocker")
	close(gate)
	if _, ok := got(t, heard, "ended").(actors.ChildEnded); !ok {
		t.Fatal("not ended")
	}
	if s := seen.Load() - before.Load(); s > 100 {
		t.Fatalf("the cancel waited behind %d deliveries of %d", s, 5*n)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if p, err := h.Shutdown(ctx, base.ReasonShutdown, time.Second); err != nil || !p.Quiescent() {
		t.Fatal(p, err)
	}
}

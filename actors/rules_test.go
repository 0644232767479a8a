package actors_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/obligations"
	"github.com/franken-node/fnode-supervisor/regions"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

type note struct{ n int }

func (b *bench) spawn(t *testing.T, c actors.Child, f actors.Func) actors.Ref {
	t.Helper()
	c.Behaviour = f
	ref, err := b.sys.Spawn(c)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// spawns is a behaviour that starts one child, and gives its errors to errs.
func spawns(c actors.Child, errs *[]error) actors.Func {
	return func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(actors.Started); ok {
			if _, err := cx.Spawn(c); err != nil {
				*errs = append(*errs, err)
			}
		}
		return nil
	}
}

// TestC3TheBudgetIsTheMeetOfTheParentsAndItsOwn: in time and in deliveries, the smaller one holds.
func TestC3TheBudgetIsTheMeetOfTheParentsAndItsOwn(t *testing.T) {
	const hour = time.Hour
	for _, e := range []struct {
		name            string
		parent, child   time.Duration
		parentN, childN int
		want            time.Duration
		wantN           int // deliveries after which it is asked to end; zero: never
	}{
		{"both: the parent's is smaller", hour, 2 * hour, 3, 5, hour, 3},
		{"both: its own is smaller", 2 * hour, hour, 5, 3, hour, 3},
		{"the parent's only", hour, 0, 3, 0, hour, 3},
		{"its own only", 0, hour, 0, 3, hour, 3},
		{"none", 0, 0, 0, 0, 0, 0},
	} {
		b := newBench()
		var deadline time.Time
		var has bool
		asked := 0
		var errs []error
		child := actors.Child{Name: "c", Lifetime: e.child, Deliveries: e.childN, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
			switch msg.(type) {
			case actors.Started:
				deadline, has = cx.Deadline()
			case note:
				asked++
			case actors.CancelRequested:
				return actors.ErrStop
			}
			return nil
		})}
		b.spawn(t, actors.Child{Name: "p", Lifetime: e.parent, Deliveries: e.parentN}, spawns(child, &errs))
		b.run()
		if has != (e.want > 0) || has && !deadline.Equal(b.now.Add(e.want)) {
			t.Errorf("%s: the deadline is %v (%v), want now + %v", e.name, deadline, has, e.want)
		}
		ref, _ := b.sys.Lookup("p/c")
		for n := range 8 {
			_ = b.sys.Tell(ref, note{n})
		}
		b.run()
		if want := e.wantN; want == 0 && asked != 8 || want > 0 && asked != want {
			t.Errorf("%s: it handled %d messages, want %d", e.name, asked, want)
		}
		if len(errs) > 0 {
			t.Error(errs)
		}
	}
}

// TestC3ACxCarriesItsRegionActorIncarnationAndTrace: the trace id goes with what is sent because of it, and with the
// timers that are armed because of it.
func TestC3ACxCarriesItsRegionActorIncarnationAndTrace(t *testing.T) {
	b := newBench()
	var timers []*actors.Timer
	b.arm = func(tm *actors.Timer) { timers = append(timers, tm) }
	id := actors.TraceID{1, 2, 3}
	var at []string
	regionsSeen := map[base.RegionID]bool{}
	see := func(cx *actors.Cx, what string) {
		if cx.Trace() != id {
			what += " without its trace"
		}
		at = append(at, cx.Path()+" "+what)
		regionsSeen[cx.Region()] = true
		if cx.Incarnation() != 1 || cx.Self().Path() != cx.Path() {
			t.Error("a Cx does not know who it is:", cx.Incarnation(), cx.Self())
		}
	}
	back := b.spawn(t, actors.Child{Name: "back"}, func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(note); ok {
			see(cx, "told")
		}
		return nil
	})
	front := b.spawn(t, actors.Child{Name: "front"}, func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case *actors.Ask[note, int]:
			see(cx, "asked")
			if _, err := cx.After(time.Second, "tick"); err != nil {
				return err
			}
			if err := cx.Tell(back, note{}); err != nil {
				return err
			}
			m.Reply(cx, 1)
		case string:
			see(cx, "timer")
		}
		return nil
	})
	b.run()
	done := make(chan error, 1) // capacity 1: the one answer; never closed
	b.now = b.now.Add(time.Hour)
	queued := make(chan struct{}) // capacity 0; closed when the question is queued
	b.ready = func() { b.ready = nil; close(queued) }
	go func() { // owner: the test, by done; ends: the question is answered
		_, err := actors.Call[note, int](actors.Traced(context.Background(), id), b.sys, front, note{})
		done <- err
	}()
	<-queued
	b.run()
	for _, tm := range timers {
		tm.Fire()
	}
	b.run()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	slices.Sort(at)
	if want := "back told, front asked, front timer"; strings.Join(at, ", ") != want || len(regionsSeen) != 2 {
		t.Fatalf("%q in %d regions, want %q", at, len(regionsSeen), want)
	}
}

// TestC4ACheckpointLetsOthersRunAndDeliversNothingToItsOwnActor: and it says so when a cancel was accepted.
func TestC4ACheckpointLetsOthersRunAndDeliversNothingToItsOwnActor(t *testing.T) {
	b := newBench()
	var own, others, inside int
	var errs []error
	other := b.spawn(t, actors.Child{Name: "other"}, func(_ *actors.Cx, msg any) error {
		if _, ok := msg.(note); ok {
			others++
		}
		return nil
	})
	var ref actors.Ref
	ref = b.spawn(t, actors.Child{Name: "loop", Doors: true}, func(cx *actors.Cx, msg any) error {
		switch msg.(type) {
		case string:
			inside = 1
			b.tell(t, ref, note{})
			b.tell(t, other, note{})
			errs = append(errs, cx.Checkpoint())
			if own > 0 || others != 1 {
				t.Errorf("at a checkpoint %d messages of its own were delivered, %d of others", own, others)
			}
			if err := b.sys.StopFromOutside(ref, base.ReasonUser); err != nil {
				return err
			}
			errs = append(errs, cx.Checkpoint())
			inside = 0
		case note:
			own += 1 + inside
		}
		return nil
	})
	steps := 0
	b.step = func(k actors.StepKind) {
		if k == actors.StepCheckpoint {
			steps++
			b.run() // the host lets others run
		}
	}
	b.run()
	b.tell(t, ref, "go")
	b.run()
	if steps != 2 || own != 1 || len(errs) != 2 || errs[0] != nil || !errors.Is(errs[1], codes.Of(codes.Cancelled)) {
		t.Fatalf("%d steps, %d delivered, %v", steps, own, errs)
	}
}

// TestL4CancelNeverRefusesAndMergesIntoTheStrongest: any number of requests are one delivery.
func TestL4CancelNeverRefusesAndMergesIntoTheStrongest(t *testing.T) {
	b := newBench()
	var heard []base.Reason
	ref := b.spawn(t, actors.Child{Name: "c", Doors: true}, func(_ *actors.Cx, msg any) error {
		if m, ok := msg.(actors.CancelRequested); ok {
			heard = append(heard, m.Reason)
		}
		return nil
	})
	b.run()
	reasons := []base.Reason{base.ReasonUser, base.ReasonBudget, base.ReasonShutdown, base.ReasonTimeout}
	for range 500 {
		for _, r := range reasons {
			if err := b.sys.StopFromOutside(ref, r); err != nil {
				t.Fatal(err)
			}
		}
	}
	v := b.slots["c"].View()
	if depth := v.Lanes[lanes.Cancel].Depth; depth != 1 {
		t.Errorf("%d requests wait, want one", depth)
	}
	if c := v.Counts; c.Merged[lanes.Cancel] != 3 || c.Refused[lanes.Cancel] > 0 { // that it is alone, and two stronger reasons
		t.Errorf("merged %d, refused %d", c.Merged[lanes.Cancel], c.Refused[lanes.Cancel])
	}
	b.run()
	if !slices.Equal(heard, []base.Reason{base.ReasonShutdown}) {
		t.Errorf("it heard %v, want the strongest, once", heard)
	}
}

// TestL4ATimerHasAPlaceOrIsRefusedAndARegionDisarmsIts: and what was refused costs nothing.
func TestL4ATimerHasAPlaceOrIsRefusedAndARegionDisarmsIts(t *testing.T) {
	b := newBench()
	armed := map[*actors.Timer]bool{}
	b.arm = func(tm *actors.Timer) { armed[tm] = true }
	b.disarm = func(tm *actors.Timer) { delete(armed, tm) }
	var errs []error
	var fired []any
	ref := b.spawn(t, actors.Child{Name: "c", Lanes: lanes.Options{Timed: 2}}, func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			for n := range 3 {
				_, err := cx.After(time.Hour, note{n})
				errs = append(errs, err)
			}
		case string:
			return actors.ErrStop
		case note:
			fired = append(fired, m)
		}
		return nil
	})
	b.run()
	if errs[0] != nil || errs[1] != nil || !errors.Is(errs[2], codes.Of(codes.TimerRefused)) || len(armed) != 2 {
		t.Fatal(errs, len(armed))
	}
	if free := b.slots["c"].Free(lanes.Timed); free != 0 {
		t.Errorf("%d places are free, and both are promised", free)
	}
	for tm := range armed { // a promised place cannot be refused
		delete(armed, tm)
		tm.Fire()
		break
	}
	b.run()
	if len(fired) != 1 {
		t.Fatal("fired:", fired)
	}
	b.tell(t, ref, "end")
	b.run()
	if len(armed) > 0 {
		t.Errorf("%d timers of an actor that has ended are still armed", len(armed))
	}
}

// TestL7DepthCountsAndAgeAreAlwaysThere: by lane, from the first message on.
func TestL7DepthCountsAndAgeAreAlwaysThere(t *testing.T) {
	b := newBench()
	ref := b.spawn(t, actors.Child{Name: "c", Lanes: lanes.Options{Ready: 3}}, func(*actors.Cx, any) error { return nil })
	b.run()
	for range 2 {
		b.tell(t, ref, note{})
		b.now = b.now.Add(time.Second)
	}
	v := b.slots["c"].View()
	if l := v.Lanes[lanes.Ready]; l.Depth != 2 || l.Oldest != 2*time.Second || v.Counts.Sent[lanes.Ready] != 2 {
		t.Errorf("%+v %+v", l, v.Counts)
	}
	b.tell(t, ref, note{})
	if b.sys.Tell(ref, note{}) == nil {
		t.Error("a full lane took another")
	}
	b.run()
	v = b.slots["c"].View()
	if l, c := v.Lanes[lanes.Ready], v.Counts; l.Depth != 0 || l.Oldest != 0 || c.Handled[lanes.Ready] != 3 || c.Refused[lanes.Ready] != 1 {
		t.Errorf("%+v %+v", l, c)
	}
}

func init() {
	obligations.Register(spec.ObligationKind{Name: "test_debt", Rule: spec.ObligationAbandon})
	obligations.Register(spec.ObligationKind{Name: "test_favour", Rule: spec.ObligationAbort})
	obligations.Register(spec.ObligationKind{Name: "test_written", Durable: true, Rule: spec.ObligationAbandon})
}

// TestO3AnOpenPromiseLeaksOrIsBrokenByItsKindsRule: a leak is an incident, and the outcome of the region.
func TestO3AnOpenPromiseLeaksOrIsBrokenByItsKindsRule(t *testing.T) {
	for _, e := range []struct {
		kind   obligations.Kind
		then   func(*actors.Cx, *actors.Promise) error
		leaks  int
		broken int
		out    base.Outcome
	}{
		{"test_debt", nil, 1, 0, base.OutcomeLeaked},
		{"test_favour", nil, 0, 1, base.OutcomeOk},
		{"test_debt", func(cx *actors.Cx, p *actors.Promise) error { return p.Commit(cx) }, 0, 0, base.OutcomeOk},
		{"test_debt", func(cx *actors.Cx, p *actors.Promise) error { return p.Abort(cx) }, 0, 0, base.OutcomeOk},
	} {
		b := newBench()
		leaks, broken := 0, 0
		var proof regions.Proof
		b.event = func(ev actors.Event) {
			switch ev.Kind {
			case actors.EventLeaked:
				leaks++
			case actors.EventClosed:
				proof = ev.Proof
			}
		}
		ref := b.spawn(t, actors.Child{Name: "c"}, func(cx *actors.Cx, msg any) error {
			switch msg.(type) {
			case actors.Started:
				p, err := cx.Promise(e.kind, "pay", time.Time{}, func() { broken++ })
				if err != nil || e.then == nil {
					return err
				}
				return e.then(cx, p)
			case string:
				return actors.ErrStop
			}
			return nil
		})
		b.run()
		want := 1
		if e.then != nil {
			want = 0
		}
		b.tell(t, ref, note{}) // so that the count is published
		b.run()
		if n := b.slots["c"].View().Obligations; n != want {
			t.Errorf("%s: %d open, want %d", e.kind, n, want)
		}
		b.tell(t, ref, "end")
		b.run()
		if leaks != e.leaks || broken != e.broken || proof.Outcome != e.out || !proof.Quiescent() {
			t.Errorf("%s: leaks %d, broken %d, %s", e.kind, leaks, broken, proof)
		}
	}
}

// TestO2TheTableOfKindsIsOpenToUsers: what is not in it, and what needs a store, is refused; O1 holds for all.
func TestO2TheTableOfKindsIsOpenToUsers(t *testing.T) {
	b := newBench()
	var errs []error
	b.spawn(t, actors.Child{Name: "c"}, func(cx *actors.Cx, msg any) error {
		if _, ok := msg.(actors.Started); !ok {
			return nil
		}
		_, unknown := cx.Promise("no such kind", "x", time.Time{}, nil)
		_, durable := cx.Promise("test_written", "x", time.Time{}, nil)
		p, err := cx.Promise("test_favour", "x", time.Time{}, nil)
		errs = append(errs, unknown, durable, err, p.Commit(cx), p.Commit(cx))
		return nil
	})
	b.run()
	if len(errs) != 5 || errs[0] == nil || !errors.Is(errs[1], codes.Of(codes.NoStore)) || errs[2] != nil || errs[3] != nil || !errors.Is(errs[4], codes.Of(codes.Invariant)) {
		t.Fatal(errs)
	}
}

// thing is a resource that records how it was asked.
type thing struct {
	name    string
	asked   *[]string
	release func(base.Outcome)
}

func (r *thing) Label() string       { return r.name }
func (r *thing) Ask(regions.Request) { *r.asked = append(*r.asked, r.name) }
func (r *thing) Kill()               {}

// TestR1EverythingThatIsStartedThroughCxHasAnOwner: the region of an incarnation is not closed before all of it has
// left, and its proof counts each of it.
func TestR1EverythingThatIsStartedThroughCxHasAnOwner(t *testing.T) {
	b := newBench()
	kinds := []regions.Kind{regions.Goroutine, regions.Process, regions.Cgroup, regions.File, regions.Listener}
	var things []*thing
	var asked []string
	finalized, armed := false, 0
	b.arm = func(*actors.Timer) { armed++ }
	b.disarm = func(*actors.Timer) { armed-- }
	var proofs []regions.Proof
	b.event = func(ev actors.Event) {
		if ev.Kind == actors.EventClosed && ev.Path == "owner" {
			proofs = append(proofs, ev.Proof)
		}
	}
	ref := b.spawn(t, actors.Child{Name: "owner", Drain: -1}, func(cx *actors.Cx, msg any) error {
		switch msg.(type) {
		case actors.Started:
			for _, k := range kinds {
				r := &thing{name: k.String(), asked: &asked}
				things = append(things, r)
				release, err := cx.Own(k, r)
				if err != nil {
					return err
				}
				r.release = release
			}
			_, err1 := cx.Spawn(actors.Child{Name: "child", Behaviour: actors.Func(func(*actors.Cx, any) error { return nil })})
			_, err2 := cx.After(time.Hour, note{})
			_, err3 := cx.Promise("test_favour", "x", time.Time{}, nil)
			err4 := cx.Finalize("tidy", func() error { finalized = true; return nil })
			return errors.Join(err1, err2, err3, err4)
		case string:
			return actors.ErrStop
		}
		return nil
	})
	b.run()
	if armed != 1 {
		t.Fatal("armed:", armed)
	}
	b.tell(t, ref, "end")
	b.run()
	if len(asked) != len(kinds) || armed != 0 {
		t.Errorf("asked to end: %v; %d timers", asked, armed)
	}
	for i, r := range things {
		if len(proofs) > 0 || finalized {
			t.Fatalf("closed, and %v had not left", kinds[i:])
		}
		r.release(base.OutcomeOk)
	}
	if len(proofs) != 1 || !finalized {
		t.Fatalf("all has left, and yet: %d proofs, finalized %v", len(proofs), finalized)
	}
	p := proofs[0]
	if !p.Quiescent() || p.Ended[regions.Actor] != 2 || p.Ended[regions.Slot] != 1 || p.Ended[regions.Descendant] != 1 {
		t.Errorf("%s: %v", p, p.Ended)
	}
	for _, k := range kinds {
		if p.Ended[k] != 1 {
			t.Errorf("the proof counts %d of kind %s, want one", p.Ended[k], k)
		}
	}
}

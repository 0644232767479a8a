package host_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// What is sent under stress: a job travels in Ready, an alert in Timed; both are booked from outside.
type (
	job   struct{ r uint64 } // what the handler draws from
	alert struct {
		at time.Time
		r  uint64
	}
	question struct{ r uint64 }
	tock     struct{}
)

func init() { actors.Register(lanes.Timed, func(a alert) time.Time { return a.at }) }

// ledger books every job and alert from outside the kernel, at its two ends.
type ledger struct {
	accepted, refused                  atomic.Uint64 // by the senders
	handled, returned                  atomic.Uint64 // by the handlers
	dead, lostReturns                  atomic.Uint64 // by the events
	asked, answered                    atomic.Uint64
	ends, panics, kills, stops, checks atomic.Uint64
	violated                           atomic.Pointer[string]
	peers                              atomic.Pointer[[]actors.Ref] // whom victims send to; nil: nobody yet
}

func (l *ledger) sent(err error) {
	if err == nil {
		l.accepted.Add(1)
	} else {
		l.refused.Add(1)
	}
}

func (l *ledger) event(ev actors.Event) {
	switch ev.Kind {
	case actors.EventDeadLetter:
		switch ev.Detail {
		case "host_test.job", "host_test.alert":
			l.dead.Add(1)
		case "actors.Undelivered":
			l.lostReturns.Add(1)
		}
	case actors.EventEnded:
		l.ends.Add(1)
		if ev.Exit.Kind == actors.ExitPanicked {
			l.panics.Add(1)
		}
	case actors.EventViolated:
		l.violated.CompareAndSwap(nil, &ev.Detail)
	}
}

// victim does at random what actors do, and fails at random.
func (l *ledger) victim() actors.Func {
	var kept []*actors.Ask[question, int]
	return func(cx *actors.Cx, msg any) error {
		var r uint64
		switch m := msg.(type) {
		case job:
			l.handled.Add(1)
			r = m.r
		case alert:
			l.handled.Add(1)
			r = m.r
		case actors.Undelivered:
			l.returned.Add(1)
		case *actors.Ask[question, int]:
			if m.Q.r%3 == 0 && len(kept) < 8 {
				m.Keep(cx)
				kept = append(kept, m)
				return nil
			}
			m.Reply(cx, 1)
		case *actors.Permit:
			if m.Err == nil && m.ID%5 > 0 { // else it is held until this life ends
				l.sent(m.Send(cx, job{}))
			}
		case actors.CancelRequested:
			cx.Drained()
		}
		for len(kept) > 0 && r%2 == 0 {
			kept[0].Reply(cx, 2)
			kept = kept[1:]
		}
		to := actors.Ref{}
		if peers := l.peers.Load(); peers != nil {
			to = (*peers)[r%uint64(len(*peers))]
		}
		switch r % 97 {
		case 1:
			panic("at random")
		case 2:
			return errors.New("at random")
		case 3:
			return actors.ErrStop
		case 4, 5, 6:
			_, _ = cx.After(time.Duration(r%2000)*time.Microsecond, tock{})
		case 7, 8, 9, 10, 11, 12:
			l.sent(cx.Tell(to, job{}))
		case 13, 14:
			l.sent(cx.Tell(to, alert{at: cx.Now()}))
		case 15, 16:
			_, _ = actors.Request[question, int](cx, to, question{r}, time.Millisecond)
		case 17, 18:
			_, _ = cx.Reserve(to)
		case 19:
			_, _ = cx.Monitor(to)
		case 20:
			_ = cx.Checkpoint()
		}
		return nil
	}
}

// stressFor is how long: 3 s, with -race the 10 s of make test, with FNODE_LONG=1 the 10 minutes of make check-long.
func stressFor() time.Duration {
	switch {
	case os.Getenv("FNODE_LONG") != "":
		return 10 * time.Minute
	case raceEnabled:
		return 10 * time.Second
	}
	return 3 * time.Second
}

// TestL5ConservationHoldsUnderStress: 64 producers, and whoever kills, stops, restarts, removes, adds and cancels at
// random, on full lanes. In every mailbox, at any moment, the books of each lane are exact; and every job and alert
// that was accepted has one fate, by books that are kept outside the kernel.
func TestL5ConservationHoldsUnderStress(t *testing.T) {
	const producers, victims = 64, 12
	seed := uint64(time.Now().UnixNano())
	var l ledger
	h := host.New(host.Options{Workers: 4, System: actors.Options{Events: l.event}})
	sys := h.System()
	refs := make([]actors.Ref, victims)
	spec := supervision.Spec{Strategy: core.OneForOne, Budget: core.Budget{Restarts: 1 << 30, Window: time.Second}}
	for i := range victims {
		spec.Children = append(spec.Children, l.child(fmt.Sprint("v", i), i))
	}
	if _, err := supervision.Run(sys, "sup", spec); err != nil {
		t.Fatal(err)
	}
	sup := lookup(t, sys, "sup")
	for i := range refs {
		refs[i] = lookup(t, sys, fmt.Sprint("sup/v", i))
	}
	l.peers.Store(&refs)
	ctx, stop := context.WithTimeout(t.Context(), stressFor())
	defer stop()
	var wg sync.WaitGroup
	for i := range producers {
		wg.Go(func() { l.produce(ctx, sys, refs, rand.New(rand.NewPCG(seed, uint64(i)))) }) // owner: wg; ends: ctx
	}
	for i := range 4 {
		wg.Go(func() { l.harass(ctx, sys, sup, refs, rand.New(rand.NewPCG(seed, uint64(1000+i)))) }) // owner: wg; ends: ctx
	}
	for i := range 2 {
		wg.Go(func() { l.temps(ctx, sys, sup, rand.New(rand.NewPCG(seed, uint64(2000+i)))) }) // owner: wg; ends: ctx
	}
	for ctx.Err() == nil && !t.Failed() {
		l.audit(t, sys)
	}
	wg.Wait()
	end, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	l.audit(t, sys)
	p, err := h.Shutdown(end, base.ReasonShutdown, 5*time.Second)
	if err != nil || !p.Quiescent() {
		t.Errorf("%s, %v", p, err)
	}
	if v := l.violated.Load(); v != nil {
		t.Error("a rule was broken:", *v)
	}
	fates := l.handled.Load() + l.dead.Load() + l.returned.Load() + l.lostReturns.Load()
	if l.accepted.Load() != fates {
		t.Errorf("seed %d: accepted %d; handled %d + dead %d + returned %d + returned in vain %d = %d", seed, l.accepted.Load(),
			l.handled.Load(), l.dead.Load(), l.returned.Load(), l.lostReturns.Load(), fates)
	}
	if l.asked.Load() != l.answered.Load() {
		t.Errorf("%d questions, %d answers", l.asked.Load(), l.answered.Load())
	}
	for what, n := range map[string]uint64{
		"refused": l.refused.Load(), "dead": l.dead.Load(), "returned": l.returned.Load(), "panics": l.panics.Load(), "kills": l.kills.Load(), "stops": l.stops.Load(),
	} {
		if n == 0 {
			t.Errorf("the stress had no %s: it has shown nothing of them", what)
		}
	}
	t.Logf("accepted %d = handled %d + dead %d + returned %d + %d; refused %d; questions %d; ends %d, of them panics %d; kills %d, stops %d, audits %d",
		l.accepted.Load(), l.handled.Load(), l.dead.Load(), l.returned.Load(), l.lostReturns.Load(), l.refused.Load(), l.asked.Load(),
		l.ends.Load(), l.panics.Load(), l.kills.Load(), l.stops.Load(), l.checks.Load())
}

// child is the spec of a victim: every queue policy and overflow is among them, and all lanes are short.
func (l *ledger) child(name string, i int) supervision.Child {
	return supervision.Child{
		Child: core.Child{Name: name, Backoff: core.Backoff{Off: i%2 == 0, Initial: time.Millisecond}, Shutdown: core.Shutdown{Within: 20 * time.Millisecond}},
		Start: func() actors.Behaviour { return l.victim() },
		Actor: actors.Child{
			Queue: actors.QueuePolicy(i % 3), Lanes: lanes.Options{Ready: 8, Timed: 6, Overflow: lanes.Overflow(i / 3 % 2)}, StuckAfter: time.Minute,
		},
	}
}

func (l *ledger) produce(ctx context.Context, sys *actors.System, refs []actors.Ref, r *rand.Rand) {
	for ctx.Err() == nil {
		to := refs[r.IntN(len(refs))]
		switch n := r.IntN(20); {
		case n < 12:
			l.sent(sys.Tell(to, job{r.Uint64()}))
		case n < 15:
			l.sent(sys.Tell(to, alert{sys.Now(), r.Uint64()}))
		case n < 17:
			c, cancel := context.WithTimeout(ctx, time.Millisecond)
			l.sent(actors.TellWait(c, sys, to, job{r.Uint64()}))
			cancel()
		default:
			c, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Millisecond)
			l.asked.Add(1)
			_, _ = actors.Call[question, int](c, sys, to, question{r.Uint64()})
			l.answered.Add(1)
			cancel()
		}
	}
}

// harass ends the victims in every way there is.
func (l *ledger) harass(ctx context.Context, sys *actors.System, sup actors.Ref, refs []actors.Ref, r *rand.Rand) {
	for ctx.Err() == nil {
		i := r.IntN(len(refs))
		switch r.IntN(4) {
		case 0:
			l.kills.Add(1)
			sys.Ask(refs[i], regions.Request{Reason: base.ReasonUser, Brutal: true})
		case 1:
			sys.Ask(refs[i], regions.Request{Reason: base.ReasonBudget})
		case 2:
			l.stops.Add(1)
			l.order(ctx, sys, sup, supervision.Request{Kind: core.Terminate, Name: fmt.Sprint("v", i)})
			l.order(ctx, sys, sup, supervision.Request{Kind: core.Restarted, Name: fmt.Sprint("v", i)})
		default:
			l.order(ctx, sys, sup, supervision.Request{Kind: core.Restarted, Name: fmt.Sprint("v", i)})
		}
	}
}

// temps adds a child, sends to it and removes it again: slots come and go.
func (l *ledger) temps(ctx context.Context, sys *actors.System, sup actors.Ref, r *rand.Rand) {
	name := fmt.Sprintf("t%d", r.Uint64())
	for i := 0; ctx.Err() == nil; i++ {
		l.order(ctx, sys, sup, supervision.Request{Kind: core.Add, Add: new(l.child(name, i))})
		if ref, ok := sys.Lookup("sup/" + name); ok {
			for range 30 {
				l.sent(sys.Tell(ref, job{r.Uint64()}))
			}
		}
		l.order(ctx, sys, sup, supervision.Request{Kind: core.Terminate, Name: name})
		l.order(ctx, sys, sup, supervision.Request{Kind: core.Delete, Name: name})
	}
}

func (l *ledger) order(ctx context.Context, sys *actors.System, sup actors.Ref, q supervision.Request) {
	c, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = actors.Call[supervision.Request, struct{}](c, sys, sup, q)
}

// audit checks the equation of every lane of every mailbox, at this moment.
func (l *ledger) audit(t *testing.T, sys *actors.System) {
	for _, v := range sys.Snapshot() {
		for i := range v.Lanes {
			c := v.Counts
			under := c.Taken[i] - c.Handled[i]
			if sum := uint64(v.Lanes[i].Depth) + under + c.Handled[i] + c.Dead[i] + c.Refused[i] + c.Merged[i] + c.Revoked[i]; c.Sent[i] != sum || under > 1 {
				t.Errorf("%s, lane %s: sent %d, fates %d: depth %d, %+v", v.Path, lanes.Lane(i), c.Sent[i], sum, v.Lanes[i].Depth, c)
			}
		}
	}
	l.checks.Add(1)
}

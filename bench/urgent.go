package main

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

const backlog = 100_000

// quantile gives the q-th of the latencies, in us.
func quantile(ds []time.Duration, q float64) float64 {
	slices.Sort(ds)
	return float64(ds[min(int(q*float64(len(ds))), len(ds)-1)]) / 1e3
}

func cancelP50(quick bool) figure {
	n := 1000
	if quick {
		n = 150
	}
	return figure{value: quantile(cancels(n), 0.5)}
}

func cancelP999(quick bool) figure {
	n := 10_000
	if quick {
		n = 1000
	}
	return figure{value: quantile(cancels(n), 0.999)}
}

// backlogged is an actor with a backlog, as its driver sees it.
type backlogged struct {
	handled atomic.Int64
	sent    int64
	up      atomic.Int64 // incarnations that wait at their gate
	open    atomic.Int64 // incarnations whose gate is open
}

// keep adds a message to a backlog that is not full. Its actor may be faster: then the backlog shrinks a little until
// the next gate.
func (b *backlogged) keep(send func()) (full bool) {
	if b.sent-b.handled.Load() >= backlog {
		return true
	}
	send()
	b.sent++
	return false
}

// fill fills the backlog of an actor that is at its gate.
func (b *backlogged) fill(send func()) {
	for !b.keep(send) {
	}
}

// settle lets it handle a little, and keeps the backlog up meanwhile.
func (b *backlogged) settle(send func()) {
	for until := b.handled.Load() + 500; b.handled.Load() < until; {
		b.keep(send)
	}
}

// await spins until v reaches n.
func await(v *atomic.Int64, n int64) {
	for v.Load() < n {
	}
}

// cancels closes an actor that has 100,000 messages waiting, n times, and gives the times from the request to its
// delivery. The queue outlives the incarnation, and is filled up before each request.
func cancels(n int) (ds []time.Duration) {
	h := host.New(host.Options{})
	defer end(h)
	sys := h.System()
	var b backlogged
	told := make(chan time.Time, 1) // capacity 1: the one cancel under way; never closed
	f := actors.Func(func(cx *actors.Cx, m any) error {
		switch m.(type) {
		case *note:
			b.handled.Add(1)
		case actors.Started:
			await(&b.open, b.up.Add(1)) // the gate: its backlog is filled up meanwhile
		case actors.CancelRequested:
			select {
			case told <- time.Now():
			default:
			}
			cx.Drained()
		}
		return nil
	})
	must(supervision.Run(sys, "sup", supervision.Spec{
		Budget: core.Budget{Restarts: 1 << 30, Window: time.Hour},
		Children: []supervision.Child{{
			Child: core.Child{Name: "c", Backoff: core.Backoff{Off: true}}, Start: func() actors.Behaviour { return f },
			Actor: actors.Child{Doors: true, StuckAfter: time.Minute, Lanes: lanes.Options{Ready: 2 * backlog}},
		}},
	}))
	await(&b.up, 1)
	ref, ok := sys.Lookup("sup/c")
	if !ok {
		panic("no actor")
	}
	msg := any(&note{1})
	send := func() { check(sys.Tell(ref, msg)) }
	for i := range n {
		await(&b.up, int64(i+1))
		b.fill(send)
		b.open.Add(1)
		b.settle(send)
		began := time.Now()
		check(sys.StopFromOutside(ref, base.ReasonUser))
		ds = append(ds, (<-told).Sub(began))
	}
	await(&b.up, int64(n+1))
	b.open.Add(1 << 30)
	return ds
}

// flooded is a protoactor actor with a backlog. Its gate is a message.
func flooded(b *backlogged, on func(any)) *actor.PID {
	return world().Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *note:
			b.handled.Add(1)
		case *question:
			await(&b.open, b.up.Add(1))
		default:
			on(m)
		}
	}))
}

// protoProbe sends a user message to an actor that has 100,000 waiting, and keeps the backlog up.
func protoProbe(quick bool) figure {
	n := 40
	if quick {
		n = 15
	}
	var b backlogged
	told := make(chan time.Time, 1) // capacity 1: the one probe; never closed
	pid := flooded(&b, func(m any) {
		if _, ok := m.(*answer); ok {
			told <- time.Now()
		}
	})
	defer func() { check(world().Root.StopFuture(pid).Wait()) }()
	var ds []time.Duration
	send := func() { world().Root.Send(pid, &note{1}) }
	for i := range n {
		world().Root.Send(pid, &question{})
		for b.up.Load() < int64(i+1) {
			b.keep(send)
		}
		b.fill(send)
		b.open.Add(1)
		b.settle(send)
		began := time.Now()
		world().Root.Send(pid, &answer{})
		for over := false; !over; {
			select {
			case at := <-told:
				ds, over = append(ds, at.Sub(began)), true
			default:
				b.keep(send)
			}
		}
	}
	return figure{value: quantile(ds, 0.5)}
}

// protoStop stops an actor that has 100,000 waiting.
func protoStop(quick bool) figure {
	n := 40
	if quick {
		n = 15
	}
	var ds []time.Duration
	for range n {
		var b backlogged
		told := make(chan time.Time, 1) // capacity 1: the one stop; never closed
		pid := flooded(&b, func(m any) {
			if _, ok := m.(*actor.Stopping); ok {
				told <- time.Now()
			}
		})
		send := func() { world().Root.Send(pid, &note{1}) }
		world().Root.Send(pid, &question{})
		await(&b.up, 1)
		b.fill(send)
		b.open.Add(1)
		b.settle(send)
		began := time.Now()
		world().Root.Stop(pid)
		ds = append(ds, (<-told).Sub(began))
	}
	return figure{value: quantile(ds, 0.5)}
}

// closeRegion closes an actor that owns 10,000, and waits for the proof that nothing is left.
func closeRegion(bool) figure {
	const n = 10_000
	h := host.New(host.Options{})
	defer end(h)
	sys := h.System()
	closed, up := make(chan actors.ChildEnded, 1), make(chan struct{}, 1) // capacity 1: each is said once; never closed
	owner := actors.Func(func(cx *actors.Cx, m any) error {
		if _, ok := m.(actors.Started); !ok {
			return nil
		}
		for i := range n {
			must(cx.Spawn(actors.Child{Name: fmt.Sprint(i), Behaviour: actors.Func(quiet)}))
		}
		return nil
	})
	var ref actors.Ref
	must(sys.Spawn(actors.Child{Name: "top", Behaviour: actors.Func(func(cx *actors.Cx, m any) (err error) {
		switch m := m.(type) {
		case actors.Started:
			ref, err = cx.Spawn(actors.Child{Name: "owner", Supervised: true, StuckAfter: time.Minute, Doors: true, Behaviour: owner})
		case actors.ChildStarted:
			up <- struct{}{}
		case actors.ChildEnded:
			closed <- m
			return cx.Retire(ref)
		}
		return err
	})}))
	<-up
	for idle := false; !idle; { // the last of them has begun
		time.Sleep(time.Millisecond)
		before := h.Stats().Deliveries.Load()
		time.Sleep(5 * time.Millisecond)
		idle = h.Stats().Deliveries.Load() == before
	}
	began := time.Now()
	check(sys.StopFromOutside(ref, base.ReasonUser))
	e := <-closed
	d := time.Since(began)
	if !e.Proof.Quiescent() || e.Proof.Total() < 2*n {
		panic(e.Proof.String())
	}
	return figure{value: float64(d) / 1e6}
}

// panicRestart is the time from a panic in a handler to the next delivery of its next incarnation: of the message that
// waited behind the one that killed it.
func panicRestart(quick bool) figure {
	n := 5000
	if quick {
		n = 1000
	}
	h := host.New(host.Options{})
	defer end(h)
	sys := h.System()
	var threw time.Time // written and read by one incarnation after the other
	back := make(chan time.Duration, 1)
	f := actors.Func(func(_ *actors.Cx, m any) error {
		switch m.(type) {
		case *question:
			threw = time.Now()
			panic("boom")
		case *note:
			back <- time.Since(threw)
		}
		return nil
	})
	must(supervision.Run(sys, "sup", supervision.Spec{
		Budget: core.Budget{Restarts: 1 << 30, Window: time.Hour},
		Children: []supervision.Child{{
			Child: core.Child{Name: "c", Backoff: core.Backoff{Off: true}}, Start: func() actors.Behaviour { return f },
		}},
	}))
	var ref actors.Ref
	for ok := false; !ok; {
		ref, ok = sys.Lookup("sup/c")
	}
	var ds []time.Duration
	for range n {
		check(sys.Tell(ref, &question{}))
		check(sys.Tell(ref, &note{1}))
		ds = append(ds, <-back)
	}
	return figure{value: quantile(ds, 0.5)}
}

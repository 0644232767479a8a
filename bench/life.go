package main

import (
	"context"
	"log/slog"
	"runtime"
	"strconv"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// end shuts a host down and checks that nothing is left.
func end(h *host.Host) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := h.Shutdown(ctx, base.ReasonShutdown, time.Second)
	check(err)
	if !p.Quiescent() {
		panic(p.String())
	}
}

var one *actor.ActorSystem

// world is protoactor's system: one a process, silent.
func world() *actor.ActorSystem {
	if one == nil {
		one = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	}
	return one
}

func births(quick bool) int {
	if quick {
		return 5_000
	}
	return 20_000
}

func quiet(*actors.Cx, any) error { return nil }

// spawnStop has a supervisor add a child, and remove it when it is up; the next when that is gone.
func spawnStop(quick bool) figure {
	h := host.New(host.Options{})
	defer end(h)
	sys, n := h.System(), births(quick)
	child := supervision.Child{
		Child: core.Child{Name: "child", Restart: core.Temporary, Backoff: core.Backoff{Off: true}},
		Start: func() actors.Behaviour { return actors.Func(quiet) },
	}
	sup := must(supervision.Run(sys, "sup", supervision.Spec{
		Strategy: core.Dynamic, Budget: core.Budget{Restarts: 5, Window: time.Minute}, Children: []supervision.Child{child},
	}))
	r := &rally{done: make(chan struct{}, 1)}
	up, id, name := false, 0, ""
	by := must(sys.Spawn(actors.Child{Name: "by", Behaviour: actors.Func(func(cx *actors.Cx, m any) error {
		switch m := m.(type) {
		case *note:
		case actors.Answer[struct{}]:
			check(m.Err)
			if up = !up; !up && r.over() {
				return nil
			}
		default:
			return nil
		}
		kind := core.Terminate
		if !up {
			id++
			name, kind = "c"+strconv.Itoa(id), core.Add
		}
		q := supervision.Request{Kind: kind, Name: name}
		_, err := actors.Request[supervision.Request, struct{}](cx, sup, q, 0)
		return err
	})}))
	serve := func() { check(sys.Tell(by, &note{1})) }
	r.play(1000, serve)
	return timed(n, func() { r.play(n, serve) })
}

// protoSpawnStop has a parent with the default strategy spawn a child, and stop it when it is up; the next when that
// is gone.
func protoSpawnStop(quick bool) figure {
	sys, n := world(), births(quick)
	r := &rally{done: make(chan struct{}, 1)}
	type up struct{ who *actor.PID }
	kid := actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Started); ok {
			ctx.Send(ctx.Parent(), &up{ctx.Self()})
		}
	})
	parent := sys.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *note:
			ctx.Spawn(kid)
		case *up:
			ctx.Stop(m.who)
		case *actor.Terminated:
			if !r.over() {
				ctx.Spawn(kid)
			}
		}
	}))
	defer func() { check(sys.Root.StopFuture(parent).Wait()) }()
	serve := func() { sys.Root.Send(parent, &note{1}) }
	r.play(1000, serve)
	return timed(n, func() { r.play(n, serve) })
}

func crowd(quick bool) int {
	if quick {
		return 200_000
	}
	return 1_000_000
}

// held is how many bytes are in use after a collection, heap and stacks.
func held() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// idle spawns that many actors, lets each handle one message, and looks what they hold.
func idle(quick bool) figure {
	h := host.New(host.Options{})
	defer end(h)
	sys, n := h.System(), crowd(quick)
	greeted := make(chan struct{}, 1024) // capacity: any; never closed
	f := actors.Func(func(_ *actors.Cx, m any) error {
		if _, ok := m.(*note); ok {
			greeted <- struct{}{}
		}
		return nil
	})
	before := held()
	msg := any(&note{1})
	parent := must(sys.Spawn(actors.Child{Name: "p", Behaviour: actors.Func(func(cx *actors.Cx, m any) error {
		if m, ok := m.(*note); ok {
			for range 500 { // a handler does not hold its worker for long
				check(cx.Tell(must(cx.Spawn(actors.Child{Name: strconv.Itoa(m.n), Behaviour: f})), msg))
				if m.n--; m.n == 0 {
					return nil
				}
			}
			return cx.Tell(cx.Self(), m)
		}
		return nil
	})}))
	check(sys.Tell(parent, &note{n}))
	for range n {
		<-greeted
	}
	return figure{value: (held() - before) / float64(n)}
}

func protoIdle(quick bool) figure {
	sys, n := world(), crowd(quick)
	greeted := make(chan struct{}, 1024) // capacity: any; never closed
	kid := actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*note); ok {
			greeted <- struct{}{}
		}
	})
	before := held()
	msg := &note{1}
	parent := sys.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*note); ok {
			for range m.n {
				ctx.Send(ctx.Spawn(kid), msg)
			}
		}
	}))
	sys.Root.Send(parent, &note{n})
	for range n {
		<-greeted
	}
	v := (held() - before) / float64(n)
	check(sys.Root.StopFuture(parent).Wait())
	return figure{value: v}
}

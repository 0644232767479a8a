package main

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
)

func trips(quick bool) int {
	if quick {
		return 100_000
	}
	return 500_000
}

// rally is one side's end of a ping-pong.
type rally struct {
	left int
	done chan struct{} // capacity 1; never closed
}

// over counts a round trip; true: it was the last.
func (r *rally) over() bool {
	if r.left--; r.left > 0 {
		return false
	}
	r.done <- struct{}{}
	return true
}

func (r *rally) play(n int, serve func()) {
	r.left = n
	serve()
	<-r.done
}

func pingPong(quick bool) figure {
	h := host.New(host.Options{})
	defer end(h)
	sys, n, msg := h.System(), trips(quick), any(&note{1})
	r := &rally{done: make(chan struct{}, 1)}
	var a, b actors.Ref
	a = must(sys.Spawn(actors.Child{Name: "a", Behaviour: actors.Func(func(cx *actors.Cx, m any) error {
		if _, ok := m.(*note); ok && !r.over() {
			return cx.Tell(b, m)
		}
		return nil
	})}))
	b = must(sys.Spawn(actors.Child{Name: "b", Behaviour: actors.Func(func(cx *actors.Cx, m any) error {
		if _, ok := m.(*note); ok {
			return cx.Tell(a, m)
		}
		return nil
	})}))
	serve := func() { check(sys.Tell(b, msg)) }
	r.play(warm, serve)
	return timed(n, func() { r.play(n, serve) })
}

func protoPingPong(quick bool) figure {
	sys, n, msg := world(), trips(quick), any(&note{1})
	r := &rally{done: make(chan struct{}, 1)}
	var a, b *actor.PID
	b = sys.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*note); ok {
			ctx.Send(a, m)
		}
	}))
	a = sys.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*note); ok && !r.over() {
			ctx.Send(b, m)
		}
	}))
	defer func() { check(sys.Root.StopFuture(a).Wait()); check(sys.Root.StopFuture(b).Wait()) }()
	serve := func() { sys.Root.Send(b, msg) }
	r.play(warm, serve)
	return timed(n, func() { r.play(n, serve) })
}

func chanPingPong(quick bool) figure {
	n, msg := trips(quick), any(&note{1})
	there, back := make(chan any), make(chan any)
	go func() { // owner: there; ends: it is closed
		for m := range there {
			back <- m
		}
	}()
	defer close(there)
	play := func(n int) {
		for range n {
			there <- msg
			<-back
		}
	}
	play(warm)
	return timed(n, func() { play(n) })
}

// question and answer are 8 bytes each.
type (
	question struct{ n int }
	answer   struct{ n int }
)

// ask is an actor that asks another, and asks again when it has the answer.
func ask(quick bool) figure {
	h := host.New(host.Options{})
	defer end(h)
	sys, n := h.System(), trips(quick)
	r := &rally{done: make(chan struct{}, 1)}
	to := must(sys.Spawn(actors.Child{Name: "oracle", Behaviour: actors.Func(func(cx *actors.Cx, m any) error {
		if q, ok := m.(*actors.Ask[question, answer]); ok {
			q.Reply(cx, answer{q.Q.n + 1})
		}
		return nil
	})}))
	from := must(sys.Spawn(actors.Child{Name: "asker", Behaviour: actors.Func(func(cx *actors.Cx, m any) error {
		switch m := m.(type) {
		case *note:
		case actors.Answer[answer]:
			if m.Err != nil {
				return m.Err
			}
			if r.over() {
				return nil
			}
		default:
			return nil
		}
		_, err := actors.Request[question, answer](cx, to, question{r.left}, 0)
		return err
	})}))
	serve := func() { check(sys.Tell(from, &note{1})) }
	r.play(warm, serve)
	return timed(n, func() { r.play(n, serve) })
}

// protoAsk waits in the handler, as RequestFuture has it. No side limits the time.
func protoAsk(quick bool) figure {
	sys, n := world(), trips(quick)/4
	to := sys.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if q, ok := ctx.Message().(*question); ok {
			ctx.Respond(&answer{q.n + 1})
		}
	}))
	done := make(chan struct{}, 1)
	from := sys.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		m, ok := ctx.Message().(*note)
		if !ok {
			return
		}
		for i := range m.n {
			v, err := ctx.RequestFuture(to, &question{i}, -1).Result()
			check(err)
			if v.(*answer).n != i+1 {
				panic("a wrong answer")
			}
		}
		done <- struct{}{}
	}))
	defer func() { check(sys.Root.StopFuture(to).Wait()); check(sys.Root.StopFuture(from).Wait()) }()
	play := func(n int) { sys.Root.Send(from, &note{n}); <-done }
	play(warm)
	return timed(n, func() { play(n) })
}

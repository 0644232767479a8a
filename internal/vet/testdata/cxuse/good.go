package cxuse

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
)

func okPassed(cx *actors.Cx, s *server) { s.work(cx) }

func (s *server) okMethod(cx *actors.Cx, n int) error { s.n = n; return cx.Checkpoint() }

func okAsContext(cx *actors.Cx, call func(context.Context) error) error { return call(cx) }

func okDerived(cx *actors.Cx, call func(context.Context) error) error {
	ctx, cancel := context.WithCancel(cx)
	defer cancel()
	return call(context.WithValue(ctx, hand{}, 1))
}

func okDerivedTimeout(cx *actors.Cx, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(cx, time.Second)
	defer cancel()
	return call(ctx)
}

func okCallback(cx *actors.Cx, xs []int) bool {
	return slices.ContainsFunc(xs, func(int) bool { return cx.Checkpoint() != nil })
}

func okLocalLiteral(cx *actors.Cx) {
	tell := func(n int) { _ = cx.Tell(cx.Self(), n) }
	tell(1)
	defer func() { tell(2) }()
}

func okLocalTable(cx *actors.Cx, key string) {
	do := map[string]func(){"a": func() { cx.Drained() }, "b": cx.Ready}
	if f := do[key]; f != nil {
		f()
	}
}

func okLocalList(cx *actors.Cx) {
	var todo []func()
	todo = append(todo, func() { cx.Drained() })
	for _, f := range todo {
		f()
	}
}

type visitor struct{ seen func(int) }

func (v visitor) walk(xs []int) {
	for _, x := range xs {
		v.seen(x)
	}
}

func okVisitor(cx *actors.Cx, xs []int) {
	v := visitor{seen: func(n int) { _ = cx.Tell(cx.Self(), n) }}
	v.walk(xs)
}

func (s *server) okPort(cx *actors.Cx) { s.port = cx.Port() }

func okPortAfterFunc(cx *actors.Cx) {
	port := cx.Port()
	time.AfterFunc(time.Second, func() { _ = port.Tell(tick{}) }) //fnodevet:allow ambient the case is about the Cx
}

func okPortGoroutine(cx *actors.Cx, wg *sync.WaitGroup) {
	port := cx.Port()
	wg.Go(func() { _ = port.Tell(tick{}) }) //fnodevet:allow ambient the case is about the Cx
}

func okFinalize(cx *actors.Cx) error {
	path := cx.Path()
	return cx.Finalize("x", func() error { println(path); return nil })
}

func (s *server) okLater(cx *actors.Cx) {
	path := cx.Path()
	s.later = func() { println(path) }
}

func okFromContext(ctx context.Context) error {
	if cx, ok := actors.FromContext(ctx); ok {
		return cx.Checkpoint()
	}
	return nil
}

func okNilCheck(cx *actors.Cx) bool { return cx == nil }

func okOnlyContext(n int, ctx context.Context) error { return ctx.Err() }

func okOther(cx *actors.Cx) error {
	me := cx.Self()
	_, err := cx.Spawn(actors.Child{Name: "c", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		return cx.Tell(me, msg)
	})})
	return err
}

// The context of a driver that is owned outlives the handler: it has to be plain.
func okDriver(cx *actors.Cx, res actors.Resource, run func(context.Context)) error {
	ctx, cancel := context.WithCancel(context.Background())
	end, err := cx.Own(regions.Goroutine, res)
	if err != nil {
		cancel()
		return err
	}
	go drive(ctx, run, end)
	return nil
}

func drive(ctx context.Context, run func(context.Context), end func(base.Outcome)) {
	run(ctx)
	end(base.OutcomeOk)
}

// Where no Cx is held a plain context is the only one.
func okOutside(sys *actors.System, to actors.Ref) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return actors.Call[tick, int](ctx, sys, to, tick{})
}

func okSelf(cx *actors.Cx, to actors.Ref) error { return cx.Tell(to, cx.Self()) }

func okLogged(cx *actors.Cx, log func(...any)) { log("in", cx) }

package main

import (
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/lanes"
)

// note is the message of every tell: 8 bytes, sent by pointer, made once, so that only the way is measured.
type note struct{ n int }

// count is how many messages a repetition sends.
func count(quick bool) int {
	if quick {
		return 250_000
	}
	return 1_000_000
}

// timed gives ns and allocations per operation of f, which does n of them.
func timed(n int, f func()) figure {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := now()
	f()
	d := now() - began
	runtime.ReadMemStats(&after)
	return figure{float64(d) / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n)}
}

// cpu makes timed count the time of all cores that the process used, not the time that passed: on a machine that others
// load it is the steadier one.
var cpu bool

func now() time.Duration {
	if !cpu {
		return time.Since(start)
	}
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var start = time.Now()

// spread runs f once in each of the producers, with its share of n, and waits for them.
func spread(producers, n int, f func(share int)) {
	var wg sync.WaitGroup
	for range producers {
		wg.Go(func() { f(n / producers) }) // owner: wg; ends: after its share
	}
	wg.Wait()
}

// warm is how many messages each repetition sends before it is timed.
const warm = 10_000

// counting is an actor's part of a tell: it says when it has seen so many.
type counting struct {
	seen, until int
	done        chan struct{} // capacity 1; never closed
}

func (c *counting) one() {
	if c.seen++; c.seen == c.until {
		c.done <- struct{}{}
	}
}

// wait waits until n more were seen. It may be called when none is under way.
func (c *counting) wait(n int, send func()) {
	c.seen, c.until = 0, n
	send()
	<-c.done
}

func tell(producers int) side {
	return func(quick bool) figure {
		h := host.New(host.Options{})
		defer end(h)
		sys, n, msg := h.System(), count(quick), any(&note{1})
		c := &counting{done: make(chan struct{}, 1)}
		ref := must(sys.Spawn(actors.Child{Name: "sink", Lanes: lanes.Options{Ready: n}, Behaviour: actors.Func(func(_ *actors.Cx, m any) error {
			if _, ok := m.(*note); ok {
				c.one()
			}
			return nil
		})}))
		send := func(share int) {
			for range share {
				check(sys.Tell(ref, msg))
			}
		}
		c.wait(warm, func() { send(warm) })
		n -= n % producers
		return timed(n, func() { c.wait(n, func() { spread(producers, n, send) }) })
	}
}

func protoTell(producers int) side {
	return func(quick bool) figure {
		sys, n, msg := world(), count(quick), any(&note{1})
		c := &counting{done: make(chan struct{}, 1)}
		pid := sys.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*note); ok {
				c.one()
			}
		}))
		defer func() { check(sys.Root.StopFuture(pid).Wait()) }()
		send := func(share int) {
			for range share {
				sys.Root.Send(pid, msg)
			}
		}
		c.wait(warm, func() { send(warm) })
		n -= n % producers
		return timed(n, func() { c.wait(n, func() { spread(producers, n, send) }) })
	}
}

func chanTell(producers int) side {
	return func(quick bool) figure {
		ch, n, msg := make(chan any, 1024), count(quick), any(&note{1})
		c := &counting{done: make(chan struct{}, 1)}
		go func() { // owner: the channel; ends: it is closed
			for m := range ch {
				if _, ok := m.(*note); ok {
					c.one()
				}
			}
		}()
		defer close(ch)
		send := func(share int) {
			for range share {
				ch <- msg
			}
		}
		c.wait(warm, func() { send(warm) })
		n -= n % producers
		return timed(n, func() { c.wait(n, func() { spread(producers, n, send) }) })
	}
}

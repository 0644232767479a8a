package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
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

// window is how many messages may be under way: the default bound of a mailbox, and the size of the channel. Every side
// keeps to it in the same way, since protoactor's default mailbox has no bound: a producer takes a batch out of the
// window when the consumer has come so far, and sends it.
const window, batch = 1024, 16

// flow is the window, and what the consumer has seen.
type flow struct {
	issued, came atomic.Int64
	_            [64]byte
	seen, until  int64         // of the consumer
	done         chan struct{} // capacity 1; never closed
}

// one is the consumer's part of a message.
func (f *flow) one() {
	f.seen++
	if f.seen%batch == 0 {
		f.came.Store(f.seen)
	}
	if f.seen == f.until {
		f.done <- struct{}{}
	}
}

// run sends n messages, a multiple of all batches, from so many producers and waits until all were seen. It may be
// called when none is under way.
func (f *flow) run(producers, n int, send func()) {
	f.until = f.seen + int64(n)
	var wg sync.WaitGroup
	for range producers {
		wg.Go(func() { // owner: wg; ends: after its share
			for range n / producers / batch {
				for end := f.issued.Add(batch); end-f.came.Load() > window; {
					runtime.Gosched()
				}
				for range batch {
					send()
				}
			}
		})
	}
	wg.Wait()
	<-f.done
}

// whole rounds n to what all producers send in batches.
func whole(n, producers int) int { return n - n%(producers*batch) }

// warm is how many messages each repetition sends before it is timed.
const warm = 10_240

func tell(producers int) side {
	return func(quick bool) figure {
		h := host.New(host.Options{})
		defer end(h)
		sys, n, msg := h.System(), whole(count(quick), producers), any(&note{1})
		f := &flow{done: make(chan struct{}, 1)}
		ref := must(sys.Spawn(actors.Child{Name: "sink", Behaviour: actors.Func(func(_ *actors.Cx, m any) error {
			if _, ok := m.(*note); ok {
				f.one()
			}
			return nil
		})}))
		send := func() { check(sys.Tell(ref, msg)) }
		f.run(producers, warm, send)
		return timed(n, func() { f.run(producers, n, send) })
	}
}

func protoTell(producers int) side {
	return func(quick bool) figure {
		sys, n, msg := world(), whole(count(quick), producers), any(&note{1})
		f := &flow{done: make(chan struct{}, 1)}
		pid := sys.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*note); ok {
				f.one()
			}
		}))
		defer func() { check(sys.Root.StopFuture(pid).Wait()) }()
		send := func() { sys.Root.Send(pid, msg) }
		f.run(producers, warm, send)
		return timed(n, func() { f.run(producers, n, send) })
	}
}

func chanTell(producers int) side {
	return func(quick bool) figure {
		ch, n, msg := make(chan any, window), whole(count(quick), producers), any(&note{1})
		f := &flow{done: make(chan struct{}, 1)}
		go func() { // owner: the channel; ends: it is closed
			for m := range ch {
				if _, ok := m.(*note); ok {
					f.one()
				}
			}
		}()
		defer close(ch)
		send := func() { ch <- msg }
		f.run(producers, warm, send)
		return timed(n, func() { f.run(producers, n, send) })
	}
}

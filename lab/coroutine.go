package lab

import (
	"fmt"
	"iter"
	"runtime/debug"

	"github.com/franken-node/fnode-supervisor/actors"
)

// coroutine runs deliveries one after the other; between two of its steps it stands still.
type coroutine struct {
	work  *place // whose delivery it runs; nil: it rests
	fault string // of the last work: a panic that is not the handler's
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
}

// coroutines keeps those that rest, so that a run does not start its own. It belongs to one exploration.
type coroutines struct {
	idle, all []*coroutine
	born      func()   // called on each new one; may be nil
	spare     []*world // of runs that are over, for their room
}

// world is one of a run that is over, or a new one.
func (cs *coroutines) world() *world {
	n := len(cs.spare)
	if n == 0 {
		return &world{of: map[*actors.Slot]*place{}, tags: make([]tag, 0, 32)}
	}
	w := cs.spare[n-1]
	cs.spare = cs.spare[:n-1]
	return w
}

func (cs *coroutines) get() *coroutine {
	if n := len(cs.idle); n > 0 {
		c := cs.idle[n-1]
		cs.idle = cs.idle[:n-1]
		c.fault = ""
		return c
	}
	c := &coroutine{}
	c.next, c.stop = iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		if cs.born != nil {
			cs.born()
		}
		for {
			c.once()
			c.work = nil
			if !yield(struct{}{}) {
				return
			}
		}
	})
	cs.all = append(cs.all, c)
	return c
}

// once does the work. A handler whose run is over leaves by Unwind; what else comes up here is a broken invariant
// of the kernel, since the cell recovers what a handler throws.
func (c *coroutine) once() {
	defer func() {
		switch v := recover().(type) {
		case nil, actors.Unwind:
		default:
			c.fault = fmt.Sprintf("%v\n%s", v, debug.Stack())
		}
	}()
	p := c.work
	if p.slot.Deliver() == actors.More {
		p.ticket, p.ready = p.slot.Requeue(), true
	}
}

func (cs *coroutines) put(c *coroutine) {
	if c.work == nil {
		cs.idle = append(cs.idle, c)
	}
}

// end ends them all.
func (cs *coroutines) end() {
	for _, c := range cs.all {
		c.stop()
	}
}

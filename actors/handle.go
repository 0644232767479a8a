package actors

import (
	"github.com/franken-node/fnode-supervisor/internal/invariant"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/spec"
)

// burst takes a plain message to its handler, and those that follow it while they are plain: one deferred call serves
// them all. The results are those of Slot.follow; or end, with which the handler ended the incarnation.
func (c *Cell) burst(body any, goOn func() bool) (l letter, lane lanes.Lane, again bool, then Next, end *Exit) {
	inside := false
	defer func() {
		if !inside {
			return
		}
		if v := recover(); v != nil {
			e := c.panicked(v, body)
			end = &e
		}
	}()
	n, unbound := uint32(c.n), c.slot.opts.deliveries == 0
	for {
		if h := c.held.Load(); h != nil {
			h.trace = TraceID{}
		}
		inside = true
		err := c.b.Receive(c.cx(), body)
		if err != nil {
			if e, ended := c.failed(err, body); ended {
				inside = false
				return l, 0, false, 0, &e
			}
		}
		inside = false
		if unbound && spec.IncarnationState(c.life.Load()) == spec.Running {
			c.deliveries++
		} else {
			c.spend(lanes.Ready)
			c.look()
		}
		if l, lane, again, then = c.slot.follow(c, lanes.Ready, goOn); !again || !l.plainFor(n) {
			return l, lane, again, then, nil
		}
		body = l.body
	}
}

func (c *Cell) call(body any) (exit Exit, ended bool) {
	defer func() {
		if v := recover(); v != nil {
			exit, ended = c.panicked(v, body), true
		}
	}()
	if err := c.b.Receive(c.cx(), body); err != nil {
		return c.failed(err, body)
	}
	return exit, false // the usual case
}

// panicked is the end by a panic in the handler of body.
func (c *Cell) panicked(v, body any) Exit {
	exit := panicExit(rethrown(v), stack())
	exit.On = typeName(body)
	if b, ok := v.(invariant.Broken); ok {
		c.slot.opts.sys.emit(Event{Kind: EventViolated, Path: c.slot.path, Detail: b.Error()})
	}
	return exit
}

// failed is the end by an error of the handler of body, where it is one.
func (c *Cell) failed(err error, body any) (exit Exit, ended bool) {
	exit, ended = exitOf(err, c.in(spec.Draining))
	if exit.Err != nil {
		_ = exit.Err.Error() // its text may panic: here, where that is its own fault, and not where it is told
	}
	if ended && exit.On == "" && !exit.Clean() {
		exit.On = typeName(body)
	}
	return exit, ended
}

// Unwind is the panic by which a host leaves a handler whose run is over. Only hosts use it.
type Unwind struct{}

// rethrown gives a recovered panic back, unless it is a host's.
func rethrown(v any) any {
	if u, ok := v.(Unwind); ok {
		panic(u)
	}
	return v
}

package actors

import (
	"time"

	"github.com/franken-node/fnode-supervisor/internal/invariant"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/spec"
)

// Worker is who delivers: a goroutine of a host.
type Worker interface {
	// Again says whether the same slot is delivered to once more before the worker looks around.
	Again() bool
	// After is asked when s has been delivered to; then is what to do with it. It gives the slot to deliver to next, which
	// the worker has claimed, or s again; nil ends the turn.
	After(s *Slot, then Next) *Slot
}

// single delivers once.
type single struct{}

func (single) Again() bool             { return false }
func (single) After(*Slot, Next) *Slot { return nil }

// Deliver takes the next message and runs its handler to completion. One worker at a time.
func (s *Slot) Deliver() Next { return s.Serve(single{}) }

// Serve delivers to s, and to what w says after. It returns what to do with the slot that was the last.
func (s *Slot) Serve(w Worker) Next {
	d := delivery{s: s}
	d.first()
	for d.more || d.goesOn(w) {
		switch {
		case d.l.plainFor(uint32(d.c.n)):
			if end := d.burst(w); end != nil {
				d.c.finish(*end)
				d.c.spend(lanes.Ready)
				d.c.look()
				d.follow(lanes.Ready, w)
			}
		default:
			d.c.deliver(d.l.message(), d.lane)
			d.follow(d.lane, w)
		}
	}
	return d.then
}

// delivery is where a worker is.
type delivery struct {
	s    *Slot
	c    *Cell
	l    letter // the message under way, if there is more
	lane lanes.Lane
	more bool // a message was taken; else then is what to do with s, or s is nil: the turn is over
	then Next

	seldom bool // s had nothing to do for long before this turn
}

// seldomAfter is for how long an actor must have had nothing to do, in ns, to give its room for messages back when it
// rests again: to make it anew takes less than a thousandth of that. A host without a coarse clock takes all for such.
const seldomAfter = int64(10 * time.Millisecond)

// goesOn takes the first message of what is delivered to next; false: the turn is over.
func (d *delivery) goesOn(w Worker) bool {
	for !d.more && d.s != nil {
		if d.seldom && d.then == Idle {
			d.s.box.Trim()
		}
		if d.s = w.After(d.s, d.then); d.s != nil {
			d.first()
		}
	}
	return d.more
}

// first takes the first message of a turn of d.s.
func (d *delivery) first() {
	s := d.s
	c := s.cell.Load()
	if d.c, d.more, d.seldom = c, false, false; c == nil {
		d.then = s.park()
		return
	}
	n := uint32(c.n)
	if !c.begun {
		if s.opts.sys.under {
			*s.extra().under = Under{N: s.extra().under.N, Begun: s.extra().under.Begun + 1}
		}
		s.box.Enter(n)
		c.begin()
		d.then = s.next(c, s.box.Exit(n))
		return
	}
	l, lane, at, ok := s.box.Take(n) // from here on the slot may go on without this worker
	if !ok {
		d.then = s.rest()
		return
	}
	if s.opts.sys.direct {
		now := s.opts.sys.clocks.Quick()
		if now == 0 {
			now = s.opts.sys.clocks.Now()
		}
		d.seldom = now-c.began > seldomAfter
		c.began = now &^ 1
		if at.Sampled() || now-at.At() >= long {
			c.serves(lane, at, now)
		}
	} else {
		d.seldom = true
		s.sees(&l, lane)
	}
	s.grantWanted() // before the handler can take the place that is free now
	d.l, d.lane, d.more = l, lane, true
}

// follow closes the books on a message, and takes the next one where w says so.
func (d *delivery) follow(had lanes.Lane, w Worker) {
	s, c := d.s, d.c
	n, lives := uint32(c.n), s.cell.Load() == c
	d.more = false
	if s.opts.sys.direct {
		now := s.opts.sys.clocks.Quick()
		if now == 0 {
			now = s.opts.sys.clocks.Now()
		}
		if now-c.began >= long || c.sampled() {
			c.served(had, now)
		}
		c.began = now &^ 1 // of what comes next
	}
	if s.is(wanted) {
		a := s.box.Delivered(had, n, false)
		s.grant()
		if a == lanes.More {
			a = lanes.Empty // it may be otherwise by now: next looks again
		}
		d.then = s.next(c, a)
		return
	}
	if !lives || !w.Again() {
		if a := s.box.Delivered(had, n, lives); a == lanes.Rests {
			d.then = Idle
		} else {
			d.then = s.next(c, a)
		}
		return
	}
	l, lane, at, a := s.box.Next(had, n)
	if a != lanes.More {
		d.then = s.next(c, a)
		return
	}
	if !s.opts.sys.direct {
		s.sees(&l, lane)
	} else if at.Sampled() || c.began-at.At() >= long {
		c.serves(lane, at, c.began)
	}
	s.grantWanted()
	d.l, d.lane, d.more = l, lane, true
}

// sees shows the host what is delivered, where it asks for that.
func (s *Slot) sees(l *letter, lane lanes.Lane) {
	if s.opts.sys.under {
		m := l.message()
		*s.extra().under = Under{Tag: m.Tag, Lane: lane, N: s.extra().under.N + 1, Begun: s.extra().under.Begun, Left: s.box.Left()}
	}
}

// burst takes a plain message to its handler, and those that follow it while they are plain, also in other slots: one
// deferred call serves them all. end is that with which a handler ended its incarnation.
func (d *delivery) burst(w Worker) (end *Exit) {
	inside := false
	defer func() {
		if !inside {
			return
		}
		if v := recover(); v != nil {
			e := d.c.panicked(v, d.l.body)
			end = &e
		}
	}()
	for {
		c := d.c
		if h := c.held.Load(); h != nil {
			h.trace = TraceID{}
		}
		inside = true
		err := c.b.Receive(c.cx(), d.l.body)
		if err != nil {
			if e, ended := c.failed(err, d.l.body); ended {
				inside = false
				return &e
			}
		}
		inside = false
		if c.slot.opts.deliveries == 0 && spec.IncarnationState(c.life.Load()) == spec.Running {
			c.deliveries++
		} else {
			c.spend(lanes.Ready)
			c.look()
		}
		d.follow(lanes.Ready, w)
		if !d.more && !d.goesOn(w) || !d.l.plainFor(uint32(d.c.n)) {
			return nil
		}
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

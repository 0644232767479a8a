package core

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/franken-node/fnode-supervisor/spec"
)

// begin starts a piece of work.
func (c *Core) begin(w *work) {
	c.work = w
	if !w.boot && !c.move(spec.SupWork) {
		return
	}
	for _, ch := range w.start {
		if ch.can(spec.ChildPlan) {
			c.shift(ch, spec.ChildPlan)
		}
	}
	c.proceed()
}

// proceed takes the next step of the work: the next stop, then the next start, then the end.
func (c *Core) proceed() {
	if c.state == spec.SupStopping {
		c.proceedStopping()
		return
	}
	w := c.work
	if w == nil {
		return
	}
	if w.on = c.nextStop(w); w.on != nil {
		c.stop(w.on)
		return
	}
	for len(w.start) > 0 {
		ch := w.start[0]
		w.start = w.start[1:]
		if ch.state == spec.ChildDown {
			c.shift(ch, spec.ChildPlan) // it was stopped just now
		}
		if ch.state == spec.ChildWaiting {
			w.on = ch
			c.start(ch)
			return
		}
	}
	c.finishWork(Done)
}

// nextStop finds the next child of the work's stops that still has to be stopped.
func (c *Core) nextStop(w *work) *child {
	for len(w.stop) > 0 {
		ch := w.stop[0]
		c.settle(ch)
		if ch.state == spec.ChildUp || ch.state == spec.ChildStopping {
			return ch
		}
		w.stop = w.stop[1:]
		if c.forgets(ch) && w.group || len(w.start) == 0 {
			c.rest(ch)
		}
	}
	return nil
}

func (c *Core) start(ch *child) {
	c.shift(ch, spec.ChildStart)
	ch.inc++
	ch.asked, ch.timedOut, ch.failed = 0, false, false
	c.do(Command{Kind: Start, Name: ch.Name, Inc: ch.inc, Child: ch.Child, Pinned: ch.pinned})
	if ch.StartTimeout > 0 {
		c.arm(ch, ch.StartTimeout)
	}
}

// stop asks a child to end, by its shutdown. Asking twice is left out.
func (c *Core) stop(ch *child) {
	if ch.state == spec.ChildStopping {
		return
	}
	c.shift(ch, spec.ChildStop)
	ch.asked, ch.timedOut = c.now, false
	if ch.Shutdown.Brutal {
		c.do(Command{Kind: Kill, Name: ch.Name, Inc: ch.inc})
		return
	}
	c.do(Command{Kind: Close, Name: ch.Name, Inc: ch.inc})
	if !ch.Shutdown.Wait {
		c.arm(ch, ch.Shutdown.within())
	}
}

// finishWork ends the work under way and answers its request.
func (c *Core) finishWork(r Refusal) {
	w := c.work
	c.work = nil
	if w.boot {
		c.move(spec.SupUp)
		c.do(Command{Kind: Up})
		return
	}
	c.move(spec.SupIdle)
	if w.req != 0 {
		c.do(Command{Kind: Reply, Req: w.req, Err: r})
	}
}

// stopAll closes everything, youngest first; a stop overtakes boot, work and pending restarts.
func (c *Core) stopAll(why spec.SupervisorEvent, e Exit) {
	if c.state == spec.SupStopping || c.state == spec.SupDone {
		return
	}
	if !c.move(why) {
		return
	}
	c.final, c.left = e, len(c.children)
	c.ending(why, e)
	if w := c.work; w != nil && w.req != 0 {
		c.do(Command{Kind: Reply, Req: w.req, Err: Closing})
	}
	c.work = nil
	for _, ch := range c.children {
		c.settle(ch)
	}
	for _, e := range c.inbox {
		c.refuse(e)
	}
	c.inbox = nil
	for _, ch := range c.children {
		if ch.can(spec.ChildForget) {
			c.shift(ch, spec.ChildForget)
		}
	}
	c.proceedStopping()
}

// settle looks whether the news of the child's own end waits in the inbox: then there is nothing to stop.
func (c *Core) settle(ch *child) {
	i := slices.IndexFunc(c.inbox, func(e Event) bool {
		return (e.Kind == Ended || e.Kind == Failed) && e.Name == ch.Name && e.Inc == ch.inc
	})
	if i < 0 || ch.state != spec.ChildUp {
		return
	}
	e := c.inbox[i]
	c.inbox = slices.Delete(c.inbox, i, i+1)
	c.shift(ch, spec.ChildEnd)
	c.down(ch, e.Exit)
	c.reportEnd(ch, e.Exit)
}

// proceedStopping stops the next child, or all of them under Dynamic, or finishes.
func (c *Core) proceedStopping() {
	if c.spec.Strategy == Dynamic {
		if !c.ordered {
			c.ordered = true
			for _, ch := range slices.Backward(c.children) {
				c.stopIfUp(ch)
			}
		}
		if c.alive > 0 {
			return
		}
	}
	for c.left = min(c.left, len(c.children)); c.left > 0; c.left-- {
		if ch := c.children[c.left-1]; c.stopIfUp(ch) || ch.state == spec.ChildStopping {
			return
		}
	}
	c.move(spec.SupEmpty)
	c.do(Command{Kind: Finish, Exit: c.final})
}

func (c *Core) stopIfUp(ch *child) bool {
	up := ch.state == spec.ChildUp || ch.state == spec.ChildStarting
	if up {
		c.stop(ch)
	}
	return up
}

// refuse answers a request that comes too late.
func (c *Core) refuse(e Event) {
	if e.Req != 0 {
		c.do(Command{Kind: Reply, Req: e.Req, Err: Closing})
	}
}

// notDown says why a child that has to be down is not.
var notDown = map[spec.ChildState]Refusal{
	spec.ChildUp: Running, spec.ChildWedged: Running, spec.ChildBackoff: Restarting, spec.ChildQuarantined: Contained,
}

// request does what is asked at run time (S10), one at a time.
func (c *Core) request(e Event) {
	if c.state == spec.SupStopping {
		c.refuse(e)
		return
	}
	if c.state != spec.SupRunning {
		c.inbox = append(c.inbox, e)
		return
	}
	if e.Kind == Add {
		c.add(e)
		return
	}
	ch := c.find(e.Name)
	if ch == nil {
		c.reply(e, NotFound)
		return
	}
	if r := notDown[ch.state]; r != Done && (e.Kind == Revive || e.Kind == Delete && r != Contained) {
		c.reply(e, r)
		return
	}
	switch e.Kind {
	case Terminate:
		c.terminate(ch, e)
	case Restarted, Revive:
		c.restartOnRequest(ch, e)
	case Delete:
		c.remove(ch)
		c.reply(e, Done)
	}
}

func (c *Core) reply(e Event, r Refusal) { c.do(Command{Kind: Reply, Req: e.Req, Err: r}) }

func (c *Core) add(e Event) {
	name := cmp.Or(e.Child.Name, e.Name)
	if c.find(name) != nil {
		c.reply(e, AlreadyHere)
		return
	}
	spec, ok := c.specOf(e.Child, name)
	if !ok || len(c.children) >= MaxChildren {
		c.reply(e, BadSpec)
		return
	}
	ch := c.enter(spec, name)
	c.do(Command{Kind: Adopt, Name: ch.Name, Req: e.Req})
	w := &work{add: ch, req: e.Req, sole: [1]*child{ch}}
	w.start = w.sole[:]
	c.begin(w)
}

// specOf is the spec of a child that is added, settled: under Dynamic the template, with the pinned version of what is
// asked for.
func (c *Core) specOf(asked *Child, name string) (spec *Child, ok bool) {
	if c.template != nil && c.template.Pinned == asked.Pinned && name != "" {
		return c.template, true // it was checked
	}
	own := *asked
	if c.template != nil {
		own = *c.template
		own.Pinned = asked.Pinned
	}
	own.Name = name
	return own.settled(), len(c.spec.Check(own)) == 0
}

// terminate stops a child and keeps its spec; a pending restart is forgotten.
func (c *Core) terminate(ch *child, e Event) {
	if ch.state == spec.ChildBackoff {
		c.shift(ch, spec.ChildForget)
	}
	ch.tries = 0
	w := &work{req: e.Req, sole: [1]*child{ch}}
	w.stop = w.sole[:]
	c.begin(w)
}

func (c *Core) restartOnRequest(ch *child, e Event) {
	c.release(ch)
	w := &work{start: []*child{ch}, req: e.Req}
	if ch.state == spec.ChildUp {
		w.stop = []*child{ch}
	}
	c.begin(w)
}

// settled is the spec with the default of its shutdown: the children of a supervisor have times of their own.
func (c Child) settled() *Child {
	c.Shutdown.Wait = c.Shutdown.Wait || c.Supervisor && c.Shutdown == (Shutdown{})
	return &c
}

func (s Shutdown) within() time.Duration {
	if s.Within == 0 {
		return DefaultShutdown
	}
	return s.Within
}

func (b Backoff) stable() time.Duration {
	if b.Stable == 0 {
		return time.Minute
	}
	return b.Stable
}

// delay draws the next delay: full jitter below an exponential cap (AWS Architecture Blog, "Exponential
// Backoff And Jitter").
func (b Backoff) delay(tries int, rand uint64) time.Duration {
	if b.Off {
		return 0
	}
	initial, most, factor := b.Initial, b.Max, b.Factor
	if initial == 0 {
		initial = 100 * time.Millisecond
	}
	if most == 0 {
		most = 30 * time.Second
	}
	if factor == 0 {
		factor = 2
	}
	ceiling := min(float64(initial)*math.Pow(factor, float64(min(tries, 64))), float64(most))
	return time.Duration(ceiling * (float64(rand>>11) / (1 << 53)))
}

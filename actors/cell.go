package actors

import (
	"cmp"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/obligations"
	"github.com/franken-node/fnode-supervisor/regions"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Behaviour is user code: a function of its messages that never blocks. A panic or a returned error
// ends the incarnation (S5). It must not call runtime.Goexit, as t.FailNow does: that takes the worker along.
type Behaviour interface {
	Receive(cx *Cx, msg any) error
}

// Func makes a Behaviour of a function.
type Func func(cx *Cx, msg any) error

// Receive calls f.
func (f Func) Receive(cx *Cx, msg any) error { return f(cx, msg) }

// Cell is one incarnation: the one place where a message meets user code. Unless a field says
// otherwise it is owned by the worker that delivers.
//
// An idle one is small: what it holds, and what belongs to its end, is made when there is some of it.
type Cell struct {
	slot   *Slot          // immutable
	b      Behaviour      // immutable
	region regions.Region // of regions
	began  int64          // ns: when the message under way was taken, by the coarse clock; odd: it is sampled, and this is the exact one
	held   atomic.Pointer[holdings]
	ended  atomic.Pointer[ending]
	n      base.Incarnation // immutable
	life   atomic.Uint32    // a spec.IncarnationState; written by step and fence only, under slot.mu

	deliveries   uint32
	begun        bool
	drained      bool
	keepStarting bool
	wasUp        bool          // guarded by slot.mu: it was ready once
	behind       bool          // guarded by slot.mu: the slot has gone on without it
	fenced       bool          // guarded by slot.mu; written by fence
	signs        atomic.Uint32 // over, ordered
}

func newCell(s *Slot, n base.Incarnation, b Behaviour) *Cell {
	c := &Cell{slot: s, n: n, b: b}
	var deadline time.Time
	if s.opts.lifetime > 0 {
		deadline = s.opts.sys.host.Now().Add(s.opts.lifetime)
	}
	if deadline = earlier(deadline, s.ownersDeadline()); !deadline.IsZero() {
		c.holds().deadline = deadline
	}
	return c
}

// cx is the incarnation as its behaviour sees it.
func (c *Cell) cx() *Cx { return (*Cx)(c) }

// Label names the incarnation in proofs.
func (c *Cell) Label() string { return c.slot.path }

// asked says whether something that the region asks still matters: an incarnation that ends has asked itself.
func (c *Cell) asked() bool {
	c.slot.opts.sys.host.Step(c.slot, StepAsked)
	return !c.in(spec.Ending, spec.Ended)
}

// Ask is the region's close request: it rides the Cancel lane and overtakes everything (R2).
func (c *Cell) Ask(q regions.Request) {
	if !c.asked() {
		return
	}
	c.slot.opts.sys.carry(nil, c.slot, Message{Body: control{cancel: true, reason: q.Reason}.boxed(), life: c.n})
}

// Kill ends the incarnation at its next delivery boundary (S6).
func (c *Cell) Kill() {
	if !c.asked() {
		return
	}
	c.slot.opts.sys.carry(nil, c.slot, Message{Body: control{kill: true, reason: c.region.Reason()}.boxed(), life: c.n})
}

// Alone says that everything else in the region has left.
func (c *Cell) Alone() {
	if !c.asked() {
		return
	}
	c.slot.opts.sys.carry(nil, c.slot, Message{Body: control{alone: true}.boxed(), life: c.n})
}

// step is the only writer of the life's state.
func (c *Cell) step(on spec.IncarnationEvent) (do string) {
	c.slot.mu.Lock()
	defer c.slot.mu.Unlock()
	was := spec.IncarnationState(c.life.Load())
	row, ok := spec.IncarnationLife.Next(was, on)
	if !ok {
		c.slot.opts.sys.violated("S5", "%s#%d: %s in state %s", c.slot.path, c.n, on, was)
		return "none"
	}
	c.life.Store(uint32(row.To))
	if row.To != spec.Ended && !c.behind {
		c.slot.state.Store(uint32(row.To) + 1)
	}
	return row.Do
}

func (c *Cell) in(states ...spec.IncarnationState) bool {
	life := spec.IncarnationState(c.life.Load())
	for _, s := range states {
		if life == s {
			return true
		}
	}
	return false
}

// begin delivers Started.
func (c *Cell) begin() {
	c.begun = true
	c.run(Started{c.n}, TraceID{})
	if c.in(spec.Starting) && !c.keepStarting {
		c.started()
	}
	c.look()
}

// started says that the incarnation is ready.
func (c *Cell) started() {
	c.slot.mu.Lock()
	first := c.in(spec.Starting, spec.Draining) && !c.wasUp
	c.wasUp = c.wasUp || first
	c.slot.mu.Unlock()
	if !first {
		return
	}
	if c.step(spec.LifeStarted) != "ready" {
		return
	}
	c.slot.opts.sys.emit(Event{Kind: EventStarted, Path: c.slot.path, Incarnation: c.n})
	c.notify(ChildStarted{Ref{c.slot}, c.n})
}

// notify tells the supervisor, whose Cancel lane never refuses.
func (c *Cell) notify(m any) {
	if s := c.slot; s.opts.supervised && s.owner != nil {
		s.opts.sys.carry(s, s.owner, Message{Body: m, life: s.ownerLife})
	}
}

// deliver takes one message to its handler or to its kernel rule.
func (c *Cell) deliver(m Message, lane lanes.Lane) {
	if m.timer != nil && !c.armedStill(m.timer) {
		c.slot.extra().stats.Late.Add(1)
		c.look()
		return
	}
	if m.life != 0 && m.life != c.n {
		c.slot.late(m)
		c.look() // it may have been all that the drain waited for
		return
	}
	if ctl, ok := m.Body.(control); ok {
		c.control(ctl)
		return
	}
	if body := c.open(m.Body); body != nil || m.Body == nil {
		c.run(body, m.trace)
	}
	c.spend(lane)
	c.look()
}

// open applies the kernel's part of a message: answers meet their question, monitors are used up. It
// returns what the behaviour gets; nil if nothing.
func (c *Cell) open(body any) any {
	switch m := body.(type) {
	case askDue:
		return c.overdue(m.id)
	case answered:
		return c.match(m, body)
	case Down:
		if _, ok := c.has().monitors[m.Monitor]; !ok {
			return nil
		}
		delete(c.has().monitors, m.Monitor)
	case LinkDown:
		return c.linked(m)
	case Committed:
		c.holds().commits--
	case *Permit:
		c.holds().permits.Add(-1)
		m.take(c)
	}
	return body
}

func (c *Cell) overdue(id AskID) any {
	p, ok := c.pop(id)
	if !ok {
		return nil
	}
	c.slot.giveUp(id)
	return p.ask.fail(codes.New(codes.AskTimeout, "%s got no answer in time", c.slot.path).Outcome(base.EffectUnknown))
}

func (c *Cell) match(a answered, body any) any {
	p, ok := c.pop(a.of())
	if !ok {
		c.slot.extra().stats.Late.Add(1)
		return nil // the question timed out before
	}
	c.disarm(p.timer.t)
	return body
}

// answered is an Answer of any type.
type answered interface{ of() AskID }

func (a Answer[R]) of() AskID { return a.ID }

// run is where a message meets user code.
func (c *Cell) run(body any, trace TraceID) {
	p, isAsk := body.(promise)
	if isAsk {
		p.hold(c)
	}
	c.traced(trace)
	exit, ended := c.call(body)
	if isAsk && !ended && c.has().promises.owes(p) {
		c.unanswered(p)
	}
	if ended {
		c.finish(exit)
	}
}

// traced sets the trace id of the message under way.
func (c *Cell) traced(id TraceID) {
	if h := c.held.Load(); h != nil {
		h.trace = id
	} else if id != (TraceID{}) {
		c.holds().trace = id
	}
}

func (c *Cell) unanswered(p promise) {
	err := codes.New(codes.NoReply, "%s returned without an answer", c.slot.path).Outcome(base.EffectUnknown)
	if c.has().promises.resolve(p.oblige(), obligations.Aborted) == nil {
		p.abandon(c.slot, err)
	}
}

// control obeys the region: a kill ends at this boundary, a cancel starts the drain.
func (c *Cell) control(m control) {
	switch {
	case m.kill:
		c.finish(Exit{Kind: ExitKilled, Reason: m.reason})
		return
	case m.exit != nil:
		c.finish(*m.exit)
		return
	}
	if m.cancel && c.step(spec.LifeCancel) == "tell" {
		c.ends().told = c.slot.opts.sys.host.Now()
		if !c.shows(ordered) {
			c.startClock()
		}
		c.run(CancelRequested{m.reason}, TraceID{})
	}
	c.look()
}

// spend counts the budget in deliveries.
func (c *Cell) spend(lane lanes.Lane) {
	c.deliveries++
	if most := c.slot.opts.deliveries; most > 0 && int(c.deliveries) == most {
		c.region.Close(regions.Request{Reason: base.ReasonBudget})
	}
	if lane == lanes.Ready && c.slot.opts.drainDeliveries > 0 && c.in(spec.Draining) {
		c.ends().spent++
		left := c.slot.opts.drainDeliveries - c.ends().spent
		if c.look(); left < 0 || left == 0 && !c.idle() { // else it may be done, but for what it owns
			c.finish(Exit{Kind: ExitKilled, Reason: base.ReasonBudget})
		}
	}
}

// look ends a drain that is done (R3), leaf first: not before everything it owns has left.
func (c *Cell) look() {
	if !c.in(spec.Draining) {
		return
	}
	if c.slot.opts.sys.under {
		c.slot.extra().under.Alone = true
	}
	if !c.region.Sole() || !c.drained && !c.idle() {
		return
	}
	c.end(spec.LifeDrained, Exit{Kind: ExitShutdown, Reason: c.region.Reason()})
}

// idle says whether nothing waits, neither here nor for an answer.
func (c *Cell) idle() bool {
	if h := c.held.Load(); h != nil && (h.promises.open() > 0 || len(h.asks) > 0 || h.commits > 0) {
		return false
	}
	some := c.slot.box.Some()
	if c.slot.opts.sys.under {
		c.slot.extra().under.Held = some
	}
	return !some
}

func (c *Cell) finish(e Exit) {
	if c.in(spec.Ending, spec.Ended) {
		return
	}
	c.end(spec.LifeExit, e)
}

// end is the end of the incarnation, exactly once (S5): its timers, promises and members go, then its
// region closes, and only then anybody hears of it.
func (c *Cell) end(on spec.IncarnationEvent, e Exit) {
	if c.step(on) != "end" {
		return
	}
	c.slot.opts.sys.host.Step(c.slot, StepEnd)
	if e.Reason == base.ReasonNone {
		e.Reason = c.region.Reason()
	}
	c.ends().exit = e
	c.signs.Or(over)
	s := c.slot
	s.moveOut(c)
	asked := c.cx().askedAt()
	c.cx().cancel(e.Reason)
	outcome := e.Outcome().Worst(c.release())
	s.opts.sys.emit(Event{Kind: EventEnded, Path: s.path, Incarnation: c.n, Exit: e, Asked: asked, Told: c.ends().told})
	// Nobody keeps the time of what a supervisor owns once it was cut short.
	brutal := e.Kind == ExitKilled || s.opts.delegate && (e.Kind == ExitPanicked || e.Kind == ExitLinked)
	if !brutal && !c.shows(ordered) && !c.region.Sole() {
		c.startClock()
	}
	s.opts.sys.host.Step(s, StepShut)
	c.region.Resign()
	c.region.Close(regions.Request{Reason: base.ReasonParentClosing, Brutal: brutal})
	c.region.LeaveOwner(outcome, c.leaves())
}

// leaves counts what is left behind: nothing, in a right world.
func (c *Cell) leaves() (l regions.Left) {
	if h := c.held.Load(); h != nil {
		l = regions.Left{Timers: len(h.timers), Obligations: h.promises.open()}
	}
	return l
}

// owe makes the incarnation the holder of a promise of the kernel's own kinds: a refusal is a broken rule.
func (c *Cell) owe(p promise, k obligations.Kind, label string, due int64) {
	if err := c.holds().promises.add(p, k, label, due); err != nil {
		c.slot.opts.sys.violated("O1", "%s: %v", c.slot.path, err)
	}
}

// release gives back what the incarnation still held, by each kind's rule (O3).
func (c *Cell) release() (o base.Outcome) {
	h := c.held.Load()
	if h == nil {
		return o
	}
	h.lifetime.off()
	// What others may see happens in the order in which it was set up: a map has none.
	if len(h.timers) > 0 {
		for _, t := range slices.SortedFunc(maps.Keys(h.timers), func(a, b *Timer) int { return cmp.Compare(a.n, b.n) }) {
			c.disarm(t)
			delete(h.timers, t)
		}
	}
	if len(h.monitors) > 0 {
		for _, id := range slices.Sorted(maps.Keys(h.monitors)) {
			c.slot.opts.sys.carry(c.slot, h.monitors[id], Message{request: &request{kind: reqDemonitor, id: uint64(id), from: c.slot}})
		}
	}
	for _, p := range h.asks {
		c.slot.giveUp(p.id)
	}
	h.asks = nil
	return c.breakPromises()
}

// breakPromises ends what is open by each kind's rule.
func (c *Cell) breakPromises() (o base.Outcome) {
	h := c.held.Load()
	if h == nil {
		return o
	}
	broken, leaked, o := h.promises.take()
	for _, p := range broken {
		p.abandon(c.slot, lost(c.slot.path, base.EffectUnknown))
	}
	for _, r := range leaked {
		c.slot.opts.sys.emit(Event{Kind: EventLeaked, Path: c.slot.path, Incarnation: c.n, Detail: r.Label})
	}
	return o
}

// defaultDrain is the time that a region has to drain in where nobody says otherwise.
const defaultDrain = 5 * time.Second

// startClock limits the time in which the region drains (R3), from now.
func (c *Cell) startClock() {
	d := c.slot.opts.drain
	if d == 0 {
		d = defaultDrain
	}
	if c.gone().clock != nil || d < 0 || c.slot.opts.delegate && c.in(spec.Draining) { // a supervisor keeps times of its own
		return
	}
	if told := c.gone().told; !told.IsZero() && c.in(spec.Draining) {
		d = max(0, d-c.slot.opts.sys.host.Now().Sub(told))
	}
	c.ends().clock = c.limit(d, base.ReasonNone)
}

// leave lets the slot go on without an incarnation that was fenced, also when that has returned since; false: it
// was not fenced. The caller holds slot.mu.
func (c *Cell) leave() bool {
	c.behind = c.behind || c.fenced
	return c.behind
}

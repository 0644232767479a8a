package actors

import (
	"cmp"
	"maps"
	"slices"
	"sync"
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
type Cell struct {
	slot     *Slot            // immutable
	n        base.Incarnation // immutable
	cx       Cx
	b        Behaviour       // immutable
	caps     Caps            // immutable
	region   *regions.Region // immutable
	place    regions.Handle  // of regions
	deadline time.Time       // immutable: of the budget

	smu     sync.Mutex
	life    atomic.Uint32 // a spec.IncarnationState; written by step and fence only, under smu
	wasUp   bool          // guarded by smu: it was ready once
	behind  bool          // guarded by smu: the slot has gone on without it
	fenced  bool          // guarded by smu; written by fence
	over    atomic.Bool   // written by fence and end: no effect of its Cx is done any more
	permits atomic.Int32  // places asked for, of which it has not heard yet

	ordered atomic.Bool // written by Cx.Close of its supervisor, which keeps the time of this close

	promises     promises  // locked by itself
	asks         []pending // in the order of their ids
	timers       map[*Timer]struct{}
	monitors     map[MonitorID]*Slot
	commits      int
	armed        int // timers so far
	begun        bool
	drained      bool
	keepStarting bool
	deliveries   int
	began, exact int64     // ns; when the message under way was taken, by the coarse and, if it is sampled, by the exact clock
	told         time.Time // when CancelRequested was delivered
	drainLeft    int
	clock        *Timer // of the drain; nil: it has no limit, or has not begun
	lifetime     *Timer // immutable after spawn; nil: no limit
	exit         Exit
}

func newCell(s *Slot, n base.Incarnation, b Behaviour, caps Caps, r *regions.Region) *Cell {
	c := &Cell{
		slot: s, n: n, b: b, caps: caps, region: r,
		drainLeft: s.opts.drainDeliveries,
	}
	if s.opts.lifetime > 0 {
		c.deadline = s.sys.host.Now().Add(s.opts.lifetime)
	}
	c.deadline = earlier(c.deadline, s.ownersDeadline())
	c.cx.slot, c.cx.cell = s, c
	return c
}

// Place keeps the incarnation's place in its region.
func (c *Cell) Place() *regions.Handle { return &c.place }

// Label names the incarnation in proofs.
func (c *Cell) Label() string { return c.slot.path }

// asked says whether something that the region asks still matters: an incarnation that ends has asked itself.
func (c *Cell) asked() bool {
	c.slot.sys.host.Step(c.slot, StepAsked)
	return !c.in(spec.Ending, spec.Ended)
}

// Ask is the region's close request: it rides the Cancel lane and overtakes everything (R2).
func (c *Cell) Ask(q regions.Request) {
	if !c.asked() {
		return
	}
	c.slot.sys.carry(nil, c.slot, Message{Body: control{cancel: true, reason: q.Reason}, life: c.n})
}

// Kill ends the incarnation at its next delivery boundary (S6).
func (c *Cell) Kill() {
	if !c.asked() {
		return
	}
	c.slot.sys.carry(nil, c.slot, Message{Body: control{kill: true, reason: c.region.Reason()}, life: c.n})
}

// Alone says that everything else in the region has left.
func (c *Cell) Alone() {
	if !c.asked() {
		return
	}
	c.slot.sys.carry(nil, c.slot, Message{Body: control{alone: true}, life: c.n})
}

// step is the only writer of the life's state.
func (c *Cell) step(on spec.IncarnationEvent) (do string) {
	c.smu.Lock()
	defer c.smu.Unlock()
	was := spec.IncarnationState(c.life.Load())
	row, ok := spec.IncarnationLife.Next(was, on)
	if !ok {
		c.slot.sys.violated("S5", "%s#%d: %s in state %s", c.slot.path, c.n, on, was)
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
	if !c.in(spec.Starting, spec.Draining) || c.wasUp {
		return
	}
	c.wasUp = true
	if c.step(spec.LifeStarted) != "ready" {
		return
	}
	c.slot.sys.emit(Event{Kind: EventStarted, Path: c.slot.path, Incarnation: c.n})
	c.notify(ChildStarted{Ref{c.slot}, c.n})
}

// notify tells the supervisor, whose Cancel lane never refuses.
func (c *Cell) notify(m any) {
	if s := c.slot; s.opts.supervised && s.owner != nil {
		s.sys.carry(s, s.owner, Message{Body: m, life: s.ownerLife})
	}
}

// deliver takes one message to its handler or to its kernel rule.
func (c *Cell) deliver(m Message, lane lanes.Lane) {
	if m.timer != nil && !c.armedStill(m.timer) {
		c.slot.stats.Late.Add(1)
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
		if _, ok := c.monitors[m.Monitor]; !ok {
			return nil
		}
		delete(c.monitors, m.Monitor)
	case LinkDown:
		return c.linked(m)
	case Committed:
		c.commits--
	case *Permit:
		c.permits.Add(-1)
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
		c.slot.stats.Late.Add(1)
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
	c.cx.trace = trace
	exit, ended := c.call(body)
	if isAsk && !ended && c.promises.owes(p) {
		c.unanswered(p)
	}
	if ended {
		c.finish(exit)
	}
}

func (c *Cell) unanswered(p promise) {
	err := codes.New(codes.NoReply, "%s returned without an answer", c.slot.path).Outcome(base.EffectUnknown)
	if c.promises.resolve(p.oblige(), obligations.Aborted) == nil {
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
		c.told = c.slot.sys.host.Now()
		if !c.ordered.Load() {
			c.startClock()
		}
		c.run(CancelRequested{m.reason}, TraceID{})
	}
	c.look()
}

// spend counts the budget in deliveries.
func (c *Cell) spend(lane lanes.Lane) {
	c.deliveries++
	if most := c.slot.opts.deliveries; most > 0 && c.deliveries == most {
		c.region.Close(regions.Request{Reason: base.ReasonBudget})
	}
	if lane == lanes.Ready && c.slot.opts.drainDeliveries > 0 && c.in(spec.Draining) {
		c.drainLeft--
		if c.look(); c.drainLeft < 0 || c.drainLeft == 0 && !c.idle() { // else it may be done, but for what it owns
			c.finish(Exit{Kind: ExitKilled, Reason: base.ReasonBudget})
		}
	}
}

// look ends a drain that is done (R3), leaf first: not before everything it owns has left.
func (c *Cell) look() {
	if !c.in(spec.Draining) {
		return
	}
	if c.slot.sys.under {
		c.slot.under.Alone = true
	}
	if !c.region.Sole(&c.place) || !c.drained && !c.idle() {
		return
	}
	c.end(spec.LifeDrained, Exit{Kind: ExitShutdown, Reason: c.region.Reason()})
}

// idle says whether nothing waits, neither here nor for an answer.
func (c *Cell) idle() bool {
	if c.promises.open() > 0 || len(c.asks) > 0 || c.commits > 0 {
		return false
	}
	some := c.slot.box.Some()
	if c.slot.sys.under {
		c.slot.under.Held = some
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
	c.slot.sys.host.Step(c.slot, StepEnd)
	if e.Reason == base.ReasonNone {
		e.Reason = c.region.Reason()
	}
	c.exit = e
	c.over.Store(true)
	s := c.slot
	s.moveOut(c)
	asked := c.cx.askedAt()
	c.cx.cancel(e.Reason)
	outcome := e.Outcome().Worst(c.release())
	s.sys.emit(Event{Kind: EventEnded, Path: s.path, Incarnation: c.n, Exit: e, Asked: asked, Told: c.told})
	// Nobody keeps the time of what a supervisor owns once it was cut short.
	brutal := e.Kind == ExitKilled || s.opts.delegate && (e.Kind == ExitPanicked || e.Kind == ExitLinked)
	if !brutal && !c.ordered.Load() && !c.region.Sole(&c.place) {
		c.startClock()
	}
	s.sys.host.Step(s, StepShut)
	c.region.Resign()
	c.region.Close(regions.Request{Reason: base.ReasonParentClosing, Brutal: brutal})
	c.place.LeaveWith(outcome, regions.Left{Timers: len(c.timers), Obligations: c.promises.open()})
}

// holds makes the incarnation the holder of a promise of the kernel's own kinds: a refusal is a broken rule.
func (c *Cell) holds(p promise, k obligations.Kind, label string, due int64) {
	if err := c.promises.add(p, k, label, due); err != nil {
		c.slot.sys.violated("O1", "%s: %v", c.slot.path, err)
	}
}

// release gives back what the incarnation still held, by each kind's rule (O3).
func (c *Cell) release() (o base.Outcome) {
	c.lifetime.off()
	// What others may see happens in the order in which it was set up: a map has none.
	if len(c.timers) > 0 {
		for _, t := range slices.SortedFunc(maps.Keys(c.timers), func(a, b *Timer) int { return cmp.Compare(a.n, b.n) }) {
			c.disarm(t)
			delete(c.timers, t)
		}
	}
	if len(c.monitors) > 0 {
		for _, id := range slices.Sorted(maps.Keys(c.monitors)) {
			c.slot.sys.carry(c.slot, c.monitors[id], Message{request: &request{kind: reqDemonitor, id: uint64(id), from: c.slot}})
		}
	}
	for _, p := range c.asks {
		c.slot.giveUp(p.id)
	}
	c.asks = nil
	return c.breakPromises()
}

// breakPromises ends what is open by each kind's rule.
func (c *Cell) breakPromises() base.Outcome {
	broken, leaked, o := c.promises.take()
	for _, p := range broken {
		p.abandon(c.slot, lost(c.slot.path, base.EffectUnknown))
	}
	for _, r := range leaked {
		c.slot.sys.emit(Event{Kind: EventLeaked, Path: c.slot.path, Incarnation: c.n, Detail: r.Label})
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
	if c.clock != nil || d < 0 || c.slot.opts.delegate && c.in(spec.Draining) { // a supervisor keeps times of its own
		return
	}
	if !c.told.IsZero() && c.in(spec.Draining) {
		d = max(0, d-c.slot.sys.host.Now().Sub(c.told))
	}
	c.clock = c.limit(d, base.ReasonNone)
}

// leave lets the slot go on without an incarnation that was fenced, also when that has returned since; false: it
// was not fenced. The caller holds slot.mu.
func (c *Cell) leave() bool {
	c.smu.Lock()
	defer c.smu.Unlock()
	c.behind = c.behind || c.fenced
	return c.behind
}

func (c *Cell) leftBehind() bool {
	c.smu.Lock()
	defer c.smu.Unlock()
	return c.behind
}

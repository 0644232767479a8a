package actors

import (
	"runtime/debug"
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
// ends the incarnation (S5).
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
	cx       *Cx              // immutable
	b        Behaviour        // immutable
	caps     Caps             // immutable
	region   *regions.Region  // immutable
	handle   *regions.Handle  // immutable after spawn
	deadline time.Time        // immutable: of the budget

	smu    sync.Mutex
	life   spec.IncarnationState // guarded by smu; written by step only
	wasUp  bool                  // guarded by smu: it was ready once
	behind bool                  // guarded by smu: the slot has gone on without it
	fenced atomic.Bool           // written by Fence

	ledger       obligations.Ledger
	held         map[base.ObligationID]promise
	asks         map[AskID]pending
	timers       map[*Timer]struct{}
	monitors     map[MonitorID]*Slot
	commits      int
	begun        bool
	drained      bool
	keepStarting bool
	deliveries   int
	told         time.Time // when CancelRequested was delivered
	drainLeft    int
	clock        *Timer // of the drain; nil: it has no limit, or has not begun
	exit         Exit
}

func newCell(s *Slot, n base.Incarnation, b Behaviour, caps Caps, r *regions.Region) *Cell {
	c := &Cell{
		slot: s, n: n, b: b, caps: caps, region: r,
		held: map[base.ObligationID]promise{}, asks: map[AskID]pending{},
		timers: map[*Timer]struct{}{}, monitors: map[MonitorID]*Slot{},
		drainLeft: s.opts.DrainDeliveries,
	}
	if s.opts.Lifetime > 0 {
		c.deadline = s.sys.host.Now().Add(s.opts.Lifetime)
	}
	c.cx = &Cx{slot: s, cell: c, cancelled: make(chan struct{})}
	return c
}

// Label names the incarnation in proofs.
func (c *Cell) Label() string { return c.slot.path }

// Ask is the region's close request: it rides the Cancel lane and overtakes everything (R2).
func (c *Cell) Ask(q regions.Request) {
	c.slot.sys.carry(nil, c.slot, Message{Body: control{cancel: true, reason: q.Reason}, life: c.n})
}

// Kill ends the incarnation at its next delivery boundary (S6).
func (c *Cell) Kill() {
	c.slot.sys.carry(nil, c.slot, Message{Body: control{kill: true, reason: c.region.Reason()}, life: c.n})
}

// Alone says that everything else in the region has left.
func (c *Cell) Alone() {
	c.slot.sys.carry(nil, c.slot, Message{Body: control{alone: true}, life: c.n})
}

// step is the only writer of the life's state.
func (c *Cell) step(on spec.IncarnationEvent) (do string) {
	c.smu.Lock()
	defer c.smu.Unlock()
	row, ok := spec.IncarnationLife.Next(c.life, on)
	if !ok {
		c.slot.sys.violated("S5", "%s#%d: %s in state %s", c.slot.path, c.n, on, c.life)
		return "none"
	}
	c.life = row.To
	if row.To != spec.Ended && !c.behind {
		c.slot.state.Store(uint32(row.To) + 1)
	}
	return row.Do
}

func (c *Cell) in(states ...spec.IncarnationState) bool {
	c.smu.Lock()
	defer c.smu.Unlock()
	for _, s := range states {
		if c.life == s {
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
	c.slot.sys.emit(Event{Kind: EventStarted, Path: c.slot.path, Incarnation: c.n, At: c.slot.sys.host.Now()})
	c.notify(ChildStarted{Ref{c.slot}, c.n})
}

// notify tells the supervisor, whose Cancel lane never refuses.
func (c *Cell) notify(m any) {
	if s := c.slot; s.opts.Supervised && s.owner != nil {
		s.sys.carry(s, s.owner, Message{Body: m, life: s.ownerLife})
	}
}

// deliver takes one message to its handler or to its kernel rule.
func (c *Cell) deliver(m Message, lane lanes.Lane) {
	c.slot.stats.Handled.Add(1)
	if m.timer != nil {
		delete(c.timers, m.timer)
	}
	if m.life != 0 && m.life != c.n {
		c.slot.stats.Late.Add(1)
		return
	}
	if ctl, ok := m.Body.(control); ok {
		c.control(ctl)
		return
	}
	if body := c.open(m.Body); body != nil {
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
		m.take(c)
	}
	return body
}

func (c *Cell) overdue(id AskID) any {
	p, ok := c.asks[id]
	if !ok {
		return nil
	}
	delete(c.asks, id)
	return p.fail(codes.New(codes.AskTimeout, "%s got no answer in time", c.slot.path).Outcome(base.EffectUnknown))
}

func (c *Cell) match(a answered, body any) any {
	p, ok := c.asks[a.of()]
	if !ok {
		c.slot.stats.Late.Add(1)
		return nil // the question timed out before
	}
	delete(c.asks, a.of())
	c.disarm(p.timer.t)
	return body
}

// answered is an Answer of any type.
type answered interface{ of() AskID }

func (a Answer[R]) of() AskID { return a.ID }

// run is where a message meets user code: the only place that recovers.
func (c *Cell) run(body any, trace TraceID) {
	p, isAsk := body.(promise)
	if isAsk {
		p.hold(c)
	}
	c.cx.trace = trace
	exit, ended := c.call(body)
	if isAsk && !p.settled() && !ended {
		c.unanswered(p)
	}
	if ended {
		c.finish(exit)
	}
}

func (c *Cell) call(body any) (exit Exit, ended bool) {
	defer func() {
		if v := recover(); v != nil {
			if u, ok := v.(Unwind); ok {
				panic(u)
			}
			exit, ended = panicExit(v, debug.Stack()), true
			exit.On = typeName(body)
		}
	}()
	exit, ended = exitOf(c.b.Receive(c.cx, body), c.in(spec.Draining))
	if ended && exit.On == "" && !exit.Clean() {
		exit.On = typeName(body)
	}
	return exit, ended
}

// Unwind is the panic by which a host leaves a handler whose run is over. Only hosts use it.
type Unwind struct{}

func (c *Cell) unanswered(p promise) {
	err := codes.New(codes.NoReply, "%s returned without an answer", c.slot.path).Outcome(base.EffectUnknown)
	_ = c.ledger.Resolve(p.oblige(), obligations.Aborted)
	delete(c.held, p.oblige())
	p.abandon(c.slot, err)
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
		if !c.slot.opts.Supervised {
			c.startClock()
		}
		c.run(CancelRequested{m.reason}, TraceID{})
	}
	c.look()
}

// spend counts the budget in deliveries.
func (c *Cell) spend(lane lanes.Lane) {
	c.deliveries++
	if most := c.slot.opts.Deliveries; most > 0 && c.deliveries == most {
		c.region.Close(regions.Request{Reason: base.ReasonBudget})
	}
	if lane == lanes.Ready && c.drainLeft > 0 && c.in(spec.Draining) {
		if c.drainLeft--; c.drainLeft == 0 {
			c.finish(Exit{Kind: ExitKilled, Reason: base.ReasonBudget})
		}
	}
}

// look ends a drain that is done (R3), leaf first: not before everything it owns has left.
func (c *Cell) look() {
	if !c.in(spec.Draining) || !c.region.Sole(c.handle) {
		return
	}
	idle := c.ledger.Open() == 0 && len(c.asks) == 0 && c.commits == 0 && c.slot.box.Len() == 0
	if c.drained || idle {
		c.end(spec.LifeDrained, Exit{Kind: ExitShutdown, Reason: c.region.Reason()})
	}
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
	if e.Reason == base.ReasonNone {
		e.Reason = c.region.Reason()
	}
	c.exit = e
	s := c.slot
	if !c.leftBehind() {
		s.mu.Lock()
		s.closing = c
		s.last = e
		s.mu.Unlock()
		s.cell.CompareAndSwap(c, nil)
	}
	asked := c.cx.askedAt()
	c.cx.cancel(e.Reason)
	outcome := e.Outcome().Worst(c.release())
	s.sys.emit(Event{Kind: EventEnded, Path: s.path, Incarnation: c.n, Exit: e, At: s.sys.host.Now(), Asked: asked, Told: c.told})
	brutal := e.Kind == ExitKilled || s.opts.Delegate // nobody keeps the time of a supervisor's children any more
	if !brutal {
		c.startClock()
	}
	c.region.Close(regions.Request{Reason: base.ReasonParentClosing, Brutal: brutal})
	c.handle.LeaveWith(outcome, regions.Left{Timers: len(c.timers), Obligations: c.ledger.Open()})
}

// reserve opens a promise of the kernel's own kinds: a refusal is a broken rule.
func (c *Cell) reserve(k obligations.Kind, label string, id base.ObligationID, due int64) {
	if err := c.ledger.Reserve(k, label, id, due); err != nil {
		c.slot.sys.violated("O1", "%s: %v", c.slot.path, err)
	}
}

// release gives back what the incarnation still held, by each kind's rule (O3).
func (c *Cell) release() (o base.Outcome) {
	for t := range c.timers {
		c.disarm(t)
		delete(c.timers, t)
	}
	for id, target := range c.monitors {
		c.slot.sys.carry(c.slot, target, Message{request: &request{kind: reqDemonitor, id: uint64(id), from: c.slot}})
	}
	for _, r := range c.ledger.Stop() {
		if p, ok := c.held[r.ID]; ok {
			delete(c.held, r.ID)
			p.abandon(c.slot, lost(c.slot.path, base.EffectUnknown))
			continue
		}
		if r.To == obligations.Leaked {
			o = base.OutcomeLeaked
			c.slot.sys.emit(Event{Kind: EventLeaked, Path: c.slot.path, Incarnation: c.n, Detail: r.Label, At: c.slot.sys.host.Now()})
		}
	}
	return o
}

// defaultDrain is the time that a region has to drain in where nobody says otherwise.
const defaultDrain = 5 * time.Second

// startClock limits the time in which the region drains (R3), from now.
func (c *Cell) startClock() {
	d := c.slot.opts.Drain
	if d == 0 {
		d = defaultDrain
	}
	if c.clock != nil || d < 0 || c.slot.opts.Delegate {
		return
	}
	t := &Timer{slot: c.slot, over: c.region, due: c.slot.sys.host.Now().Add(d)}
	c.clock = t
	t.undo = c.slot.sys.host.Arm(c.slot, d, t)
}

// stopClock forgets the limit: the region is closed.
func (c *Cell) stopClock() {
	if t := c.clock; t != nil && t.state.CompareAndSwap(uint32(timerArmed), uint32(timerOff)) && t.undo != nil {
		t.undo()
	}
}

// leave lets the slot go on without a fenced incarnation; false: it is not fenced, or has returned.
func (c *Cell) leave() bool {
	c.smu.Lock()
	defer c.smu.Unlock()
	c.behind = c.behind || c.life == spec.Fenced
	return c.behind
}

func (c *Cell) leftBehind() bool {
	c.smu.Lock()
	defer c.smu.Unlock()
	return c.behind
}

// Fence gives up on a handler that does not return (R6): the region is Wedged, effects are refused, and
// the supervisor hears of it. n is the incarnation whose handler it is. It returns false if there was
// nothing to fence.
func (s *Slot) Fence(n base.Incarnation) bool {
	c := s.cell.Load()
	if c == nil || c.n != n || c.in(spec.Ending, spec.Ended, spec.Fenced) {
		return false
	}
	if st := c.region.State(); st == spec.RegionOpen {
		return false // slow, not in anybody's way
	}
	if !c.fence() {
		return false
	}
	c.cx.cancel(base.ReasonTimeout)
	s.sys.emit(Event{Kind: EventWedged, Path: s.path, Incarnation: c.n, At: s.sys.host.Now()})
	c.handle.Stuck()
	s.handle.Stuck()
	c.notify(ChildWedged{Ref{s}, c.n})
	c.Alone() // a delivery, if the handler returned at this very moment
	return true
}

// fence moves to Fenced, if the incarnation is still in a handler as far as anybody knows.
func (c *Cell) fence() bool {
	c.smu.Lock()
	defer c.smu.Unlock()
	row, ok := spec.IncarnationLife.Next(c.life, spec.LifeStuck)
	if ok {
		c.life = row.To
		c.slot.state.Store(uint32(row.To) + 1)
		c.fenced.Store(true)
	}
	return ok
}

// abandoned ends a fenced incarnation whose handler returned after all.
func (c *Cell) abandoned() bool {
	if !c.fenced.Load() {
		return false
	}
	if c.in(spec.Fenced) {
		c.end(spec.LifeReturned, Exit{Kind: ExitKilled, Reason: base.ReasonTimeout})
	}
	return true
}

// Stuck reports a handler that is over its budget, by name (L6).
func (s *Slot) Stuck() {
	s.sys.emit(Event{Kind: EventStuck, Path: s.path, At: s.sys.host.Now()})
}

// Living is the incarnation that handles messages; zero if there is none.
func (s *Slot) Living() base.Incarnation {
	if c := s.cell.Load(); c != nil {
		return c.n
	}
	return 0
}

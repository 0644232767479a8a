package actors

import (
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// QueuePolicy says what happens to queued Ready messages when an incarnation ends and another follows (S5).
type QueuePolicy uint8

// QueueKeep: the next incarnation gets them (default). QueueDrop: dead letters. QueueReturn: back to
// their senders as Undelivered.
const (
	QueueKeep QueuePolicy = iota
	QueueDrop
	QueueReturn
)

// Child says how an actor is spawned.
type Child struct {
	Name            string        // one path element; unique among its siblings
	Behaviour       Behaviour     // of the first incarnation
	Class           string        // under which its messages are timed (System.Times); default "actor", or "supervisor" with Delegate
	Lanes           lanes.Options // capacities; zero means the defaults
	Caps            Caps          // granted; zero means all the spawner holds
	Queue           QueuePolicy   // default QueueKeep
	Delegate        bool          // it closes what it owns by an order of its own: a supervisor
	Supervised      bool          // the spawner hears ChildStarted, ChildEnded, ChildWedged, and decides what follows
	TrapLinks       bool          // a linked actor's end is a LinkDown message instead of its own end
	Lifetime        time.Duration // budget in time per incarnation; zero means none of its own: its owner's ends it too
	Deliveries      int           // budget in deliveries per incarnation, at most the spawner's; zero means the spawner's
	DrainDeliveries int           // Ready deliveries left after a cancel request; zero means no limit
	Drain           time.Duration // for its region to drain; zero means 5 s, negative for ever. A supervisor keeps the time of what it orders itself
	StuckAfter      time.Duration // a handler over this is stuck (L6); zero means 10 s
	Doors           bool          // foreign senders may stop it
}

// Ref is an actor's address. It names the slot, not the incarnation, and stays valid across restarts.
// The zero Ref is nobody. Refs are comparable and may be shared.
type Ref struct{ slot *Slot }

// ID is the actor's id; zero for nobody.
func (r Ref) ID() base.ID {
	if r.slot == nil {
		return 0
	}
	return r.slot.id
}

// Path is the actor's path; empty for nobody.
func (r Ref) Path() string {
	if r.slot == nil {
		return ""
	}
	return r.slot.path
}

// String gives path and id.
func (r Ref) String() string {
	if r.slot == nil {
		return "nobody"
	}
	return r.slot.String()
}

// Spawn starts an actor owned by the caller's region (R1). It needs CapSpawn. The error is
// codes.RegionClosing once the region closes, or codes.NameTaken.
func (cx *Cx) Spawn(o Child) (Ref, error) {
	if err := cx.may(CapSpawn); err != nil {
		return Ref{}, err
	}
	if o.Caps == 0 {
		o.Caps = CapAll
	}
	o.Caps &= cx.slot.opts.caps
	o.Deliveries = meet(o.Deliveries, cx.slot.opts.deliveries)
	cx.slot.opts.sys.host.Step(cx.slot, StepSpawn)
	s, err := cx.slot.opts.sys.newSlot(cx.slot, cx.n, &cx.region, o)
	if err != nil {
		return Ref{}, err
	}
	if _, err := s.live(o.Behaviour); err != nil {
		s.retire()
		return Ref{}, err
	}
	cx.slot.opts.sys.host.Spawn(cx.slot, s)
	return Ref{s}, nil
}

// Respawn starts the next incarnation of a child whose last one has ended (ChildEnded), and says which
// it is.
func (cx *Cx) Respawn(child Ref, b Behaviour) (base.Incarnation, error) {
	if err := cx.mine(child); err != nil {
		return 0, err
	}
	s := child.slot
	s.opts.sys.host.Step(cx.slot, StepSpawn)
	if !s.vacate() {
		return 0, codes.New(codes.Gone, "%s cannot start another incarnation now", s.path)
	}
	n, err := s.live(b)
	if err != nil {
		return 0, err
	}
	s.extra().stats.Restarts.Add(1)
	cx.slot.opts.sys.host.Spawn(cx.slot, s)
	return n, nil
}

// vacate says whether the slot can take another incarnation. One that was fenced is left behind: its region
// stays Wedged, by name, or goes on closing if its handler has returned, and it has no part in the slot any
// more (R6). Its watchers hear of it now.
func (s *Slot) vacate() bool {
	s.mu.Lock()
	c := s.cell.Load()
	if c == nil {
		c = s.closing
	}
	if s.is(gone) || s.leaving || c != nil && !c.leave() {
		s.mu.Unlock()
		return false
	}
	if c == nil {
		s.mu.Unlock()
		return true
	}
	exit := Exit{Kind: ExitKilled, Reason: base.ReasonTimeout}
	watchers := s.takeWatchers()
	s.last, s.closing = &exit, nil
	s.cell.Store(nil)
	s.box.Park() // its worker never delivers to the slot again
	s.mu.Unlock()
	s.queueAfter(c)
	s.tellAll(watchers, exit)
	return true
}

// Close closes the region of the child's incarnation: the only way to end an actor. The caller hears
// ChildEnded when it is done.
func (cx *Cx) Close(child Ref, q regions.Request) error {
	if err := cx.mine(child); err != nil {
		return err
	}
	cx.slot.opts.sys.host.Step(cx.slot, StepClose)
	if c := child.slot.current(); c != nil {
		if child.slot.opts.supervised {
			c.signs.Or(ordered)
		}
		c.region.Close(q)
	}
	return nil
}

// Kill ends the drain of a child that is closing: its budget is over.
func (cx *Cx) Kill(child Ref) error {
	if err := cx.mine(child); err != nil {
		return err
	}
	cx.slot.opts.sys.host.Step(cx.slot, StepClose)
	if c := child.slot.current(); c != nil {
		c.region.Kill()
	}
	return nil
}

// Retire gives the child's slot up for good: what is queued goes to the dead letters and its questions
// are answered. A live incarnation is closed first.
func (cx *Cx) Retire(child Ref) error {
	if err := cx.mine(child); err != nil {
		return err
	}
	cx.slot.opts.sys.host.Step(cx.slot, StepClose)
	child.slot.leave()
	return nil
}

// Withdraw says that no incarnation follows for now in a child's slot, which is empty: what waits there is answered, and
// what is sent is refused with codes.Gone, until Respawn.
func (cx *Cx) Withdraw(child Ref) error {
	if err := cx.mine(child); err != nil {
		return err
	}
	s := child.slot
	s.opts.sys.host.Step(s, StepVacate)
	s.mu.Lock()
	if s.is(gone) || s.busy() {
		s.mu.Unlock()
		return codes.New(codes.Invariant, "%s is not empty", s.path)
	}
	room := s.close()
	s.mu.Unlock()
	s.sweep()
	for _, r := range room {
		r.refuse(s, s.refuseGone())
	}
	return nil
}

// close lets nothing more in, and gives those who wait for a place. The caller holds s.mu.
func (s *Slot) close() (room []*request) {
	s.mark(shut, true)
	if x := s.more.Load(); x != nil {
		room, x.room = x.room, nil
	}
	s.mark(wanted, false)
	return room
}

// LeaveBehind lets the slot of a child go on without an incarnation that was fenced.
func (cx *Cx) LeaveBehind(child Ref) error {
	if err := cx.mine(child); err != nil {
		return err
	}
	child.slot.opts.sys.host.Step(child.slot, StepVacate)
	child.slot.vacate()
	return nil
}

// mine refuses what is not a child of the caller's own incarnation.
func (cx *Cx) mine(child Ref) error {
	if err := cx.may(CapSpawn); err != nil {
		return err
	}
	if child.slot == nil || child.slot.place.Region() != &cx.region {
		return codes.New(codes.CapabilityDenied, "%s does not own %s", cx.slot.path, child)
	}
	return nil
}

// current is the incarnation that lives or is closing.
func (s *Slot) current() *Cell {
	if c := s.cell.Load(); c != nil {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// conceive numbers the next incarnation. From here on, until it is made, the slot is not empty: a close that came
// between would else retire it under its first breath, and what was sent to it would be swept away.
func (s *Slot) conceive() (base.Incarnation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.is(gone) || s.leaving {
		return 0, codes.New(codes.RegionClosing, "%s is asked to leave and takes no incarnation", s.path)
	}
	s.mark(shut, false)
	s.coming = true
	s.n++
	return s.n, nil
}

// made ends the making of an incarnation. A slot that was asked to leave meanwhile, and has none, leaves now.
func (s *Slot) made() {
	s.mu.Lock()
	s.coming = false
	empty := s.leaving && !s.busy()
	s.mu.Unlock()
	if empty {
		s.retire()
	}
}

// busy says whether an incarnation lives in the slot, closes, or is being made. The caller holds s.mu.
func (s *Slot) busy() bool { return s.coming || s.cell.Load() != nil || s.closing != nil }

// live makes the next incarnation in a region of its own, and says which it is: it may have ended already when
// the caller looks, since the worker of the one before may still be at the slot.
func (s *Slot) live(b Behaviour) (n base.Incarnation, err error) {
	if n, err = s.conceive(); err != nil {
		return 0, err
	}
	defer s.made()
	c := newCell(s, n, b)
	if err = s.place.Lodge(&c.region, c, s.opts.delegate); err != nil {
		return 0, err
	}
	s.since.Store(s.opts.sys.host.Now().UnixNano())
	s.state.Store(uint32(spec.Starting) + 1)
	if s.opts.lifetime > 0 {
		c.holds().lifetime = c.limit(s.opts.lifetime, base.ReasonBudget)
	}
	s.cell.Store(c)
	if c.region.State() != spec.RegionOpen { // it was asked before anybody could find its Cx
		c.cx().cancel(c.region.Reason())
	}
	return n, nil
}

// Closed brings the incarnation's proof: watchers, links and the supervisor hear of it now.
func (c *Cell) Closed(p regions.Proof) {
	s, exit := c.slot, c.gone().exit
	c.step(spec.LifeClosed)
	c.gone().clock.off()
	s.mu.Lock()
	if c.behind {
		s.mu.Unlock()
		s.opts.sys.emit(Event{Kind: EventClosed, Path: s.path, Incarnation: c.n, Exit: exit, Proof: p})
		return
	}
	s.closing = nil
	watchers, leaving, up := s.takeWatchers(), s.leaving, c.wasUp
	s.mu.Unlock()
	s.state.Store(0)
	s.opts.sys.emit(Event{Kind: EventClosed, Path: s.path, Incarnation: c.n, Exit: exit, Proof: p})
	s.queueAfter(c)
	follows := s.opts.supervised && !leaving
	if !follows {
		s.retire()
	}
	s.tellAll(watchers, exit)
	if follows {
		c.notify(ChildEnded{Ref{s}, c.n, up, exit, p})
	}
}

// queueAfter applies the queue policy and drops what only the ended incarnation could use.
func (s *Slot) queueAfter(c *Cell) {
	s.box.Remove(lanes.Cancel, matching(func(m Message) bool { return m.life == c.n }))
	if c.has().permits.Load() > 0 {
		s.unpermit(c.n)
	}
	defer s.grantWanted() // what was in the lane went without a delivery
	if s.opts.queue == QueueKeep {
		return
	}
	for _, l := range []lanes.Lane{lanes.Timed, lanes.Ready} {
		for _, at := range s.box.Drain(l) {
			s.giveBack(l, at.message())
		}
	}
}

// over says whether an incarnation has ended and its region is closed, or was left behind.
func (s *Slot) over(n base.Incarnation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.cell.Load()
	return (c == nil || c.n != n) && (s.closing == nil || s.closing.n != n)
}

// unpermit gives back the places whose permits wait for an incarnation that has ended.
func (s *Slot) unpermit(n base.Incarnation) {
	var late []Message
	s.box.Remove(lanes.Ready, matching(func(m Message) bool {
		_, is := m.Body.(*Permit)
		if is = is && m.life == n; is {
			late = append(late, m)
		}
		return is
	}))
	for _, m := range late {
		s.unheld(m)
	}
}

func (s *Slot) giveBack(l lanes.Lane, m Message) {
	why := codes.New(codes.Gone, "%s: its incarnation ended before this message was handled", s.path)
	if _, isAsk := m.Body.(promise); s.opts.queue == QueueReturn && !isAsk && m.from != nil && m.life == 0 {
		if s.opts.sys.host.Send(s, m.from, Message{Body: Undelivered{Ref{s}, m.Body, why}}) == nil {
			s.box.Revoked(l, 1)
			return
		}
	}
	s.box.Dead(l, 1)
	s.dead(m, why)
}

// leave retires the slot as soon as no incarnation lives in it.
func (s *Slot) leave() {
	s.mu.Lock()
	s.leaving = true
	c := s.cell.Load()
	busy := s.busy()
	s.mu.Unlock()
	if !busy {
		s.retire()
		return
	}
	if c != nil {
		c.region.Close(regions.Request{Reason: base.ReasonParentClosing})
	}
}

// retire ends the slot: exactly once, with no incarnation in it.
func (s *Slot) retire() {
	s.mu.Lock()
	if s.is(gone) {
		s.mu.Unlock()
		return
	}
	s.mark(gone, true)
	room, last := s.close(), s.lastExit()
	var told []func(Exit)
	if x := s.more.Load(); x != nil {
		told, x.onRetired = x.onRetired, nil
	}
	s.mu.Unlock()
	s.opts.sys.forget(s)
	s.sweep()
	for _, r := range room {
		r.refuse(s, s.refuseGone())
	}
	for _, f := range told {
		s.opts.sys.guarded(s.path, "OnRetired", func() { f(last) })
	}
	// Nothing is left: what was accepted before was swept just now, and what slips in after is swept by its sender
	// (sweepIfShut), who may be at it. To count it here would be to find a proof wrong that is not.
	s.place.Leave(base.OutcomeOk)
}

// lastExit is how the last incarnation ended; zero if there was none. The caller holds s.mu.
func (s *Slot) lastExit() (e Exit) {
	if s.last != nil {
		e = *s.last
	}
	return e
}

// settings are what a slot needs of its Child after it was made. Slots of one kind share them.
type settings struct {
	traits
	sys   *System
	times *times // of the class
}

type traits struct {
	class                                  string
	caps                                   Caps
	queue                                  QueuePolicy
	delegate, supervised, trapLinks, doors bool
	deliveries, drainDeliveries            int
	lifetime, drain, stuckAfter            time.Duration
	lanes                                  lanes.Options // settled
}

// settingsOf gives those of the last slot, where they are the same.
func (sys *System) settingsOf(o *Child) *settings {
	s := traits{
		classOr(o), o.Caps, o.Queue, o.Delegate, o.Supervised, o.TrapLinks, o.Doors, o.Deliveries, o.DrainDeliveries, o.Lifetime, o.Drain, o.StuckAfter,
		o.Lanes.Settled(),
	}
	if last := sys.settings.Load(); last != nil && last.traits == s {
		return last
	}
	sys.mu.Lock()
	made := &settings{s, sys, sys.timesOf(s.class)}
	sys.mu.Unlock()
	sys.settings.Store(made)
	return made
}

func classOr(o *Child) string {
	switch {
	case o.Class != "":
		return o.Class
	case o.Delegate:
		return "supervisor"
	}
	return "actor"
}

// member is the slot as its region sees it.
type member Slot

// Place keeps the slot's place in its region.
func (m *member) Place() *regions.Handle { return &m.place }

// Label is the slot's path.
func (m *member) Label() string { return m.path }

// Ask: a slot with a live incarnation leaves when that has closed; an empty one now.
func (m *member) Ask(regions.Request) { (*Slot)(m).leaveIfEmpty() }

// Kill is the same: there is nothing to drain in a slot.
func (m *member) Kill() { (*Slot)(m).leaveIfEmpty() }

func (s *Slot) leaveIfEmpty() {
	s.opts.sys.host.Step(s, StepLeave)
	s.mu.Lock()
	s.leaving = true
	busy := s.busy()
	s.mu.Unlock()
	if !busy {
		s.retire()
	}
}

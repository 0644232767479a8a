package actors

import (
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Slot is the place of one logical actor: its mailbox, which outlives incarnations, and the
// incarnation that lives there now, if any. Hosts run slots; nobody else touches them.
//
// Deliver is called by one worker at a time. Accept, Fire and the region callbacks may come from any
// goroutine.
//
// The fields are in the order of who touches them, in lines of the cache: those who send, who delivers, hardly anybody.
type Slot struct {
	opts  *settings     // immutable
	flags atomic.Uint32 // flags; written under mu
	state atomic.Uint32 // written by Cell.step: what inspection shows
	box   mailbox

	cell      atomic.Pointer[Cell] // the incarnation that handles messages; nil: parked
	mu        sync.Mutex
	n         base.Incarnation // guarded by mu: incarnations so far
	ownerLife base.Incarnation // immutable: the owner's incarnation that spawned it

	id      base.ID        // immutable
	path    string         // immutable
	owner   *Slot          // immutable; nil for an actor that the outside started
	place   regions.Handle // of regions: in the region that owns the slot
	since   atomic.Int64   // ns of the incarnation's start
	closing *Cell          // guarded by mu: ended, its region not closed yet
	last    *Exit          // guarded by mu: how the last incarnation ended; nil: there was none
	more    atomic.Pointer[extras]
	coming  bool // guarded by mu: an incarnation is being made
	leaving bool // guarded by mu: retire when the incarnation's region is closed
}

// SlotStats counts what a slot did. Every field is atomic: written by the worker, read by anyone.
type SlotStats struct {
	Restarts, Dead, Late atomic.Uint64
}

// Next says what a host does with a slot after a delivery.
type Next uint8

// More: deliver again. Idle: wait for Ready. Parked: no incarnation; wait for Spawn.
const (
	More Next = iota
	Idle
	Parked
)

// ID is the slot's id in this process run.
func (s *Slot) ID() base.ID { return s.id }

// Path is the slot's file-like path.
func (s *Slot) Path() string { return s.path }

// StuckAfter is how long a handler may run before it is stuck (L6).
func (s *Slot) StuckAfter() time.Duration { return s.opts.stuckAfter }

// Class is the lane that would be served next: the slot's class in the run queue (L6).
func (s *Slot) Class() lanes.Lane {
	return s.box.Class()
}

// Ticket is a slot's place in a run queue. A slot that becomes more urgent gets a new one in a higher
// class; Claim refuses the old one, so that a slot is never delivered to twice at once.
type Ticket = lanes.Ticket

// arrived tells the host of the ticket of a message that woke the slot, or made a waiting one more urgent; zero: it did
// neither.
func (s *Slot) arrived(by *Slot, t Ticket) {
	if t != 0 {
		s.opts.sys.host.Ready(by, s, t)
	}
}

// Claim takes the slot out of the run queue for the one worker that holds its newest ticket.
func (s *Slot) Claim(t Ticket) bool { return s.box.Claim(t) }

// Requeue gives the ticket for the slot's next turn, after a quantum with more to deliver.
func (s *Slot) Requeue() Ticket { return s.box.Requeue() }

// Accept is the moment at which m arrives: it is queued, merged or refused. Hosts call it from Send, and
// say whose handler sent it; nil for anybody else. A nil error means that the kernel owns m.
func (s *Slot) Accept(by *Slot, m Message) error {
	if m.request != nil {
		return s.serve(m.request)
	}
	if m.reserved {
		return s.putReserved(by, lanes.Ready, 0, m)
	}
	if s.is(shut) {
		return s.refuseGone()
	}
	k, l := classOf(m.Body), s.letter(&m)
	if k.plain && l.kind == inParts {
		l.kind = asPlain
	}
	switch k.lane {
	case lanes.Cancel:
		s.acceptCancel(m)
		return nil
	case lanes.Timed:
		t, r := s.box.PutTimed(nanos(k.deadline(m.Body)), l)
		return s.accepted(by, t, r, m.Body)
	}
	t, r, old := s.box.PutBy(s.hands(by), l)
	return s.unusual(by, t, r, old, m.Body)
}

// unusual is the rest of a put, also into a lane that was full.
func (s *Slot) unusual(by *Slot, t Ticket, r lanes.Result, old *letter, body any) error {
	err := s.accepted(by, t, r, body)
	if old != nil {
		s.dead(old.message(), codes.New(codes.LaneFull, "%s dropped its oldest message to take a newer one", s.path))
	}
	return err
}

// acceptCancel merges m into the Cancel lane. Done closes now: at acceptance, not at delivery (C2).
func (s *Slot) acceptCancel(m Message) {
	var merge func(old, add letter) (letter, bool) // nil: it merges with nothing, and is not compared with all that wait
	c, ok := m.Body.(control)
	if ok {
		merge = mergeControl
	}
	if ok && (c.cancel || c.kill) {
		if cell := s.cell.Load(); cell != nil && cell.n == m.life {
			cell.cx().cancel(c.reason)
		}
	}
	s.arrived(nil, s.box.PutCancel(s.letter(&m), merge))
	s.sweepIfShut()
}

func (s *Slot) accepted(by *Slot, t Ticket, r lanes.Result, body any) error {
	s.arrived(by, t)
	s.sweepIfShut() // also for what was passed over behind a place that was void
	if r == lanes.Refused {
		s.grantWanted() // who waited may have been passed over for it
		return s.full(typeName(body))
	}
	return nil
}

// putReserved queues m in a place that was reserved before. An answer whose place was taken back is not queued; the error
// is codes.Gone.
func (s *Slot) putReserved(by *Slot, l lanes.Lane, due int64, m Message) error {
	s.mu.Lock()
	if s.is(gaveUp) && s.unwanted(m.Body) {
		s.mu.Unlock()
		s.extra().stats.Late.Add(1)
		return codes.New(codes.Gone, "%s does not wait for this answer any more", s.path)
	}
	t := s.box.PutReserved(s.hands(by), l, due, s.letter(&m)) // before mu is free: who gives up looks for it
	s.mu.Unlock()
	s.arrived(by, t)
	s.sweepIfShut()
	if _, is := m.Body.(*Permit); is && s.over(m.life) {
		s.unpermit(m.life) // nobody takes it any more: its place must not wait for the next incarnation
	}
	return nil
}

// putExtra queues m in the Ready lane beside its bound.
func (s *Slot) putExtra(m Message) {
	s.arrived(nil, s.box.PutExtra(s.letter(&m)))
	s.sweepIfShut()
}

// release gives a promised place of the Ready lane back.
func (s *Slot) release() {
	s.box.Release(lanes.Ready)
	s.opts.sys.host.Step(s, StepFreeReady)
}

// sweepIfShut catches a message that slipped in while the slot was being shut.
func (s *Slot) sweepIfShut() {
	if s.is(shut) {
		s.sweep()
	}
}

func (s *Slot) full(what string) error {
	return codes.New(codes.LaneFull, "%s refuses %s: its lane of %d is full", s.path, what, s.box.Cap(lanes.Ready)).
		Retry(retryAfter)
}

const retryAfter = 10 * time.Millisecond

func (s *Slot) refuseGone() error {
	if !s.is(gone) {
		return codes.New(codes.Gone, "%s is down, and nothing starts it for now", s.path)
	}
	return codes.New(codes.Gone, "%s is gone", s.path)
}

// next is what follows a delivery to c. One that was given up ends the incarnation, since its handler returned after
// all.
func (s *Slot) next(c *Cell, a lanes.After) Next {
	switch a {
	case lanes.Rests:
		return Idle
	case lanes.Lost:
		c.end(spec.LifeReturned, Exit{Kind: ExitKilled, Reason: base.ReasonTimeout}) // waits for fence by smu
		return s.without(c)
	}
	switch s.cell.Load() {
	case nil:
		return s.park()
	case c:
		if a == lanes.More {
			return More
		}
		return s.rest()
	}
	return More // its successor was spawned already, and counts on this worker to begin it
}

// without goes on after a fenced incarnation has returned: where the slot was given to the next one, another
// worker delivers to it by now.
func (s *Slot) without(c *Cell) Next {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.behind {
		return Parked
	}
	return s.parks()
}

// rest gives the mailbox back if it is empty.
func (s *Slot) rest() Next {
	if s.box.Rest() {
		return Idle
	}
	return More
}

// park takes the slot out of the run queue until its next incarnation is spawned.
func (s *Slot) park() Next {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parks()
}

// parks is park for a caller that holds s.mu.
func (s *Slot) parks() Next {
	if s.cell.Load() != nil {
		return More
	}
	s.box.Park()
	return Parked
}

// moveOut takes an incarnation that ends out of the slot, unless the slot went on without it.
func (s *Slot) moveOut(c *Cell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.behind {
		return
	}
	s.closing, s.last = c, &c.ends().exit
	s.cell.CompareAndSwap(c, nil)
}

// Wake gives the ticket under which Spawn has to queue a slot whose incarnation was just made; ok is false
// where it is queued, or runs, already.
func (s *Slot) Wake() (t Ticket, ok bool) {
	s.mu.Lock() // not while it is being parked
	defer s.mu.Unlock()
	t = s.box.Start()
	return t, t != 0
}

// dead gives m to the dead letters: nothing is lost in silence (L5).
func (s *Slot) dead(m Message, why error) {
	s.extra().stats.Dead.Add(1)
	s.unheld(m)
	s.opts.sys.deadLetter(s, m, why)
}

// late drops a message for an incarnation that has ended.
func (s *Slot) late(m Message) {
	s.extra().stats.Late.Add(1)
	s.unheld(m)
}

// unheld breaks the promise of a message that nobody will handle: nobody else could (O3).
func (s *Slot) unheld(m Message) {
	if p, ok := m.Body.(promise); ok {
		p.abandon(s, lost(s.path, base.EffectNone))
	}
}

// sweep empties every lane of a slot that is shut into the dead letters.
func (s *Slot) sweep() {
	var left [3][]letter
	s.mu.Lock() // a slot that is opened again keeps what comes then
	if s.is(shut) {
		for l := range left {
			left[l] = s.box.Drain(lanes.Lane(l))
		}
	}
	s.mu.Unlock()
	for i, all := range left {
		for _, at := range all {
			l, m := lanes.Lane(i), at.message()
			if l == lanes.Cancel || m.timer != nil || m.life != 0 {
				s.box.Revoked(l, 1)
				s.unheld(m)
				continue
			}
			s.box.Dead(l, 1)
			s.dead(m, s.refuseGone())
		}
	}
}

func typeName(v any) string {
	if v == nil {
		return "nil"
	}
	return reflect.TypeOf(v).String()
}

func (s *Slot) String() string { return fmt.Sprintf("%s (%s)", s.path, s.id) }

// Stuck reports a handler that is over its budget, by name (L6).
func (s *Slot) Stuck() {
	s.opts.sys.emit(Event{Kind: EventStuck, Path: s.path})
}

// Living is the incarnation that handles messages; zero if there is none.
func (s *Slot) Living() base.Incarnation {
	if c := s.cell.Load(); c != nil {
		return c.n
	}
	return 0
}

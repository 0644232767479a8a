package actors

import (
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/obligations"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Permit is the answer to Reserve: a place in the target's Ready lane that is held for the caller (O5),
// or an error. A permit that its holder neither sends nor aborts is given back when the holder stops.
type Permit struct {
	ID  uint64
	To  Ref
	Err error

	holder *Cell // owned by the holder's worker
}

// Reserve asks for a place in to's Ready lane. The answer is a *Permit message, as soon as there is
// room; waiters are served first come first. Its place here is reserved now. It needs CapSend.
func (cx *Cx) Reserve(to Ref) (id uint64, err error) {
	if err := cx.may(CapSend); err != nil {
		return 0, err
	}
	slot := cx.slot
	if to.slot == nil {
		return 0, codes.New(codes.Gone, "%s reserves a place at nobody", slot.path)
	}
	slot.opts.sys.host.Step(slot, StepHoldReady)
	if !slot.box.Reserve(lanes.Ready) {
		return 0, slot.full("a permit")
	}
	cx.cell().holds().permits.Add(1)
	id = slot.opts.sys.nextID()
	r := &request{kind: reqReserve, id: id, from: slot, life: cx.cell().n}
	return id, slot.opts.sys.host.Send(slot, to.slot, Message{request: r})
}

// Send uses the permit: it cannot fail for lack of room. Messages that are not of the Ready lane are refused, and the
// permit stays.
func (p *Permit) Send(cx *Cx, m any) error {
	if err := cx.may(CapSend); err != nil {
		return err
	}
	if err := promisable(m); err != nil {
		return err
	}
	if err := cx.told(m); err != nil {
		return err
	}
	if err := p.resolve(cx, obligations.Committed); err != nil {
		return err
	}
	return cx.slot.opts.sys.host.Send(cx.slot, p.To.slot, Message{Body: m, reserved: true, trace: cx.Trace(), from: cx.slot})
}

// Abort gives the place back.
func (p *Permit) Abort(cx *Cx) error {
	if err := p.resolve(cx, obligations.Aborted); err != nil {
		return err
	}
	p.giveBack(cx.slot)
	return nil
}

func (p *Permit) resolve(cx *Cx, to obligations.State) error {
	if p.Err != nil {
		return p.Err
	}
	if p.holder != cx.cell() {
		return codes.New(codes.Invariant, "%s uses a permit that it does not hold (O1)", cx.slot.path)
	}
	return cx.cell().has().promises.resolve(p.oblige(), to)
}

func (p *Permit) giveBack(by *Slot) {
	by.opts.sys.carry(by, p.To.slot, Message{request: &request{kind: reqUnreserve, from: by}})
}

// take makes the cell under delivery the permit's holder.
func (p *Permit) take(c *Cell) {
	if p.Err != nil {
		return
	}
	p.holder = c
	c.owe(p, obligations.SendPermit, p.To.Path(), 0)
}

func (p *Permit) hold(*Cell)                {}
func (p *Permit) kept() bool                { return true }
func (p *Permit) oblige() base.ObligationID { return base.ObligationID(p.ID) }

// abandon gives the place back, if there is one.
func (p *Permit) abandon(by *Slot, _ error) {
	if p.Err == nil {
		p.giveBack(by)
	}
}

// reserve serves a waiter now or queues it.
func (s *Slot) reserve(r *request) {
	s.mu.Lock()
	if s.is(shut) {
		s.mu.Unlock()
		r.refuse(s, s.refuseGone())
		return
	}
	x := s.extra()
	x.room = append(x.room, r)
	s.mark(wanted, true)
	s.mu.Unlock()
	s.grant()
}

// grant gives free places to those who wait, first come first.
func (s *Slot) grant() {
	for {
		s.mu.Lock()
		x := s.more.Load()
		if x == nil || len(x.room) == 0 || !s.box.Reserve(lanes.Ready) {
			s.mu.Unlock()
			return
		}
		r := x.room[0]
		x.room = x.room[1:]
		s.mark(wanted, len(x.room) > 0)
		s.mu.Unlock()
		s.answerReserve(r, &Permit{ID: r.id, To: Ref{s}})
	}
}

// grantWanted is grant where anybody waits.
func (s *Slot) grantWanted() {
	if s.is(wanted) {
		s.grant()
	}
}

func (r *request) refuse(s *Slot, err error) {
	s.answerReserve(r, &Permit{ID: r.id, To: Ref{s}, Err: err})
}

func (s *Slot) answerReserve(r *request, p *Permit) {
	if f, ok := r.what.(func(*Permit)); ok {
		f(p) // the outside world
		return
	}
	if s.opts.sys.carry(s, r.from, Message{Body: p, life: r.life, reserved: true}) {
		return
	}
	if p.Err == nil {
		s.box.Release(lanes.Ready)
	}
}

package lab

import (
	"fmt"

	"github.com/franken-node/fnode-supervisor/actors"
)

// run goes on with p to its next pause, or to the end of its delivery.
func (w *world) run(p *place) {
	if p.co == nil {
		p.co = w.pool.get()
		p.life = p.slot.Living()
		p.co.work = p
	}
	w.cur = p
	p.co.next()
	w.cur = nil
	if p.co.work != nil {
		return // it has paused
	}
	if f := p.co.fault; f != "" {
		w.broken = fmt.Sprintf("%s: %s", p.path, f)
	}
	w.pool.put(p.co)
	p.co = nil
	w.delivered(p)
}

// delivered looks at a drain as the kernel has: is anything left in the mailbox, or in the region?
func (w *world) delivered(p *place) {
	u := p.slot.Under()
	if u.Held {
		w.note(access{obj: p.box, kind: held})
	}
}

// deliver begins the next delivery of p.
func (w *world) deliver(p *place) {
	p.ready = false
	w.rec.delivers()
	if !p.slot.Claim(p.ticket) {
		panic(fmt.Sprintf("lab: the ticket of %s is stale", p.path))
	}
	p.began = w.ev
	w.run(p)
	u := p.slot.Under()
	switch {
	case u.Begun != p.begun: // the start of an incarnation
		p.begun = u.Begun
		w.rec.begins(p, u)
		if w.ev != nil {
			w.after(p.born)
		}
	case u.N == p.taken: // nothing was there any more
		w.touch(p.box)
	}
	if u.N != p.taken {
		p.taken = u.N
		w.handled(p, u)
	}
}

// handled notes which message was taken, by lane.
func (w *world) handled(p *place, u actors.Under) {
	g := tag{note: fmt.Sprintf("?%d", u.N)}
	if u.Tag > 0 {
		g = w.tags[u.Tag]
	}
	w.remember(p, took{msg: g.msg, note: g.note, body: g.body})
	w.see.handled(w, p, u)
	w.rec.handles(w, p, u, g)
	if w.ev == nil {
		return
	}
	if g.merges { // what its region asks depends on who else has asked
		w.note(access{obj: p.alive, kind: look})
	}
	nth := p.given(u.Lane)
	if w.replay {
		return
	}
	w.after(g.by)
	w.ev.cause = g.by
	if w.o.Model != N1 {
		return // the step that brought it says so
	}
	// The message was noted before whatever the handler did in the same step.
	w.ev.acc = append(w.ev.acc, access{})
	copy(w.ev.acc[1:], w.ev.acc)
	w.ev.acc[0] = access{obj: p.box, kind: take, lane: uint8(u.Lane), due: g.due, merges: g.merges, nth: nth}
}

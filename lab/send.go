package lab

import (
	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lanes"
)

// Send queues at once, or puts the message in flight.
func (w *world) Send(from, to *actors.Slot, m actors.Message) error {
	if p, ok := m.Body.(*actors.Permit); ok && p.Err == nil && from != nil && !w.granting {
		w.touch(w.box(from)) // the place that it stands for was taken just now
	}
	if _, ok := m.Body.(actors.LinkDown); ok {
		w.note(access{obj: w.box(to), kind: watches, id: w.box(from)}) // the other end of the link was forgotten just now
	}
	lane, due, queued := m.Lane()
	if !queued {
		return w.request(from, to, m)
	}
	a := access{obj: w.box(to), kind: put, lane: uint8(lane), merges: m.Merges()}
	if lane == lanes.Timed {
		a.due = due.UnixNano()
	}
	if w.o.commute != nil {
		body := m.Body
		a.body = &body
	}
	w.pause(a)
	l := w.link(from, to)
	msg, n := l.next(w.book)
	w.audit.message(m.Body)
	a.id = msg
	w.tags = append(w.tags, tag{id: msg, msg: msg, by: w.ev, due: a.due, body: a.body, link: l, n: n, merges: a.merges})
	m.Tag = uint64(len(w.tags) - 1)
	if w.o.Model != N1 && from != nil && !w.setting {
		w.post(&letter{to: to, from: from, m: m, link: l, n: n, by: w.ev, body: a.body})
		return nil
	}
	return w.put(from, to, m, a)
}

// request serves a kernel request: a monitor minds the end of its target only, a place that is free is taken like any
// other.
func (w *world) request(from, to *actors.Slot, m actors.Message) error {
	a := access{obj: w.box(to), kind: touch}
	switch m.Request() {
	case "monitor", "link", "demonitor":
		a.kind, a.id = watches, w.box(from)
	case "reserve":
		a = access{obj: w.box(to), kind: hold, lane: ready}
	}
	w.pause(a)
	if a.kind == hold {
		w.near(to, lanes.Ready)
	}
	if free := to.Free(lanes.Ready); a.kind == hold && (free <= 0 || to.Shut()) {
		a = access{obj: a.obj, kind: touch} // it waits, or is refused
	} else if a.kind == hold {
		a.owes, a.last = w.owes(from, to, lanes.Ready), free == 1
		w.granting = true
		defer func() { w.granting = false }()
	}
	w.note(a)
	if m.Request() == "link" {
		w.note(access{obj: w.box(from), kind: watches, id: w.box(to)})
	}
	if id, set, ok := m.Watch(); ok && from != nil {
		w.see.asked(from, to, id, set)
	}
	err := to.Accept(from, m)
	w.rec.requests(from, to, m, err)
	return err
}

func (w *world) put(from, to *actors.Slot, m actors.Message, a access) error {
	lane := lanes.Lane(a.lane)
	if lane != lanes.Cancel && !m.Promised() {
		if w.near(to, lane) {
			a.owes, a.last = w.owes(from, to, lane), to.Free(lane) == 1
		}
	}
	err := to.Accept(from, m)
	w.see.sent(w, to, m, err)
	w.rec.sends(w, to, m, err)
	a.refused = err != nil || to.Shut()
	if from == to && !a.refused && !m.Promised() && lane != lanes.Cancel {
		w.claims(to, lane)
	}
	w.note(a)
	if err != nil {
		w.answer("refused")
	}
	return err
}

// link is the way from a sender to a receiver. What is sent in the sender's name in a step of somebody else, as a permit
// is by whoever makes room for it, has a part of its own.
func (w *world) link(from, to *actors.Slot) *link {
	p := w.sender(from)
	l := p.link(w.book, w.person(to))
	switch {
	case w.cur != nil && w.cur.person != p:
		return l.in(w.book, w.cur.proc)
	case w.cur == nil && w.ev != nil:
		return l.in(w.book, w.ev.proc)
	}
	return l
}

// sender is the slot, else whose handler runs, else the world outside.
func (w *world) sender(from *actors.Slot) *person {
	switch {
	case from != nil:
		return w.person(from)
	case w.cur != nil:
		return w.cur.person
	}
	return w.book.person("-")
}

func (w *world) person(s *actors.Slot) *person {
	if p := w.of[s]; p != nil {
		return p.person
	}
	return w.book.person(s.Path())
}

func (w *world) box(s *actors.Slot) int32 { return w.person(s).box }

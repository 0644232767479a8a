package actors

import (
	"cmp"
	"maps"
	"slices"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
)

// MonitorID names a monitor or a link to the actor that set it.
type MonitorID uint64

// watcher is who hears of an incarnation's end.
type watcher struct {
	slot *Slot
	life base.Incarnation
	link bool
	n    uint64 // which watcher of the slot it is, by arrival
}

// requestKind names a kernel request: served at acceptance, never queued.
type requestKind uint8

const (
	reqMonitor requestKind = iota
	reqLink
	reqDemonitor
	reqUnlink
	reqReserve
	reqUnreserve
)

var requestNames = [...]string{"monitor", "link", "demonitor", "unlink", "reserve", "unreserve"}

type request struct {
	kind requestKind
	id   uint64
	from *Slot
	life base.Incarnation
	what any
}

// serve does a kernel request at the moment at which it arrives.
func (s *Slot) serve(r *request) error {
	switch r.kind {
	case reqMonitor:
		s.watch(r)
	case reqLink:
		s.link(r)
	case reqDemonitor:
		s.forget(r)
	case reqUnlink:
		s.unlink(r)
	case reqReserve:
		s.reserve(r)
	case reqUnreserve:
		s.box.Release(lanes.Ready)
		s.grant()
	}
	return nil
}

// forget takes a monitor back. Where its Down is not under way it never comes, and its place is free again.
func (s *Slot) forget(r *request) {
	s.mu.Lock()
	_, there := s.watchers()[MonitorID(r.id)]
	delete(s.watchers(), MonitorID(r.id))
	s.mu.Unlock()
	if there {
		r.from.release()
		r.from.grant()
	}
}

// Monitor asks to hear of the end of the actor's incarnation: exactly one Down, also when that has
// ended already. The place of the Down is reserved now. It needs CapWatch.
func (cx *Cx) Monitor(of Ref) (MonitorID, error) {
	if err := cx.may(CapWatch); err != nil {
		return 0, err
	}
	slot := cx.slot
	slot.opts.sys.host.Step(slot, StepHoldReady)
	if !slot.box.Reserve(lanes.Ready) {
		return 0, slot.full("a Down")
	}
	id := MonitorID(slot.opts.sys.nextID())
	put(&cx.cell().holds().monitors, id, of.slot)
	r := &request{kind: reqMonitor, id: uint64(id), from: slot, life: cx.cell().n}
	if of.slot == nil {
		slot.opts.sys.carry(nil, slot, Message{reserved: true, Body: Down{id, of, Exit{Kind: ExitGone}}, life: cx.cell().n})
		return id, nil
	}
	return id, slot.opts.sys.host.Send(slot, of.slot, Message{request: r})
}

// Demonitor takes a monitor back, also when its Down is queued already.
func (cx *Cx) Demonitor(id MonitorID) {
	all := cx.cell().has().monitors
	of, ok := all[id]
	if !ok {
		return
	}
	delete(all, id)
	cx.slot.opts.sys.carry(cx.slot, of, Message{request: &request{kind: reqDemonitor, id: uint64(id), from: cx.slot}})
	cx.slot.opts.sys.host.Step(cx.slot, StepTakeBack)
	if cx.slot.box.Remove(lanes.Ready, matching(func(m Message) bool { d, ok := m.Body.(Down); return ok && d.Monitor == id })) > 0 {
		cx.slot.opts.sys.host.Step(cx.slot, StepFreeReady)
	}
}

// Link ties two incarnations: when one ends abnormally the other ends too, or gets LinkDown if it traps
// links. Linking to what is gone counts as its end. It needs CapWatch.
func (cx *Cx) Link(to Ref) error {
	if err := cx.may(CapWatch); err != nil {
		return err
	}
	me, id := cx.slot, cx.slot.opts.sys.nextID()
	if to.slot == nil {
		me.acceptCancel(Message{Body: LinkDown{to, Exit{Kind: ExitGone}}, life: cx.cell().n})
		return nil
	}
	return me.opts.sys.host.Send(me, to.slot, Message{request: &request{kind: reqLink, id: id, from: me, life: cx.cell().n}})
}

// Unlink takes the links with an actor back, whoever set them: from here on neither hears of the other's end, also
// when a LinkDown is queued here already.
func (cx *Cx) Unlink(from Ref) {
	if from.slot == nil || from.slot == cx.slot {
		return
	}
	me := cx.slot
	me.opts.sys.carry(me, from.slot, Message{request: &request{kind: reqUnlink, from: me}})
	me.opts.sys.carry(me, me, Message{request: &request{kind: reqUnlink, from: from.slot, what: mine{}}})
}

// mine marks the half of an Unlink that is for the own slot.
type mine struct{}

// unlink forgets the links of s with r.from. What is queued where the other is may tell of an earlier end of this one.
func (s *Slot) unlink(r *request) {
	s.mu.Lock()
	maps.DeleteFunc(s.watchers(), func(_ MonitorID, w watcher) bool { return w.link && w.slot == r.from })
	s.mu.Unlock()
	if _, own := r.what.(mine); own {
		s.box.Remove(lanes.Cancel, matching(func(m Message) bool { d, ok := m.Body.(LinkDown); return ok && d.Of.slot == r.from }))
	}
}

// addWatcher lets one more hear of the end. The caller holds s.mu.
func (s *Slot) addWatcher(id MonitorID, w watcher) {
	x := s.extra()
	x.watched++
	w.n = x.watched
	put(&x.watchers, id, w)
}

// watchers are who hears of the end; nil: nobody. The caller holds s.mu.
func (s *Slot) watchers() map[MonitorID]watcher {
	if x := s.more.Load(); x != nil {
		return x.watchers
	}
	return nil
}

// takeWatchers is watchers, for the last time. The caller holds s.mu.
func (s *Slot) takeWatchers() map[MonitorID]watcher {
	all := s.watchers()
	if all != nil {
		s.extra().watchers = nil
	}
	return all
}

// watch registers a watcher with the incarnation that lives or closes; where there is none it hears so
// at once.
func (s *Slot) watch(r *request) {
	w := watcher{slot: r.from, life: r.life}
	s.mu.Lock()
	alive := s.cell.Load() != nil || s.closing != nil
	if alive {
		s.addWatcher(MonitorID(r.id), w)
	}
	s.mu.Unlock()
	if !alive {
		w.tell(s, MonitorID(r.id), Exit{Kind: ExitGone})
	}
}

// link ties the incarnation that lives or closes here to the one that asks, both ways. Linking twice is
// linking once.
func (s *Slot) link(r *request) {
	there := watcher{slot: r.from, life: r.life, link: true}
	s.mu.Lock()
	alive, linked, n := s.cell.Load() != nil || s.closing != nil, false, s.n
	for _, w := range s.watchers() {
		linked = linked || w.link && w.slot == there.slot && w.life == there.life
	}
	if alive && !linked {
		s.addWatcher(MonitorID(r.id), there)
	}
	s.mu.Unlock()
	switch {
	case !alive:
		there.tell(s, MonitorID(r.id), Exit{Kind: ExitGone})
	case !linked:
		r.from.mu.Lock()
		r.from.addWatcher(MonitorID(r.id), watcher{slot: s, life: n, link: true})
		r.from.mu.Unlock()
	}
}

// tellAll brings the end of s to its watchers, in the order in which they came, so that a run can be repeated.
func (s *Slot) tellAll(watchers map[MonitorID]watcher, e Exit) {
	if len(watchers) == 0 {
		return
	}
	first := func(a, b MonitorID) int { return cmp.Compare(watchers[a].n, watchers[b].n) }
	for _, id := range slices.SortedFunc(maps.Keys(watchers), first) {
		watchers[id].tell(s, id, e)
	}
}

// tell brings the end of s to the watcher. A link ends with one of its ends: the other forgets it.
func (w watcher) tell(s *Slot, id MonitorID, e Exit) {
	if w.link {
		w.slot.mu.Lock()
		delete(w.slot.watchers(), id)
		w.slot.mu.Unlock()
		s.opts.sys.carry(s, w.slot, Message{Body: LinkDown{Ref{s}, e}, life: w.life})
		return
	}
	s.opts.sys.carry(s, w.slot, Message{Body: Down{id, Ref{s}, e}, life: w.life, reserved: true})
}

// linked applies the end of a linked actor: a message where links are trapped, else the own end unless
// the other ended cleanly.
func (c *Cell) linked(m LinkDown) any {
	if c.slot.opts.trapLinks {
		return m
	}
	if !m.Exit.Clean() {
		c.finish(Exit{Kind: ExitLinked, Err: m.Exit.Err, On: m.Of.Path()})
	}
	return nil
}

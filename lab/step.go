package lab

import (
	"errors"
	"sort"
	"strings"

	"github.com/franken-node/fnode-supervisor/lanes"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

// move is something that may happen next, by the process that does it.
type move struct {
	proc   int
	place  *place
	letter *letter
	write  *write
	alarm  *alarm
}

// moves lists what may happen next, in a fixed order: timers last, so that by default they fire when nothing else
// can happen.
func (w *world) moves(ms []move) []move {
	ms = ms[:0]
	for _, p := range w.slots {
		if p.paused || p.ready {
			ms = append(ms, move{proc: p.proc, place: p})
		}
	}
	ms = w.letters(ms)
	for i, x := range w.writes {
		if !x.over && !w.waits(i) {
			ms = append(ms, move{proc: x.proc, write: x})
		}
	}
	if w.quiet && len(ms) > 0 {
		return ms
	}
	for _, a := range w.alarms() {
		ms = append(ms, move{proc: a.proc, alarm: a})
	}
	return ms
}

// letters are the messages in flight that may arrive: the oldest of each link, or any.
func (w *world) letters(ms []move) []move {
	var seen map[[2]string]bool
	for _, l := range w.flight {
		if l.over {
			continue
		}
		if w.model == FIFO {
			if seen[l.link] {
				continue
			}
			if seen == nil {
				seen = map[[2]string]bool{}
			}
			seen[l.link] = true
		}
		ms = append(ms, move{proc: l.proc, letter: l})
	}
	return ms
}

// waits says whether a commit that was submitted before this one, in the order of causes, has not been decided.
func (w *world) waits(i int) bool {
	for _, x := range w.writes[:i] {
		if !x.over && (x.at == w.writes[i].at || w.writes[i].by.knows(x.by)) {
			return true
		}
	}
	return false
}

// alarms are the timers that may fire: all of them, or the earliest.
func (w *world) alarms() (out []*alarm) {
	for _, a := range w.timers {
		if a.on {
			out = append(out, a)
		}
	}
	if w.quiet && len(out) > 1 {
		sort.SliceStable(out, func(i, j int) bool { return out[i].due.Before(out[j].due) })
		out = out[:1]
	}
	return out
}

// do takes one step and records it.
func (w *world) do(m move) *event {
	w.seq++
	e := &event{proc: m.proc, i: len(w.events)}
	w.ev = e
	switch {
	case m.place != nil:
		if m.place.paused {
			w.run(m.place)
		} else {
			w.deliver(m.place)
		}
	case m.letter != nil:
		w.arrive(m.letter)
	case m.write != nil:
		w.decide(m.write)
	case m.alarm != nil:
		w.fire(m.alarm)
	}
	w.ev = nil
	w.events = append(w.events, e)
	return e
}

// arrive brings a letter and lets its receiver handle it, sends included, in the same step.
func (w *world) arrive(l *letter) {
	l.over = true
	e := w.ev
	if l.by != nil {
		e.after(l.by)
		e.cause = l.by
	}
	p := w.of[l.to]
	e.acc = append(e.acc, access{obj: w.box(l.to), kind: touch})
	if err := l.to.Accept(l.from, l.m); err != nil || p == nil {
		return
	}
	w.settle(p)
}

// settle delivers to p until it rests.
func (w *world) settle(p *place) {
	for p.ready {
		p.take = w.ev
		w.deliver(p)
	}
}

// fire puts the timer's message into its lane.
func (w *world) fire(a *alarm) {
	a.on = false
	if a.due.After(w.clock) && w.quiet {
		w.clock = a.due
	}
	if a.arm != nil {
		w.ev.after(a.arm)
	}
	w.tags[a.t.Tag].by = w.ev
	kind := put
	if w.model != N1 {
		kind = touch
	}
	w.note(access{obj: a.at.box, kind: kind, lane: uint8(lanes.Timed)})
	a.t.Fire()
	if w.model != N1 {
		w.settle(a.at)
	}
}

// decide is the committer: conditions, writes, answer.
func (w *world) decide(x *write) {
	x.over, x.did = true, w.ev
	w.ev.after(x.by)
	for _, before := range w.writes { // the order of submissions is the order of decisions
		if before.did != nil && before != x && (before.at == x.at || x.by.knows(before.by)) {
			w.ev.after(before.did)
		}
	}
	for _, c := range x.tx.If {
		w.note(access{obj: w.names.object("key " + c.Key), kind: look})
	}
	err := store.Decide(view{w}, x.tx)
	if err == nil {
		for _, kv := range x.tx.Set {
			w.disk[kv.Key] = append([]byte{}, kv.Value...)
			w.touch(w.names.object("key " + kv.Key))
		}
		for _, k := range x.tx.Delete {
			delete(w.disk, k)
			w.touch(w.names.object("key " + k))
		}
	}
	w.cur = nil
	x.done(store.Result{Seq: w.seq, Err: err})
	if w.model != N1 {
		w.settle(x.at)
	}
}

// view is the state as a decision sees it.
type view struct{ w *world }

// Get looks a key up.
func (v view) Get(key string) ([]byte, bool, error) {
	b, ok := v.w.disk[key]
	return b, ok, nil
}

// Usage is for quotas, which the lab does not count yet.
func (v view) Usage(string) (int64, int64, error) {
	return 0, 0, codes.New(codes.NoStore, "the lab counts no quota").Wrap(errors.ErrUnsupported)
}

func (w *world) list(prefix string, limit int) (out []string) {
	for k := range w.disk {
		if strings.HasPrefix(k, prefix) {
			out = append(out, k)
		}
	}
	sort.Strings(out)
	for _, k := range out {
		w.note(access{obj: w.names.object("key " + k), kind: look})
	}
	return out[:min(limit, len(out))]
}

// begin lets every actor that exists make its start sends, where a handler is one step.
func (w *world) begin() {
	if w.model == N1 {
		return
	}
	for i := 0; i < len(w.slots); i++ {
		for p := w.slots[i]; p.ready; {
			w.deliver(p)
		}
	}
}

package lab

import (
	"strings"

	store "github.com/franken-node/fnode-supervisor/store/core"
)

// move is something that may happen next, by the process that does it.
type move struct {
	proc   int
	place  *place
	stuck  bool // the guard finds the place's handler stuck
	letter *letter
	write  *write
	alarm  *alarm
	visit  *visit
	clock  bool // time passes
}

// moves lists what may happen next, in a fixed order: timers last, so that by default they fire when nothing else
// can happen.
func (w *world) moves(ms []move) []move {
	ms = ms[:0]
	for _, p := range w.slots {
		if p.co != nil || p.ready {
			ms = append(ms, move{proc: p.proc, place: p})
		}
	}
	ms = w.letters(ms)
	for i, x := range w.writes {
		if !x.over && !w.waits(i) {
			ms = append(ms, move{proc: x.proc, write: x})
		}
	}
	for _, v := range w.visits {
		if !v.over {
			ms = append(ms, move{proc: v.proc, visit: v})
		}
	}
	if w.o.Stuck {
		ms = w.stuck(ms)
	}
	return w.alarms(ms)
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

// alarms are the timers that may fire: all of them, or those that are due; where nothing else can happen, time passes.
func (w *world) alarms(ms []move) []move {
	asleep := false
	for _, a := range w.timers {
		switch {
		case !a.on:
		case w.o.Timers == Free || !a.due.After(w.clock):
			ms = append(ms, move{proc: a.proc, alarm: a})
		default:
			asleep = true
		}
	}
	if asleep && len(ms) == 0 {
		ms = append(ms, move{proc: w.book.proc("clock"), clock: true})
	}
	return ms
}

// pass moves the clock to when the next timer is due. It happens because nothing else could, after all else.
func (w *world) pass() {
	w.ev.barrier = true
	var next *alarm
	for _, a := range w.timers {
		if a.on && (next == nil || a.due.Before(next.due)) {
			next = a
		}
	}
	w.clock = next.due
	for _, a := range w.timers {
		if a.on && !a.due.After(w.clock) {
			a.due, a.since = w.clock, w.ev
		}
	}
}

// stuck are the handlers that are in somebody's way: in the middle of something while their region closes.
func (w *world) stuck(ms []move) []move {
	for _, p := range w.slots {
		if p.asked == nil && w.closing(p.slot) { // what happened last made it so
			p.asked = w.newest()
		}
		now := w.mayBeStuck(p)
		if p.guarded = now; now {
			ms = append(ms, move{proc: w.guard(p), place: p, stuck: true})
		}
	}
	return ms
}

// mayBeStuck says whether the guard of production could give the handler of p up now.
func (w *world) mayBeStuck(p *place) bool {
	if p.co == nil || p.fenced || p.slot.Living() != p.life {
		return false
	}
	return w.closing(p.slot)
}

// newest is the step that was taken last; nil: none was.
func (w *world) newest() *event {
	if n := len(w.events); n > 0 {
		return w.events[n-1]
	}
	return nil
}

func (w *world) guard(p *place) int { return w.book.proc("guard of " + p.path) }

// after says that the step under way could not have been before c.
func (w *world) after(c *event) {
	if !w.replay {
		w.ev.after(c)
	}
}

// do takes one step and records it, in e.
func (w *world) do(m move, e *event) {
	defer w.caught()
	w.seq++
	w.ev = e
	w.events = append(w.events, e)
	switch {
	case m.stuck:
		w.fence(m.place)
	case m.place != nil:
		w.goOn(m.place)
	case m.letter != nil:
		w.arrive(m.letter)
	case m.write != nil:
		w.decide(m.write)
	case m.alarm != nil:
		w.fire(m.alarm)
	case m.clock:
		w.rec.clock()
		w.pass()
	case m.visit != nil:
		m.visit.over = true
		w.rec.outside(w.book.names[m.proc])
		m.visit.f()
	}
	w.ev = nil
}

// goOn resumes the handler of p, or begins its next delivery.
func (w *world) goOn(p *place) {
	if w.o.Model != N1 {
		w.touch(p.box)
	}
	if p.co == nil {
		w.deliver(p)
		return
	}
	w.run(p)
	if w.o.Stuck && p.co == nil { // had its region been closing, the guard could have come first
		w.note(access{obj: p.region, kind: look})
	}
	if p.guarded && !w.mayBeStuck(p) { // it has returned, or ended: from here on nobody finds it stuck
		p.guarded = false
		w.touch(w.watched(p))
		w.traps = append(w.traps, trap{guard: w.guard(p), at: w.ev})
	}
}

// watched is the object that the guard and the end of a handler both touch.
func (w *world) watched(p *place) int32 { return w.book.object("handler of " + p.path) }

// fence is the guard of production: it gives up on a handler.
func (w *world) fence(p *place) {
	p.fenced, p.guarded = true, false
	w.rec.givesUp(p)
	w.after(p.began)
	w.after(p.asked)
	w.touch(p.box)
	w.touch(p.region)
	w.touch(w.watched(p))
	p.slot.Stuck()
	p.slot.Fence(p.life)
}

// settle delivers to p until it rests.
func (w *world) settle(p *place) {
	for p.ready {
		w.deliver(p)
	}
}

// fire puts the timer's message into its lane.
func (w *world) fire(a *alarm) {
	a.on = false
	w.after(a.since)
	w.tags[a.t.Tag].by = w.ev
	if !a.t.Limit() { // what the end of a drain does says itself
		w.note(w.firing(a)[0])
	}
	w.see.fired(a)
	w.rec.alarm(a, doesFire)
	a.t.Fire()
	if w.o.Model != N1 {
		w.settle(a.at)
	}
}

// firing is what the timer will touch: the lane that it sends to, or all that the end of a drain may kill.
func (w *world) firing(a *alarm) []access {
	if !a.t.Limit() {
		if w.o.Model != N1 {
			return []access{{obj: a.at.box, kind: touch}}
		}
		return []access{{obj: a.at.box, kind: put, lane: timed, id: -int32(a.proc) - 1, due: a.t.Due().UnixNano()}}
	}
	out := []access{{obj: a.at.region, kind: touch}}
	for _, p := range w.slots {
		if p == a.at || strings.HasPrefix(p.path, a.at.path+"/") {
			out = append(out, access{obj: p.box, kind: put, merges: true}, access{obj: p.region, kind: touch})
		}
	}
	return out
}

// decide is the committer: conditions, writes, answer.
func (w *world) decide(x *write) {
	x.over, x.did = true, w.ev
	w.after(x.by)
	for _, before := range w.writes { // the order of submissions is the order of decisions
		if before.did != nil && before != x && (before.at == x.at || x.by.knows(before.by)) {
			w.after(before.did)
		}
	}
	for _, c := range x.tx.If {
		w.note(access{obj: w.book.key(c.Key), kind: look})
		w.seen(w.book.key(c.Key))
	}
	err := store.Decide(view{w}, x.tx)
	w.rec.decides(w, x, err)
	if err == nil {
		w.apply(x.tx)
	}
	w.cur = nil
	x.done(store.Result{Seq: w.seq, Err: err})
	if w.o.Model != N1 {
		w.settle(x.at)
	}
}

func (w *world) apply(tx store.Tx) {
	if w.disk == nil {
		w.disk = map[string][]byte{}
	}
	for _, kv := range tx.Set {
		w.change(kv.Key)
		w.disk[kv.Key] = append([]byte{}, kv.Value...)
	}
	for _, k := range tx.Delete {
		w.change(k)
		delete(w.disk, k)
	}
}

func (w *world) change(key string) {
	if _, there := w.disk[key]; !there {
		w.note(access{obj: w.book.object("keys"), kind: join})
	}
	w.touch(w.book.key(key))
	w.written(w.book.key(key))
}

// view is the state as a decision sees it.
type view struct{ w *world }

// Get looks a key up.
func (v view) Get(key string) ([]byte, bool, error) {
	b, ok := v.w.disk[key]
	return b, ok, nil
}

// Usage sums up what the keys under a prefix hold, for quotas.
func (v view) Usage(prefix string, skip func(string) bool) (size, n int64, err error) {
	v.w.note(access{obj: v.w.book.object("keys"), kind: look})
	for k, b := range v.w.disk {
		if strings.HasPrefix(k, prefix) && !skip(k) {
			v.w.note(access{obj: v.w.book.key(k), kind: look})
			n++
			size += int64(len(k) + len(b))
		}
	}
	return size, n, nil
}

// begin lets every actor that exists make its start sends, where a handler is one step.
func (w *world) begin() {
	if w.o.Model == N1 {
		return
	}
	for i := 0; i < len(w.slots); i++ {
		for p := w.slots[i]; p.ready; {
			w.deliver(p)
		}
	}
}

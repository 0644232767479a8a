package lab

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lanes"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

// Model says how messages travel. The number of traces depends on it.
type Model uint8

// The delivery models.
const (
	N1   Model = iota // a send enqueues at once; each effect of a handler is a step of its own
	FIFO              // in flight, in order per sender and receiver; a handler with its sends is one step
	Bag               // any message in flight may be next; a handler with its sends is one step
)

var modelNames = [...]string{"n1", "fifo", "bag"}

// String gives the model's stable name.
func (m Model) String() string { return modelNames[m] }

// Timers says when armed timers may fire.
type Timers uint8

// Free: any time until cancelled, the default for proofs. Quiescent: when nothing else can happen, earliest first.
const (
	Free Timers = iota
	Quiescent
)

// world is one run: the Host under which production actors are scheduled step by step. It belongs to one
// goroutine; handlers run as coroutines of it.
type world struct {
	model  Model
	quiet  bool // Timers is Quiescent
	sys    *actors.System
	names  *names
	slots  []*place
	of     map[*actors.Slot]*place
	timers []*alarm
	writes []*write
	flight []*letter
	disk   map[string][]byte
	tags   []tag
	cur    *place // whose handler runs; nil: the driver
	ev     *event // the step under way; nil: set-up
	events []*event
	clock  time.Time
	seq    uint64
	traps  []trap
}

// place is a slot as the lab schedules it.
type place struct {
	slot   *actors.Slot
	path   string
	proc   int
	box    int // object
	ticket actors.Ticket
	ready  bool
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	paused bool // in the middle of a handler
	taken  uint64
	freed  [3]int // by lane: places that were taken out or given back
	arms   int
	puts   int
	draws  uint64
	take   *event // that began the handler under way, or the last one
	born   *event // that spawned it
	hist   []string
}

// tag says what a message is called and which step queued it.
type tag struct {
	name string
	by   *event
}

// alarm is an armed timer.
type alarm struct {
	t    *actors.Timer
	at   *place
	proc int
	due  time.Time
	on   bool
	arm  *event
}

// write is a commit between its submission and its result.
type write struct {
	tx   store.Tx
	done func(store.Result)
	by   *event
	at   *place
	proc int
	n    int
	over bool
	did  *event // the step that decided it
}

// letter is a message in flight.
type letter struct {
	to   *actors.Slot
	from *actors.Slot
	m    actors.Message
	link [2]string
	proc int
	by   *event
	over bool
}

var _ actors.Host = (*world)(nil)

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func newWorld(m Model, t Timers, n *names, e *Run) *world {
	w := &world{model: m, quiet: t == Quiescent, names: n, of: map[*actors.Slot]*place{}, disk: map[string][]byte{}, clock: epoch, tags: make([]tag, 1)}
	w.sys = actors.NewSystem(w, actors.Options{Events: func(ev actors.Event) {
		if changesRegions[ev.Kind] {
			w.touch(w.names.object("regions"))
			w.touch(w.names.object("box " + ev.Path)) // from here on sends are refused, or mean another incarnation
		}
		e.happened(ev)
	}})
	return w
}

// changesRegions are the events behind which the scope tree, watchers or names have changed.
var changesRegions = map[actors.EventKind]bool{
	actors.EventSpawned: true, actors.EventEnded: true, actors.EventClosed: true, actors.EventWedged: true, actors.EventRetired: true,
}

// Now is virtual: it moves when a timer fires and nothing else could happen.
func (w *world) Now() time.Time { return w.clock }

// Rand is the same for the same draw of the same actor in every schedule.
func (w *world) Rand() uint64 {
	x := uint64(1)
	if p := w.cur; p != nil {
		p.draws++
		x = p.draws
	}
	x ^= x << 13
	x ^= x >> 7
	return x * 0x9e3779b97f4a7c15
}

// pause is where an effect waits for its turn; others may run meanwhile.
func (w *world) pause() {
	p := w.cur
	if p == nil || w.model != N1 || w.ev == nil {
		return
	}
	p.paused = true
	if !p.yield(struct{}{}) {
		panic(actors.Unwind{})
	}
	p.paused = false
}

// Send queues at once, or puts the message in flight.
func (w *world) Send(from, to *actors.Slot, m actors.Message) error {
	w.pause()
	lane, queued := m.Lane()
	if !queued {
		w.touch(w.box(to))
		return to.Accept(from, m)
	}
	name, link := w.nameOf(from, to)
	w.tags = append(w.tags, tag{name, w.ev})
	m.Tag = uint64(len(w.tags) - 1)
	if w.model != N1 && from != nil {
		l := &letter{to: to, from: from, m: m, link: link, by: w.ev}
		l.proc = w.names.proc("l:" + link[1] + "<" + link[0]) // a link keeps its order
		if w.model == Bag {
			l.proc = w.names.proc("m:" + link[1] + "<" + name)
		}
		w.flight = append(w.flight, l)
		return nil
	}
	return w.put(from, to, m, lane)
}

func (w *world) put(from, to *actors.Slot, m actors.Message, lane lanes.Lane) error {
	a := access{obj: w.box(to), kind: put, lane: uint8(lane)}
	if lane != lanes.Cancel {
		a.owed, a.last = w.owed(to, lane), to.Free(lane) == 1
	}
	err := to.Accept(from, m)
	a.refused = err != nil
	w.note(a)
	if a.refused && from != nil && strings.HasPrefix(fmt.Sprintf("%T", m.Body), "*actors.Ask[") { // a question gives back the place that it had promised to its answer
		w.gave(from, lanes.Ready)
		w.note(access{obj: w.box(from), kind: give, lane: uint8(lanes.Ready)})
	}
	return err
}

// nameOf numbers the messages of a link: "a.2" is the second that a sends to this receiver.
func (w *world) nameOf(from, to *actors.Slot) (name string, link [2]string) {
	by := "-"
	switch {
	case from != nil:
		by = from.Path()
	case w.cur != nil:
		by = w.cur.path
	}
	link = [2]string{by, to.Path()}
	return w.names.message(link, w.names.count(w, link)), link
}

func (w *world) box(s *actors.Slot) int {
	if p := w.of[s]; p != nil {
		return p.box
	}
	return w.names.object("box " + s.Path())
}

// Spawn makes the slot schedulable.
func (w *world) Spawn(_, s *actors.Slot) {
	w.pause()
	p := w.of[s]
	if p == nil {
		p = &place{slot: s, path: s.Path(), proc: w.names.proc(s.Path()), box: w.names.object("box " + s.Path())}
		w.of[s] = p
		w.slots = append(w.slots, p)
	}
	p.born = w.ev
	w.note(access{obj: p.box, kind: touch})
	if t, ok := s.Wake(); ok {
		p.ticket, p.ready = t, true
	}
}

// Ready keeps the newest ticket.
func (w *world) Ready(_, s *actors.Slot, t actors.Ticket) {
	if p := w.of[s]; p != nil {
		p.ticket, p.ready = t, true
	}
}

// Arm makes a timer that may fire from now on.
func (w *world) Arm(s *actors.Slot, d time.Duration, t *actors.Timer) func() {
	w.pause()
	p := w.of[s]
	if p == nil { // a budget that is armed while the slot is made
		p = &place{slot: s, path: s.Path(), box: w.names.object("box " + s.Path())}
	}
	p.arms++
	a := &alarm{t: t, at: p, proc: w.names.proc(fmt.Sprintf("t:%s#%d", p.path, p.arms)), due: w.clock.Add(d), on: true, arm: w.ev}
	w.tags = append(w.tags, tag{fmt.Sprintf("timer#%d", p.arms), nil})
	t.Tag = uint64(len(w.tags) - 1)
	w.timers = append(w.timers, a)
	return func() { w.forget(a) }
}

// forget disarms: from here on the timer cannot fire. That it could have is remembered.
func (w *world) forget(a *alarm) {
	if !a.on {
		return
	}
	a.on = false
	if w.ev != nil && !w.quiet {
		w.traps = append(w.traps, trap{alarm: a, at: w.ev})
	}
}

// Read looks at the state as it is now.
func (w *world) Read(_ *actors.Slot, key string) ([]byte, bool, error) {
	w.pause()
	w.note(access{obj: w.names.object("key " + key), kind: look})
	v, ok := w.disk[key]
	return v, ok, nil
}

// List lists keys; for the lab it reads all of them.
func (w *world) List(_ *actors.Slot, prefix string, limit int) ([]string, error) {
	w.pause()
	return w.list(prefix, limit), nil
}

// Commit submits; the committer decides and answers in a step of its own, in the order of submissions that are
// ordered.
func (w *world) Commit(by *actors.Slot, tx store.Tx, done func(store.Result)) {
	w.pause()
	p := w.of[by]
	p.puts++
	w.writes = append(w.writes, &write{tx: tx, done: done, by: w.ev, at: p, n: p.puts, proc: w.names.proc(fmt.Sprintf("w:%s#%d", p.path, p.puts))})
}

// Step is a point at which others may run. What it may see or change is touched.
func (w *world) Step(by *actors.Slot, k actors.StepKind) {
	w.pause()
	switch k {
	case actors.StepDone, actors.StepErr, actors.StepCheckpoint:
		w.note(access{obj: w.box(by), kind: heed})
	case actors.StepClose, actors.StepProcess:
		w.touch(w.names.object("regions"))
	case actors.StepHoldReady:
		w.hold(by, lanes.Ready)
	case actors.StepHoldTimed:
		w.hold(by, lanes.Timed)
	case actors.StepDisarm:
		w.gave(by, lanes.Timed)
		w.note(access{obj: w.box(by), kind: give, lane: uint8(lanes.Timed)})
	}
}

// owed says whether a lane would have no room but for what was taken out of it or given back before.
func (w *world) owed(s *actors.Slot, l lanes.Lane) bool {
	p := w.of[s]
	return p != nil && s.Free(l) <= p.freed[l]
}

func (w *world) gave(s *actors.Slot, l lanes.Lane) {
	if p := w.of[s]; p != nil {
		p.freed[l]++
	}
}

// hold is the promise of a place in an own lane.
func (w *world) hold(by *actors.Slot, l lanes.Lane) {
	w.note(access{obj: w.box(by), kind: hold, lane: uint8(l), owed: w.owed(by, l), last: by.Free(l) == 1, refused: by.Free(l) <= 0})
}

// spawnCoroutine is the loop in which a slot's deliveries run.
func (w *world) coroutine(p *place) {
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(actors.Unwind); !ok {
					panic(r)
				}
			}
		}()
		p.yield = yield
		for {
			more := p.slot.Deliver()
			if more == actors.More {
				p.ticket, p.ready = p.slot.Requeue(), true
			}
			if !yield(struct{}{}) {
				return
			}
		}
	})
}

// run goes on with p to its next pause, or to the end of its delivery.
func (w *world) run(p *place) {
	if p.next == nil {
		w.coroutine(p)
	}
	w.cur = p
	p.next()
	w.cur = nil
}

// deliver begins the next delivery of p.
func (w *world) deliver(p *place) {
	p.ready = false
	if !p.slot.Claim(p.ticket) {
		panic(fmt.Sprintf("lab: the ticket of %s is stale", p.path))
	}
	w.run(p)
	u := p.slot.Under()
	if u.N == p.taken {
		if w.ev != nil && p.born != nil {
			w.ev.after(p.born)
		}
		return // the start of an incarnation
	}
	p.taken = u.N
	w.handled(p, u)
}

// handled notes which message was taken, by lane.
func (w *world) handled(p *place, u actors.Under) {
	g := tag{name: fmt.Sprintf("?%d", u.N)}
	if u.Tag > 0 {
		g = w.tags[u.Tag]
	}
	p.hist = append(p.hist, g.name)
	if w.ev == nil {
		return
	}
	p.freed[u.Lane]++
	a := access{obj: p.box, kind: take, lane: uint8(u.Lane)}
	// The message was noted before whatever the handler did in the same step.
	w.ev.acc = append([]access{a}, w.ev.acc...)
	p.take = w.ev
	if g.by != nil {
		w.ev.after(g.by)
		w.ev.cause = g.by
	}
}

func (w *world) note(a access) {
	if w.ev != nil {
		w.ev.acc = append(w.ev.acc, a)
	}
}

func (w *world) touch(obj int) { w.note(access{obj: obj, kind: touch}) }

// end leaves every handler that is in the middle of something.
func (w *world) end() {
	w.ev = nil
	for _, p := range w.slots {
		if p.stop != nil {
			w.cur = p
			p.stop()
		}
	}
	w.cur = nil
}

package lab

import (
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

// world is one run: the Host under which production actors are scheduled step by step. It belongs to one
// goroutine; handlers run as coroutines of it.
type world struct {
	o            *Options
	book         *book
	pool         *coroutines
	r            *Run
	sys          *actors.System
	slots        []*place
	places, used []*place // of runs that are over, and of this one
	of           map[*actors.Slot]*place
	timers       []*alarm
	writes       []*write
	flight       []*letter
	visits       []*visit
	disk         map[string][]byte
	history      map[int32]*keyHistory // by object
	tags         []tag
	cur          *place // whose handler runs; nil: the driver
	ev           *event // the step under way; nil: set-up
	blind        bool   // the lab looks itself: that is no access
	replay       bool   // the step under way was recorded before
	setting      bool   // a part of the set-up comes to rest: what is sent arrives at once
	leaving      bool   // handlers that are in the middle of something are being left
	events       []*event
	clock        time.Time
	seq          uint64
	traps        []trap
	faults       faults
	draw         func(*letter) fate // of a sampled run; nil: the faults are given
	posted       []*letter          // where links have faults
	hits         int                // letters that faults have met
	broken       string             // an invariant that a handler ran into
	granting     bool               // a reservation is being granted at once
	streaks      int                // deliveries that only the bound on starvation explains
	see          oracles
	audit        *auditor  // nil: digests are off
	rec          *recorder // nil: steps are not described
}

// place is a slot as the lab schedules it.
type place struct {
	*person
	ledger
	slot    *actors.Slot
	ticket  actors.Ticket
	ready   bool
	co      *coroutine // of the handler under way
	want    access     // what its next step will do
	taken   uint64
	begun   uint64
	freed   [3]int32   // by lane: places that were taken out or given back
	claims  [3]int     // by lane: puts and promises so far, refused ones too
	room    [3][]int32 // by lane: what its owner took, and gave back, in order
	arms    int
	puts    int
	draws   uint64
	began   *event           // its newest delivery
	asked   *event           // that closed its region
	born    *event           // that spawned it
	life    base.Incarnation // whose handler is under way
	fenced  bool             // the guard gave its handler up
	guarded bool             // the guard could have, in the handler under way
	line    uint64           // hash of what it handled
	hist    []took
}

// took is an entry of what an actor has seen.
type took struct {
	msg  int32  // handled; zero: a note
	note string // what an effect answered, or the name of a message without a number
	body *any
}

// tag says what a message is and which step queued it.
type tag struct {
	id     int32 // of the message, or of the timer, below zero
	msg    int32
	by     *event
	due    int64
	body   *any
	note   string // its name, if it has no number
	link   *link
	n      int // on the link
	merges bool
}

// write is a commit between its submission and its result.
type write struct {
	tx   store.Tx
	done func(store.Result)
	by   *event
	at   *place
	proc int
	over bool
	did  *event // the step that decided it
}

// visit is something that the outside world does once, at any time.
type visit struct {
	proc int
	f    func()
	over bool
}

// trap is a step that took another's chance away: a timer that was disarmed could have fired before, a handler that
// returned could have been found stuck.
type trap struct {
	alarm *alarm
	guard int // the process of the guard, where there is no alarm
	at    *event
}

var _ actors.Host = (*world)(nil)

var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func newWorld(o *Options, b *book, pool *coroutines, r *Run) *world {
	b.run++
	w := pool.world()
	old := *w
	clear(old.of)
	clear(old.tags)
	clear(old.slots)
	*w = world{
		o: o, book: b, pool: pool, r: r, clock: epoch, of: old.of, places: append(old.places, old.used...), used: old.used[:0],
		tags: append(old.tags[:0], tag{}), slots: old.slots[:0], events: old.events[:0], timers: old.timers[:0], writes: old.writes[:0],
		traps: old.traps[:0], rec: o.rec,
	}
	host := actors.Host(w)
	if o.seam != nil {
		host = o.seam(w)
	}
	w.sys = actors.NewSystem(host, actors.Options{Name: "lab", Events: w.happened, Virtual: true})
	w.sys.Root().Observe(w.regional)
	return w
}

// place makes a slot schedulable.
func (w *world) place(s *actors.Slot) *place {
	var p *place
	if n := len(w.places); n > 0 {
		p = w.places[n-1]
		w.places = w.places[:n-1]
		*p = place{ledger: ledger{newest: p.newest[:0]}, room: [3][]int32{nil, p.room[1][:0], p.room[2][:0]}}
	} else {
		p = &place{}
	}
	p.slot, p.person = s, w.book.person(s.Path())
	w.used = append(w.used, p)
	w.of[s] = p
	w.slots = append(w.slots, p)
	return p
}

// happened notes what an event of the kernel's life has changed: the scope tree, watchers, names.
func (w *world) happened(ev actors.Event) {
	w.see.event(w, ev)
	w.rec.event(ev)
	switch ev.Kind {
	case actors.EventSpawned:
		p := w.book.person(ev.Path)
		w.touch(p.alive)
		w.touch(p.box)
	case actors.EventClosed:
		p := w.book.person(ev.Path)
		w.touch(p.alive)
		w.note(access{obj: p.box, kind: touch})
	case actors.EventRetired:
		p := w.book.person(ev.Path)
		w.touch(p.alive)
		w.touch(p.box)
	case actors.EventWedged:
		p := w.book.person(ev.Path)
		w.touch(p.alive)
	}
}

// regional notes an access to a region.
func (w *world) regional(r *regions.Region, k regions.Access, closing bool) {
	if w.ev == nil || w.replay || w.blind {
		return
	}
	p := w.book.person("")
	if !r.IsRoot() {
		p = w.book.person(r.Name())
	}
	w.note(access{obj: p.region, kind: regionKinds[k], closing: closing})
}

var regionKinds = [...]kind{regions.AccessLook: look, regions.AccessJoin: join, regions.AccessLeave: leave, regions.AccessChange: touch}

// Now is virtual: it moves when a timer fires and nothing else could happen.
func (w *world) Now() time.Time { return w.clock }

// Rand is the same for the same draw of the same actor in every schedule.
func (w *world) Rand() uint64 {
	x := uint64(1)
	if p := w.cur; p != nil {
		p.draws++
		x = mix(p.hash, p.draws)
	}
	return mix(w.o.Seed, x)
}

// pause is where an effect waits for its turn; others may run meanwhile. want is what the effect will do.
func (w *world) pause(want access) {
	p := w.cur
	if p == nil || w.o.Model != N1 || w.ev == nil {
		return
	}
	if w.leaving {
		panic(actors.Unwind{})
	}
	p.want = want
	w.cur = nil
	on := p.co.yield(struct{}{})
	w.cur = p
	if !on || w.leaving {
		panic(actors.Unwind{})
	}
}

// Spawn makes the slot schedulable. The spawner was paused before (StepSpawn).
func (w *world) Spawn(_, s *actors.Slot) {
	p := w.of[s]
	if p == nil {
		p = w.place(s)
	}
	p.born, p.fenced, p.asked = w.ev, false, nil
	w.touch(p.alive)
	w.touch(p.box)
	w.touch(p.region)
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

// Step is a point at which others may run. What it may see or change is noted.
func (w *world) Step(by *actors.Slot, k actors.StepKind) {
	p := w.person(by)
	switch k {
	case actors.StepDone, actors.StepErr, actors.StepCheckpoint:
		a := access{obj: p.box, kind: heed}
		w.pause(a)
		w.note(a)
		if by.Cancelled() {
			w.answer("cancelled")
		}
	case actors.StepClose:
		w.pause(access{obj: p.region, kind: touch})
		for _, q := range w.slots { // one of its children
			if q.up == p {
				w.touch(q.alive)
			}
		}
	case actors.StepProcess, actors.StepSpawn:
		w.pause(access{obj: p.region, kind: join})
		if w.closing(by) {
			w.answer("closing")
		}
	case actors.StepRelease:
		w.pause(access{obj: p.region, kind: leave})
	case actors.StepShut:
		w.pause(access{obj: p.region, kind: touch})
	case actors.StepEnd:
		w.touch(p.alive)
		if by.Under().Alone {
			w.touch(p.box) // nothing was in it: that ended the drain
		}
	case actors.StepHoldReady:
		w.hold(by, lanes.Ready)
	case actors.StepHoldTimed:
		w.hold(by, lanes.Timed)
	case actors.StepDisarm:
		w.pause(access{obj: p.box, kind: give, lane: uint8(lanes.Timed)})
	case actors.StepFreeTimed:
		w.frees(by, lanes.Timed)
	case actors.StepFreeReady:
		w.frees(by, lanes.Ready)
	case actors.StepAsked:
		w.note(access{obj: p.alive, kind: look})
	case actors.StepLeave:
		w.touch(p.alive)
	case actors.StepVacate:
		w.touch(p.alive)
		w.touch(p.box)
	case actors.StepTakeBack:
		w.note(access{obj: p.box, kind: pull, lane: ready})
	}
	w.rec.steps(by, k)
}

// closing says whether the region of the slot's incarnation is closing.
func (w *world) closing(s *actors.Slot) bool {
	w.blind = true
	_, own := s.Closing()
	w.blind = false
	return own
}

// owes says without which of the places that its owner took out or gave back a lane would have none for the next
// message of somebody else: the newest such that without it, and all that the owner did after it, none is left. Zero:
// there would be one anyway.
func (w *world) owes(by *actors.Slot, s *actors.Slot, l lanes.Lane) int32 {
	p := w.of[s]
	if p == nil || by == s {
		return 0
	}
	room := s.Free(l)
	for i := len(p.room[l]) - 1; i >= 0; i-- {
		switch n := p.room[l][i]; {
		case n == claimed:
			room++
		case room <= 1:
			return n
		default:
			room--
		}
	}
	return 0
}

// near counts one more claim of a place in a lane, and says whether the bound may be near: not where all claims so far
// would leave more than one place.
func (w *world) near(s *actors.Slot, l lanes.Lane) bool {
	p := w.of[s]
	if p == nil {
		return true
	}
	p.claims[l]++
	return p.claims[l]+1 >= s.Bound(l)
}

// claimed marks a place that the owner of a lane took itself, among those that it gave back, which count from 1.
const claimed = 0

// claims notes that the owner of a lane took a place in it.
func (w *world) claims(s *actors.Slot, l lanes.Lane) {
	if p := w.of[s]; p != nil {
		p.room[l] = append(p.room[l], claimed)
	}
}

// given notes that the owner of a lane gave a place back, and says which that was.
func (p *place) given(l lanes.Lane) int32 {
	p.freed[l]++
	p.room[l] = append(p.room[l], p.freed[l])
	return p.freed[l]
}

// frees notes that a place was given back.
func (w *world) frees(s *actors.Slot, l lanes.Lane) {
	if p := w.of[s]; p != nil {
		w.note(access{obj: p.box, kind: give, lane: uint8(l), nth: p.given(l)})
	}
}

// hold is the promise of a place in an own lane.
func (w *world) hold(by *actors.Slot, l lanes.Lane) {
	a := access{obj: w.box(by), kind: hold, lane: uint8(l)}
	w.pause(a)
	w.near(by, l)
	free := by.Free(l)
	a.last, a.refused = free == 1, free <= 0
	w.note(a)
	if !a.refused {
		w.claims(by, l)
	}
	if a.refused {
		w.answer("no room")
	}
}

func (w *world) note(a access) {
	if w.ev != nil && !w.replay {
		w.ev.acc = append(w.ev.acc, a)
	}
}

func (w *world) touch(obj int32) { w.note(access{obj: obj, kind: touch}) }

// end leaves every handler that is in the middle of something.
func (w *world) end() {
	w.leaving = true
	for _, p := range w.slots {
		if p.co != nil {
			w.cur = p
			p.co.next()
			w.pool.put(p.co)
			p.co = nil
		}
	}
	w.cur = nil
	w.pool.spare = append(w.pool.spare, w)
}

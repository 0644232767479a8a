package lab

import (
	"fmt"
	"sort"
	"strings"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/invariant"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// The oracles that watch every run, by name. Each counts what it saw: one that saw nothing has shown nothing.
const (
	Conservation = "conservation" // every message is accounted for (L5)
	Obligations  = "obligations"  // every promise is resolved (O1, O3)
	Quiescence   = "quiescence"   // a closed region holds nothing (R4)
	LaneBounds   = "lane_bounds"  // capacity, order and the bound on starvation (L2, L3, L4)
	Monitors     = "monitors"     // exactly one Down per monitor (S4)
	Deadlock     = "deadlock"     // nothing waits when nothing can happen any more
	Invariants   = "invariants"   // the kernel's own assertions
	Assertions   = "assertions"   // the scenario's own checks
)

var oracleNames = []string{Conservation, Obligations, Quiescence, LaneBounds, Monitors, Deadlock, Invariants}

// oracles watch one run.
type oracles struct {
	seen     [7]int
	fails    []Violation
	downs    map[watch]*vigil
	asserted int
}

const (
	iConservation = iota
	iObligations
	iQuiescence
	iLaneBounds
	iMonitors
	iDeadlock
	iInvariants
)

// ledger is what the lab itself counted for a slot, by lane.
type ledger struct {
	sent    [3]uint64
	handled [3]uint64
	waits   [3]int // deliveries in a row that passed over a lane in which something waited
	newest  []latest
}

// watch is a monitor of an incarnation.
type watch struct {
	by *actors.Slot
	id actors.MonitorID
}

type vigil struct {
	of   *actors.Slot
	life uint64 // of the watcher: incarnations that had begun
	told int
	back bool // taken back
}

func (o *oracles) fail(i int, format string, args ...any) {
	o.fails = append(o.fails, Violation{oracleNames[i], fmt.Sprintf(format, args...)})
}

// sent hears of a message that the host hands to its receiver, and what that said. A slot that was given up has no
// books to put it in.
func (o *oracles) sent(w *world, to *actors.Slot, m actors.Message, err error) {
	p := w.of[to]
	if p == nil || err != nil && codes.From(err).Code == codes.Gone {
		return
	}
	lane, _, _ := m.Lane()
	p.sent[lane]++
	o.seen[iConservation]++
	switch b := m.Body.(type) {
	case actors.Down:
		o.down(to, b)
	case *actors.Permit:
		o.seen[iObligations]++
	default:
		if m.Question() {
			o.seen[iObligations]++
		}
	}
}

// fired hears of a timer whose message enters its lane.
func (o *oracles) fired(a *alarm) {
	if !a.t.Limit() {
		a.at.sent[lanes.Timed]++
	}
}

func (o *oracles) down(to *actors.Slot, d actors.Down) {
	o.seen[iMonitors]++
	v := o.downs[watch{to, d.Monitor}]
	if v == nil {
		o.fail(iMonitors, "%s hears of the end of %s and set no monitor", to.Path(), d.Of.Path())
		return
	}
	if v.told++; v.told > 1 {
		o.fail(iMonitors, "%s hears %d times of one end of %s", to.Path(), v.told, d.Of.Path())
	}
}

// asked hears of a monitor that is set or taken back.
func (o *oracles) asked(by, of *actors.Slot, id actors.MonitorID, set bool) {
	if o.downs == nil {
		o.downs = map[watch]*vigil{}
	}
	if !set {
		if v := o.downs[watch{by, id}]; v != nil {
			v.back = true
		}
		return
	}
	o.downs[watch{by, id}] = &vigil{of: of, life: by.Under().Begun}
}

// handled hears of a delivery, after its first step.
func (o *oracles) handled(w *world, p *place, u actors.Under) {
	l := &p.ledger
	l.handled[u.Lane]++
	o.seen[iLaneBounds]++
	o.order(w, p, l, u)
	depth := u.Left
	for lane := range depth {
		if lane == int(u.Lane) || depth[lane] == 0 {
			l.waits[lane] = 0
			continue
		}
		// The head has been passed over; counting the delivery that takes it, it may be one more.
		if l.waits[lane]++; l.waits[lane]+1 > headBounds[lane] {
			o.fail(iLaneBounds, "%s: the head of %s waits through %d deliveries; the bound is %d", p.path, lanes.Lane(lane), l.waits[lane], headBounds[lane])
		}
	}
	p.urgency(w, u)
}

// headBounds are the bounds of rule L3, the delivery of the head included.
var headBounds = [3]int{3, 10, 33}

// order checks that one sender's messages do not overtake each other in Ready.
func (o *oracles) order(w *world, p *place, l *ledger, u actors.Under) {
	if u.Tag == 0 || u.Lane != lanes.Ready || w.o.Model == Bag || w.o.Link.Reorder || w.o.Link.Dup > 0 {
		return
	}
	t := w.tags[u.Tag]
	if t.link == nil {
		return
	}
	at := l.latest(t.link)
	if t.n <= at.n {
		o.fail(iLaneBounds, "%s handles %s after number %d of the same sender", p.path, w.book.msgs[t.msg].name, at.n)
	}
	at.n = t.n
}

// latest is the newest message that a receiver has handled of one sender.
type latest struct {
	link *link
	n    int
}

func (l *ledger) latest(of *link) *latest {
	for i := range l.newest {
		if l.newest[i].link == of {
			return &l.newest[i]
		}
	}
	l.newest = append(l.newest, latest{link: of})
	return &l.newest[len(l.newest)-1]
}

// urgency notes a delivery that only the bound on starvation explains: exploration does not see such bounds.
func (p *place) urgency(w *world, u actors.Under) {
	for lane := range int(u.Lane) {
		if u.Left[lane] > 0 {
			w.streaks++
			return
		}
	}
}

// event hears of the kernel's life.
func (o *oracles) event(w *world, ev actors.Event) {
	switch ev.Kind {
	case actors.EventClosed:
		o.seen[iQuiescence]++
		o.quiet(w, ev)
	case actors.EventLeaked:
		o.seen[iObligations]++
		o.fail(iObligations, "%s ended and leaks %s", ev.Path, ev.Detail)
	case actors.EventViolated:
		o.fail(iInvariants, "%s", ev.Detail)
	}
}

// quiet checks a proof against what is really there: nothing below the closed incarnation lives.
func (o *oracles) quiet(w *world, ev actors.Event) {
	if len(ev.Proof.Residue) > 0 {
		return // a wedged member, by name
	}
	if !ev.Proof.Quiescent() {
		o.fail(iQuiescence, "the proof of %s says: %s", ev.Path, ev.Proof)
	}
	for _, p := range w.slots {
		if strings.HasPrefix(p.path, ev.Path+"/") && p.slot.Living() != 0 {
			o.fail(iQuiescence, "%s is closed, with proof, and %s still lives", ev.Path, p.path)
		}
	}
}

// atEnd looks at the world when nothing can happen any more.
func (o *oracles) atEnd(w *world) {
	o.seen[iInvariants]++
	if w.broken != "" {
		o.fail(iInvariants, "%s", w.broken)
		return
	}
	for _, p := range w.slots {
		v := p.slot.View()
		o.atRest(p, v)
		o.account(p, v)
	}
	for k, v := range o.downs {
		if of := v.of; of != nil && v.told == 0 && !v.back && of.Living() == 0 && k.by.Under().Begun == v.life && k.by.Living() != 0 {
			o.fail(iMonitors, "%s watches %s, which has ended, and was not told", k.by.Path(), of.Path())
		}
	}
	sort.SliceStable(o.fails, func(i, j int) bool { return o.fails[i].Detail < o.fails[j].Detail })
}

func (o *oracles) atRest(p *place, v actors.ActorView) {
	o.seen[iDeadlock]++
	for _, l := range []lanes.Lane{lanes.Timed, lanes.Ready} {
		if free, bound := p.slot.Free(l), p.slot.Bound(l); free+v.Lanes[l].Depth > bound {
			o.fail(iLaneBounds, "%s, %s: %d places are free and %d taken, of %d", p.path, l, free, v.Lanes[l].Depth, bound)
		}
	}
	if p.slot.Living() == 0 {
		return
	}
	owner, own := p.slot.Closing()
	switch {
	case v.Obligations > 0:
		o.fail(iObligations, "%s still owes %d", p.path, v.Obligations)
	case p.slot.Waits() > 0:
		o.fail(iDeadlock, "%s waits for %d answers that do not come", p.path, p.slot.Waits())
	case v.State == spec.Fenced.String():
	case own || owner:
		o.fail(iDeadlock, "%s was asked to end and does not (%s)", p.path, v.State)
	case v.Depth() > 0:
		o.fail(iDeadlock, "%s has %d messages and is not scheduled", p.path, v.Depth())
	}
}

// account checks rule L5: the kernel's books, and the kernel's against the lab's own.
func (o *oracles) account(l *place, v actors.ActorView) {
	o.books(v)
	c := v.Counts
	for lane := range l.sent {
		if c.Taken[lane] != l.handled[lane] {
			o.fail(iConservation, "%s, %s: %d were taken, the lab saw %d", l.slot.Path(), lanes.Lane(lane), c.Taken[lane], l.handled[lane])
		}
		if c.Sent[lane] < l.sent[lane] {
			o.fail(iConservation, "%s, %s: %d were sent, %d arrived", l.slot.Path(), lanes.Lane(lane), l.sent[lane], c.Sent[lane])
		}
	}
}

// books checks that the kernel's own add up.
func (o *oracles) books(v actors.ActorView) {
	c := v.Counts
	for lane := range c.Sent {
		ends := uint64(v.Lanes[lane].Depth) + c.Taken[lane] + c.Dead[lane] + c.Refused[lane] + c.Merged[lane] + c.Revoked[lane]
		if c.Sent[lane] != ends {
			o.fail(iConservation, "%s, %s: sent %d, accounted for %d", v.Path, lanes.Lane(lane), c.Sent[lane], ends)
		}
	}
}

// checked counts what the scenario itself has asked.
func (o *oracles) checked(check) { o.asserted++ }

// caught takes a broken rule that came up outside of a handler for what it is: the end of the run.
func (w *world) caught() {
	switch v := recover().(type) {
	case nil:
	case invariant.Broken:
		w.broken, w.ev = v.Error(), nil
	default:
		panic(v)
	}
}

package lab

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// node is a state on the way: what is asleep in it, and what is to be tried from it.
type node struct {
	chosen int
	did    *event // what the chosen process did
	sleep  []*event
	todo   *tree
	root   tree // where no wakeup leads here
	lead   tree // what is tried first where no wakeup says it, and its place in a list
	first  [1]*tree
	tried  int             // branches that are behind
	plans  map[uint64]bool // what has been planned from here: see news
}

// room is held and never touched: runs leave much garbage and keep little, and with it the collector comes less often.
// It is asked for by the first exploration that is not small, once a process.
var room = sync.OnceValue(func() []byte { return make([]byte, 32<<20) })

// explorer holds one exploration.
type explorer struct {
	rules
	sc      Scenario
	o       Options
	book    *book
	pool    coroutines
	stack   []*node
	nodes   []*node // that were given up, for their room
	trials  trials
	res     *Result
	ms      []move
	last    []*event
	seen    []*event // the same, of a run that tries something out
	faults  faults   // of the runs under way
	todo    []faults // that are still to be explored
	planned map[string]bool
	fresh   int // events before this one were there in the run before
	tell    ticker
	beat    *heartbeat
}

// explore runs every schedule of a scenario up to the order of steps that do not depend on each other: each
// Mazurkiewicz trace once (optimal dynamic partial order reduction with wakeup trees; Abdulla, Aronis, Jonsson
// and Sagonas, POPL 2014).
func (x *explorer) explore(ctx context.Context) {
	defer x.end()
	x.todo, x.planned = []faults{nil}, map[string]bool{}
	for len(x.todo) > 0 {
		x.faults, x.todo = x.todo[0], x.todo[1:]
		x.stack = x.stack[:0]
		if !x.tree(ctx) {
			return
		}
	}
	x.res.Exhausted = x.res.why == ""
}

// tree explores the runs with one set of faults; false: something ended the whole.
func (x *explorer) tree(ctx context.Context) bool {
	for {
		x.once()
		switch {
		case x.res.escape != nil:
			return false
		case !x.back():
			return true
		case x.o.Most > 0 && x.res.Runs >= x.o.Most:
			x.res.bounded("%d runs", x.o.Most)
			return false
		case x.o.First && len(x.res.Violations) > 0:
			x.res.bounded("the first violation")
			return false
		}
		if x.res.Runs == 256 {
			room()
		}
		if x.res.Runs&15 == 0 && x.tell.due(x) {
			if why := x.over(ctx); why != "" {
				x.res.bounded("%s", why)
				return false
			}
		}
	}
}

func (x *explorer) over(ctx context.Context) string {
	switch {
	case ctx.Err() != nil:
		return "interrupted"
	case x.o.Within > 0 && time.Since(x.tell.began) > x.o.Within:
		return x.o.Within.String()
	}
	return ""
}

// end ends what runs its handlers.
func (x *explorer) end() {
	x.pool.end()
	x.trials.pool.end()
}

// start makes a fresh world.
func (x *explorer) start() *Run { return newRun(x.sc, &x.o, x.book, &x.pool, x.faults, nil) }

func newRun(sc Scenario, o *Options, b *book, pool *coroutines, f faults, draw func(*letter) fate) *Run {
	r := &Run{}
	r.w = newWorld(o, b, pool, r)
	r.w.faults, r.w.draw = f, draw
	sc.Setup(r)
	r.w.begin()
	return r
}

// once replays the stack and goes on to the end.
func (x *explorer) once() {
	x.res.Runs++
	r := x.start()
	w := r.w
	defer w.end()
	clear(x.last)
	x.fresh = max(0, len(x.stack)-1)
	for d := 0; ; d++ {
		x.ms = w.moves(x.ms)
		switch {
		case d < len(x.stack):
		case len(x.ms) == 0 || w.broken != "":
			x.complete(r)
			return
		case d >= x.o.Depth:
			x.cut(r)
			return
		case !x.open(d):
			x.res.Blocked++
			return
		}
		m, ok := find(x.ms, x.stack[d].chosen)
		if !ok {
			if d < len(x.stack)-1 {
				x.res.escaped("step %d: %s cannot go on as it did before", d, x.book.names[x.stack[d].chosen])
			}
			x.res.Blocked++ // a wakeup that its own prefix disabled
			return
		}
		x.step(w, m, d)
	}
}

// step takes one step, again or for the first time.
func (x *explorer) step(w *world, m move, d int) {
	n := x.stack[d]
	e := n.did
	if w.replay = e != nil && d < x.fresh; !w.replay {
		e = &event{proc: m.proc, i: d}
		e.acc = e.buf[:0]
	}
	x.beat.enter(w, m)
	w.do(m, e)
	x.beat.leave()
	for len(x.last) < len(x.book.names) {
		x.last = append(x.last, nil)
	}
	if !w.replay {
		x.res.Steps++
		x.order(e, w.events[:d], x.last)
		n.did, n.todo.subs[0].what = e, e
	}
	x.last[e.proc] = e
}

func find(ms []move, proc int) (move, bool) {
	for _, m := range ms {
		if m.proc == proc {
			return m, true
		}
	}
	return move{}, false
}

// open makes the node for depth d and chooses: what a wakeup asks for, else the first that does not sleep.
func (x *explorer) open(d int) bool {
	n := x.node()
	if d > 0 {
		up := x.stack[d-1]
		for _, q := range up.sleep {
			if q.proc != up.chosen && x.apart(q, up.did) {
				n.sleep = append(n.sleep, q)
			}
		}
		n.todo = up.todo.subs[0]
	}
	if len(n.todo.subs) == 0 {
		m, ok := x.awake(n)
		if !ok {
			return false
		}
		n.lead = tree{proc: m.proc}
		n.first[0] = &n.lead
		n.todo.subs = n.first[:]
	}
	n.chosen = n.todo.subs[0].proc
	x.stack = append(x.stack, n)
	return true
}

// node is an empty one: one that was given up, if there is one.
func (x *explorer) node() *node {
	n := &node{}
	if k := len(x.nodes) - 1; k >= 0 {
		n = x.nodes[k]
		x.nodes = x.nodes[:k]
		clear(n.sleep)
		clear(n.plans)
		*n = node{sleep: n.sleep[:0], plans: n.plans}
	}
	n.todo = &n.root
	return n
}

func (x *explorer) awake(n *node) (move, bool) {
next:
	for _, m := range x.ms {
		for _, q := range n.sleep {
			if q.proc == m.proc {
				continue next
			}
		}
		return m, true
	}
	return move{}, false
}

// back goes to the deepest node that has something left to try.
func (x *explorer) back() bool {
	for len(x.stack) > 0 {
		n := x.stack[len(x.stack)-1]
		if n.did != nil {
			n.sleep = append(n.sleep, n.did.slim())
		}
		n.todo.subs[0] = nil // what is behind is let go
		n.todo.subs = n.todo.subs[1:]
		n.tried++
		if len(n.todo.subs) > 0 {
			n.chosen, n.did = n.todo.subs[0].proc, nil
			return true
		}
		x.stack[len(x.stack)-1] = nil
		x.stack = x.stack[:len(x.stack)-1]
		x.nodes = append(x.nodes, n)
	}
	return false
}

// complete books a run that came to its end, and plans from its races.
func (x *explorer) complete(r *Run) {
	if r.w.hits < len(x.faults) {
		x.res.Blocked++ // a letter of the set was not sent: the run belongs to a smaller set
	} else {
		x.enter(r)
	}
	x.audit()
	run := r.w.events
	x.reverse(run)
	for _, e := range run {
		if e.takes() && e.acc[0].lane < ready && e.cause != nil && e.cause.proc != e.proc && e.instead(e.cause, run) {
			x.plan(run, e.cause, e)
		}
	}
	for _, t := range r.w.traps {
		if t.alarm != nil {
			x.spring(r.w, t)
		} else if x.stack[t.at.i].news(run[:t.at.i+1], t.at, t.guard) {
			x.try(run[:t.at.i+1], t.at, t.guard)
		}
	}
}

// enter books the run and plans the sets of faults that it leads to.
func (x *explorer) enter(r *Run) {
	x.res.complete(r, x.schedule)
	x.audit()
	x.more(r)
}

// more plans the sets of faults with one more than this run had.
func (x *explorer) more(r *Run) {
	for _, f := range r.w.nextFaults() {
		if k := strings.Join(f.schedule(), "\n"); !x.planned[k] {
			x.planned[k] = true
			x.todo = append(x.todo, f)
		}
	}
}

// cut ends a run that is longer than the bound: its races are planned, its end is not known.
func (x *explorer) cut(r *Run) {
	x.res.bounded("%d steps a run", x.o.Depth)
	x.res.Cut++
	x.reverse(r.w.events)
}

// reverse plans from all races of a run: what was planned from the same race of another may have been covered where
// this is not.
func (x *explorer) reverse(run []*event) {
	for _, e := range run {
		for _, c := range e.races {
			x.plan(run, c.first, c.second)
		}
	}
}

// schedule is the run as the names of the processes that stepped.
func (x *explorer) schedule() []string {
	out := x.faults.schedule()
	for _, n := range x.stack {
		out = append(out, x.book.names[n.chosen])
	}
	return out
}

// plan reverses a race: what does not come after its first event, then the process of the second.
func (x *explorer) plan(run []*event, first, second *event) {
	if !x.stack[first.i].news(run, first, second.proc) {
		return
	}
	if second.sure() {
		x.insert(first.i, append(without(run, first), second))
		return
	}
	x.try(run, first, second.proc)
}

// try plans what these processes do where all has happened that does not come from an event, which has not: a step
// that depends on what it sees is taken there, to know it.
func (x *explorer) try(run []*event, e *event, procs ...int) {
	x.insert(e.i, x.tried(run[:e.i], without(run, e), procs...))
}

// news says whether this has not been planned yet: what does not come from e, then these processes.
func (n *node) news(run []*event, e *event, procs ...int) bool {
	h := uint64(0)
	for _, f := range run[e.i+1:] {
		if !f.knows(e) {
			h = mix(h, uint64(f.proc))
		}
	}
	for _, p := range procs {
		h = mix(h, ^uint64(p))
	}
	if n.plans[h] {
		return false
	}
	if n.plans == nil {
		n.plans = map[uint64]bool{}
	}
	n.plans[h] = true
	return true
}

// without lists what came after e and does not come from it.
func without(run []*event, e *event) []*event {
	v := make([]*event, 0, len(run)-e.i)
	for _, f := range run[e.i+1:] {
		if !f.knows(e) {
			v = append(v, f)
		}
	}
	return v
}

// spring plans for a timer that was disarmed and could have fired: before the newest step that would have seen it.
// That it fires is seen by what its actor does next, and by nobody before.
func (x *explorer) spring(w *world, t trap) {
	a := t.alarm
	fires := &event{proc: a.proc, acc: w.firing(a)}
	from := func(e *event) {
		if x.stack[e.i].news(w.events, e, a.proc, a.at.proc) {
			x.try(w.events, e, a.proc, a.at.proc)
		}
	}
	for i := t.at.i; i >= 0; i-- {
		e := w.events[i]
		if e == a.since || a.since != nil && a.since.knows(e) {
			return
		}
		if x.clashes(e, fires) {
			from(e)
			return
		}
		// A more urgent message was taken: had that come later, the timer's would have been.
		if c := e.cause; e.takes() && e.acc[0].obj == a.at.box && c != nil && c.proc != e.proc && !(a.since != nil && a.since.knows(c)) {
			from(c)
		}
	}
}

// insert puts v into the wakeup tree of the node before event i, unless something that sleeps there covers it.
func (x *explorer) insert(i int, v []*event) {
	if len(v) == 0 {
		return
	}
	n := x.stack[i]
	for _, q := range n.sleep {
		if x.first(q, v) != late {
			return
		}
	}
	x.grow(n.todo, v)
}

const (
	absent = -1 // its process does not occur, and nothing minds it
	late   = -2 // it cannot come first
)

// first says whether q, possible in the state before v, may as well come first (it is a weak initial of v): where in
// v its process steps for the first time, if it minds nothing before that, or absent.
func (x *explorer) first(q *event, v []*event) int {
	for i, f := range v {
		if f.proc != q.proc {
			if !x.apart(q, f) {
				return late
			}
			continue
		}
		for _, g := range v[:i] {
			if f.knows(g) || f.barrier {
				return late
			}
		}
		return i
	}
	return absent
}

// tree is a wakeup tree: what to try, in order. A leaf is free to go on as it likes.
type tree struct {
	proc int
	what *event // what the process does here, or would do
	subs []*tree
}

// grow adds v, as far as no branch covers it. The first branch of a node under exploration is the one that runs.
func (x *explorer) grow(t *tree, v []*event) {
	at := t
descend:
	for len(v) > 0 {
		for _, s := range at.subs {
			i := x.first(s.what, v)
			if i == late {
				continue
			}
			if i >= 0 {
				v = append(append(make([]*event, 0, len(v)), v[:i]...), v[i+1:]...)
			}
			if len(s.subs) == 0 {
				return
			}
			at = s
			continue descend
		}
		for _, f := range v {
			s := &tree{proc: f.proc, what: f.slim()}
			at.subs = append(at.subs, s)
			at = s
		}
		return
	}
}

// rest lets everything happen that can but timers, by the default schedule, without a record.
func (w *world) rest() {
	w.setting = true
	defer func() { w.setting = false }()
	for n := 0; ; n++ {
		at := -1
		for i, p := range w.slots {
			if p.ready {
				at = i
				break
			}
		}
		if at < 0 {
			return
		}
		if n > defaultDepth {
			panic(fmt.Sprintf("lab: the set-up does not come to rest: %s", w.slots[at].path))
		}
		w.deliver(w.slots[at])
	}
}

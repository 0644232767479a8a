package lab

import (
	"fmt"
	"sort"
	"strings"

	"github.com/franken-node/fnode-supervisor/actors"
)

// Scenario is a program to explore. Setup makes its actors, the same in every run; nothing runs before it returns.
type Scenario struct {
	Name  string
	Setup func(r *Run)
}

// Options of an exploration. The zero value explores under N1 with free timers.
type Options struct {
	Model  Model
	Timers Timers
	Most   int // schedules; zero: no bound
}

// Result of an exploration.
type Result struct {
	Scenario   string         `json:"scenario"`
	Model      string         `json:"model"`
	Explored   int            `json:"explored"` // complete runs, duplicates included
	Runs       int            `json:"runs"`     // runs begun
	Duplicates int            `json:"duplicates"`
	Blocked    int            `json:"blocked"`
	Exhausted  bool           `json:"exhausted"`
	Verdicts   map[string]int `json:"verdicts"` // runs by what they said of themselves
	Steps      int            `json:"steps"`

	Traces map[string]int `json:"-"` // fingerprint -> complete runs
}

// Run is one schedule of a scenario.
type Run struct {
	w    *world
	ends []func() string
}

// System is where Setup spawns the actors.
func (r *Run) System() *actors.System { return r.w.sys }

// AtEnd is asked for a verdict when nothing can happen any more; "" says nothing.
func (r *Run) AtEnd(f func() string) { r.ends = append(r.ends, f) }

func (r *Run) happened(actors.Event) {}

// Note adds what an actor saw to the trace: the answer of an effect.
func (r *Run) Note(cx *actors.Cx, text string) {
	for _, p := range r.w.slots {
		if p.path == cx.Path() {
			p.hist = append(p.hist, "="+text)
		}
	}
}

// Disk gives the durable state.
func (r *Run) Disk(key string) string { return string(r.w.disk[key]) }

// node is a state on the way: what is asleep in it, and what is to be tried from it.
type node struct {
	chosen int
	did    *event // what the chosen process did
	sleep  []*event
	todo   *tree
}

// explorer holds one exploration.
type explorer struct {
	sc    Scenario
	o     Options
	names *names
	stack []*node
	res   Result
	ms    []move
	last  []*event
	fresh int // events before this one were there in the run before
}

// Explore runs every schedule of a scenario up to the order of steps that do not depend on each other: each
// Mazurkiewicz trace once (optimal dynamic partial order reduction with wakeup trees; Abdulla, Aronis, Jonsson
// and Sagonas, POPL 2014).
func Explore(sc Scenario, o Options) Result {
	x := &explorer{sc: sc, o: o, names: newNames()}
	x.res = Result{Scenario: sc.Name, Model: o.Model.String(), Verdicts: map[string]int{}, Traces: map[string]int{}}
	for {
		x.once()
		if !x.back() {
			x.res.Exhausted = true
			return x.res
		}
		if o.Most > 0 && x.res.Runs >= o.Most {
			return x.res
		}
	}
}

// start makes a fresh world.
func (x *explorer) start() *Run {
	r := &Run{}
	r.w = newWorld(x.o.Model, x.o.Timers, x.names, r)
	x.sc.Setup(r)
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
		if d == len(x.stack) {
			if len(x.ms) == 0 {
				x.complete(r)
				return
			}
			if !x.open(d) {
				x.res.Blocked++
				return
			}
		}
		m, ok := find(x.ms, x.stack[d].chosen)
		if !ok {
			if d < len(x.stack)-1 {
				panic(fmt.Sprintf("lab: %s: the replay went another way at step %d", x.sc.Name, d))
			}
			x.res.Blocked++ // a wakeup that its own prefix disabled
			return
		}
		e := w.do(m)
		x.res.Steps++
		for len(x.last) < len(x.names.procs) {
			x.last = append(x.last, nil)
		}
		e.order(w.events[:len(w.events)-1], x.last)
		x.last[e.proc] = e
		x.stack[d].did = e
	}
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
	n := &node{todo: &tree{}}
	if d > 0 {
		up := x.stack[d-1]
		for _, q := range up.sleep {
			if q.proc != up.chosen && apart(q, up.did) {
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
		n.todo.subs = []*tree{{proc: m.proc}}
	}
	n.chosen = n.todo.subs[0].proc
	x.stack = append(x.stack, n)
	return true
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
			n.sleep = append(n.sleep, n.did)
		}
		n.todo.subs = n.todo.subs[1:]
		if len(n.todo.subs) > 0 {
			n.chosen, n.did = n.todo.subs[0].proc, nil
			return true
		}
		x.stack = x.stack[:len(x.stack)-1]
	}
	return false
}

// complete books a run that came to its end, and plans from its races.
func (x *explorer) complete(r *Run) {
	x.res.Explored++
	fp := r.w.fingerprint()
	if x.res.Traces[fp]++; x.res.Traces[fp] > 1 {
		x.res.Duplicates++
	}
	for _, f := range r.ends {
		if v := f(); v != "" {
			x.res.Verdicts[v]++
		}
	}
	for _, e := range r.w.events[x.fresh:] {
		for _, c := range e.races {
			x.plan(r.w.events, c.first, c.second)
		}
	}
	for _, e := range r.w.events {
		if e.takes() && e.cause != nil && e.cause.proc != e.proc && e.instead(e.cause, r.w.events) {
			x.plan(r.w.events, e.cause, e)
		}
	}
	for _, t := range r.w.traps {
		if t.at.i >= x.fresh {
			x.spring(r.w, t)
		}
	}
}

// plan reverses a race: what does not come after its first event, then the process of the second.
func (x *explorer) plan(run []*event, first, second *event) {
	v := make([]*event, 0, len(run)-first.i)
	for _, f := range run[first.i+1:] {
		if !f.knows(first) {
			v = append(v, f)
		}
	}
	tail := *second
	if tail.takes() { // it will take another message
		tail.acc = append([]access{{obj: tail.acc[0].obj, kind: take, lane: 2}}, tail.acc[1:]...)
	}
	x.insert(first.i, append(v, &tail))
}

// spring plans for a timer that was disarmed and could have fired: before the newest delivery that it would have
// overtaken.
func (x *explorer) spring(w *world, t trap) {
	e := &event{proc: t.alarm.proc, acc: []access{{obj: t.alarm.at.box, kind: put, lane: 1}}}
	from := t.at
	if w.model == N1 {
		for from = nil; from == nil || !overtaken(from, t.alarm.at.box); {
			i := t.at.i
			if from != nil {
				i = from.i - 1
			}
			if i < 0 {
				return
			}
			from = w.events[i]
		}
	} else {
		e.acc[0] = access{obj: t.alarm.at.box, kind: touch}
	}
	if from == t.alarm.arm || t.alarm.arm != nil && t.alarm.arm.knows(from) || t.alarm.arm == nil && from.i < 0 {
		return
	}
	var v []*event
	for _, f := range w.events[from.i+1:] {
		if !f.knows(from) {
			v = append(v, f)
		}
	}
	x.insert(from.i, append(v, e))
}

func overtaken(e *event, box int) bool {
	return e.takes() && e.acc[0].obj == box && e.acc[0].lane >= 1
}

// insert puts v into the wakeup tree of the node before event i, unless something that sleeps there covers it.
func (x *explorer) insert(i int, v []*event) {
	n := x.stack[i]
	for _, q := range n.sleep {
		if weak(q, v) {
			return
		}
	}
	n.todo.insert(v)
}

// weak says whether q, possible in the state before v, may as well come first: it is the first of its process in
// v with nothing of v before it, or v does not mind it.
func weak(q *event, v []*event) bool {
	if i := initial(q.proc, v); i != none {
		return i != blocked
	}
	for _, f := range v {
		if !apart(q, f) {
			return false
		}
	}
	return true
}

const (
	none    = -1 // the process does not occur
	blocked = -2 // it occurs, after something that it depends on
)

// initial finds the first event of a process in v, if nothing of v has to come before it.
func initial(proc int, v []*event) int {
	for i, f := range v {
		if f.proc != proc {
			continue
		}
		for _, g := range v[:i] {
			if f.knows(g) || clashes(g, f) {
				return blocked
			}
		}
		return i
	}
	return none
}

// tree is a wakeup tree: what to try, in order. A leaf is free to go on as it likes.
type tree struct {
	proc int
	what *event
	subs []*tree
}

// insert adds v, as far as no branch covers it. The first branch of a node under exploration is the one that runs.
func (t *tree) insert(v []*event) {
	at := t
descend:
	for len(v) > 0 {
		for _, s := range at.subs {
			i := initial(s.proc, v)
			switch {
			case i >= 0:
				v = append(append(make([]*event, 0, len(v)), v[:i]...), v[i+1:]...)
			case i == none && s.what != nil && weak(s.what, v):
			default:
				continue
			}
			if len(s.subs) == 0 {
				return
			}
			at = s
			continue descend
		}
		for _, f := range v {
			s := &tree{proc: f.proc, what: f}
			at.subs = append(at.subs, s)
			at = s
		}
		return
	}
}

// fingerprint is the trace: what every actor handled, in order, and what was done to every key.
func (w *world) fingerprint() string {
	lines := make([]string, 0, len(w.slots)+len(w.disk))
	for _, p := range w.slots {
		lines = append(lines, p.path+"="+strings.Join(p.hist, ","))
	}
	keys := map[int][]string{}
	for _, e := range w.events {
		for _, a := range e.acc {
			if a.kind != look && a.kind != touch || !w.names.isKey(a.obj) {
				continue
			}
			id := fmt.Sprintf("%d.%d", e.proc, e.n)
			if a.kind == touch {
				keys[a.obj] = append(keys[a.obj], "w"+id)
				continue
			}
			n := 0
			for _, k := range keys[a.obj] {
				if k[0] == 'w' {
					n++
				}
			}
			keys[a.obj] = append(keys[a.obj], fmt.Sprintf("r%s@%d", id, n))
		}
	}
	for k, ops := range keys {
		var ws, rs []string
		for _, o := range ops {
			if o[0] == 'w' {
				ws = append(ws, o)
			} else {
				rs = append(rs, o)
			}
		}
		sort.Strings(rs)
		lines = append(lines, fmt.Sprintf("key%d=%s|%s", k, strings.Join(ws, ","), strings.Join(rs, ",")))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

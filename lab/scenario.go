package lab

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
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

// Free: any time until cancelled, the default for proofs. Quiescent: when nothing else can happen, earliest first;
// of several that are due together any may be first.
const (
	Free Timers = iota
	Quiescent
)

var timerNames = [...]string{"free", "quiescent"}

// String gives the stable name.
func (t Timers) String() string { return timerNames[t] }

// Link are the faults of the links under FIFO and Bag, with their budgets in letters a run.
type Link struct {
	Drop    int  `json:"drop"`    // letters that may be lost
	Dup     int  `json:"dup"`     // letters of which a copy may arrive, anywhere behind the original
	Reorder bool `json:"reorder"` // letters of one link may overtake each other, as under Bag
}

func (l Link) faulty() bool { return l.Drop > 0 || l.Dup > 0 }

func (l Link) budget(f fate) int {
	if f == drops {
		return l.Drop
	}
	return l.Dup
}

// Scenario is a program to explore.
type Scenario struct {
	Name string
	Doc  string // one line for lists
	// Setup makes the actors, the same in every run, and says what is to be checked. Nothing runs before it
	// returns, and it is no part of the program.
	Setup func(r *Run)
	// Commute declares that two messages that wait for one actor are handled to the same effect in either order,
	// like two reads of a register; nil declares nothing. Options.Debug checks it.
	Commute func(a, b any) bool
	// Timers, Link and Stuck are what the scenario needs; options given to an exploration add to them.
	Timers Timers
	Link   Link
	Stuck  bool
	// Local says that the scenario is about one process: it is for n1 only.
	Local bool
}

// Options of an exploration. The zero value explores under N1 with free timers until all is explored.
type Options struct {
	Model  Model
	Timers Timers
	Link   Link
	Stuck  bool          // handlers whose region closes may be found stuck at any step (R6)
	Seed   uint64        // of Cx.Rand, and of sampling
	Most   int           // runs at most; zero: no bound
	Depth  int           // steps of a run at most; zero: 10,000
	Within time.Duration // real time at most; zero: no bound
	First  bool          // end at the first violation
	Debug  bool          // run every declared pair in both orders, and compare what follows
	// Progress is called about four times a second, from the exploration's goroutine; nil: never.
	Progress func(Progress)

	commute func(a, b any) bool
	seam    func(*world) actors.Host // what the kernel runs on; nil: the world. Tests lay mutants over it
	verbose bool                     // keep traces as text
	rec     *recorder                // of the one run that is recorded; nil: none
}

const defaultDepth = 10_000

// bound is what a setting may be: from least to most.
type bound struct {
	name               string
	value, least, most int
}

// beyond names the settings that are out of bounds; "": none is.
func beyond(all ...bound) string {
	var out []string
	for _, b := range all {
		if b.value < b.least || b.value > b.most {
			out = append(out, fmt.Sprintf("%s is %d", b.name, b.value))
		}
	}
	return strings.Join(out, ", ")
}

func (o Options) outOfRange() string {
	return beyond(
		bound{"model", int(o.Model), 0, int(Bag)}, bound{"timers", int(o.Timers), 0, int(Quiescent)},
		bound{"most", o.Most, 0, math.MaxInt}, bound{"depth", o.Depth, 0, math.MaxInt},
		bound{"within", int(o.Within), 0, math.MaxInt},
		bound{"drop", o.Link.Drop, 0, math.MaxInt}, bound{"dup", o.Link.Dup, 0, math.MaxInt})
}

func (d Draw) outOfRange() string {
	return beyond(
		bound{"by", int(d.By), 0, int(POS)}, bound{"runs", d.Runs, 0, math.MaxInt},
		bound{"d", d.D, 1, math.MaxInt}, bound{"steps", d.Steps, 0, math.MaxInt})
}

// with lays the options over what the scenario needs.
func (o Options) with(sc Scenario) (Options, error) {
	if o.Timers == Free {
		o.Timers = sc.Timers
	}
	if o.Link == (Link{}) {
		o.Link = sc.Link
	}
	o.Stuck = o.Stuck || sc.Stuck
	o.commute = sc.Commute
	if o.Depth == 0 {
		o.Depth = defaultDepth
	}
	switch {
	case sc.Setup == nil:
		return o, codes.New(codes.Usage, "scenario %q has no Setup", sc.Name)
	case o.outOfRange() != "":
		return o, codes.New(codes.Usage, "options of %s out of range: %s", sc.Name, o.outOfRange())
	case sc.Local && o.Model != N1:
		return o, codes.New(codes.Usage, "%s is about one process: it is explored under n1, not %s", sc.Name, o.Model)
	case o.Link != (Link{}) && o.Model == N1:
		return o, codes.New(codes.Usage, "%s has links with faults; under n1 a send enqueues at once and there is no link: choose the model fifo or bag", sc.Name)
	}
	return o, nil
}

// Progress is how far an exploration has come.
type Progress struct {
	Scenario string
	Runs     int
	Explored int
	Done     float64 // estimated share of the whole, 0 to 1
	Elapsed  time.Duration
}

// Run is one schedule of a scenario, as its Setup sees it.
type Run struct {
	w      *world
	ends   []func() string
	checks []check
	mu     sync.Mutex
	fails  []Violation // guarded by mu
	live   *live       // set where it runs on a host of production: then there is no world
	saw    *sightings  // what behaviours got; nil: nobody asks
}

type check struct {
	name string
	live bool
	ok   func() error
}

// System is where Setup spawns the actors.
func (r *Run) System() *actors.System {
	if r.live != nil {
		return r.live.sys
	}
	return r.w.sys
}

// AtEnd is asked for a verdict when nothing can happen any more; "" says nothing. A verdict is counted and is no
// violation.
func (r *Run) AtEnd(f func() string) { r.ends = append(r.ends, f) }

// Check is an assertion about the end of every run: when nothing can happen any more. An error is a violation, by
// the name.
func (r *Run) Check(name string, ok func() error) {
	r.checks = append(r.checks, check{name: name, ok: ok})
}

// Finally says what must have come true at the end; else the run has stopped short of it: a deadlock, by the name.
func (r *Run) Finally(name string, done func() bool) {
	r.checks = append(r.checks, check{name: name, live: true, ok: func() error {
		if done() {
			return nil
		}
		return fmt.Errorf("nothing more can happen, and yet: not %s", name)
	}})
}

// Fail says from a handler that the run is wrong, by the name.
func (r *Run) Fail(name, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails = append(r.fails, Violation{name, fmt.Sprintf(format, args...)})
}

// Note adds what an actor saw to the trace: the answer of an effect.
func (r *Run) Note(cx *actors.Cx, text string) {
	if r.live != nil {
		return
	}
	if p := r.w.cur; p != nil && p.path == cx.Path() {
		r.w.remember(p, took{note: "=" + text})
	}
}

// Outside is something that the world outside does once, at any time: a step of its own.
func (r *Run) Outside(name string, f func()) {
	if r.live != nil {
		r.live.visits = append(r.live.visits, f)
		return
	}
	r.w.visit(name, f)
}

func (w *world) visit(name string, f func()) *visit {
	v := &visit{proc: w.book.proc("outside " + name), f: f}
	w.visits = append(w.visits, v)
	return v
}

// Settle lets everything happen that can, by the default schedule, as a part of the set-up. Timers do not fire.
func (r *Run) Settle() {
	if r.live != nil {
		r.live.settle()
		return
	}
	r.w.rest()
}

// Disk gives the durable state.
func (r *Run) Disk(key string) string {
	if r.live != nil {
		v, _, _ := r.live.Read(nil, key)
		return string(v)
	}
	return string(r.w.disk[key])
}

// Violation is something that went wrong in a run: which check, and what it saw.
type Violation struct {
	Check  string `json:"check"`
	Detail string `json:"detail"`
}

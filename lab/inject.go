package lab

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
)

// Sweep injects a cancel at every site of a probing run: one run for each delivery, and for each effect at which a
// handler stands, of every actor. The cancel asks the actor's region to end, as its owner would. Result.Reached
// counts the sites of the probing run, Result.Injected the runs in which the cancel came at its site; they are equal,
// or the scenario is not under the lab's control.
func Sweep(ctx context.Context, sc Scenario, o Options) (*Result, error) {
	o, err := o.with(sc)
	if err != nil {
		return nil, err
	}
	x := &explorer{sc: sc, o: o, book: newBook(), res: newResult(sc, o), beat: &heartbeat{}}
	x.commute = o.commute
	x.tell.began = time.Now()
	err = guarded(sc.Name, x.beat, func() { x.sweep(ctx) })
	x.res.finish(x.tell.began, false)
	if err == nil {
		err = x.res.escape
	}
	return x.res, err
}

// site is a moment of the probing run: before this step, which is of this actor.
type site struct {
	step int
	path string
}

func (x *explorer) sweep(ctx context.Context) {
	defer x.end()
	sites, schedule := x.probe()
	x.res.Reached = len(sites)
	x.tell.whole = len(sites) + 1
	for _, s := range sites {
		if x.injectAt(s, schedule[:s.step]) {
			x.res.Injected++
		}
		if x.res.escape != nil {
			return
		}
		if x.tell.due(x) {
			if why := x.over(ctx); why != "" {
				x.res.bounded("%s", why)
				return
			}
		}
	}
	x.res.bounded("a cancel at each of %d sites of one schedule", len(sites))
	if x.res.Injected != x.res.Reached {
		x.res.escaped("%d sites were reached, %d cancels injected", x.res.Reached, x.res.Injected)
	}
}

// probe takes the default schedule and lists its sites.
func (x *explorer) probe() (sites []site, schedule []string) {
	x.res.Runs++
	x.stack = x.stack[:0]
	r := x.start()
	defer r.w.end()
	for d := 0; d < x.o.Depth; d++ {
		x.ms = r.w.moves(x.ms)
		if len(x.ms) == 0 {
			break
		}
		m := x.ms[0]
		if m.place != nil && !m.stuck && m.place.slot.Living() != 0 {
			sites = append(sites, site{d, m.place.path})
		}
		schedule = append(schedule, x.book.names[m.proc])
		x.forward(r.w, m, d)
	}
	x.res.complete(r, x.schedule)
	x.audit()
	return sites, schedule
}

// forward takes one step without looking for races.
func (x *explorer) forward(w *world, m move, d int) *event {
	x.stack = append(x.stack, &node{chosen: m.proc})
	e := &event{proc: m.proc, i: d}
	e.acc = e.buf[:0]
	x.beat.enter(w, m)
	w.do(m, e)
	x.beat.leave()
	x.res.Steps++
	return e
}

// injectAt takes the schedule up to the site, the cancel, and then the default schedule to the end.
func (x *explorer) injectAt(s site, schedule []string) (injected bool) {
	x.res.Runs++
	x.stack = x.stack[:0]
	r := x.start()
	w := r.w
	defer w.end()
	v := w.visit("cancel of "+s.path, func() { injected = w.cancel(s.path) })
	for d := 0; ; d++ {
		x.ms = w.moves(x.ms)
		if len(x.ms) == 0 || w.broken != "" || d >= x.o.Depth {
			break
		}
		m := x.ms[0]
		switch {
		case d < len(schedule):
			var ok bool
			if m, ok = find(x.ms, x.book.proc(schedule[d])); !ok {
				x.res.escaped("step %d: %s cannot go on as it did before", d, schedule[d])
				return false
			}
		case d == len(schedule):
			m = move{proc: v.proc, visit: v}
		}
		x.forward(w, m, d)
	}
	known := x.res.Failure
	x.res.complete(r, x.schedule)
	if x.res.Failure != known {
		x.res.Failure.Cancel = s.path
	}
	return injected
}

// cancel asks the region of the actor's incarnation to end, if there is one.
func (w *world) cancel(path string) bool {
	w.note(access{obj: w.book.person(path).alive, kind: look}) // also where nobody is there: that it is so depends on who ended
	ref, ok := w.sys.Lookup(path)
	if !ok {
		return false
	}
	return w.sys.Ask(ref, regions.Request{Reason: base.ReasonUser})
}

// Injected gives the scenarios in which the world outside asks one actor to end, at any time: one for each actor that
// exists when the set-up is over.
func Injected(sc Scenario, o Options) ([]Scenario, error) {
	o, err := o.with(sc)
	if err != nil {
		return nil, err
	}
	var pool coroutines
	r := newRun(sc, &o, newBook(), &pool, nil, nil)
	var paths []string
	for _, p := range r.w.slots {
		paths = append(paths, p.path)
	}
	r.w.end()
	pool.end()
	slices.Sort(paths)
	out := make([]Scenario, len(paths))
	for i, path := range paths {
		out[i] = WithCancel(sc, path)
	}
	return out, nil
}

// Cancels explores every scenario of Injected, and sums up: Reached counts the scenarios, Injected those that were
// exhausted. The bounds of o hold for each of them. Parts are the results one by one. The results hold what was found
// also beside an error.
func Cancels(ctx context.Context, sc Scenario, o Options) (sum *Result, parts []*Result, err error) {
	all, err := Injected(sc, o)
	if err != nil {
		return nil, nil, err
	}
	began := time.Now()
	eff, err := o.with(sc)
	if err != nil {
		return nil, nil, err
	}
	sum = newResult(sc, eff)
	sum.Exhausted = true
	for _, one := range all {
		res, failed := Search(ctx, one, o)
		if res != nil {
			parts = append(parts, res)
			sum.add(res)
			if f := sum.Failure; f != nil && f == res.Failure {
				f.Cancel = strings.TrimPrefix(one.Name, sc.Name+cancelOf)
			}
		}
		if err = failed; err != nil || ctx.Err() != nil || o.First && !sum.Clean() {
			break
		}
	}
	if sum.Reached = len(all); len(parts) < len(all) {
		sum.Exhausted = false
		sum.bounded("%d of %d cancels", len(parts), len(all))
	}
	sum.finish(began, false)
	return sum, parts, err
}

// add sums up.
func (res *Result) add(part *Result) {
	res.Explored += part.Explored
	res.Runs += part.Runs
	res.Duplicates += part.Duplicates
	res.Blocked += part.Blocked
	res.Cut += part.Cut
	res.Steps += part.Steps
	for _, m := range []struct{ to, from map[string]int }{{res.Verdicts, part.Verdicts}, {res.Violations, part.Violations}, {res.Oracles, part.Oracles}} {
		for k, n := range m.from {
			m.to[k] += n
		}
	}
	for fp := range part.traces {
		res.traces[[2]uint64{mix(fp[0], hashOf(part.Scenario)), fp[1]}] = struct{}{} // a cancel more is another program
	}
	if part.Exhausted {
		res.Injected++
	} else {
		res.Exhausted = false
		res.bounded("%s", strings.TrimPrefix(part.Why, "ended by "))
	}
	if f := part.Failure; f != nil && (res.Failure == nil || f.Steps < res.Failure.Steps) {
		res.Failure = f
	}
}

// cancelOf joins a scenario's name with the actor that is cancelled.
const cancelOf = " with cancel of "

// WithCancel gives the scenario in which the world outside asks the actor of that path to end, at any time. There has to
// be one when the set-up is over: else every run fails by name.
func WithCancel(sc Scenario, path string) Scenario {
	out := sc
	out.Name = sc.Name + cancelOf + path
	out.Setup = func(r *Run) {
		sc.Setup(r)
		if _, ok := r.System().Lookup(path); !ok {
			r.Fail("nobody to cancel", "there is no actor %q when the set-up is over", path)
		}
		r.w.visit("cancel of "+path, func() { r.w.cancel(path) })
	}
	return out
}

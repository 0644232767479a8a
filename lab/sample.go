package lab

import (
	"context"
	"math/rand/v2"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Sampler says how a schedule is drawn.
type Sampler uint8

// Walk takes each step by an even draw. PCT gives processes priorities and lowers them at D-1 drawn steps: it meets a
// bug of depth d among n processes and k steps with a chance of at least 1/(n·k^(d-1)) a run (Burckhardt, Kothari,
// Musuvathi and Nagarakatte, ASPLOS 2010). POS gives steps priorities, and draws those anew that the step taken races
// with (Yuan, Yang and Gu, CAV 2018).
const (
	Walk Sampler = iota
	PCT
	POS
)

var samplerNames = [...]string{"walk", "pct", "pos"}

// String gives the sampler's stable name.
func (s Sampler) String() string { return samplerNames[s] }

// Draw says how many schedules are drawn, and how.
type Draw struct {
	By    Sampler
	Runs  int // default 1,000
	D     int // of PCT: the depth of bugs that it looks for; default 3
	Steps int // of PCT: how long runs are; default: the longest so far, beginning with a run by the default schedule
}

// Sample draws schedules of a scenario that is too big to explore. Options.Seed makes the draw repeatable; Most is
// not used. Its verdict is never more than SampledRuns.
func Sample(ctx context.Context, sc Scenario, o Options, d Draw) (*Result, error) {
	o, err := o.with(sc)
	if err != nil {
		return nil, err
	}
	if d.Runs == 0 {
		d.Runs = 1000
	}
	if d.D == 0 {
		d.D = 3
	}
	if said := d.outOfRange(); said != "" {
		return nil, codes.New(codes.Usage, "a draw of %s out of range: %s", sc.Name, said)
	}
	x := &explorer{sc: sc, o: o, book: newBook(), res: newResult(sc, o), beat: &heartbeat{}}
	x.commute = o.commute
	x.tell.began = time.Now()
	x.tell.whole = d.Runs
	err = guarded(sc.Name, x.beat, func() { x.sample(ctx, d) })
	x.res.finish(x.tell.began, true)
	if err == nil {
		err = x.res.escape
	}
	return x.res, err
}

func (x *explorer) sample(ctx context.Context, d Draw) {
	defer x.end()
	longest := d.Steps
	for i := range d.Runs {
		s := newSampler(d, x.o.Seed, i, longest)
		if i == 0 && d.By == PCT && d.Steps == 0 {
			s = nil // by the default schedule, to see how long runs are
		}
		n := x.drawn(s)
		if d.Steps == 0 {
			longest = max(longest, n)
		}
		if x.res.escape != nil || x.o.First && len(x.res.Violations) > 0 {
			return
		}
		if x.res.Runs&15 == 0 && x.tell.due(x) {
			if why := x.over(ctx); why != "" {
				x.res.bounded("%s", why)
				return
			}
		}
	}
	x.res.bounded("%d drawn schedules (%s, seed %d)", d.Runs, d.By, x.o.Seed)
}

// drawn takes one run and books it. It returns how many steps it had.
func (x *explorer) drawn(s *sampler) int {
	x.res.Runs++
	x.stack = x.stack[:0]
	r := newRun(x.sc, &x.o, x.book, &x.pool, nil, s.fate(x.o.Link))
	w := r.w
	defer w.end()
	for d := 0; ; d++ {
		x.ms = w.moves(x.ms)
		if len(x.ms) == 0 || w.broken != "" {
			x.faults = w.faults
			x.res.complete(r, x.schedule)
			x.audit()
			return d
		}
		if d >= x.o.Depth {
			x.res.bounded("%d steps a run", x.o.Depth)
			x.res.Cut++
			return d
		}
		m := x.ms[0]
		if s != nil {
			m = s.pick(w, x.ms)
		}
		e := x.forward(w, m, d)
		if s != nil {
			s.took(w, e)
		}
	}
}

// sampler draws one schedule.
type sampler struct {
	by      Sampler
	r       *rand.Rand
	d       int
	prio    map[int]float64 // by process
	changes map[int]float64 // by step: the priority that the process of that step falls to
	step    int
	ms      []move
}

func newSampler(d Draw, seed uint64, run, longest int) *sampler {
	s := &sampler{by: d.By, r: rand.New(rand.NewPCG(seed, uint64(run))), d: d.D, prio: map[int]float64{}, changes: map[int]float64{}}
	if d.By == PCT {
		for i := range d.D - 1 {
			s.changes[s.r.IntN(max(longest, 1))] = -float64(d.D - i) // all below the drawn ones, which are above 0
		}
	}
	return s
}

// fate draws what becomes of letters, within the budget.
func (s *sampler) fate(l Link) func(*letter) fate {
	if s == nil || !l.faulty() {
		return nil
	}
	left := [...]int{drops: l.Drop, doubles: l.Dup}
	return func(l *letter) fate {
		f := fate(s.r.IntN(6)) // one letter in six is lost, one doubled, as long as the budget lasts
		if f != drops && f != doubles || left[f] == 0 || !l.may(f) {
			return arrives
		}
		left[f]--
		return f
	}
}

func (s *sampler) pick(w *world, ms []move) move {
	if s.by == Walk {
		return ms[s.r.IntN(len(ms))]
	}
	best := ms[0]
	for i, m := range ms {
		if _, ok := s.prio[m.proc]; !ok {
			s.prio[m.proc] = s.r.Float64()
		}
		if i > 0 && s.prio[m.proc] > s.prio[best.proc] {
			best = m
		}
	}
	if to, ok := s.changes[s.step]; ok && s.by == PCT {
		s.prio[best.proc] = to
		delete(s.changes, s.step)
		return s.pick(w, ms)
	}
	s.step++
	return best
}

// took draws the priorities of those anew that the step raced with, and its own.
func (s *sampler) took(w *world, e *event) {
	if s.by != POS {
		return
	}
	delete(s.prio, e.proc)
	s.ms = w.moves(s.ms)
	for _, m := range s.ms {
		a := w.next(m)
		for _, b := range e.acc {
			if m.proc != e.proc && a.obj == b.obj && (clash(a, b) || clash(b, a)) {
				delete(s.prio, m.proc)
			}
		}
	}
}

// next foresees the first object that a move will touch.
func (w *world) next(m move) access {
	switch {
	case m.place != nil && m.place.co != nil:
		return m.place.want
	case m.place != nil:
		return access{obj: m.place.box, kind: take, lane: ready}
	case m.letter != nil:
		return access{obj: m.letter.link.to.box, kind: handle}
	case m.alarm != nil:
		return w.firing(m.alarm)[0]
	case m.write != nil && len(m.write.tx.Set) > 0:
		return access{obj: w.book.key(m.write.tx.Set[0].Key), kind: touch}
	}
	return access{}
}

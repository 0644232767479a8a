package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Record takes one run with a record: the schedule, as names of processes, then the default schedule to the end. No
// schedule at all is the default one. An error is codes.LabEscape where a process cannot go on as the schedule says,
// codes.LabStuck, or codes.Usage for options out of range.
func Record(sc Scenario, o Options, schedule []string) (*Trace, error) {
	steps := slices.DeleteFunc(slices.Clone(schedule), func(s string) bool { _, _, fault := parseFault(s); return fault })
	return shoot(context.Background(), sc, o, director{faults: faultsOf(schedule), pick: func(w *world, ms []move, i int) (move, error) {
		if i >= len(steps) {
			return ms[0], nil
		}
		m, ok := find(ms, w.book.proc(steps[i]))
		if !ok {
			return m, codes.New(codes.LabEscape, "%s leaves the lab's control: step %d: %s cannot go on as it did before", sc.Name, i, steps[i])
		}
		return m, nil
	}})
}

// Drawn takes one drawn run with a record; Options.Seed makes the draw.
func Drawn(sc Scenario, o Options, d Draw) (*Trace, error) {
	if d.D == 0 {
		d.D = 3
	}
	if said := d.outOfRange(); said != "" {
		return nil, codes.New(codes.Usage, "a draw of %s out of range: %s", sc.Name, said)
	}
	eff, err := o.with(sc)
	if err != nil {
		return nil, err
	}
	longest := d.Steps
	if d.By == PCT && longest == 0 { // priorities change within a run: how long is one?
		t, err := Record(sc, o, nil)
		if err != nil {
			return nil, err
		}
		longest = len(t.Steps)
	}
	s := newSampler(d, o.Seed, 0, longest)
	return shoot(context.Background(), sc, o, director{
		draw:  s.fate(eff.Link),
		pick:  func(w *world, ms []move, _ int) (move, error) { return s.pick(w, ms), nil },
		moved: s.took,
	})
}

// film is a run that is recorded.
type film struct {
	t    *Trace
	r    *Run
	rec  *recorder
	beat *heartbeat
	ms   []move
}

// director decides what a recorded run does. An error ends the run.
type director struct {
	faults faults
	draw   func(*letter) fate                             // of further faults; may be nil
	pick   func(w *world, ms []move, i int) (move, error) // one of the moves that are possible at step i
	moved  func(w *world, e *event)                       // hears of each step; may be nil
	said   func(i int, what []Deed) error                 // hears what was done at step i, -1 in the set-up; may be nil
}

// shoot takes one run with a record, beside the watchdog.
func shoot(ctx context.Context, sc Scenario, o Options, d director) (t *Trace, err error) {
	o, err = o.with(sc)
	if err != nil {
		return nil, err
	}
	if o.Depth > mostSteps {
		return nil, codes.New(codes.Usage, "a run of %d steps cannot be recorded; the limit is %d", o.Depth, mostSteps)
	}
	f := &film{rec: &recorder{}, beat: &heartbeat{}}
	o.rec = f.rec
	var failed error
	if err := guarded(sc.Name, f.beat, func() { failed = f.run(ctx, sc, o, d) }); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, failed
	}
	f.t.seal()
	return f.t, nil
}

func (f *film) run(ctx context.Context, sc Scenario, o Options, d director) error {
	var pool coroutines
	defer pool.end()
	f.r = newRun(sc, &o, newBook(), &pool, d.faults, d.draw)
	w := f.r.w
	defer w.end()
	f.t = &Trace{Header: headerOf(sc, o), End: End{Violations: []Violation{}, Verdicts: []string{}}}
	f.t.Header.Setup = f.deeds("")
	if err := d.hear(-1, f.t.Header.Setup); err != nil {
		return err
	}
	for i := 0; ; i++ {
		f.ms = w.moves(f.ms)
		if len(f.ms) == 0 || w.broken != "" || i >= o.Depth {
			f.t.Header.Faults = append([]string{}, w.faults.schedule()...)
			f.end(len(f.ms) > 0 && w.broken == "")
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := d.pick(w, f.ms, i)
		if err != nil {
			return err
		}
		if err := f.step(m, i, d); err != nil {
			return err
		}
	}
}

func (d director) hear(i int, what []Deed) error {
	if d.said == nil {
		return nil
	}
	return d.said(i, what)
}

func (f *film) step(m move, i int, d director) error {
	w := f.r.w
	c := Choice{I: i, Do: valid(w.book.names[m.proc]), Enabled: w.named(f.ms)}
	e := &event{proc: m.proc, i: i}
	e.acc = e.buf[:0]
	f.beat.enter(w, m)
	w.do(m, e)
	f.beat.leave()
	if d.moved != nil {
		d.moved(w, e)
	}
	c.What = f.deeds(c.Do)
	f.t.Steps = append(f.t.Steps, c)
	return d.hear(i, c.What)
}

// deeds are what was done in the step of that process, or in the set-up.
func (f *film) deeds(proc string) []Deed {
	out := f.rec.take()
	if len(out) == 0 && proc != "" {
		out = []Deed{{Who: proc, Does: doesGoOn}}
	}
	for i := range out {
		for _, p := range []*string{&out[i].Who, &out[i].What, &out[i].Text, &out[i].To, &out[i].Note} {
			*p = valid(*p)
		}
	}
	return append([]Deed{}, out...)
}

func (f *film) end(cut bool) {
	e := &f.t.End
	e.Steps, e.Cut = len(f.t.Steps), cut
	if cut {
		return // what would have come of it is not known
	}
	for _, v := range f.r.judge() {
		e.Violations = append(e.Violations, Violation{valid(v.Check), valid(withoutStack(v.Detail))})
	}
	for _, say := range f.r.ends {
		if v := valid(say()); v != "" && !slices.Contains(e.Verdicts, v) {
			e.Verdicts = append(e.Verdicts, v)
		}
	}
}

// valid keeps a text as JSON does.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// withoutStack leaves the stack of a panic out: its addresses differ from run to run.
func withoutStack(s string) string {
	s, _, _ = strings.Cut(s, "\ngoroutine ")
	return s
}

func (w *world) named(ms []move) []string {
	out := make([]string, len(ms))
	for i, m := range ms {
		out[i] = valid(w.book.names[m.proc])
	}
	return out
}

func headerOf(sc Scenario, o Options) Header {
	return Header{
		Lab: traceVersion, Scenario: valid(sc.Name), Model: o.Model.String(), Timers: o.Timers.String(), Link: o.Link, Stuck: o.Stuck,
		Seed: o.Seed, Depth: o.Depth, Go: runtime.Version(), Program: buildDigest(),
	}
}

// buildDigest is a digest of the build, for people who ask which one recorded a trace.
func buildDigest() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:6])
}

// Replay takes the recorded run again, strictly: each step, what was enabled, what it did, and the end must be the
// same. It gives that end, violations included. An error is codes.LabDiffers with the line of the first difference,
// or ctx's.
func Replay(ctx context.Context, sc Scenario, t *Trace) (*End, error) {
	o, err := t.Header.options()
	if err != nil {
		return nil, codes.New(codes.LabBadTrace, "%v", err).At(codes.Position{File: t.name, Line: 1})
	}
	if sc.Name != t.Header.Scenario {
		return nil, t.differs(-1, "the trace is of %s, and %s is run", t.Header.Scenario, sc.Name)
	}
	f := follower{t}
	got, err := shoot(ctx, sc, o, director{faults: faultsOf(t.Header.Faults), pick: f.next, said: f.deeds})
	if err != nil {
		return nil, err
	}
	if n := len(got.Steps); n < len(t.Steps) {
		return nil, t.differs(n, "step %d: the run ends here; in the recorded one %s went on", n, t.Steps[n].Do)
	}
	if err := f.ends(t.End, got.End); err != nil {
		return nil, err
	}
	return &got.End, nil
}

// differs is the first difference, at choice i; -1 is the set-up.
func (t *Trace) differs(i int, format string, args ...any) error {
	err := codes.New(codes.LabDiffers, format, args...).At(codes.Position{File: t.name, Line: i + 2})
	if now := buildDigest(); now != t.Header.Program {
		err = err.Fact("recorded", "by another build, with %s", t.Header.Go)
	}
	return err
}

// follower chooses as the trace did.
type follower struct{ t *Trace }

func (f follower) next(w *world, ms []move, i int) (move, error) {
	if i >= len(f.t.Steps) {
		return move{}, f.t.differs(i, "step %d: the recorded run ended here; now %s can go on", i, strings.Join(w.named(ms), ", "))
	}
	c := f.t.Steps[i]
	if err := f.enabled(i, c.Enabled, w.named(ms)); err != nil {
		return move{}, err
	}
	m, ok := find(ms, w.book.proc(c.Do))
	if !ok {
		return m, f.t.differs(i, "step %d: %s cannot go on; it did in the recorded run", i, c.Do)
	}
	return m, nil
}

func (f follower) enabled(i int, want, got []string) error {
	if slices.Equal(want, got) {
		return nil
	}
	for _, p := range want {
		if !slices.Contains(got, p) {
			return f.t.differs(i, "step %d: %s could go on in the recorded run, and cannot now", i, p)
		}
	}
	for _, p := range got {
		if !slices.Contains(want, p) {
			return f.t.differs(i, "step %d: %s can go on, and could not in the recorded run", i, p)
		}
	}
	return f.t.differs(i, "step %d: what can go on is listed in another order: %s", i, strings.Join(got, ", "))
}

// deeds compares what was done at step i.
func (f follower) deeds(i int, got []Deed) error {
	where, want := "the set-up", f.t.Header.Setup
	if i >= 0 {
		where, want = fmt.Sprintf("step %d, %s", i, f.t.Steps[i].Do), f.t.Steps[i].What
	}
	for k := range max(len(want), len(got)) {
		switch {
		case k >= len(want):
			return f.t.differs(i, "%s: also: %s", where, got[k])
		case k >= len(got):
			return f.t.differs(i, "%s: missing: %s", where, want[k])
		case want[k] != got[k]:
			return f.t.differs(i, "%s: %q; in the recorded run %q", where, got[k], want[k])
		}
	}
	return nil
}

func (f follower) ends(want, got End) error {
	last := len(f.t.Steps)
	switch {
	case want.Cut != got.Cut:
		return f.t.differs(last, "the bound on steps ended one of the two runs, and not the other")
	case !slices.Equal(want.Violations, got.Violations):
		return f.t.differs(last, "the end differs: %s; in the recorded run %s", failsOf(got.Violations), failsOf(want.Violations))
	case !slices.Equal(want.Verdicts, got.Verdicts):
		return f.t.differs(last, "the end differs: the run says %q; the recorded one said %q", got.Verdicts, want.Verdicts)
	}
	return nil
}

func failsOf(vs []Violation) string {
	if len(vs) == 0 {
		return "no check fails"
	}
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = v.Check + " fails (" + clip(v.Detail, 120) + ")"
	}
	return strings.Join(out, ", ")
}

package lab

import (
	"fmt"
	"sort"
	"strings"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Verdict says what a result is worth.
type Verdict string

// Exhausted: every trace was run. Bounded: a bound ended it before. Sampled: some schedules were drawn.
const (
	ExhaustedRuns Verdict = "exhausted"
	BoundedRuns   Verdict = "bounded"
	SampledRuns   Verdict = "sampled"
)

// Result of an exploration.
type Result struct {
	Scenario   string         `json:"scenario"`
	Model      string         `json:"model"`
	Timers     string         `json:"timers"`
	Explored   int            `json:"explored"` // complete runs, duplicates included
	Runs       int            `json:"runs"`     // runs begun
	Duplicates int            `json:"duplicates"`
	Blocked    int            `json:"blocked"`
	Cut        int            `json:"cut"` // runs that reached the bound on steps
	Exhausted  bool           `json:"exhausted"`
	Verdict    Verdict        `json:"verdict"`
	Why        string         `json:"why,omitempty"` // it is not exhausted
	Verdicts   map[string]int `json:"verdicts"`      // runs by what they said of themselves
	Violations map[string]int `json:"violations"`    // runs by the check that fails in them
	Oracles    map[string]int `json:"oracles"`       // what each oracle has seen
	Reached    int            `json:"reached,omitempty"`
	Injected   int            `json:"injected,omitempty"`
	Steps      int            `json:"steps"`
	Seconds    float64        `json:"seconds"`
	Failure    *Failure       `json:"failure,omitempty"`

	traces map[[2]uint64]struct{} // fingerprints of complete runs
	line   uint64                 // hash of the fingerprints in the order of the runs
	texts  map[string]int         // the same as text, where options ask for it
	why    string
	escape error
	debts  map[[2]uint64]debt // what runs of one trace came to, where declarations are checked
}

// Failure is the shortest run that breaks a check.
type Failure struct {
	Violation
	Steps    int      `json:"steps"`
	Cancel   string   `json:"cancel,omitempty"` // the actor that was asked to end, where the scenario itself does not
	File     string   `json:"file,omitempty"`   // its trace, where one was written
	Schedule []string `json:"-"`
	Also     []string `json:"also,omitempty"` // other checks that fail in the same run
}

func newResult(sc Scenario, o Options) *Result {
	res := &Result{
		Scenario: sc.Name, Model: o.Model.String(), Timers: o.Timers.String(),
		Verdicts: map[string]int{}, Violations: map[string]int{}, Oracles: map[string]int{},
		traces: map[[2]uint64]struct{}{},
	}
	if o.verbose {
		res.texts = map[string]int{}
	}
	return res
}

// Digest is a hash of the traces in the order in which they were run.
func (res *Result) Digest() uint64 { return res.line }

// Traces is how many different traces were seen.
func (res *Result) Traces() int { return len(res.traces) }

// bounded says why not everything was explored.
func (res *Result) bounded(format string, args ...any) {
	if res.why == "" {
		res.why = "ended by " + fmt.Sprintf(format, args...)
	}
}

func (res *Result) escaped(format string, args ...any) {
	if res.escape == nil {
		res.escape = codes.New(codes.LabEscape, "%s leaves the lab's control: %s", res.Scenario, fmt.Sprintf(format, args...))
	}
}

// complete books a run that came to its end.
func (res *Result) complete(r *Run, schedule func() []string) {
	w := r.w
	res.Explored++
	fp := w.fingerprint()
	res.line = mix(mix(res.line, fp[0]), fp[1])
	if _, twice := res.traces[fp]; twice {
		res.Duplicates++
	}
	res.traces[fp] = struct{}{}
	if res.texts != nil {
		res.texts[w.text()]++
	}
	if w.streaks > 0 {
		res.bounded("deliveries that the bound on starvation decides: their order with others is not explored")
	}
	fails := r.judge()
	if w.see.asserted > 0 {
		res.Oracles[Assertions] += w.see.asserted
	}
	for i, n := range w.see.seen {
		res.Oracles[oracleNames[i]] += n
	}
	if res.debts != nil {
		fails = append(fails, res.settle(fp, w)...)
	}
	said := map[string]bool{}
	for _, f := range r.ends {
		if v := f(); v != "" && !said[v] {
			said[v] = true
			res.Verdicts[v]++
		}
	}
	for _, v := range fails {
		if !said["!"+v.Check] {
			said["!"+v.Check] = true
			res.Violations[v.Check]++
			res.Verdicts[v.Check]++
		}
	}
	if len(fails) > 0 && (res.Failure == nil || len(w.events) < res.Failure.Steps) {
		res.Failure = failure(fails, schedule())
	}
}

func failure(fails []Violation, schedule []string) *Failure {
	f := &Failure{Violation: fails[0], Steps: len(schedule), Schedule: schedule}
	for _, v := range fails[1:] {
		f.Also = append(f.Also, v.Check+": "+v.Detail)
	}
	return f
}

func (c check) check() string {
	if c.live {
		return Deadlock
	}
	return c.name
}

// judge asks the scenario's checks, then the oracles.
func (r *Run) judge() []Violation {
	out := append([]Violation(nil), r.fails...)
	for _, c := range r.checks {
		r.w.see.checked(c)
		if err := c.ok(); err != nil {
			out = append(out, Violation{c.check(), err.Error()})
		}
	}
	r.w.see.atEnd(r.w)
	return append(out, r.w.see.fails...)
}

// finish states the verdict.
func (res *Result) finish(began time.Time, sampled bool) {
	res.Seconds = time.Since(began).Seconds()
	res.Why = res.why
	switch {
	case sampled:
		res.Verdict = SampledRuns
	case res.Exhausted:
		res.Verdict = ExhaustedRuns
	default:
		res.Verdict = BoundedRuns
	}
}

// Blind lists the oracles that saw nothing: they have shown nothing.
func (res *Result) Blind() (out []string) {
	for _, n := range append([]string{Assertions}, oracleNames...) {
		if res.Oracles[n] == 0 {
			out = append(out, n)
		}
	}
	return out
}

// Clean says whether no check failed.
func (res *Result) Clean() bool { return len(res.Violations) == 0 && res.escape == nil }

// fingerprint is the trace: what every actor handled, in order, and what was done to every key.
func (w *world) fingerprint() (h [2]uint64) {
	for _, p := range w.slots {
		line := p.line
		if w.o.commute != nil {
			line = w.normal(p)
		}
		h[0] += mix(p.hash, line)
		h[1] += mix(line, p.hash)
	}
	for obj, k := range w.history {
		v := mix(mix(w.book.keys[obj], k.line), k.reads)
		h[0] += v
		h[1] += mix(v, 1)
	}
	return h
}

// normal hashes what p handled in the normal form under the declared commutativity: of all orders that are the
// same, the one that is least in each place.
func (w *world) normal(p *place) (h uint64) {
	rest := append([]took(nil), p.hist...)
	for len(rest) > 0 {
		best := 0
		for i := 1; i < len(rest); i++ {
			if w.free(rest, i) && w.book.value(rest[i]) < w.book.value(rest[best]) {
				best = i
			}
		}
		h = mix(h, w.book.value(rest[best]))
		rest = append(rest[:best], rest[best+1:]...)
	}
	return h
}

func (w *world) free(rest []took, i int) bool {
	for _, t := range rest[:i] {
		if t.body == nil || rest[i].body == nil || !w.o.commute(*t.body, *rest[i].body) {
			return false
		}
	}
	return true
}

func (b *book) value(t took) uint64 {
	switch {
	case t.msg == 0:
		return hashOf(t.note)
	case t.note != "":
		return mix(b.msgs[t.msg].hash, hashOf(t.note))
	}
	return b.msgs[t.msg].hash
}

// text is the trace as text, for comparing explorers.
func (w *world) text() string {
	lines := make([]string, 0, len(w.slots)+len(w.history))
	for _, p := range w.slots {
		var b strings.Builder
		b.WriteString(p.path + " =")
		for _, t := range p.hist {
			b.WriteString(" " + w.book.msgs[t.msg].name + t.note)
		}
		lines = append(lines, b.String())
	}
	for obj, k := range w.history {
		var ws, rs []string
		for _, t := range k.text {
			if t[0] == 'w' {
				ws = append(ws, t)
			} else {
				rs = append(rs, t)
			}
		}
		sort.Strings(rs)
		lines = append(lines, fmt.Sprintf("key %x = %s | %s", w.book.keys[obj], strings.Join(ws, " "), strings.Join(rs, " ")))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// debt is what a run of a trace came to, where the runs of one trace differ in the order of messages that are
// declared to commute.
type debt struct {
	sum  uint64
	text string
}

// settle compares the run with the others of its trace.
func (res *Result) settle(fp [2]uint64, w *world) []Violation {
	a := &auditor{}
	got := debt{a.ended(w), w.text()}
	want, ok := res.debts[fp]
	if !ok {
		res.debts[fp] = got
		return nil
	}
	if want.sum == got.sum {
		return nil
	}
	return []Violation{{"commute", "messages that are declared to commute do not: two orders end in different states:\n" + want.text + "\nand\n" + got.text}}
}

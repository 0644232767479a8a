package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/render"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// LabResult is what explore prints. Traces are different ones; Parts are the results one by one, where cancels are
// explored.
type LabResult struct {
	api.Meta
	*lab.Result
	Traces int           `json:"traces"`
	Parts  []*lab.Result `json:"parts,omitempty"`
}

// labJob is one explore.
type labJob struct {
	labFlags
	most   int
	within time.Duration
	first  bool
	debug  bool
	runs   int
	d      int
	out    string
	sc     lab.Scenario
	o      lab.Options
}

func (a *app) labExplore() *cobra.Command {
	j := &labJob{}
	c := &cobra.Command{
		Use: "explore NAME", Short: "Explore every schedule of a scenario",
		Long: "Run every schedule of a scenario, up to the order of steps that do not depend on each other, and say what holds.\n" +
			"The verdict is exhausted (every trace was run), bounded (a bound, or Ctrl-C, ended it before) or sampled (some schedules were drawn).\n" +
			"Exit 1 if a check fails: the shortest failing run is written as a trace file.",
		Example: "  fnctl lab explore 'mutex(3)'\n  fnctl lab explore 'twopc(2,0,timeout)' --timers quiescent -o json\n" +
			"  fnctl lab explore 'link(2,drop=1)' --model bag\n  fnctl lab explore 'mutex(2)' --inject sweep\n" +
			"  fnctl lab explore 'philo(5)' --sample pct --runs 5000 --seed 7\n  fnctl lab explore 'lostupdate(2)' --out lost.jsonl",
		Args: cobra.ExactArgs(1), ValidArgsFunction: scenarios,
	}
	j.add(c)
	f := c.Flags()
	f.IntVar(&j.most, "most", 0, "runs at most (0: no bound)")
	f.DurationVar(&j.within, "within", 0, "time at most, beside the answer so far (0: no bound)")
	f.BoolVar(&j.first, "first", false, "end at the first violation")
	f.BoolVar(&j.debug, "debug", false, "check what the scenario declares to commute, by running both orders")
	f.StringVar(&j.inject, "inject", "none", "cancels: none, sweep (one at each site of one schedule) or explore (one for each actor, at any time)")
	f.IntVar(&j.runs, "runs", 1000, "with --sample: schedules to draw")
	f.IntVar(&j.d, "d", 3, "with --sample pct: the depth of bugs to look for")
	f.StringVar(&j.out, "out", "", "where the trace of a failing run is written (default: a file in FNODE_LAB_TRACES, else in the temporary folder)")
	_ = c.RegisterFlagCompletionFunc("inject", cobra.FixedCompletions(labWords["inject"], cobra.ShellCompDirectiveNoFileComp))
	return a.leaf(c, "1 4", func(ctx context.Context, args []string) (render.Doc, error) {
		if err := j.prepare(args[0]); err != nil {
			return render.Doc{}, err
		}
		bar := a.progress()
		j.o.Progress = bar.show
		limited, cancel := a.within(ctx, 0)
		defer cancel()
		res, parts, err := j.run(limited)
		bar.clear()
		if res == nil {
			return render.Doc{}, err
		}
		if file, failed := j.keep(a, res); failed != nil {
			err = errors.Join(err, failed)
		} else if file != "" {
			res.Failure.File = file
		}
		return labDoc(res, parts), a.labEnd(ctx, limited, res, err)
	})
}

// prepare checks the command line.
func (j *labJob) prepare(name string) (err error) {
	if j.sc, err = programs.Find(name); err != nil {
		return err
	}
	inject, err := labWord("inject", j.inject)
	if err != nil {
		return err
	}
	if j.o, err = j.options(j.sc); err != nil {
		return err
	}
	j.o.Most, j.o.Within, j.o.First, j.o.Debug = j.most, j.within, j.first, j.debug
	drawn := j.sampler != ""
	if drawn && (inject > 0 || j.flags.Changed("most") || j.debug) {
		return codes.New(codes.Usage, "--sample draws schedules: --inject, --most and --debug are for exploring; --runs says how many are drawn")
	}
	return errors.Join(j.only(drawn, "--sample", "runs", "d"), j.only(inject != 1, "exploring; a sweep takes one run for each site", "most", "first", "debug"))
}

func (j *labJob) run(ctx context.Context) (res *lab.Result, parts []*lab.Result, err error) {
	by, err := j.by()
	if err != nil {
		return nil, nil, err
	}
	switch {
	case j.sampler != "":
		res, err = lab.Sample(ctx, j.sc, j.o, lab.Draw{By: by, Runs: j.runs, D: j.d})
	case j.inject == "sweep":
		res, err = lab.Sweep(ctx, j.sc, j.o)
	case j.inject == "explore":
		return lab.Cancels(ctx, j.sc, j.o)
	default:
		res, err = lab.Search(ctx, j.sc, j.o)
	}
	return res, nil, err
}

// keep writes the trace of the failing run, if there is one, and gives the file's name.
func (j *labJob) keep(a *app, res *lab.Result) (string, error) {
	if res.Failure == nil {
		return "", nil
	}
	o := j.o
	o.Progress = nil
	tr, err := lab.Record(res.Failing(j.sc), o, res.Failure.Schedule)
	if err != nil {
		return "", err
	}
	if j.out != "" {
		return tr.SaveAs(j.out)
	}
	return tr.Save(a.env.Getenv(lab.EnvTraces), j.sc.Name)
}

// labEnd is why explore does not end with 0: the interrupt, the end of --timeout, what went wrong, or a violation.
func (a *app) labEnd(ctx, limited context.Context, res *lab.Result, err error) error {
	found := res.Err()
	switch {
	case ctx.Err() != nil:
		return withFound(codes.New(codes.Interrupted, "interrupted after %d runs; what was found until then is the answer", res.Runs), found)
	case limited.Err() != nil:
		return withFound(codes.New(codes.ClientTimeout, "not done within %v; what was found until then is the answer", a.timeout), found)
	case err != nil:
		return err
	}
	return found
}

func withFound(e *codes.Error, found error) error {
	if f := codes.From(found); f != nil {
		e = e.Fact("found", "%s", f.What)
		e.Facts = append(e.Facts, f.Facts...)
	}
	return e
}

func labDoc(res *lab.Result, parts []*lab.Result) render.Doc {
	doc := render.Doc{
		Value: LabResult{api.Of("LabResult"), res, res.Traces(), parts}, Names: []string{res.Scenario},
		Text: labText(res, len(parts) > 0),
	}
	if len(parts) > 0 {
		doc.Grid = render.Grid{Head: []string{"SCENARIO", "VERDICT", "EXPLORED", "BLOCKED", "VIOLATIONS"}}
		for _, p := range parts {
			doc.Grid.Rows = append(doc.Grid.Rows, []string{p.Scenario, string(p.Verdict), fmt.Sprint(p.Explored), fmt.Sprint(p.Blocked), dash(counts(p.Violations))})
		}
	}
	return doc
}

// labText is a result in lines.
func labText(res *lab.Result, cancels bool) string {
	var b strings.Builder
	state := "clean"
	if n := len(res.Violations); n > 0 {
		state = "NOT clean"
	}
	fmt.Fprintf(&b, "%s: %s, %s\n", labTitle(res.Scenario, res.Model, res.Timers), res.Verdict, state)
	line := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "  %-11s %s\n", label, render.Clean(fmt.Sprintf(format, args...)))
	}
	if res.Why != "" && !res.Exhausted {
		line("because", "%s", res.Why)
	}
	line("explored", "%s, %s, %s", many(res.Explored, "complete run"), many(res.Traces(), "trace"), many(res.Duplicates, "duplicate"))
	line("blocked", "%d of %s (%.1f%%)", res.Blocked, many(res.Runs, "run"), percent(res.Blocked, res.Runs))
	if res.Cut > 0 {
		line("cut", "%s reached the bound on steps", many(res.Cut, "run"))
	}
	switch {
	case cancels:
		line("cancels", "%d of %d explored exhaustively", res.Injected, res.Reached)
	case res.Reached > 0:
		line("cancels", "%d sites reached, %d injected", res.Reached, res.Injected)
	}
	line("steps", "%d in %.2fs", res.Steps, res.Seconds)
	line("verdicts", "%s", dash(counts(res.Verdicts)))
	line("violations", "%s", dash(counts(res.Violations)))
	line("oracles", "%s", dash(counts(res.Oracles)))
	if blind := res.Blind(); len(blind) > 0 {
		line("saw nothing", "%s", strings.Join(blind, ", "))
	}
	return b.String()
}

func many(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func percent(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}

// counts lists what is not zero, by name.
func counts(m map[string]int) string {
	var out []string
	for k, n := range m {
		if n > 0 {
			out = append(out, fmt.Sprintf("%s %d", k, n))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// bar shows how far an exploration has come: on a terminal in one line that changes, else now and then in a line of
// its own. It is used by the exploration's goroutine, and cleared after that has ended.
type bar struct {
	a     *app
	every time.Duration
	next  time.Duration
	shown bool
}

func (a *app) progress() *bar {
	if a.env.TTY {
		return &bar{a: a, next: 250 * time.Millisecond, every: 250 * time.Millisecond}
	}
	return &bar{a: a, next: time.Second, every: 5 * time.Second}
}

func (b *bar) show(p lab.Progress) {
	if p.Elapsed < b.next {
		return
	}
	b.next = p.Elapsed + b.every
	text := fmt.Sprintf("%s: %d runs in %s, %.0f%% done of what is known so far%s", render.Clean(p.Scenario), p.Runs, p.Elapsed.Round(100*time.Millisecond), 100*p.Done, left(p))
	if b.a.env.TTY {
		b.shown = true
		_, _ = fmt.Fprintf(b.a.env.Stderr, "\r\x1b[K%s", text)
		return
	}
	_, _ = fmt.Fprintln(b.a.env.Stderr, text)
}

// left estimates the time that is left, where enough is done to say. More schedules come to light on the way, so that
// it is a least one.
func left(p lab.Progress) string {
	if p.Done < 0.01 || p.Done >= 1 {
		return ""
	}
	d := time.Duration(float64(p.Elapsed) * (1 - p.Done) / p.Done)
	return ", at least " + d.Round(time.Second).String() + " left"
}

func (b *bar) clear() {
	if b.shown {
		_, _ = fmt.Fprint(b.a.env.Stderr, "\r\x1b[K")
	}
}

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/render"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// LabRun is one run in full: what run and show print.
type LabRun struct {
	api.Meta
	File   string       `json:"file,omitempty"`
	Header lab.Header   `json:"header"`
	Steps  []lab.Choice `json:"steps"`
	End    lab.End      `json:"end"`
}

// LabReplay is what replay prints: the run was the same, and came to this.
type LabReplay struct {
	api.Meta
	File       string          `json:"file"`
	Scenario   string          `json:"scenario"`
	Steps      int             `json:"steps"`
	Same       bool            `json:"same"`
	Violations []lab.Violation `json:"violations"`
	Verdicts   []string        `json:"verdicts"`
}

func labRunDoc(t *lab.Trace, file string) render.Doc {
	doc := render.Doc{
		Value: LabRun{api.Of("LabRun"), file, t.Header, t.Steps, t.End},
		Items: []any{}, Names: []string{t.Header.Scenario}, Text: t.Chart(),
	}
	if t.Steps == nil {
		doc.Value = LabRun{api.Of("LabRun"), file, t.Header, []lab.Choice{}, t.End}
	}
	for _, s := range t.Steps {
		doc.Items = append(doc.Items, s)
	}
	return doc
}

func (a *app) labRun() *cobra.Command {
	var l labFlags
	var out string
	c := &cobra.Command{
		Use: "run NAME", Short: "Run one schedule of a scenario",
		Long: "Run one schedule and draw it: the default one, or with --seed or --sample a drawn one. The same seed draws the same schedule.\n" +
			"Exit 1 if a check fails in it.",
		Example: "  fnctl lab run 'mutex(2)'\n  fnctl lab run 'lostupdate(2)' --seed 7 --out run.jsonl\n  fnctl lab run 'philo(3)' --seed 1 --sample pos -o jsonl",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: scenarios,
	}
	l.add(c)
	c.Flags().StringVar(&out, "out", "", "file to write the run to, as a trace")
	return a.leaf(c, "1 4", func(_ context.Context, args []string) (render.Doc, error) {
		t, err := l.one(args[0])
		if err != nil {
			return render.Doc{}, err
		}
		if out != "" {
			if _, err := t.SaveAs(out); err != nil {
				return render.Doc{}, err
			}
		}
		return labRunDoc(t, out), t.Err(out)
	})
}

// one takes the run that the flags ask for.
func (l *labFlags) one(name string) (*lab.Trace, error) {
	sc, err := programs.Find(name)
	if err != nil {
		return nil, err
	}
	o, err := l.options(sc)
	if err != nil {
		return nil, err
	}
	by, err := l.by()
	if err != nil {
		return nil, err
	}
	if l.sampler == "" && !l.flags.Changed("seed") {
		return lab.Record(sc, o, nil)
	}
	return lab.Drawn(sc, o, lab.Draw{By: by})
}

// trace reads a trace file; "-" is stdin.
func (a *app) trace(file string) (*lab.Trace, error) {
	if file == "-" {
		return lab.ReadTrace(a.env.Stdin, "stdin")
	}
	return lab.LoadTrace(file)
}

func (a *app) labReplay() *cobra.Command {
	c := &cobra.Command{
		Use: "replay FILE|-", Short: "Take a recorded run again, strictly",
		Long: "Take the run of a trace file again. Each step, what was possible, what was done, and the end must be the same: the first difference is told with its line, and exit 65.\n" +
			"Exit 1 if a check fails, as it did when the run was recorded; 0 if none does.",
		Example: "  fnctl lab replay lost.jsonl\n  fnctl lab replay lost.jsonl -o json", Args: cobra.ExactArgs(1),
	}
	return a.leaf(c, "1 4 65 66", func(ctx context.Context, args []string) (render.Doc, error) {
		t, err := a.trace(args[0])
		if err != nil {
			return render.Doc{}, err
		}
		sc, err := programs.Find(t.Header.Scenario)
		if err != nil {
			return render.Doc{}, ofATest(err, t)
		}
		ctx, cancel := a.within(ctx, 0)
		defer cancel()
		end, err := lab.Replay(ctx, sc, t)
		if err != nil {
			return render.Doc{}, err
		}
		v := LabReplay{api.Of("LabReplay"), args[0], t.Header.Scenario, end.Steps, true, end.Violations, end.Verdicts}
		text := fmt.Sprintf("%s: the same run, step by step: %d steps\n", labTitle(t.Header.Scenario, t.Header.Model, t.Header.Timers), end.Steps)
		if len(end.Violations) == 0 {
			text += "  no check fails\n"
		}
		return render.Doc{Value: v, Names: []string{v.Scenario}, Text: text}, t.Err(args[0])
	})
}

// ofATest says how a trace of a scenario that only a Go test knows is replayed.
func ofATest(err error, t *lab.Trace) error {
	if e := codes.From(err); e != nil && e.Code == codes.LabNoScenario {
		return e.Fact("try", "%s=FILE go test -run TEST PACKAGE, where a Go test explores %q", lab.EnvReplay, t.Header.Scenario)
	}
	return err
}

func (a *app) labShow() *cobra.Command {
	c := &cobra.Command{
		Use: "show FILE|-", Short: "Draw a recorded run",
		Long:    "Draw the run of a trace file as a sequence chart, with what it came to. Nothing is run. -o json gives every step with what was possible and what was done; -o jsonl a line each.",
		Example: "  fnctl lab show lost.jsonl\n  fnctl lab show lost.jsonl -o json\n  fnctl lab show - < lost.jsonl", Args: cobra.ExactArgs(1),
	}
	return a.leaf(c, "65 66", func(_ context.Context, args []string) (render.Doc, error) {
		t, err := a.trace(args[0])
		if err != nil {
			return render.Doc{}, err
		}
		return labRunDoc(t, args[0]), nil
	})
}

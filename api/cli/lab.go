package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/render"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// lab explores scenarios in this process: it asks no daemon.
func (a *app) lab() *cobra.Command {
	return a.group(&cobra.Command{
		Use: "lab", Short: "Explore scenarios schedule by schedule",
		Long:    "Run the actors of a scenario under a scheduler that chooses every step, in this process; no daemon is asked. docs/lab.md teaches it.",
		Example: "  fnctl lab list\n  fnctl lab explore 'lostupdate(2)'",
	}, a.labList(), a.labExplore(), a.labRun(), a.labReplay(), a.labShow())
}

// LabFamily is a family of scenarios as list prints it.
type LabFamily struct {
	Name    string   `json:"name"`
	Forms   []string `json:"forms"`
	Bounds  string   `json:"bounds,omitempty"`
	Doc     string   `json:"doc"`
	Example string   `json:"example"`
}

// LabList is every family.
type LabList struct {
	api.Meta
	Items []LabFamily `json:"items"`
}

func (a *app) labList() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List the scenarios",
		Long:    "List every family of scenarios with the forms of its arguments, their bounds, and what it is.",
		Example: "  fnctl lab list\n  fnctl lab list -o wide\n  fnctl lab list -o name", Args: cobra.NoArgs,
	}
	return a.leaf(c, "", func(context.Context, []string) (render.Doc, error) {
		list := LabList{Meta: api.Of("LabList"), Items: []LabFamily{}}
		doc := render.Doc{Items: []any{}, Grid: render.Grid{Head: []string{"FORM", "WHAT IT IS", "BOUNDS", "EXAMPLE"}, Narrow: 2}}
		for _, f := range programs.All() {
			v := LabFamily{f.Name, f.Patterns(), f.Bounds(), f.Doc, f.Example}
			list.Items, doc.Items, doc.Names = append(list.Items, v), append(doc.Items, v), append(doc.Names, f.Example)
			for i, p := range v.Forms {
				row := []string{p, "", "", ""}
				if i == 0 {
					row = []string{p, f.Doc, dash(v.Bounds), f.Example}
				}
				doc.Grid.Rows = append(doc.Grid.Rows, row)
			}
		}
		doc.Value = list
		return doc, nil
	})
}

// scenarios completes names.
func scenarios(*cobra.Command, []string, string) (out []string, _ cobra.ShellCompDirective) {
	for _, f := range programs.All() {
		out = append(out, f.Example+"\t"+f.Doc)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// labFlags are the flags of how a scenario is run.
type labFlags struct {
	model, timers   string
	drop, dup       int
	reorder, stuck  bool
	seed            uint64
	depth           int
	inject, sampler string
	flags           *pflag.FlagSet
}

var labWords = map[string][]string{
	"model":  {lab.N1.String(), lab.FIFO.String(), lab.Bag.String()},
	"timers": {lab.Free.String(), lab.Quiescent.String()},
	"sample": {lab.Walk.String(), lab.PCT.String(), lab.POS.String()},
	"inject": {"none", "sweep", "explore"},
}

// add gives a command the flags that run and explore share.
func (l *labFlags) add(c *cobra.Command) {
	f := c.Flags()
	l.flags = f
	f.StringVar(&l.model, "model", "", "how messages travel: n1, fifo or bag (default: n1; fifo where links have faults)")
	f.StringVar(&l.timers, "timers", "", "when timers fire: free (any time) or quiescent (when nothing else can happen) (default: the scenario's, else free)")
	f.IntVar(&l.drop, "drop", 0, "letters that the links may lose in a run")
	f.IntVar(&l.dup, "dup", 0, "letters that the links may double in a run")
	f.BoolVar(&l.reorder, "reorder", false, "letters of one link may overtake each other")
	f.BoolVar(&l.stuck, "stuck", false, "handlers whose region closes may be found stuck at any step")
	f.Uint64Var(&l.seed, "seed", 0, "seed of what is drawn: schedules, and the randomness of actors")
	f.IntVar(&l.depth, "depth", 0, "steps of a run at most (0: 10,000)")
	f.StringVar(&l.sampler, "sample", "", "draw schedules instead: walk, pct or pos")
	for _, name := range []string{"model", "timers", "sample"} {
		_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(labWords[name], cobra.ShellCompDirectiveNoFileComp))
	}
}

// word is the number of a flag's word; 0 if the flag was not given.
func labWord(flag, word string) (int, error) {
	if word == "" {
		return 0, nil
	}
	if i := slices.Index(labWords[flag], word); i >= 0 {
		return i, nil
	}
	return 0, codes.New(codes.Usage, "--%s %q is none of %s", flag, word, strings.Join(labWords[flag], ", "))
}

// options puts the flags together for a scenario.
func (l *labFlags) options(sc lab.Scenario) (o lab.Options, err error) {
	model, err := labWord("model", l.model)
	if err != nil {
		return o, err
	}
	timers, err := labWord("timers", l.timers)
	if err != nil {
		return o, err
	}
	o = lab.Options{
		Model: lab.Model(model), Timers: lab.Timers(timers), Link: lab.Link{Drop: l.drop, Dup: l.dup, Reorder: l.reorder},
		Stuck: l.stuck, Seed: l.seed, Depth: l.depth,
	}
	if l.model == "" && (o.Link != (lab.Link{}) || sc.Link != (lab.Link{})) {
		o.Model = lab.FIFO // under n1 there is no link
	}
	return o, nil
}

func (l *labFlags) by() (lab.Sampler, error) {
	n, err := labWord("sample", l.sampler)
	return lab.Sampler(n), err
}

// only refuses flags that mean nothing without another one.
func (l *labFlags) only(given bool, with string, names ...string) error {
	for _, n := range names {
		if !given && l.flags.Changed(n) {
			return codes.New(codes.Usage, "--%s is for %s", n, with)
		}
	}
	return nil
}

// labTitle is the first line about a result or a run.
func labTitle(scenario, model, timers string) string {
	return fmt.Sprintf("%s · %s · %s timers", render.Clean(scenario), model, timers)
}

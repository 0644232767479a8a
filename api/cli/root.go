package cli

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/render"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

const (
	exitsKey    = "exits"          // annotation: the exit codes of a command beside the common ones
	viewTimeout = 10 * time.Second // of a request that only reads
)

// commonExits can end every command that asks the daemon.
const commonExits = "0 64 69 70 74 76 77 124 130"

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "fnctl", Short: "Look at and steer a running fnode-supervisor",
		Long: "fnctl asks the supervisor over its Unix socket. Data goes to stdout, talk to stderr.\n" +
			"Paths are file-like (sup/ext/markdown); the end of a path is enough where it is unique (markdown); globs work in get.",
		SilenceErrors: true, SilenceUsage: true, CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.globals() },
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return codes.New(codes.Usage, "there is no command %q", args[0])
			}
			return c.Help()
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&a.socket, "socket", "", "the daemon's socket (default: FNODE_SOCKET, else where the daemon of this user, then of this machine, listens)")
	f.StringVarP(&a.output, "output", "o", "table", "table, wide, json, jsonl, yaml or name")
	f.DurationVar(&a.timeout, "timeout", 0, "give up after this time; for invoke and stop the time that the call or the stop is given (0: the command's own)")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "wide", "json", "jsonl", "yaml", "name"}, cobra.ShellCompDirectiveNoFileComp))
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		a.peekOutput()
		e := codes.New(codes.Usage, "%s: %v", c.CommandPath(), err).Wrap(err)
		if n := slices.IndexFunc(a.env.Args, negative.MatchString); n >= 0 {
			return e.Fact("try", "%s … -- %s", c.CommandPath(), a.env.Args[n])
		}
		return e.Fact("try", "%s --help", c.CommandPath())
	})
	root.AddCommand(a.status(), a.tree(), a.get(), a.describe(), a.why(), a.logs(), a.events(), a.invoke(),
		a.verb("stop"), a.verb("start"), a.verb("restart"), a.apply(), a.doctor(), a.whoami(), a.explain(), a.ext(), a.config(), a.ledger(), a.receipt(), a.lab(), a.version(), a.completion(root))
	root.SetUsageTemplate(root.UsageTemplate() + "{{with exits .}}\nExit codes:\n{{.}}{{end}}")
	return root
}

func init() { cobra.AddTemplateFunc("exits", exitTable) }

// globals checks the flags that every command has.
func (a *app) globals() error {
	format, err := render.ParseFormat(a.output)
	if err != nil {
		return err
	}
	a.format = format
	if a.timeout < 0 {
		return codes.New(codes.Usage, "--timeout %v is negative", a.timeout)
	}
	if a.socket == "" {
		a.socket = api.FindSocket(a.env.UID, a.env.Getenv)
	}
	return nil
}

// negative is a number that a command line takes for a flag.
var negative = regexp.MustCompile(`^-\d`)

// peekOutput finds -o on a command line that could not be parsed, so that its error still has that form.
func (a *app) peekOutput() {
	for i, arg := range a.env.Args {
		v, ok := strings.CutPrefix(arg, "--output=")
		if !ok && (arg == "-o" || arg == "--output") && i+1 < len(a.env.Args) {
			v, ok = a.env.Args[i+1], true
		}
		if !ok && strings.HasPrefix(arg, "-o") {
			v, ok = strings.TrimPrefix(arg[2:], "="), true
		}
		if f, err := render.ParseFormat(v); ok && err == nil {
			a.format = f
		}
	}
}

// action is what a command does: it returns what to print, and why it fails; it may do both.
type action func(ctx context.Context, args []string) (render.Doc, error)

// leaf makes a command of an action. exits are its own exit codes beside the common ones.
func (a *app) leaf(c *cobra.Command, exits string, do action) *cobra.Command {
	c.Annotations = map[string]string{exitsKey: strings.TrimSpace(commonExits + " " + exits)}
	argsOf := c.Args
	c.Args = func(cmd *cobra.Command, args []string) error {
		if argsOf == nil {
			return nil
		}
		if err := argsOf(cmd, args); err != nil {
			a.peekOutput()
			return codes.New(codes.Usage, "%s: %v", cmd.CommandPath(), err).Fact("try", "%s --help", cmd.CommandPath()).Wrap(err)
		}
		return nil
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		a.coded = true
		doc, err := do(cmd.Context(), args)
		if doc.Value != nil {
			if err2 := a.printer().Doc(doc); err2 != nil && err == nil {
				err = err2
			}
		}
		return err
	}
	return c
}

// group makes a command that only holds others.
func (a *app) group(c *cobra.Command, children ...*cobra.Command) *cobra.Command {
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return codes.New(codes.Usage, "%s has no command %q", cmd.CommandPath(), args[0]).Fact("try", "%s --help", cmd.CommandPath())
		}
		return cmd.Help()
	}
	c.AddCommand(children...)
	return c
}

func (a *app) client() *api.Client { return api.Dial(a.socket) }

// within bounds a request: --timeout if it was given, else def, where 0 is no bound.
func (a *app) within(ctx context.Context, def time.Duration) (context.Context, context.CancelFunc) {
	if a.timeout > 0 {
		def = a.timeout
	}
	if def == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, def)
}

// paths completes the paths of the running tree.
func (a *app) paths(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	if a.globals() != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	t, err := a.client().Tree(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, r := range api.Reduce(t).Rows() {
		out = append(out, render.Clean(r.Path)+"\t"+r.Kind)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// exitMeaning is the contract of every command's exit codes.
var exitMeaning = []struct {
	code  string
	means string
}{
	{"0", "done, or the answer is yes"},
	{"1", "ran, and the answer is no"},
	{"3", "it is not running"},
	{"4", "there is no such thing"},
	{"64", "wrong command line"},
	{"65", "bad data"},
	{"66", "input missing"},
	{"69", "daemon not reachable"},
	{"70", "our fault"},
	{"74", "input or output failed"},
	{"75", "try again later"},
	{"76", "version skew"},
	{"77", "not permitted"},
	{"78", "bad configuration"},
	{"124", "timeout"},
	{"130", "interrupted"},
}

func exitTable(c *cobra.Command) string {
	var b strings.Builder
	for _, e := range exitMeaning {
		for have := range strings.FieldsSeq(c.Annotations[exitsKey]) {
			if have == e.code {
				b.WriteString("  " + e.code + strings.Repeat(" ", 5-len(e.code)) + e.means + "\n")
			}
		}
	}
	return b.String()
}

package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/render"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func (a *app) doctor() *cobra.Command {
	c := &cobra.Command{
		Use: "doctor", Short: "Run live self-tests of this host and of the daemon",
		Long:    "Try what an engine would get on this host: cgroups, namespaces, landlock, seccomp. Where no daemon answers, the host is tested by fnctl itself. Exit 1 if a test fails; each says how to get what is missing.",
		Example: "  fnctl doctor\n  fnctl doctor -o json", Args: cobra.NoArgs,
	}
	return a.leaf(c, "1", func(ctx context.Context, _ []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, 3*viewTimeout)
		defer cancel()
		d, err := a.client().Doctor(ctx)
		if e := codes.From(err); e != nil && e.Code.ID == codes.Unreachable.ID && a.env.SelfTest != nil {
			d, err = api.Doctor{Meta: api.Of("Doctor"), OK: true, Checks: a.env.SelfTest(ctx)}, nil
			for _, k := range d.Checks {
				d.OK = d.OK && k.OK
			}
		}
		if err != nil {
			return render.Doc{}, err
		}
		doc := render.Doc{Value: d, Names: []string{"doctor"}, Grid: checkGrid(d.Checks)}
		if !d.Daemon {
			doc.Text = "no daemon answers: these are the self-tests of this host\n"
		}
		if !d.OK {
			return doc, failedChecks(d.Checks)
		}
		return doc, nil
	})
}

func failedChecks(checks []api.Check) error {
	e := codes.New(codes.DoctorFailed, "some self-tests fail")
	for _, k := range checks {
		if !k.OK {
			e.Fact(k.Name, "%s", strings.TrimSpace(k.Detail+" "+k.Hint))
		}
	}
	return e
}

func (a *app) explain() *cobra.Command {
	c := &cobra.Command{
		Use: "explain [CODE]", Short: "Explain an error code",
		Long:    "Say why an error code occurs, what is kept when it does, and what to do next; without a code, list them all. It asks no daemon.",
		Example: "  fnctl explain FN3001\n  fnctl explain queue_full -o json\n  fnctl explain", Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) (out []string, _ cobra.ShellCompDirective) {
			for _, c := range codes.All() {
				out = append(out, c.ID+"\t"+c.Title)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
	}
	return a.leaf(c, "4", func(_ context.Context, args []string) (render.Doc, error) {
		if len(args) == 0 {
			return explanations(), nil
		}
		for _, k := range codes.All() {
			if strings.EqualFold(k.ID, args[0]) || strings.EqualFold(k.Name, args[0]) {
				return explanation(k), nil
			}
		}
		return render.Doc{}, codes.New(codes.NoSuchCode, "there is no error code %q", args[0])
	})
}

// Explanation is an error code in full.
type Explanation struct {
	api.Meta
	Code  string `json:"code"`
	Name  string `json:"name"`
	Title string `json:"title"`
	Cause string `json:"cause"`
	Kept  string `json:"kept"`
	Hint  string `json:"hint"`
	Exit  int    `json:"exit"`
	Retry bool   `json:"retryable"`
}

// Explanations is every error code.
type Explanations struct {
	api.Meta
	Items []Explanation `json:"items"`
}

func explained(k *codes.Code) Explanation {
	return Explanation{api.Of("Explanation"), k.ID, k.Name, k.Title, k.Cause, k.Kept, k.Hint, k.Exit, k.Retry}
}

func explanations() render.Doc {
	list := Explanations{Meta: api.Of("ExplanationList")}
	doc := render.Doc{Items: []any{}, Grid: render.Grid{Head: []string{"CODE", "NAME", "EXIT", "TITLE"}, Narrow: 4}}
	for _, k := range codes.All() {
		v := explained(k)
		list.Items, doc.Items, doc.Names = append(list.Items, v), append(doc.Items, v), append(doc.Names, v.Code)
		doc.Grid.Rows = append(doc.Grid.Rows, []string{v.Code, v.Name, strconv.Itoa(v.Exit), v.Title})
	}
	doc.Value = list
	return doc
}

func explanation(k *codes.Code) render.Doc {
	v := explained(k)
	again := "no: the same request fails again"
	if k.Retry {
		again = "yes: later, unchanged"
	}
	text := fmt.Sprintf("%s %s: %s\n\n  why      %s\n  kept     %s\n  try      %s\n  again    %s\n  exit     %d\n", k.ID, k.Name, k.Title, k.Cause, k.Kept, k.Hint, again, k.Exit)
	return render.Doc{Value: v, Names: []string{k.ID}, Text: text}
}

func (a *app) ext() *cobra.Command {
	var out string
	pack := &cobra.Command{
		Use: "pack DIR", Short: "Bundle an extension into an archive",
		Long:    "Check the manifest, bundle the code with its source map, and write one content-addressed archive. No code of the package is run. The same inputs give the same bytes.",
		Example: "  fnctl ext pack examples/markdown\n  fnctl ext pack examples/markdown --out markdown.fnpkg", Args: cobra.ExactArgs(1),
	}
	pack.Flags().StringVar(&out, "out", "", "archive to write (default: NAME-VERSION.fnpkg here)")
	list := &cobra.Command{
		Use: "list", Short: "List the extensions that the daemon runs",
		Long: "List the packages that the daemon holds, with version, digest, state and methods.", Example: "  fnctl ext list\n  fnctl ext list -o json", Args: cobra.NoArgs,
	}
	return a.group(&cobra.Command{Use: "ext", Short: "Pack and list extensions", Example: "  fnctl ext list"},
		a.leaf(pack, "65 66", func(ctx context.Context, args []string) (render.Doc, error) {
			p, err := a.env.Pack(ctx, args[0], out)
			if err != nil {
				return render.Doc{}, err
			}
			p.Meta = api.Of("Package")
			text := render.Clean(fmt.Sprintf("%s %s: %d bytes, %s", p.Name, p.Version, p.Bytes, p.File)) + "\n" +
				"  digest   " + render.Clean(p.Digest) + "\n  methods  " + render.Clean(strings.Join(p.Methods, ", ")) + "\n"
			return render.Doc{Value: p, Names: []string{p.File}, Text: text}, nil
		}),
		a.leaf(list, "", func(ctx context.Context, _ []string) (render.Doc, error) {
			ctx, cancel := a.within(ctx, viewTimeout)
			defer cancel()
			l, err := a.client().Extensions(ctx)
			if err != nil {
				return render.Doc{}, err
			}
			doc := render.Doc{Value: l, Items: []any{}, Grid: render.Grid{Head: []string{"NAME", "VERSION", "STATE", "PROFILE", "METHODS", "PATH", "DIGEST"}, Narrow: 5}}
			for _, e := range l.Items {
				doc.Items, doc.Names = append(doc.Items, e), append(doc.Names, e.Name)
				doc.Grid.Rows = append(doc.Grid.Rows, []string{e.Name, e.Version, e.State, e.Profile, strings.Join(e.Methods, ","), e.Path, e.Digest})
			}
			return doc, nil
		}))
}

// Verdict is what config check says of a file without faults.
type Verdict struct {
	api.Meta
	File string `json:"file"`
	OK   bool   `json:"ok"`
}

// ShownConfig is what config show prints: the configuration in the shape of its file, and where each key is set.
type ShownConfig struct {
	api.Meta
	File      string            `json:"file,omitempty"`
	Effective bool              `json:"effective"`
	Config    any               `json:"config"`
	Origins   map[string]string `json:"origins"` // key -> file:line:col; what is not here is a default
}

func (a *app) config() *cobra.Command {
	effective := false
	check := &cobra.Command{
		Use: "check FILE", Short: "Check a configuration without starting anything",
		Long:    "Read a configuration with its drop-ins and report every fault at once, each with file, line and column. Exit 78 if there is one.",
		Example: "  fnctl config check /etc/fnode-supervisor/config.toml", Args: cobra.ExactArgs(1),
	}
	show := &cobra.Command{
		Use: "show [FILE]", Short: "Show a configuration as it takes effect",
		Long:    "Show a configuration with its drop-ins and where each value is set; with --effective every default is filled in. Without a file, the defaults.",
		Example: "  fnctl config show config.toml --effective\n  fnctl config show config.toml -o json\n  fnctl config show", Args: cobra.MaximumNArgs(1),
	}
	show.Flags().BoolVar(&effective, "effective", false, "with every default filled in")
	schema := &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of the configuration",
		Long: "Print the JSON Schema of the configuration file, generated from its types.", Example: "  fnctl config schema > fnode-supervisor.schema.json", Args: cobra.NoArgs,
	}
	return a.group(&cobra.Command{Use: "config", Short: "Check and show configurations", Example: "  fnctl config check config.toml"},
		a.leaf(check, "66 78", func(_ context.Context, args []string) (render.Doc, error) {
			if err := a.env.ConfigCheck(args[0]); err != nil {
				return render.Doc{}, err
			}
			return render.Doc{Value: Verdict{api.Of("ConfigVerdict"), args[0], true}, Names: []string{args[0]}, Text: render.Clean(args[0]) + " is valid\n"}, nil
		}),
		a.leaf(show, "66 78", func(_ context.Context, args []string) (render.Doc, error) {
			file, name := "", "defaults"
			if len(args) == 1 {
				file, name = args[0], args[0]
			}
			v, text, err := a.env.ConfigShow(file, effective)
			if err != nil {
				return render.Doc{}, err
			}
			return render.Doc{Value: v, Names: []string{name}, Text: text}, nil
		}),
		a.leaf(schema, "", func(context.Context, []string) (render.Doc, error) {
			b, err := a.env.ConfigSchema()
			if err != nil {
				return render.Doc{}, err
			}
			return render.Doc{Value: rawJSON(b), Names: []string{"schema"}, Text: string(b)}, nil
		}))
}

// rawJSON is JSON that is printed as it is.
type rawJSON []byte

// MarshalJSON gives the bytes.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

// Release is what version prints.
type Release struct {
	api.Meta
	Client string `json:"client"`
	Daemon string `json:"daemon,omitempty"`
}

func (a *app) version() *cobra.Command {
	c := &cobra.Command{
		Use: "version", Short: "Print the versions of fnctl and of the daemon",
		Long: "Print the version of fnctl, and of the daemon where one answers.", Example: "  fnctl version\n  fnctl version -o json", Args: cobra.NoArgs,
	}
	return a.leaf(c, "", func(ctx context.Context, _ []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		v := Release{Meta: api.Of("Version"), Client: a.env.Release}
		if d, err := a.client().Release(ctx); err == nil {
			v.Daemon = d
		}
		text := "fnctl " + v.Client + "\n"
		if v.Daemon != "" {
			text += "fnode-supervisor " + render.Clean(v.Daemon) + "\n"
		}
		return render.Doc{Value: v, Names: []string{v.Client}, Text: text}, nil
	})
}

func (a *app) completion(root *cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: "completion bash|zsh|fish", Short: "Print a completion script for a shell",
		Long:    "Print a completion script. Paths are completed from the running tree.",
		Example: "  source <(fnctl completion bash)", Args: cobra.ExactArgs(1), ValidArgs: []string{"bash", "zsh", "fish"},
	}
	return a.leaf(c, "", func(_ context.Context, args []string) (render.Doc, error) {
		var b strings.Builder
		var err error
		switch args[0] {
		case "bash":
			err = root.GenBashCompletionV2(&b, true)
		case "zsh":
			err = root.GenZshCompletion(&b)
		case "fish":
			err = root.GenFishCompletion(&b, true)
		default:
			return render.Doc{}, codes.New(codes.Usage, "there is no completion for %q; there is bash, zsh and fish", args[0])
		}
		return render.Doc{Value: b.String(), Names: []string{args[0]}, Text: b.String()}, err
	})
}

func (a *app) whoami() *cobra.Command {
	c := &cobra.Command{
		Use: "whoami", Short: "Say who you are to the daemon, and why",
		Long:    "Say which user the daemon sees at the other end of the socket, which roles that gives, by which rule, and what they permit.",
		Example: "  fnctl whoami\n  fnctl whoami -o json", Args: cobra.NoArgs,
	}
	return a.leaf(c, "", func(ctx context.Context, _ []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		w, err := a.client().WhoAmI(ctx)
		if err != nil {
			return render.Doc{}, err
		}
		var roles []string
		for _, r := range w.Roles {
			roles = append(roles, string(r))
		}
		text := fmt.Sprintf("uid %d gid %d pid %d\n  roles    %s\n  may      %s\n", w.UID, w.GID, w.PID, dash(strings.Join(roles, ", ")), dash(strings.Join(w.Permissions, ", ")))
		for _, y := range w.Why {
			text += "  because  " + render.Clean(y) + "\n"
		}
		return render.Doc{Value: w, Names: []string{fmt.Sprint(w.UID)}, Text: text}, nil
	})
}

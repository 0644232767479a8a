package cli

import (
	"bytes"
	"context"
	"encoding/json"
	stderrors "errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/render"
	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

const (
	maxStdin = 64 << 20        // bytes of an argument read from stdin; the daemon's own limit is lower
	grace    = 5 * time.Second // that the daemon gets to say how a call at its deadline ended
)

func (a *app) invoke() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "invoke EXT METHOD [JSON|-]", Short: "Call a method of an extension",
		Long: "Call a method and print its result as JSON. The argument is one JSON value; - reads it from stdin.\n" +
			"A number below zero stands behind --, as with any command.\n" +
			"A call is made at most once; a failed one says its outcome: none (it never began), unknown, or done.",
		Example: "  fnctl invoke markdown render '{\"text\":\"# hi\"}'\n  echo '{\"text\":\"# hi\"}' | fnctl invoke markdown render -\n  fnctl invoke feed refresh --timeout 5s --idempotency-key today\n  fnctl invoke sums abs -- -5",
		Args:    cobra.RangeArgs(2, 3), ValidArgsFunction: a.paths,
	}
	c.Flags().StringVar(&key, "idempotency-key", "", "carry the call out once, however often it is sent with this key")
	return a.leaf(c, "1 3 4 65 66 75", func(ctx context.Context, args []string) (render.Doc, error) {
		req := api.InvokeRequest{Path: args[0], Method: args[1], TimeoutNS: int64(a.timeout), Key: key}
		if len(args) == 3 {
			arg, err := a.argument(args[2])
			if err != nil {
				return render.Doc{}, err
			}
			req.Args = arg
		}
		ctx, cancel := a.patient(ctx)
		defer cancel()
		res, err := a.client().Invoke(ctx, req)
		if err != nil {
			return render.Doc{}, err
		}
		return a.result(res)
	})
}

// patient waits for a call somewhat longer than the call may take, so that the daemon can say its outcome.
func (a *app) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, a.timeout+grace)
}

// argument takes a JSON value from the command line or from stdin.
func (a *app) argument(s string) (json.RawMessage, error) {
	name, raw := "argument", []byte(s)
	if s == "-" {
		name = "stdin"
		var err error
		raw, err = io.ReadAll(io.LimitReader(a.env.Stdin, maxStdin+1))
		switch {
		case err != nil:
			return nil, codes.New(codes.InputMissing, "stdin cannot be read: %v", err).Outcome(base.EffectNone).Wrap(err)
		case len(raw) > maxStdin:
			return nil, codes.New(codes.TooLarge, "stdin holds more than %d bytes", maxStdin).Outcome(base.EffectNone)
		}
	}
	if at := codes.NotUTF8(raw); at >= 0 {
		return nil, api.BadJSON(name, raw, int64(at), stderrors.New("it is not UTF-8 from here on")).Fact("unchanged", "the call never began")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	var v json.RawMessage
	err := d.Decode(&v)
	if err == nil {
		if _, more := d.Token(); more == io.EOF {
			return v, nil
		}
		err = fmt.Errorf("something follows the value")
	}
	return nil, api.BadJSON(name, raw, d.InputOffset(), err).Fact("unchanged", "the call never began")
}

// result prints what the method returned, as it is; wide and name print the call.
func (a *app) result(res api.InvokeResult) (render.Doc, error) {
	if len(res.Result) == 0 {
		res.Result = json.RawMessage("null")
	}
	doc := render.Doc{Value: res.Result, Names: []string{res.Call}}
	switch a.format {
	case render.Table:
		doc.Text = resultText(res.Result)
	case render.Wide:
		doc.Text = fmt.Sprintf("%s\ncall %s of %s by incarnation %d, %s\n", resultText(res.Result), render.Clean(res.Call), render.Clean(res.Path), res.Incarnation, api.Short(time.Duration(res.DurationNS)))
	}
	return doc, nil
}

// resultText is the JSON itself, indented and safe for a terminal: what could steer one is escaped.
func resultText(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return render.Clean(string(raw))
	}
	var out strings.Builder
	for _, c := range b.String() {
		if c != '\n' && render.Clean(string(c)) != string(c) {
			writeEscape(&out, c)
			continue
		}
		out.WriteRune(c)
	}
	return out.String()
}

// writeEscape writes a character as JSON escapes it (RFC 8259, 7).
func writeEscape(b *strings.Builder, c rune) {
	if c > 0xffff {
		c -= 0x10000
		fmt.Fprintf(b, `\u%04x\u%04x`, 0xd800+(c>>10), 0xdc00+(c&0x3ff))
		return
	}
	fmt.Fprintf(b, `\u%04x`, c)
}

var verbs = map[string]struct {
	short, long, example string
	call                 func(*api.Client, context.Context, api.VerbRequest, string) (api.VerbResult, error)
}{
	"stop": {
		"Stop a node and keep its spec",
		"Close the node's incarnation in the ordinary way: cancel, drain, finalize, within --timeout or the child's own time. --drain finishes what is owed first.",
		"  fnctl stop markdown\n  fnctl stop sup/ext/feed --drain --timeout 60s\n  fnctl stop markdown --dry-run", (*api.Client).Stop,
	},
	"start": {
		"Start a node that was stopped",
		"Open a new incarnation of a node whose spec is kept.",
		"  fnctl start markdown\n  fnctl start sup/ext/feed -o json", (*api.Client).Start,
	},
	"restart": {
		"Close a node and open its next incarnation",
		"Close the node's incarnation and open the next. What was queued is kept by the child's option.",
		"  fnctl restart markdown\n  fnctl restart sup/ext/feed --timeout 10s --dry-run", (*api.Client).Restart,
	},
}

func (a *app) verb(name string) *cobra.Command {
	v := verbs[name]
	var req api.VerbRequest
	var key string
	c := &cobra.Command{Use: name + " PATH", Short: v.short, Long: v.long, Example: v.example, Args: cobra.ExactArgs(1), ValidArgsFunction: a.paths}
	f := c.Flags()
	f.BoolVar(&req.DryRun, "dry-run", false, "say what would be done and do nothing")
	f.StringVar(&key, "idempotency-key", "", "carry it out once, however often it is sent with this key")
	if name != "start" {
		f.BoolVar(&req.Drain, "drain", false, "finish what is owed first")
	}
	return a.leaf(c, "1 3 4 75", func(ctx context.Context, args []string) (render.Doc, error) {
		req.Path, req.TimeoutNS = args[0], int64(a.timeout)
		ctx, cancel := a.patient(ctx)
		defer cancel()
		res, err := v.call(a.client(), ctx, req, key)
		if err != nil {
			return render.Doc{}, err
		}
		return render.Doc{Value: res, Names: []string{res.Path}, Text: verbText(res)}, nil
	})
}

func (a *app) apply() *cobra.Command {
	var req api.VerbRequest
	var key string
	c := &cobra.Command{
		Use: "apply FILE", Short: "Make the running tree what a configuration says",
		Long: "Read a configuration with its drop-ins where the daemon runs, and make the running tree what it says: validated whole, with\n" +
			"every fault at once, planned as a diff, and applied or refused. Children that did not change are not touched; where a\n" +
			"step fails, those before it are taken back. --dry-run shows the plan, and what is drained first.",
		Example: "  fnctl apply /etc/fnode-supervisor/config.toml --dry-run\n  fnctl apply config.toml --timeout 60s",
		Args:    cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&req.DryRun, "dry-run", false, "say what would be done and do nothing")
	c.Flags().StringVar(&key, "idempotency-key", "", "carry it out once, however often it is sent with this key")
	return a.leaf(c, "1 3 4 65 66 75 78", func(ctx context.Context, args []string) (render.Doc, error) {
		file, err := filepath.Abs(args[0])
		if err != nil {
			return render.Doc{}, codes.New(codes.InputMissing, "%s has no absolute path: %v", args[0], err)
		}
		req.Path, req.TimeoutNS = file, int64(a.timeout)
		ctx, cancel := a.patient(ctx)
		defer cancel()
		res, err := a.client().Apply(ctx, req, key)
		if err != nil {
			return render.Doc{}, err
		}
		return render.Doc{Value: res, Names: []string{res.Path}, Text: verbText(res)}, nil
	})
}

func verbText(r api.VerbResult) string {
	var b strings.Builder
	switch {
	case r.DryRun:
		fmt.Fprintf(&b, "%s %s would do this:\n", r.Verb, r.Path)
	case r.Changed && r.Before == r.After:
		fmt.Fprintf(&b, "%s %s: done\n", r.Verb, r.Path)
	case r.Changed:
		fmt.Fprintf(&b, "%s was %s, is %s\n", r.Path, dash(r.Before), r.After)
	default:
		fmt.Fprintf(&b, "%s is %s already\n", r.Path, r.After)
	}
	out := render.Clean(strings.TrimSuffix(b.String(), "\n")) + "\n"
	for _, s := range r.Steps {
		out += "  " + render.Clean(s) + "\n"
	}
	return out
}

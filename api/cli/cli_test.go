package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/render"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// leaves lists the commands that do something.
func leaves(c *cobra.Command) (out []*cobra.Command) {
	if !c.HasSubCommands() {
		return []*cobra.Command{c}
	}
	for _, s := range c.Commands() {
		if s.Name() != "help" {
			out = append(out, leaves(s)...)
		}
	}
	return out
}

func env(out, err *bytes.Buffer, args ...string) Env {
	return Env{
		Args: args, Stdin: strings.NewReader(""), Stdout: out, Stderr: err, Getenv: func(string) string { return "" }, Release: "1.2.3",
		SelfTest: func(context.Context) []api.Check { return []api.Check{{Name: "kernel", OK: true, Detail: "fine"}} },
		Pack: func(context.Context, string, string) (Packed, error) {
			return Packed{Name: "x", Methods: []string{"a"}}, nil
		},
		ConfigCheck: func(string) error { return nil },
		ConfigShow: func(string, bool) (ShownConfig, string, error) {
			return ShownConfig{Meta: api.Of("Config"), Config: map[string]string{"a": "b"}, Origins: map[string]string{}}, "a = 'b'\n", nil
		},
		ConfigSchema: func() ([]byte, error) { return []byte(`{"type":"object"}`), nil },
	}
}

// TestEveryCommandIsDocumentedAndTakesEveryFormat walks the command tree.
func TestEveryCommandIsDocumentedAndTakesEveryFormat(t *testing.T) {
	root := New(env(&bytes.Buffer{}, &bytes.Buffer{}))
	all := leaves(root)
	if len(all) < 20 {
		t.Fatalf("only %d commands", len(all))
	}
	for _, c := range all {
		if c.Short == "" || c.Long == "" || !strings.Contains(c.Example, "fnctl ") {
			t.Errorf("%s: needs a short and a long description and an example", c.CommandPath())
		}
		if exitTable(c) == "" {
			t.Errorf("%s: says no exit codes", c.CommandPath())
		}
		if c.InheritedFlags().Lookup("output") == nil || c.InheritedFlags().Lookup("socket") == nil {
			t.Errorf("%s: lacks -o or --socket", c.CommandPath())
		}
	}
}

// arguments that let each command get as far as the daemon.
var arguments = map[string][]string{
	"describe": {"x"}, "why": {"x"}, "logs": {"x"}, "invoke": {"x", "y"}, "stop": {"x"}, "start": {"x"}, "restart": {"x"}, "apply": {"x"},
	"explain": {"FN3001"}, "ext pack": {"dir"}, "config check": {"f"}, "config show": {"f"}, "completion": {"bash"},
	"ledger get": {"1"}, "ledger export": {"--out", "DIR/out"}, "ledger backup": {"--out", "x"}, "ledger prune": {"--why", "x", "--before", "2"},
	"ledger rebuild": {"--data", "DIR/whole"}, "ledger repair": {"--data", "DIR/torn", "--dry-run"}, "ledger restore": {"DIR/whole", "--data", "DIR/new", "--why", "x"},
	"receipt grant": {"--action", "a", "--scope", "s", "--reason", "r", "--expires", "1h"}, "receipt revoke": {"x"},
	"lab explore": {"triangle"}, "lab run": {"triangle"}, "lab replay": {"TRACE"}, "lab show": {"TRACE"},
}

// argsOf is the whole command line of a command.
func argsOf(c *cobra.Command, trace, ledgers string) []string {
	_, name, _ := strings.Cut(c.CommandPath(), " ")
	args := strings.Fields(name)
	for _, a := range arguments[name] {
		args = append(args, strings.NewReplacer("TRACE", trace, "DIR", ledgers).Replace(a))
	}
	return args
}

// TestEveryCommandSpeaksEveryFormatAndItsErrorsAreCoded runs each command in each format without a daemon:
// those that need one end with 69 and the error in the form asked for, the others answer.
func TestEveryCommandSpeaksEveryFormatAndItsErrorsAreCoded(t *testing.T) {
	socket, trace := filepath.Join(t.TempDir(), "none.sock"), traceOf(t, "triangle")
	ledgers := someLedgers(t)
	for _, c := range leaves(New(env(&bytes.Buffer{}, &bytes.Buffer{}))) {
		for _, f := range render.Formats {
			var out, err bytes.Buffer
			args := argsOf(c, trace, ledgers)
			code := Main(t.Context(), env(&out, &err, append(args, "--socket", socket, "-o", string(f))...))
			switch {
			case code == codes.ExitOK && out.Len() == 0:
				t.Errorf("%v -o %s: nothing on stdout", args, f)
			case code == codes.ExitUnreachable && !strings.Contains(err.String(), "FN8001"):
				t.Errorf("%v -o %s: the error has no code: %s", args, f, err.String())
			case code != codes.ExitOK && code != codes.ExitUnreachable:
				t.Errorf("%v -o %s: exit %d: %s", args, f, code, err.String())
			}
			if f != render.JSON {
				continue
			}
			for _, b := range [][]byte{out.Bytes(), err.Bytes()} {
				if len(b) > 0 && !json.Valid(b) {
					t.Errorf("%v -o json: no JSON: %s", args, b)
				}
			}
		}
	}
}

func TestWrongCommandLinesAreUsageErrors(t *testing.T) {
	for _, args := range [][]string{{"fly"}, {"tree", "--colour"}, {"invoke", "x"}, {"tree", "-o", "xml"}, {"ext", "fly"}, {"tree", "--timeout", "-1s"}} {
		var out, err bytes.Buffer
		if code := Main(t.Context(), env(&out, &err, args...)); code != codes.ExitUsage || err.Len() == 0 {
			t.Errorf("%v: exit %d, %q", args, code, err.String())
		}
	}
}

func TestExplainKnowsEveryCode(t *testing.T) {
	for _, c := range codes.All() {
		var out, err bytes.Buffer
		if code := Main(t.Context(), env(&out, &err, "explain", c.ID, "-o", "json")); code != 0 || !strings.Contains(out.String(), c.Name) {
			t.Errorf("%s: exit %d, %s", c.ID, code, err.String())
		}
	}
	var out, err bytes.Buffer
	if code := Main(t.Context(), env(&out, &err, "explain", "FN9999")); code != codes.ExitNoSuch {
		t.Errorf("exit %d", code)
	}
}

func TestExplainWithoutACodeListsThemAll(t *testing.T) {
	var out, err bytes.Buffer
	if code := Main(t.Context(), env(&out, &err, "explain", "-o", "name")); code != 0 || len(strings.Fields(out.String())) != len(codes.All()) {
		t.Fatalf("exit %d: %s%s", code, out.String(), err.String())
	}
}

func TestANumberBelowZeroIsToldToStandBehindDashes(t *testing.T) {
	var out, err bytes.Buffer
	if code := Main(t.Context(), env(&out, &err, "invoke", "x", "y", "-5.5")); code != codes.ExitUsage || !strings.Contains(err.String(), "fnctl invoke … -- -5.5") {
		t.Fatalf("exit %d: %s", code, err.String())
	}
	err.Reset()
	if code := Main(t.Context(), env(&out, &err, "invoke", "x", "y", "--socket", filepath.Join(t.TempDir(), "none"), "--", "-5.5")); code != codes.ExitUnreachable {
		t.Fatalf("exit %d: %s", code, err.String())
	}
}

func TestBadJSONIsRefusedWithItsPlaceBeforeAnythingIsSent(t *testing.T) {
	var out, err bytes.Buffer
	code := Main(t.Context(), env(&out, &err, "invoke", "x", "y", `{"a": }`, "--socket", filepath.Join(os.TempDir(), "none.sock")))
	if code != codes.ExitBadData || !strings.Contains(err.String(), "1:7") {
		t.Fatalf("exit %d: %s", code, err.String())
	}
}

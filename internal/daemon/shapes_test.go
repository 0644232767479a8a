package daemon_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api/cli"
	"github.com/franken-node/fnode-supervisor/api/ledger"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/shapes anew")

// runs says with which arguments each command of fnctl is run; DIR is the rig's folder, RECEIPT a receipt's id.
var runs = map[string][]string{
	"status": {}, "tree": {}, "get": {"a"}, "describe": {"a"}, "why": {"broken"}, "logs": {"a"}, "events": {}, "whoami": {}, "version": {},
	"invoke": {"a", "ok"}, "stop": {"b"}, "start": {"b"}, "restart": {"b"}, "apply": {"DIR/apply.toml", "--dry-run"}, "doctor": {}, "explain": {"FN3001"},
	"ext list": {}, "ext pack": {"DIR/ext/a", "--out", "DIR/a.fnpkg"}, "config check": {"DIR/c.toml"}, "config show": {"DIR/c.toml", "--effective"}, "config schema": {},
	"completion": {"bash"},
	"lab list":   {}, "lab explore": {"lostupdate(2)", "--out", "DIR/lost.jsonl"}, "lab run": {"mutex(2)"},
	"lab replay": {"DIR/lost.jsonl"}, "lab show": {"DIR/lost.jsonl"},
	"ledger backup": {"--out", "DIR/backup"}, "ledger checkpoint": {}, "ledger export": {"--out", "DIR/all.bundle"}, "ledger get": {"7", "--proof"}, "ledger head": {},
	"ledger list": {"--limit", "1000"}, "ledger prune": {"--why", "a test", "--before", "2"}, "ledger rebuild": {"--data", "DIR/backup"},
	"ledger repair": {"--data", "DIR/torn", "--dry-run"}, "ledger restore": {"DIR/backup", "--data", "DIR/restored"}, "ledger verify": {},
	"receipt grant": {"--action", "a", "--scope", "s", "--reason", "r", "--expires", "1h"}, "receipt list": {}, "receipt revoke": {"RECEIPT"},
}

// answersNo are the commands that may end with 1 here: a host that lacks a layer, and a run that fails, are answers.
var answersNo = []string{"doctor", "lab explore", "lab replay"}

// TestEveryCommandKeepsItsShape walks the command tree and runs every command against a real daemon: what -o json
// prints has the golden shape of testdata/shapes, one line a path, "?" before one that may be missing.
func TestEveryCommandKeepsItsShape(t *testing.T) {
	r := newRig(t)
	source := plainSource + "\nexport function say() { console.log('hello'); return 1 }\nexport function boom() { throw new TypeError('no') }\n"
	for _, n := range []string{"a", "b", "broken"} {
		r.write(n, `{"capabilities":["kv"],"methods":{"ok":{},"say":{},"boom":{}}}`, source)
	}
	r.file("c.toml", "[logs]\nlevel = \"warn\"\n[[extension]]\nname = \"a\"\npackage = \"ext/a\"\n")
	roles := fmt.Sprintf("[[api.roles]]\nrole = \"security\"\nuid = %d\n[[supervisor]]\nname = \"ext\"\n", os.Geteuid())
	ext := func(name string) string {
		return fmt.Sprintf("[[extension]]\nname = %q\nparent = \"ext\"\npackage = \"ext/%s\"\n", name, name)
	}
	r.file("apply.toml", roles+ext("a"))
	r.file("main.toml", roles+ext("a")+ext("b")+ext("broken"))
	r.torn("torn")
	r.up("--config", filepath.Join(r.dir, "main.toml"))
	receipt, err := r.ledger().Grant(r.ctx(), ledger.GrantRequest{Action: "a", Scope: "s", Reason: "r", ExpiresNS: int64(time.Hour)}, "")
	if err != nil {
		t.Fatal(err)
	}
	r.expect("a", "say", "null", "1")
	if p, err := os.FindProcess(r.pid("broken")); err != nil || p.Kill() != nil {
		t.Fatal("its engine cannot be killed")
	}
	r.answers("broken")
	seen := map[string]bool{}
	for _, c := range leaves(cli.New(cli.Env{Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}})) {
		_, name, _ := strings.Cut(c.CommandPath(), " ")
		args, ok := runs[name]
		if !ok {
			t.Errorf("%s: nothing says how to run it", name)
			continue
		}
		seen[name] = true
		if args = slices.Clone(args); slices.Contains(args, "RECEIPT") {
			args[slices.Index(args, "RECEIPT")] = receipt.ID
		}
		out, code := r.fnctl(append(strings.Fields(name), args...)...)
		if code != 0 && (code != codes.ExitNo || !slices.Contains(answersNo, name)) {
			t.Errorf("%s: exit %d: %s", name, code, out)
			continue
		}
		matchShape(t, name, out)
	}
	for name := range runs {
		if !seen[name] {
			t.Errorf("%s: there is no such command", name)
		}
	}
	out, code := r.fnctl("invoke", "a", "boom")
	if code != codes.ExitNo {
		t.Errorf("exit %d: %s", code, out)
	}
	matchShape(t, "error", out)
	r.stop()
}

// torn makes a closed ledger below the rig's folder whose middle is damaged.
func (r *rig) torn(name string) {
	r.t.Helper()
	dir := filepath.Join(r.dir, name)
	s, err := store.Open(store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	for range 10 {
		done := make(chan core.Result, 1) // capacity 1: the one answer; never closed
		s.Commit(core.Tx{Kind: "test", Body: []byte{0x80}}, func(res core.Result) { done <- res })
		<-done
	}
	err = s.Close()
	names, _ := filepath.Glob(filepath.Join(dir, "markers", "*"))
	b, err2 := os.ReadFile(names[0])
	if err = errors.Join(err, err2); err == nil {
		b[len(b)/2] ^= 1
		err = os.WriteFile(names[0], b, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

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

// run runs the real command and gives what a person sees.
func (r *rig) run(args ...string) (out string, code int) {
	cmd := r.command(args)
	b, _ := cmd.CombinedOutput() // the exit code says it
	return string(b), cmd.ProcessState.ExitCode()
}

func (r *rig) command(args []string) *exec.Cmd {
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DIR", r.dir)
	}
	return exec.CommandContext(r.ctx(), filepath.Join(bin, "fnctl"), append([]string{"--socket", r.sock}, args...)...)
}

// fnctl runs the real command with -o json and gives what it printed: stdout, or stderr where it failed.
func (r *rig) fnctl(args ...string) (out []byte, code int) {
	cmd := r.command(append(args, "-o", "json"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && stdout.Len() == 0 {
		return stderr.Bytes(), cmd.ProcessState.ExitCode()
	}
	return stdout.Bytes(), cmd.ProcessState.ExitCode()
}

func matchShape(t *testing.T, name string, out []byte) {
	t.Helper()
	var v any
	if err := json.Unmarshal(out, &v); err != nil {
		t.Errorf("%s: no JSON: %s", name, out)
		return
	}
	got := map[string]bool{}
	shape("$", v, got)
	file := filepath.Join("testdata", "shapes", strings.ReplaceAll(name, " ", "-")+".txt")
	if *rewrite {
		writeShape(t, file, got)
		return
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Errorf("%s has no golden shape (go test ./internal/daemon -run Shape -rewrite): %v", name, err)
		return
	}
	golden := map[string]bool{}
	for _, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		path, optional := strings.CutPrefix(l, "? ")
		golden[path] = true
		if !optional && !got[path] {
			t.Errorf("%s: misses %s", name, path)
		}
	}
	for path := range got {
		if !golden[path] {
			t.Errorf("%s: has %s, which its shape does not know", name, path)
		}
	}
}

// open are objects whose keys are data and no part of the shape.
var open = []string{"$.config", "$.origins", "$.properties", "$.$defs", "$.spec.methods", "$.oracles", "$.verdicts", "$.violations", "$.body", "$.items[].body"}

func shape(at string, v any, out map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		out[at+" object"] = true
		if slices.Contains(open, at) {
			return
		}
		for k, e := range v {
			shape(fold(at+"."+k), e, out)
		}
	case []any:
		out[at+" array"] = true
		for _, e := range v {
			shape(at+"[]", e, out)
		}
	case nil:
		out[at+" null"] = true
	default:
		out[fmt.Sprintf("%s %s", at, strings.NewReplacer("float64", "number").Replace(fmt.Sprintf("%T", v)))] = true
	}
}

// fold makes a tree of any depth one shape.
func fold(at string) string { return strings.ReplaceAll(at, ".children[].children", ".children") }

func writeShape(t *testing.T, file string, got map[string]bool) {
	t.Helper()
	lines := make([]string, 0, len(got))
	for l := range got {
		lines = append(lines, l)
	}
	sort.Strings(lines)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

package daemon_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/api"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// TestS8ApplyChangesWhatDiffersAndNothingElse: a plan that touches nothing, the change, a file that is refused whole,
// and one whose start fails and is taken back.
func TestS8ApplyChangesWhatDiffersAndNothingElse(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		r.write(name, plain, plainSource)
	}
	r.write("broken", plain, "throw new Error('at load')")
	file := filepath.Join(r.dir, "c.toml")
	const above = "[[supervisor]]\nname = \"ext\"\n"
	ext := func(name string, more ...string) string {
		return "[[extension]]\nparent = \"ext\"\nname = \"" + name + "\"\npackage = \"ext/" + name + "\"\n" + strings.Join(more, "\n") + "\n"
	}
	r.file("c.toml", above+ext("a")+ext("b")+ext("c"))
	r.up("--config", file)
	life := func(name string) api.Node { return r.node("sup/ext/" + name) }
	a, b := life("a"), life("b")
	apply := func(dry bool) (api.VerbResult, error) {
		return r.c.Apply(r.ctx(), api.VerbRequest{Path: file, DryRun: dry}, "")
	}
	same := func(when string) {
		t.Helper()
		if now := life("a"); now.Engine == nil || now.Engine.PID != a.Engine.PID || now.Incarnation != a.Incarnation || now.Restarts != a.Restarts {
			t.Errorf("%s: a was touched: %+v, before %+v", when, now, a)
		}
	}

	res, err := apply(true)
	if err != nil || res.Changed || len(res.Steps) > 0 {
		t.Errorf("the same file: %+v, %v", res, err)
	}
	r.file("c.toml", above+ext("a")+ext("b", "queue = 9")+ext("d"))
	res, err = apply(true)
	want := []string{
		"stop sup/ext/c and remove its spec: it is not in the file", "stop sup/ext/b and start it anew: queue 0 -> 9", "start sup/ext/d: it is new",
	}
	if err != nil || !res.Changed || !slices.Equal(res.Steps, want) {
		t.Errorf("the plan: %+v, %v", res, err)
	}
	same("after a dry run")
	if now := life("b"); now.Engine.PID != b.Engine.PID {
		t.Error("a dry run restarted b")
	}
	if res, err = apply(false); err != nil || !slices.Equal(res.Steps, want) {
		t.Fatalf("%+v, %v", res, err)
	}
	same("after the change")
	if now := life("b"); now.Engine == nil || now.Engine.PID == b.Engine.PID {
		t.Errorf("b was not started anew: %+v", now)
	}
	r.expect("d", "ok", "null", `"ok"`)
	r.expect("b", "ok", "null", `"ok"`)
	if tree, err := r.c.Tree(r.ctx()); err != nil || len(tree.Root.Children[0].Children) != 3 {
		t.Errorf("%+v, %v", tree.Root.Children, err)
	}
	if list, err := r.c.Extensions(r.ctx()); err != nil || len(list.Items) != 3 {
		t.Errorf("%+v, %v", list, err)
	}

	r.file("c.toml", above+ext("a", "queue = -1")+ext("b", "cpu = -2.0")+"[nonsense]\nx = 1\n")
	_, err = apply(false)
	if c := codes.From(err); c == nil || c.Code.ID != codes.BadConfig.ID {
		t.Errorf("a bad file: %v", err)
	}
	out, code := r.run("apply", file)
	if code != codes.ExitConfig || !strings.Contains(out, "queue") || !strings.Contains(out, "cpu") || !strings.Contains(out, "nonsense") {
		t.Errorf("exit %d; all faults at once: %s", code, out)
	}
	same("after a bad file")

	r.file("c.toml", above+ext("a")+ext("b", "queue = 8")+ext("broken"))
	if _, err = apply(false); err == nil {
		t.Error("an extension that throws as it is loaded was started")
	}
	same("after a start that failed")
	r.expect("b", "ok", "null", `"ok"`)
	r.expect("d", "ok", "null", `"ok"`)
	r.file("c.toml", above+ext("a")+ext("b", "queue = 9")+ext("d"))
	if res, err = apply(true); err != nil || res.Changed {
		t.Errorf("it was not taken back: %+v, %v", res, err)
	}
	if _, err := r.c.Stop(r.ctx(), api.VerbRequest{Path: "sup/ext/d"}, ""); err != nil { // S10: the next apply states what it does to it
		t.Fatal(err)
	}
	if res, err = apply(false); err != nil || res.Changed || len(res.Steps) != 1 || !strings.HasPrefix(res.Steps[0], "leave sup/ext/d stopped") {
		t.Errorf("a child that was stopped by hand: %+v, %v", res, err)
	}
	if n := life("d"); n.State != "Stopped" {
		t.Errorf("%+v", n)
	}
	r.stop()
}

// TestS8APlanSaysWhatIsDrainedFirst: a call that is under way where something is stopped.
func TestS8APlanSaysWhatIsDrainedFirst(t *testing.T) {
	r := newRig(t)
	r.link("spinner")
	r.write("a", plain, plainSource)
	file := filepath.Join(r.dir, "c.toml")
	r.file("c.toml", "[[supervisor]]\nname = \"ext\"\n[[extension]]\nname = \"a\"\nparent = \"ext\"\npackage = \"ext/a\"\n")
	r.up()
	called := make(chan struct{}) // capacity 0; closed when the call is answered
	go func() {                   // owner: the test, by called; ends: the call's deadline
		defer close(called)
		_, _ = r.invoke("spinner", "spin", "null")
	}()
	r.eventually("the call is under way", func() bool { return strings.Contains(r.node("sup/ext/spinner").Reason, "spin") })
	out, code := r.run("apply", file, "--dry-run")
	if want := "stop sup/ext/spinner and remove its spec: it is not in the file; drains first: call spin of sup/ext/spinner, 0 more waiting"; code != 0 || !strings.Contains(out, want) {
		t.Errorf("exit %d: %s", code, out)
	}
	<-called
	if out, code = r.run("apply", file); code != 0 || !strings.Contains(out, "stop sup/ext/spinner") {
		t.Errorf("exit %d: %s", code, out)
	}
	if list, err := r.c.Extensions(r.ctx()); err != nil || len(list.Items) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	r.stop()
}

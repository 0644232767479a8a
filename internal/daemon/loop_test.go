package daemon_test

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/franken-node/fnode-supervisor/api"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// loopConfig has a budget of 3 restarts, so that a crash loop is 2 failures.
const loopConfig = `
[[supervisor]]
name = "ext"
restarts = 3
[[extension]]
name = "fragile"
parent = "ext"
package = "ext/fragile"
backoff = { off = true }
[[extension]]
name = "other"
parent = "ext"
package = "ext/other"
`

// TestS7AnExtensionThatOnlyCrashesIsPutInQuarantine: its siblings, and its supervisor, do not notice; the tree, why and
// the metric tell; calls and a start are refused with what to do, and a restart releases it.
func TestS7AnExtensionThatOnlyCrashesIsPutInQuarantine(t *testing.T) {
	r := newRig(t)
	r.write("fragile", plain, plainSource)
	r.write("other", plain, plainSource)
	r.file("c.toml", loopConfig)
	conf := filepath.Join(r.dir, "c.toml")
	r.up("--config", conf)
	const path = "sup/ext/fragile"
	crash := func() {
		pid := r.pid("fragile")
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r.eventually("its supervisor has decided", func() bool {
			n := r.node(path)
			return n.State == "Quarantined" || n.State == "Running" && n.Engine != nil && n.Engine.PID != pid
		})
	}
	r.serves("fnode_quarantined 0")
	other := r.node("sup/ext/other")
	for range 2 {
		crash()
	}
	n := r.node(path)
	if n.State != "Quarantined" || !strings.Contains(n.Reason, "2 failures in 1m0s; last end: crashed: ") || n.Engine != nil || n.Since == nil {
		t.Fatalf("%+v", n)
	}
	r.serves("fnode_quarantined 1")
	r.eventually("why names the first cause", func() bool {
		w, err := r.c.Why(r.ctx(), path)
		return err == nil && w.State == "Quarantined" && strings.Contains(w.Answer, "signal(killed)")
	})
	if out, _ := r.run("tree"); !strings.Contains(out, "Quarantined(2 failures in 1m0s") {
		t.Errorf("fnctl tree does not show it:\n%s", out)
	}
	r.refused("fragile", "ok", "null", codes.ChildQuarantined)
	if _, err := r.c.Start(r.ctx(), api.VerbRequest{Path: path}, ""); !errors.Is(err, codes.Of(codes.ChildQuarantined)) {
		t.Error("a start releases it:", err)
	}
	if res, err := r.c.Stop(r.ctx(), api.VerbRequest{Path: path}, ""); err != nil || res.Changed || res.After != "Quarantined" {
		t.Error(res, err)
	}
	if res, err := r.c.Apply(r.ctx(), api.VerbRequest{Path: conf}, ""); err != nil || len(res.Steps) != 1 || !strings.Contains(res.Steps[0], "in quarantine") {
		t.Error(res, err)
	}
	res, err := r.c.Restart(r.ctx(), api.VerbRequest{Path: path}, "")
	if err != nil || res.Before != "Quarantined" || res.After != "Running" || len(res.Steps) != 2 {
		t.Fatal(res, err)
	}
	r.expect("fragile", "ok", "null", `"ok"`)
	crash()
	if n := r.node(path); n.State != "Running" {
		t.Error("its count was not cleared:", n)
	}
	if now := r.node("sup/ext/other"); now.Engine.PID != other.Engine.PID || now.Incarnation != other.Incarnation {
		t.Error("a sibling noticed:", now)
	}
	r.serves("fnode_quarantined 0")
	r.stop()
}

package daemon_test

import (
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/api"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestWhatWasStoppedSaysWhenItWas(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.up()
	before := time.Now()
	if _, err := r.c.Stop(r.ctx(), api.VerbRequest{Path: "sup/ext/a"}, ""); err != nil {
		t.Fatal(err)
	}
	y, err := r.c.Why(r.ctx(), "sup/ext/a")
	if err != nil {
		t.Fatal(err)
	}
	last := y.Chain[len(y.Chain)-1]
	if last.Time == nil || last.Time.Before(before) || last.What != "Stopped: last end: shutdown" {
		t.Errorf("stopped after %v, why says %q at %v", before, last.What, last.Time)
	}
	out, code := r.fnctl("invoke", "a", "ok")
	if code != codes.ExitNotRunning {
		t.Errorf("exit %d: %s", code, out)
	}
	r.stop()
}

func TestAnArgumentThatIsNotUTF8IsRefused(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.up()
	out, code := r.fnctl("invoke", "a", "echo", "[\"\xff\"]")
	if code != codes.ExitBadData || !strings.Contains(string(out), "not UTF-8") || !strings.Contains(string(out), `"col": 3`) {
		t.Errorf("fnctl: exit %d: %s", code, out)
	}
	if c := r.refused("a", "echo", "[\"\xff\"]", codes.BadInput); c.Where.Col != 3 {
		t.Errorf("the daemon: %+v", c)
	}
	r.stop()
}

// TestWhatPackSaysCanBeRead looks at the form for people: a line each, and the system's word where it fails.
func TestWhatPackSaysCanBeRead(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	if out, code := r.run("ext", "pack", "DIR/ext/a", "--out", "DIR/a.fnpkg"); code != codes.ExitOK || strings.Count(out, "\n") != 3 {
		t.Errorf("exit %d: %s", code, out)
	}
	if out, code := r.run("ext", "pack", "DIR/ext/a", "--out", "DIR/none/a.fnpkg"); code != codes.ExitIO || !strings.Contains(out, "no such file or directory") || !strings.Contains(out, "no archive was written") {
		t.Errorf("exit %d: %s", code, out)
	}
}

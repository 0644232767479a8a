package daemon_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/api"
)

// TestR5ACancelReachesAnExtensionWhoseEngineRunsACall: the request is heard while the engine is at it, and the metric
// says how long that took, and what followed.
func TestR5ACancelReachesAnExtensionWhoseEngineRunsACall(t *testing.T) {
	r := newRig(t)
	r.link("spinner")
	r.up()
	called := make(chan error, 1) // capacity 1: the one answer; never closed
	go func() {                   // owner: the test, by called; ends: the call is answered
		_, err := r.invoke("spinner", "spin", "null")
		called <- err
	}()
	r.eventually("the call is under way", func() bool { return strings.Contains(r.node("sup/ext/spinner").Reason, "spin") })
	if _, err := r.c.Restart(r.ctx(), api.VerbRequest{Path: "sup/ext/spinner"}, ""); err != nil {
		t.Fatal(err)
	}
	if err := <-called; err == nil {
		t.Error("a call without an end was answered")
	}
	r.expect("spinner", "ok", "null", `"ok"`)
	for _, phase := range []string{"deliver", "drain", "close"} {
		r.serves(fmt.Sprintf(`fnode_cancel_latency_seconds_count{phase=%q} 1`, phase))
	}
	r.serves(`fnode_cancel_latency_seconds_bucket{phase="deliver",le="0.3"} 1`) // the call took its second
	r.stop()
}

// TestS9NoReadOfTheAPISendsAMessageToAnActor: what became of messages is the same before and after.
func TestS9NoReadOfTheAPISendsAMessageToAnActor(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.up()
	r.expect("a", "ok", "null", `"ok"`)
	books := func() (out []string) {
		for _, l := range strings.Split(r.metrics(), "\n") {
			if strings.HasPrefix(l, "fnode_messages_total") || strings.HasPrefix(l, "fnode_lane_depth") {
				out = append(out, l)
			}
		}
		return out
	}
	r.eventually("it is quiet", func() bool { return slices.Equal(books(), books()) })
	before := books()
	const path = "sup/ext/a"
	for range 20 {
		_, err1 := r.c.Tree(r.ctx())
		_, err2 := r.c.Status(r.ctx())
		_, err3 := r.c.Describe(r.ctx(), path)
		_, err4 := r.c.Why(r.ctx(), path)
		_, err5 := r.c.Extensions(r.ctx())
		if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
			t.Fatal(err)
		}
	}
	if after := books(); !slices.Equal(before, after) {
		t.Errorf("reading sent messages:\n%s\nbefore:\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	r.stop()
}

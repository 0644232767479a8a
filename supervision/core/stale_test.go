package core_test

import (
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// TestS3ALateTimerOfAnEarlierLifeRestartsNothing: its backoff is over, and the next one's is not.
func TestS3ALateTimerOfAnEarlierLifeRestartsNothing(t *testing.T) {
	w := newWorld(t, core.Spec{
		Budget:   core.Budget{Restarts: 9, Window: time.Minute},
		Children: []core.Child{{Name: "a", Backoff: core.Backoff{Initial: time.Second}}},
	})
	w.rand = 1 << 62
	w.step(core.Event{Kind: core.Boot})
	w.crash("a")
	first := w.timers["a/0"]
	w.step(first) // it is restarted
	w.crash("a")
	if second := w.timers["a/0"]; second.Inc == first.Inc {
		t.Fatal("the timers of two lives are the same:", second)
	}
	w.log = nil
	w.step(first) // late: it was on its way
	if ch := w.c.Children()[0]; ch.State != spec.ChildBackoff || len(w.log) > 0 {
		t.Fatalf("%s after a stale timer: %v", ch.State, w.log)
	}
}

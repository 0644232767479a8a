package daemon

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/franken-node/fnode-supervisor/actors"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// TestR6AWedgeIsCountedAndARootThatFailsOfOneIsOurFault: no extension can wedge an actor of ours, so that the kernel's
// word is given by hand here.
func TestR6AWedgeIsCountedAndARootThatFailsOfOneIsOurFault(t *testing.T) {
	d := &daemon{}
	d.meters = newMeters(d)
	d.count(actors.Event{Kind: actors.EventWedged, Path: "sup/c", Incarnation: 1})
	reg := prometheus.NewRegistry()
	reg.MustRegister(d.meters.wedged)
	all, err := reg.Gather()
	if err != nil || len(all) != 1 || all[0].GetName() != "fnode_wedged_total" || all[0].GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if code := ExitOf(codes.New(codes.ChildWedged, "sup/c cannot be stopped")); code != codes.ExitOurFault {
		t.Errorf("a root that fails of a wedged child ends the process with %d", code)
	}
}

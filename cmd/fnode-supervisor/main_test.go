package main

import (
	"errors"
	"testing"

	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/daemon"
	"github.com/franken-node/fnode-supervisor/regions"
)

// TestR6ARegionThatStaysWedgedEndsTheProcessWith70: whatever else went wrong while it closed.
func TestR6ARegionThatStaysWedgedEndsTheProcessWith70(t *testing.T) {
	end := daemon.End{Proof: regions.Proof{Name: "root", Residue: []string{"region sup/c"}}}
	for _, err := range []error{host.ErrWedged, errors.Join(host.ErrWedged, errors.New("the store was busy"))} {
		var code exitCode
		if !errors.As(told(end, err), &code) || code != 70 {
			t.Errorf("%v ends the process with %d", err, code)
		}
	}
}

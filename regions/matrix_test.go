package regions_test

import (
	"testing"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
	"github.com/franken-node/fnode-supervisor/spec"
)

// hook is a member that calls f when it is asked.
type hook struct {
	member
	f func()
}

func (h *hook) Ask(regions.Request) {
	if h.f != nil {
		h.f()
	}
}

// reach brings a region into a state and calls at there.
var reach = map[spec.RegionState]func(t *testing.T, at func(*regions.Region)) *regions.Region{
	spec.RegionOpen: func(_ *testing.T, at func(*regions.Region)) *regions.Region {
		r := root()
		_, _ = r.Join(regions.File, &member{name: "f"})
		at(r)
		return r
	},
	spec.RegionClosing: func(_ *testing.T, at func(*regions.Region)) *regions.Region {
		r := root()
		h := &hook{}
		h.f = func() { h.f = nil; at(r) }
		_, _ = r.Join(regions.File, h)
		r.Close(regions.Request{Reason: base.ReasonUser})
		return r
	},
	spec.RegionDraining: func(_ *testing.T, at func(*regions.Region)) *regions.Region {
		r := root()
		_, _ = r.Join(regions.File, &member{name: "f"})
		r.Close(regions.Request{Reason: base.ReasonUser})
		at(r)
		return r
	},
	spec.RegionFinalizing: func(_ *testing.T, at func(*regions.Region)) *regions.Region {
		r := root()
		_ = r.Finalize("f", func() error { at(r); return nil })
		r.Close(regions.Request{Reason: base.ReasonUser})
		return r
	},
	spec.RegionClosed: func(_ *testing.T, at func(*regions.Region)) *regions.Region {
		r := root()
		r.Close(regions.Request{Reason: base.ReasonUser})
		at(r)
		return r
	},
	spec.RegionClosedWithResidue: func(t *testing.T, at func(*regions.Region)) *regions.Region {
		r := root()
		c, _ := r.Open("c")
		m := join(t, c, regions.Actor, &member{name: "c"})
		r.Close(regions.Request{Reason: base.ReasonUser})
		m.h.Stuck()()
		at(r)
		return r
	},
	spec.RegionWedged: func(t *testing.T, at func(*regions.Region)) *regions.Region {
		r := root()
		m := join(t, r, regions.Actor, &member{name: "m"})
		r.Close(regions.Request{Reason: base.ReasonUser})
		m.h.Stuck()()
		at(r)
		return r
	},
}

// TestR2EveryStateAnswersByTheTable: the full matrix of states and of the events that the outside has in its hand,
// on the real thing.
func TestR2EveryStateAnswersByTheTable(t *testing.T) {
	events := map[spec.RegionEvent]func(*regions.Region){
		spec.RegionClose: func(r *regions.Region) { r.Close(regions.Request{Reason: base.ReasonShutdown}) },
		spec.RegionKill:  (*regions.Region).Kill,
	}
	for _, s := range spec.Region.States {
		for on, do := range events {
			ran := false
			var after spec.RegionState
			reach[s](t, func(r *regions.Region) {
				if ran = true; r.State() != s {
					t.Fatalf("reached %s, want %s", r.State(), s)
				}
				do(r)
				after = r.State()
			})
			want := spec.RegionDraining // an open region: every member has heard of it when the call returns
			if row, ok := spec.Region.Next(s, on); s != spec.RegionOpen {
				if want = row.To; !ok {
					t.Errorf("%s on %s: the table has no row", s, on)
				}
			}
			if !ran || after != want {
				t.Errorf("%s on %s: %s, the table says %s", s, on, after, want)
			}
			if s == spec.RegionOpen {
				continue
			}
			reach[s](t, func(r *regions.Region) { // and nothing new joins
				if _, err := r.Join(regions.File, &member{name: "late"}); err == nil {
					t.Errorf("%s takes a member", s)
				}
			})
		}
	}
}

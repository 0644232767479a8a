package actors

import (
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/spec"
)

// Under is the message under delivery, or the last one: its tag and its lane; how many were taken so far, how many
// incarnations have begun, and what was left in each lane when it was taken. Alone says that the end of a drain was
// looked for in the region, and Held that messages which wait then held it up.
type Under struct {
	Tag   uint64
	Lane  lanes.Lane
	N     uint64
	Begun uint64
	Left  [3]int
	Alone bool
	Held  bool
}

// Under is for the worker that delivers. It is zero where the host has a coarse clock (Options.Coarse).
func (s *Slot) Under() Under {
	if x := s.more.Load(); x == nil || x.under == nil {
		return Under{}
	}
	return *s.extra().under
}

// Behaviour is the user code of the incarnation that lives; nil if there is none. It is for hosts that digest it.
func (s *Slot) Behaviour() Behaviour {
	if c := s.cell.Load(); c != nil {
		return c.b
	}
	return nil
}

// Cancelled says whether Done of the living incarnation is closed.
func (s *Slot) Cancelled() bool {
	c := s.cell.Load()
	return c != nil && c.cx().errNow() != nil
}

// Shut says whether the slot refuses everything: it was given up, or withdrawn.
func (s *Slot) Shut() bool { return s.is(shut) }

// Closing says whether the region that owns the slot, and that of its incarnation, are closing.
func (s *Slot) Closing() (owner, own bool) {
	c := s.current()
	return s.place.Region().State() != spec.RegionOpen, c != nil && c.region.State() != spec.RegionOpen
}

// Free is how many places of a bounded lane are neither taken nor promised.
func (s *Slot) Free(l lanes.Lane) int { return s.box.Free(l) }

// Rests says whether nobody delivers to the slot and nobody has to. It is for hosts that wait until all is quiet.
func (s *Slot) Rests() bool { return s.box.Rests() }

// Bound is how many places a lane has; zero for Cancel, which has no bound.
func (s *Slot) Bound(l lanes.Lane) int { return s.box.Cap(l) }

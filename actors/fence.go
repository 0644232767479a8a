package actors

import (
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/spec"
)

// Fence gives up on a handler that does not return (R6): the region is Wedged, effects are refused, and
// the supervisor hears of it. n is the incarnation whose handler it is. It returns false if there was
// nothing to fence.
func (s *Slot) Fence(n base.Incarnation) bool {
	c := s.cell.Load()
	if c == nil || c.n != n || c.in(spec.Ending, spec.Ended, spec.Fenced) {
		return false
	}
	if st := c.region.State(); st == spec.RegionOpen {
		return false // slow, not in anybody's way
	}
	if !c.fence() {
		return false
	}
	c.cx().cancel(base.ReasonTimeout)
	s.opts.sys.emit(Event{Kind: EventWedged, Path: s.path, Incarnation: c.n})
	c.breakPromises()
	own, slots := c.region.StuckOwner(), s.place.Stuck()
	c.notify(ChildWedged{Ref{s}, c.n}) // before: its supervisor may be the last that its region waits for
	own()
	slots()
	return true
}

// fence moves to Fenced, if the incarnation is in a handler: what has returned, or waits, is in nobody's way, and
// another worker may deliver to it at any time.
func (c *Cell) fence() bool {
	c.slot.mu.Lock()
	defer c.slot.mu.Unlock()
	row, ok := spec.IncarnationLife.Next(spec.IncarnationState(c.life.Load()), spec.LifeStuck)
	if !ok || !c.slot.box.GiveUp(uint32(c.n)) {
		return false
	}
	c.life.Store(uint32(row.To))
	c.slot.state.Store(uint32(row.To) + 1)
	c.fenced = true
	c.signs.Or(over)
	return true
}

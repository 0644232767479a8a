package spec

import "strconv"

// RegionState is a state of a region (kernel page, R).
type RegionState uint8

// The states of a region.
const (
	RegionOpen RegionState = iota
	RegionClosing
	RegionDraining
	RegionFinalizing
	RegionClosed
	RegionClosedWithResidue
	RegionWedged
)

var regionStates = [...]string{"Open", "Closing", "Draining", "Finalizing", "Closed", "ClosedWithResidue", "Wedged"}

// String gives the state's stable name.
func (s RegionState) String() string { return enum(regionStates[:], int(s)) }

// RegionEvent is what can happen to a region.
type RegionEvent uint8

// The events of a region.
const (
	RegionClose     RegionEvent = iota // a close request, or a stronger one
	RegionAsked                        // every member that has to hear of the request was asked
	RegionKill                         // the budget ended: members end at their next delivery boundary
	RegionEmpty                        // the last member left, or only wedged regions remain
	RegionStuck                        // only members that cannot be stopped remain
	RegionReturned                     // the last stuck member returned after all
	RegionFinalized                    // finalizers ran, nothing is left
	RegionResidue                      // finalizers ran, something that could not be stopped is left
)

var regionEvents = [...]string{"close", "asked", "kill", "empty", "stuck", "returned", "finalized", "residue"}

// String gives the event's stable name.
func (e RegionEvent) String() string { return enum(regionEvents[:], int(e)) }

// Region is the life of a region (rules R2, R4, R6).
var Region = &Machine[RegionState, RegionEvent]{
	Name:  "region",
	Start: RegionOpen,
	States: []RegionState{
		RegionOpen, RegionClosing, RegionDraining, RegionFinalizing, RegionClosed, RegionClosedWithResidue, RegionWedged,
	},
	Events: []RegionEvent{
		RegionClose, RegionAsked, RegionKill, RegionEmpty, RegionStuck, RegionReturned, RegionFinalized, RegionResidue,
	},
	Ends: []RegionState{RegionClosed, RegionClosedWithResidue},
	Rows: []Row[RegionState, RegionEvent]{
		{RegionOpen, RegionClose, RegionClosing, "ask", "new work is refused from here on; members hear of it"},
		{RegionClosing, RegionClose, RegionClosing, "strengthen", "a reason only strengthens"},
		{RegionClosing, RegionAsked, RegionDraining, "settle", "every member knows; wait for them, leaf first"},
		{RegionClosing, RegionKill, RegionClosing, "kill", "the budget may end while members are still being asked"},
		{RegionDraining, RegionClose, RegionDraining, "strengthen", "a stronger request reaches the members again"},
		{RegionDraining, RegionKill, RegionDraining, "kill", "the budget ended: no more draining"},
		{RegionDraining, RegionEmpty, RegionFinalizing, "finalize", "nothing runs any more; clean up in reverse order, masked from cancel"},
		{RegionDraining, RegionStuck, RegionWedged, "fence", "a handler does not return: name it and refuse its effects"},
		{RegionWedged, RegionClose, RegionWedged, "strengthen", "kept for when the handler returns"},
		{RegionWedged, RegionKill, RegionWedged, "none", "it was killed already; a handler cannot be killed in Go"},
		{RegionWedged, RegionReturned, RegionFinalizing, "finalize", "the handler came back after all"},
		{RegionFinalizing, RegionClose, RegionFinalizing, "strengthen", "finalizers are masked from cancel"},
		{RegionFinalizing, RegionKill, RegionFinalizing, "none", "finalizers are masked from cancel"},
		{RegionFinalizing, RegionFinalized, RegionClosed, "prove", "quiescent, with proof"},
		{RegionFinalizing, RegionResidue, RegionClosedWithResidue, "prove", "the proof names what is left"},
		{RegionClosed, RegionClose, RegionClosed, "none", "closing twice is no error"},
		{RegionClosed, RegionKill, RegionClosed, "none", "killing what is gone is no error"},
		{RegionClosedWithResidue, RegionClose, RegionClosedWithResidue, "none", "closing twice is no error"},
		{RegionClosedWithResidue, RegionKill, RegionClosedWithResidue, "none", "killing what is gone is no error"},
	},
}

func enum(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "invalid(" + strconv.Itoa(i) + ")"
}

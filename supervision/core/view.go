package core

import "github.com/franken-node/fnode-supervisor/spec"

// ChildView is a child as inspection shows it.
type ChildView struct {
	Name   string
	State  spec.ChildState
	Inc    uint32
	Tries  int
	Last   Exit
	Spec   Child
	Asked  int64 // ns of the run's clock: when this incarnation was asked to stop; zero if it was not
	Pinned bool  // it is at its known-good version, Spec.Pinned (S7)
}

// Children lists the children in start order.
func (c *Core) Children() []ChildView {
	out := make([]ChildView, len(c.children))
	for i, ch := range c.children {
		spec := *ch.Child
		spec.Name = ch.Name
		out[i] = ChildView{ch.Name, ch.state, ch.inc, ch.tries, ch.last, spec, ch.asked, ch.pinned}
	}
	return out
}

// Count is how many children a supervisor has, as OTP counts them: specs, live children, and specs by type.
// Under Dynamic there is one spec, and the types count its children.
type Count struct {
	Specs, Active, Supervisors, Workers int
}

// CountOf counts a supervisor's children from what inspection shows of them.
func CountOf(s Strategy, children []ChildView) (n Count) {
	n.Specs = len(children)
	if s == Dynamic {
		n.Specs = 1
	}
	for _, ch := range children {
		if ch.State == spec.ChildUp || ch.State == spec.ChildStopping || ch.State == spec.ChildWedged {
			n.Active++
		}
		if ch.Spec.Supervisor {
			n.Supervisors++
		} else {
			n.Workers++
		}
	}
	return n
}

package actors

import "time"

// The budget of an incarnation is the meet of its owner's and its own (C3). The owner's deadline ends it with its
// owner, so that only what Deadline reports has to be met here.

// meet is the smaller of two budgets, of which zero is none.
func meet(a, b int) int {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// earlier is the earlier of two deadlines, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// ownersDeadline is the deadline of the incarnation that owns the slot; the zero time is none.
func (s *Slot) ownersDeadline() (t time.Time) {
	if s.owner == nil {
		return t
	}
	if c := s.owner.current(); c != nil {
		t = c.has().deadline
	}
	return t
}

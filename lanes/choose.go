package lanes

import "github.com/franken-node/fnode-supervisor/spec"

// Lane is one of the three queues of a mailbox, and one of the three classes of the run queue.
type Lane uint8

// The lanes, most urgent first.
const (
	Cancel Lane = iota
	Timed
	Ready
	count
)

var names = [count]string{"cancel", "timed", "ready"}

// String gives the lane's stable name.
func (l Lane) String() string { return names[l] }

// Streak is the state of the choice. The zero value is the start.
type Streak struct {
	Urgent  uint8 // urgent deliveries in a row while Ready waited
	Cancels uint8 // Cancel deliveries while Timed waited
}

// Choose picks the lane of the next delivery by rule L3. waiting says which lanes have a message; ok is
// false where none has. It is pure: the same arguments give the same answer.
func Choose(s Streak, waiting [3]bool) (l Lane, next Streak, ok bool) {
	switch {
	case waiting[Ready] && s.Urgent >= spec.UrgentStreak:
		l = Ready
	case waiting[Timed] && s.Cancels >= spec.CancelStreak:
		l = Timed
	case waiting[Cancel]:
		l = Cancel
	case waiting[Timed]:
		l = Timed
	case waiting[Ready]:
		l = Ready
	default:
		return 0, s, false
	}
	return l, s.after(l, waiting), true
}

// after counts a delivery of l.
func (s Streak) after(l Lane, waiting [3]bool) Streak {
	switch {
	case l == Ready || !waiting[Ready]:
		s.Urgent = 0
	default:
		s.Urgent++
	}
	switch {
	case l == Timed || !waiting[Timed]:
		s.Cancels = 0
	case l == Cancel:
		s.Cancels++
	}
	return s
}

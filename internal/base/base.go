// Package base holds the words that every floor shares: ids, close reasons, outcomes.
//
// It owns no state, starts nothing, and imports nothing of the project. All values are
// immutable and safe for concurrent use.
//
//	r := base.ReasonUser.Strengthen(base.ReasonShutdown) // shutdown
package base

import "strconv"

// ID names one actor slot of one process run. The incarnation changes at a restart, the ID does not.
// Zero is nobody: the outside world.
type ID uint64

// String prints the id as a_<base36>.
func (i ID) String() string { return "a_" + strconv.FormatUint(uint64(i), 36) }

// Incarnation counts the lives of one slot from 1; zero is "never lived".
type Incarnation uint32

// RegionID names one region of one process run.
type RegionID uint64

// String prints the id as r_<base36>.
func (i RegionID) String() string { return "r_" + strconv.FormatUint(uint64(i), 36) }

// ObligationID names one promise of one process run.
type ObligationID uint64

// String prints the id as ob_<base36>.
func (i ObligationID) String() string { return "ob_" + strconv.FormatUint(uint64(i), 36) }

// Reason says why a region closes. Reasons only strengthen (rule R2): the order of the constants is
// the order of strength.
type Reason uint8

// The reasons, weakest first.
const (
	ReasonNone Reason = iota
	ReasonUser
	ReasonTimeout
	ReasonBudget
	ReasonSiblingFailed
	ReasonParentClosing
	ReasonShutdown
)

var reasonNames = [...]string{"none", "user", "timeout", "budget", "sibling_failed", "parent_closing", "shutdown"}

// String gives the reason's stable name.
func (r Reason) String() string { return name(reasonNames[:], int(r)) }

// Strengthen returns the stronger of both.
func (r Reason) Strengthen(other Reason) Reason { return max(r, other) }

// Outcome says how a region or an incarnation ended. The order of the constants is the order of R2:
// the worst outcome of the members is the outcome of the whole.
type Outcome uint8

// The outcomes, best first.
const (
	OutcomeOk Outcome = iota
	OutcomeCancelled
	OutcomeFailed
	OutcomeLeaked
	OutcomePanicked
)

var outcomeNames = [...]string{"ok", "cancelled", "failed", "leaked", "panicked"}

// String gives the outcome's stable name.
func (o Outcome) String() string { return name(outcomeNames[:], int(o)) }

// Worst returns the worse of both.
func (o Outcome) Worst(other Outcome) Outcome { return max(o, other) }

// Effect says what a call that did not succeed may have done.
type Effect uint8

// None: the call never began. Unknown: it may have had effects. Done: its effects happened.
const (
	EffectNone Effect = iota
	EffectUnknown
	EffectDone
)

var effectNames = [...]string{"none", "unknown", "done"}

// String gives the word used in the API's "outcome" field.
func (e Effect) String() string { return name(effectNames[:], int(e)) }

func name(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return "invalid(" + strconv.Itoa(i) + ")"
}

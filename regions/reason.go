package regions

import "github.com/franken-node/fnode-supervisor/internal/base"

// Reason says why a region closes; it only strengthens (R2). These are the words of package base for code outside of
// this module.
type Reason = base.Reason

// The reasons, weakest first.
const (
	ReasonUser          = base.ReasonUser
	ReasonTimeout       = base.ReasonTimeout
	ReasonBudget        = base.ReasonBudget
	ReasonSiblingFailed = base.ReasonSiblingFailed
	ReasonParentClosing = base.ReasonParentClosing
	ReasonShutdown      = base.ReasonShutdown
)

// Outcome says how a member ended: what the release of a resource is told.
type Outcome = base.Outcome

// The outcomes, best first.
const (
	OutcomeOk        = base.OutcomeOk
	OutcomeCancelled = base.OutcomeCancelled
	OutcomeFailed    = base.OutcomeFailed
	OutcomeLeaked    = base.OutcomeLeaked
	OutcomePanicked  = base.OutcomePanicked
)

package actors

import (
	"time"

	store "github.com/franken-node/fnode-supervisor/store/core"
)

// Host is the seam between the kernel and the world; actors/host (production) and lab implement it.
// Each call is one step: the lab pauses the calling handler before it takes effect and may run others.
type Host interface {
	// Send gives m to to.Accept, now or when the transport delivers. Its error is a refusal: the caller still owns m.
	Send(from, to *Slot, m Message) error
	// Spawn makes s runnable: its incarnation's Started is its next delivery.
	Spawn(by, s *Slot)
	// Arm calls t.Fire when d has passed, unless t.Disarm came first; undo forgets it early and may be nil.
	Arm(s *Slot, d time.Duration, t *Timer) (undo func())
	// Read looks a key of the durable state up.
	Read(by *Slot, key string) ([]byte, bool, error)
	// List lists keys of the durable state under a prefix, in order, at most limit.
	List(by *Slot, prefix string, limit int) ([]string, error)
	// Commit hands tx to the group committer and calls done once with its result.
	Commit(by *Slot, tx store.Tx, done func(store.Result))
	// Step stands for what changes no state of the host and is still seen by others: see StepKind.
	Step(by *Slot, k StepKind)
	// Ready says that s can be delivered to, or became more urgent while it waited: queue t. by is the slot
	// whose handler made it so, nil for anybody else: a hint for the order. It is no step.
	Ready(by, s *Slot, t Ticket)
	// Now and Rand are the clock and the seeded randomness of the run. They are no steps.
	Now() time.Time
	Rand() uint64
}

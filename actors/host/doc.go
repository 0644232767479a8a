// Package host is the production Host: worker goroutines over a lane-aware run queue, one timer heap per
// process, real time and randomness, and the store's group committer behind Commit.
//
// It owns goroutines and nothing else: mailboxes, lifecycle and decisions are the kernel's. It never
// looks into a message.
//
// Lifecycle: New starts the workers, the timer and the monitor; Shutdown closes the root region, waits
// for its proof, and joins every goroutine but those that a stuck handler holds, which it names.
//
// Concurrency: all methods may be called from any goroutine. A slot is in the run queue at most once and
// is delivered to by one worker at a time. A message to an idle actor hands it to the sender's worker,
// which delivers to it next, for the rest of its quantum, unless a Cancel or a due Timed waits. A handler that holds its worker for over a millisecond while
// others wait gets a spare worker beside it (L6); one that outlasts its slot's stuck budget while its
// region closes is fenced (R6).
//
//	h := host.New(host.Options{})
//	ref, err := h.System().Spawn(actors.Child{…})
//	proof, err := h.Shutdown(ctx, base.ReasonShutdown)
package host

// Package regions is the scope tree: who owns what, and the protocol by which an owner closes.
//
// A Region owns members: actors, child regions, and outside resources such as engine processes,
// cgroups, files, listeners and goroutines. Closing a region asks its members to end, waits until they
// have left, runs the finalizers in reverse order, and ends with a Proof that nothing is left (R4).
// Regions are the mechanism and supervision is the policy: a region knows nothing of strategies, and
// a supervisor never ends anything except by closing a region.
//
// It never imports actors, starts no goroutine, holds no clock and does no I/O: whoever asks for a
// close keeps its budget and calls Kill when that budget ends.
//
// Concurrency: every method may be called from any goroutine. Each region has a lock of its own, held
// for a transition only; members, finalizers, watchers and the parent are called with no lock held, so
// that the lock order question does not arise. Transitions step through spec.Region and nothing else
// writes the state.
//
//	root := regions.NewRoot("root", ids.Next)
//	child, err := root.Open("sup/clock")
//	h, err := child.Join(regions.Goroutine, member)
//	child.OnClosed(func(p regions.Proof) { … })
//	child.Close(regions.Request{Reason: base.ReasonUser}) // member.Ask is called …
//	h.Leave(base.OutcomeOk)                               // … and by this the region is closed
package regions

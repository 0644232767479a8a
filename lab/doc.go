// Package lab is the second host of the kernel: the very actors of production, scheduled step by step, every
// schedule up to the order of steps that do not depend on each other.
//
// It implements the host seam of package actors. A handler runs as a coroutine that pauses before each effect, so
// that ordinary code is explored without knowing it; mailboxes, regions, obligations and supervision are the
// production packages, unchanged.
//
// Search tries each Mazurkiewicz trace once: optimal dynamic partial order reduction with wakeup trees (Abdulla,
// Aronis, Jonsson and Sagonas, POPL 2014). What a step does is a list of accesses of objects: mailboxes by lane,
// regions, keys of the store. One table says which pairs can be seen in their order (event.go). Three kinds of races
// stand beside the usual one: a delivery that took another message only because a more urgent one had come; a timer
// that was disarmed and could have fired; a handler that returned and could have been found stuck. Sets of lost and
// doubled letters are explored one by one.
//
// Sample draws schedules where there are too many; Sweep, Injected and Cancels inject cancels. Record and Drawn take
// one run with a record of every step, a Trace: a file that Replay takes again strictly, and that Chart draws. Explore
// is all of it for Go tests. Oracles watch every run
// (oracle.go), and each counts what it saw. Every power of two of runs is taken twice more with digests on: what then
// differs is not decided by the schedule, and the scenario fails by name.
//
// Perform takes the same scenario to a host of production, beside whatever runs there; what its behaviours got is
// looked up in the Outcomes of the exploration (witness.go). Both have to agree.
//
// What it does not see: races of memory inside the kernel, since a step is atomic; orders that only the bound on
// starvation decides (rule L3: more than 8 cancels or 32 urgent messages in a row), which make a result bounded; the
// state of closures, where a behaviour is a function. Nothing is shrunk yet, and the store does not fail.
//
// It reads the wall clock for progress and for the watchdog only, and starts one goroutine an exploration, which ends
// with it unless a handler does not return: that is told by name after ten seconds.
//
// Concurrency: an exploration belongs to its caller; explorations are independent of each other.
//
//	func TestTill(t *testing.T) {
//		lab.Explore(t, lab.Scenario{Name: "till", Setup: func(r *lab.Run) {
//			_, _ = r.System().Spawn(actors.Child{Name: "till", Behaviour: …})
//			r.Check("SUM", func() error { … })
//		}}, lab.Options{})
//	}
package lab

// Package lab is the second host of the kernel: the very actors of production, scheduled step by step, every
// schedule up to the order of steps that do not depend on each other.
//
// It implements the host seam of package actors. A handler runs as a coroutine that pauses before each effect, so
// that ordinary code is explored without knowing it; mailboxes, regions, obligations and supervision are the
// production packages, unchanged. Explore tries each Mazurkiewicz trace once: optimal dynamic partial order
// reduction with wakeup trees (Abdulla, Aronis, Jonsson and Sagonas, POPL 2014), with more kinds of races beside
// the usual ones: a message of a higher lane that a delivery did not wait for, and a timer that was disarmed and
// could have fired.
//
// What it does not do yet: cancel injection, sampling, replay files, faults, declared commutativity, quotas; runs
// that turn out blocked or twice are counted and are more than 2% on random programs. A trace that exists is not
// missed: package tests compare Explore with a naive explorer on random programs.
//
// It starts no goroutine that outlives a run, reads no clock and no randomness.
//
// Concurrency: an exploration belongs to one goroutine; explorations are independent of each other.
//
//	got := lab.Explore(lab.Scenario{Name: "two", Setup: func(r *lab.Run) {
//		_, _ = r.System().Spawn(actors.Child{Name: "a", Behaviour: …})
//	}}, lab.Options{Model: lab.N1})
//	// got.Explored, got.Verdicts, got.Exhausted
package lab

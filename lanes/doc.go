// Package lanes is the three-lane mailbox and the run queue of the same three classes (rules L1 to L6).
//
// Cancel overtakes Timed, Timed overtakes Ready, and none starves: Choose, a pure function of a small
// state, bounds how many deliveries the head of each lane waits. Cancel and Ready keep the order of
// arrival; Timed is ordered by deadline, ties by arrival. Ready and Timed are bounded and refuse what does
// not fit; Cancel never refuses, since equal requests merge. Every message is counted: sent = queued + in
// delivery + handled + dead + refused + merged + revoked (L5).
//
// It never looks into a message, reads a clock or starts a goroutine.
//
// Concurrency: a Mailbox takes messages from any goroutine and gives them to one consumer at a time: the
// put that wakes it gives a ticket, whoever claims that consumes, and goes on until the turn is over (Rest, Delivered). A
// RunQueue serves any number of workers.
//
//	box := lanes.New[string](lanes.Options{Ready: 64})
//	if t, _, _ := box.Put("hello"); t != 0 { queue.Push(t.Class(), t) }
//	if t, _ := queue.Next(); box.Claim(t) {
//		v, lane, _, ok := box.Take(1)
//		after := box.Delivered(lane, 1, true)
//	}
package lanes

// Package actors is the kernel's actor: Cx, Ref, Behaviour, questions, permits, monitors, links, timers,
// and the host seam (host.go) behind which production and the lab are the same to all of it.
//
// An actor is a behaviour plus a three-lane mailbox, owned by one region. Its Slot holds the mailbox and
// outlives incarnations; its Cell is one incarnation, in a region of its own; Slot.Deliver is the one
// place where a message meets user code, and both hosts call nothing else.
//
// It never reads a clock, starts a goroutine or opens a file: the Host does. It knows nothing of
// restart strategies: package supervision does, through Spawn, Respawn, Close, Kill and Retire.
//
// Lifecycle: Spawn opens a region in the spawner's region, delivers Started, then messages by lane;
// a close request arrives as CancelRequested; the end (return, error, panic, kill, drained) gives back
// timers and promises, closes the region, and is told to watchers and to the supervisor with the proof.
//
// Concurrency: a handler and everything on its Cx belong to the worker that delivers. Ref, System, Port
// and Timer.Fire may be used from any goroutine. Lock order: none is held while another package or
// another slot is called.
//
//	sys := host.New(host.Options{}).System()
//	ref, err := sys.Spawn(actors.Child{Name: "counter", Behaviour: actors.Func(count)})
//	n, err := actors.Call[Get, int](ctx, sys, ref, Get{})
package actors

// Package fabric makes kernel actors reachable as protoactor processes: addressing, watch, dead letters
// and event stream of protoactor-go work with them as with any other actor. It is the only package that
// imports protoactor.
//
// One Door stands for one logical actor and outlives its incarnations, since a PID that was used once
// keeps its Process for ever. A dead Door forwards to protoactor's dead letters and answers Watch with
// Terminated(NotFound). Foreign senders may send, ask and watch; they may stop only an actor whose spec
// opted in (actors.Child.Doors). A full lane is a dead letter to them, since Process has no return value.
//
// It never uses protoactor's mailboxes, futures, receive timeout, scheduler, stash, strategies,
// guardians, middleware or router. Kernel dead letters do not go through protoactor.
//
// Lifecycle: New wraps one protoactor system per process (4 ms, 2.8 MB); Open registers an actor's
// path; the Door closes itself when the actor's slot is retired.
//
// Concurrency: everything may be called from any goroutine. Foreign code that dead letters or the event
// stream run inline is called under recover, so that it cannot end a kernel worker.
//
//	f := fabric.New(sys, foreign)
//	fabric.Accept[Get, int](f)               // a foreign Get with a sender becomes a question
//	pid, err := f.Open(ref)                  // *actor.PID for plain protoactor code
package fabric

// Package extension is the actor of one extension: one incarnation is one engine process. It launches
// the engine, agrees on the protocol, loads the bundle, answers calls one at a time from a bounded queue
// (earliest deadline first), does what the code asks of the host, and ends with the engine.
//
// The end of the engine is the end of the incarnation: the call under way is answered with its outcome,
// what waits in the queue is handed to the next incarnation, and the supervisor decides about that.
//
// It never decides about restarts and never trusts what the engine says: frames are checked by
// engineproc/wire and engineproc/core, host calls against the manifest's capabilities.
//
// Concurrency: it is an actor. View is immutable once published.
//
//	child := supervision.Child{Start: func() actors.Behaviour { return extension.New(cfg, deps) }}
//	res, err := actors.Call[extension.Invoke, extension.Result](ctx, sys, ref, extension.Invoke{Method: "render", Input: arg})
package extension

// Package engineproc runs engine processes for actors: the process as a resource of the actor's region,
// its pipe as messages. What to do with an engine is decided by engineproc/core, what its bytes mean by
// engineproc/wire, and how it is shut in by package isolation.
//
// A Launcher makes a Process that belongs to the region of the calling incarnation: the region does not
// close before the process is dead, reaped, and its cgroup removed. The process speaks to the actor
// through its port: Up or LaunchFailed once, Confirmed once per Confirm, Frames one at a time (the next
// one after More), and Exited exactly once, last.
//
// It never looks into a payload, never retries, and never restarts.
//
// Concurrency: a Process may be used from its actor's handler only; its goroutines end with the process.
//
//	p, err := launcher.Launch(cx, engineproc.Spec{Name: "markdown", Profile: "strict"})
//	id, err := p.Send(wire.Frame{Type: wire.Request, Name: wire.Handshake, Data: hello})
package engineproc

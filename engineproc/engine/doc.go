// Package engine is the engine's side of the pipe: it runs the code of one extension in a QuickJS VM and
// speaks package wire with the supervisor.
//
// It owns one VM and the standard streams that it was given; nothing else. Extension code
// sees no file, network, environment or process: only the web-standard globals of shims/, the modules
// fnode:kv and fnode:host, and what they ask the host for by frames. Randomness is seeded by the
// supervisor; Date and performance.now read the real clock.
//
// One call at a time: a request is answered before the next is looked at. Cancel overtakes, by interrupting
// the VM; so does a deadline. Loops of slow native calls are not interrupted (QuickJS polls every 10,000
// steps): the supervisor keeps the deadline from outside, by killing the process. After a JS out-of-memory
// the instance is spent, also where the code hides the error: it says so by an event ahead of its answer, or
// with kind oom, and answers nothing more but shutdown.
//
// Simulate runs a method with every host call recorded and none done: reads answer undefined, lists are
// empty.
//
// Concurrency: Run uses the calling goroutine for the VM, which is bound to no thread (locking it costs two
// thread hand-overs a call), and one goroutine that reads frames; it returns after that one has ended or the input is closed.
//
//	err := engine.Run(os.Stdin, os.Stdout, engine.Options{})
package engine

// Package isolation starts engine processes inside a sandbox and says truthfully what that sandbox is.
//
// It owns the layers and profiles as data, the probe of the host, the supervisor's cgroups, the birth of
// an engine inside its groups and namespaces, the kill, and the one typed reason of each death. It
// never speaks the engine protocol and never retries or restarts: that is engineproc's and supervision's.
//
// A layer is attained only when the kernel says so after the engine reported its sandbox (see package
// inside), or, where the kernel cannot be asked (landlock, the empty root, write xor execute), when a
// probe call inside was refused. Everything else is missing and named, with how to get it.
//
// Life: Open (reaps what a crashed supervisor of the same instance left, prepares the next slot), Start
// per engine, Child.Kill or the engine's own end, Child.Wait, Child.Close, Manager.Close. If the
// supervisor is killed, the kernel kills every engine: each is the init of its pid namespace and has
// SIGKILL as its parent-death signal.
//
// Concurrency: Manager and Child are safe for concurrent use. All processes are made by one thread, which
// lives as long as the Manager, because a parent-death signal is tied to the thread that forked.
//
//	m, reaped, err := isolation.Open(ctx, isolation.Options{InstanceID: isolation.InstanceOf(dataDir)})
//	c, err := m.Start(ctx, isolation.Spec{Name: "markdown", Path: enginePath, Profile: "strict"})
//	… speak on c.Stdin() and c.Stdout() …
//	c.Kill("deadline")
//	death := c.Wait() // killed(deadline)
//	err = c.Close(ctx)
package isolation

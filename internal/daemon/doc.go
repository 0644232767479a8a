// Package daemon puts the supervisor together: store, isolation, host, tree and API, in the order in
// which each needs the one before, and takes them down in reverse with the proof that nothing is left.
//
// It owns the life of one daemon run and its views: every answer of the API comes from published
// snapshots, event rings and the history in the store. It decides nothing about restarts, calls or
// sandboxes.
//
// Life: Run checks everything that can be checked before anything is started (configuration, engine,
// packages), starts, says that it is ready, and returns when its context ends (drained, with proof), when
// it is forced, or when the root of the tree has failed.
//
// Concurrency: Run may be called once per process; the backend's methods from any goroutine.
//
//	end, err := daemon.Run(ctx, force, daemon.Options{Config: config.Default(exts...)})
package daemon

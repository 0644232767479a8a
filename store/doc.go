// Package store is what survives of one daemon: the marker stream in segment files, which is the truth, and Badger,
// which is derived from it, under a data directory with one lock (design: store, D1 to D7).
//
// It owns the directory, the lock file, the committer's goroutines and Badger. Decisions are store/core's, formats
// store/marker's. It never opens Badger on a folder that is not as it was left at a clean close, never retries a failed
// sync, and never skips a bad byte: a torn tail is cut and told, everything else is named by file and offset.
//
// Life: Open takes the lock or says who has it, reads and checks every marker, holds the stream against its witness, and
// opens the state or makes it anew; How says which. Commit queues a transaction and calls back once, after it is synced
// and applied. Close commits what is queued, leaves a signed checkpoint and a witness of a clean close, and gives the
// lock back. A kill -9 loses no acknowledged commit.
//
// A group goes through three goroutines: whoever commits encodes, the committer checks, appends and syncs, the applier
// writes to Badger and acknowledges in order, so that one group is applied while the next is synced. The keeper writes
// snapshots and checkpoints beside them.
//
// Lock order: shutMu, mu, ledger.mu. Every method may be called from any goroutine. Callbacks run on the committer's or
// the applier's goroutine and must not block.
//
//	s, err := store.Open(store.Options{Dir: dir})
//	s.Commit(core.Tx{Kind: "kv", Set: []core.KV{{Key: "kv/feed/n", Value: v}}}, func(r core.Result) { … })
package store

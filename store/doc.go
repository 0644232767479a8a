// Package store is the durable state of one daemon: Badger under a data directory with one lock, and one
// committer that is the only writer (design: store, D1). Decisions are store/core's.
//
// It owns the directory, the lock file, the committer's goroutine and Badger. It never decides what may
// be written and never retries a failed sync: after one, it refuses to write for good, and reads go on
// (D4).
//
// Life: Open takes the lock or says who has it; Commit queues a transaction and calls back once; Close
// commits what is queued, closes Badger and gives the lock back. A kill -9 loses no acknowledged commit.
//
// Concurrency: every method may be called from any goroutine. Callbacks run on the committer's goroutine
// and must not block.
//
//	s, err := store.Open(store.Options{Dir: dir})
//	s.Commit(core.Tx{Kind: "kv", Set: []core.KV{{Key: "kv/feed/n", Value: v}}}, func(r core.Result) { … })
package store

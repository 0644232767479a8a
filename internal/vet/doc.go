// Package vet holds the analyzers of cmd/fnodevet. They read programs that use the kernel and report, each with
// the path that leads there: obligations that some path forgets (O6), wrong uses of a Cx (C1, C2), loops that
// never call Checkpoint (C4), and ambient authority in code that holds a Cx (C5).
//
// It decides from one package at a time, by its SSA form: what the package calls in itself is walked, what it calls
// elsewhere is taken to do its part. So a fault that is spread over packages is missed, and what is reported
// is on a path that the code has. It never reads the kernel's own package, which makes these rules.
//
// obligation walks paths with what is known on them (walk.go): one obligation at a time, from where it is taken to
// each return. The other rules look at instructions and loops, and follow calls by a summary per function.
//
// Concurrency: an analyzer's run owns everything that it makes.
//
//	unitchecker.Main(vet.Analyzers()...)
package vet

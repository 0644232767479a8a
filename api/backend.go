package api

import (
	"context"
	"iter"
)

// Overview is read from published snapshots: it never blocks and never sends a message (rule S9).
type Overview interface {
	Status() Status
	Tree() Tree
	Extensions() []Extension
}

// Detail explains one node by its full path; an unknown path is codes.NoSuchPath.
type Detail interface {
	Describe(ctx context.Context, path string) (Description, error)
	Why(ctx context.Context, path string) (Why, error)
}

// Streams gives what has happened. Ring.Read and LogRing.Read are made to stand behind it. A stream ends
// when its context does, or when it is not followed and everything kept was given.
type Streams interface {
	Events(ctx context.Context, since string, follow bool) (iter.Seq[Event], error)
	Logs(ctx context.Context, q LogQuery) (iter.Seq[LogLine], error)
}

// Control changes one node by its full path. Every error has a code (spec/errors).
type Control interface {
	Stop(ctx context.Context, r VerbRequest) (VerbResult, error)
	Start(ctx context.Context, r VerbRequest) (VerbResult, error)
	Restart(ctx context.Context, r VerbRequest) (VerbResult, error)
	// Apply makes the running tree what the configuration at r.Path says, or refuses it whole.
	Apply(ctx context.Context, r VerbRequest) (VerbResult, error)
}

// Calls invokes methods and runs the self-tests. A failed Invoke says its outcome. When ctx ends the
// caller is gone, or the daemon's patience is: Invoke must return soon after.
type Calls interface {
	Invoke(ctx context.Context, r InvokeRequest) (InvokeResult, error)
	Doctor(ctx context.Context) ([]Check, error)
}

// Backend is what the daemon implements.
type Backend interface {
	Overview
	Detail
	Streams
	Control
	Calls
}

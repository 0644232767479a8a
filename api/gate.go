package api

import (
	"sync"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// gate counts what is under way and decides what may begin. Levels only rise.
type gate struct {
	limit int // immutable after New: requests under way at once

	mu      sync.Mutex
	level   level         // guarded by mu
	n       int           // guarded by mu
	drained chan struct{} // capacity 0; closed when level is closing and n is 0
}

type level uint8

const (
	levelOpen     level = iota
	levelDraining       // writes are refused, reads are answered
	levelClosing        // everything is refused
)

func newGate(limit int) *gate { return &gate{limit: limit, drained: make(chan struct{})} }

// enter admits a request or says why not. Each nil needs one leave.
func (g *gate) enter(write bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.level == levelClosing || g.level == levelDraining && write:
		return codes.New(codes.ShuttingDown, "the daemon is shutting down and takes nothing new").Retry(2 * time.Second)
	case g.n >= g.limit:
		return codes.New(codes.Busy, "%d requests are under way, which is the limit", g.n).Retry(200 * time.Millisecond)
	}
	g.n++
	return nil
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n--
	g.settle()
}

func (g *gate) raise(to level) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if to > g.level {
		g.level = to
		g.settle()
	}
}

func (g *gate) at() level {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.level
}

// settle closes drained once. Preconditions: mu is held.
func (g *gate) settle() {
	if g.level != levelClosing || g.n != 0 {
		return
	}
	select {
	case <-g.drained:
	default:
		close(g.drained)
	}
}

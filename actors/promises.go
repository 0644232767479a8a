package actors

import (
	"slices"
	"sync"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/obligations"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// promise is an Ask of any type, a Permit or a Promise, as the kernel sees it.
type promise interface {
	hold(c *Cell)
	kept() bool
	abandon(by *Slot, err error)
	oblige() base.ObligationID
}

// promises are what one incarnation holds. Its worker writes them; the fence of a handler that does not return
// takes them away (O1).
type promises struct {
	mu      sync.Mutex
	ledger  obligations.Ledger // guarded by mu
	held    []promise          // guarded by mu
	outcome base.Outcome       // guarded by mu: Leaked once something leaked
	taken   bool               // guarded by mu: the holder was stopped or fenced
}

// add opens the promise p.
func (h *promises) add(p promise, k obligations.Kind, label string, due int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.ledger.Reserve(k, label, p.oblige(), due); err != nil {
		return err
	}
	h.held = append(h.held, p)
	return nil
}

// resolve ends a promise. It is refused with codes.Gone where the promises were taken away: their kinds' rules
// have resolved them.
func (h *promises) resolve(id base.ObligationID, to obligations.State) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.taken {
		return codes.New(codes.Gone, "%s was resolved when its holder was stopped or fenced", id)
	}
	if i := h.find(id); i >= 0 {
		h.held = slices.Delete(h.held, i, i+1)
	}
	return h.ledger.Resolve(id, to)
}

// has says whether p is held here.
func (h *promises) has(p promise) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := h.find(p.oblige())
	return i >= 0 && h.held[i] == p
}

// find looks for a promise, the newest first; below zero: it is not here. The caller holds mu.
func (h *promises) find(id base.ObligationID) int {
	for i, p := range slices.Backward(h.held) {
		if p.oblige() == id {
			return i
		}
	}
	return -1
}

// owes says whether p is still held here and was not kept. It asks these books first: a promise that was handed
// on is written by its next holder by now.
func (h *promises) owes(p promise) bool { return h.has(p) && !p.kept() }

// open is how many are open.
func (h *promises) open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ledger.Open()
}

// take ends them all by their kinds' rules (O3), and gives what was held and what leaked. What is resolved after
// is refused. The outcome is Leaked where something did, now or before.
func (h *promises) take() (broken []promise, leaked []obligations.Resolution, o base.Outcome) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.taken = true
	for _, r := range h.ledger.Stop() {
		if r.To == obligations.Leaked {
			leaked, h.outcome = append(leaked, r), base.OutcomeLeaked
		} else if i := h.find(r.ID); i >= 0 {
			broken = append(broken, h.held[i])
		}
	}
	h.held = nil
	return broken, leaked, h.outcome
}

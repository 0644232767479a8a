package actors

import (
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/obligations"
	"github.com/franken-node/fnode-supervisor/spec"
)

// Promise is an obligation of the actor's own, of a kind in the table (O2). Its holder commits or aborts it, once;
// what is open when the incarnation stops ends by its kind's rule: aborted, or leaked, which is an incident (O3).
// Its methods may be called from the holder's own handler only.
type Promise struct {
	id     base.ObligationID
	broken func() // nil: nobody wants to know
}

// Promise makes the incarnation the holder of a promise. label names it in incidents; due is zero for none. broken is
// called once where the kind's rule aborts it, and must not block; nil: nobody wants to know. It is refused for a kind
// that is not in the table, and for a durable one (codes.NoStore).
func (cx *Cx) Promise(k obligations.Kind, label string, due time.Time, broken func()) (*Promise, error) {
	if err := cx.may(0); err != nil {
		return nil, err
	}
	p := &Promise{id: base.ObligationID(cx.slot.opts.sys.nextID()), broken: broken}
	var ns int64
	if !due.IsZero() {
		ns = nanos(due)
	}
	if err := cx.cell().holds().promises.add(p, k, label, ns); err != nil {
		return nil, err
	}
	return p, nil
}

// Commit keeps the promise. Resolving it twice, or where it is not held, is refused (O1).
func (p *Promise) Commit(cx *Cx) error { return cx.cell().has().promises.resolve(p.id, spec.Committed) }

// Abort breaks the promise visibly, with the same refusals.
func (p *Promise) Abort(cx *Cx) error { return cx.cell().has().promises.resolve(p.id, spec.Aborted) }

func (p *Promise) hold(*Cell)                {}
func (p *Promise) kept() bool                { return true }
func (p *Promise) oblige() base.ObligationID { return p.id }

// abandon tells whoever wanted to know that the kind's rule has broken it.
func (p *Promise) abandon(by *Slot, _ error) {
	if p.broken != nil {
		by.opts.sys.guarded(by.path, "a broken promise", p.broken)
	}
}

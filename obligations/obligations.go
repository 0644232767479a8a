// Package obligations is the ledger of one holder's promises: reserved, then committed, aborted or handed
// on by the holder, or ended by its kind's rule when the holder stops (rules O1, O2, O3).
//
// It never sends, stores or times anything: the holder's driver does what a Resolution says. Durable kinds
// are known by the table and refused until a store is handed in (O4).
//
// Concurrency: a Ledger belongs to one owner, the worker that runs its holder; it is not locked. The
// table of kinds is written at init and read-only afterwards.
//
//	var l obligations.Ledger
//	err := l.Reserve(obligations.Reply, "invoke render", id, due)
//	err = l.Resolve(id, obligations.Committed)
//	for _, r := range l.Stop() { … } // the holder stops: what its kinds say
package obligations

import (
	"fmt"
	"slices"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Kind names a row of the table of kinds.
type Kind string

// The kernel's kinds that are not durable.
const (
	SendPermit Kind = "send_permit"
	Reply      Kind = "reply"
	EngineCall Kind = "engine_call"
)

// State is a state of a promise.
type State = spec.ObligationState

// The states that end a promise.
const (
	Committed   = spec.Committed
	Aborted     = spec.Aborted
	Transferred = spec.Transferred
	Leaked      = spec.Leaked
)

var kinds = table() // written at init

func table() map[Kind]spec.ObligationKind {
	out := map[Kind]spec.ObligationKind{}
	for _, k := range spec.ObligationKinds {
		out[Kind(k.Name)] = k
	}
	return out
}

// Register adds a kind to the table. Call it at init; a second registration of a name panics.
func Register(k spec.ObligationKind) {
	if _, taken := kinds[Kind(k.Name)]; taken {
		panic("obligations.Register: there is a kind " + k.Name)
	}
	kinds[Kind(k.Name)] = k
}

// Entry is one open promise.
type Entry struct {
	ID    base.ObligationID
	Kind  Kind
	Label string
	Due   int64 // ns; zero: none
}

// Resolution is what a kind's rule made of an open promise when its holder stopped.
type Resolution struct {
	Entry
	To State
}

// Ledger is one holder's open promises, in the order of their reservation. The zero value is empty.
type Ledger struct {
	open []Entry
}

// Reserve opens a promise. It is refused for an unknown kind, for a durable one (codes.NoStore), and for
// an id that is open already.
func (l *Ledger) Reserve(k Kind, label string, id base.ObligationID, due int64) error {
	row, known := kinds[k]
	switch {
	case !known:
		return fmt.Errorf("there is no kind of obligation %q", k)
	case row.Durable:
		return codes.New(codes.NoStore, "obligations of kind %s are durable and need a store", k)
	case l.find(id) >= 0:
		return codes.New(codes.Invariant, "%s is reserved already (O1)", id)
	}
	l.open = append(l.open, Entry{id, k, label, due})
	return nil
}

// Resolve ends a promise as committed, aborted or transferred. Resolving one that is not open, so also
// resolving twice, is a broken invariant (O1).
func (l *Ledger) Resolve(id base.ObligationID, to State) error {
	i := l.find(id)
	if i < 0 {
		return codes.New(codes.Invariant, "%s is not open here: resolved twice, or never held (O1)", id)
	}
	if !leads(to) || to == Leaked {
		return codes.New(codes.Invariant, "%s cannot be resolved to %s (O1)", id, to)
	}
	l.open = slices.Delete(l.open, i, i+1)
	return nil
}

// Transfer ends a promise here because another holder takes it.
func (l *Ledger) Transfer(id base.ObligationID) error { return l.Resolve(id, Transferred) }

// Open is how many promises are open.
func (l *Ledger) Open() int { return len(l.open) }

// Each lists the open promises in the order of their reservation.
func (l *Ledger) Each(f func(Entry)) {
	for _, e := range l.open {
		f(e)
	}
}

// Stop ends every open promise by its kind's rule: the holder stopped (O3).
func (l *Ledger) Stop() (out []Resolution) {
	for _, e := range l.open {
		row, _ := spec.Obligation.Next(spec.Reserved, kinds[e.Kind].Rule)
		out = append(out, Resolution{e, row.To})
	}
	l.open = nil
	return out
}

func (l *Ledger) find(id base.ObligationID) int {
	for i, e := range slices.Backward(l.open) { // the newest is asked for most
		if e.ID == id {
			return i
		}
	}
	return -1
}

// leads says whether the table leads from Reserved to that state.
func leads(to State) bool { return ends[to] }

var ends = func() map[State]bool {
	out := map[State]bool{}
	for _, r := range spec.Obligation.Rows {
		out[r.To] = true
	}
	return out
}() // written at init

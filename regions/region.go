package regions

import (
	"fmt"
	"sync"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/internal/invariant"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Kind says what a member is; a Proof counts by kind.
type Kind uint8

// The kinds of members (R1). Timers, open obligations and messages belong to an actor and are counted
// with it when it leaves.
const (
	Actor Kind = iota
	Slot
	Descendant
	Goroutine
	Process
	Cgroup
	File
	Listener
	kinds
)

var kindNames = [kinds]string{"actor", "slot", "region", "goroutine", "process", "cgroup", "file", "listener"}

// String gives the kind's stable name.
func (k Kind) String() string { return kindNames[k] }

// Request asks for a close.
type Request struct {
	Reason base.Reason // only strengthens
	Brutal bool        // no request, no drain: members end at their next delivery boundary
}

// Member is what a region owns. Its methods must not block; they are called with no lock held and may
// be called again with a stronger request.
type Member interface {
	// Label names the member in proofs and incidents.
	Label() string
	// Ask requests the end. The member answers, then or later, by Handle.Leave.
	Ask(Request)
	// Kill ends the member at its next boundary, without draining.
	Kill()
}

// Placed is a member that keeps its own handle, once, so that it has it before anybody else can reach it. The handle is
// the region's to write.
type Placed interface{ Place() *Handle }

// Owner is a member that acts for the whole region: it is told when it is the only one left.
type Owner interface {
	Member
	// Alone says that every other member has left a region that is closing.
	Alone()
}

// Region is one node of the scope tree.
type Region struct {
	id    base.RegionID // immutable after open
	name  string        // immutable after open
	place Handle        // in the parent; zero at the root
	env   *env          // immutable: of the whole tree

	mu         sync.Mutex
	state      spec.RegionState // guarded by mu; written by step only
	reason     base.Reason      // guarded by mu
	brutal     bool             // guarded by mu
	delegate   bool             // guarded by mu: the request goes to the owner alone (a supervisor)
	owner      *Handle          // guarded by mu
	first      *Handle          // guarded by mu: members in order of joining
	last       *Handle          // guarded by mu
	live       int              // guarded by mu: members that have not left
	stuck      int              // guarded by mu: of those, how many cannot be stopped
	lost       int              // guarded by mu: of those, child regions and slots, which do not hold up the end
	finalizers []finalizer      // guarded by mu
	watchers   []func(Proof)    // guarded by mu
	proof      *Proof           // guarded by mu until closed, immutable then; nil: nothing to say yet
}

// env is what all regions of a tree share.
type env struct {
	next func() base.RegionID
	seen func(r *Region, a Access, closing bool) // nil: nobody wants to know
}

// Access is what happens to a region.
type Access uint8

// Look: its state, its reason or who is left was read. Join and leave: a member did. Change: all else.
const (
	AccessLook Access = iota
	AccessJoin
	AccessLeave
	AccessChange
)

type finalizer struct {
	label string
	run   func() error
}

// Handle is a member's place in its region.
type Handle struct {
	region     *Region
	kind       Kind
	member     Member
	prev, succ *Handle // guarded by region.mu
	left       bool    // guarded by region.mu
	isStuck    bool    // guarded by region.mu
}

// NewRoot opens a region without a parent. next gives ids; it must be safe for concurrent use.
func NewRoot(name string, next func() base.RegionID) *Region {
	return &Region{id: next(), name: name, env: &env{next: next}}
}

// Observe calls f at each access to r and to the regions below it, inside of it: f must not call a region. closing says
// whether the region was closing by then. It is for hosts that have to know, at a root that has no members yet.
func (r *Region) Observe(f func(r *Region, a Access, closing bool)) { r.env.seen = f }

// see tells of an access. The caller holds r.mu.
func (r *Region) see(a Access) {
	if f := r.env.seen; f != nil {
		f(r, a, r.state != spec.RegionOpen)
	}
}

// IsRoot says whether the region has no parent.
func (r *Region) IsRoot() bool { return r.place.region == nil }

// ID is the region's id in this process run.
func (r *Region) ID() base.RegionID { return r.id }

// Name is the region's path.
func (r *Region) Name() string { return r.name }

// Open makes a child region. It is refused with codes.RegionClosing once a close was requested.
func (r *Region) Open(name string) (*Region, error) {
	c := &Region{id: r.env.next(), name: name, env: r.env}
	if _, err := r.Join(Descendant, (*descendant)(c)); err != nil {
		return nil, err
	}
	return c, nil
}

// Join makes m a member. It is refused with codes.RegionClosing once a close was requested.
func (r *Region) Join(k Kind, m Member) (*Handle, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(AccessJoin)
	if r.state != spec.RegionOpen {
		return nil, codes.New(codes.RegionClosing, "%s is %s and takes no %s", r.name, r.state, k)
	}
	return r.join(k, m), nil
}

// join makes m a member and lets it know its handle first: it may be asked to end as soon as r.mu is free. The caller
// holds r.mu.
func (r *Region) join(k Kind, m Member) *Handle {
	var h *Handle
	if p, ok := m.(Placed); ok {
		h = p.Place()
	} else {
		h = &Handle{}
	}
	h.region, h.kind, h.member = r, k, m
	r.link(h)
	return h
}

// Own makes m the owner: the actor for which the region was opened. With delegate, a close request goes
// to it alone, since it closes the rest by its own order (a supervisor, R2).
func (r *Region) Own(m Owner, delegate bool) (*Handle, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(AccessJoin)
	if r.state != spec.RegionOpen {
		return nil, codes.New(codes.RegionClosing, "%s is %s and takes no %s", r.name, r.state, Actor)
	}
	r.owner, r.delegate = r.join(Actor, m), delegate
	return r.owner, nil
}

// Finalize registers f to run when the region is quiescent, last registered first, masked from cancel.
func (r *Region) Finalize(label string, f func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(AccessJoin)
	if r.state != spec.RegionOpen {
		return codes.New(codes.RegionClosing, "%s is %s and takes no finalizer %s", r.name, r.state, label)
	}
	r.finalizers = append(r.finalizers, finalizer{label, f})
	return nil
}

// OnClosed calls f with the proof once the region is closed; at once if it is.
func (r *Region) OnClosed(f func(Proof)) {
	r.mu.Lock()
	if !r.ended() {
		r.watchers = append(r.watchers, f)
		r.mu.Unlock()
		return
	}
	p := *r.proof
	r.see(AccessLook)
	r.mu.Unlock()
	f(p)
}

// Fault adds a panic of what the region called, or of what was called for it, to its proof.
func (r *Region) Fault(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(AccessChange)
	if r.ended() {
		return
	}
	p := r.telling()
	p.Faults = append(p.Faults, what)
	p.Outcome = p.Outcome.Worst(base.OutcomePanicked)
}

// telling is the proof as far as it goes. The caller holds r.mu.
func (r *Region) telling() *Proof {
	if r.proof == nil {
		r.proof = &Proof{}
	}
	return r.proof
}

// State is the region's state now.
func (r *Region) State() spec.RegionState {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(AccessLook)
	return r.state
}

// Reason is the strongest reason of a close so far.
func (r *Region) Reason() base.Reason {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(AccessLook)
	return r.reason
}

// Residents lists the labels of the members that have not left, in order of joining, at most limit.
func (r *Region) Residents(limit int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for h := r.first; h != nil && len(out) < limit; h = h.succ {
		out = append(out, h.kind.String()+" "+h.member.Label())
	}
	return out
}

func (r *Region) ended() bool {
	return r.state == spec.RegionClosed || r.state == spec.RegionClosedWithResidue
}

// step is the only writer of the state.
func (r *Region) step(on spec.RegionEvent) (do string) {
	row, ok := spec.Region.Next(r.state, on)
	if !ok {
		invariant.Violated("R2", "region %s: %s in state %s", r.name, on, r.state)
		return "none"
	}
	r.state = row.To
	return row.Do
}

func (r *Region) link(h *Handle) {
	r.live++
	h.prev = r.last
	if r.last != nil {
		r.last.succ = h
	} else {
		r.first = h
	}
	r.last = h
}

func (r *Region) unlink(h *Handle) {
	r.live--
	if h.prev != nil {
		h.prev.succ = h.succ
	} else {
		r.first = h.succ
	}
	if h.succ != nil {
		h.succ.prev = h.prev
	} else {
		r.last = h.prev
	}
	h.prev, h.succ = nil, nil
}

// descendant is a child region seen as a member of its parent.
type descendant Region

// Label is the child's path.
func (d *descendant) Label() string { return d.name }

// Place keeps the place of the child in its parent.
func (d *descendant) Place() *Handle { return &d.place }

// Ask hands the request down: to a child, the parent's close is at least parent_closing.
func (d *descendant) Ask(q Request) {
	q.Reason = q.Reason.Strengthen(base.ReasonParentClosing)
	(*Region)(d).Close(q)
}

// Kill hands the kill down.
func (d *descendant) Kill() { (*Region)(d).Kill() }

func (h *Handle) String() string {
	return fmt.Sprintf("%s %s of %s", h.kind, h.member.Label(), h.region.name)
}

package regions

import (
	"fmt"
	"sync"
	"sync/atomic"

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

// Owner is a member that acts for the whole region: it is told when it is the only one left, and when all is over.
type Owner interface {
	Member
	// Alone says that every other member has left a region that is closing.
	Alone()
	// Closed brings the proof, before the parent and anybody else gets it.
	Closed(Proof)
}

// Region is one node of the scope tree. Most have an owner and nothing else: what they need beside that is made when it
// is first used, so that such a one is small enough to lie in its owner (Lodge).
type Region struct {
	at     atomic.Pointer[Handle] // its place in the parent; nil at the root. Written under the parent's mu: it may get another one there
	owner  Owner                  // guarded by mu, immutable where lodged; nil: none
	id     base.RegionID          // immutable after open
	lodged bool                   // immutable after open: it began in a place of its owner's, whose label is its name
	fenced bool                   // guarded by the parent's mu: it cannot be stopped

	state    spec.RegionState // guarded by mu; written by step only
	reason   base.Reason      // guarded by mu
	outcome  base.Outcome     // guarded by mu until closed, immutable then: the owner's
	brutal   bool             // guarded by mu
	delegate bool             // guarded by mu: the request goes to the owner alone (a supervisor)
	here     life             // guarded by mu: of the owner
	mu       sync.Mutex
	rest     *contents // guarded by mu; nil: nothing beside the owner. At a region that was opened it is never nil
}

// life says how it stands with the owner.
type life uint8

const (
	nobody life = iota // there never was one
	acts
	stuck // it cannot be stopped
	left  // it is counted in the proof
	late  // it left after that was sealed
)

// contents are what a region has beside its owner.
type contents struct {
	env        *env          // immutable: of the whole tree
	name       string        // immutable
	first      *Handle       // guarded by mu: members in order of joining
	last       *Handle       // guarded by mu
	live       int           // guarded by mu: members that have not left
	stuck      int           // guarded by mu: of those, how many cannot be stopped
	lost       int           // guarded by mu: of those, child regions and slots, which do not hold up the end
	finalizers []finalizer   // guarded by mu
	watchers   []func(Proof) // guarded by mu
	proof      *Proof        // guarded by mu until closed, immutable then; nil: nothing to say yet
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

// Handle is a member's place in its region. A child region may share the place of another member: Lodge.
type Handle struct {
	region     *Region
	member     Member
	prev, succ *Handle // guarded by region.mu
	lodger     *Region // guarded by region.mu: the child region that shares the place; nil: none
	kind       Kind
	left       bool // guarded by region.mu
	isStuck    bool // guarded by region.mu
}

// Region is the region that the member is in, or was.
func (h *Handle) Region() *Region { return h.region }

// NewRoot opens a region without a parent. next gives ids; it must be safe for concurrent use.
func NewRoot(name string, next func() base.RegionID) *Region {
	return &Region{id: next(), rest: &contents{name: name, env: &env{next: next}}}
}

// Observe calls f at each access to r and to the regions below it, inside of it: f must not call a region. closing says
// whether the region was closing by then. It is for hosts that have to know, at a root that has no members yet.
func (r *Region) Observe(f func(r *Region, a Access, closing bool)) { r.env().seen = f }

// env is that of the tree. A region without contents has a parent with some.
func (r *Region) env() *env {
	if c := r.rest; c != nil {
		return c.env
	}
	return r.at.Load().region.env()
}

// more is what the region has beside its owner. The caller holds r.mu.
func (r *Region) more() *contents {
	if r.rest == nil {
		r.rest = &contents{env: r.env()}
	}
	return r.rest
}

// see tells of an access. The caller holds r.mu.
func (r *Region) see(a Access) {
	if f := r.env().seen; f != nil {
		f(r, a, r.state != spec.RegionOpen)
	}
}

// IsRoot says whether the region has no parent.
func (r *Region) IsRoot() bool { return r.at.Load() == nil }

// ID is the region's id in this process run.
func (r *Region) ID() base.RegionID { return r.id }

// Name is the region's path.
func (r *Region) Name() string {
	if r.lodged {
		return r.owner.Label()
	}
	return r.rest.name
}

// Open makes a child region. It is refused with codes.RegionClosing once a close was requested.
func (r *Region) Open(name string) (*Region, error) {
	c := &Region{id: r.env().next(), rest: &contents{name: name, env: r.env()}}
	h := &Handle{region: r, kind: Descendant, member: (*descendant)(c)}
	c.at.Store(h)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.admits(Descendant); err != nil {
		return nil, err
	}
	r.link(h)
	return c, nil
}

// Lodge opens c, a zero region, as a child of the region of h, in the place of that member: it is asked after it, and
// takes no room there. m owns c, as in Own, and gives it its name.
func (h *Handle) Lodge(c *Region, m Owner, delegate bool) error {
	r := h.region
	r.mu.Lock()
	if err := r.admits(Descendant); err != nil {
		r.mu.Unlock()
		return err
	}
	c.id, c.lodged, c.owner, c.delegate, c.here = r.env().next(), true, m, delegate, acts
	if h.lodger != nil {
		r.rehouse(h)
	}
	c.at.Store(h)
	h.lodger = c
	r.rest.live++
	r.mu.Unlock()
	c.mu.Lock()
	c.see(AccessJoin)
	c.mu.Unlock()
	return nil
}

// rehouse gives the child region that shares the place h one of its own: one that cannot be stopped, or is about to
// leave. The caller holds r.mu.
func (r *Region) rehouse(h *Handle) {
	own := &Handle{region: r, kind: Descendant, member: (*descendant)(h.lodger)}
	h.lodger.at.Store(own)
	h.lodger = nil
	r.link(own)
	r.rest.live--
}

// admits says whether something new may join, and tells of that. The caller holds r.mu.
func (r *Region) admits(k Kind) error {
	r.see(AccessJoin)
	if r.state != spec.RegionOpen {
		return codes.New(codes.RegionClosing, "%s is %s and takes no %s", r.Name(), r.state, k)
	}
	return nil
}

// Join makes m a member. It is refused with codes.RegionClosing once a close was requested.
func (r *Region) Join(k Kind, m Member) (*Handle, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.admits(k); err != nil {
		return nil, err
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
// to it alone, since it closes the rest by its own order (a supervisor, R2). The owner leaves by LeaveOwner.
func (r *Region) Own(m Owner, delegate bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.admits(Actor); err != nil {
		return err
	}
	r.owner, r.delegate, r.here = m, delegate, acts
	return nil
}

// Finalize registers f to run when the region is quiescent, last registered first, masked from cancel.
func (r *Region) Finalize(label string, f func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(AccessJoin)
	if r.state != spec.RegionOpen {
		return codes.New(codes.RegionClosing, "%s is %s and takes no finalizer %s", r.Name(), r.state, label)
	}
	c := r.more()
	c.finalizers = append(c.finalizers, finalizer{label, f})
	return nil
}

// OnClosed calls f with the proof once the region is closed; at once if it is.
func (r *Region) OnClosed(f func(Proof)) {
	r.mu.Lock()
	if !r.ended() {
		c := r.more()
		c.watchers = append(c.watchers, f)
		r.mu.Unlock()
		return
	}
	p := r.proof()
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

// telling is the proof as far as it goes, but for the owner's part. The caller holds r.mu.
func (r *Region) telling() *Proof {
	c := r.more()
	if c.proof == nil {
		c.proof = &Proof{}
	}
	return c.proof
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
func (r *Region) Residents(limit int) (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.each(func(k Kind, m Member) bool {
		if len(out) < limit {
			out = append(out, k.String()+" "+m.Label())
		}
		return len(out) < limit
	})
	return out
}

// each visits the members that have not left, in order of joining, until f says no. The caller holds r.mu.
func (r *Region) each(f func(Kind, Member) bool) {
	if r.acting() && !f(Actor, r.owner) || r.rest == nil {
		return
	}
	for h := r.rest.first; h != nil; h = h.succ {
		if !h.left && !f(h.kind, h.member) || h.lodger != nil && !f(Descendant, (*descendant)(h.lodger)) {
			return
		}
	}
}

// acting says whether the owner has not left. The caller holds r.mu.
func (r *Region) acting() bool { return r.here == acts || r.here == stuck }

// count says how many members have not left, how many of those cannot be stopped, and how many of these do not hold up
// the end. The caller holds r.mu.
func (r *Region) count() (live, blocked, lost int) {
	if c := r.rest; c != nil {
		live, blocked, lost = c.live, c.stuck, c.lost
	}
	if r.acting() {
		live++
	}
	if r.here == stuck {
		blocked++
	}
	return live, blocked, lost
}

func (r *Region) ended() bool {
	return r.state == spec.RegionClosed || r.state == spec.RegionClosedWithResidue
}

// step is the only writer of the state.
func (r *Region) step(on spec.RegionEvent) (do string) {
	row, ok := spec.Region.Next(r.state, on)
	if !ok {
		invariant.Violated("R2", "region %s: %s in state %s", r.Name(), on, r.state)
		return "none"
	}
	r.state = row.To
	return row.Do
}

func (r *Region) link(h *Handle) {
	c := r.more()
	c.live++
	h.prev = c.last
	if c.last != nil {
		c.last.succ = h
	} else {
		c.first = h
	}
	c.last = h
}

// unlink takes a member that has left out of the list, once nobody shares its place.
func (r *Region) unlink(h *Handle) {
	c := r.rest
	c.live--
	if h.lodger != nil {
		return
	}
	c.drop(h)
}

func (c *contents) drop(h *Handle) {
	if h.prev != nil {
		h.prev.succ = h.succ
	} else {
		c.first = h.succ
	}
	if h.succ != nil {
		h.succ.prev = h.prev
	} else {
		c.last = h.prev
	}
	h.prev, h.succ = nil, nil
}

// descendant is a child region seen as a member of its parent.
type descendant Region

// Label is the child's path.
func (d *descendant) Label() string { return (*Region)(d).Name() }

// Ask hands the request down: to a child, the parent's close is at least parent_closing.
func (d *descendant) Ask(q Request) {
	q.Reason = q.Reason.Strengthen(base.ReasonParentClosing)
	(*Region)(d).Close(q)
}

// Kill hands the kill down.
func (d *descendant) Kill() { (*Region)(d).Kill() }

func (h *Handle) String() string {
	return fmt.Sprintf("%s %s of %s", h.kind, h.member.Label(), h.region.Name())
}

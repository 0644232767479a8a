package regions

import (
	"fmt"
	"slices"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/internal/invariant"
	"github.com/franken-node/fnode-supervisor/spec"
)

// Close requests the end of the region and of everything in it. It returns at once; OnClosed tells
// when it is done. A second request only strengthens the first.
func (r *Region) Close(q Request) {
	r.mu.Lock()
	stronger := q.Reason > r.reason || q.Brutal && !r.brutal
	r.reason = r.reason.Strengthen(q.Reason)
	r.brutal = r.brutal || q.Brutal
	q = Request{r.reason, r.brutal}
	do := r.step(spec.RegionClose)
	if do == "ask" || stronger {
		r.see(AccessChange)
	} else {
		r.see(AccessLook)
	}
	var one [1]Member
	targets := one[:0]
	if do == "ask" || do == "strengthen" && stronger {
		targets = r.targets(targets)
	}
	r.mu.Unlock()
	tell(targets, q)
	if do != "ask" {
		return
	}
	r.mu.Lock()
	r.step(spec.RegionAsked)
	r.see(AccessChange)
	r.mu.Unlock()
	r.settle()
}

// Kill ends every member at its next boundary, without draining: the budget of the close is over. On
// an open region it is a brutal close.
func (r *Region) Kill() {
	r.mu.Lock()
	if r.state == spec.RegionOpen {
		r.mu.Unlock()
		r.Close(Request{Reason: base.ReasonTimeout, Brutal: true})
		return
	}
	do := r.step(spec.RegionKill)
	r.brutal = true
	r.see(AccessChange)
	var one [1]Member
	targets := one[:0]
	if do == "kill" {
		targets = r.targets(targets)
	}
	r.mu.Unlock()
	for _, m := range targets {
		m.Kill()
	}
}

// Resign says that the owner does not act for the region any more: it has ended. What it left undone of a request or a
// kill is done now.
func (r *Region) Resign() {
	r.mu.Lock()
	rest, q := r.resign()
	r.mu.Unlock()
	tell(rest, q)
}

// resign gives those who have to be asked or killed now, and how. The caller holds r.mu.
func (r *Region) resign() (rest []Member, q Request) {
	if !r.delegate {
		return nil, q
	}
	r.delegate = false
	r.see(AccessChange)
	if r.state != spec.RegionOpen && !r.ended() {
		rest = r.targets(nil)
	}
	return rest, Request{r.reason, r.brutal}
}

// tell asks or kills members. The caller holds no lock.
func tell(members []Member, q Request) {
	for _, m := range members {
		if q.Brutal {
			m.Kill()
		} else {
			m.Ask(q)
		}
	}
}

// targets lists who hears of a request or of a kill: the supervisor alone, which ends first when it is killed, and
// what it owns then; or every member together. They are added to out.
func (r *Region) targets(out []Member) []Member {
	if r.delegate && r.acting() {
		return append(out, r.owner)
	}
	if live, _, _ := r.count(); live > cap(out) {
		out = make([]Member, 0, live)
	}
	r.each(func(_ Kind, m Member) bool {
		out = append(out, m)
		return true
	})
	return out
}

// Left is what a member leaves behind; an actor counts its messages, timers and obligations.
type Left struct {
	Messages, Timers, Obligations int
}

// Leave says that the member has ended. The second call is a broken invariant.
func (h *Handle) Leave(o base.Outcome) { h.LeaveWith(o, Left{}) }

// LeaveWith says that the member has ended and counts what it leaves behind (all zero in a right world).
func (h *Handle) LeaveWith(o base.Outcome, left Left) {
	r := h.region
	r.mu.Lock()
	if h.left {
		r.mu.Unlock()
		invariant.Violated("R1", "%s left twice", h)
		return
	}
	h.left = true
	r.unlink(h)
	if !r.ended() {
		p := r.telling()
		p.Ended[h.kind]++
		p.add(left)
		p.Outcome = p.Outcome.Worst(o)
	}
	if h.isStuck {
		h.isStuck = false
		r.blocked(h.kind, -1)
	}
	r.see(AccessLeave)
	r.mu.Unlock()
	r.settle()
}

// Stuck says that the member cannot be stopped: its handler does not return (R6). The region goes on once settle is
// called; what has to be told of it before can be.
func (h *Handle) Stuck() (settle func()) {
	r := h.region
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.left || h.isStuck {
		r.see(AccessLook)
		return func() {}
	}
	h.isStuck = true
	r.see(AccessChange)
	r.blocked(h.kind, 1)
	return r.settle
}

// blocked counts members that cannot be stopped. Child regions and slots run no code of their own: their parent does not
// wait for them for ever, it names them. The caller holds r.mu.
func (r *Region) blocked(k Kind, n int) {
	r.rest.stuck += n
	if k == Descendant || k == Slot {
		r.rest.lost += n
	}
}

// LeaveOwner says that the owner has ended, and counts what it leaves behind. The second call is a broken invariant.
func (r *Region) LeaveOwner(o base.Outcome, behind Left) {
	r.mu.Lock()
	if !r.acting() {
		r.mu.Unlock()
		invariant.Violated("R1", "the owner of %s left twice", r.Name())
		return
	}
	if r.here = late; !r.ended() {
		r.here, r.outcome = left, o
		if behind != (Left{}) {
			r.telling().add(behind)
		}
	}
	r.see(AccessLeave)
	r.mu.Unlock()
	r.settle()
}

// StuckOwner says that the owner cannot be stopped, as Handle.Stuck does of a member.
func (r *Region) StuckOwner() (settle func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.here != acts {
		r.see(AccessLook)
		return func() {}
	}
	r.here = stuck
	r.see(AccessChange)
	rest, q := r.resign()
	return func() {
		tell(rest, q)
		r.settle()
	}
}

// fence says in the parent that the region cannot be stopped; returned, that it can after all: the parent waits for it
// again.
func (r *Region) fence() {
	p := r.at.Load().region
	p.mu.Lock()
	if r.fenced {
		p.see(AccessLook)
		p.mu.Unlock()
		return
	}
	r.fenced = true
	p.see(AccessChange)
	p.blocked(Descendant, 1)
	p.mu.Unlock()
	p.settle()
}

func (r *Region) returned() {
	p := r.at.Load().region
	p.mu.Lock()
	defer p.mu.Unlock()
	p.see(AccessChange)
	if r.fenced {
		r.fenced = false
		p.blocked(Descendant, -1)
	}
}

// leave takes a region that has ended out of its parent, to whose proof it adds its own.
func (r *Region) leave(proof *Proof) {
	p := r.at.Load().region
	p.mu.Lock()
	h := r.at.Load() // it changes under this lock
	if h.lodger == r {
		h.lodger = nil
		p.rest.live--
		if h.left {
			p.rest.drop(h)
		}
	} else {
		h.left = true
		p.unlink(h)
	}
	if !p.ended() {
		t := p.telling()
		t.merge(proof)
		t.Ended[Descendant]++
		t.Outcome = t.Outcome.Worst(proof.Outcome)
	}
	if r.fenced {
		r.fenced = false
		p.blocked(Descendant, -1)
	}
	p.see(AccessLeave)
	p.mu.Unlock()
	p.settle()
}

// settle looks whether the region can go on: to finalizing, to wedged, or to telling its owner that it
// is alone.
func (r *Region) settle() {
	r.mu.Lock()
	var do string
	var alone Owner
	wedged := r.state == spec.RegionWedged
	live, blocked, lost := r.count()
	switch {
	case wedged && live == lost:
		do = r.step(spec.RegionReturned)
	case r.state != spec.RegionDraining:
	case live == lost:
		do = r.step(spec.RegionEmpty)
	case live == blocked:
		do = r.step(spec.RegionStuck)
	case r.here == acts && live-lost == 1:
		alone = r.owner
	}
	if do != "" {
		r.see(AccessChange)
	}
	r.mu.Unlock()
	switch do {
	case "finalize":
		if wedged && !r.IsRoot() {
			r.returned()
		}
		r.finalize()
	case "fence":
		if !r.IsRoot() {
			r.fence()
		}
	}
	if alone != nil {
		alone.Alone()
	}
}

// finalize runs the finalizers in reverse, builds the proof and tells the parent and the watchers.
func (r *Region) finalize() {
	r.mu.Lock()
	var todo []finalizer
	if c := r.rest; c != nil {
		todo, c.finalizers = c.finalizers, nil
	}
	r.mu.Unlock()
	var worst base.Outcome
	var faults []string
	for _, f := range slices.Backward(todo) {
		if o, err := runFinalizer(f); err != nil {
			worst, faults = worst.Worst(o), append(faults, f.label+": "+err.Error())
		}
	}
	r.mu.Lock()
	p := r.proof()
	p.Outcome = p.Outcome.Worst(worst)
	p.Faults = append(p.Faults, faults...)
	r.each(func(k Kind, m Member) bool {
		p.Live[k]++
		p.Residue = append(p.Residue, k.String()+" "+m.Label())
		return true
	})
	event := spec.RegionFinalized
	if len(p.Residue) > 0 {
		event = spec.RegionResidue
	}
	var watchers []func(Proof)
	if c := r.rest; c != nil {
		sealed := p
		c.proof, watchers, c.watchers = &sealed, c.watchers, nil
	}
	r.step(event)
	r.see(AccessChange)
	owner := r.owner
	r.mu.Unlock()
	if !p.Quiescent() && len(p.Residue) == 0 {
		invariant.Violated("R4", "region %s closed, and yet: %s", r.Name(), p)
	}
	if owner != nil {
		owner.Closed(p)
	}
	for _, f := range watchers {
		f(p)
	}
	if !r.IsRoot() {
		r.leave(&p)
	}
}

// Sole says whether the owner is the only member left that can still leave.
func (r *Region) Sole() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(AccessLook)
	live, _, lost := r.count()
	return r.acting() && live-lost == 1
}

func runFinalizer(f finalizer) (o base.Outcome, err error) {
	defer func() {
		if v := recover(); v != nil {
			o, err = base.OutcomePanicked, fmt.Errorf("panic: %v", v)
		}
	}()
	if err = f.run(); err != nil {
		o = base.OutcomeFailed
	}
	return o, err
}

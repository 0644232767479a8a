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
	var targets []*Handle
	if do == "ask" || do == "strengthen" && stronger {
		targets = r.targets()
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
	var targets []*Handle
	if do == "kill" {
		targets = r.targets()
	}
	r.mu.Unlock()
	for _, h := range targets {
		h.member.Kill()
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
func (r *Region) resign() (rest []*Handle, q Request) {
	if !r.delegate {
		return nil, q
	}
	r.delegate = false
	r.see(AccessChange)
	if r.state != spec.RegionOpen && !r.ended() {
		rest = r.targets()
	}
	return rest, Request{r.reason, r.brutal}
}

// tell asks or kills members. The caller holds no lock.
func tell(members []*Handle, q Request) {
	for _, h := range members {
		if q.Brutal {
			h.member.Kill()
		} else {
			h.member.Ask(q)
		}
	}
}

// targets lists who hears of a request or of a kill: the supervisor alone, which ends first when it is killed, and
// what it owns then; or every member together.
func (r *Region) targets() []*Handle {
	if r.delegate && r.owner != nil && !r.owner.left {
		return []*Handle{r.owner}
	}
	out := make([]*Handle, 0, r.live)
	for h := r.first; h != nil; h = h.succ {
		out = append(out, h)
	}
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
		r.unstick(h)
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
	r.stuck++
	if h.passive() {
		r.lost++
	}
	var rest []*Handle
	var q Request
	if h == r.owner {
		rest, q = r.resign()
	}
	return func() {
		tell(rest, q)
		r.settle()
	}
}

// returned says that the member can be stopped after all: the region waits for it again.
func (h *Handle) returned() {
	h.region.mu.Lock()
	defer h.region.mu.Unlock()
	h.region.see(AccessChange)
	if h.isStuck {
		h.region.unstick(h)
	}
}

// passive members do not run code of their own: a parent does not wait for them for ever, it names them.
func (h *Handle) passive() bool { return h.kind == Descendant || h.kind == Slot }

func (r *Region) unstick(h *Handle) {
	h.isStuck = false
	r.stuck--
	if h.passive() {
		r.lost--
	}
}

// settle looks whether the region can go on: to finalizing, to wedged, or to telling its owner that it
// is alone.
func (r *Region) settle() {
	r.mu.Lock()
	var do string
	var alone Owner
	wedged := r.state == spec.RegionWedged
	switch {
	case wedged && r.live == r.lost:
		do = r.step(spec.RegionReturned)
	case r.state != spec.RegionDraining:
	case r.live == r.lost:
		do = r.step(spec.RegionEmpty)
	case r.live == r.stuck:
		do = r.step(spec.RegionStuck)
	case r.owner != nil && !r.owner.left && !r.owner.isStuck && r.live-r.lost == 1:
		alone = r.owner.member.(Owner)
	}
	if do != "" {
		r.see(AccessChange)
	}
	r.mu.Unlock()
	switch do {
	case "finalize":
		if wedged && !r.IsRoot() {
			r.place.returned()
		}
		r.finalize()
	case "fence":
		if !r.IsRoot() {
			r.place.Stuck()()
		}
	}
	if alone != nil {
		alone.Alone()
	}
}

// finalize runs the finalizers in reverse, builds the proof and tells the parent and the watchers.
func (r *Region) finalize() {
	r.mu.Lock()
	todo := r.finalizers
	r.finalizers = nil
	r.mu.Unlock()
	var worst base.Outcome
	var faults []string
	for _, f := range slices.Backward(todo) {
		if o, err := runFinalizer(f); err != nil {
			worst, faults = worst.Worst(o), append(faults, f.label+": "+err.Error())
		}
	}
	r.mu.Lock()
	r.telling().seal(r, worst, faults)
	event := spec.RegionFinalized
	if len(r.proof.Residue) > 0 {
		event = spec.RegionResidue
	}
	r.step(event)
	r.see(AccessChange)
	p, watchers := *r.proof, r.watchers
	r.watchers = nil
	r.mu.Unlock()
	if !p.Quiescent() && len(p.Residue) == 0 {
		invariant.Violated("R4", "region %s closed, and yet: %s", r.name, p)
	}
	for _, f := range watchers {
		f(p)
	}
	if !r.IsRoot() {
		r.place.inherit(p)
		r.place.Leave(p.Outcome)
	}
}

// Sole says whether h is the only member left that can still leave.
func (r *Region) Sole(h *Handle) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.see(AccessLook)
	return !h.left && r.live-r.lost == 1
}

// inherit adds a child's proof to the parent's.
func (h *Handle) inherit(p Proof) {
	h.region.mu.Lock()
	defer h.region.mu.Unlock()
	if !h.region.ended() {
		h.region.telling().merge(p)
	}
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

package actors

import (
	"fmt"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Resource is something outside that an actor's region owns: a process, a cgroup, a file, a listener, a
// goroutine. Its methods must not block; it ends by the release that Own returned.
type Resource = regions.Member

// Own makes res a member of the caller's region (R1): the region is not closed before release was
// called, from any goroutine, once. It needs CapProcess.
func (cx *Cx) Own(k regions.Kind, res Resource) (release func(base.Outcome), err error) {
	if err := cx.may(CapProcess); err != nil {
		return nil, err
	}
	cx.slot.opts.sys.host.Step(cx.slot, StepProcess)
	if k <= regions.Descendant || k > regions.Listener {
		return nil, codes.New(codes.BadChild, "%s cannot own a resource of kind %d", cx.slot.path, k)
	}
	h, err := cx.region.Join(k, &owned{res, res.Label(), &cx.region})
	if err != nil {
		return nil, err
	}
	return func(o base.Outcome) {
		cx.slot.opts.sys.host.Step(cx.slot, StepRelease)
		h.Leave(o)
	}, nil
}

// owned is a resource as its region sees it. What it panics with is told by the proof: whoever closes the
// region is not to blame, and the other members have to hear of it.
type owned struct {
	res    Resource        // immutable
	label  string          // immutable: when it was taken in
	region *regions.Region // immutable
}

// Label is the resource's own, as long as it can be had.
func (o *owned) Label() (label string) {
	defer func() {
		if v := recover(); v != nil {
			_, label = rethrown(v), o.label
		}
	}()
	return o.res.Label()
}

// Ask asks the resource.
func (o *owned) Ask(q regions.Request) {
	defer o.fault("asked")
	o.res.Ask(q)
}

// Kill kills the resource.
func (o *owned) Kill() {
	defer o.fault("killed")
	o.res.Kill()
}

func (o *owned) fault(when string) {
	if v := recover(); v != nil {
		o.region.Fault(fmt.Sprintf("%s: panic when %s: %v", o.label, when, rethrown(v)))
	}
}

// Finalize registers f to run when the incarnation's region is quiescent: last registered first, masked
// from cancel. f must not block.
func (cx *Cx) Finalize(label string, f func() error) error {
	cx.slot.opts.sys.host.Step(cx.slot, StepProcess)
	return cx.region.Finalize(label, f)
}

// Port is how a driver's goroutine reaches the actor that started it: messages of this incarnation
// only, in the Ready lane.
type Port struct {
	slot *Slot
	life base.Incarnation
}

// Port gives the address under which drivers reach this incarnation.
func (cx *Cx) Port() Port { return Port{cx.slot, cx.cell().n} }

// Tell sends m to the incarnation; a later one never sees it. The error is a refusal.
func (p Port) Tell(m any) error {
	if err := sendable(m); err != nil {
		return err
	}
	return p.slot.opts.sys.host.Send(nil, p.slot, Message{Body: m, life: p.life})
}

// Urgent sends m in a place beside the Ready lane's bound: for the last word of a driver (a process has
// ended), which must not be refused. A driver may say one such word per thing that it owns.
func (p Port) Urgent(m any) {
	if err := sendable(m); err != nil {
		p.slot.opts.sys.violated("L1", "%s: %v", p.slot.path, err)
		return
	}
	p.slot.putExtra(Message{Body: m, life: p.life})
}

package programs

import (
	"fmt"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
)

// soon is a message of the Timed lane.
type soon struct{}

func init() {
	actors.Register(lanes.Timed, func(soon) time.Time { return time.Unix(1, 0) })
}

// work is something outside that an actor has to finish before it may end, so that a cancel does not end it.
type work struct{}

// Label names it in proofs.
func (work) Label() string { return "work" }

// Ask does nothing: the actor ends it.
func (work) Ask(regions.Request) {}

// Kill does nothing: no scenario kills.
func (work) Kill() {}

// target is an actor that handles n messages, a cancel request among them, and is then done.
func (c *cast) target(cx *actors.Cx, name string, n int) {
	var release func(base.Outcome)
	ref, err := cx.Spawn(actors.Child{Name: name, Drain: -1, Behaviour: c.seen(func(cx *actors.Cx, msg any) (err error) {
		if _, first := msg.(actors.Started); first {
			release, err = cx.Own(regions.File, work{})
			return err
		}
		if n--; n == 0 {
			release(base.OutcomeOk)
			cx.Drained()
		}
		return nil
	})})
	if err != nil {
		panic(err)
	}
	c.named(name, ref)
}

// owner plays an actor that has the target as its child, and on "go" does what it does.
func (c *cast) owner(name string, n int, on func(*actors.Cx)) {
	c.play(name, func(cx *actors.Cx) { c.target(cx, "C", n) }, func(cx *actors.Cx, msg any) {
		if w, ok := msg.(word); ok && w.text == "go" {
			on(cx)
		}
	})
	c.r.Settle()
	c.begin(name)
}

// begin lets an actor begin with what it does on "go".
func (c *cast) begin(name string) {
	if err := c.r.System().Tell(c.ref(name), word{text: "go"}); err != nil {
		panic(err)
	}
}

// cancel asks the target to end: a message of the Cancel lane.
func (c *cast) cancel(cx *actors.Cx) {
	if err := cx.Close(c.ref("C"), regions.Request{Reason: base.ReasonUser}); err != nil {
		panic(err)
	}
}

// LaneSame: A sends C an ordinary message, then a cancel.
func LaneSame() lab.Scenario {
	return lab.Scenario{Name: "lane_same", Setup: func(r *lab.Run) {
		c := newCast(r)
		c.owner("A", 2, func(cx *actors.Cx) { c.tell(cx, "C", word{text: "ready"}); c.cancel(cx) })
	}}
}

// LaneBefore: X sends C a cancel, then tells A to send C an ordinary message.
func LaneBefore() lab.Scenario {
	return lab.Scenario{Name: "lane_before", Setup: func(r *lab.Run) {
		c := newCast(r)
		c.play("A", nil, func(cx *actors.Cx, _ any) { c.tell(cx, "C", word{text: "ready"}) })
		c.owner("X", 2, func(cx *actors.Cx) { c.cancel(cx); c.tell(cx, "A", word{text: "go"}) })
	}}
}

// LaneMix: three kinds of senders to one mailbox: one cancel, one timed, k ready.
func LaneMix(k int) lab.Scenario {
	return lab.Scenario{Name: fmt.Sprintf("lane_mix(%d)", k), Setup: func(r *lab.Run) {
		c := newCast(r)
		c.owner("X", k+2, c.cancel)
		c.play("T", func(cx *actors.Cx) { c.tell(cx, "C", soon{}) }, nil)
		for i := range k {
			c.play(nth("S", i), func(cx *actors.Cx) { c.tell(cx, "C", word{text: "ready"}) }, nil)
		}
	}}
}

// Link: A sends k messages over one link with faults.
func Link(k int, faults lab.Link) lab.Scenario {
	name := fmt.Sprintf("link(%d", k)
	if faults.Drop > 0 {
		name += fmt.Sprintf(",drop=%d", faults.Drop)
	}
	if faults.Dup > 0 {
		name += fmt.Sprintf(",dup=%d", faults.Dup)
	}
	if faults.Reorder {
		name += ",reorder"
	}
	return lab.Scenario{Name: name + ")", Link: faults, Setup: func(r *lab.Run) {
		c := newCast(r)
		c.play("A", func(cx *actors.Cx) {
			for range k {
				c.tell(cx, "R", word{text: "m"})
			}
		}, nil)
		c.play("R", nil, nil)
	}}
}

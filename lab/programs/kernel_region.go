package programs

import (
	"fmt"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/regions"
)

// RegionClose: O owns T, T owns C0 and C1; a message for each of them is on its way while T is closed.
func RegionClose() lab.Scenario {
	return lab.Scenario{Name: "region_close", Doc: "a tree is closed with messages in flight", Setup: func(r *lab.Run) {
		c := newCast(r)
		var told count
		c.keeper(&told, actors.Child{Name: "T"}, func(cx *actors.Cx, msg any) error {
			if _, first := msg.(actors.Started); first {
				if err := c.spawn(cx, actors.Child{Name: "C0"}, quiet); err != nil {
					return err
				}
				return c.spawn(cx, actors.Child{Name: "C1"}, quiet)
			}
			return nil
		})
		r.Settle()
		c.sender("S", "C0", "m", "C1", "m")
		c.sender("K", "O", "close")
		c.closedOnce(&told)
	}}
}

// RegionSpawn: T spawns a child on "spawn" while it is closed: the child is refused, or ends with T.
func RegionSpawn() lab.Scenario {
	return lab.Scenario{Name: "region_spawn", Doc: "a region is closed while an actor spawns in it", Setup: func(r *lab.Run) {
		c := newCast(r)
		var told, born, ended count
		c.keeper(&told, actors.Child{Name: "T"}, func(cx *actors.Cx, msg any) error {
			if said(msg, "spawn") && c.spawn(cx, actors.Child{Name: "C", Supervised: true}, quiet) == nil {
				born.Add(1)
			}
			if e, ok := msg.(actors.ChildEnded); ok {
				ended.Add(1)
				return cx.Retire(e.Child)
			}
			return nil
		})
		r.Settle()
		c.sender("S", "T", "spawn")
		c.sender("K", "O", "close")
		c.closedOnce(&told)
		r.Check("child gone", func() error {
			if c.there("O/T/C") || ended.Load() > born.Load() {
				return fmt.Errorf("%d children were born, %d ended, and C is there: %v", born.Load(), ended.Load(), c.there("O/T/C"))
			}
			return nil
		})
	}}
}

// resource is something outside that ends when it is asked to, in a step of its own.
type resource struct {
	asked *count
}

// Label names it in proofs.
func (resource) Label() string { return "resource" }

// Ask asks it to end.
func (s resource) Ask(regions.Request) { s.asked.Add(1) }

// Kill asks it to end now.
func (s resource) Kill() { s.asked.Add(1) }

// RegionResource: T owns a resource and two finalizers; the resource leaves when X says so, before or after T is
// closed. The finalizers run after that, in reverse.
func RegionResource() lab.Scenario {
	return lab.Scenario{Name: "region_resource", Doc: "a resource leaves its region while that is closed; finalizers run in reverse", Setup: func(r *lab.Run) {
		c := newCast(r)
		var told, asked, order count
		var release func(base.Outcome)
		c.keeper(&told, actors.Child{Name: "T"}, func(cx *actors.Cx, msg any) (err error) {
			if _, first := msg.(actors.Started); !first {
				if said(msg, "release") && release != nil {
					release(base.OutcomeOk)
					release = nil
				}
				return nil
			}
			if release, err = cx.Own(regions.File, resource{&asked}); err != nil {
				return err
			}
			for _, n := range []int32{1, 2} {
				err = cx.Finalize(fmt.Sprint(n), func() error { order.Store(order.Load()*10 + n); return nil })
				if err != nil {
					return err
				}
			}
			return nil
		})
		r.Settle()
		c.sender("X", "T", "release")
		c.sender("K", "O", "close")
		r.Check("finalizers in reverse", func() error {
			if got := order.Load(); got != 21 && !(got == 0 && c.there("O/T")) {
				return fmt.Errorf("they ran as %d", got)
			}
			return nil
		})
	}}
}

// RegionBudget: T does not say that it has drained; the limit of its drain ends it, or its parent does.
func RegionBudget() lab.Scenario {
	return lab.Scenario{Name: "region_budget", Doc: "a drain with a limit in time: it drains, or it is killed, once", Setup: func(r *lab.Run) {
		c := newCast(r)
		var told count
		c.keeper(&told, actors.Child{Name: "T", Drain: 1}, func(cx *actors.Cx, msg any) error {
			switch {
			case said(msg, "last"):
				cx.Drained()
			default:
				if _, ok := msg.(actors.CancelRequested); ok {
					return cx.Tell(cx.Self(), word{text: "last"})
				}
			}
			return nil
		})
		r.Settle()
		c.sender("K", "O", "close")
		c.closedOnce(&told)
	}}
}

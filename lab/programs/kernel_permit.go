package programs

import (
	"fmt"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lanes"
)

// reserver plays an actor that reserves a place at R at its start, and on the permit does what use says. Each
// reservation comes to one end.
func (c *cast) reserver(name string, use func(*actors.Cx, *actors.Permit) error) {
	var ends count
	c.top(actors.Child{Name: name}, func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			if _, err := cx.Reserve(c.ref("R")); err != nil {
				ends.Add(1)
			}
		case *actors.Permit:
			ends.Add(1)
			if m.Err == nil {
				return use(cx, m)
			}
		}
		return nil
	})
	c.r.Check(name+" served once", func() error {
		if n := ends.Load(); n > 1 || n == 0 && c.there(name) {
			return fmt.Errorf("the reservation of %s came to %d ends", name, n)
		}
		return nil
	})
}

func send(cx *actors.Cx, p *actors.Permit) error { return p.Send(cx, word{text: "p"}) }

// PermitFull: R has one place, for which P, Q and a message of S compete. P sends, Q gives its permit back.
func PermitFull() lab.Scenario {
	return lab.Scenario{Name: "permit_full", Doc: "a two-phase send at a full lane; one permit is sent, one is given back", Setup: func(r *lab.Run) {
		c := newCast(r)
		c.top(actors.Child{Name: "R", Lanes: lanes.Options{Ready: 1}}, quiet)
		c.reserver("P", send)
		c.reserver("Q", func(cx *actors.Cx, p *actors.Permit) error { return p.Abort(cx) })
		c.roomAtEnd("R", 1)
	}}
}

// PermitHeld: P keeps its permit and ends on "stop"; the place goes to Q.
func PermitHeld() lab.Scenario {
	return lab.Scenario{Name: "permit_held", Doc: "the holder of a permit ends: the place goes to who waits", Setup: func(r *lab.Run) {
		c := newCast(r)
		c.top(actors.Child{Name: "R", Lanes: lanes.Options{Ready: 1}}, quiet)
		got := false
		c.top(actors.Child{Name: "P"}, func(cx *actors.Cx, msg any) error {
			switch m := msg.(type) {
			case actors.Started:
				_, err := cx.Reserve(c.ref("R"))
				return err
			case *actors.Permit: //fnodevet:allow obligation P keeps its place until it ends, which gives it back
				if got = m.Err == nil; got {
					return cx.Tell(cx.Self(), word{text: "stop"})
				}
			case word:
				return actors.ErrStop
			}
			return nil
		})
		c.reserver("Q", send)
		c.roomAtEnd("R", 1)
	}}
}

// PermitGone: R ends, by itself, while P waits or holds its permit.
func PermitGone() lab.Scenario {
	return lab.Scenario{Name: "permit_gone", Doc: "a two-phase send to an actor that ends", Setup: func(r *lab.Run) {
		c := newCast(r)
		c.top(actors.Child{Name: "R", Lanes: lanes.Options{Ready: 1}}, func(_ *actors.Cx, msg any) error {
			if said(msg, "stop") {
				return actors.ErrStop
			}
			return nil
		})
		c.reserver("P", send)
		c.sender("S", "R", "stop")
	}}
}

// roomAtEnd checks that no place stays promised to nobody.
func (c *cast) roomAtEnd(name string, want int) {
	c.r.Check("room at "+name, func() error {
		ref := c.ref(name)
		if got := c.r.Room(ref); c.there(name) && got != want {
			return fmt.Errorf("%d of %d places of %s are free at the end", got, want, name)
		}
		return nil
	})
}

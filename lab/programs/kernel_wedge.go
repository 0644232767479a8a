package programs

import (
	"context"
	"fmt"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// deaf is a handler that does not heed cancels: an endless one, as far as others can tell. It lets others run so often.
func deaf(cx *actors.Cx, looks int) {
	for range looks {
		_ = cx.Checkpoint()
	}
}

// Wedge: T loops while it is closed; it may be found stuck at any moment, and comes back after all.
func Wedge() lab.Scenario {
	return lab.Scenario{Name: "wedge", Stuck: true, Doc: "a handler that does not heed a cancel is fenced, by name, and comes back", Setup: func(r *lab.Run) {
		c := newCast(r)
		var told count
		c.keeper(&told, actors.Child{Name: "T"}, func(cx *actors.Cx, msg any) error {
			if said(msg, "loop") {
				deaf(cx, 2)
				_ = cx.Tell(c.ref("R"), word{text: "effect"})
			}
			return nil
		})
		c.top(actors.Child{Name: "R"}, quiet)
		r.Settle()
		c.sender("S", "T", "loop")
		c.sender("K", "O", "close")
		c.closedOnce(&told)
	}}
}

// WedgeSupervised: the child of T loops while T is closed: T goes without it, and names it.
func WedgeSupervised() lab.Scenario {
	return lab.Scenario{Name: "wedge_supervised", Stuck: true, Doc: "a supervisor is closed while its child is stuck: it ends without it", Setup: func(r *lab.Run) {
		c := newCast(r)
		var told count
		a := c.loops("a", false)
		b, err := supervision.New(supervision.Spec{
			Strategy: core.OneForOne, Budget: core.Budget{Restarts: 1, Window: time.Minute}, Children: []supervision.Child{a},
		})
		if err != nil {
			panic(err)
		}
		c.owns(&told, b, func(actors.Exit) {}) // T itself may be found stuck, and is killed then
		r.Settle()
		c.find("a", "O/T/a")
		c.sender("S", "a", "loop")
		c.sender("K", "O", "close")
		c.closedOnce(&told)
	}}
}

// loops is a child that does not heed a cancel on "loop".
func (c *cast) loops(name string, two bool) supervision.Child {
	return supervision.Child{
		Child: core.Child{Name: name, Backoff: atOnce, Shutdown: core.Shutdown{Wait: true}, TwoIncarnations: two},
		Actor: actors.Child{Drain: -1},
		Start: func() actors.Behaviour {
			return c.seen(func(cx *actors.Cx, msg any) error {
				if said(msg, "loop") {
					deaf(cx, 1)
				}
				return nil
			})
		},
	}
}

// WedgeTwo: X asks the supervisor to restart a, which loops; a second incarnation may live beside the stuck one.
func WedgeTwo() lab.Scenario {
	return lab.Scenario{Name: "wedge_two", Stuck: true, Doc: "a restart beside an incarnation that is stuck", Setup: func(r *lab.Run) {
		c := newCast(r)
		s := supervision.Spec{Strategy: core.OneForOne, Children: []supervision.Child{c.loops("a", true)}}
		c.tree(s)
		c.find("a", "sup/a")
		c.sender("S", "a", "loop")
		var ends, refused count
		c.top(actors.Child{Name: "X"}, func(cx *actors.Cx, msg any) error {
			switch m := msg.(type) {
			case actors.Started:
				q := supervision.Request{Kind: core.Restarted, Name: "a"}
				if _, err := actors.Request[supervision.Request, struct{}](cx, c.ref("sup"), q, 0); err != nil {
					ends.Add(1)
				}
			case actors.Answer[struct{}]:
				if ends.Add(1); m.Err != nil {
					refused.Add(1)
				}
			}
			return nil
		})
		// A restart that somebody asks for may fail in its start: X is told so, and the child stays down (S10).
		r.Check("the tree is gone, or whole, or X knows", func() error {
			if refused.Load() > 0 {
				return nil
			}
			return c.whole("sup", s)
		})
		r.Check("answered once", func() error {
			if n := ends.Load(); n > 1 || n == 0 && c.there("X") {
				return fmt.Errorf("%d answers", n)
			}
			return nil
		})
	}}
}

// TimerDisarmed: A takes its timer back on "off", while that fires. What Disarm says is true.
func TimerDisarmed() lab.Scenario {
	return lab.Scenario{Name: "timer_disarmed", Doc: "a timer is taken back while it fires", Setup: func(r *lab.Run) {
		c := newCast(r)
		var id actors.TimerID
		fired, off := false, false
		c.top(actors.Child{Name: "A"}, func(cx *actors.Cx, msg any) (err error) {
			switch {
			case said(msg, "T"):
				if off {
					r.Fail("stale timer", "a timer was taken back and comes all the same")
				}
				fired = true
			case said(msg, "off"):
				if off = cx.Disarm(id); off == fired {
					r.Fail("disarm lies", "Disarm said %v, the timer had come: %v", off, fired)
				}
			default:
				if _, first := msg.(actors.Started); first {
					id, err = cx.After(time.Second, word{text: "T"})
				}
			}
			return err
		})
		c.sender("S", "A", "off")
	}}
}

// TimerEnd: a arms a timer in every life and crashes; no incarnation gets the timer of another.
func TimerEnd() lab.Scenario {
	return lab.Scenario{Name: "timer_end", Doc: "a timer does not reach the next incarnation", Setup: func(r *lab.Run) {
		c := newCast(r)
		var lives count
		a := c.child("a", atOnce, &lives)
		a.Start = func() actors.Behaviour {
			return c.seen(func(cx *actors.Cx, msg any) (err error) {
				switch m := msg.(type) {
				case actors.Started:
					lives.Add(1)
					_, err = cx.After(time.Second, int(m.Incarnation))
				case int:
					if m != int(cx.Incarnation()) {
						r.Fail("stale timer", "incarnation %d gets the timer of %d", cx.Incarnation(), m)
					}
				case word:
					err = errCrash
				}
				return err
			})
		}
		c.supervise(supervision.Spec{Strategy: core.OneForOne, Children: []supervision.Child{a}})
		c.find("a", "sup/a")
		c.sender("S", "a", "crash")
		c.lived("a", &lives, 2)
	}}
}

// DerivedContext: T derives a context in its handler while it is closed.
func DerivedContext() lab.Scenario {
	return lab.Scenario{Name: "derived_context", Doc: "a library derives a context while the cancel is accepted", Setup: func(r *lab.Run) {
		c := newCast(r)
		var told count
		c.keeper(&told, actors.Child{Name: "T"}, func(cx *actors.Cx, msg any) error {
			if said(msg, "derive") {
				ctx, cancel := context.WithCancel(cx)
				defer cancel()
				_ = ctx.Err()
			}
			return nil
		})
		r.Settle()
		c.sender("S", "T", "derive")
		c.sender("K", "O", "close")
		c.closedOnce(&told)
	}}
}

package programs

import (
	"errors"
	"fmt"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// mortal plays an actor that fails on "stop".
func (c *cast) mortal(name string) {
	c.top(actors.Child{Name: name}, func(_ *actors.Cx, msg any) error {
		if said(msg, "stop") {
			return errCrash
		}
		return nil
	})
}

// MonitorEnd: M monitors T twice, once at its start and once on "again", while T ends.
func MonitorEnd() lab.Scenario {
	return lab.Scenario{Name: "monitor_end", Doc: "monitors are set while the watched actor ends: one Down each", Setup: func(r *lab.Run) {
		c := newCast(r)
		var set, downs count
		c.mortal("T")
		c.top(actors.Child{Name: "M"}, func(cx *actors.Cx, msg any) error {
			switch msg.(type) {
			case actors.Down:
				downs.Add(1)
			case actors.Started, word:
				set.Add(1)
				_, err := cx.Monitor(c.ref("T"))
				return err
			}
			return nil
		})
		c.sender("S", "T", "stop")
		c.sender("U", "M", "again")
		r.Check("one Down per monitor", func() error {
			if s, d := set.Load(), downs.Load(); d > s || d < s && c.there("M") {
				return fmt.Errorf("%d monitors, %d Downs", s, d)
			}
			return nil
		})
	}}
}

// MonitorBack: M takes its monitor back while T ends.
func MonitorBack() lab.Scenario {
	return lab.Scenario{Name: "monitor_back", Doc: "a monitor is taken back while the watched actor ends", Setup: func(r *lab.Run) {
		c := newCast(r)
		var id actors.MonitorID
		off := false
		c.mortal("T")
		c.top(actors.Child{Name: "M"}, func(cx *actors.Cx, msg any) (err error) {
			switch msg.(type) {
			case actors.Started:
				id, err = cx.Monitor(c.ref("T"))
			case word:
				cx.Demonitor(id)
				off = true
			case actors.Down:
				if off {
					r.Fail("told after all", "M hears of the end of T though it took its monitor back")
				}
			}
			return err
		})
		c.sender("S", "T", "stop")
		c.sender("U", "M", "off")
		c.roomAtEnd("M", 1024)
	}}
}

// LinkEnd: A links B, which fails; A must not outlive that.
func LinkEnd() lab.Scenario {
	return lab.Scenario{Name: "link_end", Doc: "a linked actor does not outlive the failure of the other", Setup: func(r *lab.Run) {
		c, failed := newCast(r), false
		c.top(actors.Child{Name: "B"}, func(_ *actors.Cx, msg any) error {
			if failed = said(msg, "stop"); failed {
				return errCrash
			}
			return nil
		})
		c.top(actors.Child{Name: "A"}, func(cx *actors.Cx, msg any) error {
			if _, first := msg.(actors.Started); first {
				return cx.Link(c.ref("B"))
			}
			return nil
		})
		c.sender("S", "B", "stop")
		c.r.Check("both are gone", func() error {
			if failed && c.there("A") {
				return errors.New("the linked actor has failed, and A is there")
			}
			return nil
		})
	}}
}

// LinkTrapped: A traps links, links B twice, and hears once of its end.
func LinkTrapped() lab.Scenario {
	return lab.Scenario{Name: "link_trapped", Doc: "a trapped link is told exactly once", Setup: func(r *lab.Run) {
		c := newCast(r)
		var told count
		c.mortal("B")
		c.top(actors.Child{Name: "A", TrapLinks: true}, func(cx *actors.Cx, msg any) error {
			switch msg.(type) {
			case actors.Started:
				return cx.Link(c.ref("B"))
			case actors.LinkDown:
				told.Add(1)
			}
			return nil
		})
		c.sender("S", "B", "stop")
		r.Check("told once", func() error {
			if n := told.Load(); n > 1 || n == 0 && c.there("A") {
				return errors.New(fmt.Sprint(n, " LinkDowns"))
			}
			return nil
		})
	}}
}

// MonitorKept: a monitors T in every life, and crashes: the places of the Downs that never come are given back.
func MonitorKept() lab.Scenario {
	return lab.Scenario{Name: "monitor_kept", Doc: "the end of a watcher gives the places of its Downs back", Setup: func(r *lab.Run) {
		c := newCast(r)
		var lives count
		a := c.child("a", atOnce, &lives)
		a.Start = func() actors.Behaviour {
			return c.seen(func(cx *actors.Cx, msg any) (err error) {
				switch msg.(type) {
				case actors.Started:
					lives.Add(1)
					_, err = cx.Monitor(c.ref("T"))
				case word:
					err = errCrash
				}
				return err
			})
		}
		c.mortal("T")
		c.supervise(supervision.Spec{Strategy: core.OneForOne, Children: []supervision.Child{a}})
		c.find("a", "sup/a")
		c.sender("S", "a", "crash")
		c.sender("U", "T", "stop")
		c.lived("a", &lives, 2)
		c.r.Check("room at a", func() error {
			if got := r.Room(c.ref("a")); c.there("sup/a") && got < 1023 || got > 1024 {
				return fmt.Errorf("%d of 1024 places of a are free", got)
			}
			return nil
		})
	}}
}

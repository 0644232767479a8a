package programs

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/regions"
)

// Kernel gives the scenarios of the kernel itself, each small enough to be exhausted in seconds.
func Kernel() (out []lab.Scenario) {
	for _, make := range kernel {
		out = append(out, local(make))
	}
	return out
}

// local makes a scenario of one process.
func local(make func() lab.Scenario) lab.Scenario {
	sc := make()
	sc.Local = true
	return sc
}

var kernel = []func() lab.Scenario{
	RegionClose, RegionSpawn, RegionResource, RegionBudget, Drained,
	OneForOne, RestForOne, Escalation, StopPending, StopCrash,
	AskKept, AskHandedOn, AskTimeout, AskLate,
	PermitFull, PermitHeld, PermitGone,
	MonitorEnd, MonitorBack, MonitorKept, LinkEnd, LinkTrapped,
	Wedge, WedgeSupervised, WedgeTwo, TimerDisarmed, TimerEnd,
	DerivedContext,
}

func init() {
	for _, make := range kernel {
		sc := make()
		Add(Family{Name: sc.Name, Doc: sc.Doc, Example: sc.Name, Forms: []Form{{Make: func([]int) lab.Scenario { return local(make) }}}})
	}
}

type handler = func(*actors.Cx, any) error

// top starts an actor of the set-up. An own drain has no limit in time, unless it says so: that would be a timer.
func (c *cast) top(o actors.Child, on handler) {
	o.Behaviour = c.seen(on)
	if o.Drain == 0 {
		o.Drain = -1
	}
	ref, err := c.r.System().Spawn(o)
	if err != nil {
		panic(err)
	}
	c.named(o.Name, ref)
}

// spawn starts a child of the caller.
func (c *cast) spawn(cx *actors.Cx, o actors.Child, on handler) error {
	o.Behaviour = c.seen(on)
	if o.Drain == 0 {
		o.Drain = -1
	}
	ref, err := cx.Spawn(o)
	if err == nil {
		c.named(o.Name, ref)
	}
	return err
}

// sender plays an actor that says the texts to the others in turn.
func (c *cast) sender(name string, to ...string) {
	c.play(name, func(cx *actors.Cx) {
		for i := 0; i < len(to); i += 2 {
			_ = cx.Tell(c.ref(to[i]), word{to[i+1], name}) // who is gone is gone
		}
	}, nil)
}

func quiet(*actors.Cx, any) error { return nil }

func (c *cast) there(path string) bool {
	_, ok := c.r.System().Lookup(path)
	return ok
}

// said says whether msg is the word.
func said(msg any, text string) bool {
	w, ok := msg.(word)
	return ok && w.text == text
}

var byUser = regions.Request{Reason: base.ReasonUser}

// count is a number that several actors may change.
type count = atomic.Int32

// owner of T: monitors it at its start, closes it on "close". It counts what it hears of T's end.
func (c *cast) keeper(told *count, t actors.Child, on handler) {
	c.top(actors.Child{Name: "O"}, func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			if err := c.spawn(cx, t, on); err != nil {
				return err
			}
			_, err := cx.Monitor(c.ref("T"))
			return err
		case actors.Down:
			told.Add(1)
		case word:
			if m.text == "close" {
				return cx.Close(c.ref("T"), byUser)
			}
		}
		return nil
	})
}

// closedOnce checks that T is gone where it had to go, and that O has heard so once, if O lives.
func (c *cast) closedOnce(told *count) {
	c.r.Check("closed once", func() error {
		switch n := told.Load(); {
		case c.there("O/T"):
			return errors.New("the closed actor is still there")
		case n > 1, n == 0 && c.there("O"):
			return fmt.Errorf("the end of T was told %d times", n)
		}
		return nil
	})
}

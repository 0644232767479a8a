package programs

import (
	"errors"
	"fmt"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

var errCrash = errors.New("crash")

// child is a permanent child that crashes on "crash". lives counts its incarnations.
func (c *cast) child(name string, backoff core.Backoff, lives *count) supervision.Child {
	return supervision.Child{
		Child: core.Child{Name: name, Backoff: backoff, Shutdown: core.Shutdown{Wait: true}},
		Actor: actors.Child{Drain: -1},
		Start: func() actors.Behaviour {
			return c.seen(func(_ *actors.Cx, msg any) error {
				if _, first := msg.(actors.Started); first {
					lives.Add(1)
				}
				if said(msg, "crash") {
					return errCrash
				}
				return nil
			})
		},
	}
}

var atOnce = core.Backoff{Off: true}

// tree runs a supervisor until it rests.
func (c *cast) tree(s supervision.Spec) {
	if s.Budget == (core.Budget{}) {
		s.Budget = core.Budget{Restarts: 3, Window: time.Minute}
	}
	ref, err := supervision.Run(c.r.System(), "sup", s)
	if err != nil {
		panic(err)
	}
	c.named("sup", ref)
	c.r.Settle()
}

// supervise runs the tree, and checks that it is whole at the end, or gone.
func (c *cast) supervise(s supervision.Spec) {
	c.tree(s)
	c.r.Check("the tree is gone, or whole", func() error { return c.whole("sup", s) })
}

// find names the actor with this path, for tell.
func (c *cast) find(name, path string) {
	ref, ok := c.r.System().Lookup(path)
	if !ok {
		panic(path + " is not there")
	}
	c.named(name, ref)
}

// whole says whether every child of a supervisor lives, if it does, and none if it does not.
func (c *cast) whole(path string, s supervision.Spec) error {
	up := map[string]string{}
	for _, v := range c.r.System().Snapshot() {
		up[v.Path] = v.State
	}
	_, lives := up[path]
	for _, k := range s.Children {
		state, there := up[path+"/"+k.Name]
		if there != lives || there && state != "Running" {
			return fmt.Errorf("%s is there: %v; %s/%s is %q", path, lives, path, k.Name, state)
		}
	}
	return nil
}

// lived checks that there were at least so many incarnations, where the tree still stands, and says how many there
// were: a cancel of a child makes one more.
func (c *cast) lived(what string, got *count, want int32) {
	c.r.Check("incarnations of "+what, func() error {
		n := got.Load()
		if n > want+1 || n < want && c.there("sup/"+what) {
			return fmt.Errorf("%s began %d times, want %d", what, n, want)
		}
		return nil
	})
	c.r.AtEnd(func() string { return fmt.Sprintf("%s lived %d times", what, got.Load()) })
}

// OneForOne: a crashes, b does not hear of it. What is queued behind the crash is for the next incarnation.
func OneForOne() lab.Scenario {
	return lab.Scenario{Name: "one_for_one", Doc: "a supervisor restarts the child that crashes and no other", Setup: func(r *lab.Run) {
		c := newCast(r)
		var a, b count
		c.supervise(supervision.Spec{Strategy: core.OneForOne, Children: []supervision.Child{c.child("a", atOnce, &a), c.child("b", atOnce, &b)}})
		c.find("a", "sup/a")
		c.find("b", "sup/b")
		c.sender("S", "a", "crash", "b", "m")
		c.sender("U", "a", "m")
		c.lived("a", &a, 2)
		c.lived("b", &b, 1)
	}}
}

// RestForOne: the older of two crashes, and the younger is restarted with it.
func RestForOne() lab.Scenario {
	return lab.Scenario{Name: "rest_for_one", Doc: "a supervisor restarts the child that crashes and the younger ones", Setup: func(r *lab.Run) {
		c := newCast(r)
		var a, b count
		c.supervise(supervision.Spec{Strategy: core.RestForOne, Children: []supervision.Child{c.child("a", atOnce, &a), c.child("b", atOnce, &b)}})
		c.find("a", "sup/a")
		c.find("b", "sup/b")
		c.sender("S", "a", "crash")
		c.sender("U", "b", "m")
		c.lived("a", &a, 2)
		c.lived("b", &b, 2)
	}}
}

// Escalation: the inner supervisor's budget is spent by one crash: it stops its other child and fails; the outer one
// restarts it with both.
func Escalation() lab.Scenario {
	return lab.Scenario{Name: "escalation", Doc: "a supervisor whose budget is spent stops its children and fails upwards", Setup: func(r *lab.Run) {
		c := newCast(r)
		var a, b count
		inner := supervision.Spec{
			Strategy: core.OneForOne, Budget: core.Budget{Restarts: 0, Window: time.Minute},
			Children: []supervision.Child{c.child("a", atOnce, &a), c.child("b", atOnce, &b)},
		}
		c.supervise(supervision.Spec{Strategy: core.OneForOne, Children: []supervision.Child{{Child: core.Child{Name: "in", Backoff: atOnce}, Tree: &inner}}})
		c.find("a", "sup/in/a")
		c.sender("S", "a", "crash")
		c.lived("in/a", &a, 2)
		c.lived("in/b", &b, 2)
		r.Check("the inner tree is gone, or whole", func() error { return c.whole("sup/in", inner) })
	}}
}

// StopPending: a crashes and its restart waits for a timer; meanwhile the supervisor is closed. No incarnation
// begins after the close.
func StopPending() lab.Scenario {
	return stopCrash("stop_pending", "a stop meets a pending restart: it overtakes the timer", core.Backoff{Initial: time.Second})
}

// StopCrash: the same, and the restart is at once: a spawn that the closing region refuses is no failure.
func StopCrash() lab.Scenario {
	return stopCrash("stop_crash", "a stop meets a crash: what the closing region refuses costs no budget", atOnce)
}

func stopCrash(name, doc string, backoff core.Backoff) lab.Scenario {
	return lab.Scenario{Name: name, Doc: doc, Setup: func(r *lab.Run) {
		c := newCast(r)
		var a count
		b, err := supervision.New(supervision.Spec{
			Strategy: core.OneForOne, Budget: core.Budget{Restarts: 3, Window: time.Minute},
			Children: []supervision.Child{c.child("a", backoff, &a)},
		})
		if err != nil {
			panic(err)
		}
		var told count
		c.owns(&told, b, func(e actors.Exit) {
			if !e.Clean() {
				r.Fail("stopped as asked", "the supervisor ended as %s", e)
			}
		})
		r.Settle()
		c.find("a", "O/T/a")
		c.sender("S", "a", "crash")
		c.sender("K", "O", "close")
		c.closedOnce(&told)
		r.Check("no life after the stop", func() error {
			if c.there("O/T/a") || a.Load() > 3 { // a cancel of a itself makes one more
				return fmt.Errorf("a is there: %v, after %d incarnations", c.there("O/T/a"), a.Load())
			}
			return nil
		})
	}}
}

// owns plays O, which owns the supervisor T and closes it on "close"; heard hears how T ended.
func (c *cast) owns(told *count, b actors.Behaviour, heard func(actors.Exit)) {
	c.top(actors.Child{Name: "O"}, func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			ref, err := cx.Spawn(actors.Child{Name: "T", Behaviour: b, Delegate: true})
			c.named("T", ref)
			if err == nil {
				_, err = cx.Monitor(ref)
			}
			return err
		case actors.Down:
			told.Add(1)
			heard(m.Exit)
		case word:
			if m.text == "close" {
				return cx.Close(c.ref("T"), byUser)
			}
		}
		return nil
	})
}

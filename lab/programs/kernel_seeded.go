package programs

import (
	"fmt"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
)

// Pair is a bug as authors of actors make it: a scenario that is right, and one that is wrong in one place. Finds is
// the check that has to trip.
type Pair struct {
	Name, Finds  string
	Right, Wrong lab.Scenario
}

// Seeded lists such bugs.
func Seeded() []Pair {
	return []Pair{
		{"a late grant is not released", "LEAKED_LOCK", Mutex(2, true, false), Mutex(2, true, true)},
		{"a stale timer restarts", "no life after the stop", handMade(false), handMade(true)},
		{"a dead incarnation's question is answered", lab.Invariants, outlived(false), outlived(true)},
		{"a question is answered twice", lab.Invariants, answers("once"), answers("twice")},
		{"a kept question is forgotten", lab.Obligations, answers("once"), answers("never")},
		{"a monitor is not taken back", "told of the living", moves(false), moves(true)},
		{"a timeout is taken for no effect", "applied once", retries(false), retries(true)},
		{"a permit is not given back on cancel", lab.Obligations, hoards(false), hoards(true)},
	}
}

// variant names a scenario by whether it is wrong.
func variant(name string, wrong bool) string {
	if wrong {
		return name + "(wrong)"
	}
	return name
}

// handMade: O restarts its child C after a delay, until it is told to stop. Wrong, it forgets the pending restart.
func handMade(wrong bool) lab.Scenario {
	return lab.Scenario{Name: variant("hand_made", wrong), Doc: "a restart by a timer against a stop", Setup: func(r *lab.Run) {
		c := newCast(r)
		var timer actors.TimerID
		stopped := false
		life := c.seen(func(_ *actors.Cx, msg any) error {
			if said(msg, "crash") {
				return errCrash
			}
			return nil
		})
		c.top(actors.Child{Name: "O"}, func(cx *actors.Cx, msg any) (err error) {
			switch m := msg.(type) {
			case actors.Started:
				return c.spawn(cx, actors.Child{Name: "C", Supervised: true}, life)
			case actors.ChildEnded:
				if !stopped {
					timer, err = cx.After(time.Second, word{text: "restart"})
				}
			case word:
				if m.text == "restart" {
					_, err = cx.Respawn(c.ref("C"), life)
					return err
				}
				if stopped = true; !wrong {
					cx.Disarm(timer)
				}
				return cx.Close(c.ref("C"), byUser)
			}
			return err
		})
		r.Settle()
		c.sender("S", "C", "crash")
		c.sender("K", "O", "stop")
		r.Check("no life after the stop", func() error {
			for _, v := range r.System().Snapshot() {
				if v.Path == "O/C" && v.State != "Down" {
					return fmt.Errorf("the child is %s", v.State)
				}
			}
			return nil
		})
	}}
}

// outlived: C keeps a question and crashes; its next incarnation knows only its own questions. Wrong, it answers the
// one that was asked before.
func outlived(wrong bool) lab.Scenario {
	return lab.Scenario{Name: variant("outlived", wrong), Doc: "a question to an incarnation that ends", Setup: func(r *lab.Run) {
		c, now := newCast(r), false
		var shared *question
		life := func() actors.Func {
			own := &shared
			if !wrong {
				own = new(*question)
			}
			return c.seen(func(cx *actors.Cx, msg any) error {
				switch m := msg.(type) {
				case *question:
					if now {
						m.Reply(cx, "late")
						return nil
					}
					m.Keep(cx)
					*own = m
				case word:
					if m.text == "crash" {
						return errCrash
					}
					if now = true; *own != nil {
						(*own).Reply(cx, "now")
						*own = nil
					}
				}
				return nil
			})
		}
		c.top(actors.Child{Name: "O"}, func(cx *actors.Cx, msg any) error {
			switch m := msg.(type) {
			case actors.Started:
				ref, err := cx.Spawn(actors.Child{Name: "H", Behaviour: life(), Supervised: true, Drain: -1})
				c.named("H", ref)
				return err
			case actors.ChildEnded:
				_, err := cx.Respawn(m.Child, life())
				return err
			}
			return nil
		})
		r.Settle()
		c.asker("A", actors.Child{}, 0)
		c.sender("S", "H", "crash", "H", "now")
		c.sender("X", "H", "now")
	}}
}

// answers: H answers a question on "now": once, twice, or never.
func answers(how string) lab.Scenario {
	return lab.Scenario{Name: fmt.Sprintf("answers(%s)", how), Doc: "a question that is kept", Setup: func(r *lab.Run) {
		c := newCast(r)
		var kept *question
		c.top(actors.Child{Name: "H"}, func(cx *actors.Cx, msg any) error {
			switch m := msg.(type) {
			case *question:
				m.Keep(cx)
				kept = m
				return cx.Tell(cx.Self(), word{text: "now"})
			case word:
				if how != "never" {
					kept.Reply(cx, "now")
				}
				if how == "twice" {
					kept.Reply(cx, "again")
				}
			}
			return nil
		})
		c.asker("A", actors.Child{}, 0)
	}}
}

// moves: M watches T, and U after it was told to move. Wrong, it goes on to hear of T, and takes it for U.
func moves(wrong bool) lab.Scenario {
	return lab.Scenario{Name: variant("moves", wrong), Doc: "a watcher moves its watch", Setup: func(r *lab.Run) {
		c, moved := newCast(r), false
		var id actors.MonitorID
		c.mortal("T")
		c.mortal("U")
		c.top(actors.Child{Name: "M"}, func(cx *actors.Cx, msg any) (err error) {
			switch msg.(type) {
			case actors.Started:
				id, err = cx.Monitor(c.ref("T"))
			case word:
				if moved = true; !wrong {
					cx.Demonitor(id)
				}
				id, err = cx.Monitor(c.ref("U"))
			case actors.Down:
				if moved && c.there("U") {
					r.Fail("told of the living", "M takes U for dead")
				}
			}
			return err
		})
		c.sender("S", "T", "stop")
		c.sender("X", "M", "move")
	}}
}

// retries: A lets V add one, with a time limit. Wrong, it asks again when the limit ends, as if nothing had been done.
func retries(wrong bool) lab.Scenario {
	return lab.Scenario{Name: variant("retries", wrong), Doc: "a question whose time limit ends", Setup: func(r *lab.Run) {
		c := newCast(r)
		var applied, tries count
		ask := func(cx *actors.Cx) error {
			tries.Add(1)
			_, err := actors.Request[string, string](cx, c.ref("V"), "add", time.Second)
			return err
		}
		c.top(actors.Child{Name: "V"}, func(cx *actors.Cx, msg any) error {
			if q, ok := msg.(*question); ok {
				applied.Add(1)
				q.Reply(cx, "done")
			}
			return nil
		})
		c.top(actors.Child{Name: "A"}, func(cx *actors.Cx, msg any) error {
			switch m := msg.(type) {
			case actors.Started:
				return ask(cx)
			case reply:
				if m.Err != nil && wrong && tries.Load() < 2 {
					return ask(cx)
				}
			}
			return nil
		})
		r.Check("applied once", func() error {
			if n := applied.Load(); n > 1 {
				return fmt.Errorf("one was added %d times", n)
			}
			return nil
		})
	}}
}

// hoards: P holds a permit until it is told to go on. Right, it gives it back when it is asked to end.
func hoards(wrong bool) lab.Scenario {
	return lab.Scenario{Name: variant("hoards", wrong), Doc: "the holder of a permit is asked to end", Setup: func(r *lab.Run) {
		c := newCast(r)
		var told count
		var permit *actors.Permit
		c.top(actors.Child{Name: "R", Lanes: lanes.Options{Ready: 1}}, quiet)
		c.keeper(&told, actors.Child{Name: "T"}, func(cx *actors.Cx, msg any) error {
			switch m := msg.(type) {
			case word:
				_, err := cx.Reserve(c.ref("R"))
				return err
			case *actors.Permit:
				if permit = m; cx.Err() != nil && !wrong {
					return m.Abort(cx)
				}
			case actors.CancelRequested:
				if permit != nil && !wrong {
					return permit.Abort(cx)
				}
			}
			return nil
		})
		r.Settle()
		c.sender("S", "T", "go")
		c.sender("K", "O", "close")
		c.closedOnce(&told)
		c.roomAtEnd("R", 1)
	}}
}

// Drained: T is asked to end while it still has one message to handle; it drains, and is not killed.
func Drained() lab.Scenario {
	return lab.Scenario{Name: "drained", Doc: "a drain without a limit ends by itself", Setup: func(r *lab.Run) {
		c := newCast(r)
		var killed count
		c.top(actors.Child{Name: "O"}, func(cx *actors.Cx, msg any) error {
			switch m := msg.(type) {
			case actors.Started:
				if err := c.spawn(cx, actors.Child{Name: "T"}, quiet); err != nil {
					return err
				}
				_, err := cx.Monitor(c.ref("T"))
				return err
			case actors.Down:
				if m.Exit.Kind != actors.ExitShutdown {
					killed.Add(1)
				}
			case word:
				return cx.Close(c.ref("T"), regions.Request{})
			}
			return nil
		})
		r.Settle()
		c.sender("S", "T", "m")
		c.sender("K", "O", "close")
		r.Check("drained", func() error {
			if killed.Load() > 0 {
				return fmt.Errorf("it was killed, and nothing was in its way")
			}
			return nil
		})
	}}
}

package programs

import (
	"fmt"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lanes"
)

type question = actors.Ask[string, string]

type reply = actors.Answer[string]

// asker plays A: it asks H once at its start. Each question comes to exactly one end: a refusal, or an answer.
func (c *cast) asker(name string, o actors.Child, timeout time.Duration) {
	var ends count
	o.Name = name
	c.top(o, func(cx *actors.Cx, msg any) error {
		switch msg.(type) {
		case actors.Started:
			if _, err := actors.Request[string, string](cx, c.ref("H"), "q", timeout); err != nil {
				ends.Add(1)
			}
		case reply:
			ends.Add(1)
		}
		return nil
	})
	c.r.Check(name+" answered once", func() error {
		if n := ends.Load(); n > 1 || n == 0 && c.there(name) {
			return fmt.Errorf("the question of %s came to %d ends", name, n)
		}
		return nil
	})
}

// keeps plays H: it keeps a question until it is told "now", and answers at once after that.
func (c *cast) keeps(o actors.Child) {
	var kept *question
	now := false
	o.Name = "H"
	c.top(o, func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case *question:
			if !now {
				m.Keep(cx)
				kept = m
				return nil
			}
			m.Reply(cx, "late")
		case word:
			if now = true; kept != nil {
				kept.Reply(cx, "now")
				kept = nil
			}
		}
		return nil
	})
}

// AskKept: H keeps the question of A until X says so.
func AskKept() lab.Scenario {
	return lab.Scenario{Name: "ask_kept", Doc: "a question is kept and answered later; either side may end first", Setup: func(r *lab.Run) {
		c := newCast(r)
		c.keeps(actors.Child{})
		c.asker("A", actors.Child{}, 0)
		c.sender("X", "H", "now")
	}}
}

// AskHandedOn: H hands the questions of A and B on to G, which answers one and forgets to answer the other.
func AskHandedOn() lab.Scenario {
	return lab.Scenario{Name: "ask_handed_on", Doc: "questions are handed on; one is forgotten: the kernel answers", Setup: func(r *lab.Run) {
		c := newCast(r)
		first := true
		c.top(actors.Child{Name: "G"}, func(cx *actors.Cx, msg any) error {
			//fnodevet:allow obligation the second question is forgotten on purpose: the kernel answers it
			if q, ok := msg.(*question); ok && first {
				first = false
				_ = cx.Checkpoint() // H may return meanwhile
				q.Reply(cx, "yes")
			}
			return nil
		})
		c.top(actors.Child{Name: "H"}, func(cx *actors.Cx, msg any) error {
			q, ok := msg.(*question)
			if !ok {
				return nil
			}
			if err := q.HandOn(cx, c.ref("G")); err != nil {
				q.Fail(cx, err)
			}
			return nil
		})
		c.asker("A", actors.Child{}, 0)
		c.asker("B", actors.Child{}, 0)
	}}
}

// AskTimeout: the time limit of A's question against its answer.
func AskTimeout() lab.Scenario {
	return lab.Scenario{Name: "ask_timeout", Doc: "the time limit of a question against its answer", Setup: func(r *lab.Run) {
		c := newCast(r)
		c.keeps(actors.Child{})
		c.asker("A", actors.Child{}, time.Second)
		c.sender("X", "H", "now")
	}}
}

// AskLate: A and H have one place each; a message of S is in the way of the question, or of its answer's place.
func AskLate() lab.Scenario {
	return lab.Scenario{Name: "ask_late", Doc: "a question meets full lanes, its own and the other's", Setup: func(r *lab.Run) {
		c := newCast(r)
		one := lanes.Options{Ready: 1}
		c.top(actors.Child{Name: "H", Lanes: one}, func(cx *actors.Cx, msg any) error {
			if q, ok := msg.(*question); ok {
				q.Reply(cx, "yes")
			}
			return nil
		})
		c.asker("A", actors.Child{Lanes: one}, 0)
		c.sender("S", "A", "m", "H", "m")
	}}
}

// Package programs holds the scenarios whose numbers of traces are known exactly. Each is an ordinary set of
// actors; Find makes one by its name, like "twopc(3,0)", and All lists the families.
//
// It starts nothing. Concurrency: scenarios are values; their Setup makes fresh actors in every run.
package programs

import (
	"fmt"
	"sync"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
)

// cast is the set of actors of one run, by name.
type cast struct {
	r    *lab.Run
	mu   sync.RWMutex
	refs map[string]actors.Ref // guarded by mu: on the host of production, actors run beside each other
}

func newCast(r *lab.Run) *cast { return &cast{r: r, refs: map[string]actors.Ref{}} }

func (c *cast) ref(name string) actors.Ref {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.refs[name]
}

func (c *cast) named(name string, ref actors.Ref) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refs[name] = ref
}

// play adds an actor: start makes its start sends, on handles a message.
func (c *cast) play(name string, start func(*actors.Cx), on func(*actors.Cx, any)) {
	ref, err := c.r.System().Spawn(actors.Child{Name: name, Behaviour: c.seen(func(cx *actors.Cx, msg any) error {
		switch msg.(type) {
		case actors.Started:
			if start != nil {
				start(cx)
			}
		default:
			if on != nil {
				on(cx, msg)
			}
		}
		return nil
	})})
	if err != nil {
		panic(err)
	}
	c.named(name, ref)
}

// seen makes a behaviour of on, and tells the run what it gets.
func (c *cast) seen(on func(*actors.Cx, any) error) actors.Func {
	return func(cx *actors.Cx, msg any) error {
		c.r.Saw(cx, msg)
		return on(cx, msg)
	}
}

// tell sends; a refusal cannot happen in programs of this size.
func (c *cast) tell(cx *actors.Cx, to string, m any) {
	if err := cx.Tell(c.ref(to), m); err != nil {
		panic(err)
	}
}

func nth(name string, i int) string { return fmt.Sprintf("%s%d", name, i) }

// word is a message without content but its name; from names its sender where the receiver answers.
type word struct{ text, from string }

// String is what traces and charts show.
func (w word) String() string { return w.text }

// Fanin: n senders send k messages each to one receiver.
func Fanin(n, k int) lab.Scenario {
	return lab.Scenario{Name: fmt.Sprintf("fanin(%d,%d)", n, k), Setup: func(r *lab.Run) {
		c := newCast(r)
		c.play("R", nil, nil)
		for i := range n {
			c.play(nth("S", i), func(cx *actors.Cx) {
				for range k {
					c.tell(cx, "R", word{text: "m"})
				}
			}, nil)
		}
	}}
}

// Pingpong: two actors count to k.
func Pingpong(k int) lab.Scenario {
	return lab.Scenario{Name: fmt.Sprintf("pingpong(%d)", k), Setup: func(r *lab.Run) {
		c := newCast(r)
		player := func(other string) func(*actors.Cx, any) {
			return func(cx *actors.Cx, msg any) {
				if n := msg.(int); n < k {
					c.tell(cx, other, n+1)
				}
			}
		}
		c.play("P", func(cx *actors.Cx) { c.tell(cx, "Q", 1) }, player("Q"))
		c.play("Q", nil, player("P"))
	}}
}

// Triangle: A sends to C, then to B, which sends to C.
func Triangle() lab.Scenario {
	return lab.Scenario{Name: "triangle", Setup: func(r *lab.Run) {
		c := newCast(r)
		c.play("A", func(cx *actors.Cx) { c.tell(cx, "C", word{text: "m1"}); c.tell(cx, "B", word{text: "m2"}) }, nil)
		c.play("B", nil, func(cx *actors.Cx, _ any) { c.tell(cx, "C", word{text: "m3"}) })
		c.play("C", nil, nil)
	}}
}

// CrossSame: two senders send to the same two receivers in the same order.
func CrossSame() lab.Scenario {
	return lab.Scenario{Name: "cross_same", Setup: func(r *lab.Run) {
		c := newCast(r)
		for _, s := range []string{"A", "B"} {
			c.play(s, func(cx *actors.Cx) { c.tell(cx, "C", word{text: "x"}); c.tell(cx, "D", word{text: "y"}) }, nil)
		}
		c.play("C", nil, nil)
		c.play("D", nil, nil)
	}}
}

// Reqrep: n clients make k requests each, one after the other.
func Reqrep(n, k int) lab.Scenario {
	return lab.Scenario{Name: fmt.Sprintf("reqrep(%d,%d)", n, k), Setup: func(r *lab.Run) {
		c := newCast(r)
		c.play("V", nil, func(cx *actors.Cx, msg any) { c.tell(cx, msg.(word).from, word{text: "rep"}) })
		for i := range n {
			me, left := nth("C", i), k
			ask := func(cx *actors.Cx) {
				if left > 0 {
					left--
					c.tell(cx, "V", word{"req", me})
				}
			}
			c.play(me, ask, func(cx *actors.Cx, _ any) { ask(cx) })
		}
	}}
}

// Register: one writer and n readers of a value; with commute, reads are declared to commute.
func Register(n int, commute bool) lab.Scenario {
	name := fmt.Sprintf("register(%d)", n)
	if commute {
		name = fmt.Sprintf("register(%d,commute)", n)
	}
	sc := lab.Scenario{Name: name, Setup: func(r *lab.Run) {
		c, v := newCast(r), 0
		c.play("X", nil, func(cx *actors.Cx, msg any) {
			if m := msg.(word); m.text == "write" {
				v = 42
			} else {
				c.tell(cx, m.from, v)
			}
		})
		c.play("W", func(cx *actors.Cx) { c.tell(cx, "X", word{text: "write"}) }, nil)
		for i := range n {
			me := nth("R", i)
			c.play(me, func(cx *actors.Cx) { c.tell(cx, "X", word{"read", me}) }, nil)
		}
	}}
	if commute {
		sc.Commute = func(a, b any) bool { return isRead(a) && isRead(b) }
	}
	return sc
}

func isRead(m any) bool {
	w, ok := m.(word)
	return ok && w.text == "read"
}

// Workers: a master gives a job to each of n workers, which report twice.
func Workers(n int) lab.Scenario {
	return lab.Scenario{Name: fmt.Sprintf("workers(%d)", n), Setup: func(r *lab.Run) {
		c := newCast(r)
		c.play("M", func(cx *actors.Cx) {
			for i := range n {
				c.tell(cx, nth("W", i), word{text: "job"})
			}
		}, nil)
		c.play("K", nil, nil)
		for i := range n {
			c.play(nth("W", i), nil, func(cx *actors.Cx, _ any) {
				c.tell(cx, "K", word{text: "r1"})
				c.tell(cx, "K", word{text: "r2"})
			})
		}
	}}
}

package programs

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

// TwoPC: a coordinator and n participants, of whom the first no vote no. With timeout a timer aborts too; with
// cancel an injector sends one cancel.
func TwoPC(n, no int, timeout, cancel bool) lab.Scenario {
	name := fmt.Sprintf("twopc(%d,%d)", n, no)
	switch {
	case timeout:
		name = fmt.Sprintf("twopc(%d,%d,timeout)", n, no)
	case cancel:
		name = fmt.Sprintf("twopc_cancel(%d)", n)
	}
	return lab.Scenario{Name: name, Setup: func(r *lab.Run) {
		c, yes, decision := newCast(r), 0, ""
		var timer actors.TimerID
		decide := func(cx *actors.Cx, what string) {
			decision = what
			cx.Disarm(timer)
			for i := range n {
				c.tell(cx, nth("P", i), word{text: what})
			}
		}
		c.play("CO", func(cx *actors.Cx) {
			if timeout {
				timer, _ = cx.After(time.Second, word{text: "T"})
			}
			for i := range n {
				c.tell(cx, nth("P", i), word{text: "prepare"})
			}
		}, func(cx *actors.Cx, msg any) {
			m := msg.(word)
			switch {
			case decision != "":
			case m.text == "no" || m.text == "T" || m.text == "cancel":
				decide(cx, "abort")
			case m.text == "yes":
				if yes++; yes == n {
					decide(cx, "commit")
				}
			}
		})
		for i := range n {
			c.play(nth("P", i), nil, func(cx *actors.Cx, msg any) {
				switch {
				case msg.(word).text != "prepare":
					c.tell(cx, "CO", word{text: "ack"})
				case i < no:
					c.tell(cx, "CO", word{text: "no"})
				default:
					c.tell(cx, "CO", word{text: "yes"})
				}
			})
		}
		if cancel {
			c.play("I", func(cx *actors.Cx) { c.tell(cx, "CO", word{text: "cancel"}) }, nil)
		}
		r.AtEnd(func() string { return decision })
	}}
}

// lock makes an actor that grants to one at a time, first come first served.
func (c *cast) lock(name string) (free func() bool) {
	holder, queue := "", []string(nil)
	c.play(name, nil, func(cx *actors.Cx, msg any) {
		m := msg.(word)
		switch {
		case m.text == "acq" && holder == "":
			holder = m.from
			c.tell(cx, m.from, word{"granted", name})
		case m.text == "acq":
			queue = append(queue, m.from)
		case len(queue) > 0:
			holder, queue = queue[0], queue[1:]
			c.tell(cx, holder, word{"granted", name})
		default:
			holder = ""
		}
	})
	return func() bool { return holder == "" }
}

// Mutex: n clients take a lock once. With cancel one of them is cancelled; leaky, it forgets a later grant.
func Mutex(n int, cancel, leaky bool) lab.Scenario {
	name := fmt.Sprintf("mutex(%d)", n)
	switch {
	case leaky:
		name = fmt.Sprintf("mutex_cancel(%d,leaky)", n)
	case cancel:
		name = fmt.Sprintf("mutex_cancel(%d)", n)
	}
	return lab.Scenario{Name: name, Setup: func(r *lab.Run) {
		c := newCast(r)
		free := c.lock("L")
		for i := range n {
			me, cancelled := nth("C", i), false
			c.play(me, func(cx *actors.Cx) { c.tell(cx, "L", word{"acq", me}) }, func(cx *actors.Cx, msg any) {
				switch {
				case msg.(word).text == "cancel":
					cancelled = true
				case cancelled && leaky:
				default:
					c.tell(cx, "L", word{"rel", me})
				}
			})
		}
		if cancel || leaky {
			c.play("I", func(cx *actors.Cx) { c.tell(cx, "C0", word{text: "cancel"}) }, nil)
		}
		r.Check("LEAKED_LOCK", func() error {
			if free() {
				return nil
			}
			return errors.New("the lock is held when all is over")
		})
	}}
}

// Philo: n philosophers and as many forks.
func Philo(n int, ordered bool) lab.Scenario {
	name := fmt.Sprintf("philo(%d)", n)
	if ordered {
		name = fmt.Sprintf("philo(%d,ordered)", n)
	}
	return lab.Scenario{Name: name, Setup: func(r *lab.Run) {
		c := newCast(r)
		var done atomic.Int32 // of several actors
		for i := range n {
			c.lock(nth("F", i))
		}
		for i := range n {
			me, a, b, have := nth("P", i), i, (i+1)%n, 0
			if ordered && a > b {
				a, b = b, a
			}
			c.play(me, func(cx *actors.Cx) { c.tell(cx, nth("F", a), word{"acq", me}) }, func(cx *actors.Cx, _ any) {
				if have++; have == 1 {
					c.tell(cx, nth("F", b), word{"acq", me})
					return
				}
				done.Add(1)
				c.tell(cx, nth("F", b), word{"rel", me})
				c.tell(cx, nth("F", a), word{"rel", me})
			})
		}
		r.Finally("every philosopher has eaten", func() bool { return int(done.Load()) == n })
	}}
}

// LostUpdate: n clients read a value and write one more.
func LostUpdate(n int) lab.Scenario {
	return lab.Scenario{Name: fmt.Sprintf("lostupdate(%d)", n), Setup: func(r *lab.Run) {
		c, v := newCast(r), 0
		type put struct {
			v    int
			from string
		}
		c.play("D", nil, func(cx *actors.Cx, msg any) {
			switch m := msg.(type) {
			case word:
				c.tell(cx, m.from, v)
			case put:
				v = m.v
				c.tell(cx, m.from, word{text: "ok"})
			}
		})
		for i := range n {
			me := nth("C", i)
			c.play(me, func(cx *actors.Cx) { c.tell(cx, "D", word{"get", me}) }, func(cx *actors.Cx, msg any) {
				if got, ok := msg.(int); ok {
					c.tell(cx, "D", put{got + 1, me})
				}
			})
		}
		r.Check("LOST", func() error {
			if v == n {
				return nil
			}
			return fmt.Errorf("%d clients have each added one, and the value is %d", n, v)
		})
	}}
}

// Timeout1: a request with a timer that its answer cancels.
func Timeout1() lab.Scenario {
	return lab.Scenario{Name: "timeout1", Setup: func(r *lab.Run) {
		c := newCast(r)
		var timer actors.TimerID
		c.play("C", func(cx *actors.Cx) {
			c.tell(cx, "V", word{text: "req"})
			timer, _ = cx.After(time.Second, word{text: "T"})
		}, func(cx *actors.Cx, msg any) {
			if msg.(word).text == "rep" {
				cx.Disarm(timer)
			}
		})
		c.play("V", nil, func(cx *actors.Cx, _ any) { c.tell(cx, "C", word{text: "rep"}) })
	}}
}

// put commits one key.
func commit(cx *actors.Cx, key, value string) {
	if _, err := cx.Commit(store.Tx{Kind: "lab", Set: []store.KV{{Key: key, Value: []byte(value)}}}); err != nil {
		panic(err)
	}
}

func read(cx *actors.Cx, key string) string {
	v, _, err := cx.Read(key)
	if err != nil {
		panic(err)
	}
	return string(v)
}

// StReaders: one writer of x; n readers read a key of their own, then x.
func StReaders(n int) lab.Scenario {
	return lab.Scenario{Name: fmt.Sprintf("st_readers(%d)", n), Setup: func(r *lab.Run) {
		c := newCast(r)
		c.play("W", func(cx *actors.Cx) { commit(cx, "x", "1") }, nil)
		for i := range n {
			me := nth("R", i)
			c.play(me, func(cx *actors.Cx) { read(cx, "own"+me); c.tell(cx, me, word{text: "go"}) }, func(cx *actors.Cx, _ any) { read(cx, "x") })
		}
	}}
}

// StWriters: n writers of one key.
func StWriters(n int) lab.Scenario {
	return lab.Scenario{Name: fmt.Sprintf("st_writers(%d)", n), Setup: func(r *lab.Run) {
		c := newCast(r)
		for i := range n {
			c.play(nth("W", i), func(cx *actors.Cx) { commit(cx, "x", strconv.Itoa(i)) }, nil)
		}
	}}
}

// LastZero: writer i adds one to what key i-1 holds and writes key i; a reader looks from the last key downward
// for a zero.
func LastZero(n int) lab.Scenario {
	return lab.Scenario{Name: fmt.Sprintf("lastzero(%d)", n), Setup: func(r *lab.Run) {
		c := newCast(r)
		key := func(i int) string { return "k" + strconv.Itoa(i) }
		for i := 1; i <= n; i++ {
			me, v := nth("W", i), 0
			c.play(me, func(cx *actors.Cx) { v, _ = strconv.Atoi(read(cx, key(i-1))); c.tell(cx, me, word{text: "go"}) }, func(cx *actors.Cx, msg any) {
				if _, ok := msg.(word); ok {
					commit(cx, key(i), strconv.Itoa(v+1))
				}
			})
		}
		look := func(cx *actors.Cx, i int) {
			if v, _ := strconv.Atoi(read(cx, key(i))); v != 0 && i > 0 {
				c.tell(cx, "R", i-1)
			}
		}
		c.play("R", func(cx *actors.Cx) { look(cx, n) }, func(cx *actors.Cx, msg any) { look(cx, msg.(int)) })
	}}
}

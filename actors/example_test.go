package actors_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
)

// start runs one actor on a host of its own; end closes everything and prints the proof's first words.
func start(c actors.Child) (sys *actors.System, ref actors.Ref, end func()) {
	h := host.New(host.Options{Workers: 2})
	ref, err := h.System().Spawn(c)
	if err != nil {
		panic(err)
	}
	return h.System(), ref, func() {
		p, err := h.Shutdown(context.Background(), base.ReasonShutdown, time.Second)
		fmt.Println("nothing is left:", p.Quiescent(), err)
	}
}

type (
	deposit struct{ n int }
	balance struct{}
)

// An actor is a function of its messages. It never blocks; a panic or an error ends this life of it.
func ExampleFunc() {
	sum := 0
	sys, account, end := start(actors.Child{Name: "account", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case deposit:
			sum += m.n
		case *actors.Ask[balance, int]:
			m.Reply(cx, sum)
		}
		return nil
	})})
	defer end()
	_ = sys.Tell(account, deposit{3})
	_ = sys.Tell(account, deposit{4})
	fmt.Println(actors.Call[balance, int](context.Background(), sys, account, balance{}))
	// Output:
	// 7 <nil>
	// nothing is left: true <nil>
}

// A Cx is the only door to effects: here to a timer, and to another actor.
func ExampleCx() {
	said := make(chan string)
	_, _, end := start(actors.Child{Name: "parent", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			child, err := cx.Spawn(actors.Child{Name: "child", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
				if s, ok := msg.(string); ok {
					said <- cx.Path() + " heard " + s
				}
				return nil
			})})
			if err != nil {
				return err
			}
			_, err = cx.After(time.Millisecond, child)
			return err
		case actors.Ref: // the timer
			return cx.Tell(m, "the time")
		}
		return nil
	})})
	fmt.Println(<-said)
	end()
	// Output:
	// parent/child heard the time
	// nothing is left: true <nil>
}

// A question has exactly one answer, also where nobody gives one.
func ExampleRequest() {
	done := make(chan error)
	_, _, end := start(actors.Child{Name: "asker", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			mute, err := cx.Spawn(actors.Child{Name: "mute", Behaviour: actors.Func(func(*actors.Cx, any) error { return nil })})
			if err != nil {
				return err
			}
			_, err = actors.Request[balance, int](cx, mute, balance{}, time.Second)
			return err
		case actors.Answer[int]:
			done <- m.Err
		}
		return nil
	})})
	fmt.Println(<-done)
	end()
	// Output:
	// asker/mute returned without an answer (FN1003)
	// nothing is left: true <nil>
}

// An obligation of an actor's own: what it still owes when it ends is broken by its kind's rule, visibly.
func ExampleCx_Promise() {
	sys, ref, end := start(actors.Child{Name: "debtor", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
		switch msg.(type) {
		case actors.Started:
			_, err := cx.Promise("test_favour", "a favour", time.Time{}, func() { fmt.Println("the favour is not done") })
			return err
		case string:
			return errors.New("bankrupt")
		}
		return nil
	})})
	gone := make(chan actors.Exit, 1)
	sys.OnRetired(ref, func(e actors.Exit) { gone <- e })
	_ = sys.Tell(ref, "pay")
	fmt.Println(<-gone)
	end()
	// Output:
	// the favour is not done
	// failed: bankrupt (on string)
	// nothing is left: true <nil>
}

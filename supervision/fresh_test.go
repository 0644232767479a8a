package supervision_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// do is a message that the actor of doing obeys; it answers ping like a worker.
type do func(cx *actors.Cx) error

func doing() actors.Behaviour {
	return actors.Func(func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case do:
			return m(cx)
		case *actors.Ask[ping, base.Incarnation]:
			m.Reply(cx, cx.Incarnation())
		}
		return nil
	})
}

func doer(name string, change ...func(*supervision.Child)) supervision.Child {
	c := supervision.Child{Child: core.Child{Name: name, Backoff: core.Backoff{Off: true}}, Start: doing}
	for _, f := range change {
		f(&c)
	}
	return c
}

// alive says whether the supervisor is still in its first life, after a child's restart.
func (r *rig) alive(what string) {
	r.t.Helper()
	select {
	case e := <-r.exit:
		r.t.Errorf("%s: the supervisor ended: %v", what, e)
		return
	case <-time.After(100 * time.Millisecond):
	}
	if s := r.state("sup"); s != "Running" {
		r.t.Errorf("%s: the supervisor is %s", what, s)
	}
}

// bad is an error whose text is fine and whose chain is not.
type bad struct{ cause *bad }

func (*bad) Error() string   { return "bad" }
func (b *bad) Unwrap() error { return b.cause.cause }

// TestS5AnOddExitOfAChildEndsItsOwnIncarnationOnly.
func TestS5AnOddExitOfAChildEndsItsOwnIncarnationOnly(t *testing.T) {
	for name, f := range map[string]do{
		"an exit of no kind":                   func(*actors.Cx) error { return actors.StopAs(actors.Exit{Kind: 99}) },
		"a panic with an error of a bad chain": func(*actors.Cx) error { panic(&bad{}) },
		"an error of a bad chain":              func(*actors.Cx) error { return &bad{} },
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, tree(doer("a")))
			r.eventually("up", func() bool { return r.state("sup") == "Running" })
			r.tell("sup/a", f)
			r.alive(name)
		})
	}
}

// TestS5AChildThatLinksToItsSupervisorDoesNotEndIt: an OTP supervisor traps exits.
func TestS5AChildThatLinksToItsSupervisorDoesNotEndIt(t *testing.T) {
	r := run(t, tree(doer("a")))
	r.eventually("up", func() bool { return r.state("sup") == "Running" })
	r.tell("sup/a", do(func(cx *actors.Cx) error {
		if err := cx.Link(r.root); err != nil {
			t.Error(err)
		}
		return errors.New("boom")
	}))
	r.alive("a child crashed once, within the budget")
}

// TestL1CancelIsTheKernels: nobody else puts messages there, and stops or ends whom he does not own.
func TestL1CancelIsTheKernels(t *testing.T) {
	for name, row := range map[string]struct {
		path string
		msg  func(*rig) any
	}{
		"CancelRequested to a supervisor": {"sup", func(*rig) any { return actors.CancelRequested{Reason: regions.ReasonUser} }},
		"ChildWedged to a supervisor": {"sup", func(r *rig) any {
			ref, _ := r.sys.Lookup("sup/a")
			return actors.ChildWedged{Child: ref, Incarnation: 1}
		}},
		"LinkDown to a supervisor": {"sup", func(*rig) any { return actors.LinkDown{Exit: actors.Exit{Kind: actors.ExitKilled}} }},
		"LinkDown to a worker":     {"sup/a", func(*rig) any { return actors.LinkDown{Exit: actors.Exit{Kind: actors.ExitKilled}} }},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, tree(doer("a")))
			r.eventually("up", func() bool { return r.state("sup") == "Running" })
			ref, _ := r.sys.Lookup(row.path)
			if err := r.sys.Tell(ref, row.msg(r)); err != nil { // Doors is off, and no capability is asked for
				t.Log("refused:", err)
			}
			r.alive(name)
			if n, err := r.call("sup/a"); n != 1 || err != nil {
				t.Error("the worker is not in its first life:", n, err)
			}
		})
	}
}

// TestS2TheFirstCauseStandsWhereAChildWedgesAfterIt.
func TestS2TheFirstCauseStandsWhereAChildWedgesAfterIt(t *testing.T) {
	s := tree(
		doer("hangs", func(c *supervision.Child) {
			c.Shutdown, c.Actor = core.Shutdown{Brutal: true}, actors.Child{StuckAfter: 20 * time.Millisecond}
		}),
		doer("bad"),
	)
	s.Budget.Restarts = 0
	r := wedging(t, s)
	r.blocked("sup/hangs")
	r.tell("sup/bad", do(func(*actors.Cx) error { return errors.New("the first cause") }))
	e := <-r.exit
	if !errors.Is(e.Err, codes.Of(codes.BudgetExceeded)) {
		t.Errorf("the chain does not lead to the first cause: %v", e)
	}
}

// TestS1AStartFunctionThatPanicsWithAnErrorOfTheKernelIsAFailedStart.
func TestS1AStartFunctionThatPanicsWithAnErrorOfTheKernelIsAFailedStart(t *testing.T) {
	r := run(t, tree(doer("a", func(c *supervision.Child) {
		c.Start = func() actors.Behaviour { panic(codes.New(codes.RegionClosing, "a helper region is closing")) }
	})))
	select {
	case e := <-r.exit:
		if !errors.Is(e.Err, codes.Of(codes.BootFailed)) {
			t.Error(e)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("the boot neither fails nor ends: %s, child %v", r.state("sup"), r.book("a").State)
	}
}

// TestR3AQuestionToAChildThatNothingFollowsIsAnswered: "the rest stays in the slot when an incarnation follows
// (S5), else it is dead-lettered and its asks answered with a code".
func TestR3AQuestionToAChildThatNothingFollowsIsAnswered(t *testing.T) {
	transient := func(c *supervision.Child) { c.Restart = core.Transient }
	for name, end := range map[string]func(*rig){
		"it ended as normal": func(r *rig) { r.tell("sup/a", do(func(*actors.Cx) error { return actors.ErrStop })) },
		"it was terminated": func(r *rig) {
			if err := r.ask(supervision.Request{Kind: core.Terminate, Name: "a"}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, early := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", queued before", false: ", asked after"}[early], func(t *testing.T) {
				r := run(t, tree(doer("a", transient)))
				r.eventually("up", func() bool { return r.state("sup") == "Running" })
				ref, _ := r.sys.Lookup("sup/a")
				got := make(chan error, 1)
				ask := func() {
					q := actors.Question(r.sys, ping{}, func(_ base.Incarnation, err error) { got <- err })
					if err := r.sys.Tell(ref, q); err != nil {
						got <- err
					}
				}
				if early {
					in, gate := make(chan struct{}), make(chan struct{})
					r.tell("sup/a", do(func(cx *actors.Cx) error { close(in); <-gate; cx.Drained(); return nil }))
					<-in
					end := end
					if name == "it was terminated" {
						if err := r.sys.Tell(r.root, actors.Question(r.sys, supervision.Request{Kind: core.Terminate, Name: "a"}, func(struct{}, error) {})); err != nil {
							t.Fatal(err)
						}
						r.eventually("asked", func() bool { return r.book("a").Asked != 0 })
					} else {
						end(r)
					}
					ask()
					close(gate)
				} else {
					end(r)
				}
				r.eventually("it is down", func() bool { return r.book("a").State == spec.ChildDown })
				if !early {
					ask()
				}
				select {
				case err := <-got:
					t.Log("answered:", err)
				case <-time.After(10 * time.Second):
					t.Errorf("no incarnation follows, and the question waits for ever: child %v", r.book("a").State)
				}
			})
		}
	}
}

// wedging is run for trees of which something does not return: the test lets it go at the end, and whether the proof
// still names it depends on who is quicker.
func wedging(t *testing.T, s supervision.Spec) *rig {
	t.Helper()
	h := host.New(host.Options{Workers: 2})
	r := &rig{t: t, host: h, sys: h.System(), exit: make(chan actors.Exit, 1)}
	var err error
	if r.root, err = supervision.Run(r.sys, "sup", s); err != nil {
		t.Fatal(err)
	}
	r.sys.OnRetired(r.root, func(e actors.Exit) { r.exit <- e })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, _ = h.Shutdown(ctx, base.ReasonShutdown, time.Second)
	})
	r.eventually("up", func() bool { return r.state("sup") == "Running" })
	return r
}

// blocked tells the actor to hang until the test ends, and waits until it does.
func (r *rig) blocked(path string) {
	r.t.Helper()
	in, gate := make(chan struct{}), make(chan struct{})
	r.t.Cleanup(func() { close(gate) }) // before run's clean-up
	r.tell(path, do(func(*actors.Cx) error { close(in); <-gate; return nil }))
	<-in
}

func two(c *supervision.Child) {
	c.TwoIncarnations, c.Shutdown = true, core.Shutdown{Brutal: true}
	c.Actor = actors.Child{StuckAfter: 20 * time.Millisecond}
}

// TestR6ATreeWhoseChildMayBeLeftBehindRestartsBesideIt: x allows two incarnations; its supervisor is restarted.
func TestR6ATreeWhoseChildMayBeLeftBehindRestartsBesideIt(t *testing.T) {
	inner := tree(doer("x", two))
	r := wedging(t, tree(supervision.Child{Child: core.Child{Name: "inner", Backoff: core.Backoff{Off: true}}, Tree: &inner}))
	r.blocked("sup/inner/x")
	if err := r.ask(supervision.Request{Kind: core.Restarted, Name: "inner"}); err != nil {
		for e := err; e != nil; e = errors.Unwrap(e) {
			t.Error(e)
		}
	}
}

// TestR6AChildThatIsLeftBehindAndRemovedCanBeAddedAgain.
func TestR6AChildThatIsLeftBehindAndRemovedCanBeAddedAgain(t *testing.T) {
	r := wedging(t, tree(doer("y"), doer("x", two)))
	r.blocked("sup/x")
	for _, q := range []supervision.Request{{Kind: core.Terminate, Name: "x"}, {Kind: core.Delete, Name: "x"}, {Kind: core.Add, Add: new(doer("x", two))}} {
		if err := r.ask(q); err != nil {
			t.Errorf("%d: %v", q.Kind, err)
		}
	}
}

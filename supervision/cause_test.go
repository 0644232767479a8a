package supervision_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// TestR3TheSupervisorKeepsTheTimeOfWhatItOrders: a child that answers its cancel by ErrStop owns an actor which
// needs 20 s to drain. Its own drain is 30 s, the shutdown of the child 60 s, or for ever.
func TestR3TheSupervisorKeepsTheTimeOfWhatItOrders(t *testing.T) {
	for name, s := range map[string]core.Shutdown{"60 s": {Within: time.Minute}, "for ever": {Wait: true}} {
		for how, ends := range map[string]func(*actors.Cx) error{
			"ErrStop": func(*actors.Cx) error { return actors.ErrStop },
			"Drained": func(cx *actors.Cx) error { cx.Drained(); return nil },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var took time.Duration
					var exit string
					sub := func() actors.Behaviour {
						var asked time.Time
						return actors.Func(func(cx *actors.Cx, msg any) error {
							switch m := msg.(type) {
							case actors.CancelRequested:
								asked = cx.Now()
								_, err := cx.After(20*time.Second, done{})
								return err
							case done:
								took = cx.Now().Sub(asked)
								return actors.ErrStop
							case *actors.Ask[ping, base.Incarnation]:
								m.Keep(cx) // holds the drain up
							}
							return nil
						})
					}
					var ref actors.Ref
					start := func() actors.Behaviour {
						return actors.Func(func(cx *actors.Cx, msg any) (err error) {
							switch msg.(type) {
							case actors.Started:
								ref, err = cx.Spawn(actors.Child{Name: "sub", Behaviour: sub(), Drain: 30 * time.Second})
								return err
							case actors.CancelRequested:
								return ends(cx)
							}
							return nil
						})
					}
					h := host.New(host.Options{Workers: 2, System: actors.Options{Events: func(e actors.Event) {
						if e.Kind == actors.EventEnded && e.Path == "sup/a/sub" {
							exit = e.Exit.String()
						}
					}}})
					if _, err := supervision.Run(h.System(), "sup", tree(supervision.Child{Child: core.Child{Name: "a", Shutdown: s}, Start: start})); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					if err := h.System().Tell(ref, actors.Question(h.System(), ping{}, func(base.Incarnation, error) {})); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					began := time.Now()
					if p, err := h.Shutdown(ctx, base.ReasonShutdown, time.Second); err != nil || !p.Quiescent() {
						t.Error(p, err)
					}
					if took != 20*time.Second {
						t.Errorf("its drain took %s of the 20 s it needs, all %s; it ended as %s", took, time.Since(began), exit)
					}
				})
			})
		}
	}
}

// TestS2TheChainOfABudgetNamesTheStartThatTimedOut.
func TestS2TheChainOfABudgetNamesTheStartThatTimedOut(t *testing.T) {
	life := 0
	s := tree(supervision.Child{
		Child: core.Child{Name: "a", Backoff: core.Backoff{Off: true}, StartTimeout: 10 * time.Millisecond},
		Start: func() actors.Behaviour {
			life++
			first := life == 1
			return actors.Func(func(cx *actors.Cx, msg any) error {
				switch m := msg.(type) {
				case actors.Started:
					if !first {
						cx.Starting() // and never ready
					}
				case crash:
					return errors.New(m.why)
				}
				return nil
			})
		},
	})
	r := run(t, s)
	r.eventually("up", func() bool { return r.state("sup") == "Running" })
	r.tell("sup/a", crash{"boom"})
	e := <-r.exit
	var chain []string
	for err := e.Err; err != nil; err = errors.Unwrap(err) {
		chain = append(chain, err.Error())
	}
	if all := strings.Join(chain, " <- "); !strings.Contains(all, "did not start within") {
		t.Errorf("the chain does not say that the start took too long: %s", all)
	}
}

// TestS10ARefusalDoesNotNameAnOldCrash.
func TestS10ARefusalDoesNotNameAnOldCrash(t *testing.T) {
	r := run(t, tree(kid(&log{}, "a")))
	r.eventually("up", func() bool { return r.state("sup") == "Running" })
	r.crashes("a", "boom")
	err := r.ask(supervision.Request{Kind: core.Revive, Name: "a"})
	for e := err; e != nil; e = errors.Unwrap(e) {
		if e.Error() == "boom" {
			t.Errorf("%v, since it runs; and its cause is said to be %q", err, e)
		}
	}
}

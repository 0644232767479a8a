package supervision_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// loopScenario: a is crashed twice, falls back at the first and is in quarantine after the second; something else is sent
// to it at any time. Under one_for_all b is crashed instead: then a may be stopped with the news of its crash, which is no
// failure, but it is never started once it is in quarantine. ends collects how a ends.
func loopScenario(s core.Strategy, ends map[string]bool) lab.Scenario {
	return lab.Scenario{Name: "crash_loop_" + s.String(), Local: true, Setup: func(r *lab.Run) {
		sys := r.System()
		var own, knownStarts, other int
		child := func(starts *int) func() actors.Behaviour {
			return func() actors.Behaviour {
				return actors.Func(func(cx *actors.Cx, msg any) error {
					r.Saw(cx, msg)
					switch msg.(type) {
					case actors.Started:
						*starts++
					case crash:
						return errors.New("boom")
					}
					return nil
				})
			}
		}
		kid := func(name string, starts *int) supervision.Child {
			return supervision.Child{
				Child: core.Child{Name: name, Backoff: core.Backoff{Off: true}, Shutdown: core.Shutdown{Wait: true}},
				Actor: actors.Child{Drain: -1}, Start: child(starts),
			}
		}
		a := kid("a", &own)
		a.CrashLoop, a.Known = core.CrashLoop{Failures: 1, Window: time.Minute}, known{"a@1", child(&knownStarts)}
		sup, err := supervision.Run(sys, "sup", supervision.Spec{
			Strategy: s, Budget: core.Budget{Restarts: 3, Window: time.Minute}, Children: []supervision.Child{a, kid("b", &other)},
		})
		if err != nil {
			panic(err)
		}
		r.Settle()
		tell := func(name, path string, m any) {
			to, ok := sys.Lookup(path)
			if !ok {
				panic(path + " is not there")
			}
			r.Outside(name, func() { _ = sys.Tell(to, m) }) // it may be in quarantine by now
		}
		tell("S", "sup/a", crash{"one"})
		tell("T", "sup/a", crash{"two"})
		group := s == core.OneForAll
		if group {
			tell("U", "sup/b", crash{"three"})
		} else {
			tell("U", "sup/a", "m")
		}
		r.Check("a is in quarantine, after its known version", func() error {
			for _, v := range sys.Snapshot() {
				if v.ID != sup.ID() {
					continue
				}
				book := v.View.(supervision.View)
				got := book.Children[0]
				contained := got.State == spec.ChildQuarantined
				if _, there := sys.Lookup("sup/a"); !there || contained && !got.Pinned {
					return fmt.Errorf("a is there: %v, and its supervisor says %+v", there, got)
				}
				if !group && (!contained || own != 1 || knownStarts != 1 || other != 1) {
					return fmt.Errorf("%+v, started %d times, its known version %d times, b %d times", got, own, knownStarts, other)
				}
				if got.Inc > 4 || other > 3 || int(got.Inc) != own+knownStarts {
					return fmt.Errorf("%+v, started %d times, its known version %d times, b %d times", got, own, knownStarts, other)
				}
				ends[fmt.Sprintf("%s pinned %v after %d lives", got.State, got.Pinned, got.Inc)] = true
				return nil
			}
			return errors.New("the supervisor is gone")
		})
	}}
}

func TestS7HoldsUnderEverySchedule(t *testing.T) {
	for _, s := range []core.Strategy{core.OneForOne, core.OneForAll} {
		t.Run(s.String(), func(t *testing.T) {
			ends := map[string]bool{}
			lab.Explore(t, loopScenario(s, ends), lab.Options{})
			if !ends["Quarantined pinned true after 2 lives"] {
				t.Error("no schedule ends in quarantine after two lives")
			}
			t.Log(slices.Sorted(maps.Keys(ends)))
		})
	}
}

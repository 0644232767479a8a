package programs_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
)

// real are the scenarios that run on the host of production too.
func real() []lab.Scenario {
	out := []lab.Scenario{
		programs.Fanin(3, 1), programs.Fanin(2, 2), programs.Triangle(), programs.CrossSame(), programs.Reqrep(2, 2),
		programs.Register(3, false), programs.Workers(2), programs.TwoPC(2, 1, false, false), programs.TwoPC(2, 0, true, false),
		programs.Mutex(3, false, false), programs.Philo(2, true), programs.LostUpdate(2), programs.Timeout1(), programs.LaneMix(1),
	}
	for _, sc := range programs.Kernel() {
		if !sc.Stuck { // a handler is found stuck after seconds of real time
			out = append(out, sc)
		}
	}
	return out
}

// runs is how often the i-th scenario runs. Those of the truth table come first, and are short.
func runs(i int) int {
	switch {
	case os.Getenv("FNODE_LONG") == "":
		return 1_000
	case i < 14:
		return 100_000
	}
	return 10_000
}

// fewOutcomes is a set of which every member is looked for.
const fewOutcomes = 50

func TestProductionDoesNothingThatTheLabDoesNotKnow(t *testing.T) {
	h := host.New(host.Options{Workers: 4, Quantum: 4})
	stop := load(t, h)
	for i, sc := range real() {
		t.Run(sc.Name, func(t *testing.T) { compare(t, h, sc, runs(i)) })
	}
	stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := h.Shutdown(ctx, base.ReasonShutdown, time.Second); err != nil {
		t.Error(err)
	}
}

func compare(t *testing.T, h *host.Host, sc lab.Scenario, n int) {
	res, err := lab.Search(context.Background(), lab.Witnessed(sc), lab.Options{Within: time.Minute})
	if err != nil || !res.Exhausted {
		t.Fatalf("%v; exhausted: %v", err, res.Exhausted)
	}
	set, seen := res.Outcomes(), map[string]int{}
	for i := range n {
		saw, bad := lab.Perform(h, sc, 10*time.Second)
		if set[saw] == 0 {
			t.Fatalf("run %d: the lab does not know this outcome:\n%s\nit knows %d, like\n%s", i, saw, len(set), anyOf(set))
		}
		for _, v := range bad {
			if res.Violations[v.Check] == 0 {
				t.Fatalf("run %d: %s: %s\n%s", i, v.Check, v.Detail, saw)
			}
		}
		seen[saw]++
	}
	t.Logf("%d runs: %d of %d outcomes", n, len(seen), len(set))
	if len(set) > fewOutcomes {
		return
	}
	for saw := range set {
		if seen[saw] == 0 {
			t.Logf("unseen: %s", saw)
		}
	}
}

func anyOf(set map[string]int) string {
	all := make([]string, 0, len(set))
	for s := range set {
		all = append(all, s)
	}
	slices.Sort(all)
	return fmt.Sprint(all[:min(3, len(all))])
}

// load keeps four actors busy beside the scenarios, two and two, until it is stopped.
func load(t *testing.T, h *host.Host) (stop func()) {
	t.Helper()
	var over atomic.Bool
	for i := range 2 {
		var refs [2]actors.Ref
		for j := range refs {
			ref, err := h.System().Spawn(actors.Child{Name: fmt.Sprint("load", i, j), Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
				if to, ok := msg.(actors.Ref); ok && !over.Load() {
					_ = cx.Checkpoint() // so that the load takes turns with what it loads
					return cx.Tell(to, cx.Self())
				}
				return nil
			})})
			if err != nil {
				t.Fatal(err)
			}
			refs[j] = ref
		}
		if err := h.System().Tell(refs[0], refs[1]); err != nil {
			t.Fatal(err)
		}
	}
	return func() { over.Store(true) }
}

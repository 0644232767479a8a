package lab

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/actors"
)

// orders is a program of two senders, A and B, of two messages each to R. It goes wrong in one order of arrival.
func orders(wrong string) Scenario {
	return Scenario{Name: "wrong if " + wrong, Setup: func(r *Run) {
		got := ""
		to := spawnFunc(r, "R", func(_ *actors.Cx, msg any) {
			if s, ok := msg.(string); ok {
				got += s
			}
		})
		for _, name := range []string{"a", "b"} {
			spawnFunc(r, name, func(cx *actors.Cx, msg any) {
				if _, ok := msg.(actors.Started); ok {
					for i := range 2 {
						_ = cx.Tell(to, fmt.Sprint(name, i+1))
					}
				}
			})
		}
		r.Check("order", func() error {
			if got == wrong {
				return fmt.Errorf("R got %s", got)
			}
			return nil
		})
	}}
}

func spawnFunc(r *Run, name string, f func(*actors.Cx, any)) actors.Ref {
	ref, err := r.System().Spawn(actors.Child{Name: name, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error { f(cx, msg); return nil })})
	if err != nil {
		panic(err)
	}
	return ref
}

// The chance of PCT to meet a bug of depth d in a run of n processes and k steps is at least 1/(n·k^(d-1)): the
// number of hits is not below that by more than four standard deviations.
func TestPCTMeetsBugsAsOftenAsItsBoundSays(t *testing.T) {
	const runs, n = 4000, 3
	for _, bug := range []struct {
		wrong string
		d     int
	}{
		{"b1b2a1a2", 1}, // b is before a
		{"a1b1b2a2", 2}, // a stands still once
		{"a1b1a2b2", 3}, // a and b stand still once each
	} {
		got, err := Sample(context.Background(), orders(bug.wrong), Options{Seed: 7}, Draw{By: PCT, Runs: runs, D: bug.d})
		if err != nil {
			t.Fatal(err)
		}
		k := float64(got.Steps) / float64(got.Runs)
		p := 1 / (n * math.Pow(k, float64(bug.d-1)))
		least := runs*p - 4*math.Sqrt(runs*p*(1-p))
		t.Logf("d=%d: %d hits in %d runs of %.0f steps; the bound is %.1f", bug.d, got.Violations["order"], runs, k, runs*p)
		if hits := float64(got.Violations["order"]); hits < least {
			t.Errorf("d=%d: %g hits, the bound allows no fewer than %.1f", bug.d, hits, least)
		}
		if got.Verdict != SampledRuns || got.Exhausted {
			t.Errorf("the verdict is %s, exhausted %v", got.Verdict, got.Exhausted)
		}
	}
}

func TestSamplersSeeDifferentTracesAndRepeatBySeed(t *testing.T) {
	sc := orders("never")
	all, err := Search(context.Background(), sc, Options{})
	if err != nil || all.Explored != 6 {
		t.Fatal(err, all.Explored)
	}
	for by := Walk; by <= POS; by++ {
		var line [2]uint64
		for i := range line {
			got, err := Sample(context.Background(), sc, Options{Seed: 3}, Draw{By: by, Runs: 1500, D: 3})
			if err != nil {
				t.Fatal(err)
			}
			if got.Traces() != all.Traces() {
				t.Errorf("%s: %d of %d traces in %d runs", by, got.Traces(), all.Traces(), got.Runs)
			}
			for fp := range got.traces {
				if _, ok := all.traces[fp]; !ok {
					t.Errorf("%s: a trace that exploring does not know", by)
				}
			}
			line[i] = got.line
		}
		if line[0] != line[1] {
			t.Errorf("%s: one seed gave two draws", by)
		}
		other, _ := Sample(context.Background(), sc, Options{Seed: 4}, Draw{By: by, Runs: 1500, D: 3})
		if other.line == line[0] {
			t.Errorf("%s: two seeds gave one draw", by)
		}
	}
}

func TestBoundsAreNeverCalledExhausted(t *testing.T) {
	sc := orders("never")
	for name, o := range map[string]Options{"runs": {Most: 3}, "steps": {Depth: 5}, "time": {Within: 1}} {
		o.Progress = func(Progress) {}
		got, err := Search(context.Background(), sc, o)
		if err != nil {
			t.Fatal(err)
		}
		if name == "time" && got.Exhausted {
			continue // it was faster than the clock was looked at
		}
		if got.Exhausted || got.Verdict != BoundedRuns || got.Why == "" {
			t.Errorf("%s: exhausted %v, %s, %q", name, got.Exhausted, got.Verdict, got.Why)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	big := Scenario{Name: "big", Setup: func(r *Run) {
		to := spawnFunc(r, "R", func(*actors.Cx, any) {})
		for i := range 7 {
			spawnFunc(r, fmt.Sprint("s", i), func(cx *actors.Cx, msg any) {
				if _, ok := msg.(actors.Started); ok {
					_ = cx.Tell(to, i)
				}
			})
		}
	}}
	if got, err := Search(ctx, big, Options{}); err != nil || got.Exhausted || got.Why != "ended by interrupted" {
		t.Errorf("%v, %+v", err, got.Why)
	}
}

func TestSweepInjectsAtEverySiteItReaches(t *testing.T) {
	sc := orders("never")
	got, err := Sweep(context.Background(), sc, Options{})
	if err != nil {
		t.Fatal(err)
	}
	// Three starts, four sends, each of which is a site where a handler stands, and four deliveries.
	if got.Reached != got.Injected || got.Reached != 11 || got.Runs != 12 {
		t.Errorf("%d sites reached, %d cancels injected, %d runs", got.Reached, got.Injected, got.Runs)
	}
	if !got.Clean() || got.Verdict != BoundedRuns {
		t.Errorf("%v %s", got.Violations, got.Verdict)
	}
}

func TestInjectedExploresACancelOfEachActorAnywhere(t *testing.T) {
	all, err := Injected(orders("never"), Options{})
	if err != nil || len(all) != 3 {
		t.Fatal(err, len(all))
	}
	for _, sc := range all {
		got, err := Search(context.Background(), sc, Options{})
		if err != nil || !got.Exhausted || !got.Clean() {
			t.Errorf("%s: %v, %v, %v", sc.Name, err, got.Why, got.Violations)
		}
		if least := map[bool]int{true: 7, false: 6}[strings.HasSuffix(sc.Name, "R")]; got.Traces() < least {
			t.Errorf("%s: %d traces, expected %d or more", sc.Name, got.Traces(), least)
		}
		t.Logf("%s: %d traces, %d blocked, %d twice", sc.Name, got.Traces(), got.Blocked, got.Duplicates)
	}
}

// Two additions commute; an addition and a doubling do not.
func TestDeclaredCommutativityIsChecked(t *testing.T) {
	sum := func(second func(int) int) Scenario {
		return Scenario{Name: "sum", Commute: func(any, any) bool { return true }, Setup: func(r *Run) {
			v := 1
			to := spawnFunc(r, "R", func(_ *actors.Cx, msg any) {
				switch m := msg.(type) {
				case int:
					v += m
				case string:
					v = second(v)
				}
			})
			for i, m := range []any{5, "second"} {
				spawnFunc(r, fmt.Sprint("s", i), func(cx *actors.Cx, msg any) {
					if _, ok := msg.(actors.Started); ok {
						_ = cx.Tell(to, m)
					}
				})
			}
			r.AtEnd(func() string { return fmt.Sprint(v) })
		}}
	}
	right, wrong := sum(func(v int) int { return v + 3 }), sum(func(v int) int { return v * 2 })
	for _, c := range []struct {
		sc       Scenario
		debug    bool
		explored int
		clean    bool
	}{{right, false, 1, true}, {right, true, 2, true}, {wrong, false, 1, true}, {wrong, true, 2, false}} {
		got, err := Search(context.Background(), c.sc, Options{Debug: c.debug})
		if err != nil || got.Explored != c.explored || got.Clean() != c.clean || got.Traces() != 1 {
			t.Errorf("debug %v: %v; %d runs of %d traces, %v", c.debug, err, got.Explored, got.Traces(), got.Violations)
		}
	}
}

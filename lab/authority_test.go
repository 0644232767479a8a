package lab_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

// TestC1InTheLabTheLabAnswers: what an actor can ask of the world is the same in every run of a schedule, and an hour
// of its time takes none of ours.
func TestC1InTheLabTheLabAnswers(t *testing.T) {
	var seen [][]string
	sc := lab.Scenario{Name: "asks the world", Timers: lab.Quiescent, Setup: func(r *lab.Run) {
		var got []string
		say := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
		began := r.System().Now()
		_, err := r.System().Spawn(actors.Child{Name: "a", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
			switch m := msg.(type) {
			case actors.Started:
				say("%s %s %d", cx.Now(), cx.Self(), cx.Rand())
				if _, err := cx.Commit(store.Tx{Kind: "kv", Set: []store.KV{{Key: "k", Value: []byte("v")}}}); err != nil {
					return err
				}
				_, err := cx.After(time.Hour, "late")
				return err
			case actors.Committed:
				v, ok, err := cx.Read("k")
				say("%q %v %v %v", v, ok, err, m.Result.Err)
			case string:
				say("%s %v", m, cx.Now().Sub(began))
			}
			return nil
		})})
		if err != nil {
			panic(err)
		}
		r.Check("NOTHING", func() error { seen = append(seen, got); return nil })
	}}
	real := time.Now()
	for range 2 {
		if res := search(t, sc, lab.Options{Seed: 7}); !res.Exhausted || !res.Clean() {
			t.Fatal(res.Summary())
		}
	}
	if len(seen) < 2 || len(seen[0]) != 3 || seen[0][1] != `"v" true <nil> <nil>` || seen[0][2] != "late 1h0m0s" {
		t.Fatalf("%q", seen)
	}
	for _, s := range seen {
		if !slices.Equal(s, seen[0]) {
			t.Errorf("two runs differ: %q and %q", seen[0], s)
		}
	}
	if took := time.Since(real); took > time.Minute {
		t.Errorf("an hour of the lab took %s", took)
	}
}

// TestC2InTheLabDeadlineReportsNoneAndDoneIsAStep: the context package compares a deadline with the wall clock; and
// whether a cancel came before a look at Done is a choice, so that both are explored.
func TestC2InTheLabDeadlineReportsNoneAndDoneIsAStep(t *testing.T) {
	saw := map[string]bool{}
	sc := lab.Scenario{Name: "looks at Done", Setup: func(r *lab.Run) {
		ref, err := r.System().Spawn(actors.Child{Name: "a", Lifetime: time.Hour, Doors: true, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
			if _, ok := msg.(actors.Started); !ok {
				return nil
			}
			if d, ok := cx.Deadline(); ok {
				r.Fail("DEADLINE", "%v", d)
			}
			select {
			case <-cx.Done():
				saw["done"] = true
			default:
				saw["not done"] = true
			}
			saw[fmt.Sprint("err ", cx.Err() != nil)] = true
			return nil
		})})
		if err != nil {
			panic(err)
		}
		r.Outside("stops it", func() { _ = r.System().StopFromOutside(ref, 1) })
	}}
	if res := search(t, sc, lab.Options{}); !res.Exhausted || !res.Clean() {
		t.Fatal(res.Summary())
	}
	for _, want := range []string{"done", "not done", "err true", "err false"} {
		if !saw[want] {
			t.Errorf("no schedule in which it was %s: %v", want, saw)
		}
	}
}

package lab_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// publishes makes a scenario whose actor shows what see gives.
func publishes(name string, see func(*actors.Cx) string) lab.Scenario {
	return silent(name, func(cx *actors.Cx) error { cx.Publish(see(cx)); return nil })
}

func TestWhatLeavesTheLabFailsByName(t *testing.T) {
	leave := make(chan struct{}) // capacity 0; closed when the test is over
	defer close(leave)
	names := map[string]int{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8}
	for _, e := range []struct {
		sc   lab.Scenario
		says string
	}{
		{publishes("reads the clock", func(*actors.Cx) string { return time.Now().String() }), "wall time"},
		{publishes("walks a map", func(*actors.Cx) string {
			var b strings.Builder
			for range 8 {
				for k := range names {
					b.WriteString(k)
				}
			}
			return b.String()
		}), "map order"},
		{silent("starts a goroutine", func(*actors.Cx) error {
			go func() { <-leave }() // owner: nobody, that is the bug; ends: with the test
			return nil
		}), "a goroutine is left over"},
	} {
		sc := e.sc
		res, err := lab.Search(context.Background(), sc, lab.Options{})
		if c := codes.From(err); c == nil || c.Code != codes.LabEscape || !strings.Contains(err.Error(), e.says) || !strings.Contains(err.Error(), sc.Name) {
			t.Errorf("%s: %v", sc.Name, err)
		}
		if res.Exhausted || res.Clean() {
			t.Errorf("%s: exhausted %v, clean %v", sc.Name, res.Exhausted, res.Clean())
		}
	}
	right := publishes("reads the virtual clock", func(cx *actors.Cx) string { return fmt.Sprint(cx.Now(), cx.Rand()) })
	if res := search(t, right, lab.Options{}); !res.Exhausted || !res.Clean() {
		t.Errorf("the right variant: %+v", res)
	}
}

func TestAHandlerThatBlocksFailsByName(t *testing.T) {
	restore := lab.Patience(50 * time.Millisecond)
	leave := make(chan struct{}) // capacity 0; closed when the test is over
	defer close(leave)
	sc := silent("blocks", func(*actors.Cx) error { <-leave; return nil })
	_, err := lab.Search(context.Background(), sc, lab.Options{})
	restore()
	if c := codes.From(err); c == nil || c.Code != codes.LabStuck || !strings.Contains(err.Error(), "the handler of a ") {
		t.Errorf("%v", err)
	}
	loops := silent("loops", func(cx *actors.Cx) (err error) {
		for range 100 {
			err = errors.Join(err, cx.Checkpoint())
		}
		return err
	})
	if res := search(t, loops, lab.Options{}); !res.Exhausted || !res.Clean() {
		t.Errorf("a long loop over Checkpoint is no block: %+v", res)
	}
}

// What a scenario throws outside of its handlers, and a t.Fatal anywhere, is an error by its name.
func TestWhatAScenarioThrowsIsToldByName(t *testing.T) {
	for name, setup := range map[string]func(*lab.Run){
		"a check panics":    func(r *lab.Run) { r.Check("c", func() error { panic("in check") }) },
		"a check is fatal":  func(r *lab.Run) { r.Check("c", func() error { runtime.Goexit(); return nil }) },
		"the set-up panics": func(*lab.Run) { panic("in set-up") },
	} {
		_, err := lab.Search(context.Background(), lab.Scenario{Name: name, Setup: setup}, lab.Options{})
		if c := codes.From(err); c == nil || c.Code != codes.LabEscape || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := lab.Search(context.Background(), silent("a handler is fatal", func(*actors.Cx) error { runtime.Goexit(); return nil }), lab.Options{})
	if c := codes.From(err); c == nil || c.Code != codes.LabEscape {
		t.Error(err)
	}
	res, err := lab.Search(context.Background(), lab.WithCancel(lab.Scenario{Name: "typo", Setup: func(*lab.Run) {}}, "wroker"), lab.Options{})
	if err != nil || res.Violations["nobody to cancel"] == 0 {
		t.Error(err, res.Violations)
	}
}

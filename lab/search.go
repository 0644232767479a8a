package lab

import (
	"context"
	"runtime/debug"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Search explores a scenario. The result holds what was found also beside an error: LabEscape if the scenario
// leaves the lab's control, LabStuck if a handler does not return; codes.Usage for options out of range.
func Search(ctx context.Context, sc Scenario, o Options) (*Result, error) {
	o, err := o.with(sc)
	if err != nil {
		return nil, err
	}
	x := &explorer{sc: sc, o: o, book: newBook(), res: newResult(sc, o), beat: &heartbeat{}}
	x.tell.began = time.Now()
	if !o.Debug {
		x.commute = o.commute
	} else {
		x.res.debts = map[[2]uint64]debt{}
	}
	err = guarded(sc.Name, x.beat, func() { x.explore(ctx) })
	x.res.finish(x.tell.began, false)
	if err == nil {
		err = x.res.escape
	}
	if err != nil {
		x.res.Exhausted, x.res.Verdict = false, BoundedRuns
	}
	return x.res, err
}

// guarded runs f beside a watchdog. What the set-up or a check throws, or a t.Fatal anywhere in a scenario, is an error
// by the scenario's name: what was found until then is kept.
func guarded(name string, beat *heartbeat, f func()) error {
	done := make(chan struct{}) // capacity 0, closed by the goroutine below
	var why error
	go func() { // owner: guarded, which waits for done; ends: with f, or never where a handler does not return: that is told
		defer close(done)
		over := false
		defer func() {
			if v := recover(); v != nil {
				why = codes.New(codes.LabEscape, "%s leaves the lab's control: panic: %v\n%s", name, v, debug.Stack())
			} else if !over {
				why = codes.New(codes.LabEscape, "%s leaves the lab's control: its goroutine was ended, as t.Fatal does it: say r.Fail, or return an error from a check", name)
			}
		}()
		f()
		over = true
	}()
	if err := beat.watch(done, stepLimit); err != nil {
		return err
	}
	return why
}

// ticker says when it is time to tell how far things are.
type ticker struct {
	began, next time.Time
	whole       int // runs that are to come, where that is known
}

func (t *ticker) due(x *explorer) bool {
	now := time.Now()
	if now.Before(t.next) {
		return false
	}
	t.next = now.Add(250 * time.Millisecond)
	if x.o.Progress != nil {
		x.o.Progress(Progress{Scenario: x.sc.Name, Runs: x.res.Runs, Explored: x.res.Explored, Done: x.share(), Elapsed: now.Sub(t.began)})
	}
	return true
}

// share estimates how much of the exploration is done: at each node of the current run, what is behind weighs as
// much as each branch that is still known to come.
func (x *explorer) share() float64 {
	if x.tell.whole > 0 {
		return float64(x.res.Runs) / float64(x.tell.whole)
	}
	done, part := 0.0, 1.0
	for _, n := range x.stack {
		if all := float64(n.tried + len(n.todo.subs)); all > 1 {
			done += part * float64(n.tried) / all
			part /= all
		}
	}
	return min(done, 1)
}

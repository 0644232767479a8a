package lab

import (
	"context"
	"fmt"
	"time"
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
	err = guarded(x.beat, func() { x.explore(ctx) })
	x.res.finish(x.tell.began, false)
	if err == nil {
		err = x.res.escape
	}
	if err != nil {
		x.res.Exhausted, x.res.Verdict = false, BoundedRuns
	}
	return x.res, err
}

// guarded runs f beside a watchdog.
func guarded(beat *heartbeat, f func()) error {
	done := make(chan struct{}) // capacity 0, closed by the goroutine below
	var thrown any
	go func() { // owner: guarded, which waits for done; ends: with f, or never where a handler does not return: that is told
		defer close(done)
		defer func() { thrown = recover() }()
		f()
	}()
	if err := beat.watch(done, stepLimit); err != nil {
		return err
	}
	if thrown != nil {
		panic(fmt.Sprintf("lab: %v", thrown))
	}
	return nil
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

package programs_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
)

// row is a line of the truth table: the number of traces under each model; 0: not given.
type row struct {
	sc            lab.Scenario
	n1, fifo, bag int
	verdicts      map[string]int // n1
}

var truth = []row{
	{programs.Fanin(2, 1), 2, 2, 2, nil},
	{programs.Fanin(3, 1), 6, 6, 6, nil},
	{programs.Fanin(4, 1), 24, 24, 24, nil},
	{programs.Fanin(5, 1), 120, 120, 120, nil},
	{programs.Fanin(6, 1), 720, 720, 720, nil},
	{programs.Fanin(2, 2), 6, 6, 24, nil},
	{programs.Fanin(3, 2), 90, 90, 720, nil},
	{programs.Fanin(2, 3), 20, 20, 720, nil},
	{programs.Pingpong(6), 1, 1, 1, nil},
	{programs.Triangle(), 1, 2, 2, nil},
	{programs.CrossSame(), 4, 4, 4, nil},
	{programs.Reqrep(2, 2), 6, 6, 6, nil},
	{programs.Reqrep(3, 1), 6, 6, 6, nil},
	{programs.Reqrep(3, 2), 90, 90, 90, nil},
	{programs.Register(2, false), 6, 6, 6, nil},
	{programs.Register(3, false), 24, 24, 24, nil},
	{programs.Register(4, false), 120, 120, 120, nil},
	{programs.Register(2, true), 4, 4, 4, nil},
	{programs.Register(3, true), 8, 8, 8, nil},
	{programs.Register(4, true), 16, 16, 16, nil},
	{programs.Workers(2), 6, 6, 24, nil},
	{programs.Workers(3), 90, 90, 720, nil},
	{programs.TwoPC(2, 0, false, false), 4, 4, 4, nil},
	{programs.TwoPC(3, 0, false, false), 36, 36, 36, nil},
	{programs.TwoPC(2, 1, false, false), 5, 5, 14, nil},
	{programs.TwoPC(2, 0, true, false), 16, 16, 124, map[string]int{"abort": 12, "commit": 4}},
	{programs.TwoPC(2, 0, false, true), 24, 24, 0, nil},
	{programs.Mutex(2, false, false), 4, 4, 4, nil},
	{programs.Mutex(3, false, false), 30, 30, 30, nil},
	{programs.Mutex(2, true, false), 8, 8, 0, nil},
	{programs.Mutex(2, true, true), 7, 7, 0, map[string]int{"LEAKED_LOCK": 3}},
	{programs.Philo(2, false), 9, 9, 9, map[string]int{"deadlock": 1}},
	{programs.Philo(2, true), 4, 8, 8, map[string]int{}},
	{programs.LostUpdate(2), 6, 6, 6, map[string]int{"LOST": 4}},
	{programs.LostUpdate(3), 90, 90, 90, map[string]int{"LOST": 84}},
	{programs.Timeout1(), 2, 2, 2, nil},
	{programs.LaneSame(), 2, 0, 0, nil},
	{programs.LaneBefore(), 1, 0, 0, nil},
	{programs.LaneMix(1), 6, 0, 0, nil},
	{programs.LaneMix(2), 24, 0, 0, nil},
	{programs.Link(2, lab.Link{Drop: 1}), 0, 3, 0, nil},
	{programs.Link(2, lab.Link{Dup: 1}), 0, 4, 0, nil},
	{programs.Link(2, lab.Link{Drop: 1, Reorder: true}), 0, 4, 4, nil},
	{programs.StReaders(2), 4, 0, 0, nil},
	{programs.StReaders(3), 8, 0, 0, nil},
	{programs.StReaders(6), 64, 0, 0, nil},
	{programs.StWriters(3), 6, 0, 0, nil},
	{programs.StWriters(4), 24, 0, 0, nil},
	{programs.LastZero(2), 5, 0, 0, nil},
	{programs.LastZero(3), 12, 0, 0, nil},
	{programs.LastZero(4), 28, 0, 0, nil},
}

func TestExploredEqualsTheTruth(t *testing.T) {
	for _, r := range truth {
		for m, want := range []int{r.n1, r.fifo, r.bag} {
			if want == 0 {
				continue
			}
			model := lab.Model(m)
			t.Run(fmt.Sprintf("%s %s", r.sc.Name, model), func(t *testing.T) {
				got, err := lab.Search(context.Background(), r.sc, lab.Options{Model: model, Most: 50_000})
				if err != nil {
					t.Fatal(err)
				}
				if got.Explored != want || got.Blocked > 0 || got.Duplicates > 0 || !got.Exhausted {
					t.Errorf("explored %d, want %d; %d traces, blocked %d, duplicates %d, exhausted %v, %d steps",
						got.Explored, want, got.Traces(), got.Blocked, got.Duplicates, got.Exhausted, got.Steps)
				}
				for v, n := range r.verdicts {
					if model == lab.N1 && got.Verdicts[v] != n {
						t.Errorf("%d runs end as %q, want %d: %v", got.Verdicts[v], v, n, got.Verdicts)
					}
				}
			})
		}
	}
}

func TestQuiescentTimersFireWhenNothingElseCanHappen(t *testing.T) {
	for m := lab.N1; m <= lab.Bag; m++ {
		got, err := lab.Search(context.Background(), programs.Timeout1(), lab.Options{Model: m, Timers: lab.Quiescent})
		if err != nil || got.Explored != 1 || !got.Exhausted || got.Blocked+got.Duplicates > 0 {
			t.Errorf("%s: %+v", m, got)
		}
	}
}

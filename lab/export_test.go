package lab

import (
	"context"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/regions"
)

// Seam is the world as a mutant wraps it: a host of the kernel that can be made to do wrong.
type Seam struct {
	actors.Host
	w *world
}

// On gives the options under which the kernel runs on what wrong makes of the world, anew in each run.
func On(o Options, wrong func(Seam) actors.Host) Options {
	o.seam = func(w *world) actors.Host { return wrong(Seam{w, w}) }
	return o
}

// Booked books a message as arrived that never does.
func (s Seam) Booked(to *actors.Slot, m actors.Message) error {
	s.w.see.sent(s.w, to, m, nil)
	return nil
}

// Swapped lets the two newest letters of one link change places.
func (s Seam) Swapped() {
	n := len(s.w.flight)
	if n < 2 || s.w.flight[n-2].link != s.w.flight[n-1].link {
		return
	}
	a, b := s.w.flight[n-2], s.w.flight[n-1]
	a.m, b.m = b.m, a.m
}

// Told lets the lab hear of something in the kernel's life.
func (s Seam) Told(ev actors.Event) { s.w.happened(ev) }

// Killed ends an actor without a drain, once.
func (s Seam) Killed(path string) {
	if ref, ok := s.w.sys.Lookup(path); ok {
		s.w.sys.Ask(ref, regions.Request{Brutal: true})
	}
}

// Patience sets how long a step may take, until the test is over.
func Patience(d time.Duration) (restore func()) {
	was := stepLimit
	stepLimit = d
	return func() { stepLimit = was }
}

// AgainstBrute compares what exploring finds with what brute force finds in at most so many runs.
func AgainstBrute(sc Scenario, o Options, most int) (missing, extra []string, whole bool, res *Result) {
	want, whole := brute(sc, o, most)
	if !whole {
		return nil, nil, false, nil
	}
	o.verbose = true
	res, err := Search(context.Background(), sc, o)
	if err != nil {
		panic(err)
	}
	for text := range want {
		if res.texts[text] == 0 {
			missing = append(missing, text)
		}
	}
	for text := range res.texts {
		if !want[text] {
			extra = append(extra, text)
		}
	}
	return missing, extra, true, res
}

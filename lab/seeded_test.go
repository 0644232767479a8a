package lab_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
)

// seeded is a bug: the oracle that has to find it, the scenario in which it shows, and what is wrong: the host under
// the kernel, or the scenario. right is exhausted clean.
type seeded struct {
	name   string
	finds  string
	right  lab.Scenario
	model  lab.Model
	mutant func(lab.Seam) actors.Host
	wrong  lab.Scenario
}

// mutant is a host that is wrong in what its functions say; those that are nil are right.
type mutant struct {
	lab.Seam
	send  func(from, to *actors.Slot, m actors.Message) (error, bool)
	ready func(s *actors.Slot) bool // false: the wake-up is lost
}

// Send sends wrongly.
func (h *mutant) Send(from, to *actors.Slot, m actors.Message) error {
	if h.send != nil {
		if err, done := h.send(from, to, m); done {
			return err
		}
	}
	return h.Seam.Send(from, to, m)
}

// Ready schedules wrongly.
func (h *mutant) Ready(by, s *actors.Slot, t actors.Ticket) {
	if h.ready == nil || h.ready(s) {
		h.Seam.Ready(by, s, t)
	}
}

// sends makes a mutant of a way to send.
func sends(how func(h lab.Seam, from, to *actors.Slot, m actors.Message) (error, bool)) func(lab.Seam) actors.Host {
	return func(s lab.Seam) actors.Host {
		return &mutant{Seam: s, send: func(from, to *actors.Slot, m actors.Message) (error, bool) { return how(s, from, to, m) }}
	}
}

// is says whether a message is of type T.
func is[T any](m actors.Message) bool { _, ok := m.Body.(T); return ok }

func isAnswer(m actors.Message) bool { return is[actors.Answer[string]](m) }

// losesWakeUps forgets the n-th time that a slot becomes ready.
func losesWakeUps(n int) func(lab.Seam) actors.Host {
	return func(s lab.Seam) actors.Host {
		seen := 0
		return &mutant{Seam: s, ready: func(*actors.Slot) bool { seen++; return seen != n }}
	}
}

// forgets books a message as arrived and loses it.
func forgets(which func(actors.Message) bool) func(lab.Seam) actors.Host {
	return sends(func(h lab.Seam, _, to *actors.Slot, m actors.Message) (error, bool) {
		if which(m) {
			return h.Booked(to, m), true
		}
		return nil, false
	})
}

// loses loses a message before anybody books it.
func loses(which func(actors.Message) bool) func(lab.Seam) actors.Host {
	return sends(func(_ lab.Seam, _, _ *actors.Slot, m actors.Message) (error, bool) { return nil, which(m) })
}

// repeats sends a message twice.
func repeats(which func(actors.Message) bool) func(lab.Seam) actors.Host {
	return sends(func(h lab.Seam, from, to *actors.Slot, m actors.Message) (error, bool) {
		if which(m) {
			_ = h.Send(from, to, m)
		}
		return nil, false
	})
}

// closesEarly tells of the close of a region before its members have left.
func closesEarly(s lab.Seam) actors.Host {
	return &mutant{Seam: s, send: func(from, to *actors.Slot, m actors.Message) (error, bool) {
		if lane, _, ok := m.Lane(); ok && lane == lanes.Cancel && to.Path() == "O/T" {
			s.Told(actors.Event{Kind: actors.EventClosed, Path: "O/T", Proof: regions.Proof{Name: "O/T"}})
		}
		return nil, false
	}}
}

// cutsDrains kills whoever is asked to end.
func cutsDrains(s lab.Seam) actors.Host {
	return &mutant{Seam: s, send: func(from, to *actors.Slot, m actors.Message) (error, bool) {
		err := s.Send(from, to, m)
		if lane, _, ok := m.Lane(); ok && lane == lanes.Cancel && to.Path() == "O/T" {
			s.Killed("O/T")
		}
		return err, true
	}}
}

// swaps lets two letters of one link change places.
func swaps(s lab.Seam) actors.Host {
	return &mutant{Seam: s, send: func(from, to *actors.Slot, m actors.Message) (error, bool) {
		err := s.Send(from, to, m)
		s.Swapped()
		return err, true
	}}
}

var bugs = []seeded{
	{name: "a wake-up is lost", finds: lab.Deadlock, right: programs.AskKept(), mutant: losesWakeUps(1)},
	{name: "a message is lost after it was accepted", finds: lab.Conservation, right: programs.Fanin(2, 1), mutant: forgets(fromS0)},
	{name: "a Down is told twice", finds: lab.Monitors, right: programs.MonitorEnd(), mutant: repeats(is[actors.Down])},
	{name: "a Down is not told", finds: lab.Monitors, right: programs.MonitorEnd(), mutant: loses(is[actors.Down])},
	{name: "an answer is lost", finds: lab.Deadlock, right: programs.AskKept(), mutant: loses(isAnswer)},
	{name: "an answer is given twice", finds: lab.LaneBounds, right: programs.AskKept(), mutant: repeats(isAnswer)},
	{name: "a permit without a place", finds: lab.LaneBounds, right: programs.PermitHeld(), mutant: repeatsGivingBack},
	{name: "one sender's messages overtake each other", finds: lab.LaneBounds, right: programs.Fanin(2, 2), model: lab.FIFO, mutant: swaps},
	{name: "a close is told before its members have left", finds: lab.Quiescence, right: programs.RegionClose(), mutant: closesEarly},
	{name: "a drain is cut short", finds: "drained", right: programs.Drained(), mutant: cutsDrains},
}

// fromS0 says whether S0 sent a message.
func fromS0(m actors.Message) bool { return m.From().Path() == "S0" }

// repeatsGivingBack gives a place back twice: the second request of P to R gives back what the first asked for.
func repeatsGivingBack(s lab.Seam) actors.Host {
	requests := 0
	return &mutant{Seam: s, send: func(from, to *actors.Slot, m actors.Message) (error, bool) {
		if _, _, queued := m.Lane(); queued || from == nil || from.Path() != "P" || to.Path() != "R" {
			return nil, false
		}
		if requests++; requests == 2 {
			_ = s.Send(from, to, m)
		}
		return nil, false
	}}
}

func TestSeededKernelBugsAreFound(t *testing.T) {
	began := time.Now()
	found := map[string]bool{}
	all := bugs
	for _, p := range programs.Seeded() {
		all = append(all, seeded{name: p.Name, finds: p.Finds, right: p.Right, wrong: p.Wrong})
	}
	for _, b := range all {
		t.Run(b.name, func(t *testing.T) {
			right := search(t, b.right, lab.Options{Model: b.model})
			if !right.Exhausted || !right.Clean() {
				t.Errorf("right variant %s: exhausted %v, %v, %+v", b.right.Name, right.Exhausted, right.Violations, right.Failure)
			}
			sc, o := b.wrong, lab.Options{Model: b.model, Most: 10_000}
			if b.mutant != nil {
				sc, o = b.right, lab.On(o, b.mutant)
			}
			wrong := search(t, sc, o)
			t.Logf("right: %d runs; wrong: %d runs, %v", right.Explored, wrong.Explored, wrong.Violations)
			if wrong.Violations[b.finds] == 0 {
				t.Errorf("%s did not trip: %v", b.finds, wrong.Violations)
			}
			found[b.finds] = true
		})
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s, the goal is 60 s", took)
	}
	for _, o := range []string{lab.Conservation, lab.Obligations, lab.Quiescence, lab.LaneBounds, lab.Monitors, lab.Deadlock, lab.Invariants} {
		if !found[o] {
			t.Errorf("no mutant for the oracle %s", o)
		}
	}
}

func search(t *testing.T, sc lab.Scenario, o lab.Options) *lab.Result {
	t.Helper()
	res, err := lab.Search(context.Background(), sc, o)
	if err != nil {
		t.Fatalf("%s: %v", sc.Name, err)
	}
	return res
}

// silent is a scenario in which an actor does what on says at its start.
func silent(name string, on func(*actors.Cx) error) lab.Scenario {
	return lab.Scenario{Name: name, Setup: func(r *lab.Run) {
		_, err := r.System().Spawn(actors.Child{Name: "a", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
			if _, first := msg.(actors.Started); first {
				return on(cx)
			}
			return nil
		})})
		if err != nil {
			panic(err)
		}
	}}
}

func TestAnOracleThatSawNothingSaysSo(t *testing.T) {
	res := search(t, silent("silent", func(*actors.Cx) error { return nil }), lab.Options{})
	want := []string{lab.Assertions, lab.Conservation, lab.Obligations, lab.Quiescence, lab.LaneBounds, lab.Monitors}
	if got := res.Blind(); !slices.Equal(got, want) {
		t.Errorf("blind: %v, want %v", got, want)
	}
	for _, sees := range []struct {
		oracle string
		sc     lab.Scenario
	}{
		{lab.Conservation, programs.Fanin(2, 1)},
		{lab.LaneBounds, programs.Fanin(2, 1)},
		{lab.Obligations, programs.AskKept()},
		{lab.Quiescence, programs.RegionClose()},
		{lab.Monitors, programs.MonitorEnd()},
		{lab.Assertions, programs.MonitorEnd()},
	} {
		if res := search(t, sees.sc, lab.Options{}); slices.Contains(res.Blind(), sees.oracle) {
			t.Errorf("%s saw nothing in %s: %v", sees.oracle, sees.sc.Name, res.Oracles)
		}
	}
}

func TestAnAssertionOfTheScenarioTripsByItsName(t *testing.T) {
	sc := silent("asserts", func(*actors.Cx) error { return nil })
	set := sc.Setup
	sc.Setup = func(r *lab.Run) {
		set(r)
		r.Check("never", func() error { return errors.New("as it must") })
		r.Finally("done", func() bool { return false })
	}
	res := search(t, sc, lab.Options{})
	if res.Violations["never"] != 1 || res.Violations[lab.Deadlock] != 1 || res.Failure.Check != "never" {
		t.Errorf("%v, %+v", res.Violations, res.Failure)
	}
}

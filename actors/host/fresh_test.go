package host_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

type (
	hold     struct{ in, gate chan struct{} }
	note     struct{ n int }
	farTimed struct {
		n  int
		at time.Time
	}
)

func init() { actors.Register(lanes.Timed, func(l farTimed) time.Time { return l.at }) }

// drained runs one actor that hangs until k notes wait behind it, is asked to end, and goes on. It gives what was
// handled, and the exit.
func drained(t *testing.T, o actors.Child, first func(*actors.Cx), k int) (handled int, e actors.Exit) {
	t.Helper()
	_, sys := world(t)
	o.Name, o.Doors = "a", true
	o.Behaviour = actors.Func(func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			first(cx)
		case hold:
			close(m.in)
			<-m.gate
		case note:
			handled++
		}
		return nil
	})
	ref, err := sys.Spawn(o)
	if err != nil {
		t.Fatal(err)
	}
	exit := make(chan actors.Exit, 1)
	sys.OnRetired(ref, func(e actors.Exit) { exit <- e })
	h := hold{make(chan struct{}), make(chan struct{})}
	send := func(m any) {
		if err := sys.Tell(ref, m); err != nil {
			t.Fatal(err)
		}
	}
	send(h)
	<-h.in
	for i := range k {
		send(note{i})
	}
	if err := sys.StopFromOutside(ref, regions.ReasonUser); err != nil {
		t.Fatal(err)
	}
	close(h.gate)
	e = got(t, exit, "the end")
	return handled, e
}

// TestR3DrainedBeforeTheRequestDoesNothing, as its comment says: Ready goes on until the lanes are empty.
func TestR3DrainedBeforeTheRequestDoesNothing(t *testing.T) {
	n := 0
	n, e := drained(t, actors.Child{}, func(cx *actors.Cx) { cx.Drained() }, 3)
	if n != 3 || e.Kind != actors.ExitShutdown {
		t.Errorf("%d of 3 messages were handled: %v", n, e)
	}
}

// TestR3ADrainThatIsDoneWithinItsBudgetIsNoKill: two deliveries are allowed, two are needed.
func TestR3ADrainThatIsDoneWithinItsBudgetIsNoKill(t *testing.T) {
	if n, e := drained(t, actors.Child{DrainDeliveries: 2}, func(*actors.Cx) {}, 2); n != 2 || e.Kind != actors.ExitShutdown {
		t.Errorf("%d of 2 messages were handled, and it ended as %v (%v)", n, e.Kind, e.Reason)
	}
}

// TestL2TimedIsByDeadlineAlsoWhereItIsFarAway.
func TestL2TimedIsByDeadlineAlsoWhereItIsFarAway(t *testing.T) {
	_, sys := world(t)
	var order []int
	done := make(chan struct{})
	ref, err := sys.Spawn(actors.Child{Name: "a", Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case hold:
			close(m.in)
			<-m.gate
		case farTimed:
			if order = append(order, m.n); len(order) == 2 {
				close(done)
			}
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	h := hold{make(chan struct{}), make(chan struct{})}
	for _, m := range []any{h, farTimed{2, time.Now().AddDate(400, 0, 0)}, farTimed{1, time.Now()}} {
		if err := sys.Tell(ref, m); err != nil {
			t.Fatal(err)
		}
		if _, is := m.(hold); is {
			<-h.in
		}
	}
	close(h.gate)
	<-done
	if !slices.Equal(order, []int{1, 2}) {
		t.Error("the later deadline came first:", order)
	}
}

// TestL1APromisedPlaceIsForMessagesOfReady: a Timed one has a deadline to keep, and no place behind others.
func TestL1APromisedPlaceIsForMessagesOfReady(t *testing.T) {
	_, sys := world(t)
	said := make(chan error, 1)
	sink := spawn(t, sys, "sink", func(*actors.Cx, any) error { return nil })
	spawn(t, sys, "a", func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			_, err := cx.Reserve(sink)
			return err
		case *actors.Permit:
			err := m.Send(cx, farTimed{1, time.Now()})
			if still := m.Send(cx, note{1}); still != nil {
				err = still
			}
			said <- err
		}
		return nil
	})
	if err := got(t, said, "the permit"); !errors.Is(err, codes.Of(codes.NotSendable)) {
		t.Error("a permit:", err)
	}
	if err := actors.TellWait(within(t), sys, sink, farTimed{1, time.Now()}); !errors.Is(err, codes.Of(codes.NotSendable)) {
		t.Error("TellWait:", err)
	}
}

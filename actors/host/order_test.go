package host_test

import (
	"fmt"
	"testing"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/lanes"
)

type numbered struct{ from, n int }

// TestL2OneSendersMessagesNeverOvertakeEachOther: also where the sender is moved between workers and its messages are
// handed off.
func TestL2OneSendersMessagesNeverOvertakeEachOther(t *testing.T) {
	h := host.New(host.Options{Workers: 4, Quantum: 3})
	closeAtEnd(t, h)
	sys := h.System()
	const senders, each = 8, 400
	done := make(chan string, senders+1) // capacity: one word of each sender, and a complaint; never closed
	var next [senders]int
	left := senders * each
	sink, err := sys.Spawn(actors.Child{Name: "sink", Lanes: lanes.Options{Ready: senders * each}, Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
		m, ok := msg.(numbered)
		if !ok {
			return nil
		}
		if m.n != next[m.from] {
			done <- fmt.Sprintf("sender %d: %d came where %d was next", m.from, m.n, next[m.from])
		}
		next[m.from] = m.n + 1
		if left--; left == 0 {
			done <- ""
		}
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	for i := range senders {
		n := 0
		ref := spawn(t, sys, fmt.Sprint("sender", i), func(cx *actors.Cx, msg any) error {
			if _, ok := msg.(nudge); !ok {
				return nil
			}
			for range 1 + n%3 { // some in one handler, some in the next
				if n < each {
					if err := cx.Tell(sink, numbered{i, n}); err != nil {
						return err
					}
					n++
				}
			}
			if n == each {
				return nil
			}
			return cx.Tell(cx.Self(), nudge{})
		})
		_ = sys.Tell(ref, nudge{})
	}
	if complaint := got(t, done, "all of them"); complaint != "" {
		t.Fatal(complaint)
	}
}

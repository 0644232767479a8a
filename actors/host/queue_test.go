package host_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// TestS5WhatWasQueuedFollowsTheChildsOption: three messages wait behind the one that kills the incarnation.
func TestS5WhatWasQueuedFollowsTheChildsOption(t *testing.T) {
	for _, row := range []struct {
		policy   actors.QueuePolicy
		handled  []string // by the second incarnation
		returned int      // to the sender, as Undelivered
		dead     uint64
		ask      *codes.Code // how the question among them ends; nil: answered
	}{
		{actors.QueueKeep, []string{"#2 1", "#2 2", "#2 ask"}, 0, 0, nil},
		{actors.QueueDrop, nil, 0, 3, codes.AskLost},
		{actors.QueueReturn, nil, 2, 1, codes.AskLost},
	} {
		t.Run(fmt.Sprint(row.policy), func(t *testing.T) {
			_, sys := world(t)
			j, gate, in := &journal{}, make(chan struct{}), make(chan struct{}, 1)
			child := func() actors.Behaviour {
				return actors.Func(func(cx *actors.Cx, msg any) error {
					switch m := msg.(type) {
					case boom:
						in <- struct{}{}
						<-gate
						return errors.New("killed by a message")
					case add:
						j.add(fmt.Sprintf("#%d %d", cx.Incarnation(), m.by))
					case *actors.Ask[get, int]:
						j.add(fmt.Sprintf("#%d ask", cx.Incarnation()))
						m.Reply(cx, 7)
					}
					return nil
				})
			}
			_, err := supervision.Run(sys, "sup", supervision.Spec{
				Budget: core.Budget{Restarts: 5, Window: time.Minute},
				Children: []supervision.Child{{
					Child: core.Child{Name: "c", Backoff: core.Backoff{Off: true}}, Start: child, Actor: actors.Child{Queue: row.policy},
				}},
			})
			if err != nil {
				t.Fatal(err)
			}
			c, back, answers := lookup(t, sys, "sup/c"), make(chan int, 8), make(chan error, 1)
			sender := spawn(t, sys, "sender", func(cx *actors.Cx, msg any) error {
				switch m := msg.(type) {
				case begin:
					_, err := actors.Request[get, int](cx, c, get{}, time.Minute)
					return errors.Join(cx.Tell(c, add{1}), cx.Tell(c, add{2}), err)
				case actors.Undelivered:
					if m.To != c {
						t.Errorf("it came back from %v", m.To)
					}
					back <- m.Msg.(add).by
				case actors.Answer[int]:
					answers <- m.Err
				}
				return nil
			})
			if err := sys.Tell(c, boom{}); err != nil {
				t.Fatal(err)
			}
			got(t, in, "the handler that dies")
			if err := sys.Tell(sender, begin{}); err != nil {
				t.Fatal(err)
			}
			settled(t, sys, sender)
			close(gate)
			if err := got(t, answers, "the answer"); row.ask == nil && err != nil || row.ask != nil && !errors.Is(err, codes.Of(row.ask)) {
				t.Fatal("the question ended with", err)
			}
			settled(t, sys, c)
			settled(t, sys, sender)
			j.mu.Lock()
			defer j.mu.Unlock()
			slices.Sort(j.lines)
			if !slices.Equal(j.lines, row.handled) || len(back) != row.returned {
				t.Fatalf("handled %v, %d came back; want %v and %d", j.lines, len(back), row.handled, row.returned)
			}
			var dead uint64
			for _, a := range sys.Snapshot() {
				if a.Path == "sup/c" {
					dead = a.Dead
				}
			}
			if dead != row.dead {
				t.Fatalf("%d dead letters, want %d", dead, row.dead)
			}
		})
	}
}

// settled waits until the actor has handled what was queued before this call.
func settled(t *testing.T, sys *actors.System, ref actors.Ref) {
	t.Helper()
	_, err := actors.Call[settle, struct{}](within(t), sys, ref, settle{})
	if err != nil && !errors.Is(err, codes.Of(codes.NoReply)) {
		t.Fatal(err)
	}
}

type settle struct{}

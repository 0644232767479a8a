package lanes_test

import (
	"testing"

	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/spec"
)

// rule is L3 as the table in spec says it, written a second time.
func rule(s lanes.Streak, w [3]bool) (lanes.Lane, bool) {
	applies := []bool{
		w[lanes.Ready] && s.Urgent >= spec.UrgentStreak, w[lanes.Timed] && s.Cancels >= spec.CancelStreak,
		w[lanes.Cancel], w[lanes.Timed], w[lanes.Ready],
	}
	name := map[string]lanes.Lane{"Cancel": lanes.Cancel, "Timed": lanes.Timed, "Ready": lanes.Ready}
	for i, yes := range applies {
		if yes {
			return name[spec.LaneRules[i].Take], true
		}
	}
	return 0, false
}

func TestL3ChooseEqualsTheTableOnItsWholeStateSpace(t *testing.T) {
	n := 0
	for u := range uint8(spec.UrgentStreak + 2) {
		for c := range uint8(spec.CancelStreak + 2) {
			for w := range 8 {
				waiting := [3]bool{w&1 > 0, w&2 > 0, w&4 > 0}
				s := lanes.Streak{Urgent: u, Cancels: c}
				got, _, ok := lanes.Choose(s, waiting)
				want, any := rule(s, waiting)
				if got != want || ok != any {
					t.Fatalf("%+v %v: got %s, the table says %s", s, waiting, got, want)
				}
				n++
			}
		}
	}
	t.Logf("%d states", n)
}

// wait is a state of the search: the streak, and for each lane how many deliveries its head has seen
// since it came to wait; -1 means that the lane is empty.
type wait struct {
	s    lanes.Streak
	seen [3]int8
}

// TestL3BoundsHoldExhaustively explores every reachable combination of streak and waiting times under
// every pattern of arrivals and departures, and measures the worst wait of each head. The delivery under
// way when a message arrives counts as one.
func TestL3BoundsHoldExhaustively(t *testing.T) {
	start := wait{seen: [3]int8{-1, -1, -1}}
	seen, todo := map[wait]bool{start: true}, []wait{start}
	var worst [3]int8
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for arrivals := range 8 {
			w := at
			for l := range w.seen {
				if w.seen[l] < 0 && arrivals&(1<<l) != 0 {
					w.seen[l] = 1 // the delivery under way
				}
			}
			l, next, ok := lanes.Choose(w.s, [3]bool{w.seen[0] >= 0, w.seen[1] >= 0, w.seen[2] >= 0})
			if !ok {
				continue
			}
			for k := range w.seen {
				if w.seen[k] >= 0 && lanes.Lane(k) != l {
					w.seen[k]++
				}
			}
			worst[l] = max(worst[l], w.seen[l])
			w.s = next
			for _, refill := range []int8{-1, 0} { // the lane is empty now, or its next message becomes the head
				n := w
				n.seen[l] = refill
				if n.seen[l] == 0 {
					n.seen[l] = 1
				}
				if !seen[n] {
					seen[n] = true
					todo = append(todo, n)
				}
			}
		}
	}
	want := [3]int8{spec.HeadCancelBound, spec.HeadTimedBound, spec.HeadReadyBound}
	if worst != want {
		t.Fatalf("worst waits %v, the rule promises %v", worst, want)
	}
	t.Logf("%d states, worst waits cancel %d, timed %d, ready %d", len(seen), worst[0], worst[1], worst[2])
}

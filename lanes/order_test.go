package lanes_test

import (
	"slices"
	"testing"

	"github.com/franken-node/fnode-supervisor/lanes"
)

// taken empties a mailbox and gives what came, by lane.
func taken(box *lanes.Mailbox[int, lanes.Live]) (out [3][]int) {
	for v, l, _, ok := box.Take(1); ok; v, l, _, ok = box.Take(1) {
		out[l] = append(out[l], v)
		box.Delivered(l, 1, false)
	}
	return out
}

// TestL2OrderInsideALane: Cancel and Ready by arrival, Timed by deadline, ties by arrival; also across a ring that
// has grown, and around messages that were taken out.
func TestL2OrderInsideALane(t *testing.T) {
	box := lanes.New[int](lanes.Options{Ready: 4096, Timed: 4096})
	never := func(old, _ int) (int, bool) { return old, false }
	var want [3][]int
	type timed struct{ due, v int }
	var due []timed
	const n = 2000
	for i := range n {
		box.Put(i)
		box.PutCancel(i, never)
		d := (i * 7919) % 101 // many ties
		box.PutTimed(int64(d), i)
		due = append(due, timed{d, i})
	}
	third := func(v int) bool { return v%3 == 0 }
	for l := range lanes.Lane(3) {
		box.Remove(l, third)
	}
	slices.SortStableFunc(due, func(a, b timed) int { return a.due - b.due })
	for i := range n {
		if !third(i) {
			want[lanes.Cancel] = append(want[lanes.Cancel], i)
			want[lanes.Ready] = append(want[lanes.Ready], i)
		}
		if !third(due[i].v) {
			want[lanes.Timed] = append(want[lanes.Timed], due[i].v)
		}
	}
	got := taken(box)
	for l := range got {
		if !slices.Equal(got[l], want[l]) {
			t.Errorf("%s: the order is wrong, from place %d on", lanes.Lane(l), firstDifference(got[l], want[l]))
		}
	}
}

func firstDifference(a, b []int) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// TestL5WhatIsBeingDrainedIsNotLost: between Drain and the account of each message the books are exact too.
func TestL5WhatIsBeingDrainedIsNotLost(t *testing.T) {
	box := lanes.New[int](lanes.Options{})
	for i := range 5 {
		box.Put(i)
	}
	exact := func(when string, depth int) {
		v, c := box.Look()
		if l := lanes.Ready; v[l].Depth != depth || c.Sent[l] != uint64(v[l].Depth)+c.Handled[l]+c.Dead[l]+c.Revoked[l] {
			t.Errorf("%s: depth %d, want %d; %+v", when, v[l].Depth, depth, c)
		}
	}
	exact("before", 5)
	if n := len(box.Drain(lanes.Ready)); n != 5 || box.Len() != 0 {
		t.Fatal(n, box.Len())
	}
	exact("drained", 5)
	box.Dead(lanes.Ready, 3)
	exact("some are dead", 2)
	box.Revoked(lanes.Ready, 2)
	exact("the others are revoked", 0)
}

// TestL4AnEmptyLaneOfOneIsPromisedOnce: the limit of a lane whose places are all promised is zero, not very large.
func TestL4AnEmptyLaneOfOneIsPromisedOnce(t *testing.T) {
	box := lanes.New[int](lanes.Options{Ready: 1})
	if !box.Reserve(lanes.Ready) || box.Reserve(lanes.Ready) {
		t.Fatal("one place is promised once")
	}
	if _, r, _ := box.Put(1); r != lanes.Refused {
		t.Fatal("a promised place was taken")
	}
}

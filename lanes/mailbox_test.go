package lanes_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/franken-node/fnode-supervisor/lanes"
)

// model is a mailbox written the slow way.
type model struct {
	opts     lanes.Options
	streak   lanes.Streak
	q        [3][]item
	reserved [3]int
	order    int
}

type item struct {
	v, order int
	due      int64
	promised bool
}

func (m *model) room(l lanes.Lane) bool {
	most := m.opts.Ready
	if l == lanes.Timed {
		most = m.opts.Timed
	}
	return len(m.q[l])+m.reserved[l] < most
}

func (m *model) put(l lanes.Lane, v int, due int64, promised bool) {
	m.order++
	m.q[l] = append(m.q[l], item{v, m.order, due, promised})
	slices.SortStableFunc(m.q[lanes.Timed], func(a, b item) int {
		if a.due != b.due {
			return int(a.due - b.due)
		}
		return a.order - b.order
	})
}

func (m *model) take() (int, lanes.Lane, bool) {
	l, next, ok := lanes.Choose(m.streak, [3]bool{len(m.q[0]) > 0, len(m.q[1]) > 0, len(m.q[2]) > 0})
	if !ok {
		return 0, 0, false
	}
	m.streak = next
	v := m.q[l][0].v
	m.q[l] = m.q[l][1:]
	return v, l, true
}

// TestL5AnyStoryEqualsTheModel plays random operations against the model: order (L2), choice (L3), bounds and
// reservations (L4), and the books after every step (L5).
func TestL5AnyStoryEqualsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := lanes.Options{Ready: rapid.IntRange(1, 4).Draw(t, "ready"), Timed: rapid.IntRange(1, 4).Draw(t, "timed"), Overflow: lanes.Overflow(rapid.IntRange(0, 1).Draw(t, "overflow"))}
		box, m := lanes.New[int](o), &model{opts: o}
		for v := range rapid.IntRange(1, 80).Draw(t, "steps") {
			step(t, box, m, v)
			look, c := box.Look()
			for l := range look {
				if look[l].Depth != len(m.q[l]) {
					t.Fatalf("lane %d: depth %d, the model has %d", l, look[l].Depth, len(m.q[l]))
				}
				inDelivery := c.Taken[l] - c.Handled[l]
				if c.Sent[l] != uint64(look[l].Depth)+inDelivery+c.Handled[l]+c.Dead[l]+c.Refused[l]+c.Merged[l]+c.Revoked[l] {
					t.Fatalf("L5, lane %d: %+v", l, c)
				}
			}
		}
	})
}

func step(t *rapid.T, box *lanes.Mailbox[int, lanes.Live], m *model, v int) {
	due := rapid.Int64Range(1, 5).Draw(t, "due")
	switch op := rapid.IntRange(0, 10).Draw(t, "op"); op {
	case 0, 1:
		_, got, old := box.Put(v)
		oldest := slices.IndexFunc(m.q[lanes.Ready], func(x item) bool { return !x.promised })
		switch {
		case m.room(lanes.Ready):
			m.put(lanes.Ready, v, 0, false)
		case m.opts.Overflow == lanes.DropOldest && oldest >= 0:
			if got != lanes.Dropped || *old != m.q[lanes.Ready][oldest].v {
				t.Fatalf("%v, the oldest to drop is %d", got, m.q[lanes.Ready][oldest].v)
			}
			m.q[lanes.Ready] = slices.Delete(m.q[lanes.Ready], oldest, oldest+1)
			m.put(lanes.Ready, v, 0, false)
		case got != lanes.Refused:
			t.Fatalf("a full lane took it: %v", got)
		}
	case 2:
		_, got := box.PutTimed(due, v)
		if room := m.room(lanes.Timed); (got == lanes.Queued) != room {
			t.Fatal("the bound of Timed does not hold")
		} else if room {
			m.put(lanes.Timed, v, due, false)
		}
	case 3: // Cancel: even numbers merge into the larger
		box.PutCancel(v, func(old, add int) (int, bool) { return max(old, add), old%2 == 0 && add%2 == 0 })
		i := slices.IndexFunc(m.q[lanes.Cancel], func(x item) bool { return x.v%2 == 0 && v%2 == 0 })
		if i < 0 {
			m.put(lanes.Cancel, v, 0, false)
		} else {
			m.q[lanes.Cancel][i].v = max(m.q[lanes.Cancel][i].v, v)
		}
	case 4:
		l := rapid.SampledFrom([]lanes.Lane{lanes.Timed, lanes.Ready}).Draw(t, "lane")
		if box.Reserve(l) != m.room(l) {
			t.Fatal("a reservation beside the bound")
		} else if m.room(l) {
			m.reserved[l]++
		}
	case 5:
		l := rapid.SampledFrom([]lanes.Lane{lanes.Timed, lanes.Ready}).Draw(t, "lane")
		if m.reserved[l] == 0 {
			return
		}
		m.reserved[l]--
		if rapid.Bool().Draw(t, "use") {
			box.PutReserved(nil, l, due, v)
			m.put(l, v, due, true)
		} else {
			box.Release(l)
		}
	case 6:
		l := lanes.Lane(rapid.IntRange(0, 2).Draw(t, "lane"))
		odd := func(x int) bool { return x%2 == 1 }
		n := box.Remove(l, odd)
		before := len(m.q[l])
		m.q[l] = slices.DeleteFunc(m.q[l], func(x item) bool { return odd(x.v) })
		if n != before-len(m.q[l]) {
			t.Fatal("removed", n)
		}
	case 7: // a last word, beside the bound
		box.PutExtra(v)
		m.put(lanes.Ready, v, 0, true)
	default:
		gv, gl, _, gok := box.Take(1)
		wv, wl, wok := m.take()
		if gv != wv || gl != wl || gok != wok {
			t.Fatalf("took %d of %s (%v), the model %d of %s (%v)", gv, gl, gok, wv, wl, wok)
		}
		if gok {
			box.Delivered(gl, 1, false)
		}
	}
}

// TestExactlyOneWakePerActivation: many producers, one consumer at a time, nothing lost and never two.
func TestExactlyOneWakePerActivation(t *testing.T) {
	const producers, each = 8, 5000
	box := lanes.New[int](lanes.Options{Ready: producers * each})
	wakes := make(chan lanes.Ticket, producers*each) // capacity: every message could wake; closed when all are sent
	var inside, taken atomic.Int64
	var wg, consumers sync.WaitGroup
	for range producers {
		wg.Go(func() { // owner: wg; ends: after its puts
			for i := range each {
				if k, _, _ := box.Put(i); k != 0 {
					wakes <- k
				}
			}
		})
	}
	for range 3 {
		consumers.Go(func() { // owner: consumers; ends: wakes is closed
			for k := range wakes {
				if !box.Claim(k) {
					t.Error("a ticket of Ready was outdated")
				}
				if inside.Add(1) != 1 {
					t.Error("two consumers at once")
				}
				for more := true; more; {
					if _, l, _, ok := box.Take(1); ok {
						taken.Add(1)
						box.Delivered(l, 1, false)
						continue
					}
					inside.Add(-1)
					if more = !box.Rest(); more {
						inside.Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	for taken.Load() < producers*each {
	}
	close(wakes)
	consumers.Wait()
}

func TestL6TheRunQueueServesEveryWorkerAndHigherClassesFirst(t *testing.T) {
	q := lanes.NewRunQueue[int]()
	for i := range 10 {
		q.Push(lanes.Ready, i)
	}
	q.Push(lanes.Cancel, 100)
	if v, _ := q.Next(); v != 100 || q.Above(lanes.Ready) || q.Len() != 10 {
		t.Fatal("the cancel was not first:", v, q.Len())
	}
	var wg sync.WaitGroup
	var sum atomic.Int64
	for range 4 {
		wg.Go(func() { // owner: wg; ends: the queue is closed and empty
			for v, ok := q.Next(); ok; v, ok = q.Next() {
				sum.Add(int64(v))
			}
		})
	}
	for i := range 1000 {
		q.Push(lanes.Lane(i%3), 1)
	}
	q.Close()
	wg.Wait()
	if sum.Load() != 45+1000 {
		t.Fatal(sum.Load())
	}
}

func BenchmarkTell(b *testing.B) {
	for _, producers := range []int{1, 8} {
		b.Run(fmt.Sprint("producers=", producers), func(b *testing.B) {
			box := lanes.New[int](lanes.Options{Ready: 1 << 20})
			b.SetParallelism(max(1, producers/2))
			var n atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					box.Put(1)
					if n.Add(1)%64 == 0 {
						for _, l, _, ok := box.Take(1); ok; _, l, _, ok = box.Take(1) {
							box.Delivered(l, 1, false)
						}
					}
				}
			})
		})
	}
}

// TestL4NoPlaceIsPromisedBesideTheBound: also where nothing was ever queued.
func TestL4NoPlaceIsPromisedBesideTheBound(t *testing.T) {
	box := lanes.New[int](lanes.Options{Ready: 2})
	for i, want := range []bool{true, true, false, false} {
		if box.Reserve(lanes.Ready) != want {
			t.Fatalf("promise %d: not %v", i, want)
		}
	}
	if _, got, _ := box.Put(1); got != lanes.Refused {
		t.Fatal("a promised place was taken:", got)
	}
	box.PutReserved(nil, lanes.Ready, 0, 2)
	box.Release(lanes.Ready)
	if _, got, _ := box.Put(3); got != lanes.Queued {
		t.Fatal("a place that was given back is not free:", got)
	}
}

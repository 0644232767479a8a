package lanes

import (
	"runtime"
	"testing"
)

// at runs do once, before the nth step of whatever goes on, with no hook.
type atStep struct {
	when func() bool
	do   func()
	done bool
}

func (a *atStep) step() {
	if a.done || !a.when() {
		return
	}
	a.done = true
	hook = nil
	a.do()
	hook = a
}
func (a *atStep) saw(uint64) {}
func (a *atStep) wait()      { runtime.Gosched() }

// chainLen is how many segments are reachable from a segment.
func chainLen(s *segment[*[64]byte, Live]) (n int) {
	for ; s != nil && n < 1_000_000; n++ {
		s = s.succ.load()
	}
	return n
}

func TestL4EmptySegmentsAreLetGo(t *testing.T) {
	const size = 100_000
	m := New[*[64]byte](Options{Ready: size})
	first := m.open().head
	var ms runtime.MemStats
	for round := range 40 {
		for range size {
			if _, r, _ := m.Put(nil); r != Queued {
				t.Fatal(r)
			}
		}
		for range size {
			if _, l, _, ok := m.Take(1); ok {
				m.Delivered(l, 1, false)
			}
		}
		if round%8 == 7 {
			runtime.GC()
			runtime.ReadMemStats(&ms)
			t.Logf("round %d: empty mailbox, %d segments reachable from queue.first, heap %d KB", round, chainLen(first), ms.HeapAlloc>>10)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&ms)
	if n := chainLen(first); n > 10 {
		t.Errorf("an empty mailbox keeps %d empty segments (heap %d KB)", n, ms.HeapAlloc>>10)
	}
	runtime.KeepAlive(m)
}

func TestL4EmptySegmentsAreLetGoAtTheDefaultBound(t *testing.T) {
	m := New[*[64]byte](Options{})
	first := m.open().head
	put := 0
	for range 2_000 {
		for range 1024 {
			m.Put(nil)
			put++
		}
		for range 1024 {
			if _, l, _, ok := m.Take(1); ok {
				m.Delivered(l, 1, false)
			}
		}
	}
	if n := chainLen(first); n > 10 {
		t.Errorf("after %d messages an empty mailbox keeps %d empty segments", put, n)
	}
}

// A put that extends the chain stands between succ.store(n) and tail.store(n), while the consumer goes to n and retires s.
func stalledExtension(t *testing.T, cap int, then func(m *Mailbox[int, eyed])) {
	m := newEyed[int](Options{Ready: cap})
	drain := func() {
		for {
			_, l, _, ok := m.Take(1)
			if !ok {
				return
			}
			m.Delivered(l, 1, false)
		}
	}
	for m.open().tail.load().size() < largest {
		m.Put(1)
		drain()
		m.Put(1)
		m.Put(1)
		m.Put(1)
		m.Put(1)
		m.Put(1)
		drain()
	}
	s := m.now().tail.load()
	for !s.full() {
		m.Put(1)
		if !s.full() {
			drain()
		}
	}
	drained := false
	a := &atStep{when: func() bool {
		return s.succ.v() != nil || m.now().tail.p.Load() != s
	}, do: func() { drained = true; drain(); then(m) }}
	hook = a
	m.Put(2)
	hook = nil
	if !drained {
		t.Fatal("the step was not met")
	}
}

func (l *link[T, S]) v() *T { return l.p.Load() }

func TestL5TheBooksAgreeWhileASegmentFollows(t *testing.T) {
	stalledExtension(t, 4096, func(m *Mailbox[int, eyed]) {
		v, c := m.Look()
		if v[Ready].Depth < 0 || c.Sent[Ready] != uint64(v[Ready].Depth)+c.Taken[Ready] || m.Len() < 0 {
			t.Errorf("L5: depth %d, len %d; sent %d, handled %d", v[Ready].Depth, m.Len(), c.Sent[Ready], c.Handled[Ready])
		}
	})
}

func TestL4NoPlaceIsPromisedBesideTheBoundWhileASegmentFollows(t *testing.T) {
	stalledExtension(t, 8, func(m *Mailbox[int, eyed]) {
		n := 0
		for n < 1000 && m.Reserve(Ready) {
			n++
		}
		if n > 8 {
			t.Errorf("L4: a lane of 8 promised %d places", n)
		}
	})
}

func TestL6ACancelThatComesWhileASlotIsQueuedAnewIsQueuedAsCancel(t *testing.T) {
	for _, name := range []string{"requeue", "start"} {
		t.Run(name, func(t *testing.T) {
			m := newEyed[int](Options{})
			tk, _, _ := m.Put(1)
			m.Put(2)
			m.Claim(tk)
			_, l, _, _ := m.Take(1)
			m.Delivered(l, 1, false)
			if name == "start" {
				m.Park()
			}
			n := 0 // steps until the compare-and-swap of issue
			hook = &atStep{when: func() bool { n++; return false }}
			_, _ = m.turn.w.load(), m.Class()
			hook = nil
			at, last := 0, Ticket(0)
			a := &atStep{when: func() bool { at++; return at == n+1 }, do: func() {
				last = m.PutCancel(urgentFrom, func(old, _ int) (int, bool) { return old, false })
			}}
			hook = a
			var k Ticket
			if name == "start" {
				k = m.Start()
			} else {
				k = m.Requeue()
			}
			hook = nil
			if !a.done {
				t.Fatal("the step was not met")
			}
			if m.Class() == Cancel && k.Class() != Cancel && last == 0 {
				t.Errorf("L6: a Cancel waits, and the slot was queued once, in %s", k.Class())
			}
		})
	}
}

// The protocol of a slot that is shut (Slot.close, sweepIfShut): the lanes are drained, and whoever put a message after
// drains them again; also who was refused, behind whose void place a message may lie.
func TestL5NothingStaysInASlotThatIsGoneBehindAPutThatIsRefused(t *testing.T) {
	m := newEyed[int](Options{Ready: 1})
	m.Reserve(Ready)
	var swept []int
	a := &atStep{when: func() bool { return m.now().void.v.Load() == 1 }, do: func() {
		m.Release(Ready)                      // a promise is given back
		if _, r, _ := m.Put(2); r != Queued { // another sender, behind the place that is void but not marked yet
			t.Fatal(r)
		}
		swept = append(swept, m.Drain(Ready)...) // retire
		swept = append(swept, m.Drain(Ready)...) // the other sender: sweepIfGone
	}}
	hook = a
	_, r, _ := m.Put(1)
	hook = nil
	if !a.done {
		t.Fatal("the step was not met")
	}
	if r != Refused {
		t.Fatal(r)
	}
	swept = append(swept, m.Drain(Ready)...) // who was refused sweeps as well (Slot.accepted)
	if len(swept) != 1 {
		t.Errorf("L5, O3: %v was swept, %d waits in a slot that is gone, and nobody looks there any more", swept, m.Len())
	}
}

// TestL4CancelsThatDoNotMergeAreNotCompared: 20,000 ends of children in one lane took 28 us each, under the lock.
func TestL4CancelsThatDoNotMergeAreNotCompared(t *testing.T) {
	m, compared := New[int](Options{}), 0
	merge := func(old, _ int) (int, bool) { compared++; return old, false }
	m.PutCancel(0, merge)
	for i := range 1000 {
		m.PutCancel(i, nil)
	}
	if compared > 0 || m.Len() != 1001 {
		t.Errorf("%d comparisons, %d wait", compared, m.Len())
	}
	if m.PutCancel(0, merge); compared != 1001 {
		t.Errorf("one that may merge was compared with %d of 1001", compared)
	}
}

func TestL5TheBooksGoOnWhereRoomWithVoidPlacesIsGivenBack(t *testing.T) {
	m := newEyed[int](Options{Ready: 1})
	for round := range uint64(3) {
		m.Put(1)
		m.Put(2) // its place is void
		_, l, _, _ := m.Take(1)
		m.Delivered(l, 1, false)
		if m.Trim(); m.now() != nil {
			t.Fatal("the room was kept")
		}
		n := round + 1
		if v, c := m.Look(); v[Ready].Depth != 0 || c.Sent[Ready] != 2*n || c.Refused[Ready] != n || c.Taken[Ready] != n || m.Free(Ready) != 1 {
			t.Fatalf("L5: %+v, %+v", v[Ready], c)
		}
	}
}

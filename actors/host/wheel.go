package host

import (
	"container/heap"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
)

// wheel fires the timers of the process, earliest first, from one goroutine.
type wheel struct {
	mu    sync.Mutex
	heap  timers        // guarded by mu
	wake  chan struct{} // capacity 1; never closed: the earliest timer changed
	done  chan struct{} // capacity 0; closed by stop
	order uint64        // guarded by mu: ties by arming
}

type entry struct {
	at    time.Time
	order uint64
	t     *actors.Timer
	i     int // place in the heap; -1 when out of it
}

type timers []*entry

func (h timers) Len() int { return len(h) }
func (h timers) Less(a, b int) bool {
	if !h[a].at.Equal(h[b].at) {
		return h[a].at.Before(h[b].at)
	}
	return h[a].order < h[b].order
}
func (h timers) Swap(a, b int) { h[a], h[b] = h[b], h[a]; h[a].i, h[b].i = a, b }

// Push is for container/heap.
func (h *timers) Push(x any) { e := x.(*entry); e.i = len(*h); *h = append(*h, e) }

// Pop is for container/heap.
func (h *timers) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.i = -1
	return e
}

func newWheel() *wheel {
	return &wheel{wake: make(chan struct{}, 1), done: make(chan struct{})}
}

func (w *wheel) stop() { close(w.done) }

// arm adds t and returns what forgets it.
func (w *wheel) arm(at time.Time, t *actors.Timer) func() {
	w.mu.Lock()
	w.order++
	e := &entry{at: at, order: w.order, t: t}
	heap.Push(&w.heap, e)
	first := e.i == 0
	w.mu.Unlock()
	if first {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if e.i >= 0 {
			heap.Remove(&w.heap, e.i)
		}
	}
}

func (w *wheel) run() {
	clock := time.NewTimer(time.Hour)
	defer clock.Stop()
	for {
		clock.Reset(w.fire(time.Now()))
		select {
		case <-w.done:
			return
		case <-w.wake:
		case <-clock.C:
		}
	}
}

// fire fires what is due and says how long the next one takes.
func (w *wheel) fire(now time.Time) time.Duration {
	for {
		w.mu.Lock()
		if len(w.heap) == 0 {
			w.mu.Unlock()
			return time.Hour
		}
		if d := w.heap[0].at.Sub(now); d > 0 {
			w.mu.Unlock()
			return d
		}
		e := heap.Pop(&w.heap).(*entry)
		w.mu.Unlock()
		e.t.Fire()
	}
}

package host

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
)

// worker is one goroutine that delivers.
type worker struct {
	h    *Host                       // immutable
	seq  atomic.Uint64               // odd inside a delivery; written by the worker
	slot atomic.Pointer[actors.Slot] // written by the worker
	next atomic.Pointer[turn]        // nil: open; &shut: no handler under way; else its hand-off
	seat actors.Seat                 // immutable: the worker itself
	left sync.Once                   // the WaitGroup is left once: at the end, or when given up

	seen    uint64           // owned by the monitor
	since   time.Time        // owned by the monitor
	slow    bool             // owned by the monitor: counted, and has a spare beside it
	stuck   bool             // owned by the monitor: counted
	life    base.Incarnation // owned by the monitor: whose handler is slow
	lost    atomic.Uint64    // the seq of the delivery that was given up; written under fencing
	fencing sync.Mutex
}

func (h *Host) startWorker() {
	w := &worker{h: h}
	w.seat.By = w
	w.next.Store(&shut)
	h.mu.Lock()
	h.workers[w] = struct{}{}
	h.mu.Unlock()
	h.joined.Add(1)
	h.count.Add(1)
	go w.loop() // owner: Shutdown joins it, unless a stuck handler holds it; ends: the queue is closed, or it is surplus
}

func (w *worker) loop() {
	defer w.left.Do(w.h.joined.Done)
	defer func() {
		w.h.count.Add(-1)
		w.h.mu.Lock()
		delete(w.h.workers, w)
		w.h.mu.Unlock()
	}()
	for {
		e, ok := w.h.queue.Next()
		if !ok {
			return
		}
		if e.s.Claim(e.t) {
			w.serve(e.s)
		}
		if w.surplus() {
			return
		}
	}
}

// serve delivers to one slot for a quantum, and to those that it hands off to for the rest of it (L6).
func (w *worker) serve(s *actors.Slot) {
	w.h.busy.Add(1)
	defer w.h.busy.Add(-1)
	if w.h.sleeping.Load() {
		select {
		case w.h.monitor <- struct{}{}:
		default:
		}
	}
	for left := w.h.opts.Quantum; s != nil; {
		s, left = w.turn(s, left)
	}
}

// turn delivers to s until it rests, its quantum ends, a higher class waits, or a hand-off runs next.
func (w *worker) turn(s *actors.Slot, left int) (next *actors.Slot, rest int) {
	for ; left > 0; left-- {
		more, e, handed := w.deliver(s)
		switch {
		case handed:
			if more == actors.More {
				w.requeue(s)
			}
			return w.take(e, left-1), left - 1
		case more != actors.More:
			return nil, left
		case w.h.queue.Above(s.Class()):
			w.requeue(s)
			return nil, 0
		}
	}
	w.requeue(s)
	return nil, 0
}

func (w *worker) requeue(s *actors.Slot) { w.h.push(turn{s, s.Requeue()}) }

func (w *worker) deliver(s *actors.Slot) (more actors.Next, e turn, handed bool) {
	s.Sit(&w.seat)
	w.slot.Store(s)
	w.next.Store(nil)
	w.seq.Add(1)
	more = s.Deliver()
	w.seq.Add(1)
	w.h.stats.Deliveries.Add(1)
	if n := w.next.Swap(&shut); n != nil && n != &shut {
		return more, *n, true
	}
	return more, e, false
}

// shut stands in worker.next where no handler is under way: offers are refused.
var shut turn

// offer takes a slot that the handler under way has made runnable; false: it has one, or has returned.
func (w *worker) offer(e turn) bool { return w.next.CompareAndSwap(nil, &e) }

// take says whether the hand-off runs next. It passes neither a Cancel nor a due Timed, and has to
// wait its turn once the quantum is over.
func (w *worker) take(e turn, left int) *actors.Slot {
	if left == 0 || w.h.queue.Above(lanes.Ready) {
		w.h.push(e)
		return nil
	}
	if !e.s.Claim(e.t) {
		return nil // it was queued anew, in a higher class
	}
	w.h.stats.HandOffs.Add(1)
	return e.s
}

// yield gives the hand-off of a handler that goes on and on to the other workers.
func (w *worker) yield() {
	if n := w.next.Swap(&shut); n != nil && n != &shut {
		w.h.push(*n)
	}
}

// surplus says whether this worker should end: a spare was started while another was held.
func (w *worker) surplus() bool {
	for {
		n := w.h.surplus.Load()
		if n <= 0 {
			return false
		}
		if w.h.surplus.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// release lets Shutdown go on without a worker that a stuck handler holds. The caller holds h.mu.
func (w *worker) release() {
	if seq := w.seq.Load(); seq%2 == 1 && seq == w.lost.Load() {
		w.left.Do(w.h.joined.Done)
	}
}

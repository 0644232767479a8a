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
	seq  atomic.Uint64               // counts deliveries as they begin; written by the worker
	slot atomic.Pointer[actors.Slot] // whom it serves; nil: nobody; written by the worker
	next atomic.Pointer[actors.Slot] // nil: open; shut: nobody is served, or the monitor took it; else the hand-off
	seat actors.Seat                 // immutable: the worker itself
	left sync.Once                   // the WaitGroup is left once: at the end, or when given up

	seen    uint64           // owned by the monitor
	since   time.Time        // owned by the monitor
	slow    bool             // owned by the monitor: counted, and has a spare beside it
	stuck   bool             // owned by the monitor: counted
	quantum int              // owned by the worker: deliveries left
	goOn    func() bool      // immutable: again
	handed  uint64           // owned by the worker: hand-offs that are not counted in the host's stats yet
	counted uint64           // owned by the worker: deliveries that are
	life    base.Incarnation // owned by the monitor: whose handler is slow
	lost    atomic.Uint64    // the seq of the delivery that was given up; written under fencing
	fencing sync.Mutex
}

func (h *Host) startWorker() {
	w := &worker{h: h, counted: 1}
	w.seq.Store(1) // zero is the delivery that was not given up
	w.seat.By, w.goOn = w, w.again
	w.next.Store(shut)
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
	w.next.Store(nil)
	for left := w.h.opts.Quantum; s != nil; {
		s, left = w.turn(s, left)
	}
	w.slot.Store(nil)
	w.yield()
	w.count()
}

// count brings what the worker did into the host's stats.
func (w *worker) count() {
	w.h.stats.Deliveries.Add(w.seq.Load() - w.counted)
	w.h.stats.HandOffs.Add(w.handed)
	w.counted, w.handed = w.seq.Load(), 0
}

// turn delivers to s until it rests, its quantum ends, a higher class waits, or a hand-off runs next.
func (w *worker) turn(s *actors.Slot, left int) (next *actors.Slot, rest int) {
	s.Sit(&w.seat)
	w.slot.Store(s)
	w.quantum = left
	for {
		w.seq.Add(1)
		w.quantum--
		more := s.Serve(w.goOn)
		if w.quantum <= 0 && w.h.queue.Len() == 0 { // nobody waits for a turn
			w.count()
			w.quantum = w.h.opts.Quantum
		}
		switch n := w.offered(); {
		case n != nil:
			if more == actors.More {
				w.requeue(s)
			}
			return w.take(n, w.quantum), w.quantum
		case more != actors.More:
			return nil, w.quantum
		case w.quantum <= 0 || w.h.queue.Above(lanes.Ready) && w.h.queue.Above(s.Class()):
			w.requeue(s)
			return nil, 0
		}
	}
}

// again says whether the worker delivers to the same slot once more before it looks around: nothing was handed to it,
// its quantum lasts, and nothing urgent waits.
func (w *worker) again() bool {
	if w.quantum <= 0 || w.next.Load() != nil || w.h.queue.Above(lanes.Ready) {
		return false
	}
	w.quantum--
	w.seq.Add(1)
	return true
}

func (w *worker) requeue(s *actors.Slot) { w.h.push(turn{s, s.Requeue()}) }

// offered takes the hand-off of the handler that has just returned; nil: there is none.
func (w *worker) offered() *actors.Slot {
	if w.next.Load() == nil {
		return nil
	}
	if n := w.next.Swap(nil); n != shut {
		return n
	}
	return nil
}

// shut stands in worker.next where offers are refused.
var shut = new(actors.Slot)

// offer takes a slot that the handler under way has made runnable; false: it has one, or has returned.
func (w *worker) offer(s *actors.Slot) bool {
	return w.next.Load() == nil && w.next.CompareAndSwap(nil, s)
}

// take says whether the hand-off runs next. It passes neither a Cancel nor a due Timed, and has to
// wait its turn once the quantum is over.
func (w *worker) take(s *actors.Slot, left int) *actors.Slot {
	if left <= 0 || w.h.queue.Above(lanes.Ready) {
		w.h.pushed(s)
		return nil
	}
	if !s.ClaimReady() {
		return nil // it was queued anew, in a higher class
	}
	w.handed++
	return s
}

// yield gives the hand-off of a handler that goes on and on to the other workers, and takes no other.
func (w *worker) yield() {
	if s := w.next.Swap(shut); s != nil && s != shut {
		w.h.pushed(s)
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
	if w.slot.Load() != nil && w.seq.Load() == w.lost.Load() {
		w.left.Do(w.h.joined.Done)
	}
}

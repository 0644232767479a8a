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
	seq  atomic.Uint64               // changes when a delivery begins in another tick of the clock than the last; written by the worker
	slot atomic.Pointer[actors.Slot] // whom it serves; nil: nobody; written by the worker
	left sync.Once                   // the WaitGroup is left once: at the end, or when given up

	seen    uint64           // owned by the monitor
	since   time.Time        // owned by the monitor
	slow    bool             // owned by the monitor: counted, and has a spare beside it
	stuck   bool             // owned by the monitor: counted
	at      *actors.Slot     // owned by the worker: slot
	tick    int64            // owned by the worker: the clock when seq changed
	quantum int              // owned by the worker: deliveries left
	handed  uint64           // owned by the worker: hand-offs that are not counted in the host's stats yet
	served  uint64           // owned by the worker: deliveries that are not
	life    base.Incarnation // owned by the monitor: whose handler is slow
	lost    atomic.Uint64    // the seq of the delivery that was given up; written under fencing
	fencing sync.Mutex
}

func (h *Host) startWorker() {
	w := &worker{h: h}
	w.seq.Store(1) // zero is the delivery that was not given up
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
	w.seq.Add(1)
	w.quantum = w.h.opts.Quantum
	w.sit(s)
	s.Serve(w)
	w.slot.Store(nil)
	w.count()
}

// count brings what the worker did into the host's stats.
func (w *worker) count() {
	w.h.stats.Deliveries.Add(w.served)
	w.h.stats.HandOffs.Add(w.handed)
	w.served, w.handed = 0, 0
}

// sit begins to deliver to s.
func (w *worker) sit(s *actors.Slot) {
	w.at = s
	w.slot.Store(s)
	w.begin()
}

// After goes on with s until it rests, the quantum ends, a higher class waits, or a hand-off runs next.
func (w *worker) After(s *actors.Slot, then actors.Next) *actors.Slot {
	if w.quantum <= 0 && w.h.queue.Len() == 0 { // nobody waits for a turn
		w.count()
		w.quantum = w.h.opts.Quantum
	}
	n, offered := w.take(s)
	switch {
	case offered:
		if then == actors.More {
			w.requeue(s)
		}
		if n != nil {
			w.handed++
			w.sit(n)
		}
		return n
	case then != actors.More:
		return nil
	case w.quantum <= 0 || w.h.queue.Above(lanes.Ready) && w.h.queue.Above(s.Class()):
		w.requeue(s)
		return nil
	}
	w.begin()
	return s
}

// begin counts a delivery that begins. Who looks on needs to tell it only from those of other ticks: what lasts longer
// than one is all that he looks for.
func (w *worker) begin() {
	w.quantum--
	w.served++
	if t := w.h.clock.Load(); t != w.tick || w.lost.Load() != 0 {
		w.tick = t
		w.seq.Add(1)
	}
}

// Again says whether the worker delivers to the same slot once more before it looks around: nothing was handed to it,
// its quantum lasts, and nothing urgent waits.
func (w *worker) Again() bool {
	if w.quantum <= 0 || w.at.Offers() || w.h.queue.Above(lanes.Ready) {
		return false
	}
	w.begin()
	return true
}

func (w *worker) requeue(s *actors.Slot) { w.h.push(turn{s, s.Requeue()}) }

// take looks for what the handler of s has handed on, and says whether there was something. n runs next, unless a Cancel
// or a due Timed waits, which it does not pass, or the quantum is over.
func (w *worker) take(s *actors.Slot) (n *actors.Slot, offered bool) {
	if w.quantum > 0 && !w.h.queue.Above(lanes.Ready) {
		n = s.ClaimOffered()
		return n, n != nil
	}
	back, t := s.TakeBack()
	if t != 0 {
		w.h.push(turn{back, t})
	}
	return nil, t != 0
}

// withhold gives what the handler of s has handed on to the other workers: it goes on and on.
func (w *worker) withhold(s *actors.Slot) {
	if n, t := s.Withhold(); t != 0 {
		w.h.push(turn{n, t})
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

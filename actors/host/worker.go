package host

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
)

// worker is one goroutine that delivers.
type worker struct {
	h    *Host                       // immutable
	seq  atomic.Uint64               // odd inside a delivery; written by the worker
	slot atomic.Pointer[actors.Slot] // written by the worker
	left sync.Once                   // the WaitGroup is left once: at the end, or when given up

	seen  uint64    // owned by the monitor
	since time.Time // owned by the monitor
	slow  bool      // owned by the monitor: counted, and has a spare beside it
	stuck bool      // owned by the monitor: counted
}

func (h *Host) startWorker() {
	w := &worker{h: h}
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

// serve delivers to one slot for a quantum, or until a higher class waits (L6).
func (w *worker) serve(s *actors.Slot) {
	w.h.busy.Add(1)
	defer w.h.busy.Add(-1)
	if w.h.sleeping.Load() {
		select {
		case w.h.monitor <- struct{}{}:
		default:
		}
	}
	for range w.h.opts.Quantum {
		if w.deliver(s) != actors.More {
			return
		}
		if w.h.queue.Above(s.Class()) {
			break
		}
	}
	w.h.Ready(s, s.Requeue())
}

func (w *worker) deliver(s *actors.Slot) actors.Next {
	w.slot.Store(s)
	w.seq.Add(1)
	next := s.Deliver()
	w.seq.Add(1)
	w.h.stats.Deliveries.Add(1)
	return next
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
	if w.seq.Load()%2 == 1 && w.slot.Load().Fenced() {
		w.left.Do(w.h.joined.Done)
	}
}

package host

import (
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
)

const tick = 500 * time.Microsecond // of the coarse clock

// watch keeps the coarse clock while anything is done, and looks at the workers every millisecond while one of them is
// busy (L6): a handler that holds its
// worker gets a spare worker beside it; one over its stuck budget is fenced when it is in the way.
func (h *Host) watch() {
	t := time.NewTicker(tick)
	defer t.Stop()
	quiet := 0
	for odd := true; ; odd = !odd {
		select {
		case <-h.done:
			return
		case <-t.C:
		}
		h.clock.Store(time.Now().UnixNano())
		if h.busy.Load() > 0 {
			if quiet = 0; odd {
				h.inspect(time.Now())
			}
			continue
		}
		if quiet++; quiet > 40 && h.sleep() {
			quiet = 0
		}
	}
}

// sleep waits until a delivery begins. It returns true when one did or the host ends.
func (h *Host) sleep() bool {
	h.clock.Store(0)
	h.sleeping.Store(true)
	defer func() {
		h.clock.Store(time.Now().UnixNano())
		h.sleeping.Store(false)
	}()
	if h.busy.Load() > 0 {
		return true
	}
	select {
	case <-h.done:
	case <-h.monitor:
	}
	return true
}

func (h *Host) inspect(now time.Time) {
	h.mu.Lock()
	ws := make([]*worker, 0, len(h.workers))
	for w := range h.workers {
		ws = append(ws, w)
	}
	h.mu.Unlock()
	for _, w := range ws {
		w.inspect(now)
	}
}

func (w *worker) inspect(now time.Time) {
	seq, s := w.seq.Load(), w.slot.Load()
	if s == nil || seq != w.seen {
		if w.slow {
			w.h.surplus.Add(1) // its spare is not needed any more
		}
		w.seen, w.since, w.slow, w.stuck = seq, now, false, false
		if s != nil {
			w.life = s.Living()
		}
		return
	}
	held := now.Sub(w.since)
	if held >= tick {
		w.withhold(s)
	}
	if !w.slow && held >= tick && w.h.queue.Len() > 0 && int(w.h.count.Load()) < w.h.opts.Workers+w.h.opts.Spares {
		w.slow = true
		w.h.stats.Slow.Add(1)
		w.h.stats.Spares.Add(1)
		w.h.startWorker()
	}
	if held >= s.StuckAfter() {
		w.beyond(s)
	}
}

func (w *worker) beyond(s *actors.Slot) {
	if !w.stuck {
		w.stuck = true
		w.h.stats.Stuck.Add(1)
		s.Stuck()
	}
	w.fence(s, w.life, w.seen)
}

// fence gives the delivery with this seq up.
func (w *worker) fence(s *actors.Slot, n base.Incarnation, seq uint64) {
	w.fencing.Lock()
	defer w.fencing.Unlock()
	if w.lost.Load() == seq || w.seq.Load() != seq {
		return
	}
	w.lost.Store(seq) // before: what hears of the fence may join the workers
	if !s.Fence(n) {
		w.lost.Store(0)
	}
}

// giveUp is fence, also where the incarnation has ended and something that it left does not return: a finalizer.
func (w *worker) giveUp(s *actors.Slot, seq uint64) {
	if n := s.Living(); n != 0 {
		w.fence(s, n, seq)
		return
	}
	w.fencing.Lock()
	defer w.fencing.Unlock()
	if w.seq.Load() == seq && w.slot.Load() == s {
		w.lost.Store(seq)
	}
}

// fenceAll gives up on every handler that is under way: the last step of a shutdown.
func (h *Host) fenceAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.workers {
		if s := w.slot.Load(); s != nil {
			go w.giveUp(s, w.seq.Load()) // owner: nobody needs to; ends: when the region has heard, at once
		}
	}
}

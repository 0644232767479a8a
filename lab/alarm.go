package lab

import (
	"fmt"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
)

// alarm is an armed timer.
type alarm struct {
	t     *actors.Timer
	at    *place
	proc  int
	n     int
	due   time.Time
	on    bool
	since *event // that armed it, or made it due
}

// Arm makes a timer that may fire from now on.
func (w *world) Arm(s *actors.Slot, d time.Duration, t *actors.Timer) func() {
	p := w.of[s]
	if p == nil { // a budget that is armed while the slot is made
		p = w.place(s)
	}
	if p == w.cur {
		w.pause(access{obj: p.box, kind: look})
	}
	p.arms++
	a := &alarm{t: t, at: p, n: p.arms, proc: p.timer(w.book, p.arms), due: w.clock.Add(d), on: true, since: w.ev}
	w.tags = append(w.tags, tag{id: -int32(a.proc) - 1, due: t.Due().UnixNano(), note: fmt.Sprintf("timer#%d", p.arms)})
	t.Tag = uint64(len(w.tags) - 1)
	w.timers = append(w.timers, a)
	w.rec.arms(a)
	return func() { w.forget(a) }
}

// forget disarms: from here on the timer cannot fire. That it could have is remembered.
func (w *world) forget(a *alarm) {
	if !a.on {
		return
	}
	a.on = false
	w.rec.alarm(a, doesDisarm)
	if w.ev != nil && (w.o.Timers == Free || !a.due.After(w.clock)) {
		w.traps = append(w.traps, trap{alarm: a, at: w.ev})
	}
}

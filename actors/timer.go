package actors

import (
	"sync/atomic"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

type timerState uint32

const (
	timerArmed timerState = iota
	timerFired
	timerOff
)

// Timer is one armed timer. Hosts hold it from Arm until Fire or undo.
type Timer struct {
	Tag uint64 // for the host that armed it: the Tag of its message; written before it can fire

	slot  *Slot            // immutable
	life  base.Incarnation // immutable
	body  any              // immutable
	over  *regions.Region  // immutable; set for the limit of a drain: it is killed, no message is sent
	due   time.Time        // immutable
	state atomic.Uint32    // Fire and Disarm race for it
	undo  func()           // owned by the actor's worker
}

// Due is when the timer should fire.
func (t *Timer) Due() time.Time { return t.due }

// Fire puts the timer's message into the Timed lane, in the place that was reserved when it was armed; the
// limit of a drain kills what is left in the region.
// Hosts call it once; after a disarm it does nothing.
func (t *Timer) Fire() {
	if !t.state.CompareAndSwap(uint32(timerArmed), uint32(timerFired)) {
		return
	}
	if t.over != nil {
		t.over.Kill()
		return
	}
	t.slot.putReserved(nil, lanes.Timed, t.due.UnixNano(), Message{Body: t.body, Tag: t.Tag, life: t.life, timer: t})
}

// TimerID names an armed timer of the actor that armed it.
type TimerID struct{ t *Timer }

// After arms a timer: m arrives in the Timed lane when d has passed, in this incarnation or never. It
// needs CapTimer, and is refused with codes.TimerRefused when the Timed lane has no room for it (L4).
func (cx *Cx) After(d time.Duration, m any) (TimerID, error) {
	if err := cx.may(CapTimer); err != nil {
		return TimerID{}, err
	}
	if cx.cell.fenced.Load() {
		return TimerID{}, codes.New(codes.Gone, "%s is fenced: its effects are refused", cx.slot.path)
	}
	return cx.cell.arm(d, m)
}

func (c *Cell) arm(d time.Duration, m any) (TimerID, error) {
	slot := c.slot
	slot.sys.host.Step(slot, StepHoldTimed)
	if !slot.box.Reserve(lanes.Timed) {
		return TimerID{}, codes.New(codes.TimerRefused, "%s has no room for another timer", slot.path)
	}
	d = max(d, 0)
	t := &Timer{slot: slot, life: c.n, body: m, due: slot.sys.host.Now().Add(d)}
	c.timers[t] = struct{}{}
	t.undo = slot.sys.host.Arm(slot, d, t)
	return TimerID{t}, nil
}

// Disarm takes a timer back; its message is removed even when it is queued. It says whether the message
// will not come.
func (cx *Cx) Disarm(id TimerID) bool {
	cx.slot.sys.host.Step(cx.slot, StepDisarm)
	if id.t == nil || id.t.slot != cx.slot {
		return false
	}
	return cx.cell.disarm(id.t)
}

func (c *Cell) disarm(t *Timer) bool {
	if _, mine := c.timers[t]; !mine {
		return false
	}
	delete(c.timers, t)
	if t.state.CompareAndSwap(uint32(timerArmed), uint32(timerOff)) {
		if t.undo != nil {
			t.undo()
		}
		c.slot.box.Release(lanes.Timed)
		return true
	}
	return c.slot.box.Remove(lanes.Timed, func(m Message) bool { return m.timer == t }) > 0
}

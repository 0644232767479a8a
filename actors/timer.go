package actors

import (
	"math"
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
	n     int              // immutable: number among those that the incarnation armed
	life  base.Incarnation // immutable
	trace TraceID          // immutable: of the handler that armed it
	body  any              // immutable
	over  *regions.Region  // immutable; set for a limit in time: it is closed, or killed, and no message is sent
	why   base.Reason      // immutable; of that close; none: it is killed
	run   func()           // immutable; set for a late AfterFunc: it is called, and no message is sent
	due   time.Time        // immutable
	state atomic.Uint32    // Fire and Disarm race for it
	undo  func()           // owned by the actor's worker
}

// Due is when the timer should fire.
func (t *Timer) Due() time.Time { return t.due }

// Limit says whether the timer sends no message: it limits a life or a drain in time, or calls a late AfterFunc.
func (t *Timer) Limit() bool { return t.over != nil || t.run != nil }

// Fire puts the timer's message into the Timed lane, in the place that was reserved when it was armed. The end
// of a lifetime closes the region; the limit of a drain kills what is left in it.
// Hosts call it once; after a disarm it does nothing.
func (t *Timer) Fire() {
	if !t.state.CompareAndSwap(uint32(timerArmed), uint32(timerFired)) {
		return
	}
	switch {
	case t.run != nil:
		t.run()
		return
	case t.over != nil && t.why != base.ReasonNone:
		t.over.Close(regions.Request{Reason: t.why})
		return
	case t.over != nil:
		t.over.Kill()
		return
	}
	_ = t.slot.putReserved(nil, lanes.Timed, nanos(t.due), Message{Body: t.body, Tag: t.Tag, trace: t.trace, life: t.life, timer: t})
}

// limit arms the end of something in the incarnation's region. It takes no place in a lane.
func (c *Cell) limit(d time.Duration, why base.Reason) *Timer {
	host := c.slot.opts.sys.host
	t := &Timer{slot: c.slot, over: &c.region, why: why, due: host.Now().Add(d)}
	t.undo = host.Arm(c.slot, d, t)
	return t
}

// off forgets a timer that sends no message; nil is none. It says whether it was in time.
func (t *Timer) off() bool {
	if t == nil || !t.state.CompareAndSwap(uint32(timerArmed), uint32(timerOff)) {
		return false
	}
	if t.undo != nil {
		t.undo()
	}
	return true
}

// TimerID names an armed timer of the actor that armed it.
type TimerID struct{ t *Timer }

// After arms a timer: m arrives in the Timed lane when d has passed, in this incarnation or never. It
// needs CapTimer, and is refused with codes.TimerRefused when the Timed lane has no room for it (L4).
func (cx *Cx) After(d time.Duration, m any) (TimerID, error) {
	if err := sendable(m); err != nil {
		return TimerID{}, err
	}
	return cx.arm(d, m)
}

func (cx *Cx) arm(d time.Duration, m any) (TimerID, error) {
	if err := cx.may(CapTimer); err != nil {
		return TimerID{}, err
	}
	return cx.cell().arm(d, m)
}

func (c *Cell) arm(d time.Duration, m any) (TimerID, error) {
	slot := c.slot
	slot.opts.sys.host.Step(slot, StepHoldTimed)
	if !slot.box.Reserve(lanes.Timed) {
		return TimerID{}, codes.New(codes.TimerRefused, "%s has no room for another timer", slot.path)
	}
	d = max(d, 0)
	h := c.holds()
	h.armed++
	t := &Timer{slot: slot, n: h.armed, life: c.n, trace: h.trace, body: m, due: slot.opts.sys.host.Now().Add(d)}
	put(&h.timers, t, struct{}{})
	t.undo = slot.opts.sys.host.Arm(slot, d, t)
	return TimerID{t}, nil
}

// Disarm takes a timer back: its message does not come any more, even when it is queued, or on its way. false: there
// was nothing to take back, since the message has come, or the timer is another incarnation's.
func (cx *Cx) Disarm(id TimerID) bool {
	cx.slot.opts.sys.host.Step(cx.slot, StepDisarm)
	if id.t == nil || id.t.slot != cx.slot {
		return false
	}
	return cx.cell().disarm(id.t)
}

func (c *Cell) disarm(t *Timer) bool {
	all := c.has().timers
	if _, mine := all[t]; !mine {
		return false
	}
	delete(all, t)
	if t.state.CompareAndSwap(uint32(timerArmed), uint32(timerOff)) {
		if t.undo != nil {
			t.undo()
		}
		c.slot.box.Release(lanes.Timed)
		c.slot.opts.sys.host.Step(c.slot, StepFreeTimed)
		return true
	}
	if c.slot.box.Remove(lanes.Timed, matching(func(m Message) bool { return m.timer == t })) > 0 {
		c.slot.opts.sys.host.Step(c.slot, StepFreeTimed)
	}
	return true // else it is being sent, in its place, and is left aside when it is its turn
}

// armedStill says whether a timer that has fired was not taken back meanwhile: it may have been under way when it was.
// One of another incarnation is told apart by that.
func (c *Cell) armedStill(t *Timer) bool {
	if t.life != c.n {
		return true
	}
	all := c.has().timers
	_, mine := all[t]
	delete(all, t)
	return mine
}

// put writes to a map that is made when it is first needed: most actors need none.
func put[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

// nanos is a time in ns, at most the last that there is (in 2262), and at least the first.
func nanos(t time.Time) int64 {
	switch year := t.Year(); {
	case year > 2261:
		return math.MaxInt64
	case year < 1678:
		return math.MinInt64
	}
	return t.UnixNano()
}

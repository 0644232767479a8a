package actors

import (
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
)

// Started is the first message of every incarnation. Returning nil means ready, unless the handler
// called cx.Starting; ErrDecline means there is nothing to run; another error fails the start.
type Started struct {
	Incarnation base.Incarnation
}

// CancelRequested says that the actor's region is closing (R2). Ready messages go on until the actor
// says Drained, or its lanes are empty with no open obligation, or the budget ends (R3).
type CancelRequested struct {
	Reason base.Reason
}

// ChildStarted tells a supervisor that a child's incarnation is ready.
type ChildStarted struct {
	Child       Ref
	Incarnation base.Incarnation
}

// ChildEnded tells a supervisor that a child's incarnation has ended and that its region is closed.
// Ready says whether it had been ready before.
type ChildEnded struct {
	Child       Ref
	Incarnation base.Incarnation
	Ready       bool
	Exit        Exit
	Proof       regions.Proof
}

// ChildWedged tells a supervisor that a child's handler does not return: its region is Wedged (R6).
type ChildWedged struct {
	Child       Ref
	Incarnation base.Incarnation
}

// Down tells the holder of a monitor, exactly once, that the watched incarnation has ended, also when
// the monitor was set after that (then Exit.Kind is ExitGone).
type Down struct {
	Monitor MonitorID
	Of      Ref
	Exit    Exit
}

// LinkDown is what an actor that traps links gets in place of its own end when a linked actor ends.
type LinkDown struct {
	Of   Ref
	Exit Exit
}

// Undelivered returns a message to its sender under the queue policy Return.
type Undelivered struct {
	To  Ref
	Msg any
	Err error
}

// control is the kernel's own message in the Cancel lane. Two of them merge into the strongest.
type control struct {
	cancel bool        // the region asks
	kill   bool        // end at this boundary
	alone  bool        // look again whether the drain is done
	reason base.Reason // strongest so far
	exit   *Exit       // end with this exit (links)
}

func (c control) merge(o control) control {
	c.cancel, c.kill, c.alone = c.cancel || o.cancel, c.kill || o.kill, c.alone || o.alone
	c.reason = c.reason.Strengthen(o.reason)
	if c.exit == nil {
		c.exit = o.exit
	}
	return c
}

// boxed is c as a body. Most are made once.
func (c control) boxed() any {
	if c.exit != nil || int(c.reason) >= len(boxes[0]) {
		return c
	}
	return boxes[c.wants()][c.reason]
}

// wants is what c asks for, as a number.
func (c control) wants() (n int) {
	for i, on := range [...]bool{c.cancel, c.kill, c.alone} {
		if on {
			n |= 1 << i
		}
	}
	return n
}

var boxes = func() (out [8][int(base.ReasonShutdown) + 1]any) {
	for wants := range out {
		for reason := range out[wants] {
			out[wants][reason] = control{cancel: wants&1 > 0, kill: wants&2 > 0, alone: wants&4 > 0, reason: base.Reason(reason)}
		}
	}
	return out
}() // written at init

// Message is what travels between slots. Hosts carry it and never look inside.
type Message struct {
	Body any
	Tag  uint64 // for the host that carries it: comes back from Slot.Under; zero: none

	from     *Slot
	trace    TraceID
	life     base.Incarnation // the only incarnation it is for; zero: any
	timer    *Timer           // set for a timer that fired
	reserved bool             // its place in the Ready lane was reserved
	request  *request         // set for kernel requests that are not queued: reserve, monitor, link …
}

// Lane is the lane in which the message would be queued and, in Timed, its deadline; ok is false for a kernel
// request, which is served at acceptance.
func (m Message) Lane() (l lanes.Lane, due time.Time, ok bool) {
	switch {
	case m.request != nil:
		return 0, due, false
	case m.reserved:
		return lanes.Ready, due, true
	}
	l, due = laneOf(m.Body)
	return l, due, true
}

// Request names the kernel request that the message is: monitor, link, demonitor, reserve, unreserve; "" if it is none.
func (m Message) Request() string {
	if m.request == nil {
		return ""
	}
	return requestNames[m.request.kind]
}

// Promised says whether its place was promised before: it cannot be refused for lack of room.
func (m Message) Promised() bool { return m.reserved || m.timer != nil }

// Question says whether it is an Ask, with its promise of an answer.
func (m Message) Question() bool {
	_, isPermit := m.Body.(*Permit)
	_, ok := m.Body.(promise)
	return ok && !isPermit
}

// Failed says whether the message is an answer that tells of a failure: a permit that was refused, a question that
// nobody answered.
func (m Message) Failed() bool {
	switch b := m.Body.(type) {
	case *Permit:
		return b.Err != nil
	case interface{ failed() bool }:
		return b.failed()
	}
	return false
}

// Merges says whether it merges with others of its kind that wait in the Cancel lane (L4).
func (m Message) Merges() bool {
	_, ok := m.Body.(control)
	return ok
}

// Watch says whether the message sets a monitor, or takes one back, and which.
func (m Message) Watch() (id MonitorID, set, ok bool) {
	if m.request == nil || m.request.kind != reqMonitor && m.request.kind != reqDemonitor {
		return 0, false, false
	}
	return MonitorID(m.request.id), m.request.kind == reqMonitor, true
}

// From is the sender; the zero Ref for the outside world.
func (m Message) From() Ref { return Ref{m.from} }

// mergeControl is the Cancel lane's merge (L4): only control messages merge, and only for one incarnation. What waits
// keeps its tag.
func mergeControl(old, add letter) (letter, bool) {
	m, n := old.message(), add.message()
	a, ok := m.Body.(control)
	b, ok2 := n.Body.(control)
	if !ok || !ok2 || m.life != n.life {
		return old, false
	}
	if both := a.merge(b).boxed(); old.kind == asWhole {
		all := m
		all.Body = both
		old.body = &all
	} else {
		old.body = both
	}
	return old, true
}

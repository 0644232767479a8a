package actors

import (
	"reflect"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/franken-node/fnode-supervisor/lanes"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// class is what the kernel knows of a type of message.
type class struct {
	typ      unsafe.Pointer
	lane     lanes.Lane
	kernel   bool                // nobody but the kernel sends it
	plain    bool                // the kernel has no part in it: Ready, no promise, no answer, nothing of its own
	deadline func(any) time.Time // set for Timed types
}

var (
	registry sync.Map                   // reflect.Type -> class; written at init, read-only afterwards
	classes  sync.Map                   // the type's address -> *class: all that were looked for
	seen     [256]atomic.Pointer[class] // by the type's address: the last that was looked for
)

// classOf looks a message's type up.
func classOf(m any) *class {
	typ := *(*unsafe.Pointer)(unsafe.Pointer(&m)) // an interface's first word is its type
	at := &seen[uintptr(typ)>>5%uintptr(len(seen))]
	if c := at.Load(); c != nil && c.typ == typ {
		return c
	}
	v, ok := classes.Load(typ)
	if !ok {
		c := classify(m)
		c.typ = typ
		v, _ = classes.LoadOrStore(typ, c)
	}
	c := v.(*class)
	at.Store(c)
	return c
}

func classify(m any) *class {
	switch m.(type) {
	case control, ChildStarted, ChildEnded, ChildWedged, LinkDown:
		return &class{lane: lanes.Cancel, kernel: true}
	}
	if v, ok := registry.Load(reflect.TypeOf(m)); ok {
		c := v.(class)
		return &c
	}
	switch m.(type) {
	case Started, CancelRequested, answered, askDue, Down, Committed, *Permit:
		return &class{lane: lanes.Ready, kernel: true}
	case promise:
		return &class{lane: lanes.Ready}
	}
	return &class{lane: lanes.Ready, plain: true}
}

// Register assigns messages of type T to a lane (L1). Call it at init. Cancel is the kernel's and
// panics; Timed needs deadlineOf, which names the message's deadline. Types that are not registered
// travel in Ready.
func Register[T any](l lanes.Lane, deadlineOf func(T) time.Time) {
	if l == lanes.Cancel || (l == lanes.Timed) != (deadlineOf != nil) {
		panic("actors.Register: Cancel is the kernel's; Timed, and only Timed, needs a deadline")
	}
	a := class{lane: l}
	if deadlineOf != nil {
		a.deadline = func(m any) time.Time { return deadlineOf(m.(T)) }
	}
	registry.Store(reflect.TypeFor[T](), a)
	classes.Clear()
	for i := range seen {
		seen[i].Store(nil)
	}
}

// laneOf finds the lane of a message and, for Timed, its deadline.
func laneOf(m any) (lanes.Lane, time.Time) {
	c := classOf(m)
	if c.deadline == nil {
		return c.lane, time.Time{}
	}
	return c.lane, c.deadline(m)
}

// sendable refuses what only the kernel sends.
func sendable(m any) error {
	if classOf(m).kernel {
		return codes.New(codes.NotSendable, "%T is the kernel's to send (L1)", m)
	}
	return nil
}

// promisable refuses also what has no place in Ready, which is where places are promised.
func promisable(m any) error {
	if k := classOf(m); !k.kernel && k.lane != lanes.Ready {
		return codes.New(codes.NotSendable, "%T travels in the %s lane, and a place was promised in ready (L1)", m, k.lane)
	}
	return sendable(m)
}

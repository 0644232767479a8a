package actors

import (
	"reflect"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/lanes"
)

// assignment is a message type's lane; deadline is set for Timed types.
type assignment struct {
	lane     lanes.Lane
	deadline func(any) time.Time
}

var registry sync.Map // reflect.Type -> assignment; written at init, read-only afterwards

// Register assigns messages of type T to a lane (L1). Call it at init. Cancel is the kernel's and
// panics; Timed needs deadlineOf, which names the message's deadline. Types that are not registered
// travel in Ready.
func Register[T any](l lanes.Lane, deadlineOf func(T) time.Time) {
	if l == lanes.Cancel || (l == lanes.Timed) != (deadlineOf != nil) {
		panic("actors.Register: Cancel is the kernel's; Timed, and only Timed, needs a deadline")
	}
	a := assignment{lane: l}
	if deadlineOf != nil {
		a.deadline = func(m any) time.Time { return deadlineOf(m.(T)) }
	}
	registry.Store(reflect.TypeFor[T](), a)
}

// laneOf finds the lane of a message and, for Timed, its deadline.
func laneOf(m any) (lanes.Lane, time.Time) {
	switch m.(type) {
	case control, ChildStarted, ChildEnded, ChildWedged, LinkDown:
		return lanes.Cancel, time.Time{}
	}
	v, ok := registry.Load(reflect.TypeOf(m))
	if !ok {
		return lanes.Ready, time.Time{}
	}
	a := v.(assignment)
	if a.deadline == nil {
		return a.lane, time.Time{}
	}
	return a.lane, a.deadline(m)
}

package actors

import (
	"sync/atomic"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
)

// What most actors never need, or not before their end, is made when there is some of it: an idle actor is small.

// extras are what most actors never need.
type extras struct {
	under     *Under                // owned by the worker; nil: the host does not ask
	view      atomic.Pointer[any]   // written by Cx.Publish
	stats     SlotStats             // atomics inside
	givenUp   map[AskID]struct{}    // guarded by the slot's mu: questions whose answers have no place any more
	room      []*request            // guarded by the slot's mu: permits that wait for a place, first come first
	watchers  map[MonitorID]watcher // guarded by the slot's mu: of the incarnation that lives or is closing
	watched   uint64                // guarded by the slot's mu: watchers so far
	onRetired []func(Exit)          // guarded by the slot's mu
}

// extra is what most actors never need, made when it is needed.
func (s *Slot) extra() *extras { return made(&s.more) }

// The flags of a slot.
const (
	gone   = 1 << iota // retired
	shut               // gone, or withdrawn; nothing is accepted
	wanted             // somebody waits for a place
	gaveUp             // givenUp holds something
)

func (s *Slot) is(flag uint32) bool { return s.flags.Load()&flag != 0 }

// mark sets a flag, or takes it back. The caller holds s.mu.
func (s *Slot) mark(flag uint32, on bool) {
	if f := s.flags.Load(); on {
		s.flags.Store(f | flag)
	} else {
		s.flags.Store(f &^ flag)
	}
}

// The signs of an incarnation.
const (
	over    = 1 << iota // set by fence and end: no effect of its Cx is done any more
	ordered             // set by Cx.Close of its supervisor, which keeps the time of this close
)

func (c *Cell) shows(sign uint32) bool { return c.signs.Load()&sign != 0 }

// holdings are what an incarnation has begun with others, and its budget. Its worker owns them.
type holdings struct {
	promises promises  // locked by itself
	asks     []pending // in the order of their ids
	timers   map[*Timer]struct{}
	monitors map[MonitorID]*Slot
	commits  int
	armed    int          // timers so far
	permits  atomic.Int32 // places asked for, of which it has not heard yet
	trace    TraceID      // of the message under way
	deadline time.Time    // immutable after spawn: of the budget
	lifetime *Timer       // immutable after spawn; nil: no limit
}

// ending is what belongs to a cancel request, a drain and an exit. Its worker owns what is not guarded.
type ending struct {
	cancelled chan struct{} // guarded by slot.mu; capacity 0, made when first asked for, closed once err is set
	err       error         // guarded by slot.mu; made when first asked for
	why       base.Reason   // guarded by slot.mu
	asked     time.Time     // guarded by slot.mu: when cancelled closed; zero: it was not
	after     []*later      // guarded by slot.mu: in the order of AfterFunc

	told  time.Time // when CancelRequested was delivered
	spent int       // deliveries of Ready since
	clock *Timer    // of the drain; nil: it has no limit, or has not begun
	exit  Exit      // immutable once it is set
}

// holds is what it holds, made when there is some of it.
func (c *Cell) holds() *holdings { return made(&c.held) }

// ends is what belongs to its end, made when that is near.
func (c *Cell) ends() *ending { return made(&c.ended) }

// has is what it holds; all zero if there is nothing. It is for those who read.
func (c *Cell) has() *holdings { return known(&c.held, &nothing) }

// gone is what belongs to its end; all zero if that is not near. It is for those who read.
func (c *Cell) gone() *ending { return known(&c.ended, &never) }

var (
	nothing holdings // read only
	never   ending   // read only
)

// made is what p points to, made when first asked for, by anybody.
func made[T any](p *atomic.Pointer[T]) *T {
	if v := p.Load(); v != nil {
		return v
	}
	if v := new(T); p.CompareAndSwap(nil, v) {
		return v
	}
	return p.Load()
}

func known[T any](p *atomic.Pointer[T], none *T) *T {
	if v := p.Load(); v != nil {
		return v
	}
	return none
}

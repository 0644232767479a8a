package actors

import (
	"slices"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/spec"
)

// LaneView is the state of one lane of one actor.
type LaneView struct {
	Depth  int
	Oldest time.Duration // age of its oldest message; zero when empty
}

// ActorView is what inspection shows of an actor, from counters and published views only (S9).
type ActorView struct {
	Path        string
	ID          base.ID
	State       string // Starting, Running, Draining, Ending, Fenced; Down between two incarnations
	Incarnation base.Incarnation
	Restarts    uint64
	Since       time.Time
	Supervisor  bool
	Lanes       [3]LaneView
	Counts      lanes.Counts
	Handled     uint64
	Dead        uint64
	Late        uint64
	Obligations int
	Last        Exit // of the incarnation before
	View        any  // what the behaviour published
}

// Snapshot lists every actor, sorted by path. It sends no message.
func (sys *System) Snapshot() []ActorView {
	slots := sys.inOrder()
	now := sys.host.Now()
	out := make([]ActorView, len(slots))
	for i, s := range slots {
		out[i] = s.look(now)
	}
	return out
}

// inOrder lists the slots by path. The list is kept until a slot comes or goes.
func (sys *System) inOrder() []*Slot {
	sys.mu.Lock()
	defer sys.mu.Unlock()
	if sys.ordered == nil {
		sys.ordered = sys.names.all()
		slices.SortFunc(sys.ordered, func(a, b *Slot) int { return strings.Compare(a.path, b.path) })
	}
	return sys.ordered
}

// Told is how many events of the system's life there were. Where neither it nor the host's count of deliveries has
// changed, nothing has happened to an actor.
func (sys *System) Told() uint64 { return sys.told.Load() }

// Depth is how many messages wait, in all lanes.
func (v ActorView) Depth() int { return v.Lanes[0].Depth + v.Lanes[1].Depth + v.Lanes[2].Depth }

// View is what inspection shows of the slot, for hosts.
func (s *Slot) View() ActorView { return s.look(s.opts.sys.host.Now()) }

// Waits is how many answers and results the incarnation waits for. It is for the worker that delivers.
func (s *Slot) Waits() int {
	if c := s.cell.Load(); c != nil {
		return len(c.has().asks) + c.has().commits
	}
	return 0
}

func (s *Slot) look(now time.Time) ActorView {
	v := ActorView{
		Path: s.path, ID: s.id, State: "Down", Supervisor: s.opts.delegate,
	}
	if x := s.more.Load(); x != nil {
		v.Restarts, v.Dead, v.Late = x.stats.Restarts.Load(), x.stats.Dead.Load(), x.stats.Late.Load()
		if p := x.view.Load(); p != nil {
			v.View = *p
		}
	}
	if st := s.state.Load(); st > 0 {
		v.State = spec.IncarnationState(st - 1).String()
	}
	if ns := s.since.Load(); ns > 0 {
		v.Since = time.Unix(0, ns)
	}
	s.mu.Lock()
	v.Incarnation, v.Last = s.n, s.lastExit()
	s.mu.Unlock()
	var look [3]lanes.View
	look, v.Counts = s.box.Look()
	for _, n := range v.Counts.Taken {
		v.Handled += n
	}
	if c := s.cell.Load(); c != nil {
		v.Obligations = c.has().promises.open()
	}
	for l, at := range look {
		v.Lanes[l].Depth = at.Depth
		if at.Oldest > 0 {
			v.Lanes[l].Oldest = max(0, now.Sub(time.Unix(0, at.Oldest)))
		}
	}
	if w, makes := v.View.(viewer); makes {
		v.View = w.View()
	}
	return v
}

// Room is how many places of the actor's Ready lane are neither taken nor promised, for tests.
func (sys *System) Room(of Ref) int {
	if of.slot == nil {
		return 0
	}
	return of.slot.box.Free(lanes.Ready)
}

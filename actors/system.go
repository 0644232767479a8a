package actors

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/internal/invariant"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// EventKind names an event of the system's life.
type EventKind string

// The kinds of events that the kernel emits; packages above add their own.
const (
	EventSpawned    EventKind = "spawned"
	EventStarted    EventKind = "started"
	EventEnded      EventKind = "ended"
	EventClosed     EventKind = "closed"
	EventRetired    EventKind = "retired"
	EventStuck      EventKind = "stuck"
	EventWedged     EventKind = "wedged"
	EventLeaked     EventKind = "leaked"
	EventDeadLetter EventKind = "dead_letter"
	EventViolated   EventKind = "violated"
	EventPanicked   EventKind = "panicked" // a callback that is no part of an actor
)

// Event is something that happened. It is immutable.
type Event struct {
	Kind        EventKind
	Path        string
	Incarnation base.Incarnation
	At          time.Time
	Exit        Exit          // ended, closed
	Asked       time.Time     // ended: when a cancel request was accepted; zero if none was
	Told        time.Time     // ended: when it was delivered; zero if it was not
	Proof       regions.Proof // closed
	Detail      string
	Err         error
	Body        any // what else the kind says; immutable
}

// System is the set of actors of one host: the slots, the scope tree and the counters. All methods may
// be called from any goroutine.
type System struct {
	host     Host            // immutable
	root     *regions.Region // immutable
	ids      atomic.Uint64   // written by nextID
	sink     func(Event)     // immutable; nil: nobody listens
	virtual  bool            // immutable
	dead     sync.Map        // reason code -> *atomic.Uint64
	mu       sync.RWMutex
	names    names                    // guarded by mu
	ordered  []*Slot                  // guarded by mu: by path, for inspection; nil: to be made anew. Never changed in place
	settings atomic.Pointer[settings] // of the slot made last
	told     atomic.Uint64            // written by emit: events so far
	hooks    Hooks                    // immutable
	classes  map[string]*times        // guarded by mu
	clocks   *lanes.Clocks            // immutable
	under    bool                     // immutable: the host asks for Under
	direct   bool                     // immutable: a message arrives when it is sent, and the host need not see it
}

// Hooks are told of slots that come and go; the fabric registers names with them. They must not block.
type Hooks struct {
	Spawned func(Ref)
	Retired func(Ref)
}

// Options configure a System.
type Options struct {
	Name   string      // of the root region; default "root"
	Events func(Event) // called inline, from any goroutine, must be fast; nil drops them
	Hooks  Hooks
	// Virtual says that the host's clock is not the wall clock: Cx.Deadline reports none.
	Virtual bool
	// Coarse is a cheap clock, in ns, for when messages came: written by the host, zero while it does not keep it. It
	// should be at most half a millisecond behind (System.Times). nil: there is none. A host that gives it does not ask for
	// Slot.Under, and its Send is Accept: plain messages go past it.
	Coarse *atomic.Int64
}

// NewSystem makes an empty system that runs on h.
func NewSystem(h Host, o Options) *System {
	if o.Name == "" {
		o.Name = "root"
	}
	sys := &System{host: h, sink: o.Events, hooks: o.Hooks, virtual: o.Virtual}
	now := func() int64 { return h.Now().UnixNano() }
	sys.clocks, sys.under = &lanes.Clocks{Coarse: o.Coarse, Exact: now}, true
	if o.Coarse != nil {
		sys.under, sys.direct = false, true
	}
	sys.root = regions.NewRoot(o.Name, func() base.RegionID { return base.RegionID(sys.nextID()) })
	return sys
}

// Root is the region that owns everything.
func (sys *System) Root() *regions.Region { return sys.root }

// Now is the run's clock.
func (sys *System) Now() time.Time { return sys.host.Now() }

// Spawn starts an actor in the root region: how the outside world starts a tree.
func (sys *System) Spawn(o Child) (Ref, error) {
	if o.Caps == 0 {
		o.Caps = CapAll
	}
	s, err := sys.newSlot(nil, 0, sys.root, o)
	if err != nil {
		return Ref{}, err
	}
	if _, err := s.live(o.Behaviour); err != nil {
		s.retire()
		return Ref{}, err
	}
	sys.host.Spawn(nil, s)
	return Ref{s}, nil
}

// Lookup finds an actor by its path.
func (sys *System) Lookup(path string) (Ref, bool) {
	sys.mu.RLock()
	defer sys.mu.RUnlock()
	s := sys.names.find(path)
	return Ref{s}, s != nil
}

// Tell sends a message from the outside world.
func (sys *System) Tell(to Ref, m any) error {
	if to.slot == nil {
		return codes.New(codes.Gone, "%T is sent to nobody", m)
	}
	if err := sendable(m); err != nil {
		return err
	}
	if sys.direct && classOf(m).plain {
		return to.slot.tell(nil, m)
	}
	return sys.host.Send(nil, to.slot, Message{Body: m})
}

func (sys *System) newSlot(owner *Slot, life base.Incarnation, r *regions.Region, o Child) (*Slot, error) {
	if o.Behaviour == nil || o.Name == "" || len(o.Name) > 256 || strings.ContainsAny(o.Name, "\x00\n/") {
		return nil, codes.New(codes.BadChild, "a child needs a behaviour and a name of 1 to 256 bytes without a slash, got %q", o.Name)
	}
	if len(o.Class) > 64 || !utf8.ValidString(o.Class) {
		return nil, codes.New(codes.BadChild, "the class of %q is not UTF-8 of at most 64 bytes: %q", o.Name, o.Class)
	}
	if o.StuckAfter == 0 {
		o.StuckAfter = 10 * time.Second
	}
	o.Lanes.Clocks = sys.clocks
	s := &Slot{id: base.ID(sys.nextID()), path: o.Name, opts: sys.settingsOf(&o), owner: owner, ownerLife: life}
	if sys.under {
		s.extra().under = &Under{}
	}
	if owner != nil {
		s.path = owner.path + "/" + o.Name
	}
	s.box.Init(&s.opts.lanes)
	sys.mu.Lock()
	if sys.names.find(s.path) != nil {
		sys.mu.Unlock()
		return nil, codes.New(codes.NameTaken, "there is an actor %s already", s.path)
	}
	sys.names.add(s)
	sys.ordered = nil
	sys.mu.Unlock()
	var err error
	if _, err = r.Join(regions.Slot, (*member)(s)); err != nil {
		sys.unname(s)
		return nil, err
	}
	if sys.hooks.Spawned != nil {
		sys.hooks.Spawned(Ref{s})
	}
	sys.emit(Event{Kind: EventSpawned, Path: s.path})
	return s, nil
}

func (sys *System) unname(s *Slot) {
	sys.mu.Lock()
	defer sys.mu.Unlock()
	if sys.names.remove(s) {
		sys.ordered = nil
	}
}

func (sys *System) forget(s *Slot) {
	sys.unname(s)
	if sys.hooks.Retired != nil {
		sys.hooks.Retired(Ref{s})
	}
	sys.emit(Event{Kind: EventRetired, Path: s.path})
}

// carry sends for the kernel itself: to somebody who may be gone, where that is no error. It says
// whether the message arrived.
func (sys *System) carry(from, to *Slot, m Message) bool {
	if to == nil {
		return false
	}
	return sys.host.Send(from, to, m) == nil
}

func (sys *System) nextID() uint64 { return sys.ids.Add(1) }

// emit tells what happened, now.
func (sys *System) emit(e Event) {
	sys.told.Add(1)
	if sys.sink != nil {
		e.At = sys.host.Now()
		sys.sink(e)
	}
}

func (sys *System) deadLetter(s *Slot, m Message, why error) {
	code := "unknown"
	if c := codes.From(why); c != nil {
		code = c.Code.Name
	}
	n, _ := sys.dead.LoadOrStore(code, new(atomic.Uint64))
	n.(*atomic.Uint64).Add(1)
	sys.emit(Event{Kind: EventDeadLetter, Path: s.path, Detail: typeName(m.Body), Err: why})
}

// DeadLetters counts the dead letters by the name of the code that says why.
func (sys *System) DeadLetters() map[string]uint64 {
	out := map[string]uint64{}
	sys.dead.Range(func(k, v any) bool {
		out[k.(string)] = v.(*atomic.Uint64).Load()
		return true
	})
	return out
}

// guarded runs a callback from outside: its panic is told, and hurts nobody.
func (sys *System) guarded(path, what string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			err := panicExit(rethrown(v), "").Err
			sys.emit(Event{Kind: EventPanicked, Path: path, Detail: what, Err: err})
		}
	}()
	f()
}

// violated reports a broken rule; in tests it panics.
func (sys *System) violated(rule, format string, args ...any) {
	sys.emit(Event{Kind: EventViolated, Detail: invariant.Broken{Rule: rule, What: fmt.Sprintf(format, args...)}.Error()})
	invariant.Violated(rule, format, args...)
}

// Package supervision is the driver of supervisors: an actor that owns children by a restart strategy
// with a budget, and escalates. What it decides is in supervision/core; this package carries the
// decisions out through Cx: it spawns, closes regions, arms timers, and answers requests.
//
// It never ends anything except by closing a region, and knows no host.
//
// Lifecycle: Run starts a root supervisor, which is ready when its children are (or have declined). It
// ends when its region closes, when significant children end, or by failing upwards: then its exit's
// error chain leads to the first cause.
//
// Concurrency: the supervisor is an actor; the functions here may be called from any goroutine.
//
//	root, err := supervision.Run(sys, "sup", supervision.Spec{
//		Strategy: core.OneForOne,
//		Budget:   core.Budget{Restarts: 5, Window: 30 * time.Second},
//		Children: []supervision.Child{{Name: "clock", Start: newClock}},
//	})
package supervision

import (
	"strings"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/supervision/core"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Child is the spec of one child: an actor, or a supervisor of its own.
type Child struct {
	core.Child
	Start func() actors.Behaviour // makes the behaviour of one incarnation; nil for a supervisor
	Tree  *Spec                   // the child is a supervisor
	Actor actors.Child            // lanes, capabilities, queue policy, budgets; its Name and Behaviour are not used
	// Known is the known-good version that a child in a crash loop moves to (S7); nil: it goes to quarantine at once.
	// It sets the Pinned of the core's child.
	Known Version
}

// Version is a known-good version of a child. Its methods are called by the supervisor's handler, and must not block;
// Name is not empty, and always the same.
type Version interface {
	Name() string            // for people: in the tree, in reports
	Start() actors.Behaviour // makes the behaviour of one incarnation, as Child.Start does
}

// Spec is the spec of one supervisor.
type Spec struct {
	Strategy     core.Strategy
	Budget       core.Budget
	AutoShutdown core.AutoShutdown
	Children     []Child // in start order; for core.Dynamic the template alone
	// Setup runs first in each incarnation of the supervisor, and must not block; nil: there is nothing to set up.
	// actors.ErrDecline says that there is nothing to run; another error, or a panic, fails the start.
	Setup func(*actors.Cx) error
}

// Validate reports every fault of the whole tree at once, each with the path of its field.
func (s Spec) Validate() (faults []string) {
	faults = s.core().Validate()
	for _, c := range s.Children {
		faults = append(faults, c.faults()...)
	}
	return faults
}

// faults are those that the core does not know of.
func (c Child) faults() (faults []string) {
	if (c.Start == nil) == (c.Tree == nil) {
		faults = append(faults, c.Name+": needs either a start function or a tree")
	}
	if c.Known != nil && c.Tree != nil {
		faults = append(faults, c.Name+": a supervisor has no known-good version: its children may")
	}
	if c.Known != nil && c.Known.Name() == "" {
		faults = append(faults, c.Name+": its known-good version has no name")
	}
	if c.Name != "" { // which the core has told
		faults = append(faults, faultsOfName(c.Name)...)
	}
	if c.Tree != nil {
		for _, f := range c.Tree.Validate() {
			faults = append(faults, c.Name+"/"+f)
		}
	}
	return faults
}

func faultsOfName(name string) []string {
	if name == "" || strings.ContainsAny(name, "/\x00\n") {
		return []string{name + ": a name is one path element"}
	}
	return nil
}

// policy is the supervisor's part of the spec.
func (s Spec) policy() core.Spec {
	return core.Spec{Strategy: s.Strategy, Budget: s.Budget, AutoShutdown: s.AutoShutdown}
}

func (s Spec) core() core.Spec {
	out := s.policy()
	for _, c := range s.Children {
		out.Children = append(out.Children, c.core())
	}
	return out
}

func (c Child) core() core.Child {
	ch := c.Child
	ch.Supervisor = c.Tree != nil
	if ch.Pinned = ""; c.Known != nil {
		ch.Pinned = c.Known.Name()
	}
	return ch
}

// Run starts a root supervisor. The error is codes.BadTree with every fault, or the spawn's.
func Run(sys *actors.System, name string, s Spec) (actors.Ref, error) {
	b, err := New(s)
	if err != nil {
		return actors.Ref{}, err
	}
	return sys.Spawn(actors.Child{Name: name, Behaviour: b, Delegate: true, TrapLinks: true, Lanes: lanes.Options{Timed: timers}})
}

// New makes the behaviour of a supervisor.
func New(s Spec) (actors.Behaviour, error) {
	if faults := s.Validate(); len(faults) > 0 {
		return nil, badTree(faults)
	}
	return newSupervisor(s)
}

func badTree(faults []string) *codes.Error {
	e := codes.New(codes.BadTree, "the tree has %d faults", len(faults))
	for _, f := range faults {
		e.Fact("fault", "%s", f)
	}
	return e
}

// View is what a supervisor publishes of itself (S9).
type View struct {
	Strategy core.Strategy
	State    string
	Children []core.ChildView
}

// Count counts the children (S10).
func (v View) Count() core.Count { return core.CountOf(v.Strategy, v.Children) }

// Request asks a supervisor for a change at run time (S10). Ask it as Ask[Request, struct{}].
type Request struct {
	Kind core.EventKind // core.Add, core.Terminate, core.Restarted, core.Revive, core.Delete
	Name string
	// Add is the child for core.Add, and not changed any more. Under core.Dynamic only its name counts, and its start
	// function, with its known-good version, where that is not the template's; nil: one more of the template, called Name.
	Add *Child
}

// named is the child that the request is about.
func (q Request) named() string {
	if q.Kind == core.Add && q.Add != nil {
		return q.Add.Name
	}
	return q.Name
}

// faults are what a request is refused for before the core sees it: it takes events of many kinds.
func (q Request) faults(s Spec) []string {
	switch q.Kind {
	case core.Add:
		if s.Strategy == core.Dynamic {
			return faultsOfName(q.named())
		}
		if q.Add == nil {
			return []string{"add: says no child"}
		}
		return append(s.policy().Check(q.Add.core()), q.Add.faults()...)
	case core.Terminate, core.Restarted, core.Revive, core.Delete:
		return nil
	}
	return []string{"kind: a request adds, terminates, restarts or deletes"}
}

// refusals map the core's refusals to codes.
var refusals = map[core.Refusal]*codes.Code{
	core.NotFound: codes.NoSuchChild, core.AlreadyHere: codes.ChildPresent, core.Running: codes.ChildRunning, core.Restarting: codes.ChildRestarting,
	core.Closing: codes.SupervisorClosing, core.BadSpec: codes.BadTree, core.StartFailed: codes.StartFailed,
	core.Contained: codes.ChildQuarantined,
}

// Package core decides what a supervisor does: (state, event) -> (state, commands). It is a leaf: no
// clock, no I/O, no goroutine; time and randomness come in with each event, so that the lab, production
// and an offline check run the very same decisions (rules S1 to S7, S10).
//
// A driver owns one Core, feeds it events in the order in which they happen, and carries the commands
// out in the order given. Every Start is answered by Ready, Declined, Failed or Ended; every Stop and
// Kill by Ended or Stuck; every Arm by Due, unless Disarm comes first (a late Due does nothing).
//
//	c, err := core.New(spec)
//	for _, cmd := range c.Step(core.Event{Kind: core.Boot, Now: now, Rand: r}) { … }
//
// Concurrency: a Core belongs to one goroutine at a time. Specs are not changed after New.
package core

import (
	"fmt"
	"time"
)

// Strategy says who is restarted when a child ends (S1).
type Strategy uint8

// The strategies. Dynamic: many children of one template, started at run time, stopped all at once.
const (
	OneForOne Strategy = iota
	OneForAll
	RestForOne
	Dynamic
)

var strategyNames = [...]string{"one_for_one", "one_for_all", "rest_for_one", "dynamic"}

// String gives the strategy's stable name.
func (s Strategy) String() string { return strategyNames[s] }

// Restart says when a child is restarted.
type Restart uint8

// Permanent: always. Transient: unless it ended cleanly. Temporary: never, and its spec goes with it.
const (
	Permanent Restart = iota
	Transient
	Temporary
)

var restartNames = [...]string{"permanent", "transient", "temporary"}

// String gives the restart type's stable name.
func (r Restart) String() string { return restartNames[r] }

// AutoShutdown says whether the end of significant children ends the supervisor (S4). One in quarantine has not ended: it
// may be released.
type AutoShutdown uint8

// Never; Any: the first significant child that ends by itself; All: the last one.
const (
	Never AutoShutdown = iota
	Any
	All
)

var autoNames = [...]string{"never", "any", "all"}

// String gives the policy's stable name.
func (a AutoShutdown) String() string { return autoNames[a] }

// Shutdown says how a child is stopped. The zero value is Within DefaultShutdown.
type Shutdown struct {
	Brutal bool          `cbor:"1,keyasint,omitzero"` // no request, no drain
	Wait   bool          `cbor:"2,keyasint,omitzero"` // for ever; shown as overdue
	Within time.Duration `cbor:"3,keyasint,omitzero"` // request, then a kill; zero means DefaultShutdown
}

// DefaultShutdown is the shutdown time of a child that names none.
const DefaultShutdown = 5 * time.Second

// Budget bounds restarts in a sliding window (S2). More than Restarts within Window is too many.
type Budget struct {
	Restarts int           `cbor:"1,keyasint,omitzero"`
	Window   time.Duration `cbor:"2,keyasint,omitzero"`
}

// Backoff delays restarts of one child (S3): exponential with full jitter and a cap.
type Backoff struct {
	Off     bool          `cbor:"1,keyasint,omitzero"` // restart at once
	Initial time.Duration `cbor:"2,keyasint,omitzero"` // upper bound of the first delay; default 100 ms
	Max     time.Duration `cbor:"3,keyasint,omitzero"` // cap; default 30 s
	Factor  float64       `cbor:"4,keyasint,omitzero"` // growth; default 2
	Stable  time.Duration `cbor:"5,keyasint,omitzero"` // up for so long: start over; default 60 s
}

// CrashLoop is when a child is taken for one that only crashes (S7): Failures of it within Window. A failure is an end
// that asks for a restart, or a restart that failed. The zero value: never.
type CrashLoop struct {
	Failures int           `cbor:"1,keyasint,omitzero"`
	Window   time.Duration `cbor:"2,keyasint,omitzero"`
}

// Child is the spec of one child.
type Child struct {
	Name         string        `cbor:"1,keyasint,omitzero"`
	Supervisor   bool          `cbor:"2,keyasint,omitzero"` // it owns children, which have shutdown times of their own: the zero Shutdown waits for ever
	Restart      Restart       `cbor:"3,keyasint,omitzero"`
	Shutdown     Shutdown      `cbor:"4,keyasint,omitzero"`
	Significant  bool          `cbor:"5,keyasint,omitzero"`
	StartTimeout time.Duration `cbor:"6,keyasint,omitzero"` // zero: no limit
	Backoff      Backoff       `cbor:"7,keyasint,omitzero"`
	// TwoIncarnations lets the next incarnation live beside one whose handler does not return (R6). Without
	// it a wedged child makes its supervisor fail upwards.
	TwoIncarnations bool      `cbor:"8,keyasint,omitzero"`
	CrashLoop       CrashLoop `cbor:"9,keyasint,omitzero"`
	// Pinned names the known-good version that a child in a crash loop moves to; empty: it goes to quarantine at once.
	Pinned string `cbor:"10,keyasint,omitzero"`
}

// Spec is the spec of one supervisor.
type Spec struct {
	Strategy     Strategy
	Budget       Budget
	AutoShutdown AutoShutdown
	Children     []Child // in start order; for Dynamic the template alone: children are added at run time
}

// MaxChildren bounds the children of a supervisor's spec.
const MaxChildren = 10_000

// Validate reports every fault at once, each with the path of its field.
func (s Spec) Validate() (faults []string) {
	bad := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if s.Strategy > Dynamic {
		bad("strategy: unknown value %d", s.Strategy)
	}
	if s.AutoShutdown > All {
		bad("auto_shutdown: unknown value %d", s.AutoShutdown)
	}
	if s.Budget.Restarts < 0 {
		bad("budget.restarts: must be at least 0, got %d", s.Budget.Restarts)
	}
	if s.Budget.Window <= 0 {
		bad("budget.window: must be over 0, got %s", s.Budget.Window)
	}
	if s.Strategy == Dynamic && len(s.Children) != 1 {
		bad("children: a dynamic supervisor has one, the template of those that are added, got %d", len(s.Children))
	}
	if len(s.Children) > MaxChildren {
		bad("children: %d are more than %d", len(s.Children), MaxChildren)
	}
	names := map[string]bool{}
	for i, c := range s.Children {
		for _, f := range s.Check(c) {
			bad("children[%d].%s", i, f)
		}
		if names[c.Name] {
			bad("children[%d].name: %q is taken by an older sibling", i, c.Name)
		}
		names[c.Name] = true
	}
	return faults
}

// Check reports the faults of one child under this supervisor, but for a name that is taken.
func (s Spec) Check(c Child) (faults []string) {
	bad := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if c.Name == "" {
		bad("name: must not be empty")
	}
	if c.Restart > Temporary {
		bad("restart: unknown value %d", c.Restart)
	}
	if c.Significant && (c.Restart == Permanent || s.AutoShutdown == Never) {
		bad("significant: needs auto_shutdown and a restart type other than permanent, since it has to end by itself")
	}
	if c.Shutdown.Within < 0 || c.Shutdown.Brutal && c.Shutdown.Wait || (c.Shutdown.Brutal || c.Shutdown.Wait) && c.Shutdown.Within > 0 {
		bad("shutdown: one of brutal, wait or a time over 0")
	}
	if b := c.Backoff; b.Initial < 0 || b.Max < 0 || b.Stable < 0 || b.Factor < 0 || b.Factor != 0 && !(b.Factor >= 1) {
		bad("backoff: times of at least 0 and a factor of at least 1")
	}
	if c.StartTimeout < 0 {
		bad("start_timeout: must be at least 0")
	}
	return append(faults, c.CrashLoop.check(c, s.Budget)...)
}

// check reports what would let the budget be spent before the crash loop is seen (S7).
func (l CrashLoop) check(c Child, b Budget) (faults []string) {
	switch {
	case l == (CrashLoop{}):
		if c.Pinned != "" {
			faults = append(faults, "pinned: needs a crash_loop, which moves the child to it")
		}
		return faults
	case l.Failures < 1 || l.Failures >= b.Restarts:
		faults = append(faults, fmt.Sprintf("crash_loop.failures: must be at least 1 and below the budget of %d restarts, got %d", b.Restarts, l.Failures))
	}
	if l.Window < b.Window || l.Window <= 0 {
		faults = append(faults, fmt.Sprintf("crash_loop.window: must be at least the budget's, %s, got %s", b.Window, l.Window))
	}
	if c.Restart == Temporary {
		faults = append(faults, "crash_loop: a temporary child is never restarted")
	}
	return faults
}

// ExitKind is how a child ended, as far as a supervisor cares.
type ExitKind uint8

// The kinds. Normal and Stopped are clean. GaveUp is a supervisor's that exceeded its budget: it has stopped its
// children in order, which for its own supervisor is a clean end, as in OTP; for everybody else it failed.
const (
	Normal ExitKind = iota
	Stopped
	Crashed
	Killed
	GaveUp
)

var exitNames = [...]string{"normal", "shutdown", "crashed", "killed", "gave_up"}

// String gives the kind's stable name.
func (k ExitKind) String() string { return exitNames[k] }

// Exit is how a child ended.
type Exit struct {
	Kind ExitKind `cbor:"1,keyasint,omitzero"`
	Text string   `cbor:"2,keyasint,omitzero"` // the cause, for people
}

// Clean says whether the exit is none to restart a transient child for.
func (e Exit) Clean() bool { return e.Kind <= Stopped || e.Kind == GaveUp }

// String gives kind and cause.
func (e Exit) String() string {
	if e.Text == "" || e.Text == e.Kind.String() {
		return e.Kind.String()
	}
	return e.Kind.String() + ": " + e.Text
}

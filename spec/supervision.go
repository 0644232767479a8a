package spec

// ChildState is a state of one child as its supervisor sees it.
type ChildState uint8

// The states of a child.
const (
	ChildDown        ChildState = iota // no incarnation, none planned
	ChildWaiting                       // its turn to start has not come
	ChildStarting                      // started, not ready yet
	ChildUp                            // ready
	ChildBackoff                       // ended, to be started again when its delay is over
	ChildStopping                      // its region is closing
	ChildWedged                        // it cannot be stopped (R6)
	ChildQuarantined                   // it only crashed: nothing starts it but a request that names it (S7)
)

var childStates = [...]string{"Down", "Waiting", "Starting", "Up", "Backoff", "Stopping", "Wedged", "Quarantined"}

// String gives the state's stable name.
func (s ChildState) String() string { return enum(childStates[:], int(s)) }

// ChildEvent is what can happen to a child.
type ChildEvent uint8

// The events of a child.
const (
	ChildPlan       ChildEvent = iota // it is to be started when its turn comes
	ChildStart                        // its turn
	ChildReady                        // it is up
	ChildNone                         // its start declined
	ChildFailed                       // its start failed or timed out, its region is closed
	ChildEnd                          // it ended by itself, its region is closed
	ChildDelay                        // it is to be started again, later
	ChildStop                         // its region was asked to close
	ChildClosed                       // ... and is closed
	ChildStuck                        // ... and cannot be closed
	ChildForget                       // no start is planned any more
	ChildQuarantine                   // it is in a crash loop, and has no version to fall back to
	ChildRelease                      // a request takes it out of quarantine
)

var childEvents = [...]string{"plan", "start", "ready", "declined", "failed", "ended", "delay", "stop", "closed", "stuck", "forget", "quarantine", "release"}

// String gives the event's stable name.
func (e ChildEvent) String() string { return enum(childEvents[:], int(e)) }

// Child is the life of a child in its supervisor's books (rules S1, S3, S5, S7, R6).
var Child = &Machine[ChildState, ChildEvent]{
	Name:   "child",
	Start:  ChildDown,
	States: []ChildState{ChildDown, ChildWaiting, ChildStarting, ChildUp, ChildBackoff, ChildStopping, ChildWedged, ChildQuarantined},
	Events: []ChildEvent{
		ChildPlan, ChildStart, ChildReady, ChildNone, ChildFailed, ChildEnd, ChildDelay, ChildStop, ChildClosed, ChildStuck, ChildForget,
		ChildQuarantine, ChildRelease,
	},
	Ends: []ChildState{ChildDown, ChildWedged, ChildQuarantined},
	Rows: []Row[ChildState, ChildEvent]{
		{ChildDown, ChildPlan, ChildWaiting, "none", "children start in order, one at a time"},
		{ChildDown, ChildDelay, ChildBackoff, "arm", "a restart waits for its delay"},
		{ChildDown, ChildForget, ChildDown, "none", "nothing was planned"},
		{ChildDown, ChildQuarantine, ChildQuarantined, "evict", "it is in a crash loop: no strategy starts it again"},
		{ChildWaiting, ChildStart, ChildStarting, "start", "its turn has come"},
		{ChildWaiting, ChildForget, ChildDown, "none", "a stop overtakes a start that has not begun"},
		{ChildStarting, ChildReady, ChildUp, "next", "the next child may start"},
		{ChildStarting, ChildNone, ChildDown, "next", "it declined: there is nothing to run"},
		{ChildStarting, ChildFailed, ChildDown, "fail", "the start failed"},
		{ChildStarting, ChildStop, ChildStopping, "stop", "a stop overtakes a start under way"},
		{ChildStarting, ChildStuck, ChildWedged, "escalate", "its start cannot be stopped"},
		{ChildUp, ChildEnd, ChildDown, "decide", "the restart type decides what follows"},
		{ChildUp, ChildStop, ChildStopping, "stop", "by the child's shutdown"},
		{ChildUp, ChildStuck, ChildWedged, "escalate", "it cannot be stopped"},
		{ChildBackoff, ChildPlan, ChildWaiting, "none", "the delay is over"},
		{ChildBackoff, ChildForget, ChildDown, "disarm", "a stop overtakes a pending restart"},
		{ChildStopping, ChildClosed, ChildDown, "next", "quiescent, with proof"},
		{ChildStopping, ChildStuck, ChildWedged, "escalate", "its handler does not return"},
		{ChildWedged, ChildClosed, ChildDown, "none", "it returned after all"},
		{ChildWedged, ChildForget, ChildWedged, "none", "nothing was planned"},
		{ChildQuarantined, ChildForget, ChildQuarantined, "none", "nothing was planned"},
		{ChildQuarantined, ChildRelease, ChildDown, "none", "somebody asked for it by name: its count starts anew"},
	},
}

// SupervisorState is a state of a supervisor.
type SupervisorState uint8

// The states of a supervisor.
const (
	SupBooting  SupervisorState = iota // its first children are starting
	SupRunning                         // it answers and watches
	SupWorking                         // it starts or stops children, one at a time; the rest waits its turn
	SupStopping                        // it closes everything
	SupDone                            // nothing is left but its exit
)

var supervisorStates = [...]string{"Booting", "Running", "Working", "Stopping", "Done"}

// String gives the state's stable name.
func (s SupervisorState) String() string { return enum(supervisorStates[:], int(s)) }

// SupervisorEvent is what can happen to a supervisor.
type SupervisorEvent uint8

// The events of a supervisor.
const (
	SupUp     SupervisorEvent = iota // every child of the boot is up or declined
	SupWork                          // a restart or a request needs children started or stopped
	SupIdle                          // that is done
	SupGiveUp                        // its budget is exceeded, a child wedged, or its boot failed
	SupStop                          // its region closes, or significant children ended
	SupEmpty                         // no child is left
)

var supervisorEvents = [...]string{"up", "work", "idle", "give_up", "stop", "empty"}

// String gives the event's stable name.
func (e SupervisorEvent) String() string { return enum(supervisorEvents[:], int(e)) }

// Supervisor is the life of a supervisor (rules S1, S2, S4).
var Supervisor = &Machine[SupervisorState, SupervisorEvent]{
	Name:   "supervisor",
	Start:  SupBooting,
	States: []SupervisorState{SupBooting, SupRunning, SupWorking, SupStopping, SupDone},
	Events: []SupervisorEvent{SupUp, SupWork, SupIdle, SupGiveUp, SupStop, SupEmpty},
	Ends:   []SupervisorState{SupDone},
	Rows: []Row[SupervisorState, SupervisorEvent]{
		{SupBooting, SupUp, SupRunning, "ready", "its own starter goes on"},
		{SupBooting, SupGiveUp, SupStopping, "stop_all", "a child of the boot failed: those before it are stopped in reverse"},
		{SupBooting, SupStop, SupStopping, "stop_all", "a stop overtakes the boot"},
		{SupRunning, SupWork, SupWorking, "begin", "one piece of work at a time"},
		{SupRunning, SupGiveUp, SupStopping, "stop_all", "it fails to its own parent"},
		{SupRunning, SupStop, SupStopping, "stop_all", "children stop in reverse order"},
		{SupWorking, SupIdle, SupRunning, "next", "what waited is looked at now"},
		{SupWorking, SupGiveUp, SupStopping, "stop_all", "it fails to its own parent"},
		{SupWorking, SupStop, SupStopping, "stop_all", "a stop overtakes the work under way"},
		{SupStopping, SupStop, SupStopping, "none", "reasons only strengthen"},
		{SupStopping, SupEmpty, SupDone, "finish", "exactly once, when nothing lives"},
	},
}

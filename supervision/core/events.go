package core

import "time"

// EventKind names what happened.
type EventKind uint8

// The events. Those of a child carry its Name and Inc; requests carry Req.
const (
	Boot      EventKind = iota // start the children of the spec
	Ready                      // the child is up
	Declined                   // its start declined; its region is closed
	Failed                     // its start failed; its region is closed
	Ended                      // it ended by itself or because it was stopped; its region is closed
	Stuck                      // it cannot be stopped
	Due                        // a timer of Arm
	Stop                       // close everything: the supervisor's region closes
	Add                        // request: add Child and start it; under Dynamic its name and pinned version, the rest is the template's
	Terminate                  // request: stop the child, keep its spec
	Restarted                  // request: start the child again, stopping it first if it runs; it ends a quarantine, and goes back from a pinned version
	Revive                     // request: start a child that is down
	Delete                     // request: remove the spec of a child that is down
)

// TimerKind says what a timer is for.
type TimerKind uint8

// The timers.
const (
	BackoffTimer TimerKind = iota
	StartTimer
	StopTimer
)

// Event is one thing that happened. Now is in ns of the run's clock; Rand is fresh randomness, for jitter.
type Event struct {
	Kind  EventKind
	Now   int64
	Rand  uint64
	Name  string
	Inc   uint32
	Timer TimerKind
	Exit  Exit
	Child *Child // Add: its spec, not changed any more; where it has no name, that is Name
	Req   uint64
}

// CommandKind names what the driver has to do.
type CommandKind uint8

// The commands.
const (
	Start  CommandKind = iota // start incarnation Inc of the child; Pinned: of its known-good version
	Close                     // close its region: request and drain
	Kill                      // end its drain, or close it brutally
	Arm                       // send Due for this timer after Delay
	Disarm                    // a Due of this timer is not needed any more
	Up                        // the supervisor is ready
	Reply                     // answer request Req with Err
	Report                    // something to log: Context, Exit
	Adopt                     // the child of request Req is in the books: its start follows
	Remove                    // the child's spec is gone: give its slot up
	Evict                     // nothing follows for now: what waits for the child is answered, and what is sent to it refused
	Finish                    // the supervisor ends with Exit; nothing lives
)

// Context says what a report is about.
type Context string

// The contexts, as OTP names them; wedged, and the two ways out of a crash loop.
const (
	ChildTerminated Context = "child_terminated"
	StartError      Context = "start_error"
	ShutdownError   Context = "shutdown_error"
	GivingUp        Context = "shutdown"
	Wedged          Context = "wedged"
	FellBack        Context = "fell_back"   // it moves to its pinned version
	Quarantined     Context = "quarantined" // nothing starts it any more
)

// Refusal says why a request was not done.
type Refusal string

// The refusals. Done is none.
const (
	Done        Refusal = ""
	NotFound    Refusal = "not_found"
	AlreadyHere Refusal = "already_present"
	Running     Refusal = "running"
	Restarting  Refusal = "restarting"
	Closing     Refusal = "closing"
	BadSpec     Refusal = "bad_spec"
	StartFailed Refusal = "start_failed"
	Contained   Refusal = "quarantined"
)

// Command is one thing for the driver to do.
type Command struct {
	Kind    CommandKind
	Name    string
	Inc     uint32
	Timer   TimerKind
	Delay   time.Duration
	Child   *Child // Start: its spec
	Pinned  bool
	Exit    Exit
	Context Context
	Req     uint64
	Err     Refusal
}

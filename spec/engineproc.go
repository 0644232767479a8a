package spec

// EngineState is a state of one engine process as the supervisor sees it.
type EngineState uint8

// The states of an engine process.
const (
	EngineLaunching  EngineState = iota // the process is being made
	EngineShaking                       // handshake sent
	EngineLoading                       // configure sent
	EngineIdle                          // ready for a call
	EngineBusy                          // one call runs
	EngineCancelling                    // a cancel was sent for it
	EngineLeaving                       // shutdown was sent
	EngineKilling                       // killed, its end is not known yet
	EngineDead
)

var engineStates = [...]string{"Launching", "Shaking", "Loading", "Idle", "Busy", "Cancelling", "Leaving", "Killing", "Dead"}

// String gives the state's stable name.
func (s EngineState) String() string { return enum(engineStates[:], int(s)) }

// EngineEvent is what can happen to an engine process.
type EngineEvent uint8

// The events of an engine process.
const (
	EngineLaunched EngineEvent = iota // it runs inside its sandbox
	EngineReplied                     // the answer to the request under way
	EngineRefused                     // an error answer to the request under way
	EngineCall                        // a call for it
	EngineCancel                      // the call under way is taken back
	EngineLate                        // a timer: start, deadline, cancel or leave grace is over
	EngineLeave                       // its extension stops
	EngineFault                       // it broke the protocol
	EngineDied                        // the process has ended
)

var engineEvents = [...]string{"launched", "replied", "refused", "call", "cancel", "late", "leave", "fault", "died"}

// String gives the event's stable name.
func (e EngineEvent) String() string { return enum(engineEvents[:], int(e)) }

// Engine is the life of an engine process (design: engines).
var Engine = &Machine[EngineState, EngineEvent]{
	Name:  "engine",
	Start: EngineLaunching,
	States: []EngineState{
		EngineLaunching, EngineShaking, EngineLoading, EngineIdle, EngineBusy, EngineCancelling, EngineLeaving, EngineKilling, EngineDead,
	},
	Events: []EngineEvent{
		EngineLaunched, EngineReplied, EngineRefused, EngineCall, EngineCancel, EngineLate, EngineLeave, EngineFault, EngineDied,
	},
	Ends: []EngineState{EngineDead},
	Rows: []Row[EngineState, EngineEvent]{
		{EngineLaunching, EngineLaunched, EngineShaking, "handshake", "nothing is trusted before it agreed on the protocol"},
		{EngineLaunching, EngineDied, EngineDead, "end", "it could not be made"},
		{EngineLaunching, EngineLeave, EngineKilling, "kill", "there is nothing to shut down yet"},
		{EngineLaunching, EngineLate, EngineKilling, "kill", "the start takes too long"},
		{EngineShaking, EngineReplied, EngineLoading, "configure", "the bundle is loaded inside the sandbox"},
		{EngineShaking, EngineRefused, EngineKilling, "kill", "negotiation fails closed"},
		{EngineShaking, EngineLate, EngineKilling, "kill", "the start takes too long"},
		{EngineShaking, EngineLeave, EngineKilling, "kill", "there is nothing to shut down yet"},
		{EngineShaking, EngineFault, EngineKilling, "kill", "it breaks the protocol"},
		{EngineShaking, EngineDied, EngineDead, "end", "it ended in its start"},
		{EngineLoading, EngineReplied, EngineIdle, "ready", "it answers calls from here on"},
		{EngineLoading, EngineRefused, EngineKilling, "kill", "the bundle does not load"},
		{EngineLoading, EngineLate, EngineKilling, "kill", "the start takes too long"},
		{EngineLoading, EngineLeave, EngineKilling, "kill", "there is nothing to shut down yet"},
		{EngineLoading, EngineFault, EngineKilling, "kill", "it breaks the protocol"},
		{EngineLoading, EngineDied, EngineDead, "end", "it ended in its start"},
		{EngineIdle, EngineCall, EngineBusy, "invoke", "one call at a time"},
		{EngineIdle, EngineLeave, EngineLeaving, "shutdown", "asked first, killed later"},
		{EngineIdle, EngineFault, EngineKilling, "kill", "it breaks the protocol"},
		{EngineIdle, EngineDied, EngineDead, "end", "it ended between two calls"},
		{EngineBusy, EngineReplied, EngineIdle, "answer", "the result"},
		{EngineBusy, EngineRefused, EngineIdle, "answer", "the author's code failed; the engine did not"},
		{EngineBusy, EngineCancel, EngineCancelling, "cancel", "it has 100 ms to stop running code"},
		{EngineBusy, EngineLate, EngineKilling, "kill", "the deadline is kept from outside"},
		{EngineBusy, EngineFault, EngineKilling, "kill", "it breaks the protocol"},
		{EngineBusy, EngineDied, EngineDead, "end", "the caller is told: outcome unknown"},
		{EngineCancelling, EngineReplied, EngineIdle, "answer", "it was done before the cancel reached it"},
		{EngineCancelling, EngineRefused, EngineIdle, "answer", "it stopped"},
		{EngineCancelling, EngineCancel, EngineCancelling, "none", "asked once"},
		{EngineCancelling, EngineLate, EngineKilling, "kill", "it did not stop in time"},
		{EngineCancelling, EngineFault, EngineKilling, "kill", "it breaks the protocol"},
		{EngineCancelling, EngineDied, EngineDead, "end", "the caller is told: outcome unknown"},
		{EngineLeaving, EngineReplied, EngineLeaving, "none", "it will end by itself"},
		{EngineLeaving, EngineRefused, EngineKilling, "kill", "it does not want to"},
		{EngineLeaving, EngineLate, EngineKilling, "kill", "the grace period is over"},
		{EngineLeaving, EngineFault, EngineKilling, "kill", "it breaks the protocol"},
		{EngineLeaving, EngineLeave, EngineLeaving, "none", "asked once"},
		{EngineLeaving, EngineDied, EngineDead, "end", "as asked"},
		{EngineKilling, EngineLeave, EngineKilling, "none", "it is ending already"},
		{EngineKilling, EngineFault, EngineKilling, "none", "what it says is not heard any more"},
		{EngineKilling, EngineReplied, EngineKilling, "none", "what it says is not heard any more"},
		{EngineKilling, EngineRefused, EngineKilling, "none", "what it says is not heard any more"},
		{EngineKilling, EngineCancel, EngineKilling, "none", "its call was answered already"},
		{EngineKilling, EngineLate, EngineKilling, "none", "it was killed already"},
		{EngineKilling, EngineLaunched, EngineKilling, "kill", "it was to be killed before it was there"},
		{EngineKilling, EngineDied, EngineDead, "end", "the first reason stands"},
	},
}

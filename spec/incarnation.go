package spec

// IncarnationState is a state of one life of an actor.
type IncarnationState uint8

// The states of an incarnation.
const (
	Starting IncarnationState = iota
	Running
	Draining
	Ending
	Ended
	Fenced
)

var incarnationStates = [...]string{"Starting", "Running", "Draining", "Ending", "Ended", "Fenced"}

// String gives the state's stable name.
func (s IncarnationState) String() string { return enum(incarnationStates[:], int(s)) }

// IncarnationEvent is what can happen to an incarnation.
type IncarnationEvent uint8

// The events of an incarnation.
const (
	LifeStarted  IncarnationEvent = iota // the behaviour is ready
	LifeCancel                           // a cancel request was delivered
	LifeDrained                          // the behaviour said so, or nothing is left to do
	LifeExit                             // it ended by itself, by an error, a panic, or a kill
	LifeStuck                            // its handler does not return
	LifeReturned                         // the stuck handler returned after all
	LifeClosed                           // its region is closed
)

var incarnationEvents = [...]string{"started", "cancel", "drained", "exit", "stuck", "returned", "closed"}

// String gives the event's stable name.
func (e IncarnationEvent) String() string { return enum(incarnationEvents[:], int(e)) }

// IncarnationLife is the life of an incarnation (rules R3, R6, S5, S6).
var IncarnationLife = &Machine[IncarnationState, IncarnationEvent]{
	Name:   "incarnation",
	Start:  Starting,
	States: []IncarnationState{Starting, Running, Draining, Ending, Ended, Fenced},
	Events: []IncarnationEvent{LifeStarted, LifeCancel, LifeDrained, LifeExit, LifeStuck, LifeReturned, LifeClosed},
	Ends:   []IncarnationState{Ended},
	Rows: []Row[IncarnationState, IncarnationEvent]{
		{Starting, LifeStarted, Running, "ready", "the starter goes on with the next child"},
		{Starting, LifeCancel, Draining, "tell", "a start under way hears of the cancel like any other work"},
		{Starting, LifeExit, Ending, "end", "the start failed or was declined"},
		{Starting, LifeStuck, Fenced, "fence", "a start can hang like any handler"},
		{Running, LifeCancel, Draining, "tell", "Ready goes on until drained"},
		{Running, LifeExit, Ending, "end", "once per life, whatever the cause"},
		{Running, LifeStuck, Fenced, "fence", "its effects are refused from here on"},
		{Draining, LifeStarted, Draining, "none", "it was asked to end before it was ready"},
		{Draining, LifeCancel, Draining, "none", "told once; reasons only strengthen"},
		{Draining, LifeDrained, Ending, "end", "nothing is left to finish"},
		{Draining, LifeExit, Ending, "end", "an error or a kill ends the drain"},
		{Draining, LifeStuck, Fenced, "fence", "it does not return from a handler"},
		{Ending, LifeCancel, Ending, "none", "its members are being closed already"},
		{Ending, LifeExit, Ending, "none", "the first cause stands"},
		{Ending, LifeStarted, Ending, "none", "too late"},
		{Ending, LifeDrained, Ending, "none", "the first cause stands"},
		{Ending, LifeClosed, Ended, "tell", "quiescent: supervisor, monitors and links hear of it now"},
		{Fenced, LifeCancel, Fenced, "none", "it cannot hear"},
		{Fenced, LifeExit, Fenced, "none", "a handler cannot be killed"},
		{Fenced, LifeStarted, Fenced, "none", "what it says is not heard any more"},
		{Fenced, LifeDrained, Fenced, "none", "what it says is not heard any more"},
		{Fenced, LifeReturned, Ending, "end", "it came back after all"},
	},
}

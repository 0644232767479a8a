package spec

// ObligationState is a state of a promise (kernel page, O).
type ObligationState uint8

// The states of an obligation.
const (
	Reserved ObligationState = iota
	Committed
	Aborted
	Transferred
	Leaked
)

var obligationStates = [...]string{"Reserved", "Committed", "Aborted", "Transferred", "Leaked"}

// String gives the state's stable name.
func (s ObligationState) String() string { return enum(obligationStates[:], int(s)) }

// ObligationEvent is what can happen to a promise.
type ObligationEvent uint8

// The events of an obligation.
const (
	ObligationCommit  ObligationEvent = iota // the holder kept it
	ObligationAbort                          // the holder, or its kind's rule, broke it visibly
	ObligationHandOn                         // the holder, or its kind's rule, gave it to another
	ObligationAbandon                        // its holder stopped and its kind has no rule
)

var obligationEvents = [...]string{"commit", "abort", "hand_on", "abandon"}

// String gives the event's stable name.
func (e ObligationEvent) String() string { return enum(obligationEvents[:], int(e)) }

// Obligation is the life of a promise at one holder (rules O1, O3). Handing on ends it here and reserves
// it there. Cancellation is no event: it never resolves one by itself.
var Obligation = &Machine[ObligationState, ObligationEvent]{
	Name:   "obligation",
	Start:  Reserved,
	States: []ObligationState{Reserved, Committed, Aborted, Transferred, Leaked},
	Events: []ObligationEvent{ObligationCommit, ObligationAbort, ObligationHandOn, ObligationAbandon},
	Ends:   []ObligationState{Committed, Aborted, Transferred, Leaked},
	Rows: []Row[ObligationState, ObligationEvent]{
		{Reserved, ObligationCommit, Committed, "resolve", "kept"},
		{Reserved, ObligationAbort, Aborted, "resolve", "visibly broken: whoever waits for it is told"},
		{Reserved, ObligationHandOn, Transferred, "resolve", "another holder has it now"},
		{Reserved, ObligationAbandon, Leaked, "incident", "forgotten: the region's outcome is Leaked"},
	},
}

// ObligationKind is one row of the table of kinds (O2).
type ObligationKind struct {
	Name    string
	Durable bool
	Rule    ObligationEvent // what becomes of an open one when its holder stops
	Why     string
}

// ObligationKinds are the kernel's kinds. Packages above register their own.
var ObligationKinds = []ObligationKind{
	{"send_permit", false, ObligationAbort, "the place is given back"},
	{"reply", false, ObligationAbort, "the asker is told at once"},
	{"engine_call", false, ObligationAbort, "the caller is told its outcome"},
	{"lease", true, ObligationAbandon, "only the lease protocol may release it"},
	{"saga_step", true, ObligationHandOn, "the saga resumes it"},
	{"epoch_ack", true, ObligationAbort, "the barrier aborts for all"},
}

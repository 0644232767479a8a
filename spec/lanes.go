package spec

// The bounds of the choice between lanes (rule L3). A streak is a run of deliveries.
const (
	UrgentStreak = 32 // Cancel and Timed deliveries in a row while Ready waits; then one Ready
	CancelStreak = 8  // Cancel deliveries while Timed waits; then one Timed. A Ready between does not reset it
)

// The waiting bounds that follow, counting the delivery under way: how many deliveries the message at the
// head of a lane sees at most until its own begins.
const (
	HeadReadyBound  = UrgentStreak + 1
	HeadTimedBound  = CancelStreak + 2
	HeadCancelBound = 3
)

// LaneRule is one row of the choice: the first that applies wins.
type LaneRule struct {
	When string
	Take string
	Why  string
}

// LaneRules are rule L3 in order.
var LaneRules = []LaneRule{
	{"Ready waits and 32 urgent deliveries were made in a row", "Ready", "Ready does not starve behind Cancel and Timed"},
	{"Timed waits and 8 Cancels were delivered meanwhile", "Timed", "a deadline does not starve behind cancels"},
	{"Cancel waits", "Cancel", "a cancel overtakes everything else"},
	{"Timed waits", "Timed", "deadlines before ordinary work"},
	{"Ready waits", "Ready", "ordinary work"},
}

// KernelLane is one row of the table of the kernel's own messages (rule L1).
type KernelLane struct {
	Message string // its Go type in actors
	Lane    string
	Why     string
}

// KernelLanes say in which lane the kernel's messages travel. What fires from a timer is Timed, whatever its type.
var KernelLanes = []KernelLane{
	{"control", "cancel", "a region's request, its kill, its word that the actor is alone, an exit by a link"},
	{"ChildStarted", "cancel", "a supervisor hears of its children before anything else"},
	{"ChildEnded", "cancel", "the same: it must not be refused for lack of room"},
	{"ChildWedged", "cancel", "the same"},
	{"LinkDown", "cancel", "it may be the actor's own end"},
	{"Answer", "ready", "its place was reserved with the question"},
	{"Down", "ready", "its place was reserved with the monitor"},
	{"Committed", "ready", "its place was reserved with the commit"},
	{"Permit", "ready", "its place was reserved with the request"},
	{"Undelivered", "ready", "it is the sender's own message, come back"},
	{"Ask", "ready", "a question waits like any message, unless its type is registered"},
}

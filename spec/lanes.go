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

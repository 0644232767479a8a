package spec

// Weight says when the evidence of a decision is written (rule E1).
type Weight uint8

// The weights.
const (
	Granting   Weight = iota + 1 // ahead, in the commit that lets it have its effect: no entry, no effect
	Protective                   // after: it acts at once, and the entry waits while nothing can be written
)

var weights = [...]string{"", "granting", "protective"}

// String gives the weight's stable name.
func (w Weight) String() string { return enum(weights[:], int(w)) }

// Record is the name of the kind of marker that an entry of that weight is the body of.
func (w Weight) Record() string {
	if w == Granting {
		return "grant"
	}
	return "protect"
}

// DecisionKind is one row of the table of decisions that policy influences.
type DecisionKind struct {
	Name string
	Weight
	Why string
}

// Decisions are the kinds of decisions that leave evidence. Names are stable for ever.
var Decisions = []DecisionKind{
	{"lease", Granting, "somebody is let to act alone, for a time"},
	{"capability", Granting, "an actor is given an authority that it did not have"},
	{"egress", Granting, "an extension is let to reach a place outside"},
	{"epoch", Granting, "everybody goes on under other rules"},
	{"activation", Granting, "a version runs with a configuration and capabilities; also its known-good version, which the configuration names"},
	{"downgrade", Granting, "something runs with less protection than it asked for"},
	{"override", Granting, "a rule is set aside on somebody's word"},
	{"restart", Protective, "what a supervisor does about a child: within what its activation granted"},
	{"stop", Protective, "something is ended on request"},
	{"cancel", Protective, "work under way is called off"},
	{"denial", Protective, "something was asked for and refused"},
	{"quarantine", Protective, "something is kept from running on request"},
}

var decisions = func() map[string]*DecisionKind {
	m := map[string]*DecisionKind{}
	for i := range Decisions {
		m[Decisions[i].Name] = &Decisions[i]
	}
	return m
}() // written at init

// DecisionNamed is the kind with that name; nil if there is none. The row must not be changed.
func DecisionNamed(name string) *DecisionKind { return decisions[name] }

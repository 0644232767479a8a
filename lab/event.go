package lab

import "slices"

// kind says what a step does with an object.
type kind uint8

const (
	put     kind = iota // queue a message
	take                // take one out of the mailbox, to handle it
	hold                // promise a place
	give                // give a promised place back
	look                // read
	touch               // change
	heed                // read whether a cancel was accepted
	held                // see that something waits in the mailbox
	join                // become a member of a region
	leave               // stop being one
	handle              // bring a message that is handled in the same step
	pull                // take a message back that may be queued
	watches             // set a monitor or a link, or take it back: it minds ends only
	kinds
)

// access is one object that a step touches.
type access struct {
	obj     int32
	kind    kind
	lane    uint8
	refused bool  // put, hold: there was no place
	last    bool  // put, hold: it took the last place
	owes    int32 // put, hold: it has a place because so many were given back before; zero: anyway
	nth     int32 // take, give: which of those it is
	closing bool  // join, leave: the region was closing
	merges  bool  // put, take: of a message that merges with others in the Cancel lane
	body    *any  // put, handle: the message, where a scenario declares what commutes
	id      int32 // put: the message; watches: who hears
	due     int64 // put, take in the Timed lane: the deadline
}

// clash says whether the order of two accesses of one object can be seen. a came first.
func clash(a, b access) bool {
	if a.obj != b.obj || a.kind == look && b.kind == look {
		return false
	}
	if a.kind == touch || b.kind == touch || a.kind == handle || b.kind == handle {
		return !a.refused || !b.refused // of two messages to somebody who is gone, neither is first
	}
	f := table[a.kind][b.kind]
	return f != nil && f(a, b)
}

func sameLane(a, b access) bool { return a.lane == b.lane }

const timed, ready = 1, 2 // lanes.Timed, lanes.Ready

// arrival says whether the order of two messages of one lane is that of their arrival: not where deadlines decide.
func arrival(a, b access) bool { return a.lane != timed || a.due == b.due }

// tight says whether b's place depends on what a gave back.
func tight(a, b access) bool { return sameLane(a, b) && !b.refused && a.nth <= b.owes }

// table says which pairs can be seen, the earlier one first; nil: never.
var table = [kinds][kinds]func(a, b access) bool{
	put: {
		// The order of arrival, and who gets the last place.
		put:  func(a, b access) bool { return sameLane(a, b) && !a.refused && (arrival(a, b) || b.refused) },
		take: func(a, b access) bool { return sameLane(a, b) && (a.refused || a.merges && b.merges) },
		pull: sameLane,
		hold: func(a, b access) bool { return sameLane(a, b) && !a.refused && b.refused },
		give: func(a, b access) bool { return sameLane(a, b) && a.refused },
		heed: func(a, _ access) bool { return a.merges },
		held: always,
	},
	take: {
		// A message of a higher lane would have been taken instead; so would one of an earlier deadline.
		put: func(a, b access) bool {
			return b.lane < a.lane || sameLane(a, b) && (a.lane == timed && b.due < a.due || a.merges && b.merges) || tight(a, b)
		},
		hold: tight,
	},
	hold: {
		hold: func(a, b access) bool { return sameLane(a, b) && !a.refused && b.refused },
		put:  func(a, b access) bool { return sameLane(a, b) && !a.refused && b.refused },
		take: func(a, b access) bool { return sameLane(a, b) && a.refused },
		give: func(a, b access) bool { return sameLane(a, b) && a.refused },
	},
	give: {put: tight, hold: tight},
	pull: {put: sameLane},
	heed: {
		put: func(_, b access) bool { return b.merges },
	},
	held: {put: always},
	// One actor hears of the end of another in the order in which it came to watch it.
	watches: {watches: func(a, b access) bool { return a.id == b.id }},
	join:    {leave: anyCloses, look: always},
	leave:   {join: anyCloses, leave: anyCloses, look: always},
	look:    {leave: always, join: always},
}

func always(_, _ access) bool { return true }

func anyCloses(a, b access) bool { return a.closing || b.closing }

// event is one step of a run. It is immutable once it was ordered.
type event struct {
	proc    int
	i       int // place in the run
	n       int // number among the events of its process, from 1
	acc     []access
	past    []*event // direct causes beside its process
	cause   *event   // that queued the message it took
	clock   []int32  // by process: how many of its events happened before or are this one
	races   []race
	barrier bool // it happened because nothing else could
	buf     [3]access
	kept    *event // see slim
}

// slim is the step without its past: what plans and sleeping steps keep of a run that is over.
func (e *event) slim() *event {
	if e.kept == nil {
		e.kept = &event{proc: e.proc, acc: slices.Clone(e.acc), barrier: e.barrier}
		e.kept.kept = e.kept
	}
	return e.kept
}

// race is a pair of adjacent events that could have come the other way round.
type race struct{ first, second *event }

func (e *event) after(c *event) {
	if c != nil && c != e {
		e.past = append(e.past, c)
	}
}

// knows says whether c happened before e, or is e. A nil event is the set-up.
func (e *event) knows(c *event) bool {
	if c == nil {
		return true
	}
	return e != nil && c.proc < len(e.clock) && int(e.clock[c.proc]) >= c.n
}

func (e *event) learn(c *event) {
	for len(e.clock) < len(c.clock) {
		e.clock = append(e.clock, 0)
	}
	for i, v := range c.clock {
		e.clock[i] = max(e.clock[i], v)
	}
}

// rules are what decides whether two steps can be seen in their order: the table, and what a scenario declares.
type rules struct {
	commute func(a, b any) bool // nil: nothing is declared
}

func (r rules) clash(a, b access) bool {
	if !clash(a, b) {
		return false
	}
	if r.commute == nil || a.body == nil || b.body == nil || a.refused || b.refused || b.owes > 0 || b.last {
		return true
	}
	return !r.commute(*a.body, *b.body)
}

func (r rules) clashes(x, y *event) bool {
	for _, a := range x.acc {
		for _, b := range y.acc {
			if a.obj == b.obj && r.clash(a, b) {
				return true
			}
		}
	}
	return false
}

// apart says whether two steps of different processes that are possible in one state commute. What they saw of a
// lane's room may have changed since they were recorded: who could contest the last place does.
func (r rules) apart(x, y *event) bool {
	if x.barrier || y.barrier || r.clashes(x, y) || r.clashes(y, x) {
		return false
	}
	for _, a := range x.acc {
		for _, b := range y.acc {
			if a.obj == b.obj && sameLane(a, b) && (a.scarce() && (b.claims() || b.frees()) || b.scarce() && (a.claims() || a.frees())) {
				return false
			}
		}
	}
	return true
}

// scarce says whether an access claims a place where there are no more, or would be none but for what was given back.
func (a access) scarce() bool { return a.claims() && (a.last || a.refused || a.owes > 0) }

// frees says whether an access gives a place back.
func (a access) frees() bool { return a.kind == take || a.kind == give }

// claims says whether an access takes a place.
func (a access) claims() bool { return a.kind == put || a.kind == hold }

// order gives e its clock and finds the races that it closes. run is what came before it, last the newest event
// of each process.
func (r rules) order(e *event, run []*event, last []*event) {
	e.clock = make([]int32, max(len(last), e.proc+1))
	if p := last[e.proc]; p != nil {
		copy(e.clock, p.clock)
		e.n = p.n
	}
	e.n++
	e.clock[e.proc] = int32(e.n)
	for i := len(run) - 1; i >= 0; i-- {
		f := run[i]
		if e.knows(f) {
			continue
		}
		cause := e.barrier || e.causedBy(f)
		if !cause && !r.clashes(f, e) {
			continue
		}
		if f.proc != e.proc && !cause {
			e.races = append(e.races, race{f, e})
		}
		e.learn(f)
	}
}

func (e *event) causedBy(f *event) bool {
	for _, c := range e.past {
		if c == f {
			return true
		}
	}
	return false
}

// instead says whether the taker e could have taken another message if f, which queued the one it took, had not
// come: there is one in another lane, or with another deadline, that knows nothing of f and was not taken before.
func (e *event) instead(f *event, run []*event) bool {
	box := e.acc[0].obj
	for _, g := range run {
		if g == f || g.knows(f) || takenBefore(g, e, run) {
			continue
		}
		for _, a := range g.acc {
			if a.kind == put && a.obj == box && !a.refused && (a.lane != e.acc[0].lane || a.lane == timed) {
				return true
			}
		}
	}
	return false
}

// takenBefore says whether what g queued was taken before e.
func takenBefore(g, e *event, run []*event) bool {
	for _, t := range run[:e.i] {
		if t.proc == e.proc && t.cause == g {
			return true
		}
	}
	return false
}

// sure says whether the step touches the same where others went before it. What it finds of a lane's room may differ:
// see apart.
func (e *event) sure() bool {
	for _, a := range e.acc {
		switch {
		case a.kind == put && !a.merges, a.kind == handle && !a.refused && len(e.acc) == 1, a.kind == hold && a.owes == 0, a.kind == give, a.kind == heed:
		default:
			return false
		}
	}
	return true
}

// takes says whether the step begins with taking a message out of a mailbox.
func (e *event) takes() bool { return len(e.acc) > 0 && e.acc[0].kind == take }

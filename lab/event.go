package lab

// kind says what a step does with an object.
type kind uint8

const (
	put   kind = iota // queue a message
	take              // take one out of the mailbox, to handle it
	hold              // promise a place
	give              // give a promised place back
	look              // read
	touch             // change
	heed              // read whether a cancel was accepted
	kinds
)

// access is one object that a step touches.
type access struct {
	obj     int
	kind    kind
	lane    uint8
	refused bool // put, hold: there was no place
	last    bool // put, hold: it took the last place
	owed    bool // put, hold: without what was taken or given back before there would have been none
}

// clash says whether the order of two accesses of one object can be seen. a came first.
func clash(a, b access) bool {
	if a.obj != b.obj || a.kind == look && b.kind == look {
		return false
	}
	if a.kind == touch || b.kind == touch {
		return true
	}
	return table[a.kind][b.kind] != nil && table[a.kind][b.kind](a, b)
}

func sameLane(a, b access) bool { return a.lane == b.lane }

// table says which pairs can be seen, the earlier one first; nil: never.
var table = [kinds][kinds]func(a, b access) bool{
	put: {
		put:  func(a, b access) bool { return sameLane(a, b) && !a.refused }, // the order of arrival, and who gets the last place
		take: func(a, b access) bool { return sameLane(a, b) && a.refused },
		hold: func(a, b access) bool { return sameLane(a, b) && !a.refused && b.refused },
		give: func(a, b access) bool { return sameLane(a, b) && a.refused },
		heed: func(a, _ access) bool { return a.lane == 0 },
	},
	take: {
		// A message of a higher lane would have been taken instead; so would one of an earlier deadline.
		put: func(a, b access) bool {
			return b.lane < a.lane || sameLane(a, b) && (b.lane == 1 || b.refused || b.owed)
		},
		hold: func(a, b access) bool { return sameLane(a, b) && (b.refused || b.owed) },
	},
	hold: {
		put:  func(a, b access) bool { return sameLane(a, b) && !a.refused && b.refused },
		take: func(a, b access) bool { return sameLane(a, b) && a.refused },
		give: func(a, b access) bool { return sameLane(a, b) && a.refused },
	},
	give: {
		put:  func(a, b access) bool { return sameLane(a, b) && (b.refused || b.owed) },
		hold: func(a, b access) bool { return sameLane(a, b) && (b.refused || b.owed) },
	},
	heed: {
		put: func(_, b access) bool { return b.lane == 0 },
	},
}

// event is one step of a run.
type event struct {
	proc  int
	i     int // place in the run
	n     int // number among the events of its process, from 1
	acc   []access
	past  []*event // direct causes beside its process
	cause *event   // that queued the message it took
	clock []int32  // by process: how many of its events happened before or are this one
	races []race
}

// race is a pair of adjacent events that could have come the other way round.
type race struct{ first, second *event }

// trap is a step that took another's chance away: a timer that was disarmed could have fired before.
type trap struct {
	alarm *alarm
	at    *event
}

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

func (e *event) join(c *event) {
	for len(e.clock) < len(c.clock) {
		e.clock = append(e.clock, 0)
	}
	for i, v := range c.clock {
		e.clock[i] = max(e.clock[i], v)
	}
}

func clashes(x, y *event) bool {
	for _, a := range x.acc {
		for _, b := range y.acc {
			if clash(a, b) {
				return true
			}
		}
	}
	return false
}

// apart says whether two steps of different processes that are possible in one state commute. What they saw of a
// lane's room may have changed since they were recorded: who could contest the last place does.
func apart(x, y *event) bool {
	if clashes(x, y) || clashes(y, x) {
		return false
	}
	for _, a := range x.acc {
		for _, b := range y.acc {
			if a.obj == b.obj && a.claims() && b.claims() && sameLane(a, b) && (a.last || b.last || a.refused || b.refused) {
				return false
			}
		}
	}
	return true
}

// claims says whether an access takes a place.
func (a access) claims() bool { return a.kind == put || a.kind == hold }

// order gives e its clock and finds the races that it closes. last is the newest event of each process.
func (e *event) order(run []*event, last []*event) {
	if p := last[e.proc]; p != nil {
		e.clock = append(make([]int32, 0, len(p.clock)), p.clock...)
		e.n = p.n
	}
	e.n++
	for len(e.clock) <= e.proc {
		e.clock = append(e.clock, 0)
	}
	e.clock[e.proc] = int32(e.n)
	for i := len(run) - 1; i >= 0; i-- {
		f := run[i]
		if e.knows(f) {
			continue
		}
		cause := e.causedBy(f)
		if !cause && !clashes(f, e) {
			continue
		}
		if f.proc != e.proc && !cause {
			e.races = append(e.races, race{f, e})
		}
		e.join(f)
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
			if a.kind == put && a.obj == box && !a.refused && (a.lane != e.acc[0].lane || a.lane == 1) {
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

// takes says whether the step begins with taking a message out of a mailbox.
func (e *event) takes() bool { return len(e.acc) > 0 && e.acc[0].kind == take }

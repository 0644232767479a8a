package lab

// kind says what a step does with an object.
type kind uint8

const (
	put   kind = iota // queue a message
	take              // take one out of the mailbox, to handle it
	look              // read
	touch             // change
	flag              // read whether a cancel was accepted
)

// access is one object that a step touches.
type access struct {
	obj     int
	kind    kind
	lane    uint8
	refused bool // put: the lane was full
	last    bool // put: it took the last place
	others  bool // take: other lanes had messages too
}

// clash says whether the order of two accesses of one object can be seen. a came first.
func clash(a, b access) bool {
	if a.obj != b.obj {
		return false
	}
	switch {
	case a.kind == touch || b.kind == touch:
		return true
	case a.kind == put && b.kind == put:
		return a.lane == b.lane
	case a.kind == take && b.kind == put:
		return b.lane < a.lane || b.lane == a.lane && (b.lane == 1 || b.last || b.refused)
	case a.kind == put && b.kind == take:
		return a.refused && a.lane == b.lane || a.lane < b.lane
	case a.kind == flag && b.kind == put:
		return b.lane == 0
	case a.kind == put && b.kind == flag:
		return a.lane == 0
	}
	return false
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

// apart says whether two steps of different processes that are possible in one state commute.
func apart(x, y *event) bool { return !clashes(x, y) && !clashes(y, x) }

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
		if f.proc != e.proc && (!cause || e.without(f, run)) {
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

// without says whether the process of e could have gone on without f, which queued the message that e took:
// another lane had one whose sender knows nothing of f.
func (e *event) without(f *event, run []*event) bool {
	if e.cause != f || len(e.acc) == 0 || e.acc[0].kind != take || !e.acc[0].others {
		return false
	}
	for _, g := range run[:e.i] {
		if g == f || g.knows(f) {
			continue
		}
		for _, a := range g.acc {
			if a.kind == put && a.obj == e.acc[0].obj && a.lane != e.acc[0].lane && !a.refused {
				return true
			}
		}
	}
	return false
}

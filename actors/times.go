package actors

import (
	"cmp"
	"slices"
	"time"

	"github.com/franken-node/fnode-supervisor/lanes"
)

// LaneTimes are how long the messages of one lane waited, over all actors of a class, and how long their handlers took.
// One message in 64 is measured and counts for 64; what takes over a millisecond is always seen, by the host's coarse
// clock, and counts for itself (L7).
type LaneTimes struct {
	Class         string
	Lane          lanes.Lane
	Wait, Service lanes.Histogram
}

// Times are the times by class and lane, in that order. A host without a coarse clock (Options.Coarse) measures none.
// Any goroutine may call it; the counts of one histogram may be a message apart.
func (sys *System) Times() []LaneTimes {
	sys.mu.Lock()
	defer sys.mu.Unlock()
	var out []LaneTimes
	for class, t := range sys.classes {
		for l := range t {
			out = append(out, LaneTimes{class, lanes.Lane(l), t[l].wait.Read(), t[l].service.Read()})
		}
	}
	slices.SortFunc(out, func(a, b LaneTimes) int { return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Lane, b.Lane)) })
	return out
}

// times are what was measured of one class, by lane.
type times [3]struct{ wait, service lanes.Tally }

const (
	long   = int64(time.Millisecond) // measured always
	weight = 64                      // of a sample (lanes.Mark)
)

// serves notes how long a message waited that is taken now, by the coarse clock, and begins its service by the exact one
// where it is sampled.
func (c *Cell) serves(l lanes.Lane, at lanes.Mark, now int64) {
	waited := now - at.At()
	if waited >= long {
		c.slot.opts.times[l].wait.Add(waited, 1)
	}
	if at.Sampled() {
		exact := c.slot.opts.sys.clocks.Exact()
		if waited < long {
			c.slot.opts.times[l].wait.Add(exact-at.At(), weight)
		}
		c.began = exact | 1
	}
}

// served notes how long the handler of the last message took, which ended now.
func (c *Cell) served(l lanes.Lane, now int64) {
	if took := now - c.began; took >= long {
		c.slot.opts.times[l].service.Add(took, 1)
	} else if c.sampled() {
		c.slot.opts.times[l].service.Add(c.slot.opts.sys.clocks.Exact()-c.began, weight)
	}
}

// sampled says whether the times of the message under way are.
func (c *Cell) sampled() bool { return c.began&1 != 0 }

// mostClasses bounds the classes that are measured apart; "other" holds the rest.
const mostClasses = 64

// timesOf are those of a class. The caller holds sys.mu.
func (sys *System) timesOf(class string) *times {
	t := sys.classes[class]
	if t == nil && len(sys.classes) >= mostClasses {
		class = "other"
		t = sys.classes[class]
	}
	if t == nil {
		t = &times{}
		put(&sys.classes, class, t)
	}
	return t
}

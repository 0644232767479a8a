package lanes

import "sync/atomic"

// Overflow says what a full Ready lane does.
type Overflow uint8

// Refuse the new message (default), or drop the oldest that has no promised place. Callers outside actors may
// wait for room instead (actors.TellWait).
const (
	Refuse Overflow = iota
	DropOldest
)

// Options bound a mailbox.
type Options struct {
	Ready    int // messages and reserved places; default 1024
	Timed    int // messages and armed timers; default 1024
	Overflow Overflow
	Clocks   *Clocks // when messages arrive; nil: no ages. Mailboxes may share them
}

// Settled is o with its defaults in place.
func (o Options) Settled() Options {
	if o.Ready <= 0 {
		o.Ready = Default
	}
	if o.Timed <= 0 {
		o.Timed = Default
	}
	return o
}

// Clocks give the time in ns. They are safe for concurrent use.
type Clocks struct {
	Coarse *atomic.Int64 // cheap, and somewhat behind; zero: read Exact instead. nil: there is none, and nothing is sampled
	Exact  func() int64
}

// Now is the coarse time.
func (c *Clocks) Now() int64 {
	if c.Coarse != nil {
		if t := c.Coarse.Load(); t != 0 {
			return t
		}
	}
	return c.Exact()
}

// sampling: one message in so many.
const sampling = 64

// Mark says when a message came, in steps of 16 ns, and whether its times are to be sampled (L7).
type Mark uint64

// At is when, in ns; zero: there are no clocks.
func (m Mark) At() int64 { return int64(m &^ flags) }

// Sampled says whether it came by the exact clock.
func (m Mark) Sampled() bool { return m&sampled != 0 }

// mark is that of the nth message of a lane.
func (c *Clocks) mark(n uint64) Mark {
	switch {
	case c == nil:
		return 0
	case n%sampling == 0 && c.Coarse != nil:
		return Mark(c.Exact())&^flags | sampled
	}
	return Mark(c.Now()) &^ flags
}

// quick is mark where that is the coarse time; zero says nothing.
func (c *Clocks) quick(n uint64) Mark {
	if c == nil || c.Coarse == nil || n%sampling == 0 {
		return 0
	}
	return Mark(c.Coarse.Load()) &^ flags
}

// Quick is the coarse time; zero where there is none now.
func (c *Clocks) Quick() int64 {
	if c.Coarse == nil {
		return 0
	}
	return c.Coarse.Load()
}

// Default is the capacity of a lane whose option is zero.
const Default = 1024

// Result says what became of a put.
type Result uint8

// Queued; Refused: the caller still owns the message; Dropped: queued, and Put.Old had to go.
const (
	Queued Result = iota
	Refused
	Dropped
)

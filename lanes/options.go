package lanes

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
	Stamp    func() int64 // ns; when messages arrive. nil: no ages
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

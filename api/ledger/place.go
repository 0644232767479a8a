package ledger

import (
	"strconv"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Place is a point of the stream as people name it: a marker's sequence ("118"), an RFC 3339 time, or a duration back
// ("10m"). Exactly one of Seq and Time is set.
type Place struct {
	Seq  uint64
	Time time.Time
}

// ParsePlace reads one. The error is codes.BadRequest.
func ParsePlace(s string, now time.Time) (p Place, err error) {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil && n > 0 {
		return Place{Seq: n}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 && s != "0" {
		return Place{Time: now.Add(-d)}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return Place{Time: t}, nil
	}
	return p, codes.New(codes.BadRequest, "%.80q is no place of the ledger: a marker's number, an RFC 3339 time, or a duration back (10m)", s)
}

package lanes

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Histogram counts durations. Bucket i holds those up to Bound(i) and over Bound(i-1); the last holds the rest.
type Histogram struct {
	Buckets [buckets]uint64
	Sum     time.Duration
}

const buckets = 26

// Bound is the upper bound of a bucket: 1 us, and twice that of the one before. The last has none.
func (Histogram) Bound(i int) time.Duration { return time.Microsecond << i }

// Count is how many durations there were.
func (h Histogram) Count() (n uint64) {
	for _, b := range h.Buckets {
		n += b
	}
	return n
}

// UpTo is how many durations there were up to each bound, in seconds, as Prometheus counts them.
func (h Histogram) UpTo() map[float64]uint64 {
	out, n := make(map[float64]uint64, buckets), uint64(0)
	for i, b := range h.Buckets[:buckets-1] {
		n += b
		out[h.Bound(i).Seconds()] = n
	}
	return out
}

// Tally makes a Histogram. Any goroutine may use it.
type Tally struct {
	buckets [buckets]atomic.Uint64
	sum     atomic.Int64 // ns
}

// Add counts a duration in ns, so many times.
func (t *Tally) Add(ns int64, weight uint64) {
	ns = max(ns, 0)
	i := min(bits.Len64(uint64(max(ns-1, 0))/uint64(time.Microsecond)), buckets-1)
	t.buckets[i].Add(weight)
	t.sum.Add(ns * int64(weight))
}

// Read is what was counted so far; the buckets may be a moment apart.
func (t *Tally) Read() (h Histogram) {
	for i := range h.Buckets {
		h.Buckets[i] = t.buckets[i].Load()
	}
	h.Sum = time.Duration(t.sum.Load())
	return h
}

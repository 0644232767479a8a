package api

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"
)

// LogQuery selects lines. Since zero is everything kept; Tail 0 is every line, n > 0 the newest n; Call
// selects one call's lines. Follow goes on with what comes next.
type LogQuery struct {
	Path   string
	Since  time.Time
	Tail   int
	Call   string
	Follow bool
}

// LogOptions bounds one extension's log.
type LogOptions struct {
	Path  string           // of the extension, written on every line
	Bytes int              // kept text and overhead in bytes; default 1 MiB
	Line  int              // bytes of one line, the rest is cut and marked; default 8 KiB
	Rate  float64          // lines per second over time; default 200
	Burst int              // lines at once; default 400
	Now   func() time.Time // default time.Now
}

// LogRing keeps the newest lines of one extension. It has a size and a rate of its own, so that a flooder
// evicts only its own lines; what was not kept is told by a marker with the number of lines.
type LogRing struct {
	o LogOptions // immutable after New

	mu      sync.Mutex
	lines   []stored      // guarded by mu: oldest first
	bytes   int           // guarded by mu: cost of lines
	seq     uint64        // guarded by mu: sequence of the newest stored line
	evicted uint64        // guarded by mu: lines that fell out by size
	dropped uint64        // guarded by mu: lines refused by rate since the last stored one
	tokens  float64       // guarded by mu
	filled  time.Time     // guarded by mu: when tokens was last computed
	wake    chan struct{} // guarded by mu: capacity 0, closed and replaced by Append
}

type stored struct {
	seq  uint64
	line LogLine
}

const lineOverhead = 128 // bytes counted for the fields beside the text

// NewLogRing makes a ring; zero fields take their defaults.
func NewLogRing(o LogOptions) *LogRing {
	o.Bytes, o.Line, o.Burst = orInt(o.Bytes, 1<<20), orInt(o.Line, 8<<10), orInt(o.Burst, 400)
	if o.Rate <= 0 {
		o.Rate = 200
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &LogRing{o: o, tokens: float64(o.Burst), filled: o.Now(), wake: make(chan struct{})}
}

// Append keeps a line, or counts it as dropped when the extension is over its rate. It never blocks.
// It reports whether the line was kept.
func (r *LogRing) Append(l LogLine) bool {
	now := r.o.Now()
	if l.Time.IsZero() {
		l.Time = now
	}
	l.Meta, l.Path, l.Text, l.Call = Of("LogLine"), r.o.Path, clip(l.Text, r.o.Line), clip(l.Call, maxAttr)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.take(now) {
		r.dropped++
		return false
	}
	if r.dropped > 0 {
		r.store(r.marker(r.dropped, now, "over the rate limit"))
		r.dropped = 0
	}
	r.store(l)
	close(r.wake)
	r.wake = make(chan struct{})
	return true
}

// Dropped is the number of lines that were not kept: refused by rate since the last kept line, and
// evicted by size since the start.
func (r *LogRing) Dropped() (byRate, bySize uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped, r.evicted
}

// Read gives the selected lines. Path is not looked at: a ring is of one extension.
func (r *LogRing) Read(ctx context.Context, q LogQuery) iter.Seq[LogLine] {
	return func(yield func(LogLine) bool) {
		at, ok := r.past(q, yield)
		for ok && q.Follow && ctx.Err() == nil {
			batch, lost, wake := r.after(at)
			if lost > 0 && !yield(r.marker(lost, r.o.Now(), "this reader was too slow")) {
				return
			}
			for _, s := range batch {
				at = s.seq
				if q.wants(s.line) && (ctx.Err() != nil || !yield(s.line)) {
					return
				}
			}
			if len(batch) > 0 {
				continue
			}
			select {
			case <-wake:
			case <-ctx.Done():
			}
		}
	}
}

// past yields what is kept, with markers for what is not, and returns the sequence reached.
func (r *LogRing) past(q LogQuery, yield func(LogLine) bool) (at uint64, ok bool) {
	lines, at := r.selected(q)
	for _, l := range lines {
		if !yield(l) {
			return at, false
		}
	}
	return at, true
}

func (r *LogRing) selected(q LogQuery) ([]LogLine, uint64) {
	now := r.o.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []LogLine
	for _, s := range r.lines {
		if q.wants(s.line) {
			out = append(out, s.line)
		}
	}
	switch {
	case q.Tail > 0 && len(out) > q.Tail:
		out = out[len(out)-q.Tail:]
	case r.evicted > 0 && q.Since.IsZero():
		out = append([]LogLine{r.marker(r.evicted, now, "older than the log keeps")}, out...)
	}
	if r.dropped > 0 {
		out = append(out, r.marker(r.dropped, now, "over the rate limit"))
	}
	return out, r.seq
}

// after copies at most 64 lines that follow at; lost counts those that were evicted before them.
func (r *LogRing) after(at uint64) (batch []stored, lost uint64, wake <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) > 0 {
		first := r.lines[0].seq
		if at+1 < first {
			lost, at = first-at-1, first-1
		}
		from := min(int(at+1-first), len(r.lines))
		batch = append(batch, r.lines[from:min(from+64, len(r.lines))]...)
	}
	return batch, lost, r.wake
}

func (q LogQuery) wants(l LogLine) bool {
	if l.Time.Before(q.Since) {
		return false
	}
	return q.Call == "" || l.Call == q.Call || l.Dropped > 0
}

// take spends one token of the rate. Preconditions: mu is held.
func (r *LogRing) take(now time.Time) bool {
	if d := now.Sub(r.filled); d > 0 {
		r.tokens = min(r.tokens+d.Seconds()*r.o.Rate, float64(r.o.Burst))
		r.filled = now
	}
	if r.tokens < 1 {
		return false
	}
	r.tokens--
	return true
}

// store keeps one line and evicts the oldest beyond the size. Preconditions: mu is held.
func (r *LogRing) store(l LogLine) {
	r.seq++
	r.lines = append(r.lines, stored{r.seq, l})
	r.bytes += cost(l)
	for r.bytes > r.o.Bytes && len(r.lines) > 1 {
		r.bytes -= cost(r.lines[0].line)
		if r.lines[0].line.Dropped == 0 {
			r.evicted++
		}
		r.evicted += r.lines[0].line.Dropped
		r.lines[0] = stored{}
		r.lines = r.lines[1:]
	}
}

func (r *LogRing) marker(n uint64, at time.Time, why string) LogLine {
	return LogLine{
		Meta: Of("LogLine"), Path: r.o.Path, Time: at, Level: "marker", Dropped: n,
		Text: fmt.Sprintf("%d lines dropped: %s", n, why),
	}
}

func cost(l LogLine) int { return len(l.Text) + len(l.Call) + lineOverhead }

func orInt(v, def int) int {
	if v <= 0 {
		return def
	}
	return v
}

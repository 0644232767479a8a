package api

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// SinceNow asks a ring for what comes next only.
const SinceNow = "now"

const (
	maxEventText  = 4 << 10 // bytes of Detail that are kept
	maxEventAttrs = 16      // attributes that are kept
	maxAttr       = 256     // bytes of one attribute's key, and of its value
)

// Ring keeps the newest events of one boot, bounded in number and in bytes each. Events that fell out, or
// belong to another boot, are told as a gap, never skipped in silence.
type Ring struct {
	boot string           // immutable after New
	now  func() time.Time // immutable after New

	mu   sync.Mutex
	buf  []Event       // guarded by mu: event seq s is at (s-1) % cap
	last uint64        // guarded by mu: sequence of the newest event, 0 if none
	wake chan struct{} // guarded by mu: capacity 0, closed and replaced by Append
}

// NewRing makes a ring for that boot id (no white space, at most 64 bytes) keeping that many events, at
// least 1.
func NewRing(boot string, keep int) *Ring {
	return &Ring{boot: boot, now: time.Now, buf: make([]Event, max(keep, 1)), wake: make(chan struct{})}
}

// Append gives the event its id, sequence and, if it has none, its time; bounds it; keeps it; wakes the
// readers; and returns it as kept. It never blocks on a reader.
func (r *Ring) Append(e Event) Event {
	e.Meta = Of("Event")
	e.Detail = clip(e.Detail, maxEventText)
	e.Attrs = boundAttrs(e.Attrs)
	if e.Time.IsZero() {
		e.Time = r.now()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	e.Seq, e.ID = r.last, r.id(r.last)
	r.buf[(e.Seq-1)%uint64(len(r.buf))] = e
	close(r.wake)
	r.wake = make(chan struct{})
	return e
}

// Seq is the sequence of the newest event, 0 if there is none.
func (r *Ring) Seq() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// Read gives the events after since: all that is kept if it is empty, none of the past if it is SinceNow.
// With follow it goes on until ctx ends. A malformed or future id is codes.BadEventID.
func (r *Ring) Read(ctx context.Context, since string, follow bool) (iter.Seq[Event], error) {
	at, gap, err := r.cursor(since)
	if err != nil {
		return nil, err
	}
	claimed := since != "" // whether the reader has named a place that it knows everything up to
	return func(yield func(Event) bool) { r.read(ctx, at, gap, claimed, follow, yield) }, nil
}

func (r *Ring) read(ctx context.Context, at uint64, gap string, claimed, follow bool, yield func(Event) bool) {
	for ; ctx.Err() == nil; claimed = true {
		batch, next, missed, wake := r.after(at)
		if missed > 0 && gap == "" && claimed {
			gap = fmt.Sprintf("%d events after %s fell out of the ring", missed, r.id(at))
		}
		if gap != "" && !yield(r.gap(next-uint64(len(batch)), gap)) {
			return
		}
		gap, at = "", next
		for _, e := range batch {
			if ctx.Err() != nil || !yield(e) {
				return
			}
		}
		if len(batch) > 0 {
			continue
		}
		if !follow {
			return
		}
		select {
		case <-wake:
		case <-ctx.Done():
		}
	}
}

// cursor turns since into the sequence to read after, and the text of a gap if another boot was asked for.
func (r *Ring) cursor(since string) (at uint64, gap string, err error) {
	last := r.Seq()
	switch since {
	case "":
		return 0, "", nil
	case SinceNow:
		return last, "", nil
	}
	boot, seq, ok := parseEventID(since)
	switch {
	case !ok:
		return 0, "", codes.New(codes.BadEventID, "%q is not the id of an event", clip(since, 80))
	case boot != r.boot:
		return 0, fmt.Sprintf("events after %s belong to another boot of the daemon and are not kept", since), nil
	case seq > last:
		return 0, "", codes.New(codes.BadEventID, "%s has not happened yet: the newest event is %s", since, r.id(last))
	}
	return seq, "", nil
}

// after copies at most 64 events that follow at. missed counts those that fell out before them.
func (r *Ring) after(at uint64) (batch []Event, next, missed uint64, wake <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if kept := uint64(len(r.buf)); r.last > kept && at < r.last-kept {
		missed = r.last - kept - at
		at += missed
	}
	for next = at; next < r.last && len(batch) < 64; next++ {
		batch = append(batch, r.buf[next%uint64(len(r.buf))])
	}
	return batch, next, missed, r.wake
}

// gap carries the id of the last missing event, so that resuming after it loses nothing more.
func (r *Ring) gap(seq uint64, why string) Event {
	return Event{Meta: Of("Event"), ID: r.id(seq), Seq: seq, Time: r.now(), Type: TypeGap, Detail: why}
}

func (r *Ring) id(seq uint64) string { return r.boot + "-" + strconv.FormatUint(seq, 10) }

// parseEventID splits an id at its last dash. It accepts what id makes and nothing else.
func parseEventID(s string) (boot string, seq uint64, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i <= 0 || i > 64 || strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", 0, false
	}
	seq, err := strconv.ParseUint(s[i+1:], 10, 64)
	if err != nil || strconv.FormatUint(seq, 10) != s[i+1:] {
		return "", 0, false
	}
	return s[:i], seq, true
}

func boundAttrs(in map[string]string) map[string]string {
	if in == nil {
		return nil
	}
	out := make(map[string]string, min(len(in), maxEventAttrs))
	for _, k := range slices.Sorted(maps.Keys(in)) {
		if len(out) == maxEventAttrs {
			break
		}
		out[clip(k, maxAttr)] = clip(in[k], maxAttr)
	}
	return out
}

// clip bounds a text in bytes, makes it valid UTF-8 without growing it, and marks the cut.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return strings.ToValidUTF8(s, "?")
	}
	return strings.ToValidUTF8(s[:limit-len("…")], "") + "…"
}

package api

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func collect(t *testing.T, r *Ring, since string) (ids []string) {
	t.Helper()
	seq, err := r.Read(context.Background(), since, false)
	if err != nil {
		t.Fatal(err)
	}
	for e := range seq {
		ids = append(ids, e.Type+":"+e.ID)
	}
	return ids
}

func TestRingTellsEveryGap(t *testing.T) {
	r := NewRing("b-7", 3)
	for range 5 {
		r.Append(Event{Type: "e"})
	}
	for _, c := range []struct{ name, since, want string }{
		{"all that is kept", "", "e:b-7-3 e:b-7-4 e:b-7-5"},
		{"nothing of the past", SinceNow, ""},
		{"kept", "b-7-4", "e:b-7-5"},
		{"the newest", "b-7-5", ""},
		{"just kept", "b-7-2", "e:b-7-3 e:b-7-4 e:b-7-5"},
		{"fell out", "b-7-1", "gap:b-7-2 e:b-7-3 e:b-7-4 e:b-7-5"},
		{"from the start", "b-7-0", "gap:b-7-2 e:b-7-3 e:b-7-4 e:b-7-5"},
		{"another boot", "b-6-5", "gap:b-7-2 e:b-7-3 e:b-7-4 e:b-7-5"},
	} {
		if got := strings.Join(collect(t, r, c.since), " "); got != c.want {
			t.Errorf("%s: since %q: %s, want %s", c.name, c.since, got, c.want)
		}
	}
	for _, bad := range []string{"b-7-6", "nodash", "b-7-", "b-7-x", "-1", "b-7-01", "b\n-7-1", "b-7-99999999999999999999"} {
		if _, err := r.Read(context.Background(), bad, false); codes.From(err) == nil || codes.From(err).Code != codes.BadEventID {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestASlowReaderOfTheRingHearsWhatItMissed(t *testing.T) {
	r := NewRing("b", 4)
	r.Append(Event{Type: "e"})
	ctx, cancel := context.WithCancel(context.Background())
	seq, err := r.Read(ctx, "", true)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for e := range seq {
		if got = append(got, e.Type+":"+e.ID); len(got) == 1 {
			for range 9 {
				r.Append(Event{Type: "e"})
			}
		}
		if e.Seq == 10 {
			cancel()
		}
	}
	cancel()
	if s := strings.Join(got, " "); s != "e:b-1 gap:b-6 e:b-7 e:b-8 e:b-9 e:b-10" {
		t.Fatal(s)
	}
}

func TestRingUnderConcurrentWritersAndReaders(t *testing.T) {
	const writers, each = 4, 500
	r := NewRing("b", 64)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var readers, wg sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			seq, err := r.Read(ctx, "", true)
			if err != nil {
				t.Error(err)
				return
			}
			last := uint64(0)
			for e := range seq {
				if e.Type != TypeGap && last != 0 && e.Seq != last+1 {
					t.Errorf("%d follows %d without a gap", e.Seq, last)
				}
				if last = e.Seq; last == writers*each {
					return
				}
			}
		})
	}
	for range writers {
		wg.Go(func() {
			for range each {
				r.Append(Event{Type: "e"})
			}
		})
	}
	wg.Wait()
	readers.Wait()
}

func TestRingBoundsWhatItKeeps(t *testing.T) {
	r := NewRing("b", 2)
	attrs := map[string]string{}
	for i := range 100 {
		attrs[fmt.Sprintf("%03d", i)] = strings.Repeat("v", 1000)
	}
	e := r.Append(Event{Detail: strings.Repeat("x\xff", 1<<20), Attrs: attrs})
	if len(e.Detail) > maxEventText || len(e.Attrs) != maxEventAttrs || len(e.Attrs["000"]) > maxAttr || e.Attrs["015"] == "" {
		t.Fatalf("%d bytes, %d attributes", len(e.Detail), len(e.Attrs))
	}
}

func texts(r *LogRing, q LogQuery) (out []string) {
	for l := range r.Read(context.Background(), q) {
		out = append(out, l.Text)
	}
	return out
}

func TestAFlooderIsLimitedByRateAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewLogRing(LogOptions{Path: "sup/ext/flooder", Rate: 10, Burst: 5})
		for range 100 {
			r.Append(LogLine{Text: "spam"})
		}
		got := texts(r, LogQuery{})
		if len(got) != 6 || got[5] != "95 lines dropped: over the rate limit" {
			t.Fatal(got)
		}
		time.Sleep(time.Second)
		r.Append(LogLine{Text: "later"})
		if got := texts(r, LogQuery{Tail: 2}); got[0] != "95 lines dropped: over the rate limit" || got[1] != "later" {
			t.Fatal(got)
		}
	})
}

func TestLogRingIsBoundedInBytesAndTellsWhatItEvicted(t *testing.T) {
	r := NewLogRing(LogOptions{Bytes: 10 * (lineOverhead + 10), Burst: 10000, Line: 100})
	for i := range 1000 {
		r.Append(LogLine{Text: fmt.Sprintf("line %05d", i)})
	}
	r.mu.Lock()
	kept, bytes := len(r.lines), r.bytes
	r.mu.Unlock()
	if kept != 10 || bytes > r.o.Bytes {
		t.Fatalf("%d lines, %d bytes", kept, bytes)
	}
	got := texts(r, LogQuery{})
	if got[0] != "990 lines dropped: older than the log keeps" || got[10] != "line 00999" {
		t.Fatal(got)
	}
	r.Append(LogLine{Text: strings.Repeat("x", 5000)})
	if got := texts(r, LogQuery{Tail: 1}); len(got[0]) > 100 {
		t.Fatal(len(got[0]))
	}
}

func TestLogRingSelectsBySinceAndCall(t *testing.T) {
	r := NewLogRing(LogOptions{})
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 6 {
		r.Append(LogLine{Text: fmt.Sprint(i), Call: fmt.Sprint("c", i%2), Time: t0.Add(time.Duration(i) * time.Second)})
	}
	if got := strings.Join(texts(r, LogQuery{Since: t0.Add(3 * time.Second)}), ""); got != "345" {
		t.Error(got)
	}
	if got := strings.Join(texts(r, LogQuery{Call: "c1", Tail: 2}), ""); got != "35" {
		t.Error(got)
	}
}

func TestAFollowerOfALogHearsWhatItWasTooSlowFor(t *testing.T) {
	r := NewLogRing(LogOptions{Bytes: 3 * (lineOverhead + 1), Burst: 1000})
	r.Append(LogLine{Text: "0"})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var got []string
	for l := range r.Read(ctx, LogQuery{Follow: true}) {
		if got = append(got, l.Text); len(got) == 1 {
			for i := range 9 {
				r.Append(LogLine{Text: fmt.Sprint(i + 1)})
			}
		}
		if l.Text == "9" {
			cancel()
		}
	}
	if s := strings.Join(got, " "); s != "0 6 lines dropped: this reader was too slow 7 8 9" {
		t.Fatal(s)
	}
}

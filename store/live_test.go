package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
)

func quiet(done, of uint64) error { return nil }

// TestD5AnOpenStoreNamesAFlippedBit flips a bit in every segment and every snapshot of a store that is open, in turn,
// while it is written and pruned.
func TestD5AnOpenStoreNamesAFlippedBit(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Options{Dir: dir, Segment: 64 << 10, Every: 100})
	must(t, err)
	for i := range 300 {
		must(t, commit(s, core.Tx{Kind: "test", Set: []core.KV{{Key: fmt.Sprint("k", i), Value: make([]byte, 300)}}}).Err)
	}
	must(t, s.Checkpoint())
	var writers sync.WaitGroup
	stop := make(chan struct{}) // capacity 0; closed below
	writers.Go(func() {         // owner: the test; ends: stop
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			_ = commit(s, set("busy", fmt.Sprint(i)))
			if i%50 == 0 {
				_, _ = s.Cut(store.Pruning{Ephemeral: 20, Why: "test"})
			}
		}
	})
	r, err := s.Verify(quiet)
	must(t, err)
	if len(r.Faults) > 0 || r.Head < 300 || r.Snapshots == 0 || r.Checkpoints == 0 {
		t.Fatalf("%+v", r)
	}
	close(stop)
	writers.Wait()
	r, err = s.Verify(quiet)
	must(t, err)
	if st, err := s.Standing(); err != nil || st.Root != r.Root || st.Head.Seq != r.Head || len(st.Snapshots) != r.Snapshots {
		t.Fatalf("%+v, verified %+v, %v", st, r, err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "[ms][an][ra]*", "*[0-9]*")) // markers, snapshots
	must(t, err)
	if len(names) < 3 {
		t.Fatal(names)
	}
	for _, name := range names {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		must(t, err)
		b := make([]byte, 1)
		at := int64(600)
		if st, _ := f.Stat(); st.Size() < 700 {
			at = st.Size() / 2
		}
		flip := func() {
			_, err := f.ReadAt(b, at)
			must(t, err)
			b[0] ^= 4
			_, err = f.WriteAt(b, at)
			must(t, err)
		}
		flip()
		rel, _ := filepath.Rel(dir, name)
		if r, err := s.Verify(quiet); err != nil || len(r.Faults) != 1 || r.Faults[0].File != rel {
			t.Errorf("%s: %v %+v", rel, err, r.Faults)
		}
		flip()
		must(t, f.Close())
	}
	must(t, s.Close())
	if _, err := s.Verify(quiet); !errors.Is(err, codes.Of(codes.StoreClosed)) {
		t.Error(err)
	}
}

// TestStandingMeasuresGrowthByTheStreamsOwnTimes: one marker an hour, of which the last day counts.
func TestStandingMeasuresGrowthByTheStreamsOwnTimes(t *testing.T) {
	now, groups := int64(0), 0
	s, err := store.Open(store.Options{
		Dir: t.TempDir(), Quota: 1 << 20, Now: func() int64 { return now },
		Synced: func(n int, took time.Duration) {
			if groups += n; took <= 0 {
				t.Error(took)
			}
		},
	})
	must(t, err)
	var sizes []int64
	for i := range 48 {
		now = int64(i+1) * int64(time.Hour)
		must(t, commit(s, core.Tx{Kind: "test", Set: []core.KV{{Key: "k", Value: make([]byte, 100*i)}}}).Err)
		st, err := s.Standing()
		must(t, err)
		sizes = append(sizes, st.Bytes)
	}
	st, err := s.Standing()
	must(t, err)
	if want := sizes[47] - sizes[22]; st.Over != 24*time.Hour || st.Grown != want {
		t.Errorf("%s: %d bytes, want %d", st.Over, st.Grown, want)
	}
	if groups != int(st.Head.Seq) {
		t.Errorf("%d markers of %d were told", groups, st.Head.Seq)
	}
	must(t, s.Close())
}

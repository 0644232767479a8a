// Command storebench measures the store beside plain Badger and the disk itself, in one run, and writes one JSON object
// a line: durable commits a second, commits a sync, the time of one commit, opening and verifying a million markers,
// reading one, and proofs. It writes under a temporary folder of the file system named by -dir; nothing else uses its
// package.
//
//	storebench -quick -out bench/store.jsonl
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/fs"
	"github.com/franken-node/fnode-supervisor/store/mmr"
	"github.com/franken-node/fnode-supervisor/supervision/account"
	decisions "github.com/franken-node/fnode-supervisor/supervision/core"
)

// row is one measure. Ratio says how many times better than the peer.
type row struct {
	Measure  string   `json:"measure"`
	Ours     float64  `json:"ours"`
	Peer     *float64 `json:"peer"`
	PeerName *string  `json:"peer_name"`
	Ratio    *float64 `json:"ratio"`
	Unit     string   `json:"unit"`
}

func main() {
	quick := flag.Bool("quick", false, "40 seconds: fewer repetitions, and no 10 million markers")
	out := flag.String("out", "bench/store.jsonl", "where the lines go")
	dir := flag.String("dir", ".", "the file system to measure")
	flag.Parse()
	if err := run(*quick, *dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, "storebench:", err)
		os.Exit(1)
	}
}

const (
	writers = 256
	value   = 256 // bytes
	leaves  = 1 << 20
)

func run(quick bool, dir, out string) error {
	temp, err := os.MkdirTemp(dir, "storebench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) //nolint:errcheck // a temporary folder
	b := &bench{dir: temp, reps: 9, span: 2 * time.Second}
	if quick {
		b.reps, b.span = 3, 1200*time.Millisecond
	}
	var rows []row
	for _, m := range []func() ([]row, error){b.commits, b.single, b.million, b.evidence} {
		r, err := m()
		if err != nil {
			return err
		}
		rows = append(rows, r...)
	}
	if !quick {
		r, err := b.memory()
		if err != nil {
			return err
		}
		rows = append(rows, r...)
	}
	return write(rows, out)
}

type bench struct {
	dir  string
	reps int
	span time.Duration
	n    int
}

func (b *bench) fresh() string {
	b.n++
	return filepath.Join(b.dir, fmt.Sprint(b.n))
}

// counted is the real file system that counts syncs of files.
type counted struct {
	fs.OS
	syncs *atomic.Int64
}

type countedFile struct {
	fs.File
	syncs *atomic.Int64
}

func (f countedFile) Sync() error {
	f.syncs.Add(1)
	return f.File.Sync()
}

func (c counted) Create(name string) (fs.File, error) {
	f, err := c.OS.Create(name)
	return countedFile{f, c.syncs}, err
}

func (c counted) OpenRW(name string) (fs.File, error) {
	f, err := c.OS.OpenRW(name)
	return countedFile{f, c.syncs}, err
}

func (b *bench) open(dir string, syncs *atomic.Int64) (*store.Store, error) {
	return store.Open(store.Options{Dir: dir, FS: counted{syncs: syncs}, Log: slog.New(slog.DiscardHandler)})
}

func tx(i, j, size int) core.Tx {
	return core.Tx{Kind: "test", Set: []core.KV{{Key: fmt.Sprintf("k/%d/%d", i, j%1000), Value: make([]byte, size)}}}
}

func commit(s *store.Store, tx core.Tx) error {
	done := make(chan error, 1) // capacity 1: the one answer; never closed
	s.Commit(tx, func(r core.Result) { done <- r.Err })
	return <-done
}

// during runs f in n goroutines until the span has passed, and gives calls a second.
func (b *bench) during(n int, f func(i, j int) error) (float64, error) {
	var calls atomic.Int64
	var all sync.WaitGroup
	errs := make([]error, n)
	began := time.Now()
	for i := range n {
		all.Go(func() { // owner: during joins it; ends: the span is over
			for j := 0; errs[i] == nil && time.Since(began) < b.span; j++ {
				errs[i] = f(i, j)
				calls.Add(1)
			}
		})
	}
	all.Wait()
	return float64(calls.Load()) / time.Since(began).Seconds(), errors.Join(errs...)
}

// commits measures 256 writers: ours and plain Badger, one after the other.
func (b *bench) commits() ([]row, error) {
	var ours, peer, ratio, per []float64
	for i := range b.reps {
		var syncs atomic.Int64
		s, err := b.open(b.fresh(), &syncs)
		if err != nil {
			return nil, err
		}
		syncs.Store(0)
		a, err := b.during(writers, func(i, j int) error { return commit(s, tx(i, j, value)) })
		head, n := s.Head().Seq, syncs.Load()
		if err = errors.Join(err, s.Close()); err != nil {
			return nil, err
		}
		p, err := b.badger()
		if err != nil {
			return nil, err
		}
		ours, peer, ratio, per = append(ours, a), append(peer, p), append(ratio, a/p), append(per, float64(head)/float64(n))
		fmt.Fprintf(os.Stderr, "%d of %d: %.0f commits/s, %.1f a sync; Badger %.0f\n", i+1, b.reps, a, per[i], p)
	}
	r := beside("commits/s 256", ours, peer, ratio, "Badger, SyncWrites", "commits/s of 256 bytes, 256 writers, durable, median")
	return []row{r, alone("commits per fsync", median(per), "commits a sync at 256 writers, median")}, nil
}

// badger gives the commits a second of plain Badger that syncs each transaction.
func (b *bench) badger() (_ float64, err error) {
	db, err := badger.Open(badger.DefaultOptions(b.fresh()).WithSyncWrites(true).WithLogger(nil))
	if err != nil {
		return 0, err
	}
	v := make([]byte, value)
	n, err := b.during(writers, func(i, j int) error {
		return db.Update(func(t *badger.Txn) error { return t.Set(fmt.Appendf(nil, "k/%d/%d", i, j%1000), v) })
	})
	return n, errors.Join(err, db.Close())
}

// single measures one writer beside a write and fdatasync of as many bytes.
func (b *bench) single() ([]row, error) {
	s, err := b.open(b.fresh(), new(atomic.Int64))
	if err != nil {
		return nil, err
	}
	name := b.fresh()
	f, err := fs.OS{}.Create(name)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Allocate(64<<20), f.Sync()); err != nil {
		return nil, err
	}
	n := 4000
	if b.reps < 9 {
		n = 2000
	}
	var ours, peer []float64
	raw := make([]byte, 472) // a frame of such a commit
	for i := range raw {
		raw[i] = 7
	}
	for i := range n { // interleaved
		t := time.Now()
		if err := commit(s, tx(0, i, value)); err != nil {
			return nil, err
		}
		ours = append(ours, float64(time.Since(t).Microseconds()))
		t = time.Now()
		if _, err := f.WriteAt(raw, int64(i*len(raw))); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		peer = append(peer, float64(time.Since(t).Microseconds()))
	}
	a, p := median(ours), median(peer)
	r := beside("commit p50", []float64{a}, []float64{p}, []float64{p / a}, "write and fdatasync of as many bytes", "us of one durable commit of 256 bytes, one writer, median")
	return []row{r}, errors.Join(s.Close(), f.Close())
}

// million measures what there is to read of 2^20 markers.
func (b *bench) million() (rows []row, err error) {
	dir := b.fresh()
	s, err := b.filled(dir, leaves, func(i int) core.Tx { return tx(0, i, 16) })
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	var opens, reads, ratio []float64
	for range max(3, b.reps/2) {
		t := time.Now()
		if err := readFiles(filepath.Join(dir, "markers")); err != nil {
			return nil, err
		}
		r := time.Since(t)
		t = time.Now()
		if s, err = b.open(dir, new(atomic.Int64)); err != nil {
			return nil, err
		}
		o := time.Since(t)
		if h := s.How(); h.Rebuilt != "" || h.Markers < leaves {
			return nil, fmt.Errorf("not the open that is measured: %+v", h)
		}
		fmt.Fprintf(os.Stderr, "open of %d markers %s; reading the files %s\n", s.How().Markers, o.Round(time.Millisecond), r.Round(time.Millisecond))
		opens, reads, ratio = append(opens, ms(o)), append(reads, ms(r)), append(ratio, float64(r)/float64(o))
		if err := s.Close(); err != nil {
			return nil, err
		}
	}
	rows = append(rows, beside("open 1M", opens, reads, ratio, "reading the segment files", "ms to open and verify 2^20 markers, clean, median"))
	if s, err = b.open(dir, new(atomic.Int64)); err != nil {
		return nil, err
	}
	r, err := b.proofs(s)
	return append(rows, r...), errors.Join(err, s.Close())
}

// proofs measures reading one marker, and a proof of one among 2^20.
func (b *bench) proofs(s *store.Store) ([]row, error) {
	rnd := rand.New(rand.NewPCG(1, 1))
	const n = 200_000
	t := time.Now()
	for range n {
		if _, err := s.Marker(1 + rnd.Uint64N(leaves)); err != nil {
			return nil, err
		}
	}
	by := time.Since(t).Seconds() * 1e6 / n
	var size int
	var took []float64
	for range 300 {
		p, err := s.Prove(1+rnd.Uint64N(leaves), leaves)
		if err != nil {
			return nil, err
		}
		size = max(size, len(p.Proof.Encode()))
		t := time.Now()
		for range 20 {
			if err := mmr.VerifyInclusion(mmr.Hash(p.Root), leaves, p.Seq-1, mmr.Hash(p.Marker), p.Proof); err != nil {
				return nil, err
			}
		}
		took = append(took, time.Since(t).Seconds()*1e6/20)
	}
	return []row{
		alone("marker by seq", by, "us to read and check one of 2^20 markers, warm, mean"),
		alone("proof bytes", float64(size), "bytes of an inclusion proof at 2^20, most of 300"),
		alone("proof verify", median(took), "us to verify it, median"),
	}, nil
}

// evidence measures a crash and the decision to restart, with its entry made and encoded, beside the decision alone.
func (b *bench) evidence() ([]row, error) {
	var with, without, ratio []float64
	for range 2*b.reps + 1 {
		a, err := decided(false)
		if err != nil {
			return nil, err
		}
		e, err := decided(true)
		if err != nil {
			return nil, err
		}
		with, without, ratio = append(with, e), append(without, a), append(ratio, a/e)
	}
	return []row{beside("evidence", with, without, ratio, "the decision without its entry", "us of a restart's decision with its entry, encoded, median")}, nil
}

func decided(evident bool) (us float64, err error) {
	c, err := decisions.New(decisions.Spec{
		Budget:   decisions.Budget{Restarts: 5, Window: time.Minute},
		Children: []decisions.Child{{Name: "a", Backoff: decisions.Backoff{Off: true}}},
	})
	if err != nil {
		return 0, err
	}
	c.Step(decisions.Event{Kind: decisions.Boot})
	const n = 20_000
	began := time.Now()
	for inc := uint32(1); inc <= n; inc++ {
		now := int64(inc) * int64(time.Minute)
		c.Step(decisions.Event{Kind: decisions.Ready, Name: "a", Inc: inc, Now: now})
		c.Step(decisions.Event{Kind: decisions.Ended, Name: "a", Inc: inc, Now: now, Exit: decisions.Exit{Kind: decisions.Crashed, Text: "boom"}})
		for _, d := range c.Decided() {
			if !evident {
				continue
			}
			e, err := account.Entry(&d)
			if err == nil {
				_, err = e.Encode()
			}
			if err != nil {
				return 0, err
			}
		}
	}
	return time.Since(began).Seconds() * 1e6 / n, nil
}

// filled makes a store of n transactions.
func (b *bench) filled(dir string, n int, of func(i int) core.Tx) (*store.Store, error) {
	s, err := b.open(dir, new(atomic.Int64))
	if err != nil {
		return nil, err
	}
	var next atomic.Int64
	var all sync.WaitGroup
	errs := make([]error, writers)
	for w := range writers {
		all.Go(func() { // owner: filled joins it; ends: n transactions are in
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = commit(s, of(i))
				if i%(1<<19) == 0 && i > 0 {
					fmt.Fprintf(os.Stderr, "%d of %d markers\n", i, n)
				}
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// memory says what the process holds with 10 million markers and a million keys.
func (b *bench) memory() ([]row, error) {
	const markers, keys = 10_000_000, 1_000_000
	dir := b.fresh()
	s, err := b.filled(dir, markers, func(i int) core.Tx {
		return core.Tx{Kind: "test", Set: []core.KV{{Key: fmt.Sprintf("k/%d", i%keys), Value: make([]byte, 16)}}}
	})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	t := time.Now()
	if s, err = b.open(dir, new(atomic.Int64)); err != nil {
		return nil, err
	}
	took := time.Since(t)
	runtime.GC()
	runtime.ReadMemStats(&after)
	return []row{
		alone("memory 10M", float64(after.HeapAlloc)-float64(before.HeapAlloc), "bytes of heap held by a store of 10 million markers and a million keys, open"),
		alone("open 10M", ms(took), "ms to open and verify 10 million markers"),
	}, s.Close()
}

func readFiles(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	for _, n := range names {
		if _, e := os.ReadFile(n); e != nil {
			return e
		}
	}
	return err
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

func beside(name string, ours, peer, ratio []float64, who, unit string) row {
	p, r := median(peer), median(ratio)
	return row{name, median(ours), &p, &who, &r, unit}
}

func alone(name string, ours float64, unit string) row {
	return row{Measure: name, Ours: ours, Unit: unit}
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func write(rows []row, out string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		err = errors.Join(err, json.NewEncoder(f).Encode(r))
		beside := ""
		if r.Ratio != nil {
			beside = fmt.Sprintf("%.4g by %s, ratio %.2f", *r.Peer, *r.PeerName, *r.Ratio)
		}
		fmt.Fprintf(w, "%s\t%.4g\t%s\t%s\n", r.Measure, r.Ours, beside, r.Unit)
	}
	return errors.Join(err, f.Close(), w.Flush())
}

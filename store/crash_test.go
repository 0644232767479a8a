package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/fs"
)

// world is a machine that crashes again and again, and what must hold of its store: every transaction that was handed
// over, by its number, with what was answered.
type world struct {
	t      *testing.T
	rnd    *rand.Rand
	disk   *fs.Mem
	faults func(fs.Call) error // nil: none
	state  string              // Badger's folder
	txs    []core.Tx           // by number
	acked  map[int]uint64      // number to sequence
	bySeq  map[uint64]int      // sequence to number, as far as it was seen
	upkeep bool                // checkpoints and prunings are made too
	none   map[int]bool        // refused with outcome none
	lives  int
	cuts   int    // payloads and segments that were pruned
	torn   int    // lives that began with a torn tail
	ended  string // how the last life ended: at open, stopped, refused, whole
}

func newWorld(t *testing.T, seed uint64) *world {
	return &world{
		t: t, rnd: rand.New(rand.NewPCG(seed, 1)), disk: fs.NewMem(), state: filepath.Join(t.TempDir(), "state"),
		acked: map[int]uint64{}, bySeq: map[uint64]int{}, none: map[int]bool{},
	}
}

// tx makes a transaction with its number as its body.
func (w *world) tx() core.Tx {
	n := len(w.txs)
	tx := core.Tx{Kind: "test", Body: binary.BigEndian.AppendUint32([]byte{0x1a}, uint32(n)), Region: "r"}
	key := func() string { return "k/" + strconv.Itoa(w.rnd.IntN(9)) }
	for range 1 + w.rnd.IntN(3) {
		tx.Set = append(tx.Set, core.KV{Key: key(), Value: bytes.Repeat([]byte{byte(n)}, w.rnd.IntN(40)*w.rnd.IntN(40))})
	}
	if w.rnd.IntN(3) == 0 {
		tx.Delete = []string{key()}
	}
	if w.rnd.IntN(4) == 0 {
		tx.If = []core.Cond{{Key: key(), Absent: true}}
	}
	w.txs = append(w.txs, tx)
	return tx
}

func number(e store.Entry) int { return int(binary.BigEndian.Uint32(e.Payload.Body[1:])) }

func (w *world) options() store.Options {
	o := store.Options{
		Dir: "/data", FS: w.disk, StateDir: w.state, Segment: 6 << 10, Every: 7, Log: slog.New(slog.DiscardHandler),
		Now: func() int64 { return int64(w.lives) }, Random: func(b []byte) error { copy(b, "0123456789abcdef0123456789abcdef"); return nil },
	}
	if w.faults != nil {
		o.FS = fs.NewFaults(w.disk, w.faults)
	}
	return o
}

// live opens the store, checks it, commits until n answers or the store stops, and closes it. It says how many changes
// of the disk that took.
func (w *world) live(n int) (ops int) {
	w.lives++
	w.ended = "at open"
	s, err := store.Open(w.options())
	if err != nil {
		if !w.expected(err) {
			w.t.Fatalf("life %d: %v", w.lives, err)
		}
		return w.disk.Ops()
	}
	w.check(s)
	if s.How().Torn {
		w.torn++
	}
	w.ended = "whole"
	type answer struct {
		n int
		r core.Result
	}
	for done := 0; done < n; {
		group := 1 + w.rnd.IntN(6)
		answers := make(chan answer, group)
		for range group {
			k, tx := len(w.txs), w.tx()
			s.Commit(tx, func(r core.Result) { answers <- answer{k, r} })
		}
		stopped := false
		for range group {
			a := <-answers
			done++
			var c *codes.Error
			switch {
			case a.r.Err == nil:
				w.acked[a.n], w.bySeq[a.r.Seq] = a.r.Seq, a.n
			case errors.As(a.r.Err, &c) && c.Effect == base.EffectNone:
				w.none[a.n] = true
				if c.Code == codes.DiskFull {
					w.ended = "refused"
				}
				stopped = stopped || c.Code == codes.StoreStopped
			default:
				stopped = true
			}
		}
		if w.upkeep && w.rnd.IntN(5) == 0 {
			w.pruned(s)
		}
		if stopped {
			w.ended = "stopped"
			w.reads(s)
			break
		}
	}
	_ = s.Close() // a crash may be in it
	return w.disk.Ops()
}

// pruned checkpoints the store and prunes it.
func (w *world) pruned(s *store.Store) {
	if w.rnd.IntN(2) == 0 {
		_ = s.Checkpoint() // a crash may be in it
	}
	head := s.Head().Seq
	cut, err := s.Cut(store.Pruning{Ephemeral: w.rnd.Uint64N(head), Whole: w.rnd.Uint64N(head), Why: "test"})
	if err == nil {
		w.cuts += cut.Payloads + cut.Segments
	}
}

// reads looks whether reads go on in a store that has stopped.
func (w *world) reads(s *store.Store) {
	if _, _, err := s.Read("k/1"); err != nil {
		w.t.Fatalf("life %d: no reads after the store stopped: %v", w.lives, err)
	}
}

// expected says whether an error is one of a disk that fails.
func (w *world) expected(err error) bool {
	c := codes.From(err)
	return c != nil && (errors.Is(err, fs.ErrCrashed) || w.faults != nil) && (c.Code == codes.StoreUnusable || c.Code == codes.DiskFull || c.Code == codes.StoreStopped)
}

// check holds the store against all that was answered, and its state against its stream.
func (w *world) check(s *store.Store) {
	w.t.Helper()
	want, seen := map[string][]byte{}, map[int]uint64{}
	for seq := uint64(1); seq <= s.Base(); seq++ { // pruned whole
		if n, ok := w.bySeq[seq]; ok {
			seen[n] = seq
			w.fold(want, n)
		}
	}
	err := s.Entries(1, s.Head().Seq, func(e store.Entry) error {
		if e.Kind != 65535 {
			return nil
		}
		n, known := w.bySeq[e.Seq]
		switch {
		case !e.Pruned:
			n = number(e)
			w.bySeq[e.Seq] = n
		case !known:
			return fmt.Errorf("marker %d is pruned, and nobody saw it", e.Seq)
		}
		if _, twice := seen[n]; twice || n >= len(w.txs) {
			return fmt.Errorf("transaction %d is in the stream twice, or was never handed over", n)
		}
		seen[n] = e.Seq
		if w.none[n] {
			return fmt.Errorf("transaction %d was refused and is in the stream", n)
		}
		if at, ok := w.acked[n]; ok && at != e.Seq {
			return fmt.Errorf("transaction %d was acknowledged as %d and is at %d", n, at, e.Seq)
		}
		tx := w.txs[n]
		if !e.Pruned && (len(e.Payload.Set) != len(tx.Set) || len(e.Payload.Delete) != len(tx.Delete)) {
			return fmt.Errorf("transaction %d is there in part", n)
		}
		w.fold(want, n)
		return nil
	})
	if err != nil {
		w.t.Fatalf("life %d: %v", w.lives, err)
	}
	for n, seq := range w.acked {
		if _, ok := seen[n]; !ok {
			w.t.Fatalf("life %d: transaction %d was acknowledged as %d and is lost; %+v", w.lives, n, seq, s.How())
		}
	}
	kvs, err := s.Scan("", 1000)
	if err != nil || len(kvs) != len(want) {
		w.t.Fatalf("life %d: the state has %d keys, the stream leads to %d: %v; %+v", w.lives, len(kvs), len(want), err, s.How())
	}
	for _, kv := range kvs {
		if v, ok := want[kv.Key]; !ok || !bytes.Equal(v, kv.Value) {
			w.t.Fatalf("life %d: %s is not what the stream leads to; %+v", w.lives, kv.Key, s.How())
		}
	}
	if _, err := s.Prove(max(1, s.Base()+1, s.Head().Seq/2), 0); err != nil {
		w.t.Fatalf("life %d: %v", w.lives, err)
	}
}

// fold applies a transaction to a state.
func (w *world) fold(state map[string][]byte, n int) {
	for _, kv := range w.txs[n].Set {
		state[kv.Key] = kv.Value
	}
	for _, k := range w.txs[n].Delete {
		delete(state, k)
	}
}

// crash is the end of a life: the disk as it is found, and something done to Badger's folder.
func (w *world) crash(seed uint64) string {
	w.disk = w.disk.Crash(seed)
	names, _ := filepath.Glob(filepath.Join(w.state, "*"))
	slices.Sort(names)
	switch aged := w.state + ".aged"; w.rnd.IntN(5) {
	case 0:
		must(w.t, os.RemoveAll(w.state))
		return "deleted"
	case 1:
		if len(names) > 0 {
			name := names[w.rnd.IntN(len(names))]
			st, err := os.Stat(name)
			must(w.t, err)
			must(w.t, os.Truncate(name, w.rnd.Int64N(st.Size()+1)))
		}
		return "truncated"
	case 2:
		if _, err := os.Stat(aged); err == nil {
			must(w.t, os.RemoveAll(w.state))
			must(w.t, os.Rename(aged, w.state))
		}
		return "aged"
	case 3:
		must(w.t, os.RemoveAll(aged))
		if len(names) > 0 {
			must(w.t, os.CopyFS(aged, os.DirFS(w.state)))
		}
	}
	return "as it was"
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// counted is a count of a tier: in make test, and with FNODE_LONG=1.
func counted(short, long int) int {
	if os.Getenv("FNODE_LONG") != "" {
		return long
	}
	return short
}

// TestD3D5NothingAcknowledgedIsLostAtAnyCrashPoint crashes a store before, within and after a change of its disk, at
// places drawn over the whole of three lives each, with Badger's folder deleted, truncated or aged.
func TestD5NothingAcknowledgedIsLostAtAnyCrashPoint(t *testing.T) {
	points := counted(50, 1000)
	folders, acked, torn, cuts := map[string]int{}, 0, 0, 0
	for seed := uint64(0); points > 0; seed++ {
		w := newWorld(t, seed)
		w.upkeep = seed%2 == 1
		ops := w.live(20)
		for range 3 {
			phase := fs.Phase(w.rnd.IntN(3))
			w.disk.StopAt(w.disk.Ops()+1+w.rnd.IntN(ops), phase)
			w.live(30)
			crash := []uint64{fs.LoseAll, fs.KeepAll, w.rnd.Uint64(), w.rnd.Uint64()}[w.rnd.IntN(4)]
			folders[w.crash(crash)]++
			points--
		}
		w.live(3)
		w.live(0)
		acked, torn, cuts = acked+len(w.acked), torn+w.torn, cuts+w.cuts
	}
	if torn == 0 || cuts == 0 {
		t.Error("no tail was torn, or nothing was pruned: the test has not seen it")
	}
	t.Logf("%d crash points, acknowledged %d, lost 0; Badger's folder %v, torn tails %d, pruned %d", counted(50, 1000), acked, folders, torn, cuts)
}

// TestD4AFailingDiskRefusesAndLosesNothing lets a sync fail, or the disk be full, from one call on, at calls drawn over
// the whole of a life: what is durable is refused, reads go on, nothing acknowledged is lost, and with room again a
// full disk takes writes.
func TestD4AFailingDiskRefusesAndLosesNothing(t *testing.T) {
	const sync, full = "sync", "full"
	points := map[string]int{sync: counted(10, 300), full: counted(10, 300)}
	seen := map[string]int{}
	for kind, n := range points {
		for seed := range uint64(n) {
			w := newWorld(t, seed)
			w.live(12)
			from, calls := 1+w.rnd.IntN(250), 0
			w.faults = func(c fs.Call) error {
				if calls++; calls < from {
					return nil
				}
				switch {
				case kind == sync && (c.Op == fs.OpSync || c.Op == fs.OpSyncDir):
					return unix.EIO
				case kind == full:
					return fs.Full(c)
				}
				return nil
			}
			w.live(30)
			seen[w.ended]++
			w.faults = nil
			w.crash([]uint64{fs.LoseAll, fs.KeepAll, w.rnd.Uint64()}[w.rnd.IntN(3)])
			w.live(5)
			w.live(0)
		}
	}
	t.Logf("%d disks that failed, %d that were full: the life with the fault ended: %v; lost 0", counted(10, 300), counted(10, 300), seen)
	for _, how := range []string{"at open", "stopped", "refused", "whole"} {
		if seen[how] == 0 {
			t.Errorf("no life ended %q: the test has not seen it", how)
		}
	}
}

// TestD4AFullDiskTakesWritesAgain: refused while there is no room, taken when there is; reads go on all the time.
func TestD4AFullDiskTakesWritesAgain(t *testing.T) {
	w := newWorld(t, 1)
	o := w.options()
	faults := fs.NewFaults(w.disk, fs.Full)
	faults.Set(false)
	o.FS = faults
	s, err := store.Open(o)
	must(t, err)
	refused := 0
	for i := range 60 {
		faults.Set(i >= 10 && i < 50)
		r := commit(s, core.Tx{Kind: "test", Set: []core.KV{{Key: "k", Value: bytes.Repeat([]byte{byte(i)}, 900)}}})
		if errors.Is(r.Err, codes.Of(codes.DiskFull)) {
			refused++
		} else if r.Err != nil {
			t.Fatal(i, r.Err)
		}
		if _, ok, err := s.Read("k"); err != nil || !ok {
			t.Fatal(i, ok, err)
		}
	}
	if refused < 20 {
		t.Errorf("%d of 40 were refused: the disk was not full", refused)
	}
	must(t, s.Close())
}

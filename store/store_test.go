package store_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		from, _ := strconv.Atoi(os.Getenv(childDir + "_FROM"))
		beKilled(dir, from)
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}

func open(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func commit(s *store.Store, tx core.Tx) core.Result {
	got := make(chan core.Result, 1)
	s.Commit(tx, func(r core.Result) { got <- r })
	return <-got
}

func set(k, v string) core.Tx {
	return core.Tx{Kind: "kv", Set: []core.KV{{Key: k, Value: []byte(v)}}}
}

func TestCommitsSurviveAReopen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 3 {
		if r := commit(s, set(fmt.Sprint("k", i), "v")); r.Err != nil || r.Seq != uint64(i+2) { // the first marker is the genesis
			t.Fatal(r)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if r := commit(s, set("k", "v")); !errors.Is(r.Err, codes.Of(codes.StoreClosed)) {
		t.Fatal(r)
	}
	s = open(t, dir)
	if keys, err := s.List("k", 10); err != nil || strings.Join(keys, " ") != "k0 k1 k2" {
		t.Fatal(keys, err)
	}
	if r := commit(s, set("k9", "v")); r.Seq != 6 { // the close left a checkpoint
		t.Fatal("the order starts over:", r)
	}
}

func TestOneDaemonPerDirectory(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	_, err := store.Open(store.Options{Dir: dir})
	if !errors.Is(err, codes.Of(codes.StoreLocked)) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Fatal(err)
	}
}

func TestAnUnusableDirectoryIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(store.Options{Dir: filepath.Join(file, "data")}); !errors.Is(err, codes.Of(codes.StoreUnusable)) {
		t.Fatal(err)
	}
}

func TestConditionsAndQuota(t *testing.T) {
	s := open(t, t.TempDir())
	quota := core.Cond{Key: "q/", Quota: &core.Quota{Bytes: 20, Keys: 2}}
	for _, row := range []struct {
		tx   core.Tx
		want *codes.Code
	}{
		{core.Tx{Kind: "kv", If: []core.Cond{{Key: "a", Absent: true}}, Set: []core.KV{{Key: "a", Value: []byte("1")}}}, nil},
		{core.Tx{Kind: "kv", If: []core.Cond{{Key: "a", Absent: true}}, Set: []core.KV{{Key: "a", Value: []byte("2")}}}, codes.Conflict},
		{core.Tx{Kind: "kv", If: []core.Cond{{Key: "a", Value: []byte("1")}}, Set: []core.KV{{Key: "a", Value: []byte("3")}}}, nil},
		{core.Tx{Kind: "kv", If: []core.Cond{quota}, Set: []core.KV{{Key: "q/1", Value: []byte("12345")}}}, nil},
		{core.Tx{Kind: "kv", If: []core.Cond{quota}, Set: []core.KV{{Key: "q/2", Value: []byte("1234567890")}}}, codes.QuotaExceeded},
		{core.Tx{Kind: "kv", If: []core.Cond{quota}, Set: []core.KV{{Key: "q/2", Value: []byte("1")}}}, nil},
		{core.Tx{Kind: "kv", If: []core.Cond{quota}, Set: []core.KV{{Key: "q/3", Value: nil}}}, codes.QuotaExceeded},
		{core.Tx{Kind: "kv", If: []core.Cond{quota}, Delete: []string{"q/1"}, Set: []core.KV{{Key: "q/3", Value: nil}}}, nil},
		{core.Tx{Kind: "kv"}, codes.BadTx},
		{core.Tx{Kind: "no such", Delete: []string{"a"}}, codes.BadTx},
	} {
		r := commit(s, row.tx)
		if row.want == nil && r.Err != nil || row.want != nil && !errors.Is(r.Err, codes.Of(row.want)) {
			t.Fatalf("%+v: %v", row.tx, r)
		}
	}
}

// TestAnyOrderEqualsAMap plays random transactions against a map, with groups of any size.
func TestAnyOrderEqualsAMap(t *testing.T) {
	s := open(t, t.TempDir())
	model := map[string]string{}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "group")
		results := make(chan core.Result, n)
		for range n {
			k := "k" + fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "key"))
			if rapid.Bool().Draw(t, "delete") {
				s.Commit(core.Tx{Kind: "kv", Delete: []string{k}}, func(r core.Result) { results <- r })
				delete(model, k)
				continue
			}
			v := rapid.StringN(0, 5, -1).Draw(t, "value")
			s.Commit(set(k, v), func(r core.Result) { results <- r })
			model[k] = v
		}
		for range n {
			if r := <-results; r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		kvs, err := s.Scan("k", 100)
		if err != nil || len(kvs) != len(model) {
			t.Fatal(kvs, model, err)
		}
		for _, kv := range kvs {
			if model[kv.Key] != string(kv.Value) {
				t.Fatal(kv.Key)
			}
		}
	})
}

func TestHistoryIsKeptInOrderAndPruned(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range store.KeepPerPath + 10 {
		tx, err := store.Append(store.Record{Path: "sup/a", Event: "started", Incarnation: uint32(i), At: int64(i)}, 0, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		if r := commit(s, tx); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if n, err := s.Prune(); err != nil || n != 10 {
		t.Fatal(n, err)
	}
	h, bad, err := s.History("sup/a", 1000)
	if err != nil || bad != 0 || len(h) != store.KeepPerPath || h[0].Incarnation != 10 {
		t.Fatal(len(h), bad, err)
	}
	if h, _, _ := s.History("sup/ab", 10); len(h) != 0 {
		t.Fatal("another path's history")
	}
}

func FuzzDecodeRecord(f *testing.F) {
	tx, _ := store.Append(store.Record{Path: "sup/a", Event: "ended", Reason: "x"}, 0, 1)
	f.Add(tx.Set[0].Value)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := store.DecodeRecord(b); err == nil && len(r.Path) > len(b) {
			t.Fatal("more came out than went in")
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			s := open(b, b.TempDir())
			b.SetParallelism(max(1, writers/2))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if r := commit(s, set("k", "v")); r.Err != nil {
						b.Fatal(r.Err)
					}
				}
			})
		})
	}
}

func TestCloseRightAfterOpenKeepsTheOrder(t *testing.T) {
	dir := t.TempDir()
	for round := range 5 {
		s := open(t, dir)
		got := make(chan core.Result, 1)
		s.Commit(set("k", "v"), func(r core.Result) { got <- r })
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if r := <-got; r.Err != nil || r.Seq != uint64(2*round+2) { // a checkpoint at each close
			t.Fatalf("round %d: %+v", round, r)
		}
	}
}

func TestBoundsAndReservedKeys(t *testing.T) {
	s := open(t, t.TempDir())
	big := core.Tx{Kind: "kv"}
	for i := range 3 {
		big.Set = append(big.Set, core.KV{Key: fmt.Sprint("b", i), Value: make([]byte, core.MaxValue)})
	}
	for name, tx := range map[string]core.Tx{
		"over its bytes": big, "a reserved key": set("\x00seq", "9"), "a long condition": {Kind: "kv", If: []core.Cond{{Key: strings.Repeat("k", 2000), Absent: true}}},
	} {
		if r := commit(s, tx); !errors.Is(r.Err, codes.Of(codes.BadTx)) {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	if r := commit(s, core.Tx{Kind: "kv", Set: big.Set[:1]}); r.Err != nil {
		t.Error("a transaction within its bounds:", r.Err)
	}
}

func TestHistoryGivesTheNewest(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 30 {
		tx, _ := store.Append(store.Record{Path: "sup/a", Event: "started", Incarnation: uint32(i), At: int64(i)}, 0, uint64(i))
		if r := commit(s, tx); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	h, _, err := s.History("sup/a", 10)
	if err != nil || len(h) != 10 || h[0].Incarnation != 20 || h[9].Incarnation != 29 {
		t.Fatalf("%+v %v", h, err)
	}
}

func TestHistoryFollowsTheRunsWhateverTheClockSays(t *testing.T) {
	dir := t.TempDir()
	for run, at := range []int64{5000, 10, 300} { // the clock was set back between two runs
		s := open(t, dir)
		for i := range 3 {
			tx, err := store.Append(store.Record{Path: "sup/a", Event: "started", Incarnation: uint32(10*run + i), At: at - int64(i)}, s.Opened(), uint64(i+1))
			if err != nil {
				t.Fatal(err)
			}
			if r := commit(s, tx); r.Err != nil {
				t.Fatal(r)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir)
	all, bad, err := s.History("sup/a", 100)
	if err != nil || bad > 0 || len(all) != 9 {
		t.Fatal(len(all), bad, err)
	}
	for i, r := range all {
		if want := uint32(10*(i/3) + i%3); r.Incarnation != want {
			t.Errorf("record %d is of incarnation %d, want %d", i, r.Incarnation, want)
		}
	}
}

package store_test

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
)

// freeze writes testdata/v1 where there is none. It is never written again: what it holds opens for ever.
var freeze = flag.Bool("freeze", false, "write the frozen fixture of this format version, where there is none")

const frozen = "testdata/v1"

func TestTheFrozenFormatOpens(t *testing.T) {
	if *freeze {
		writeFrozen(t)
	}
	for _, closed := range []string{"clean", "killed"} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(dir, os.DirFS(filepath.Join(frozen, closed))); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(closed, err)
		}
		how := s.How()
		if how.Fresh || how.Markers < 30 || how.Rebuilt == "" || how.Torn {
			t.Errorf("%s: %+v", closed, how)
		}
		want, n := frozenState(), 0
		for k, v := range want {
			if got, ok, err := s.Read(k); err != nil || !ok || !bytes.Equal(got, v) {
				t.Errorf("%s: %s is %q %v %v, want %q", closed, k, got, ok, err, v)
			}
			n++
		}
		if keys, err := s.List("", 1000); err != nil || len(keys) != n {
			t.Errorf("%s: %d keys, want %d: %v", closed, len(keys), n, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func frozenTx(i int) core.Tx {
	tx := core.Tx{
		Kind: "kv", Set: []core.KV{{Key: fmt.Sprintf("kv/%d", i%12), Value: bytes.Repeat([]byte{byte(i)}, i*7)}},
		Region: "sup/ext", Actor: fmt.Sprintf("sup/ext/e%d", i%3), Trace: [16]byte{byte(i)},
	}
	if i%5 == 4 {
		tx.Delete = []string{fmt.Sprintf("kv/%d", (i+1)%12)}
	}
	return tx
}

func frozenState() map[string][]byte {
	m := map[string][]byte{}
	for i := range 30 {
		tx := frozenTx(i)
		m[tx.Set[0].Key] = tx.Set[0].Value
		for _, k := range tx.Delete {
			delete(m, k)
		}
	}
	return m
}

func writeFrozen(t *testing.T) {
	if _, err := os.Stat(frozen); err == nil {
		t.Fatal("testdata/v1 is there, and is never written again")
	}
	dir := filepath.Join(t.TempDir(), "data")
	now := int64(1_760_000_000_000_000_000)
	s, err := store.Open(store.Options{
		Dir: dir, Segment: 4096, Every: 16, Log: slog.New(slog.DiscardHandler),
		Now:    func() int64 { now += 1_000_000; return now },
		Random: func(b []byte) error { copy(b, "a fixture of the first format, v1"); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		if r := commit(s, frozenTx(i)); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	copyFrozen(t, dir, "killed")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copyFrozen(t, dir, "clean")
}

// copyFrozen copies all but Badger's folder, which is derived, and the lock.
func copyFrozen(t *testing.T, dir, as string) {
	for _, part := range []string{"markers", "keys", "snapshots"} {
		if err := os.CopyFS(filepath.Join(frozen, as, part), os.DirFS(filepath.Join(dir, part))); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "witness"))
	if err == nil {
		err = os.WriteFile(filepath.Join(frozen, as, "witness"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/api/ledger"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
)

// aLedger makes a closed store of n markers and gives its folder.
func aLedger(t *testing.T, dir string, n int) string {
	t.Helper()
	s, err := store.Open(store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Segment: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		done := make(chan core.Result, 1) // capacity 1: the one answer; never closed
		s.Commit(core.Tx{Kind: "test", Set: []core.KV{{Key: "k", Value: make([]byte, 200)}}}, func(r core.Result) { done <- r })
		if r := <-done; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// flip changes one bit in the middle of the stream and gives the file's name under dir.
func flip(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "markers", "*"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(names[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	rel, _ := filepath.Rel(dir, names[0])
	return rel
}

// someLedgers makes a folder with a ledger that is whole, and one that is not.
func someLedgers(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	aLedger(t, filepath.Join(dir, "whole"), 20)
	flip(t, aLedger(t, filepath.Join(dir, "torn"), 20))
	return dir
}

// fnctl runs one command without a daemon.
func fnctl(t *testing.T, want int, args ...string) (out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	code := Main(t.Context(), env(&o, &e, append(args, "--socket", filepath.Join(t.TempDir(), "none.sock"))...))
	if code != want {
		t.Fatalf("fnctl %s: exit %d, want %d\n%s%s", strings.Join(args, " "), code, want, o.String(), e.String())
	}
	return o.String(), e.String()
}

func TestVerifyOfAFolderExitsOneWithThePlaces(t *testing.T) {
	dir := aLedger(t, t.TempDir(), 50)
	if out, _ := fnctl(t, 0, "ledger", "verify", "--data", dir); !strings.Contains(out, "nothing is wrong") {
		t.Error(out)
	}
	file := flip(t, dir)
	out, err := fnctl(t, 1, "ledger", "verify", "--data", dir, "-o", "json")
	var v ledger.Verification
	if e := json.Unmarshal([]byte(out), &v); e != nil || v.OK || len(v.Faults) != 1 || v.Faults[0].File != file || v.Faults[0].Offset == 0 {
		t.Errorf("%v: %s", e, out)
	}
	if !strings.Contains(err, "FN5035") || !strings.Contains(err, file) {
		t.Error(err)
	}
}

// TestRepairAndRestoreOfAFolder: a dry run changes nothing, a repair gives up what is behind the bad place, a backup
// brings it back.
func TestRepairAndRestoreOfAFolder(t *testing.T) {
	root := t.TempDir()
	dir, backup := aLedger(t, filepath.Join(root, "data"), 50), filepath.Join(root, "backup")
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := fnctl(t, 1, "ledger", "repair", "--data", dir); !strings.Contains(err, "FN5028") {
		t.Error(err)
	}
	file := flip(t, dir)
	if _, err := fnctl(t, codes.ExitIO, "ledger", "rebuild", "--data", dir); !strings.Contains(err, file) {
		t.Error(err)
	}
	if out, _ := fnctl(t, 0, "ledger", "repair", "--data", dir, "--dry-run"); !strings.Contains(out, "nothing was done") || !strings.Contains(out, file) {
		t.Error(out)
	}
	fnctl(t, 1, "ledger", "verify", "--data", dir)
	fnctl(t, 0, "ledger", "repair", "--data", dir, "--why", "a test flipped a bit")
	fnctl(t, 0, "ledger", "verify", "--data", dir)
	fnctl(t, 0, "ledger", "restore", backup, "--data", dir, "--why", "back to the whole one")
	out, _ := fnctl(t, 0, "ledger", "verify", "--data", dir, "-o", "json")
	var v ledger.Verification
	if err := json.Unmarshal([]byte(out), &v); err != nil || v.Head < 52 {
		t.Errorf("%v: %s", err, out)
	}
	if out, _ := fnctl(t, 0, "ledger", "rebuild", "--data", dir); !strings.Contains(out, "made anew") {
		t.Error(out)
	}
}

// TestOfflineCommandsLeaveAFolderInUseAlone: they say who has it and what to do; nor do they make a ledger where none is.
func TestOfflineCommandsLeaveAFolderInUseAlone(t *testing.T) {
	dir := aLedger(t, t.TempDir(), 5)
	s, err := store.Open(store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	none := t.TempDir()
	for cmd, try := range map[string]string{"verify": "fnctl ledger verify", "rebuild": "stop that daemon", "repair": "stop that daemon"} {
		if _, err := fnctl(t, codes.ExitRetry, "ledger", cmd, "--data", dir); !strings.Contains(err, "FN5004") || !strings.Contains(err, try) {
			t.Errorf("%s: %s", cmd, err)
		}
		fnctl(t, codes.ExitNoInput, "ledger", cmd, "--data", none)
	}
	if names, _ := os.ReadDir(none); len(names) > 0 {
		t.Error("something was made:", names)
	}
}

func TestProgressIsToldOnceASecond(t *testing.T) {
	var err bytes.Buffer
	e := env(&bytes.Buffer{}, &err)
	now := time.Unix(1, 0)
	e.Now = func() time.Time { return now }
	say := (&app{env: e}).counting()
	for i := range 50 {
		say("verify", uint64(i), 50)
		now = now.Add(100 * time.Millisecond)
	}
	if n := strings.Count(err.String(), "verify: "); n < 4 || n > 5 {
		t.Errorf("%d lines:\n%s", n, err.String())
	}
}

// TestHalfABundleNeverHasTheName: nor is a file written over.
func TestHalfABundleNeverHasTheName(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "b")
	fill := func(err error) func(io.Writer) (int64, error) {
		return func(w io.Writer) (int64, error) {
			n, _ := w.Write([]byte("half"))
			return int64(n), err
		}
	}
	if _, err := writeWhole(name, fill(io.ErrUnexpectedEOF)); err == nil {
		t.Error("a failure is none")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error("left:", left)
	}
	if _, err := writeWhole(name, fill(nil)); err != nil {
		t.Error(err)
	}
	if _, err := writeWhole(name, fill(nil)); err == nil {
		t.Error("a file was written over")
	}
}

package store_test

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
)

func TestBelowTheReserveWritesAreRefusedAndReadsGoOn(t *testing.T) {
	var free atomic.Int64
	free.Store(1 << 30)
	s, err := store.Open(store.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Free: func() (int64, error) { return free.Load(), nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if r := commit(s, set("k", "v")); r.Err != nil {
		t.Fatal(r)
	}
	free.Store(127 << 20)
	if r := commit(s, set("k", "w")); !errors.Is(r.Err, codes.Of(codes.DiskFull)) {
		t.Fatal(r)
	}
	if v, ok, err := s.Read("k"); string(v) != "v" || !ok || err != nil {
		t.Fatal(string(v), ok, err)
	}
	if r := commit(s, core.Tx{Kind: "kv", Delete: []string{"k"}}); r.Err != nil {
		t.Fatal("what only deletes makes room:", r)
	}
	free.Store(1 << 30)
	if r := commit(s, set("k", "x")); r.Err != nil {
		t.Fatal("there is room again:", r)
	}
}

func TestAFullDiskEndsNoProcess(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs: root, to mount a small file system")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256m"); err != nil {
		t.Skipf("needs: mount(2) of a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	s := open(t, dir+"/d")
	value, n := strings.Repeat("v", 1<<20), 0
	for ; n < 200; n++ {
		if r := commit(s, set(strings.Repeat("k", n%7+1), value)); r.Err != nil {
			if !errors.Is(r.Err, codes.Of(codes.DiskFull)) {
				t.Fatal(r)
			}
			break
		}
	}
	if n == 0 || n == 200 {
		t.Fatalf("%d writes of 1 MiB went into 256 MiB", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir+"/d")
	if v, ok, err := s.Read("k"); len(v) != len(value) || !ok || err != nil {
		t.Fatal(len(v), ok, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAFullDiskIsToldAtTheStart(t *testing.T) {
	_, err := store.Open(store.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Free: func() (int64, error) { return 1 << 20, nil }})
	if !errors.Is(err, codes.Of(codes.DiskFull)) {
		t.Fatal(err)
	}
}

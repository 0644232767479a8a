package store_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
)

func TestADirectoryThatIsTakenAwayTakesNoMoreWrites(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, err := store.Open(store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if r := commit(s, set("k", "v")); r.Err != nil {
		t.Fatal(r)
	}
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := s.Room(); !errors.Is(err, codes.Of(codes.StoreUnusable)) {
		t.Errorf("the check of the store says %v", err)
	}
	if r := commit(s, set("k", "w")); !errors.Is(r.Err, codes.Of(codes.StoreStopped)) {
		t.Errorf("a write that nobody would ever read was taken: %+v", r)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	if r := commit(s, set("k", "x")); !errors.Is(r.Err, codes.Of(codes.StoreStopped)) {
		t.Errorf("the store stopped, and goes on: %+v", r)
	}
	if err := s.Room(); !errors.Is(err, codes.Of(codes.StoreStopped)) {
		t.Errorf("a store that has stopped is shown as %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestADirectoryThatCannotBeUsedSaysWhy(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.Open(store.Options{Dir: file, Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, codes.Of(codes.StoreUnusable)) || !strings.Contains(err.Error(), "not a directory") {
		t.Fatal(err)
	}
}

package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmihailenco/msgpack/v5"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/core"
)

// Record is one entry of an actor's history: what survives a restart of the daemon.
type Record struct {
	Path        string `msgpack:"p"`
	Event       string `msgpack:"e"` // started, ended, wedged, report, stopped, boot
	Incarnation uint32 `msgpack:"n"`
	Reason      string `msgpack:"r"`
	Cause       string `msgpack:"c"` // the first cause, one line
	At          int64  `msgpack:"t"` // ns since 1970
	Boot        string `msgpack:"b"` // id of the daemon's run
	Restarts    uint64 `msgpack:"x"` // of the path, over all runs
}

// The bounds of the history.
const (
	KeepPerPath   = 256     // newest records of one path that a Prune keeps
	recordVersion = 1       // first byte of every record
	maxRecord     = 8 << 10 // bytes
	maxField      = 2 << 10 // bytes of one text
	maxPath       = 900     // bytes of a path: with its order it has to fit a key
)

const historyPrefix = "history/"

// Append is the transaction that adds r. run is Store.Opened, so that the records of a later run come later
// whatever the clock says; order is unique and grows within a run.
func Append(r Record, run, order uint64) (core.Tx, error) {
	for f, most := range map[*string]int{&r.Path: maxPath, &r.Reason: maxField, &r.Cause: maxField} {
		if len(*f) > most {
			*f = (*f)[:most]
		}
	}
	b, err := msgpack.Marshal(&r)
	if err != nil {
		return core.Tx{}, err
	}
	key := fmt.Sprintf("%s%s\x00s%016x-%010x", historyPrefix, r.Path, run, order)
	return core.Tx{Kind: "history", Set: []core.KV{{Key: key, Value: append([]byte{recordVersion}, b...)}}}, nil
}

// DecodeRecord parses a stored record. The error is codes.BadRecord.
func DecodeRecord(b []byte) (r Record, err error) {
	if len(b) == 0 || len(b) > maxRecord || b[0] != recordVersion {
		return r, codes.New(codes.BadRecord, "a record of %d bytes", len(b))
	}
	defer func() {
		if v := recover(); v != nil {
			err = codes.New(codes.BadRecord, "a record that cannot be decoded: %v", v)
		}
	}()
	if err := msgpack.Unmarshal(b[1:], &r); err != nil {
		return Record{}, codes.New(codes.BadRecord, "a record that cannot be decoded").Wrap(err)
	}
	return r, nil
}

// History gives the newest records of a path, oldest first. A record that cannot be read is left out and
// counted in bad.
func (s *Store) History(path string, limit int) (out []Record, bad int, err error) {
	err = s.each(historyPrefix+path+"\x00", each{limit: limit, values: true, reverse: true}, func(_ string, v []byte) {
		r, err := DecodeRecord(v)
		if err != nil {
			bad++
			return
		}
		out = append(out, r)
	})
	slices.Reverse(out)
	return out, bad, err
}

// Prune deletes the oldest records of every path beyond KeepPerPath. It returns how many.
func (s *Store) Prune() (n int, err error) {
	keys, err := s.List(historyPrefix, 1_000_000)
	if err != nil {
		return 0, err
	}
	byPath := map[string][]string{}
	for _, k := range keys {
		path, _, _ := strings.Cut(k, "\x00")
		byPath[path] = append(byPath[path], k)
	}
	for _, ks := range byPath {
		for old := ks[:max(0, len(ks)-KeepPerPath)]; len(old) > 0; {
			m := min(len(old), core.MaxWrites)
			done := make(chan core.Result, 1) // capacity 1: the one answer; never closed
			s.Commit(core.Tx{Kind: "history", Delete: old[:m]}, func(r core.Result) { done <- r })
			if r := <-done; r.Err != nil {
				return n, r.Err
			}
			n += m
			old = old[m:]
		}
	}
	return n, nil
}

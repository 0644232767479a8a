package store

import (
	"errors"
	"path/filepath"
	"slices"
	"sort"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// Entry is a marker with its payload, read back and checked.
type Entry struct {
	marker.Marker
	ID      marker.ID
	Payload marker.Payload // empty where it was pruned
	Pruned  bool
}

// entryOf decodes a frame.
func entryOf(file string, off int, fr *marker.Frame, id marker.ID) (e Entry, err error) {
	e = Entry{Marker: fr.Marker, ID: id, Pruned: fr.Pruned}
	if !fr.Pruned {
		if err := marker.Decode(slices.Clone(fr.Payload), &e.Payload); err != nil {
			return e, damaged(file, off, err)
		}
	}
	return e, nil
}

// Head is the last durable marker; zero where there is none.
func (s *Store) Head() marker.Place { return s.log.headNow() }

// Base is the sequence before the oldest marker that is kept.
func (s *Store) Base() uint64 {
	s.log.mu.RLock()
	defer s.log.mu.RUnlock()
	return s.log.base
}

// Entry reads the marker seq: one read of the disk. The error is codes.NoMarker, codes.LedgerDamaged or
// codes.StoreClosed.
func (s *Store) Entry(seq uint64) (e Entry, err error) {
	err = s.opened(func() error {
		fr, err := s.log.get(seq)
		if err == nil {
			seg, off, _ := s.log.at(seq)
			e, err = entryOf(filepath.Join(markersDir, seg.name), int(off), &fr, fr.Marker.ID())
		}
		return err
	})
	return e, err
}

// Entries hands the markers from first to last to f, in order, until one answers errStop. A segment at a time is in
// memory.
func (s *Store) Entries(first, last uint64, f func(Entry) error) error {
	return s.opened(func() error {
		err := s.log.each(max(first, 1), last, func(file string, off int, fr *marker.Frame, id marker.ID) error {
			e, err := entryOf(file, off, fr, id)
			if err == nil {
				err = f(e)
			}
			return err
		})
		if errors.Is(err, ErrEnough) {
			return nil
		}
		return err
	})
}

// ErrEnough ends Entries without an error.
var ErrEnough = errors.New("enough")

// At is the last marker that is not later than time, in ns since 1970, by binary search: the clock of the stream never
// goes back. codes.NoMarker where all are later.
func (s *Store) At(time int64) (seq uint64, err error) {
	head, base := s.Head().Seq, s.Base()
	err = s.opened(func() error {
		n := sort.Search(int(head-base), func(i int) bool {
			fr, e := s.log.get(base + uint64(i) + 1)
			if e != nil {
				err = e
			}
			return e != nil || fr.Time > time
		})
		seq = base + uint64(n)
		if err == nil && n == 0 {
			err = codes.New(codes.NoMarker, "every marker that is kept is later")
		}
		return err
	})
	return seq, err
}

// opened holds the files open while f reads them.
func (s *Store) opened(f func() error) error {
	s.shutMu.RLock()
	defer s.shutMu.RUnlock()
	if s.shut {
		return codes.New(codes.StoreClosed, "the store is closed")
	}
	return f()
}

// Marker reads the marker seq without its payload, whose digest is checked: one read of the disk. The error is
// codes.NoMarker, codes.LedgerDamaged or codes.StoreClosed.
func (s *Store) Marker(seq uint64) (m marker.Marker, err error) {
	err = s.opened(func() error {
		fr, err := s.log.get(seq)
		m = fr.Marker
		return err
	})
	return m, err
}

package store

import (
	"bytes"
	"errors"
	"fmt"
	iofs "io/fs"
	"path/filepath"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/fs"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

const mostWitness = 1 << 20 // bytes

// readWitness reads the witness; fresh is true where there is none and nothing that it would be about.
func (s *Store) readWitness() (w marker.Witness, fresh bool, err error) {
	if _, err := s.opts.FS.Size(filepath.Join(s.opts.Dir, restoringFile)); !errors.Is(err, iofs.ErrNotExist) {
		return w, false, codes.New(codes.LedgerDamaged, "a restore under %s was cut off", s.opts.Dir).Wrap(err).Fact("try", "fnctl ledger restore again, with the same backup")
	}
	b, err := readAll(s.opts.FS, filepath.Join(s.opts.Dir, witnessFile), mostWitness)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return w, true, s.nothingYet()
	case err != nil:
		return w, false, codes.New(codes.StoreUnusable, "%s cannot be read", witnessFile).Wrap(err)
	}
	if w, err = marker.ParseWitness(b); err != nil {
		return w, false, damaged(witnessFile, 0, err)
	}
	return w, false, nil
}

// nothingYet says that the directory holds no store, nor one of the time before the stream.
func (s *Store) nothingYet() error {
	names, err := s.opts.FS.List(filepath.Join(s.opts.Dir, markersDir))
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return codes.New(codes.StoreUnusable, "%s cannot be listed", s.opts.Dir).Wrap(err)
	}
	for _, n := range names {
		if _, ok := marker.FirstOf(n); ok {
			return codes.New(codes.LedgerDamaged, "%s is missing, and %s is there", witnessFile, filepath.Join(markersDir, n))
		}
	}
	if old, err := digests(s.opts.StateDir); err == nil && len(old) > 0 && len(names) == 0 {
		return codes.New(codes.StoreOld, "%s holds a state without a marker stream", s.opts.Dir)
	}
	return nil
}

// publish replaces the witness.
func (s *Store) publish(w marker.Witness) error {
	b, err := w.AppendFile(nil)
	if err != nil {
		return err
	}
	name := filepath.Join(s.opts.Dir, witnessFile)
	if err := fs.Publish(s.opts.FS, name, b); err != nil {
		return unwritable(name, err)
	}
	s.wit = w
	return nil
}

// recover reads the whole stream, holds it against the witness, cuts a torn tail, and says what it found.
func (s *Store) recover(w marker.Witness) (tail marker.Tail, err error) {
	peaks, l := hashes(w.Peaks), s.log
	l.id, l.base = w.Store, w.Base
	l.seed = (&marker.Header{Store: w.Store}).Seed()
	for i, index := range mmr.PeakIndices(w.Base) {
		if i < len(peaks) {
			l.high[index] = peaks[i]
		}
	}
	acc, err := mmr.Resume(w.Base, peaks)
	if err != nil {
		return tail, damaged(witnessFile, 0, err)
	}
	if known, err := mmr.Resume(w.Seq, hashes(w.Range)); err == nil && !l.readOnly && marker.ID(known.Root()) == w.Root {
		acc = known // the chain up to the witnessed marker is checked, and with it all that the range is made of
	}
	same := w.Seq == w.Base
	tail, err = l.scan(marker.Place{Seq: w.Base, ID: w.First, Time: w.Since}, acc, func(seq uint64, id marker.ID, acc *mmr.Accumulator) error {
		if seq == w.Seq {
			if same = id == w.Head && marker.ID(acc.Root()) == w.Root; !same {
				return codes.New(codes.LedgerShort, "marker %d is not the one that the witness saw: the ledger was replaced or changed", seq)
			}
		}
		return nil
	})
	if err != nil {
		return tail, err
	}
	head := l.next.Seq
	s.how.Markers, s.how.Beyond, s.how.Cut = head-w.Base, head-min(head, w.Seq), tail.Cut
	switch {
	case head < w.Seq && tail.Bad != nil:
		return tail, damaged(l.last(), tail.First, fmt.Errorf("%w; the witness testifies that it had been durable", tail.Bad))
	case head < w.Seq:
		return tail, codes.New(codes.LedgerShort, "the ledger ends with marker %d, and its witness saw %d: markers %d to %d are missing", head, w.Seq, head+1, w.Seq)
	case !same:
		return tail, codes.New(codes.LedgerShort, "marker %d, which the witness saw, is behind the base %d", w.Seq, w.Base)
	case w.Clean && (head > w.Seq || !tail.Zero):
		return tail, damaged(l.last(), tail.First, errors.New("bytes stand behind the marker with which the ledger was closed"))
	}
	s.how.Torn = !tail.Zero
	return tail, nil
}

// lay makes the directories of a new store and its first witness. Nothing is in the stream yet.
func (s *Store) lay() (w marker.Witness, err error) {
	for _, dir := range []string{s.opts.Dir, s.log.dir, filepath.Join(s.opts.Dir, snapsDir)} {
		if err := s.opts.FS.MkdirAll(dir); err != nil {
			return w, unwritable(dir, err)
		}
	}
	for _, dir := range []string{s.opts.Dir, filepath.Dir(s.opts.Dir)} {
		if err := s.opts.FS.SyncDir(dir); err != nil && !errors.Is(err, iofs.ErrPermission) { // of a directory above, its owner answers for it
			return w, unwritable(dir, err)
		}
	}
	if err := s.opts.Random(w.Store[:]); err != nil {
		return w, codes.New(codes.StoreUnusable, "no identity can be made").Wrap(err)
	}
	return w, nil
}

// sweep removes what publications that were cut off left behind.
func (s *Store) sweep() error {
	for _, dir := range []string{s.opts.Dir, s.log.dir, filepath.Join(s.opts.Dir, snapsDir), filepath.Join(s.opts.Dir, keysDir)} {
		names, err := s.opts.FS.List(dir)
		if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return codes.New(codes.StoreUnusable, "%s cannot be listed", dir).Wrap(err)
		}
		for _, n := range names {
			if fs.IsTemp(n) {
				if err := s.opts.FS.Remove(filepath.Join(dir, n)); err != nil {
					return unwritable(filepath.Join(dir, n), err)
				}
			}
		}
	}
	return nil
}

// openState opens Badger where its files are those of a clean close, else makes it anew from the stream.
func (s *Store) openState(w marker.Witness) error {
	why := "the store was not closed"
	if s.opts.anew {
		why = "it was asked for"
	} else if w.Clean {
		now, err := digests(s.opts.StateDir)
		why = differs(w.State, now, err)
	}
	if why == "" {
		st, err := openBadger(s.opts.StateDir, s.opts.Log)
		if err == nil {
			var b []byte
			if b, _, err = st.lookup(seqKey); err == nil && number(b) == s.log.head.Seq {
				s.st = st
				return nil
			}
			err = errors.Join(err, st.close())
		}
		why = "Badger could not be opened"
		s.opts.Log.Warn("the state is made anew", "why", why, "err", err)
	}
	if w.Seq == 0 && s.log.head.Seq == 0 {
		why = ""
	}
	s.how.Rebuilt = why
	return s.rebuild()
}

// differs says in what Badger's folder is not the one that was left; empty if it is.
func differs(want, have map[string]marker.ID, err error) string {
	if err != nil {
		return err.Error()
	}
	for name, id := range want {
		if got, ok := have[name]; !ok {
			return stateDir + "/" + name + " is missing"
		} else if !bytes.Equal(got[:], id[:]) {
			return stateDir + "/" + name + " is not as it was left"
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			return stateDir + "/" + name + " was not there"
		}
	}
	return ""
}

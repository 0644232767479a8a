package store

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// rebuild makes the state anew from the newest good snapshot and the markers after it (rule D2).
func (s *Store) rebuild() error {
	seqs, err := s.snapshots()
	if err != nil {
		return err
	}
	var faults error
	for _, seq := range append(seqs, 0) {
		if seq == 0 && s.wit.Base > 0 {
			break
		}
		err := s.rebuildFrom(seq)
		if err == nil {
			return nil
		}
		if s.st != nil {
			err = errors.Join(err, s.st.close())
			s.st = nil
		}
		if c := codes.From(err); c == nil || c.Code != codes.LedgerDamaged || seq == 0 {
			return errors.Join(err, faults)
		}
		s.opts.Log.Warn("a snapshot cannot be used", "seq", seq, "err", err)
		s.how.Skipped = append(s.how.Skipped, err.Error())
		faults = errors.Join(faults, err)
	}
	return codes.New(codes.LedgerDamaged, "no snapshot is good, and the markers up to %d were pruned", s.wit.Base).Wrap(faults)
}

// snapshots are the sequences of the snapshots that lie within the stream, newest first.
func (s *Store) snapshots() (seqs []uint64, err error) {
	names, err := s.opts.FS.List(filepath.Join(s.opts.Dir, snapsDir))
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return nil, codes.New(codes.StoreUnusable, "the snapshots cannot be listed").Wrap(err)
	}
	base, head := s.Base(), s.Head().Seq
	for _, n := range names {
		if seq, ok := snapSeq(n); ok && seq >= max(base, 1) && seq <= head {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	slices.Reverse(seqs)
	return seqs, nil
}

// rebuildFrom makes the state from one snapshot; 0: from nothing.
func (s *Store) rebuildFrom(seq uint64) (err error) {
	defer caught(&err)
	if err := errors.Join(os.RemoveAll(s.opts.StateDir), os.MkdirAll(s.opts.StateDir, 0o700)); err != nil {
		return codes.New(codes.StoreUnusable, "%s cannot be made anew: %s", s.opts.StateDir, reasonOf(err)).Wrap(err)
	}
	if s.st, err = openBadger(s.opts.StateDir, s.opts.Log); err != nil {
		s.st = nil
		return codes.New(codes.StoreUnusable, "an empty state cannot be opened under %s", s.opts.StateDir).Wrap(err)
	}
	b := s.st.db.NewWriteBatch()
	defer b.Cancel()
	if seq > 0 {
		at, err := s.placeOf(seq)
		if err != nil {
			return err
		}
		err = load(s.opts.FS, filepath.Join(s.opts.Dir, snapsDir), s.log.id, at, func(k, v []byte) error {
			return b.Set(slices.Clone(k), slices.Clone(v))
		})
		if err != nil {
			return err
		}
	}
	head := s.log.head.Seq
	err = s.log.each(seq+1, head, func(file string, off int, fr *marker.Frame, _ marker.ID) error {
		if fr.Seq%(1<<14) == 0 {
			s.opts.Progress("state", fr.Seq-seq, head-seq)
		}
		if fr.Pruned {
			return damaged(file, off, errors.New("its payload was pruned, and no snapshot stands behind it"))
		}
		if err := replay(b, fr); err != nil {
			return damaged(file, off, err)
		}
		return nil
	})
	if err == nil {
		err = b.Set([]byte(seqKey), bytes8(head))
	}
	if err == nil {
		err = b.Flush()
	}
	return err
}

// replay writes what a marker's payload says.
func replay(b *badger.WriteBatch, fr *marker.Frame) error {
	var p marker.Payload
	if err := marker.Decode(fr.Payload, &p); err != nil {
		return err
	}
	for _, kv := range p.Set {
		if err := b.Set([]byte(kv.Key), kv.Value); err != nil {
			return err
		}
	}
	for _, k := range p.Delete {
		if err := b.Delete([]byte(k)); err != nil {
			return err
		}
	}
	return nil
}

// placeOf is where the stream stood after marker seq.
func (s *Store) placeOf(seq uint64) (marker.Place, error) {
	if seq == s.wit.Base {
		return marker.Place{Seq: seq, ID: s.wit.First, Time: s.wit.Since}, nil
	}
	fr, err := s.log.get(seq)
	return marker.Place{Seq: seq, ID: fr.Marker.ID(), Time: fr.Time}, err
}

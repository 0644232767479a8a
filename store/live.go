package store

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// Standing is an open store as of now.
type Standing struct {
	Store     marker.Tag
	Head      marker.Place
	Root      marker.ID
	Base      uint64   // the marker before the oldest that is kept
	Snapshots []uint64 // the markers after which the state was dumped, newest first
	Bytes     int64    // of the segments
	Quota     int64    // zero: no bound but the disk's
	Stop      spec.Stop
	Why       error         // the refusal of kinds that stop at Stop or earlier; nil: nothing is refused
	Grown     int64         // bytes that were written within Over
	Over      time.Duration // up to a day before the head, by the times of the markers
}

// High is from how many bytes on what is ephemeral is refused.
func (s Standing) High() int64 { return s.Quota / 10 * 9 }

// Standing says how the store stands. It reads two dozen markers at most.
func (s *Store) Standing() (o Standing, err error) {
	o = Standing{Store: s.log.id, Quota: s.opts.Quota, Bytes: s.log.size(), Base: s.Base()}
	err = s.opened(func() (err error) {
		o.Head = s.log.headNow()
		root, err := s.log.root(o.Head.Seq)
		if err == nil {
			o.Root = marker.ID(root)
			o.Snapshots, err = s.snapshots()
		}
		return err
	})
	if err != nil {
		return o, err
	}
	level := s.opts.level(o.Bytes)
	o.Stop, o.Why = level.Stop, level.Err
	if err := s.Room(); err != nil {
		o.Stop, o.Why = spec.StopsAtEmpty, err
	}
	return o, s.growth(&o)
}

// Bytes is how many bytes the segments hold.
func (s *Store) Bytes() int64 { return s.log.size() }

// growth measures what the last day of the stream added.
func (s *Store) growth(o *Standing) error {
	from, err := s.At(o.Head.Time - int64(24*time.Hour))
	if c := codes.From(err); c != nil && c.Code == codes.NoMarker {
		from, err = o.Base+1, nil
	}
	if err != nil || from >= o.Head.Seq {
		return err
	}
	e, err := s.Entry(max(from, o.Base+1))
	if err != nil {
		return err
	}
	o.Over = time.Duration(o.Head.Time - e.Time)
	o.Grown = s.log.since(e.Seq)
	return nil
}

// since is how many bytes the segments hold from the frame of a marker on.
func (l *ledger) since(seq uint64) (n int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, s := range l.segs {
		switch {
		case s.first > seq:
			n += s.used
		case seq-s.first < uint64(len(s.offs)):
			n += s.used - int64(s.offs[seq-s.first])
		}
	}
	return n
}

// Verify does for an open store what the function does for a closed one: it reads every durable marker and every
// snapshot again, and names what is wrong by file and offset. Commits and reads go on meanwhile; pruning waits. What is
// behind a fault in the stream is not read. progress is told of so many markers of so many; it may stop it with an
// error.
func (s *Store) Verify(progress func(done, of uint64) error) (r Report, err error) {
	s.upkeep.Lock() // no segment goes, and none is written anew
	defer s.upkeep.Unlock()
	v := s.shadow()
	r.Store, r.Base, r.Head = v.log.id, v.log.base, v.log.head.Seq
	if stale := s.staleness(); stale != nil {
		r.State = stale.Error()
	}
	err = r.fault(v.rechain(&r, progress))
	if err == nil && len(r.Faults) == 0 {
		err = r.fault(v.readAll(&r, s.signer))
	}
	if err == nil {
		err = v.redump(&r)
	}
	if err != nil && errors.Is(err, os.ErrClosed) {
		return r, codes.New(codes.StoreClosed, "the store is closed").Wrap(err)
	}
	return r, err
}

// shadow is the store as of now, which nothing changes any more: whoever has it holds upkeep.
func (s *Store) shadow() *Store {
	l := s.log
	l.climbing.Lock()
	defer l.climbing.Unlock()
	l.mu.RLock()
	defer l.mu.RUnlock()
	c := &ledger{fs: l.fs, dir: l.dir, id: l.id, seed: l.seed, most: l.most, readOnly: true, base: l.base, head: l.head, unclimbed: l.unclimbed, high: make(map[uint64]mmr.Hash, len(l.high))}
	for i, h := range l.high {
		c.high[i] = h
	}
	for _, seg := range l.segs {
		one := *seg
		c.segs = append(c.segs, &one)
	}
	o := s.opts
	o.Progress = func(string, uint64, uint64) {}
	return &Store{opts: o, log: c, wit: s.witness()}
}

// rechain follows the chain from the base to the head, and computes the root anew.
func (s *Store) rechain(r *Report, progress func(done, of uint64) error) error {
	l := s.log
	acc, err := mmr.Resume(l.base, hashes(s.wit.Peaks))
	if err != nil {
		return damaged(witnessFile, 0, err)
	}
	next, prev := l.base+1, s.wit.First
	var room [64]mmr.Hash
	err = l.each(next, l.head.Seq, func(file string, off int, fr *marker.Frame, id marker.ID) error {
		if fr.Seq != next || fr.Prev != prev {
			return damaged(file, off, errors.New("it is not chained to the marker before it"))
		}
		acc.Add(room[:0], mmr.Hash(id))
		next, prev = next+1, id
		if fr.Seq%(1<<14) == 0 {
			return progress(fr.Seq-l.base, l.head.Seq-l.base)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if prev != l.head.ID {
		return damaged(l.last(), 0, errors.New("the last marker is not the one that was committed"))
	}
	root, err := l.root(l.head.Seq)
	if r.Root = marker.ID(acc.Root()); err == nil && r.Root != marker.ID(root) {
		err = damaged(l.last(), 0, errors.New("the markers do not lead to the root of the range"))
	}
	return err
}

// redump reads every snapshot that is there for as long as it is.
func (s *Store) redump(r *Report) error {
	seqs, err := s.snapshots()
	if err != nil {
		return err
	}
	dir := filepath.Join(s.opts.Dir, snapsDir)
	for _, seq := range seqs {
		at, err := s.placeOf(seq)
		if err == nil {
			err = load(s.opts.FS, dir, s.log.id, at, func(_, _ []byte) error { return nil })
		}
		if _, gone := s.opts.FS.Size(filepath.Join(dir, snapName(seq))); errors.Is(gone, iofs.ErrNotExist) && !s.named(seq) {
			continue // an older one, which a newer one replaced meanwhile
		}
		if err := r.fault(err); err != nil {
			return err
		}
		r.Snapshots++
	}
	if s.wit.Snap != nil && !slices.Contains(seqs, s.wit.Snap.Seq) {
		r.Faults = append(r.Faults, &Damage{filepath.Join(snapsDir, snapName(s.wit.Snap.Seq)), 0, errors.New("the witness names it, and it is missing")})
	}
	return nil
}

func (s *Store) named(seq uint64) bool { return s.wit.Snap != nil && s.wit.Snap.Seq == seq }

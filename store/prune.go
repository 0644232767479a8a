package store

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"

	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/fs"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// Pruning says what to let go of (rule D8). Nothing after the oldest snapshot that is kept goes.
type Pruning struct {
	Ephemeral uint64 // payloads of ephemeral kinds up to this marker go; their markers stay, so that the chain does
	Whole     uint64 // whole segments whose last marker is at most this one go, with all that is required in them
	Why       string // into the ledger
	DryRun    bool   // say only
}

// Pruned says what went.
type Pruned struct {
	Payloads int    `cbor:"1,keyasint"`
	Segments int    `cbor:"2,keyasint"`
	Bytes    int64  `cbor:"3,keyasint"`
	Base     uint64 `cbor:"4,keyasint"` // the marker before the oldest that is kept
	Behind   uint64 `cbor:"5,keyasint"` // the snapshot behind which it was done
	Why      string `cbor:"6,keyasint,omitempty"`
}

// Cut lets go of the oldest part of the ledger, behind a signed checkpoint. Commits and reads go on meanwhile. It leaves
// a marker of what went. The error is codes.LedgerNoCheckpoint where no checkpoint with a snapshot was written yet.
func (s *Store) Cut(p Pruning) (out Pruned, err error) {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	snaps, err := s.snapshots()
	if err != nil {
		return out, err
	}
	if s.witness().Snap == nil || len(snaps) == 0 {
		return out, codes.New(codes.LedgerNoCheckpoint, "no signed checkpoint with a snapshot has been written yet")
	}
	behind := snaps[len(snaps)-1] // the one before the newest too can make the state anew
	out.Behind, out.Why, out.Base = behind, p.Why, s.Base()
	gone, rewrite := s.plan(min(p.Whole, behind), min(p.Ephemeral, behind))
	var errs error
	for _, seg := range rewrite {
		n, saved, err := s.strip(seg, min(p.Ephemeral, behind), p.DryRun)
		out.Payloads, out.Bytes = out.Payloads+n, out.Bytes+saved
		errs = errors.Join(errs, err)
	}
	if len(gone) > 0 && errs == nil {
		out.Segments, out.Base = len(gone), gone[len(gone)-1].end.Seq
		for _, seg := range gone {
			out.Bytes += seg.used
		}
		if !p.DryRun {
			errs = s.drop(gone)
		}
	}
	if p.DryRun || errs != nil || out.Payloads+out.Segments == 0 {
		return out, errs
	}
	return out, s.say("pruned", &out)
}

// plan picks sealed segments: those that go whole, and those whose payloads are looked at.
func (s *Store) plan(whole, ephemeral uint64) (gone, rewrite []*segment) {
	s.log.mu.RLock()
	defer s.log.mu.RUnlock()
	for i, seg := range s.log.segs[:max(0, len(s.log.segs)-1)] {
		switch {
		case seg.end.Seq <= whole && i == len(gone):
			gone = append(gone, seg)
		case seg.first <= ephemeral:
			rewrite = append(rewrite, seg)
		}
	}
	return gone, rewrite
}

// strip writes a segment anew without the payloads of ephemeral kinds up to a marker, and puts it in its place.
func (s *Store) strip(old *segment, upTo uint64, dry bool) (n int, saved int64, err error) {
	b := make([]byte, old.used)
	name := filepath.Join(markersDir, old.name)
	if _, err := old.file.ReadAt(b, 0); err != nil {
		return 0, 0, codes.New(codes.StoreUnusable, "%s cannot be read", name).Wrap(err)
	}
	h, err := marker.ParseHeader(b)
	if err != nil {
		return 0, 0, damaged(name, 0, err)
	}
	out := slices.Clone(b[:marker.HeaderSize])
	fresh := &segment{name: old.name, first: old.first}
	end, tail, err := marker.Walk(b, h, func(off int, fr *marker.Frame, _ marker.ID) error {
		payload := fr.Payload
		if k := spec.RecordCoded(fr.Kind); k != nil && k.Retention == spec.Ephemeral && fr.Seq <= upTo && !fr.Pruned && fr.Length > 0 {
			payload, n = nil, n+1
		}
		fresh.offs = append(fresh.offs, uint32(len(out)))
		out = marker.AppendFrame(out, h.Seed(), &fr.Marker, fr.Synced, payload)
		return nil
	})
	if err == nil && !tail.Zero {
		err = damaged(name, tail.First, witnessed(tail))
	}
	saved = old.used - int64(len(out))
	if err != nil || n == 0 || dry {
		return n, saved, err
	}
	fresh.used, fresh.end = int64(len(out)), end
	full := filepath.Join(s.log.dir, old.name)
	if err := fs.Publish(s.opts.FS, full, out); err != nil {
		return 0, 0, unwritable(full, err)
	}
	if fresh.file, err = s.opts.FS.OpenRW(full); err != nil {
		return 0, 0, codes.New(codes.StoreUnusable, "%s cannot be read", name).Wrap(err)
	}
	s.shutMu.Lock() // nobody reads
	defer s.shutMu.Unlock()
	s.log.mu.Lock()
	s.log.segs[slices.Index(s.log.segs, old)] = fresh
	s.log.mu.Unlock()
	s.log.bytes.Add(-saved)
	return n, saved, old.file.Close()
}

// drop moves the base behind the oldest segments, in the witness first, and removes them.
func (s *Store) drop(gone []*segment) error {
	base := gone[len(gone)-1].end
	peaks := make(map[uint64]mmr.Hash)
	var list []marker.ID
	for _, i := range mmr.PeakIndices(base.Seq) {
		h, err := s.log.Node(i)
		if err != nil {
			return err
		}
		peaks[i], list = h, append(list, marker.ID(h))
	}
	err := s.witnessed(func(w *marker.Witness) {
		w.Base, w.First, w.Since, w.Peaks = base.Seq, base.ID, base.Time, list
	})
	if err != nil {
		return err
	}
	s.shutMu.Lock() // nobody reads
	s.log.mu.Lock()
	s.log.segs = slices.Clone(s.log.segs[len(gone):])
	s.log.base = base.Seq
	for i := range s.log.high {
		if leaf, _ := mmr.Leaves(i); leaf < base.Seq {
			delete(s.log.high, i)
		}
	}
	for i, h := range peaks {
		s.log.high[i] = h
	}
	s.log.mu.Unlock()
	s.shutMu.Unlock()
	for _, seg := range gone {
		s.log.bytes.Add(-seg.used)
		err = errors.Join(err, seg.file.Close(), s.opts.FS.Remove(filepath.Join(s.log.dir, seg.name)))
	}
	return errors.Join(err, s.opts.FS.SyncDir(s.log.dir))
}

// leftBehind removes segments before the base: a pruning that was cut off left them.
func (l *ledger) leftBehind(names []string, base uint64) ([]string, error) {
	for len(names) > 1 {
		if next, _ := marker.FirstOf(names[1]); next > base+1 {
			break
		}
		if err := l.fs.Remove(filepath.Join(l.dir, names[0])); err != nil {
			return nil, unwritable(filepath.Join(l.dir, names[0]), err)
		}
		names = names[1:]
	}
	return names, nil
}

// Backup writes a copy of the store as of now into the empty or missing folder to, on the same file system interface:
// a store of its own, which Restore or Open takes. Commits go on meanwhile.
func (s *Store) Backup(to string) (head marker.Place, err error) {
	if err := s.Checkpoint(); err != nil {
		return head, err
	}
	s.upkeep.Lock() // the files of the stream only grow
	defer s.upkeep.Unlock()
	w := s.witness()
	return head, s.opened(func() error {
		head, err = s.copyTo(to, w)
		return err
	})
}

func (s *Store) copyTo(to string, w marker.Witness) (head marker.Place, err error) {
	o := s.opts
	if names, err := o.FS.List(to); err == nil && len(names) > 0 {
		return head, codes.New(codes.StoreUnusable, "%s is not empty", to)
	}
	for _, dir := range []string{to, filepath.Join(to, markersDir), filepath.Join(to, snapsDir), filepath.Join(to, keysDir)} {
		if err := o.FS.MkdirAll(dir); err != nil {
			return head, unwritable(dir, err)
		}
	}
	s.log.mu.RLock()
	segs, used := slices.Clone(s.log.segs), make([]int64, len(s.log.segs))
	for i, seg := range segs {
		used[i] = seg.used
	}
	head = s.log.head
	s.log.mu.RUnlock()
	for i, seg := range segs {
		b := make([]byte, used[i])
		if _, err := seg.file.ReadAt(b, 0); err != nil {
			return head, codes.New(codes.StoreUnusable, "%s cannot be read", seg.name).Wrap(err)
		}
		if err := fs.Publish(o.FS, filepath.Join(to, markersDir, seg.name), b); err != nil {
			return head, unwritable(to, err)
		}
		o.Progress("backup", uint64(i+1), uint64(len(segs)))
	}
	files := []string{filepath.Join(keysDir, ledgerKey), filepath.Join(snapsDir, snapName(w.Snap.Seq))}
	for _, name := range files {
		if err := copyFile(o.FS, filepath.Join(o.Dir, name), filepath.Join(to, name)); err != nil {
			return head, err
		}
	}
	acc, err := s.log.rangeOf(head.Seq)
	if err != nil {
		return head, err
	}
	w = about(w, &mark{head, marker.ID(acc.Root()), ids(acc.Peaks())}, nil)
	b, err := w.AppendFile(nil)
	if err != nil {
		return head, err
	}
	if err := fs.Publish(o.FS, filepath.Join(to, witnessFile), b); err != nil { // last: without it the folder is no store
		return head, unwritable(to, err)
	}
	return head, nil
}

func copyFile(fsys fs.FS, from, to string) error {
	b, err := readAll(fsys, from, 8<<30)
	if err != nil {
		return codes.New(codes.StoreUnusable, "%s cannot be read", from).Wrap(err)
	}
	if have, err := readAll(fsys, to, 8<<30); err == nil && bytes.Equal(have, b) {
		return nil
	}
	if err := fs.Publish(fsys, to, b); err != nil {
		return unwritable(to, err)
	}
	return nil
}

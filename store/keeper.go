package store

import (
	"errors"
	"path/filepath"

	"github.com/fxamacker/cbor/v2"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// keepSnaps is how many snapshots stay: the newest, and the one before it in case that is damaged.
const keepSnaps = 2

// wanted says whether a checkpoint is due after the n markers just synced, and what it is about. The committer calls
// it.
func (s *Store) wanted(n int) *mark {
	s.since += n
	if s.since < s.opts.Every && !s.asked.CompareAndSwap(true, false) {
		return nil
	}
	s.since = 0
	return &mark{place: s.log.next, root: marker.ID(s.log.acc.Root())}
}

// keeper writes snapshots and checkpoints, one at a time, until marks is closed.
func (s *Store) keeper() {
	for k := range s.marks {
		err := s.checkpoint(k)
		k.txn.Discard()
		if c := codes.From(err); err != nil && (c == nil || c.Code != codes.StoreClosed) {
			s.opts.Log.Error("a checkpoint could not be written", "seq", k.place.Seq, "err", err)
		}
	}
}

// checkpoint dumps the state, signs where the stream stood, puts that into the stream, and then moves the witness.
func (s *Store) checkpoint(k keeping) error {
	sn, err := dump(s.opts.FS, filepath.Join(s.opts.Dir, snapsDir), s.log.id, k.place, k.txn)
	if err != nil {
		return err
	}
	if err := s.sign(k.mark, &sn); err != nil {
		return err
	}
	if err := s.publish(s.now(k.mark, &sn)); err != nil {
		return err
	}
	return s.thin()
}

// sign commits a checkpoint of m.
func (s *Store) sign(m *mark, sn *marker.Snapshot) error {
	signed, err := s.signed(m, sn)
	if err != nil {
		return err
	}
	return s.say("checkpoint", &signed)
}

func (s *Store) signed(m *mark, sn *marker.Snapshot) (marker.Signed, error) {
	return marker.Sign(s.signer, "checkpoint", &marker.Checkpoint{
		Store: s.log.id, Seq: m.place.Seq, Head: m.place.ID, Root: m.root, Time: s.opts.Now(), Snapshot: sn,
	})
}

// last appends a checkpoint when nothing else is written any more, unless the newest marker is one.
func (s *Store) last() error {
	if s.since == 0 {
		return nil
	}
	signed, err := s.signed(s.mark(), nil)
	if err != nil {
		return err
	}
	b, err := marker.Encode(&signed)
	if err != nil {
		return err
	}
	p := &pending{tx: core.Tx{Kind: "checkpoint", Body: b}}
	if err := encode(p); err != nil {
		return err
	}
	p.entry.Time = s.opts.Now()
	if err := errors.Join(s.log.append([]entry{p.entry}), s.log.sync()); err != nil {
		return err
	}
	return s.st.apply([]core.Item{{Seq: s.log.next.Seq}})
}

// mark is the stream as of now; nothing is being appended.
func (s *Store) mark() *mark { return &mark{s.log.next, marker.ID(s.log.acc.Root())} }

// say commits a marker of the store's own and waits for it.
func (s *Store) say(kind string, body any) error {
	b, err := marker.Encode(body)
	if err != nil {
		return err
	}
	done := make(chan error, 1) // capacity 1: the one answer; never closed
	s.Commit(core.Tx{Kind: kind, Body: cbor.RawMessage(b)}, func(r core.Result) { done <- r.Err })
	return <-done
}

// now is the witness of a running store as of m.
func (s *Store) now(m *mark, sn *marker.Snapshot) marker.Witness {
	w := s.wit
	w.Seq, w.Head, w.Root, w.Time, w.Clean, w.State = m.place.Seq, m.place.ID, m.root, m.place.Time, false, nil
	if sn != nil {
		w.Snap = sn
	}
	return w
}

// thin removes the oldest snapshots.
func (s *Store) thin() (err error) {
	seqs, err := s.snapshots()
	if err != nil || len(seqs) <= keepSnaps {
		return err
	}
	for _, seq := range seqs[keepSnaps:] {
		err = errors.Join(err, s.opts.FS.Remove(filepath.Join(s.opts.Dir, snapsDir, snapName(seq))))
	}
	return err
}

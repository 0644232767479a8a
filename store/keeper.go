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
	if s.since < s.opts.Every {
		return nil
	}
	s.since = 0
	return s.mark()
}

// keeper writes snapshots and checkpoints, one at a time, until marks is closed.
func (s *Store) keeper() {
	for k := range s.marks {
		err := s.checkpoint(k)
		k.txn.Discard()
		if k.ask != nil {
			k.ask <- err
			continue
		}
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
	err = s.witnessed(func(w *marker.Witness) { *w = about(*w, k.mark, &sn) })
	if err != nil {
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
func (s *Store) mark() *mark {
	return &mark{s.log.next, marker.ID(s.log.acc.Root()), ids(s.log.acc.Peaks())}
}

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

// about is a witness of a running store as of m.
func about(w marker.Witness, m *mark, sn *marker.Snapshot) marker.Witness {
	w.Seq, w.Head, w.Root, w.Time, w.Clean, w.State = m.place.Seq, m.place.ID, m.root, m.place.Time, false, nil
	w.Range = m.peaks
	if sn != nil {
		w.Snap = sn
	}
	return w
}

// witness is the newest one that was published.
func (s *Store) witness() marker.Witness {
	s.witMu.Lock()
	defer s.witMu.Unlock()
	return s.wit
}

// witnessed changes the witness and publishes it.
func (s *Store) witnessed(change func(*marker.Witness)) error {
	s.witMu.Lock()
	defer s.witMu.Unlock()
	w := s.wit
	change(&w)
	return s.publish(w)
}

// Checkpoint writes a snapshot and a signed checkpoint of now, and waits for them. codes.StoreBusy where two are being
// written already.
func (s *Store) Checkpoint() error {
	ask := make(chan error, 1) // capacity 1: the one answer; never closed
	s.submit(&pending{ask: ask, done: func(r core.Result) { ask <- r.Err }})
	return <-ask
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

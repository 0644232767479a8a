package store

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/fs"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// Damage is a bad place in a file of the store's.
type Damage struct {
	File   string // under the data directory
	Offset int64  // of the first byte of the frame, block or file that is bad
	Err    error
}

// Error names the place, then what is wrong there.
func (d *Damage) Error() string { return fmt.Sprintf("%s, offset %d: %v", d.File, d.Offset, d.Err) }

// Unwrap gives what is wrong.
func (d *Damage) Unwrap() error { return d.Err }

// damaged names a bad place in a file of ours: codes.LedgerDamaged, or codes.StoreNewer where the bytes say so.
func damaged(file string, off int, why error) error {
	d := &Damage{file, int64(off), why}
	var f *marker.Fault
	if errors.As(why, &f) && f.Newer {
		return codes.New(codes.StoreNewer, "%v", d).Wrap(d)
	}
	return codes.New(codes.LedgerDamaged, "%v", d).Wrap(d)
}

// Report is what a verification read, and what is wrong.
type Report struct {
	Store       marker.Tag
	Base, Head  uint64 // the markers are those after Base, up to Head
	Root        marker.ID
	Checkpoints int    // whose signature and content hold
	Snapshots   int    // that are whole
	Signed      uint64 // the newest marker that a checkpoint covers
	Clean       bool   // the store was closed
	State       string // why the state would be made anew at the next open; empty: it would not
	Torn        string // a tail that the next open cuts; empty: none
	Faults      []*Damage
}

// Verify reads every byte of a store that no daemon has open, changes nothing, and names what is wrong by file and
// offset. The error is one that kept it from reading: codes.StoreLocked, codes.StoreUnusable, codes.StoreOld. What is
// behind a fault in the stream is not read.
func Verify(o Options) (r Report, err error) {
	o = o.withDefaults()
	if _, err := o.FS.List(o.Dir); err != nil {
		return r, codes.New(codes.StoreUnusable, "%s cannot be read: %s", o.Dir, reasonOf(err)).Wrap(err)
	}
	s := newStore(o)
	s.log.readOnly = true
	if err := s.take(); err != nil {
		return r, err
	}
	defer func() {
		err = errors.Join(err, s.log.close(false))
		if s.lock != nil {
			err = errors.Join(err, s.lock.Close())
		}
	}()
	w, fresh, err := s.readWitness()
	if err != nil || fresh {
		return r, r.fault(err)
	}
	r.Store, r.Base, r.Clean = w.Store, w.Base, w.Clean
	s.wit = w
	key, err := s.key(false)
	if err = r.fault(err); err != nil {
		return r, err
	}
	tail, err := s.recover(w)
	if !tail.Zero && err == nil {
		r.Torn = fmt.Sprintf("%s, offset %d: %v; %d whole frames stand behind it", s.log.last(), tail.First, tail.Bad, tail.Cut)
	}
	if err != nil {
		return r, r.fault(err)
	}
	r.Head, r.Root = s.log.head.Seq, marker.ID(s.log.acc.Root())
	if w.Clean {
		now, err := digests(o.StateDir)
		r.State = differs(w.State, now, err)
	} else {
		r.State = "the store was not closed"
	}
	if err := r.fault(s.readAll(&r, key)); err != nil {
		return r, err
	}
	return r, r.snapshots(s)
}

// fault takes an error that names a place as a fault; another one is given back.
func (r *Report) fault(err error) error {
	var d *Damage
	if errors.As(err, &d) {
		r.Faults = append(r.Faults, d)
		return nil
	}
	if c := codes.From(err); c != nil && (c.Code == codes.LedgerDamaged || c.Code == codes.LedgerShort) {
		r.Faults = append(r.Faults, &Damage{File: markersDir, Err: err})
		return nil
	}
	return err
}

// readAll decodes every payload and checks every checkpoint.
func (s *Store) readAll(r *Report, key ed25519.PrivateKey) error {
	head := s.log.head.Seq
	var trusted ed25519.PublicKey // the genesis's, or where that was pruned the key's at hand
	if key != nil {
		trusted = key.Public().(ed25519.PublicKey)
	}
	return s.log.each(s.log.base+1, head, func(file string, off int, fr *marker.Frame, id marker.ID) error {
		if fr.Seq%(1<<16) == 0 {
			s.opts.Progress("verify", fr.Seq-s.log.base, head-s.log.base)
		}
		e, err := entryOf(file, off, fr, id)
		if err != nil {
			return err
		}
		if marker.TagOf(e.Payload.Region) != e.Region && !e.Pruned || marker.TagOf(e.Payload.Actor) != e.Actor && !e.Pruned {
			return damaged(file, off, errors.New("the paths of the payload are not those of the marker"))
		}
		kind := spec.RecordCoded(fr.Kind)
		switch {
		case kind == nil:
			return damaged(file, off, fmt.Errorf("there is no kind of record %d", fr.Kind))
		case e.Pruned:
			return nil
		case kind.Name == "genesis":
			var g Genesis
			if err := marker.Decode(e.Payload.Body, &g); err != nil {
				return damaged(file, off, err)
			}
			if trusted != nil && !trusted.Equal(ed25519.PublicKey(g.Key)) {
				return damaged(filepath.Join(keysDir, ledgerKey), 0, errors.New("it is not the key with which the ledger began"))
			}
			trusted = g.Key
		}
		if kind.Name != "checkpoint" || trusted == nil {
			return nil
		}
		if err := s.holds(&e, trusted, r); err != nil {
			return damaged(file, off, err)
		}
		return nil
	})
}

// holds checks a checkpoint's signature, key and content.
func (s *Store) holds(e *Entry, key ed25519.PublicKey, r *Report) error {
	var signed marker.Signed
	var c marker.Checkpoint
	if err := marker.Decode(e.Payload.Body, &signed); err != nil {
		return err
	}
	if err := signed.Open("checkpoint", &c); err != nil {
		return err
	}
	if !key.Equal(ed25519.PublicKey(signed.Key)) {
		return errors.New("the checkpoint is signed with another key than the ledger's")
	}
	if c.Seq >= e.Seq || c.Store != s.log.id {
		return fmt.Errorf("the checkpoint is about marker %d of ledger %x", c.Seq, c.Store)
	}
	if c.Seq < s.log.base { // what it signs was pruned
		return nil
	}
	at, err := s.placeOf(c.Seq)
	if err != nil {
		return err
	}
	root, err := s.log.root(c.Seq)
	if err != nil {
		return err
	}
	if at.ID != c.Head || marker.ID(root) != c.Root {
		return fmt.Errorf("marker %d is not the one that the checkpoint signs", c.Seq)
	}
	r.Checkpoints, r.Signed = r.Checkpoints+1, c.Seq
	return nil
}

// snapshots reads every snapshot, and misses none that the witness names.
func (r *Report) snapshots(s *Store) error {
	dir := filepath.Join(s.opts.Dir, snapsDir)
	names, err := s.opts.FS.List(dir)
	if err != nil {
		return codes.New(codes.StoreUnusable, "%s cannot be listed", dir).Wrap(err)
	}
	named := s.wit.Snap == nil
	for _, n := range names {
		seq, ok := snapSeq(n)
		switch {
		case fs.IsTemp(n):
			continue
		case !ok || seq > s.log.head.Seq || seq < s.log.base:
			r.Faults = append(r.Faults, &Damage{filepath.Join(snapsDir, n), 0, errors.New("it is no snapshot of this ledger")})
			continue
		}
		named = named || seq == s.wit.Snap.Seq
		at, err := s.placeOf(seq)
		if err == nil {
			err = load(s.opts.FS, dir, s.log.id, at, func(k, v []byte) error { return nil })
		}
		if err := r.fault(err); err != nil {
			return err
		}
		r.Snapshots++
	}
	if !named {
		r.Faults = append(r.Faults, &Damage{filepath.Join(snapsDir, snapName(s.wit.Snap.Seq)), 0, errors.New("the witness names it, and it is missing")})
	}
	return nil
}

// String is the report in lines, for people.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ledger %x: markers %d to %d, root %s\n", r.Store, r.Base+1, r.Head, r.Root)
	fmt.Fprintf(&b, "%d checkpoints hold, the newest covers marker %d; %d snapshots are whole\n", r.Checkpoints, r.Signed, r.Snapshots)
	if r.State != "" {
		fmt.Fprintf(&b, "the state will be made anew: %s\n", r.State)
	}
	if r.Torn != "" {
		fmt.Fprintf(&b, "a torn tail will be cut: %s\n", r.Torn)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(&b, "damage: %v\n", f)
	}
	return b.String()
}

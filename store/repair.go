package store

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/fs"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// Repaired says what a repair gave up, or would.
type Repaired struct {
	Head  uint64   `cbor:"1,keyasint"` // the last marker that is kept
	Lost  uint64   `cbor:"2,keyasint"` // the last one that is known to have been there
	Place string   `cbor:"3,keyasint"` // file, offset and what is wrong there; empty: the ledger ends too early
	Moved []string `cbor:"4,keyasint"` // files set aside, whole
	Into  string   `cbor:"5,keyasint"` // folder, under the data directory
	Why   string   `cbor:"6,keyasint"`
}

// Repair makes a store that does not open one that does, by giving up everything from the first bad place of the
// stream on (rule D3). Nothing is deleted: the files are set aside whole. It leaves a marker of what it did and why.
// dry: only say. The error is codes.LedgerWhole where there is nothing to repair, or why it cannot be.
func Repair(o Options, why string, dry bool) (r Repaired, err error) {
	o = o.withDefaults()
	s := newStore(o)
	if err := s.take(); err != nil {
		return r, err
	}
	r.Why = why
	bad, err := s.lenient(&r)
	closed := s.log.close(false)
	if err == nil && !bad {
		err = codes.New(codes.LedgerWhole, "%s has nothing to repair: markers %d to %d are whole", o.Dir, s.log.base+1, r.Head)
	}
	if err = errors.Join(err, closed); err == nil && !dry {
		err = s.setAside(&r)
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	if err != nil || dry {
		return r, err
	}
	return r, afterwards(o, "repaired", &r)
}

// lenient reads the stream up to the first bad place, and says what stands behind it.
func (s *Store) lenient(r *Repaired) (bad bool, err error) {
	l := s.log
	l.lenient, l.readOnly = true, true
	w, fresh, err := s.readWitness()
	if c := codes.From(err); c != nil && c.Code == codes.LedgerDamaged { // it is made anew, if nothing was pruned
		bad, r.Place = true, err.Error()
		if w, err = s.fromSegments(); err != nil {
			return bad, err
		}
	}
	if err != nil || fresh {
		return false, err
	}
	s.wit = w
	tail, err := s.recover(w)
	c := codes.From(err)
	switch {
	case c != nil && (c.Code == codes.LedgerShort || c.Code == codes.LedgerDamaged):
		bad, r.Place = true, err.Error()
	case err != nil:
		return bad, err
	case tail.Damage:
		bad, r.Place = true, damaged(l.last(), tail.First, witnessed(tail)).Error()
	}
	r.Head, r.Lost = l.next.Seq, max(w.Seq, l.next.Seq, tail.By)
	for _, name := range l.beyond {
		bad = true
		r.Moved = append(r.Moved, filepath.Join(markersDir, name))
		if first, ok := marker.FirstOf(name); ok {
			r.Lost = max(r.Lost, first)
		}
	}
	if bad && len(l.segs) > 0 {
		r.Moved = append([]string{l.last()}, r.Moved...)
	}
	names, err := s.opts.FS.List(filepath.Join(s.opts.Dir, snapsDir))
	for _, n := range names {
		if seq, ok := snapSeq(n); ok && seq > r.Head {
			r.Moved = append(r.Moved, filepath.Join(snapsDir, n))
		}
	}
	if errors.Is(err, iofs.ErrNotExist) {
		err = nil
	}
	return bad, err
}

// fromSegments makes a witness that saw nothing, for the segments that are there.
func (s *Store) fromSegments() (w marker.Witness, err error) {
	names, err := s.log.segments()
	if err != nil || len(names) == 0 {
		return w, errors.Join(err, codes.New(codes.LedgerDamaged, "%s is bad, and there is no segment to make it from", witnessFile))
	}
	b, err := readAll(s.opts.FS, filepath.Join(s.log.dir, names[0]), marker.HeaderSize)
	if err != nil {
		return w, codes.New(codes.StoreUnusable, "%s cannot be read", names[0]).Wrap(err)
	}
	h, err := marker.ParseHeader(b)
	if err != nil {
		return w, damaged(filepath.Join(markersDir, names[0]), 0, err)
	}
	if h.First != 1 {
		return w, codes.New(codes.LedgerDamaged, "%s is bad, and the markers before %d were pruned: only a backup has its peaks", witnessFile, h.First)
	}
	w.Store = h.Store
	return w, nil
}

// setAside moves what is given up away, cuts the last segment, and writes the witness of what is left.
func (s *Store) setAside(r *Repaired) error {
	o := s.opts
	for n := 1; ; n++ {
		r.Into = fmt.Sprintf("given-up-%d", n)
		if _, err := o.FS.List(filepath.Join(o.Dir, r.Into)); errors.Is(err, iofs.ErrNotExist) {
			break
		}
	}
	for _, dir := range []string{markersDir, snapsDir} {
		if err := o.FS.MkdirAll(filepath.Join(o.Dir, r.Into, dir)); err != nil {
			return unwritable(r.Into, err)
		}
	}
	for i := len(r.Moved) - 1; i >= 0; i-- { // the last first: what is left is never with a hole
		name := r.Moved[i]
		from, to := filepath.Join(o.Dir, name), filepath.Join(o.Dir, r.Into, name)
		if err := copyFile(o.FS, from, to); err != nil {
			return err
		}
		var err error
		if len(s.log.segs) > 0 && name == s.log.last() {
			err = s.shorten(from, s.log.segs[len(s.log.segs)-1].used)
		} else {
			err = errors.Join(o.FS.Remove(from), o.FS.SyncDir(filepath.Dir(from)))
		}
		if err != nil {
			return unwritable(from, err)
		}
	}
	w := about(s.wit, s.mark(), nil)
	if w.Snap != nil && w.Snap.Seq > r.Head {
		w.Snap = nil
	}
	return s.publish(w)
}

func (s *Store) shorten(name string, size int64) error {
	f, err := s.opts.FS.OpenRW(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

// afterwards opens the store and leaves a marker of what was done to it: the first entry of what it goes on with.
func afterwards(o Options, kind string, body any) error {
	s, err := Open(o)
	if err != nil {
		return err
	}
	return errors.Join(s.say(kind, body), s.Close())
}

// Restored says what a restore took and what it went back behind.
type Restored struct {
	Head   uint64 `cbor:"1,keyasint"` // of the backup
	Behind uint64 `cbor:"2,keyasint"` // what the witness of the store in its place had seen; 0: there was none
	Aside  string `cbor:"3,keyasint"` // where that store is now, under the data directory; empty: there was none
	Why    string `cbor:"4,keyasint"`
}

// Restore puts a backup in the place of the store under o.Dir, which no daemon has open (rule D9). It refuses to go back
// behind what the store there had witnessed, or to take another ledger's place, unless why is given; that is the first
// entry of the restored ledger. What was there is set aside, not deleted. The error is codes.RestoreBehind, or what is
// wrong with the backup.
func Restore(o Options, from, why string) (r Restored, err error) {
	o = o.withDefaults()
	b := o
	b.Dir, b.StateDir = from, filepath.Join(from, stateDir)
	rep, err := Verify(b)
	if err != nil {
		return r, err
	}
	if len(rep.Faults) > 0 || rep.Head == 0 {
		return r, codes.New(codes.LedgerDamaged, "%s is no whole backup: %d faults", from, len(rep.Faults)).Wrap(errors.Join(asErrors(rep.Faults)...))
	}
	s := newStore(o)
	if err := s.take(); err != nil {
		return r, err
	}
	r.Head, r.Why = rep.Head, why
	if err = s.guard(&r, rep, why); err == nil {
		err = s.replace(&r, from)
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	if err != nil {
		return r, err
	}
	return r, afterwards(o, "restored", &r)
}

func asErrors(ds []*Damage) (out []error) {
	for _, d := range ds {
		out = append(out, d)
	}
	return out
}

// guard refuses to lose what was witnessed without a reason.
func (s *Store) guard(r *Restored, rep Report, why string) error {
	w, fresh, err := s.readWitness()
	if fresh && err == nil {
		return nil
	}
	r.Behind = w.Seq
	switch {
	case why != "":
		return nil
	case err != nil:
		return codes.New(codes.RestoreBehind, "what the store under %s had witnessed cannot be read", s.opts.Dir).Wrap(err)
	case w.Store != rep.Store:
		return codes.New(codes.RestoreBehind, "the store under %s is another ledger", s.opts.Dir)
	case w.Seq > rep.Head:
		return codes.New(codes.RestoreBehind, "the backup ends with marker %d, and the store under %s has witnessed %d: %d markers would be lost", rep.Head, s.opts.Dir, w.Seq, w.Seq-rep.Head)
	}
	return nil
}

// replace sets what is there aside and copies the backup. A file says so meanwhile, with which nothing opens.
func (s *Store) replace(r *Restored, from string) error {
	o := s.opts
	mark := filepath.Join(o.Dir, restoringFile)
	if err := errors.Join(o.FS.MkdirAll(o.Dir), fs.Publish(o.FS, mark, []byte(from+"\n"))); err != nil {
		return unwritable(mark, err)
	}
	if err := s.swap(r, from); err != nil {
		return err
	}
	if err := errors.Join(o.FS.Remove(mark), o.FS.SyncDir(o.Dir)); err != nil {
		return unwritable(mark, err)
	}
	return nil
}

func (s *Store) swap(r *Restored, from string) error {
	o := s.opts
	names, err := o.FS.List(o.Dir)
	if err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return codes.New(codes.StoreUnusable, "%s cannot be listed", o.Dir).Wrap(err)
	}
	there := map[string]bool{}
	for _, n := range names {
		there[n] = true
	}
	if there[witnessFile] || there[markersDir] {
		for n := 1; r.Aside == "" || there[r.Aside]; n++ {
			r.Aside = fmt.Sprintf("replaced-%d", n)
		}
		if err := o.FS.MkdirAll(filepath.Join(o.Dir, r.Aside)); err != nil {
			return unwritable(r.Aside, err)
		}
		for _, n := range []string{witnessFile, markersDir, snapsDir, keysDir} {
			if !there[n] {
				continue
			}
			if err := o.FS.Rename(filepath.Join(o.Dir, n), filepath.Join(o.Dir, r.Aside, n)); err != nil {
				return unwritable(n, err)
			}
			if err := errors.Join(o.FS.SyncDir(o.Dir), o.FS.SyncDir(filepath.Join(o.Dir, r.Aside))); err != nil {
				return unwritable(o.Dir, err)
			}
		}
	}
	if err := os.RemoveAll(o.StateDir); err != nil { // derived
		return unwritable(o.StateDir, err)
	}
	for _, dir := range []string{markersDir, snapsDir, keysDir} {
		if err := o.FS.MkdirAll(filepath.Join(o.Dir, dir)); err != nil {
			return unwritable(dir, err)
		}
		files, err := o.FS.List(filepath.Join(from, dir))
		if err != nil {
			return codes.New(codes.StoreUnusable, "%s cannot be listed", filepath.Join(from, dir)).Wrap(err)
		}
		for i, n := range files {
			if fs.IsTemp(n) || n == spareFile {
				continue
			}
			if err := copyFile(o.FS, filepath.Join(from, dir, n), filepath.Join(o.Dir, dir, n)); err != nil {
				return err
			}
			o.Progress("restore "+dir, uint64(i+1), uint64(len(files)))
		}
	}
	return copyFile(o.FS, filepath.Join(from, witnessFile), filepath.Join(o.Dir, witnessFile))
}

// Rebuild makes the state of a store that no daemon has open anew from its stream, whatever its folder holds.
func Rebuild(o Options) (How, error) {
	o = o.withDefaults()
	o.anew = true
	s, err := Open(o)
	if err != nil {
		return How{}, err
	}
	return s.How(), s.Close()
}

// hashes are ids as nodes of a range.
func hashes(ids []marker.ID) []mmr.Hash {
	out := make([]mmr.Hash, len(ids))
	for i, id := range ids {
		out[i] = mmr.Hash(id)
	}
	return out
}

// ids are nodes of a range as a witness has them.
func ids(hs []mmr.Hash) []marker.ID {
	out := make([]marker.ID, len(hs))
	for i, h := range hs {
		out[i] = marker.ID(h)
	}
	return out
}

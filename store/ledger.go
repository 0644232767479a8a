package store

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/fs"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// The names in a data directory.
const (
	markersDir  = "markers"
	snapsDir    = "snapshots"
	stateDir    = "state"
	keysDir     = "keys"
	witnessFile = "witness"
	spareFile   = "spare"

	restoringFile = "restoring"
)

// ledger is the marker stream on disk. append and sync are called by the committer alone; reads by anybody.
type ledger struct {
	fs       fs.FS
	dir      string // of the segments
	id       marker.Tag
	seed     marker.Seed
	most     int64    // bytes of a segment
	readOnly bool     // immutable: nothing is removed or cut
	lenient  bool     // immutable: a scan ends before the first bad place, and that is no error
	beyond   []string // segments behind that place
	base     uint64   // guarded by mu after Open: the marker before the oldest that is kept; immutable after Open

	mu   sync.RWMutex
	segs []*segment          // guarded by mu: by first sequence; the last is written
	head marker.Place        // guarded by mu: the last durable marker
	high map[uint64]mmr.Hash // guarded by mu: nodes of the range from highNodes up, by index, and the peaks of its base

	climbing  sync.Mutex // held by climb
	unclimbed uint64     // guarded by climbing after Open: high lacks nodes of markers up to this one; 0: of none

	// Owned by the committer.
	off  int64        // of the next frame in the last segment
	room int64        // bytes of that segment's file
	next marker.Place // the last marker that was appended
	acc  mmr.Accumulator
	buf  []byte
	offs []uint32 // of the frames appended since the last sync

	bytes atomic.Int64 // atomic: the committer adds; frames written, all segments
}

// segment is one file of the stream, open for as long as the store is.
type segment struct {
	name  string
	first uint64
	file  fs.File
	offs  []uint32 // guarded by ledger.mu: of each durable frame
	used  int64    // guarded by ledger.mu: bytes up to the end of the last durable frame
	end   marker.Place
}

// cut removes what stands behind the last whole frame of the last segment, so that it can be written again.
func (l *ledger) cut() error {
	if len(l.segs) == 0 {
		return nil
	}
	last := l.segs[len(l.segs)-1]
	err := errors.Join(last.file.Truncate(last.used), last.file.Sync())
	if err == nil {
		l.room = max(l.most, last.used)
		err = errors.Join(last.file.Allocate(l.room), last.file.Sync())
	}
	if err != nil {
		return unwritable(filepath.Join(l.dir, last.name), err)
	}
	return nil
}

func unwritable(name string, err error) error {
	return codes.New(codes.StoreUnusable, "%s cannot be written: %s", name, reasonOf(err)).Wrap(err)
}

// entry is what is appended: a marker's own part and its payload.
type entry struct {
	marker.Marker // Kind, Epoch, Time, Trace, Region, Actor, Digest, Length; the rest is given by append
	payload       []byte
}

// append writes entries behind the last one, in one segment and with one write. They are durable after sync.
func (l *ledger) append(es []entry) error {
	l.buf, l.offs = l.buf[:0], l.offs[:0]
	var room [64]mmr.Hash
	synced := l.next.Seq
	total := 0
	for i := range es {
		total += marker.FrameSize(len(es[i].payload))
	}
	if err := l.reserve(int64(total)); err != nil {
		return err
	}
	for i := range es {
		m := &es[i].Marker
		m.Seq, m.Prev, m.Time = l.next.Seq+1, l.next.ID, max(m.Time, l.next.Time)
		l.offs = append(l.offs, uint32(l.off)+uint32(len(l.buf)))
		at := len(l.buf)
		l.buf = marker.AppendFrame(l.buf, l.seed, m, synced, es[i].payload)
		l.next = marker.Place{Seq: m.Seq, ID: marker.FrameID(l.buf[at:]), Time: m.Time}
		l.keep(l.acc.Size(), l.acc.Add(room[:0], mmr.Hash(l.next.ID)))
	}
	_, err := l.segs[len(l.segs)-1].file.WriteAt(l.buf, l.off)
	return err
}

// reserve makes sure that the last segment has room for need bytes of frames. An error that is no lack of room is one
// to stop after; after a lack of room it may be tried again.
func (l *ledger) reserve(need int64) error {
	if len(l.segs) > 0 && l.off+need <= l.room {
		return nil
	}
	return l.roll(need)
}

func noRoom(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// size is how many bytes the segments hold.
func (l *ledger) size() int64 { return l.bytes.Load() }

// sync makes what was appended durable, and then readable.
func (l *ledger) sync() error {
	last := l.segs[len(l.segs)-1]
	if err := last.file.Sync(); err != nil {
		return err
	}
	l.off += int64(len(l.buf))
	l.bytes.Add(int64(len(l.buf)))
	l.mu.Lock()
	defer l.mu.Unlock()
	last.offs = append(last.offs, l.offs...)
	last.used, last.end, l.head = l.off, l.next, l.next
	return nil
}

// roll begins the next segment, with room for need bytes of frames at least. Everything appended before is durable.
func (l *ledger) roll(need int64) error {
	h := marker.Header{Store: l.id, First: l.next.Seq + 1, Prev: l.next.ID, Time: l.next.Time}
	name := marker.Name(h.First)
	spare, full := filepath.Join(l.dir, spareFile), filepath.Join(l.dir, name)
	size := max(l.most, need+marker.HeaderSize)
	f, err := l.prepare(size)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(h.Append(nil), 0); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.fs.Rename(spare, full)
	}
	if err == nil {
		err = l.fs.SyncDir(l.dir)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if len(l.segs) > 0 {
		old := l.segs[len(l.segs)-1]
		if err := old.file.Truncate(old.used); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segs = append(l.segs, &segment{name: name, first: h.First, file: f, used: marker.HeaderSize, end: l.next})
	l.off, l.room = marker.HeaderSize, size
	return nil
}

// prepare makes the file of the next segment, with its room.
func (l *ledger) prepare(size int64) (fs.File, error) {
	f, err := l.fs.Create(filepath.Join(l.dir, spareFile))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Allocate(size), f.Sync()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// last names the file that is written.
func (l *ledger) last() string {
	if len(l.segs) == 0 {
		return markersDir
	}
	return filepath.Join(markersDir, l.segs[len(l.segs)-1].name)
}

// at finds the segment and offset of a durable marker. O(log segments).
func (l *ledger) at(seq uint64) (*segment, int64, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i, ok := slices.BinarySearchFunc(l.segs, seq, func(s *segment, seq uint64) int {
		if s.first == seq {
			return 0
		}
		return map[bool]int{true: -1, false: 1}[s.first < seq]
	})
	if !ok {
		i--
	}
	if i < 0 || seq > l.head.Seq {
		return nil, 0, false
	}
	s := l.segs[i]
	return s, int64(s.offs[seq-s.first]), true
}

// get reads one frame and checks it. The error is codes.NoMarker or codes.LedgerDamaged.
func (l *ledger) get(seq uint64) (fr marker.Frame, err error) {
	s, off, ok := l.at(seq)
	if !ok {
		return fr, l.missing(seq)
	}
	b := make([]byte, 512)
	n, err := s.file.ReadAt(b, off)
	if n < marker.Overhead {
		return fr, damaged(filepath.Join(markersDir, s.name), int(off), err)
	}
	if want := marker.FrameBytes(b); want > n {
		b = make([]byte, min(want, marker.FrameSize(marker.MaxPayload)))
		if n, err = s.file.ReadAt(b, off); n < len(b) {
			return fr, damaged(filepath.Join(markersDir, s.name), int(off), err)
		}
	}
	fr, err = marker.ParseFrame(b[:n], l.seed)
	if err == nil && (fr.Seq != seq || !fr.Whole()) {
		err = fmt.Errorf("it is not the frame %d that was there at the start", seq)
	}
	if err != nil {
		return fr, damaged(filepath.Join(markersDir, s.name), int(off), err)
	}
	return fr, nil
}

func (l *ledger) missing(seq uint64) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.segs) == 0 {
		return codes.New(codes.NoMarker, "there is no marker %d: the ledger is empty", seq)
	}
	return codes.New(codes.NoMarker, "there is no marker %d: the ledger holds %d to %d", seq, l.segs[0].first, l.head.Seq)
}

// each hands the frames from first to last to f, in order; a segment at a time is in memory.
func (l *ledger) each(first, last uint64, f func(file string, off int, fr *marker.Frame, id marker.ID) error) error {
	l.mu.RLock()
	segs, end := slices.Clone(l.segs), l.head.Seq
	used := make([]int64, len(segs))
	for i, s := range segs {
		used[i] = s.used
	}
	l.mu.RUnlock()
	last = min(last, end)
	for i, s := range segs {
		if s.first > last || i+1 < len(segs) && segs[i+1].first <= first {
			continue
		}
		b := make([]byte, used[i])
		name := filepath.Join(markersDir, s.name)
		if _, err := s.file.ReadAt(b, 0); err != nil {
			return codes.New(codes.StoreUnusable, "%s cannot be read", name).Wrap(err)
		}
		h, err := marker.ParseHeader(b)
		if err != nil {
			return damaged(name, 0, err)
		}
		_, tail, err := marker.Walk(b, h, func(off int, fr *marker.Frame, id marker.ID) error {
			if fr.Seq < first || fr.Seq > last {
				return nil
			}
			return f(name, off, fr, id)
		})
		if err == nil && !tail.Zero {
			err = damaged(name, tail.First, witnessed(tail))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// close closes the files. clean also cuts the last one to what it holds, durably.
func (l *ledger) close(clean bool) (err error) {
	for i, s := range l.segs {
		if clean && i == len(l.segs)-1 {
			err = errors.Join(err, s.file.Truncate(s.used), s.file.Sync())
		}
		if s.file != nil {
			err = errors.Join(err, s.file.Close())
		}
	}
	if clean {
		if e := l.fs.Remove(filepath.Join(l.dir, spareFile)); e != nil && !errors.Is(e, iofs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

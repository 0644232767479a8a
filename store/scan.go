package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/fs"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// scanned is one segment as read.
type scanned struct {
	seg  *segment
	head marker.Header
	from uint64 // the marker of the first id
	ids  []mmr.Hash
	tail marker.Tail
	err  error
}

// scan reads all segments after base, checks every byte, and leaves the ledger at its last whole frame. acc is the
// range up to where it is known; mark is called at that marker and at every later one, in order, with the range up to
// it. The last segment may have a torn tail, which is reported, not cut.
func (l *ledger) scan(base marker.Place, acc mmr.Accumulator, mark func(seq uint64, id marker.ID, acc *mmr.Accumulator) error) (tail marker.Tail, err error) {
	names, err := l.segments()
	if err == nil && !l.readOnly {
		names, err = l.leftBehind(names, base.Seq)
	}
	if err != nil {
		return tail, err
	}
	l.next, l.acc, l.unclimbed = base, acc, acc.Leaves()
	results := make([]chan scanned, len(names)) // capacity 1 each; never closed
	for i := range results {
		results[i] = make(chan scanned, 1)
	}
	var readers sync.WaitGroup
	var turn atomic.Int64
	ahead := make(chan struct{}, runtime.GOMAXPROCS(0)+1) // capacity: segments held in memory; never closed
	stop := make(chan struct{})                           // closed here at the end
	joined := 0
	defer func() {
		close(stop)
		readers.Wait()
		for _, r := range results[joined:] { // read ahead of an error
			select {
			case s := <-r:
				if s.seg.file != nil {
					err = errors.Join(err, s.seg.file.Close())
				}
			default:
			}
		}
	}()
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() { // owner: scan joins it; ends: no segment is left, or stop
			var room []byte
			for {
				select {
				case ahead <- struct{}{}:
				case <-stop:
					return
				}
				i := int(turn.Add(1)) - 1
				if i >= len(names) {
					return
				}
				var s scanned
				s, room = l.read(names[i], room)
				results[i] <- s
			}
		})
	}
	for i, name := range names {
		s := <-results[i]
		<-ahead
		joined++
		l.segs = append(l.segs, s.seg) // also where it is refused: close closes its file
		err := s.err
		if err == nil {
			err = l.join(s, mark)
		}
		if err != nil {
			if c := codes.From(err); l.lenient && c != nil && c.Code == codes.LedgerDamaged {
				l.segs, l.beyond = l.segs[:i], names[i:]
				return marker.Tail{Zero: true}, closeIf(s.seg.file)
			}
			return tail, err
		}
		if tail = s.tail; !tail.Zero && (tail.Damage || i < len(names)-1) {
			if l.lenient {
				tail.Damage, l.beyond = true, names[i+1:]
				break
			}
			return tail, damaged(filepath.Join(markersDir, name), tail.First, witnessed(tail))
		}
	}
	for _, s := range l.segs {
		l.off = s.used
		l.bytes.Add(s.used)
	}
	l.head = l.next
	return tail, nil
}

func closeIf(f fs.File) error {
	if f == nil {
		return nil
	}
	return f.Close()
}

// witnessed says what is bad and who testifies that it had been durable.
func witnessed(t marker.Tail) error {
	if t.By != 0 {
		return fmt.Errorf("%w; frame %d testifies that it had been durable", t.Bad, t.By)
	}
	return t.Bad
}

// segments are the names of the segment files, in order. Files that are neither segments nor ours are damage.
func (l *ledger) segments() (names []string, err error) {
	all, err := l.fs.List(l.dir)
	if err != nil {
		return nil, codes.New(codes.StoreUnusable, "%s cannot be listed", l.dir).Wrap(err)
	}
	for _, name := range all {
		if _, ok := marker.FirstOf(name); ok {
			names = append(names, name)
			continue
		}
		if name != spareFile && !fs.IsTemp(name) {
			return nil, codes.New(codes.LedgerDamaged, "%s is no segment's name", filepath.Join(markersDir, name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// read reads one segment into room and walks it.
func (l *ledger) read(name string, room []byte) (s scanned, _ []byte) {
	first, _ := marker.FirstOf(name)
	s.seg = &segment{name: name, first: first}
	full := filepath.Join(l.dir, name)
	fail := func(err error) (scanned, []byte) {
		s.err = codes.New(codes.StoreUnusable, "%s cannot be read", full).Wrap(err)
		return s, room
	}
	file, err := l.fs.OpenRW(full)
	if err != nil {
		return fail(err)
	}
	s.seg.file = file
	size, err := file.Size()
	if err != nil {
		return fail(err)
	}
	if size > marker.MaxSegment {
		s.err = damaged(filepath.Join(markersDir, name), marker.MaxSegment, fmt.Errorf("a segment has at most %d bytes, this one %d", marker.MaxSegment, size))
		return s, room
	}
	if int64(cap(room)) < size {
		room = make([]byte, size)
	}
	b := room[:size]
	if _, err := file.ReadAt(b, 0); err != nil {
		return fail(err)
	}
	if s.head, err = marker.ParseHeader(b); err != nil {
		s.err = damaged(filepath.Join(markersDir, name), 0, err)
		return s, room
	}
	s.seg.offs, s.from = make([]uint32, 0, int(size)/256), max(first, l.unclimbed)
	s.seg.end, s.tail, _ = marker.Walk(b, s.head, func(off int, fr *marker.Frame, id marker.ID) error {
		if fr.Seq >= s.from {
			s.ids = append(s.ids, mmr.Hash(id))
		}
		s.seg.offs = append(s.seg.offs, uint32(off))
		return nil
	})
	s.seg.used = int64(s.tail.At)
	return s, room
}

// join takes a segment behind those before it.
func (l *ledger) join(s scanned, mark func(uint64, marker.ID, *mmr.Accumulator) error) error {
	file := filepath.Join(markersDir, s.seg.name)
	switch h := s.head; {
	case h.First != s.seg.first:
		return damaged(file, 0, fmt.Errorf("its header says it begins with %d", h.First))
	case h.First != l.next.Seq+1:
		return codes.New(codes.LedgerDamaged, "markers %d to %d are missing: no segment before %s has them", l.next.Seq+1, h.First-1, file)
	case h.Store != l.id:
		return damaged(file, 8, errors.New("it is of another ledger"))
	case h.Prev != l.next.ID || h.Time != l.next.Time:
		return damaged(file, 32, errors.New("it is not chained to the segment before it"))
	}
	var room [64]mmr.Hash
	for i, id := range s.ids {
		seq := s.from + uint64(i)
		if seq > l.unclimbed {
			l.keep(l.acc.Size(), l.acc.Add(room[:0], id))
		}
		if err := mark(seq, marker.ID(id), &l.acc); err != nil {
			return err
		}
	}
	l.next = s.seg.end
	return nil
}

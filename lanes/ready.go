package lanes

import (
	"sync/atomic"
	"unsafe"
)

// queue is the Ready lane: segments of an array that any goroutine fills and the holder of the mailbox's lock empties.
//
// A put takes a place by one fetch-and-add on the newest segment, and publishes what it wrote there by one store. A
// segment that is full is followed by a new one; one that has been emptied while it is the newest is opened anew, so
// that an actor with little to do never needs a second. Both are decided on the word that gives the places out:
//
//	index  in the low 24 bits: places given out; at or over the size: full, and those over it got none
//	round  above: how often it was opened anew. To open it is one compare-and-swap, to index 0 of the next round
//	shut   the bit of who extends the chain: it is full, and is not opened any more
//	out    that, and the bit of a segment which is not in use: no place is valid
//
// A segment is reused by its own mailbox only, and is out until it is the newest: a put that still holds it from before
// either fails or gets a place in the newest segment, which is where it belongs.
//
// A queue that is let go of is shut for good: no place of it is given out or promised any more. It is made with its first
// segment, and the positions go on from those of the one before.
//
// The fields are in the order of who touches them: those that every put reads, those that hardly anybody does, and those
// that every delivery writes, so that the first and the last lie in lines of their own.
type queue[T, S any] struct {
	tail  link[segment[T, S], S] // the newest
	limit word[S]                // a bounded message takes no place from here on: cap, less what is promised, more than was given back
	tight word[S]                // 1: a place was void; puts look before they take one

	cap   uint64                         // immutable
	step  uint64                         // immutable: how many places are given back before limit is told
	void  word[S]                        // places that a put took and could not use
	over  word[S]                        // 1: it was let go of
	spare [spares]link[segment[T, S], S] // out of the chain; nil: none

	seen  uint64         // guarded by the mailbox's lock: what limit knows of the places given back
	freed uint64         // guarded by the mailbox's lock: places given back: taken, dropped, removed
	head  *segment[T, S] // guarded by the mailbox's lock
	at    []place[T]     // guarded by the mailbox's lock: those of head, whose line is left to those who put
	deq   uint64         // guarded by the mailbox's lock: places of head that are done with
}

// segment is a part of the queue.
type segment[T, S any] struct {
	enq  word[S] // index, round, shut and out
	base word[S] // position of its first place in the first round; changes only while it is out
	succ link[segment[T, S], S]
	at   []place[T] // immutable slice
}

const (
	index = 1<<24 - 1    // of enq
	shut  = 1 << 63      // of enq
	out   = shut | 1<<62 // of enq
	full  = shut | index // of enq: what is at or over the size where no place is left
	round = 24           // of enq: the bit where it begins
)

var lastRound uint64 = 1<<38 - 1 // then it is followed by another; a test makes it smaller, while nothing else runs

// place is a message's. Its mark is zero until it is published, by an atomic store; whoever takes the message makes it
// zero again, before the segment is opened anew.
type place[T any] struct {
	mark uint64
	v    T
}

// publish lets the message in p be taken.
func (q *queue[T, S]) publish(p *place[T], mark uint64) {
	if unsafe.Sizeof(*new(S)) != 0 {
		stepping()
	}
	atomic.StoreUint64(&p.mark, mark)
}

// look reads a mark that may be published at any time.
func (q *queue[T, S]) look(p *place[T]) uint64 {
	if unsafe.Sizeof(*new(S)) != 0 {
		return stepMark(&p.mark)
	}
	return atomic.LoadUint64(&p.mark)
}

//go:noinline
func stepMark(mark *uint64) uint64 {
	return hooked(func() uint64 { return atomic.LoadUint64(mark) }, same)
}

// The bits of a mark beside the stamp.
const (
	published = 1 << iota
	promised  // its place was reserved: it is never dropped for room
	removed   // nothing is here any more
	sampled   // its times are
	flags     = 15
)

const (
	smallest = 4 // places of the first segment
	spares   = 3 // with the one in use, they hold the default bound
)

var largest uint64 = 256 // places; a test makes it smaller, while nothing else runs

func newSegment[T, S any](size int) *segment[T, S] {
	return &segment[T, S]{at: make([]place[T], size)}
}

func (s *segment[T, S]) size() uint64 { return uint64(len(s.at)) }

// full says whether it gives no place out.
func (s *segment[T, S]) full() bool { return s.enq.load()&full >= s.size() }

// newQueue makes an empty one with its first segment, whose positions begin at base.
func newQueue[T, S any](most, base uint64) *queue[T, S] {
	f := &struct {
		q  queue[T, S]
		s  segment[T, S]
		at [smallest]place[T]
	}{}
	q, s := &f.q, &f.s
	s.at = f.at[:]
	s.base.v.Store(base)
	q.cap, q.step = most, max(most/64, 1)
	q.head, q.at, q.seen, q.freed = s, s.at, base, base
	q.tail.p.Store(s)
	q.limit.v.Store(base + most)
	return q
}

// letGo takes an empty queue out of use for good, and says how many of its places were used, so far; false: something is
// in it, or promised, or about to come. The caller holds the mailbox's lock, so that no segment is opened anew: a word
// that is as it was seen says that no place was given out since, and that nobody extends the chain.
func (q *queue[T, S]) letGo() (used uint64, ok bool) {
	if q.peek() != nil {
		return 0, false
	}
	s := q.head
	w := s.enq.load()
	if w&full != q.deq {
		return 0, false
	}
	q.refresh()
	most, gone := q.seen+q.cap, q.seen-1<<62 // no position is below
	if !q.limit.cas(most, gone) {
		return 0, false
	}
	if !s.enq.cas(w, out) {
		q.limit.add(most - gone) // for a moment it was as if the lane were full
		return 0, false
	}
	q.over.store(1)
	return s.base.load() + w>>round*s.size() + q.deq - q.void.load(), true
}

// position is how many places were given out so far. It is exact for the holder of the mailbox's lock; for others it
// may be wrong while a segment is used again.
func (q *queue[T, S]) position() uint64 {
	s := q.tail.load()
	n := s.enq.load()
	if n&out == out {
		n = 0
	}
	n &^= shut
	return s.base.load() + n>>round*s.size() + min(n&index, s.size())
}

// put takes a place and publishes v in it, with more flags in its mark. A bounded message may find its place over the limit, which is then void; it
// is refused for certain only where the caller holds the mailbox's lock, and has called refresh. false also says that the
// queue was let go of.
func (q *queue[T, S]) put(v T, more uint64, bounded bool, c *Clocks) bool {
	for {
		s := q.tail.load()
		if bounded && q.tight.load() != 0 && !q.fits() {
			return false
		}
		w := s.enq.add(1) - 1
		i := w & full
		if i >= s.size() {
			if !q.extend(s) {
				return false
			}
			continue
		}
		p, n := &s.at[i], s.base.load()+w>>round*s.size()+i
		if bounded && !before(n, q.limit.load()) {
			q.tight.store(1)
			q.void.add(1)
			q.publish(p, published|removed)
			return false
		}
		p.v = v
		mark := c.quick(n)
		if mark == 0 {
			mark = c.mark(n)
		}
		q.publish(p, uint64(mark)|more|published)
		return true
	}
}

// fits says whether another message is within the bound, as far as limit knows.
func (q *queue[T, S]) fits() bool { return before(q.position(), q.limit.load()) }

// before compares positions: a limit may be below zero for a moment, while a promise is tried.
func before(a, b uint64) bool { return int64(a-b) < 0 }

// refresh brings limit up to date. The caller holds the mailbox's lock.
func (q *queue[T, S]) refresh() {
	f := q.freed + q.void.load()
	q.limit.add(f - q.seen)
	q.seen = f
	if q.fits() {
		q.tight.store(0)
	}
}

// free is how many places are neither taken nor promised; below zero where the bound was passed by last words. The
// caller holds the mailbox's lock.
func (q *queue[T, S]) free() int {
	q.refresh()
	return int(q.limit.load() - q.position())
}

// depth is how many messages wait, those that are just being published included. The caller holds the mailbox's lock.
func (q *queue[T, S]) depth() int {
	void := q.void.load() // before the position: it never passes that
	return int(q.position() - q.freed - void)
}

// reserve promises a place, as far as limit knows that one is free; under the mailbox's lock, after refresh, for certain.
func (q *queue[T, S]) reserve() bool {
	if l := q.limit.add(^uint64(0)); before(l, q.position()) {
		q.release()
		return false
	}
	return true
}

func (q *queue[T, S]) release() { q.limit.add(1) }

// extend follows a full segment by a new one, or waits until somebody else has, or it was opened anew; false: the queue
// was let go of.
func (q *queue[T, S]) extend(s *segment[T, S]) bool {
	for w := s.enq.load(); w&full >= s.size(); w = s.enq.load() {
		if w&shut == 0 && s.enq.cas(w, w|shut) {
			q.follow(s, w>>round)
			return true
		}
		if w&shut != 0 {
			if q.tail.load() != s {
				return true
			}
			if q.over.load() != 0 {
				return false
			}
			yield[S]()
		}
	}
	return true
}

// follow puts a segment behind s, which the caller has shut, in that round.
func (q *queue[T, S]) follow(s *segment[T, S], rounds uint64) {
	n := q.reuse()
	if n == nil {
		n = newSegment[T, S](int(min(4*s.size(), largest)))
		n.enq.store(out)
	}
	n.base.store(s.base.load() + (rounds+1)*s.size())
	q.tail.store(n) // before: a segment that is retired is never the tail, so that position is exact under the lock
	s.succ.store(n)
	n.enq.store(0)
}

// next is where the next message lies or will lie, if that is known without looking further; nil says nothing.
func (q *queue[T, S]) next() *place[T] {
	if q != nil && q.deq < uint64(len(q.at)) {
		return &q.at[q.deq]
	}
	return nil
}

// ripe says whether a message was published in p, and is there still.
func (q *queue[T, S]) ripe(p *place[T]) bool { return q.look(p)&(published|removed) == published }

// peek gives the oldest message that was published; nil: there is none, as where there is no queue. The caller holds the
// mailbox's lock, here and below.
func (q *queue[T, S]) peek() *place[T] {
	if q == nil {
		return nil
	}
	for {
		if q.deq == uint64(len(q.at)) && !q.advance() {
			return nil
		}
		p := &q.at[q.deq]
		switch m := q.look(p); {
		case m == 0:
			return nil
		case m&removed == 0:
			return p
		}
		p.mark = 0
		q.deq++
	}
}

// advance goes to the segment that follows an empty one, or opens that anew; false: neither can be done now.
func (q *queue[T, S]) advance() bool {
	s := q.head
	if n := s.succ.load(); n != nil {
		q.head, q.at, q.deq = n, n.at, 0
		q.retire(s)
		return true
	}
	for w := s.enq.load(); w&shut == 0 && w>>round < lastRound; w = s.enq.load() {
		if s.enq.cas(w, (w>>round+1)<<round) {
			q.deq = 0
			return true
		}
	}
	return false
}

// retire keeps an empty segment for reuse.
func (q *queue[T, S]) retire(s *segment[T, S]) {
	s.enq.store(out)
	s.succ.store(nil) // also where it is let go of: what is before it in the chain must not hold what follows
	if s.size() < largest {
		return
	}
	for i := range q.spare {
		if q.spare[i].load() == nil {
			q.spare[i].store(s)
			return
		}
	}
}

// reuse takes a segment that was kept; nil: there is none. The caller may change the end of the chain.
func (q *queue[T, S]) reuse() *segment[T, S] {
	for i := range q.spare {
		if n := q.spare[i].load(); n != nil {
			q.spare[i].store(nil)
			return n
		}
	}
	return nil
}

// pop takes what peek gave, and gives its place back.
func (q *queue[T, S]) pop(p *place[T]) (T, Mark) {
	v, m := p.v, Mark(p.mark)
	var none T
	p.v = none
	p.mark = 0
	if q.freed++; q.freed-q.seen >= q.step {
		q.refresh() // so that those who put need not come for it
	}
	if q.deq++; q.deq == uint64(len(q.at)) {
		q.advance()
	}
	return v, m
}

// each visits what was published and not taken, oldest first, until f says no.
func (q *queue[T, S]) each(f func(*place[T], uint64) bool) {
	if q.peek() == nil {
		return
	}
	s, i := q.head, q.deq
	for {
		if i == s.size() {
			if s = s.succ.load(); s == nil {
				return
			}
			i = 0
		}
		p := &s.at[i]
		m := q.look(p)
		if m == 0 || m&removed == 0 && !f(p, m) {
			return
		}
		i++
	}
}

// remove takes a message out of the middle.
func (q *queue[T, S]) remove(p *place[T], mark uint64) T {
	v := p.v
	var none T
	p.v = none
	atomic.StoreUint64(&p.mark, mark|removed)
	q.freed++
	return v
}

func (q *queue[T, S]) drain() (out []T) {
	for p := q.peek(); p != nil; p = q.peek() {
		v, _ := q.pop(p)
		out = append(out, v)
	}
	return out
}

package lanes

import "sync/atomic"

// queue is the Ready lane: segments of an array that any goroutine fills and the holder of the mailbox's lock empties.
//
// A put takes a place by one fetch-and-add on the newest segment, and publishes what it wrote there by one store. A
// segment that is full is followed by a new one; one that has been emptied while it is the newest is opened anew, so
// that an actor with little to do never needs a second. link succ says who may change the end of the chain:
//
//	nil   the segment is the newest; whoever swaps it for busy may extend the chain, or open the segment anew
//	busy  somebody does, or the segment is out of the chain and kept for reuse
//	else  the segment that follows
//
// A segment is reused by its own mailbox only, and is shut (no place is valid) until it is the newest: a put that still
// holds it from before either fails or gets a place in the newest segment, which is where it belongs.
//
// A queue that is let go of is shut for good: no place of it is given out or promised any more. It is made with its first
// segment, and the positions go on from those of the one before.
//
// The fields are in the order of who touches them: those that every put reads, those that hardly anybody does, and those
// that every delivery writes, so that the first and the last lie in lines of their own.
type queue[T any] struct {
	tail  link[segment[T]] // the newest
	limit word             // a bounded message takes no place from here on: cap, less what is promised, more than was given back
	tight word             // 1: a place was void; puts look before they take one

	cap   uint64                   // immutable
	step  uint64                   // immutable: how many places are given back before limit is told
	void  word                     // places that a put took and could not use
	over  word                     // 1: it was let go of
	spare [spares]link[segment[T]] // out of the chain, shut; nil: none

	seen  uint64      // guarded by the mailbox's lock: what limit knows of the places given back
	freed uint64      // guarded by the mailbox's lock: places given back: taken, dropped, removed
	head  *segment[T] // guarded by the mailbox's lock
	at    []place[T]  // guarded by the mailbox's lock: those of head, whose line is left to those who put
	deq   uint64      // guarded by the mailbox's lock: places of head that are done with
}

// segment is a part of the queue.
type segment[T any] struct {
	enq  word // places given out; at or over its size: full; shut is set: none is valid
	base word // position of its first place; changes only while no place is valid
	succ link[segment[T]]
	busy *segment[T] // immutable: the mark for succ
	at   []place[T]  // immutable slice
}

// place is a message's. Its mark is zero until it is published, by an atomic store; whoever takes the message makes it
// zero again, before the segment is opened anew.
type place[T any] struct {
	mark uint64
	v    T
}

// at is the address of a mark for an atomic access: a step, if a test looks.
func at(mark *uint64) *uint64 {
	if hook != nil {
		hook.step()
	}
	return mark
}

// look reads a mark that may be published at any time.
func look(mark *uint64) uint64 {
	if hook != nil {
		return hookedLook(mark)
	}
	return atomic.LoadUint64(mark)
}

//go:noinline
func hookedLook(mark *uint64) uint64 {
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

const shut = 1 << 63 // of enq

const (
	smallest = 4 // places of the first segment
	spares   = 3 // with the one in use, they hold the default bound
)

var largest uint64 = 256 // places; a test makes it smaller, while nothing else runs

func newSegment[T any](size int) *segment[T] {
	s := &segment[T]{at: make([]place[T], size)}
	s.busy = s
	return s
}

func (s *segment[T]) size() uint64 { return uint64(len(s.at)) }

// newQueue makes an empty one with its first segment, whose positions begin at base.
func newQueue[T any](most, base uint64) *queue[T] {
	f := &struct {
		q  queue[T]
		s  segment[T]
		at [smallest]place[T]
	}{}
	q, s := &f.q, &f.s
	s.at, s.busy = f.at[:], s
	s.base.v.Store(base)
	q.cap, q.step = most, max(most/64, 1)
	q.head, q.at, q.seen, q.freed = s, s.at, base, base
	q.tail.p.Store(s)
	q.limit.v.Store(base + most)
	return q
}

// letGo shuts an empty queue for good, and says how many of its places were used, so far; false: something is in it, or
// promised, or about to come. The caller holds the mailbox's lock.
func (q *queue[T]) letGo() (used uint64, ok bool) {
	if q.peek() != nil {
		return 0, false
	}
	s := q.head
	if q.tail.load() != s || !s.succ.cas(nil, s.busy) {
		return 0, false
	}
	q.refresh()
	most, gone := q.seen+q.cap, q.seen-1<<62 // no position is below
	if q.limit.cas(most, gone) {
		if s.enq.cas(q.deq, shut) {
			q.over.store(1)
			return s.base.load() + q.deq - q.void.load(), true
		}
		q.limit.add(most - gone) // for a moment it was as if the lane were full
	}
	s.succ.store(nil)
	return 0, false
}

// position is how many places were given out so far. It is exact for the holder of the mailbox's lock; for others it
// may be too large while a segment is opened anew.
func (q *queue[T]) position() uint64 {
	s := q.tail.load()
	n := s.enq.load()
	if n&shut != 0 {
		n = 0
	}
	return s.base.load() + min(n, s.size())
}

// put takes a place and publishes v in it, with more flags in its mark. A bounded message may find its place over the limit, which is then void; it
// is refused for certain only where the caller holds the mailbox's lock, and has called refresh. false also says that the
// queue was let go of.
func (q *queue[T]) put(v T, more uint64, bounded bool, c *Clocks) bool {
	for {
		s := q.tail.load()
		if bounded && q.tight.load() != 0 && !q.fits() {
			return false
		}
		i := s.enq.add(1) - 1
		if i >= s.size() {
			if !q.extend(s) {
				return false
			}
			continue
		}
		p, n := &s.at[i], s.base.load()+i
		if bounded && !before(n, q.limit.load()) {
			q.tight.store(1)
			q.void.add(1)
			atomic.StoreUint64(at(&p.mark), published|removed)
			return false
		}
		p.v = v
		atomic.StoreUint64(at(&p.mark), uint64(c.mark(n))|more|published)
		return true
	}
}

// fits says whether another message is within the bound, as far as limit knows.
func (q *queue[T]) fits() bool { return before(q.position(), q.limit.load()) }

// before compares positions: a limit may be below zero for a moment, while a promise is tried.
func before(a, b uint64) bool { return int64(a-b) < 0 }

// refresh brings limit up to date. The caller holds the mailbox's lock.
func (q *queue[T]) refresh() {
	f := q.freed + q.void.load()
	q.limit.add(f - q.seen)
	q.seen = f
	if q.fits() {
		q.tight.store(0)
	}
}

// free is how many places are neither taken nor promised; below zero where the bound was passed by last words. The
// caller holds the mailbox's lock.
func (q *queue[T]) free() int {
	q.refresh()
	return int(q.limit.load() - q.position())
}

// depth is how many messages wait, those that are just being published included. The caller holds the mailbox's lock.
func (q *queue[T]) depth() int {
	void := q.void.load() // before the position: it never passes that
	return int(q.position() - q.freed - void)
}

// reserve promises a place, as far as limit knows that one is free; under the mailbox's lock, after refresh, for certain.
func (q *queue[T]) reserve() bool {
	if l := q.limit.add(^uint64(0)); before(l, q.position()) {
		q.release()
		return false
	}
	return true
}

func (q *queue[T]) release() { q.limit.add(1) }

// extend follows a full segment by a new one, unless somebody else does; false: the queue was let go of.
func (q *queue[T]) extend(s *segment[T]) bool {
	if s.succ.load() != nil || !s.succ.cas(nil, s.busy) {
		if q.tail.load() == s {
			if q.over.load() != 0 {
				return false
			}
			yield() // until it is followed, or opened anew
		}
		return true
	}
	if s.enq.load() < s.size() { // it was opened anew meanwhile
		s.succ.store(nil)
		return true
	}
	n := q.reuse()
	if n == nil {
		n = newSegment[T](int(min(4*s.size(), largest)))
		n.enq.store(shut)
		n.succ.store(n.busy)
	}
	n.base.store(s.base.load() + s.size())
	q.tail.store(n) // before: a segment that is retired is never the tail, so that position is exact under the lock
	s.succ.store(n)
	n.enq.store(0)
	n.succ.store(nil)
	return true
}

// first is peek where that need not look further; nil says nothing.
func (q *queue[T]) first() *place[T] {
	if q != nil && q.deq < uint64(len(q.at)) {
		if p := &q.at[q.deq]; look(&p.mark)&(published|removed) == published {
			return p
		}
	}
	return nil
}

// peek gives the oldest message that was published; nil: there is none, as where there is no queue. The caller holds the
// mailbox's lock, here and below.
func (q *queue[T]) peek() *place[T] {
	if q == nil {
		return nil
	}
	for {
		if q.deq == uint64(len(q.at)) && !q.advance() {
			return nil
		}
		p := &q.at[q.deq]
		switch m := look(&p.mark); {
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
func (q *queue[T]) advance() bool {
	s := q.head
	n := s.succ.load()
	if n != nil && n != s.busy {
		q.head, q.at, q.deq = n, n.at, 0
		q.retire(s)
		return true
	}
	if n != nil || !s.succ.cas(nil, s.busy) {
		return false
	}
	s.base.store(s.base.load() + s.size())
	q.deq = 0
	s.enq.store(0)
	s.succ.store(nil)
	return true
}

// retire keeps an empty segment for reuse.
func (q *queue[T]) retire(s *segment[T]) {
	s.enq.store(shut)
	s.succ.store(s.busy) // also where it is let go of: what is before it in the chain must not hold what follows
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
func (q *queue[T]) reuse() *segment[T] {
	for i := range q.spare {
		if n := q.spare[i].load(); n != nil {
			q.spare[i].store(nil)
			return n
		}
	}
	return nil
}

// pop takes what peek gave, and gives its place back.
func (q *queue[T]) pop(p *place[T]) (T, Mark) {
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
func (q *queue[T]) each(f func(*place[T], uint64) bool) {
	if q.peek() == nil {
		return
	}
	s, i := q.head, q.deq
	for {
		if i == s.size() {
			n := s.succ.load()
			if n == nil || n == s.busy {
				return
			}
			s, i = n, 0
		}
		p := &s.at[i]
		m := look(&p.mark)
		if m == 0 || m&removed == 0 && !f(p, m) {
			return
		}
		i++
	}
}

// remove takes a message out of the middle.
func (q *queue[T]) remove(p *place[T], mark uint64) T {
	v := p.v
	var none T
	p.v = none
	atomic.StoreUint64(&p.mark, mark|removed)
	q.freed++
	return v
}

func (q *queue[T]) drain() (out []T) {
	for p := q.peek(); p != nil; p = q.peek() {
		v, _ := q.pop(p)
		out = append(out, v)
	}
	return out
}

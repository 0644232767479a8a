package lanes

import "unsafe"

// Counts are the books of one mailbox by lane (L5): Sent = depth + in delivery + Handled + Dead +
// Refused + Merged + Revoked, where Taken - Handled is in delivery.
type Counts struct {
	Sent, Taken, Handled, Dead, Refused, Merged, Revoked [3]uint64
}

// Mailbox is the three-lane queue of one slot. See the package comment for its concurrency contract.
//
// S is Live, but in the test that looks at its steps. Ready is written to without a lock (queue); taking from it, and all
// of Cancel and Timed, is done under one. The fields are in the order of who touches them: those who put, hardly anybody,
// who delivers.
type Mailbox[T, S any] struct {
	turn  turn[S]              // who delivers: see there
	inbox link[urgent[T], S]   // of Cancel, the newest first; nil: none
	ready link[queue[T, S], S] // puts take no lock; what empties it holds mu, as who writes the link does; nil: empty (Trim)
	opts  *Options             // immutable, settled

	past uint64   // guarded by mu: places that were given out and used by queues that were let go of
	rare *rare[T] // guarded by mu; nil: nothing of it was used

	mu      lock[S]
	in      uint32                 // guarded by mu: the incarnation in delivery; zero: none
	streak  Streak                 // guarded by mu
	taken   uint64                 // guarded by mu: of Ready
	handled uint64                 // guarded by mu: of Ready
	hand    link[Mailbox[T, S], S] // whom the handler has handed to its worker: see handoff.go
}

// rare is what most actors never use: Cancel, Timed, and the books of what does not go its usual way.
type rare[T any] struct {
	cancel   ring[T]
	room     [2]entry[T] // for the first of cancel
	timed    heap[T]
	reserved int // places of Timed promised to timers
	counts   Counts
	out      [3]int // taken out by Drain, and not accounted for yet
}

// New makes an empty, idle mailbox. Its segments are made when first used.
func New[T any](o Options) *Mailbox[T, Live] {
	o = o.Settled()
	m := &Mailbox[T, Live]{}
	m.Init(&o)
	return m
}

// Init makes the zero mailbox an empty, idle one, before it is used. o is settled, and not changed any more; mailboxes may
// share it.
func (m *Mailbox[T, S]) Init(o *Options) { m.opts = o }

// now is the queue of Ready for the holder of mu; nil: it is empty.
func (m *Mailbox[T, S]) now() *queue[T, S] { return m.ready.p.Load() }

// open is now, made where there is none. The caller holds mu.
func (m *Mailbox[T, S]) open() *queue[T, S] {
	q := m.now()
	if q == nil {
		q = newQueue[T, S](uint64(m.opts.Ready), m.past)
		m.ready.store(q)
	}
	return q
}

// Trim gives the room of Ready back, if nothing is in it and no place of it is promised, and nobody is at it now. Any
// goroutine may call it, at any time: for an actor that is not likely to be sent something soon.
func (m *Mailbox[T, S]) Trim() {
	if m.ready.load() == nil || !m.mu.try() {
		return
	}
	if q := m.now(); q != nil {
		if used, ok := q.letGo(); ok {
			m.past = used
			m.ready.store(nil)
		}
	}
	m.mu.unlock()
}

// Cap is the bound of a lane; zero for Cancel, which has none.
func (m *Mailbox[T, S]) Cap(l Lane) int {
	return [3]int{0, m.opts.Timed, m.opts.Ready}[l]
}

// Put queues v in Ready, by arrival. A ticket that is not zero says that the slot has to be queued under it, and by
// nobody else, also where v was refused: what came behind its void place may have been passed over. old is what had to
// go where the result is Dropped.
func (m *Mailbox[T, S]) Put(v T) (t Ticket, r Result, old *T) { return m.PutBy(nil, v) }

// PutBy is Put by the handler that by is delivered to: it may hand the slot to its worker. nil: no handler sends.
func (m *Mailbox[T, S]) PutBy(by *Mailbox[T, S], v T) (t Ticket, r Result, old *T) {
	if q := m.ready.load(); q == nil || !q.put(v, 0, true, m.opts.Clocks) {
		var more bool
		if r, old, more = m.putFull(v); r == Refused && !more {
			return 0, r, nil
		}
	}
	if m.turn.w.load()&phase != idle {
		return 0, r, old
	}
	return m.wakeBy(by), r, old
}

// putFull makes room where there is none for now, or looks again, for certain, whether the lane is full, and drops the
// oldest where the option says so. more says whether something waits where v is refused.
func (m *Mailbox[T, S]) putFull(v T) (r Result, old *T, more bool) {
	m.acquire()
	defer m.mu.unlock()
	q := m.open()
	q.refresh()
	if q.put(v, 0, true, m.opts.Clocks) {
		return Queued, nil, false
	}
	if old = m.drop(q); old == nil {
		m.more().counts.Refused[Ready]++
		return Refused, nil, m.some()
	}
	q.put(v, 0, false, m.opts.Clocks)
	return Dropped, old, false
}

// drop makes room in Ready, where the option says so. What was promised a place stays: an answer, a Down.
func (m *Mailbox[T, S]) drop(q *queue[T, S]) (old *T) {
	if m.opts.Overflow != DropOldest {
		return nil
	}
	q.each(func(at *place[T], mark uint64) bool {
		if mark&promised > 0 {
			return true
		}
		v := q.remove(at, mark)
		m.more().counts.Dead[Ready]++
		old = &v
		return false
	})
	return old
}

// PutTimed queues v in Timed, by deadline in ns.
func (m *Mailbox[T, S]) PutTimed(deadline int64, v T) (Ticket, Result) {
	m.acquire()
	r := m.more()
	r.counts.Sent[Timed]++
	if m.free(Timed) <= 0 {
		r.counts.Refused[Timed]++
		m.mu.unlock()
		return 0, Refused
	}
	r.timed.push(m.entry(Timed, v, deadline))
	m.mu.unlock()
	return m.turn.wake(Timed), Queued
}

// Reserve promises a place in Ready or Timed: to a timer, an answer, a permit. false: the lane is full.
func (m *Mailbox[T, S]) Reserve(l Lane) bool {
	if l == Ready {
		if q := m.ready.load(); q != nil && q.reserve() {
			return true
		}
		m.acquire()
		defer m.mu.unlock()
		q := m.open()
		q.refresh()
		return q.reserve()
	}
	m.acquire()
	defer m.mu.unlock()
	if m.free(l) <= 0 {
		return false
	}
	m.more().reserved++
	return true
}

// Release gives a reserved place back.
func (m *Mailbox[T, S]) Release(l Lane) {
	if l == Ready {
		m.held().release()
		return
	}
	m.acquire()
	defer m.mu.unlock()
	m.more().reserved--
}

// Free is how many places of Ready or Timed are neither taken nor promised.
func (m *Mailbox[T, S]) Free(l Lane) int {
	m.acquire()
	defer m.mu.unlock()
	return m.free(l)
}

func (m *Mailbox[T, S]) free(l Lane) int {
	switch q := m.now(); {
	case l == Ready && q == nil:
		return m.opts.Ready
	case l == Ready:
		return q.free()
	case m.rare == nil:
		return m.opts.Timed
	}
	return m.opts.Timed - m.rare.timed.len() - m.rare.reserved
}

// PutReserved queues v in a place that was reserved, as PutBy does. deadline is for Timed only.
func (m *Mailbox[T, S]) PutReserved(by *Mailbox[T, S], l Lane, deadline int64, v T) Ticket {
	if l == Ready {
		m.putSure(v)
		m.held().release() // after: nobody takes its place meanwhile
		return m.wakeBy(by)
	}
	m.acquire()
	r := m.more()
	r.reserved--
	r.counts.Sent[l]++
	r.timed.push(m.entry(Timed, v, deadline))
	m.mu.unlock()
	return m.turn.wake(l)
}

// PutExtra queues v in Ready beside its bound: for the one last word of something that has ended.
func (m *Mailbox[T, S]) PutExtra(v T) Ticket {
	m.putSure(v)
	return m.turn.wake(Ready)
}

// putSure queues v in Ready, whatever the bound.
func (m *Mailbox[T, S]) putSure(v T) {
	if q := m.ready.load(); q == nil || !q.put(v, promised, false, m.opts.Clocks) { // it was let go of
		m.acquire()
		m.open().put(v, promised, false, m.opts.Clocks)
		m.mu.unlock()
	}
}

// held is the queue in which a place is promised. It is not let go of before that is given back; there may be none only
// where a place is given back twice: a lab brings a message twice.
func (m *Mailbox[T, S]) held() *queue[T, S] {
	if q := m.ready.load(); q != nil {
		return q
	}
	m.acquire()
	defer m.mu.unlock()
	return m.open()
}

// Take gives the next message by rule L3. The consumer says Delivered when it has handled it. by is the incarnation
// that gets it, from 1.
func (m *Mailbox[T, S]) Take(by uint32) (v T, l Lane, at Mark, ok bool) {
	if unsafe.Sizeof(*new(S)) != 0 { // as lock.take, which is too large to be put in place
		stepLock(&m.mu.mu)
	} else {
		m.mu.mu.Lock()
	}
	if m.inbox.load() != nil {
		m.collect()
	}
	q := m.now()
	if p := q.next(); p != nil && !m.urgent() && q.ripe(p) { // the usual case of take
		v, at = q.pop(p)
		m.streak, m.in = Streak{}, by
		m.taken++
		m.mu.unlock()
		return v, Ready, at, true
	}
	v, l, at, ok = m.take(by)
	m.mu.unlock()
	return v, l, at, ok
}

// urgent says whether a message waits in Cancel or Timed. Where none does Choose says Ready, and starts anew.
func (m *Mailbox[T, S]) urgent() bool {
	r := m.rare
	return r != nil && (r.cancel.len() > 0 || r.timed.len() > 0)
}

// take is Take for the holder of mu.
func (m *Mailbox[T, S]) take(by uint32) (v T, l Lane, at Mark, ok bool) {
	if m.urgent() {
		v, l, at = m.choose(m.rare)
		m.in = by
		return v, l, at, true
	}
	q := m.now()
	p := q.peek()
	if p == nil {
		return v, 0, 0, false
	}
	v, at = q.pop(p)
	m.streak, m.in = Streak{}, by
	m.taken++
	return v, Ready, at, true
}

// Next is Delivered and Take in one: More gives the next message, Empty none; Lost says that the delivery was given up
// meanwhile, and takes none.
func (m *Mailbox[T, S]) Next(had Lane, by uint32) (v T, l Lane, at Mark, a After) {
	if unsafe.Sizeof(*new(S)) != 0 { // as lock.take, which is too large to be put in place
		stepLock(&m.mu.mu)
	} else {
		m.mu.mu.Lock()
	}
	if m.inbox.load() != nil {
		m.collect()
	}
	m.handles(had)
	l, a = Ready, Lost
	if m.in == by {
		q := m.now()
		if p := q.next(); p != nil && !m.urgent() && q.ripe(p) {
			v, at = q.pop(p)
			m.streak, a = Streak{}, More
			m.taken++
		} else {
			var ok bool
			if v, l, at, ok = m.take(by); ok {
				a = More
			} else {
				m.in, a = 0, Empty
			}
		}
	}
	m.mu.unlock()
	return v, l, at, a
}

// choose takes a message where Cancel or Timed has one.
func (m *Mailbox[T, S]) choose(r *rare[T]) (v T, l Lane, at Mark) {
	q := m.now()
	p := q.peek()
	l, m.streak, _ = Choose(m.streak, [3]bool{r.cancel.len() > 0, r.timed.len() > 0, p != nil})
	if l == Ready {
		m.taken++
		v, at = q.pop(p)
		return v, l, at
	}
	r.counts.Taken[l]++
	e := r.pop(l)
	return e.v, l, e.mark
}

func (r *rare[T]) pop(l Lane) entry[T] {
	if l == Cancel {
		return r.cancel.pop()
	}
	return r.timed.pop()
}

// Enter says that the incarnation by is in its handler, without a message.
func (m *Mailbox[T, S]) Enter(by uint32) {
	m.acquire()
	m.in = by
	m.mu.unlock()
}

// next is the lane of the message that Take would give.
func (m *Mailbox[T, S]) next() (Lane, bool) {
	waiting := [3]bool{Ready: m.now().peek() != nil}
	if r := m.rare; r != nil {
		waiting[Cancel], waiting[Timed] = r.cancel.len() > 0, r.timed.len() > 0
	}
	l, _, ok := Choose(m.streak, waiting)
	return l, ok
}

// After is what follows a delivery: More waits; Rests: nothing does, and the turn is over, if that was wanted; Lost: it
// was given up meanwhile, and the slot may be another worker's by now.
type After uint8

// What follows a delivery.
const (
	Empty After = iota
	More
	Rests
	Lost
)

// Delivered closes the books on a message that Take gave. Where nothing more waits it ends the turn, as Rest does, if
// rest says so.
func (m *Mailbox[T, S]) Delivered(l Lane, by uint32, rest bool) After {
	if unsafe.Sizeof(*new(S)) != 0 { // as lock.take, which is too large to be put in place
		stepLock(&m.mu.mu)
	} else {
		m.mu.mu.Lock()
	}
	if m.inbox.load() != nil {
		m.collect()
	}
	m.handles(l)
	q := m.now()
	if p := q.next(); p != nil && rest && !m.urgent() && m.in == by && q.look(p) == 0 { // the usual case of leave
		m.in = 0
		m.turn.become(running, idle)
		if m.inbox.load() == nil && q.look(p) == 0 {
			m.mu.unlock()
			return Rests
		}
		a := m.rested()
		m.mu.unlock()
		return a
	}
	return m.leave(by, rest)
}

func (m *Mailbox[T, S]) handles(l Lane) {
	if l == Ready {
		m.handled++
	} else {
		m.rare.counts.Handled[l]++
	}
}

// Exit is the end of what Enter began.
func (m *Mailbox[T, S]) Exit(by uint32) After {
	m.acquire()
	return m.leave(by, false)
}

// leave ends a delivery. The caller holds mu, which is free after.
func (m *Mailbox[T, S]) leave(by uint32, rest bool) (a After) {
	switch {
	case m.in != by:
		a = Lost
	case m.some():
		m.in, a = 0, More
	case rest:
		m.in = 0
		m.turn.become(running, idle)
		a = m.rested()
	default:
		m.in = 0
	}
	m.mu.unlock()
	return a
}

// rested looks whether something came before the turn was over: then the worker takes it up again, if nobody else has.
func (m *Mailbox[T, S]) rested() After {
	if m.some() && m.turn.become(idle, running) {
		return More
	}
	return Rests
}

// GiveUp ends the delivery of the incarnation by, whose handler does not return; false: it is in none.
func (m *Mailbox[T, S]) GiveUp(by uint32) bool {
	m.acquire()
	defer m.mu.unlock()
	if m.in != by {
		return false
	}
	m.in = 0
	return true
}

// some says whether a message waits.
func (m *Mailbox[T, S]) some() bool {
	return m.urgent() || m.inbox.load() != nil || m.now().peek() != nil
}

// Some says whether a message waits.
func (m *Mailbox[T, S]) Some() bool {
	m.acquire()
	defer m.mu.unlock()
	return m.some()
}

// Class is the lane that would be served next; Ready if the mailbox is empty.
func (m *Mailbox[T, S]) Class() Lane {
	m.acquire()
	defer m.mu.unlock()
	if l, ok := m.next(); ok {
		return l
	}
	return Ready
}

// more makes what is rarely used. The caller holds mu.
func (m *Mailbox[T, S]) more() *rare[T] {
	if m.rare == nil {
		m.rare = &rare[T]{}
		m.rare.cancel.buf = m.rare.room[:]
	}
	return m.rare
}

func (m *Mailbox[T, S]) entry(l Lane, v T, deadline int64) entry[T] {
	return entry[T]{v: v, deadline: deadline, mark: m.opts.Clocks.mark(m.rare.counts.Sent[l] - 1)}
}

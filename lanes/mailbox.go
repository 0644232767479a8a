package lanes

// Counts are the books of one mailbox by lane (L5): Sent = depth + in delivery + Handled + Dead +
// Refused + Merged + Revoked, where Taken - Handled is in delivery.
type Counts struct {
	Sent, Taken, Handled, Dead, Refused, Merged, Revoked [3]uint64
}

// Mailbox is the three-lane queue of one slot. See the package comment for its concurrency contract.
//
// Ready is written to without a lock (queue); taking from it, and all of Cancel and Timed, is done under one. The fields
// are in the order of who touches them: those who put, hardly anybody, who delivers.
type Mailbox[T any] struct {
	turn  turn            // who delivers: see there
	inbox link[urgent[T]] // of Cancel, the newest first; nil: none
	ready link[queue[T]]  // puts take no lock; what empties it holds mu, as who writes the link does; nil: empty (Trim)
	opts  *Options        // immutable, settled

	past uint64   // guarded by mu: places that were given out and used by queues that were let go of
	rare *rare[T] // guarded by mu; nil: nothing of it was used

	mu      lock
	in      uint32 // guarded by mu: the incarnation in delivery; zero: none
	streak  Streak // guarded by mu
	taken   uint64 // guarded by mu: of Ready
	handled uint64 // guarded by mu: of Ready
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
func New[T any](o Options) *Mailbox[T] {
	o = o.Settled()
	m := &Mailbox[T]{}
	m.Init(&o)
	return m
}

// Init makes the zero mailbox an empty, idle one, before it is used. o is settled, and not changed any more; mailboxes may
// share it.
func (m *Mailbox[T]) Init(o *Options) { m.opts = o }

// now is the queue of Ready for the holder of mu; nil: it is empty.
func (m *Mailbox[T]) now() *queue[T] { return m.ready.p.Load() }

// open is now, made where there is none. The caller holds mu.
func (m *Mailbox[T]) open() *queue[T] {
	q := m.now()
	if q == nil {
		q = newQueue[T](uint64(m.opts.Ready), m.past)
		m.ready.store(q)
	}
	return q
}

// Trim gives the room of Ready back, if nothing is in it and no place of it is promised, and nobody is at it now. Any
// goroutine may call it, at any time: for an actor that is not likely to be sent something soon.
func (m *Mailbox[T]) Trim() {
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
func (m *Mailbox[T]) Cap(l Lane) int {
	return [3]int{0, m.opts.Timed, m.opts.Ready}[l]
}

// Put queues v in Ready, by arrival. A ticket that is not zero says that the slot has to be queued under it, and by
// nobody else, also where v was refused: what came behind its void place may have been passed over. old is what had to
// go where the result is Dropped.
func (m *Mailbox[T]) Put(v T) (t Ticket, r Result, old *T) {
	if q := m.ready.load(); q == nil || !q.put(v, 0, true, m.opts.Clocks) {
		var more bool
		if r, old, more = m.putFull(v); r == Refused && !more {
			return 0, r, nil
		}
	}
	return m.turn.wake(Ready), r, old
}

// putFull makes room where there is none for now, or looks again, for certain, whether the lane is full, and drops the
// oldest where the option says so. more says whether something waits where v is refused.
func (m *Mailbox[T]) putFull(v T) (r Result, old *T, more bool) {
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
func (m *Mailbox[T]) drop(q *queue[T]) (old *T) {
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
func (m *Mailbox[T]) PutTimed(deadline int64, v T) (Ticket, Result) {
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
func (m *Mailbox[T]) Reserve(l Lane) bool {
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
func (m *Mailbox[T]) Release(l Lane) {
	if l == Ready {
		m.held().release()
		return
	}
	m.acquire()
	defer m.mu.unlock()
	m.more().reserved--
}

// Free is how many places of Ready or Timed are neither taken nor promised.
func (m *Mailbox[T]) Free(l Lane) int {
	m.acquire()
	defer m.mu.unlock()
	return m.free(l)
}

func (m *Mailbox[T]) free(l Lane) int {
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

// PutReserved queues v in a place that was reserved. deadline is for Timed only.
func (m *Mailbox[T]) PutReserved(l Lane, deadline int64, v T) Ticket {
	if l == Ready {
		m.putSure(v)
		m.held().release() // after: nobody takes its place meanwhile
		return m.turn.wake(l)
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
func (m *Mailbox[T]) PutExtra(v T) Ticket {
	m.putSure(v)
	return m.turn.wake(Ready)
}

// putSure queues v in Ready, whatever the bound.
func (m *Mailbox[T]) putSure(v T) {
	if q := m.ready.load(); q == nil || !q.put(v, promised, false, m.opts.Clocks) { // it was let go of
		m.acquire()
		m.open().put(v, promised, false, m.opts.Clocks)
		m.mu.unlock()
	}
}

// held is the queue in which a place is promised. It is not let go of before that is given back; there may be none only
// where a place is given back twice: a lab brings a message twice.
func (m *Mailbox[T]) held() *queue[T] {
	if q := m.ready.load(); q != nil {
		return q
	}
	m.acquire()
	defer m.mu.unlock()
	return m.open()
}

// Take gives the next message by rule L3. The consumer says Delivered when it has handled it. by is the incarnation
// that gets it, from 1.
func (m *Mailbox[T]) Take(by uint32) (v T, l Lane, at Mark, ok bool) {
	m.acquire()
	v, l, at, ok = m.take(by)
	m.mu.unlock()
	return v, l, at, ok
}

// take is Take for the holder of mu.
func (m *Mailbox[T]) take(by uint32) (v T, l Lane, at Mark, ok bool) {
	if r := m.rare; r != nil && (r.cancel.len() > 0 || r.timed.len() > 0) {
		v, l, at = m.choose(r)
		m.in = by
		return v, l, at, true
	}
	q := m.now()
	p := q.peek() // the usual case: Choose says Ready, and starts anew
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
func (m *Mailbox[T]) Next(had Lane, by uint32) (v T, l Lane, at Mark, a After) {
	m.acquire()
	m.handles(had)
	l, a = Ready, Lost
	if m.in == by {
		r, q := m.rare, m.now()
		p := q.first()
		if a = More; p != nil && (r == nil || r.cancel.len() == 0 && r.timed.len() == 0) { // the usual case, as in take
			v, at = q.pop(p)
			m.streak = Streak{}
			m.taken++
		} else {
			var ok bool
			if v, l, at, ok = m.take(by); !ok {
				m.in, a = 0, Empty
			}
		}
	}
	m.mu.unlock()
	return v, l, at, a
}

// choose takes a message where Cancel or Timed has one.
func (m *Mailbox[T]) choose(r *rare[T]) (v T, l Lane, at Mark) {
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
func (m *Mailbox[T]) Enter(by uint32) {
	m.acquire()
	m.in = by
	m.mu.unlock()
}

// next is the lane of the message that Take would give.
func (m *Mailbox[T]) next() (Lane, bool) {
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
func (m *Mailbox[T]) Delivered(l Lane, by uint32, rest bool) After {
	m.acquire()
	m.handles(l)
	return m.leave(by, rest)
}

func (m *Mailbox[T]) handles(l Lane) {
	if l == Ready {
		m.handled++
	} else {
		m.rare.counts.Handled[l]++
	}
}

// Exit is the end of what Enter began.
func (m *Mailbox[T]) Exit(by uint32) After {
	m.acquire()
	return m.leave(by, false)
}

// leave ends a delivery. The caller holds mu, which is free after.
func (m *Mailbox[T]) leave(by uint32, rest bool) (a After) {
	switch {
	case m.in != by:
		a = Lost
	case m.some():
		m.in, a = 0, More
	case rest:
		m.in, a = 0, Rests
		m.turn.become(running, idle)
		if m.some() && m.turn.become(idle, running) {
			a = More
		}
	default:
		m.in = 0
	}
	m.mu.unlock()
	return a
}

// GiveUp ends the delivery of the incarnation by, whose handler does not return; false: it is in none.
func (m *Mailbox[T]) GiveUp(by uint32) bool {
	m.acquire()
	defer m.mu.unlock()
	if m.in != by {
		return false
	}
	m.in = 0
	return true
}

// some says whether a message waits.
func (m *Mailbox[T]) some() bool {
	r := m.rare
	return r != nil && (r.cancel.len() > 0 || r.timed.len() > 0) || m.inbox.load() != nil || m.now().peek() != nil
}

// Some says whether a message waits.
func (m *Mailbox[T]) Some() bool {
	m.acquire()
	defer m.mu.unlock()
	return m.some()
}

// Class is the lane that would be served next; Ready if the mailbox is empty.
func (m *Mailbox[T]) Class() Lane {
	m.acquire()
	defer m.mu.unlock()
	if l, ok := m.next(); ok {
		return l
	}
	return Ready
}

// more makes what is rarely used. The caller holds mu.
func (m *Mailbox[T]) more() *rare[T] {
	if m.rare == nil {
		m.rare = &rare[T]{}
		m.rare.cancel.buf = m.rare.room[:]
	}
	return m.rare
}

func (m *Mailbox[T]) entry(l Lane, v T, deadline int64) entry[T] {
	return entry[T]{v: v, deadline: deadline, mark: m.opts.Clocks.mark(m.rare.counts.Sent[l] - 1)}
}

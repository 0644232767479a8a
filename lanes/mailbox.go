package lanes

import "sync"

// Overflow says what a full Ready lane does.
type Overflow uint8

// Refuse the new message (default), or drop the oldest that has no promised place. Callers outside actors may
// wait for room instead (actors.TellWait).
const (
	Refuse Overflow = iota
	DropOldest
)

// Options bound a mailbox.
type Options struct {
	Ready    int // messages and reserved places; default 1024
	Timed    int // messages and armed timers; default 1024
	Overflow Overflow
	Stamp    func() int64 // ns; when messages arrive. nil: no ages
}

// Default is the capacity of a lane whose option is zero.
const Default = 1024

// Result says what became of a put.
type Result uint8

// Queued; Refused: the caller still owns the message; Dropped: queued, and Put.Old had to go.
const (
	Queued Result = iota
	Refused
	Dropped
)

// Put is the answer to a put. Wake says that the mailbox went from idle to active: the caller schedules
// its consumer, and nobody else does.
type Put[T any] struct {
	Wake   bool
	Result Result
	Old    T
}

// Counts are the books of one mailbox by lane (L5): Sent = depth + in delivery + Handled + Dead +
// Refused + Merged + Revoked, where Taken - Handled is in delivery.
type Counts struct {
	Sent, Taken, Handled, Dead, Refused, Merged, Revoked [3]uint64
}

// Mailbox is the three-lane queue of one slot. See the package comment for its concurrency contract.
type Mailbox[T any] struct {
	opts Options // immutable

	mu       sync.Mutex
	streak   Streak  // guarded by mu
	cancel   ring[T] // guarded by mu
	timed    heap[T] // guarded by mu
	ready    ring[T] // guarded by mu
	reserved [3]int  // guarded by mu: places promised to timers, answers and permits
	out      [3]int  // guarded by mu: taken out by Drain, and not accounted for yet
	counts   Counts  // guarded by mu
	active   bool    // guarded by mu: scheduled or being consumed
}

// New makes an empty, idle mailbox. Its segments are made when first used.
func New[T any](o Options) *Mailbox[T] {
	if o.Ready <= 0 {
		o.Ready = Default
	}
	if o.Timed <= 0 {
		o.Timed = Default
	}
	return &Mailbox[T]{opts: o}
}

// Cap is the bound of a lane; zero for Cancel, which has none.
func (m *Mailbox[T]) Cap(l Lane) int { return [3]int{0, m.opts.Timed, m.opts.Ready}[l] }

// Put queues v in Ready, by arrival.
func (m *Mailbox[T]) Put(v T) (p Put[T]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts.Sent[Ready]++
	if !m.room(Ready) {
		old, ok := m.drop()
		if !ok {
			m.counts.Refused[Ready]++
			p.Result = Refused
			return p
		}
		p.Old, p.Result = old.v, Dropped
		m.counts.Dead[Ready]++
	}
	m.ready.push(m.entry(v, 0))
	p.Wake = m.wake()
	return p
}

// PutTimed queues v in Timed, by deadline in ns.
func (m *Mailbox[T]) PutTimed(deadline int64, v T) (p Put[T]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts.Sent[Timed]++
	if !m.room(Timed) {
		m.counts.Refused[Timed]++
		p.Result = Refused
		return p
	}
	m.timed.push(m.entry(v, deadline))
	p.Wake = m.wake()
	return p
}

// PutCancel queues v in Cancel, which never refuses: merge is tried on what waits there, oldest first,
// and its result takes the old message's place.
func (m *Mailbox[T]) PutCancel(v T, merge func(old, add T) (T, bool)) (wake bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts.Sent[Cancel]++
	for i := range m.cancel.len() {
		e := m.cancel.at(i)
		if both, ok := merge(e.v, v); ok {
			e.v = both
			m.counts.Merged[Cancel]++
			return m.wake()
		}
	}
	m.cancel.push(m.entry(v, 0))
	return m.wake()
}

// Reserve promises a place in Ready or Timed: to a timer, an answer, a permit. false: the lane is full.
func (m *Mailbox[T]) Reserve(l Lane) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.room(l) {
		return false
	}
	m.reserved[l]++
	return true
}

// Release gives a reserved place back.
func (m *Mailbox[T]) Release(l Lane) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reserved[l]--
}

// Free is how many places of Ready or Timed are neither taken nor promised.
func (m *Mailbox[T]) Free(l Lane) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l == Timed {
		return m.opts.Timed - m.timed.len() - m.reserved[Timed]
	}
	return m.opts.Ready - m.ready.len() - m.reserved[Ready]
}

// PutReserved queues v in a place that was reserved. deadline is for Timed only.
func (m *Mailbox[T]) PutReserved(l Lane, deadline int64, v T) (wake bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reserved[l]--
	return m.must(l, deadline, v)
}

// PutExtra queues v in Ready beside its bound: for the one last word of something that has ended.
func (m *Mailbox[T]) PutExtra(v T) (wake bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.must(Ready, 0, v)
}

func (m *Mailbox[T]) must(l Lane, deadline int64, v T) bool {
	m.counts.Sent[l]++
	e := m.entry(v, deadline)
	e.promised = true
	m.back(l, e)
	return m.wake()
}

// drop makes room in Ready, where the option says so. What was promised a place stays: an answer, a Down.
func (m *Mailbox[T]) drop() (e entry[T], ok bool) {
	if m.opts.Overflow != DropOldest {
		return e, false
	}
	return m.ready.popDroppable()
}

// Take gives the next message by rule L3, and how many are left in each lane. The consumer says Delivered when it
// has handled it.
func (m *Mailbox[T]) Take() (v T, l Lane, left [3]int, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, next, ok := Choose(m.streak, [3]bool{m.cancel.len() > 0, m.timed.len() > 0, m.ready.len() > 0})
	if !ok {
		return v, l, left, false
	}
	m.streak = next
	m.counts.Taken[l]++
	switch l {
	case Cancel:
		v = m.cancel.pop().v
	case Timed:
		v = m.timed.pop().v
	default:
		v = m.ready.pop().v
	}
	return v, l, [3]int{m.cancel.len(), m.timed.len(), m.ready.len()}, true
}

// Empty says whether nothing waits.
func (m *Mailbox[T]) Empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cancel.len()+m.timed.len()+m.ready.len() == 0
}

// Delivered closes the books on a message that Take gave.
func (m *Mailbox[T]) Delivered(l Lane) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts.Handled[l]++
}

// Idle gives the mailbox back: true if it is empty, and the next put wakes; false if there is more.
func (m *Mailbox[T]) Idle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active = m.len() > 0
	return !m.active
}

// Activate makes the mailbox active without a message. true: the caller schedules its consumer.
func (m *Mailbox[T]) Activate() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.wake()
}

// Rests says whether the mailbox is idle: not scheduled, and not being consumed.
func (m *Mailbox[T]) Rests() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.active
}

// Remove takes every message that matches out of a lane and counts it as revoked.
func (m *Mailbox[T]) Remove(l Lane, match func(T) bool) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.empty(l) {
		if match(e.v) {
			n++
			continue
		}
		m.back(l, e)
	}
	m.counts.Revoked[l] += uint64(n)
	return n
}

// Drain empties a lane. The caller accounts for every message by Dead or Revoked; until then it counts as waiting.
func (m *Mailbox[T]) Drain(l Lane) (out []T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.empty(l) {
		out = append(out, e.v)
	}
	m.out[l] += len(out)
	return out
}

// Dead counts n drained messages of a lane as dead letters.
func (m *Mailbox[T]) Dead(l Lane, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out[l] -= n
	m.counts.Dead[l] += uint64(n)
}

// Revoked counts n drained messages of a lane as revoked.
func (m *Mailbox[T]) Revoked(l Lane, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.out[l] -= n
	m.counts.Revoked[l] += uint64(n)
}

// Class is the lane that would be served next; Ready if the mailbox is empty.
func (m *Mailbox[T]) Class() Lane {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, _, ok := Choose(m.streak, [3]bool{m.cancel.len() > 0, m.timed.len() > 0, m.ready.len() > 0})
	if !ok {
		return Ready
	}
	return l
}

// View is the state of one lane: its depth and the stamp of its oldest message (zero: none or no stamps).
type View struct {
	Depth  int
	Oldest int64
}

// Look shows the three lanes and the books, at one moment.
func (m *Mailbox[T]) Look() (v [3]View, c Counts) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v[Cancel] = View{m.cancel.len(), m.cancel.oldest()}
	v[Timed] = View{m.timed.len(), m.timed.oldest()}
	v[Ready] = View{m.ready.len(), m.ready.oldest()}
	for l := range v {
		v[l].Depth += m.out[l]
	}
	return v, m.counts
}

// Len is how many messages wait, in all lanes.
func (m *Mailbox[T]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.len()
}

func (m *Mailbox[T]) len() int { return m.cancel.len() + m.timed.len() + m.ready.len() }

func (m *Mailbox[T]) room(l Lane) bool {
	if l == Timed {
		return m.timed.len()+m.reserved[Timed] < m.opts.Timed
	}
	return m.ready.len()+m.reserved[Ready] < m.opts.Ready
}

func (m *Mailbox[T]) wake() bool {
	was := m.active
	m.active = true
	return !was
}

func (m *Mailbox[T]) entry(v T, deadline int64) entry[T] {
	e := entry[T]{v: v, deadline: deadline}
	if m.opts.Stamp != nil {
		e.stamp = m.opts.Stamp()
	}
	return e
}

// empty takes everything out of a lane, in its order.
func (m *Mailbox[T]) empty(l Lane) []entry[T] {
	switch l {
	case Cancel:
		return m.cancel.drain()
	case Timed:
		return m.timed.drain()
	}
	return m.ready.drain()
}

// back puts an entry into its lane; one that empty gave keeps its order.
func (m *Mailbox[T]) back(l Lane, e entry[T]) {
	switch l {
	case Cancel:
		m.cancel.push(e)
	case Timed:
		m.timed.push(e)
	default:
		m.ready.push(e)
	}
}

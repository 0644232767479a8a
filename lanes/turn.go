package lanes

// Ticket is a slot's place in a run queue. A slot that becomes more urgent gets a new one in a higher class; Claim
// refuses the old one, so that a slot is never delivered to twice at once. Zero is none.
type Ticket uint64

// Class is the class of the run queue in which the slot waits.
func (t Ticket) Class() Lane { return Lane(t >> 2 & 3) }

// turn says who delivers, in one word: nobody and a message wakes it (idle), whoever claims the newest ticket (queued),
// a worker (running), or nobody until it is started again (parked). It counts tickets. A slot that is handed is queued,
// and lies in no run queue: see handoff.go.
type turn[S any] struct{ w word[S] }

const (
	idle uint64 = iota
	queued
	running
	parked

	phase  = 3
	class  = 3 << 2
	handed = 1 << 4
	state  = phase | class | handed
	one    = 1 << 5 // of the count of tickets, which stands above
)

// issue queues under a new ticket, if the turn is still as it was seen; else the ticket is zero.
func (t *turn[S]) issue(seen uint64, l Lane) Ticket {
	k := seen&^state + one | uint64(l)<<2 | queued
	if !t.w.cas(seen, k) {
		return 0
	}
	return Ticket(k)
}

// wake issues a ticket where the slot is idle, or waits in a lower class than l; else it is zero.
func (t *turn[S]) wake(l Lane) (k Ticket) {
	for k == 0 {
		w := t.w.load()
		if p := w & phase; p != idle && (p != queued || Lane(w>>2&3) <= l) {
			return 0
		}
		k = t.issue(w, l)
	}
	return k
}

// start issues a ticket where the slot is idle or parked; else it is zero.
func (t *turn[S]) start(l Lane) (k Ticket) {
	for k == 0 {
		w := t.w.load()
		if p := w & phase; p != idle && p != parked {
			return 0
		}
		k = t.issue(w, l)
	}
	return k
}

// become goes from one phase to another, without a ticket.
func (t *turn[S]) become(from, to uint64) bool {
	w := t.w.load()
	return w&phase == from && t.w.cas(w, w&^state|to)
}

// Claim takes the slot out of the run queue for the one worker that holds its newest ticket.
func (m *Mailbox[T, S]) Claim(t Ticket) bool {
	return m.turn.w.cas(uint64(t), uint64(t)&^state|running)
}

// Ticket is the newest; false: the slot is not queued.
func (m *Mailbox[T, S]) Ticket() (Ticket, bool) {
	w := m.turn.w.load()
	return Ticket(w), w&phase == queued
}

// Requeue gives the ticket for the next turn of a slot that is delivered to. Its worker calls it.
func (m *Mailbox[T, S]) Requeue() Ticket {
	return m.again(m.turn.issue(m.turn.w.load(), m.Class()))
}

// again gives a better ticket, where something more urgent came between the look and the issue.
func (m *Mailbox[T, S]) again(t Ticket) Ticket {
	if t != 0 {
		if l := m.Class(); l < t.Class() {
			if b := m.turn.wake(l); b != 0 {
				return b
			}
		}
	}
	return t
}

// Rest ends the turn of a slot that is delivered to: true if it is over; false if there is more, and the caller goes on.
func (m *Mailbox[T, S]) Rest() bool {
	m.turn.become(running, idle)
	return !m.Some() || !m.turn.become(idle, running) // else it was woken, and is somebody else's
}

// Park ends the turn of a slot that takes nothing until Start.
func (m *Mailbox[T, S]) Park() { m.turn.become(running, parked) }

// Start gives a ticket to a slot that is idle or parked; zero: it is queued, or delivered to.
func (m *Mailbox[T, S]) Start() Ticket { return m.again(m.turn.start(m.Class())) }

// Rests says whether nobody delivers to the slot and nobody has to. An idle slot where something waits is about to be
// taken up again: see Rest.
func (m *Mailbox[T, S]) Rests() bool {
	p := m.turn.w.load() & phase
	return p == parked || p == idle && !m.Some()
}

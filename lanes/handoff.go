package lanes

// A hand-off (L6): a message that a handler sends to an idle slot wakes it for the worker of that handler, past the run
// queue. The sender's mailbox names the receiver (hand), and the receiver's turn says that it is handed; who serves it,
// or gives it to the run queue, is decided by a compare-and-swap on that turn.
//
// hand keeps its value afterwards, and means nothing unless the turn says so: two that send to each other write it once.
// What keeps a slot that is handed from being forgotten, whoever sends, from whatever goroutine:
//
//   - a worker looks at hand when the sender's turn is over. Whoever hands looks afterwards whether the sender is still
//     delivered to and names the receiver; else he takes it back, and queues it.
//   - hand goes from nil to a receiver, and back when that is not handed; then it is looked at once more.
//   - the sender's own mailbox stands for no: nothing is handed while a handler goes on and on (Withhold).

// wakeBy wakes m for what came into Ready: for the worker that delivers to by, if that can take it; else the ticket has
// to be queued. by is nil where no handler sends.
func (m *Mailbox[T, S]) wakeBy(by *Mailbox[T, S]) Ticket {
	w := m.turn.w.load()
	if w&phase != idle {
		return 0
	}
	if by == nil || by.hand.load() != m && !by.names(m) {
		return m.turn.wake(Ready)
	}
	for !m.turn.w.cas(w, w&^state+one|uint64(Ready)<<2|queued|handed) {
		if w = m.turn.w.load(); w&phase != idle {
			return 0
		}
	}
	if by.hand.load() == m && by.turn.w.load()&phase == running {
		return 0
	}
	return m.TakeBack()
}

// names says whether m is delivered to and can hand that to its worker.
func (m *Mailbox[T, S]) names(to *Mailbox[T, S]) bool {
	h := m.hand.load()
	return m != to && m.turn.w.load()&phase == running && (h == to || h == nil && m.hand.cas(nil, to))
}

// Handed says whether m waits for a worker outside the run queue.
func (m *Mailbox[T, S]) Handed() bool { return m.turn.w.load()&(phase|handed) == queued|handed }

// Offers says whether the handler of m has handed a slot to its worker, which is asked for by Offered.
func (m *Mailbox[T, S]) Offers() bool {
	h := m.hand.load()
	return h != nil && h != m && h.Handed()
}

// Offered is what the handler of m has handed to its worker; nil: nothing. The worker claims it, or takes it back,
// since it may not be named any more.
func (m *Mailbox[T, S]) Offered() *Mailbox[T, S] {
	h := m.hand.load()
	if h == nil || h != m && h.Handed() {
		return h
	}
	if m.hand.cas(h, nil) && h != m && h.Handed() {
		return h
	}
	return nil
}

// ClaimOffered is Offered and ClaimHanded in one.
func (m *Mailbox[T, S]) ClaimOffered() *Mailbox[T, S] {
	h := m.hand.load()
	if h == nil {
		return nil
	}
	if h != m { // the usual case: it is handed, and stays named
		if w := h.turn.w.load(); w&(phase|handed) == queued|handed && h.turn.w.cas(w, w&^state|running) {
			return h
		}
	}
	if h = m.Offered(); h != nil && h.ClaimHanded() {
		return h
	}
	return nil
}

// ClaimHanded takes a slot that is handed; false: somebody else has, or it was queued anew.
func (m *Mailbox[T, S]) ClaimHanded() bool {
	w := m.turn.w.load()
	return w&(phase|handed) == queued|handed && m.turn.w.cas(w, w&^state|running)
}

// TakeBack gives the ticket under which a slot that is handed has to be queued; zero: it is handed no more.
func (m *Mailbox[T, S]) TakeBack() (k Ticket) {
	for k == 0 {
		w := m.turn.w.load()
		if w&(phase|handed) != queued|handed {
			return 0
		}
		k = m.turn.issue(w, Ready)
	}
	return k
}

// Withhold takes what the handler of m has handed, and lets it hand nothing until it has returned.
func (m *Mailbox[T, S]) Withhold() (to *Mailbox[T, S], k Ticket) {
	h := m.hand.load()
	for h != m && !m.hand.cas(h, m) {
		h = m.hand.load()
	}
	if h == nil || h == m {
		return nil, 0
	}
	return h, h.TakeBack()
}

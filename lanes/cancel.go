package lanes

// PutCancel queues v in Cancel, which never refuses: merge, if there is one, is tried on what waits there, oldest first,
// and its result takes the old message's place. It waits for no lock: whoever holds that takes v in, at the latest
// before the next message is chosen.
func (m *Mailbox[T, S]) PutCancel(v T, merge func(old, add T) (T, bool)) Ticket {
	if m.mu.try() {
		m.collect()
		m.admit(v, merge)
		m.mu.unlock()
		return m.turn.wake(Cancel)
	}
	u := &urgent[T]{v: v, merge: merge}
	for {
		u.older = m.inbox.load()
		if m.inbox.cas(u.older, u) {
			break
		}
	}
	if m.mu.try() {
		m.collect()
		m.mu.unlock()
	}
	return m.turn.wake(Cancel)
}

// urgent is a message of Cancel that no holder of the lock has taken in yet.
type urgent[T any] struct {
	v     T
	merge func(old, add T) (T, bool)
	older *urgent[T]
}

// acquire takes the lock, and in what came to Cancel meanwhile.
func (m *Mailbox[T, S]) acquire() {
	m.mu.take()
	if m.inbox.load() != nil {
		m.collect()
	}
}

// collect takes in what came to Cancel. The caller holds mu.
func (m *Mailbox[T, S]) collect() {
	u := m.inbox.load()
	if u == nil {
		return
	}
	for !m.inbox.cas(u, nil) {
		u = m.inbox.load()
	}
	var first *urgent[T]
	for u != nil { // the oldest first
		u, u.older, first = u.older, first, u
	}
	for ; first != nil; first = first.older {
		m.admit(first.v, first.merge)
	}
}

// admit queues v. The caller holds mu.
func (m *Mailbox[T, S]) admit(v T, merge func(old, add T) (T, bool)) {
	r := m.more()
	r.counts.Sent[Cancel]++
	if r.merges(v, merge) {
		r.counts.Merged[Cancel]++
		return
	}
	r.cancel.push(m.entry(Cancel, v, 0))
}

func (r *rare[T]) merges(v T, merge func(old, add T) (T, bool)) bool {
	if merge == nil {
		return false
	}
	for i := range r.cancel.len() {
		e := r.cancel.at(i)
		if both, ok := merge(e.v, v); ok {
			e.v = both
			return true
		}
	}
	return false
}

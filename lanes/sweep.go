package lanes

// Remove takes every message that matches out of a lane and counts it as revoked.
func (m *Mailbox[T, S]) Remove(l Lane, match func(T) bool) (n int) {
	m.acquire()
	defer m.mu.unlock()
	switch q := m.now(); {
	case l == Ready:
		q.each(func(at *place[T], mark uint64) bool {
			if match(at.v) {
				q.remove(at, mark)
				n++
			}
			return true
		})
	case m.rare == nil:
	case l == Cancel:
		n = m.rare.cancel.remove(match)
	default:
		n = m.rare.timed.remove(match)
	}
	if n > 0 {
		m.more().counts.Revoked[l] += uint64(n)
	}
	return n
}

// Drain empties a lane. The caller accounts for every message by Dead or Revoked; until then it counts as waiting.
func (m *Mailbox[T, S]) Drain(l Lane) (out []T) {
	m.acquire()
	defer m.mu.unlock()
	switch {
	case l == Ready:
		out = m.now().drain()
	case m.rare == nil:
	case l == Cancel:
		out = m.rare.cancel.drain()
	default:
		out = m.rare.timed.drain()
	}
	if len(out) > 0 {
		m.more().out[l] += len(out)
	}
	return out
}

// Dead counts n drained messages of a lane as dead letters.
func (m *Mailbox[T, S]) Dead(l Lane, n int) {
	m.acquire()
	defer m.mu.unlock()
	r := m.more()
	r.out[l] -= n
	r.counts.Dead[l] += uint64(n)
}

// Revoked counts n drained messages of a lane as revoked.
func (m *Mailbox[T, S]) Revoked(l Lane, n int) {
	m.acquire()
	defer m.mu.unlock()
	r := m.more()
	r.out[l] -= n
	r.counts.Revoked[l] += uint64(n)
}

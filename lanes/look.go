package lanes

// View is the state of one lane: its depth and the stamp of its oldest message (zero: none or no stamps).
type View struct {
	Depth  int
	Oldest int64
}

// Look shows the three lanes and the books, at one moment. What is just being published counts as queued.
func (m *Mailbox[T, S]) Look() (v [3]View, c Counts) {
	m.acquire()
	defer m.mu.unlock()
	var gone [3]int
	if r := m.rare; r != nil {
		c = r.counts
		v[Cancel] = View{r.cancel.len(), r.cancel.oldest()}
		v[Timed] = View{r.timed.len(), r.timed.oldest()}
		gone = r.out
	}
	used := m.past
	if q := m.now(); q != nil {
		void := q.void.load()
		used = q.position() - void
		v[Ready].Depth = int(used - q.freed)
		if p := q.peek(); p != nil && m.opts.Clocks != nil {
			v[Ready].Oldest = Mark(p.mark).At()
		}
	}
	c.Taken[Ready], c.Handled[Ready] = m.taken, m.handled
	c.Sent[Ready] = used + c.Refused[Ready]
	for l, n := range gone {
		v[l].Depth += n
	}
	return v, c
}

// Len is how many messages wait, in all lanes.
func (m *Mailbox[T, S]) Len() int {
	n := m.Left()
	return n[Cancel] + n[Timed] + n[Ready]
}

// Left is how many wait in each lane.
func (m *Mailbox[T, S]) Left() [3]int {
	m.acquire()
	defer m.mu.unlock()
	return m.left()
}

func (m *Mailbox[T, S]) left() (n [3]int) {
	if r := m.rare; r != nil {
		n[Cancel], n[Timed] = r.cancel.len(), r.timed.len()
	}
	if q := m.now(); q != nil {
		n[Ready] = q.depth()
	}
	return n
}

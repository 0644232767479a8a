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
	void := m.ready.void.load()
	at := m.ready.position()
	v[Ready].Depth = int(at - m.ready.freed - void)
	if p := m.ready.peek(); p != nil && m.opts.clocks != nil {
		v[Ready].Oldest = Mark(p.mark).At()
	}
	c.Taken[Ready], c.Handled[Ready], c.Refused[Ready] = m.taken, m.handled, m.refused.load()
	c.Sent[Ready] = at - void + c.Refused[Ready]
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
	n[Ready] = m.ready.depth()
	return n
}

package lanes

// entry is one queued message.
type entry[T any] struct {
	v        T
	deadline int64  // ns; Timed only
	order    uint64 // arrival; Timed only
	mark     Mark
}

// ring is a growing circular queue. It gives its memory back when it runs empty after having been large.
type ring[T any] struct {
	buf  []entry[T]
	head int
	n    int
}

const keep = 64 // entries whose memory an empty ring keeps

func (r *ring[T]) len() int { return r.n }

func (r *ring[T]) at(i int) *entry[T] { return &r.buf[(r.head+i)%len(r.buf)] }

func (r *ring[T]) push(e entry[T]) {
	if r.n == len(r.buf) {
		grown := make([]entry[T], max(2, 2*len(r.buf)))
		for i := range r.n {
			grown[i] = *r.at(i)
		}
		clear(r.buf) // it may lie in what goes on
		r.buf, r.head = grown, 0
	}
	r.buf[(r.head+r.n)%len(r.buf)] = e
	r.n++
}

func (r *ring[T]) pop() entry[T] {
	e := r.buf[r.head]
	r.buf[r.head] = entry[T]{}
	r.head = (r.head + 1) % len(r.buf)
	r.n--
	if r.n == 0 && len(r.buf) > keep {
		r.buf, r.head = nil, 0
	}
	return e
}

// remove takes out what matches.
func (r *ring[T]) remove(match func(T) bool) (n int) {
	for range r.n {
		e := r.pop()
		if match(e.v) {
			n++
			continue
		}
		r.push(e)
	}
	return n
}

func (r *ring[T]) oldest() int64 {
	if r.n == 0 {
		return 0
	}
	return r.at(0).mark.At()
}

func (r *ring[T]) drain() (out []T) {
	for r.n > 0 {
		out = append(out, r.pop().v)
	}
	return out
}

// heap orders by deadline, ties by arrival.
type heap[T any] struct {
	es    []entry[T]
	order uint64
}

func (h *heap[T]) len() int { return len(h.es) }

func (h *heap[T]) less(a, b int) bool {
	x, y := &h.es[a], &h.es[b]
	if x.deadline != y.deadline {
		return x.deadline < y.deadline
	}
	return x.order < y.order
}

func (h *heap[T]) push(e entry[T]) {
	if e.order == 0 {
		h.order++
		e.order = h.order
	}
	h.es = append(h.es, e)
	for i := len(h.es) - 1; i > 0; {
		up := (i - 1) / 2
		if !h.less(i, up) {
			return
		}
		h.es[i], h.es[up] = h.es[up], h.es[i]
		i = up
	}
}

func (h *heap[T]) pop() entry[T] {
	e, last := h.es[0], len(h.es)-1
	h.es[0] = h.es[last]
	h.es[last] = entry[T]{}
	h.es = h.es[:last]
	for i := 0; ; {
		least := i
		for _, c := range [2]int{2*i + 1, 2*i + 2} {
			if c < last && h.less(c, least) {
				least = c
			}
		}
		if least == i {
			break
		}
		h.es[i], h.es[least] = h.es[least], h.es[i]
		i = least
	}
	if last == 0 && cap(h.es) > keep {
		h.es = nil
	}
	return e
}

func (h *heap[T]) oldest() (at int64) {
	for i := range h.es {
		if s := h.es[i].mark.At(); at == 0 || s < at {
			at = s
		}
	}
	return at
}

// remove takes out what matches.
func (h *heap[T]) remove(match func(T) bool) (n int) {
	all := h.es
	h.es = nil
	for _, e := range all {
		if match(e.v) {
			n++
			continue
		}
		h.push(e)
	}
	return n
}

func (h *heap[T]) drain() (out []T) {
	for len(h.es) > 0 {
		out = append(out, h.pop().v)
	}
	return out
}

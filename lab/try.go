package lab

// tried is what happens after a prefix when v does, and then a step of each of these processes, as far as they can
// take one: where a step depends on what it sees, what it does in another place is found by doing it. nil: not even
// the first of them can.
func (x *explorer) tried(prefix, v []*event, procs ...int) []*event {
	r := x.start()
	w := r.w
	w.rec = nil
	defer w.end()
	clear(x.seen)
	for _, e := range prefix {
		x.take(w, e.proc, e)
	}
	out := make([]*event, 0, len(v)+len(procs))
	for _, f := range v {
		e := x.take(w, f.proc, nil)
		if e == nil {
			return nil
		}
		out = append(out, e)
	}
	for i, p := range procs {
		e := x.take(w, p, nil)
		if e == nil && i == 0 {
			return nil
		}
		if e != nil {
			out = append(out, e)
		}
	}
	return out
}

// take lets a process take its step: e, again, or a new one. nil: it cannot.
func (x *explorer) take(w *world, proc int, e *event) *event {
	x.ms = w.moves(x.ms)
	m, ok := find(x.ms, proc)
	if !ok || w.broken != "" {
		return nil
	}
	d := len(w.events)
	if w.replay = e != nil; !w.replay {
		e = &event{proc: proc, i: d}
		e.acc = e.buf[:0]
	}
	x.beat.enter(w, m)
	w.do(m, e)
	x.beat.leave()
	for len(x.seen) < len(x.book.names) {
		x.seen = append(x.seen, nil)
	}
	if !w.replay {
		x.order(e, w.events[:d], x.seen)
	}
	x.seen[proc] = e
	return e
}

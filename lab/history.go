package lab

import "fmt"

// remember adds to what p has seen.
func (w *world) remember(p *place, t took) {
	p.line = mix(p.line, w.book.value(t))
	if w.o.commute != nil || w.o.verbose {
		p.hist = append(p.hist, t)
	}
}

// answer adds what an effect of the handler under way was told, where that is not the usual.
func (w *world) answer(what string) {
	if w.cur != nil {
		w.remember(w.cur, took{note: "!" + what})
	}
}

// keyHistory is what was done to a key so far.
type keyHistory struct {
	line, reads uint64
	n           int
	text        []string
}

func (w *world) keyHistory(obj int32) *keyHistory {
	if w.history == nil {
		w.history = map[int32]*keyHistory{}
	}
	h := w.history[obj]
	if h == nil {
		h = &keyHistory{}
		w.history[obj] = h
	}
	return h
}

// seen notes a read, written a write of a key, by the step under way.
func (w *world) seen(obj int32) {
	if w.ev == nil {
		return
	}
	h := w.keyHistory(obj)
	by := w.stepName()
	h.reads += mix(mix(h.line, uint64(h.n)), by)
	if w.o.verbose {
		h.text = append(h.text, fmt.Sprintf("r%x@%d", by, h.n))
	}
}

func (w *world) written(obj int32) {
	h := w.keyHistory(obj)
	by := w.stepName()
	h.n++
	h.line = mix(h.line, by)
	if w.o.verbose {
		h.text = append(h.text, fmt.Sprintf("w%x", by))
	}
}

// stepName names the step under way by its process and its number there, the same in equivalent runs.
func (w *world) stepName() uint64 {
	n := 0
	for _, e := range w.events {
		if e.proc == w.ev.proc {
			n++
		}
	}
	return mix(hashOf(w.book.names[w.ev.proc]), uint64(n))
}

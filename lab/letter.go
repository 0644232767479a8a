package lab

import (
	"slices"
	"strings"

	"github.com/franken-node/fnode-supervisor/actors"
)

// fate is what a link does with a letter.
type fate uint8

const (
	arrives fate = iota
	drops        // it is lost
	doubles      // it arrives, and a copy of it later, anywhere behind
)

var fateNames = [...]string{"arrives", "drops", "doubles"}

// letter is a message in flight.
type letter struct {
	from, to *actors.Slot
	m        actors.Message
	link     *link
	n        int // on its link
	name     string
	proc     int
	by       *event
	fate     fate
	over     bool
	copy     bool
	body     *any
}

// faults says which letters of a run do not simply arrive, by name. That a letter is lost is no event: nobody can see
// when it happens. So each set of faults is explored for itself.
type faults map[string]fate

// schedule gives the faults as the first entries of a schedule.
func (f faults) schedule() (out []string) {
	for name, what := range f {
		out = append(out, fateNames[what]+" "+name)
	}
	slices.Sort(out)
	return out
}

// parseFault reads such an entry.
func parseFault(entry string) (name string, f fate, ok bool) {
	for f := drops; f <= doubles; f++ {
		if rest, ok := strings.CutPrefix(entry, fateNames[f]+" "); ok {
			return rest, f, true
		}
	}
	return "", arrives, false
}

// faultsOf takes the faults out of a schedule.
func faultsOf(schedule []string) (out faults) {
	for _, s := range schedule {
		if name, f, ok := parseFault(s); ok {
			out = out.plus(name, f)
		}
	}
	return out
}

// plus is one more fault.
func (f faults) plus(name string, what fate) faults {
	out := faults{name: what}
	for k, v := range f {
		out[k] = v
	}
	return out
}

func (f faults) count(what fate) (n int) {
	for _, v := range f {
		if v == what {
			n++
		}
	}
	return n
}

// letters are the messages in flight that may arrive: the oldest of each link, or any.
func (w *world) letters(ms []move) []move {
	for i, l := range w.flight {
		if !l.over && (w.unordered() || l.copy || !w.behind(i)) {
			ms = append(ms, move{proc: l.proc, letter: l})
		}
	}
	return ms
}

func (w *world) unordered() bool { return w.o.Model == Bag || w.o.Link.Reorder }

// behind says whether an older letter of the same link is in flight.
func (w *world) behind(i int) bool {
	for _, l := range w.flight[:i] {
		if !l.over && !l.copy && l.link.proc == w.flight[i].link.proc {
			return true
		}
	}
	return false
}

// post puts a letter in flight, or loses it.
func (w *world) post(l *letter) {
	if w.o.Link.faulty() {
		l.name = w.book.msgs[l.link.msgs[l.n-1]].name + " to " + l.link.to.path
		w.destine(l)
	}
	w.rec.posts(w, l)
	switch {
	case l.fate == drops:
		return
	case w.unordered():
		l.proc = l.link.letter(w.book, l.n)
	default:
		l.proc = l.link.proc // a link keeps its order
	}
	w.flight = append(w.flight, l)
}

// destine gives a letter the fate that the run has for it.
func (w *world) destine(l *letter) {
	if w.draw != nil {
		if f := w.draw(l); f != arrives {
			w.faults = w.faults.plus(l.name, f)
		}
	}
	w.posted = append(w.posted, l)
	if f, ok := w.faults[l.name]; ok {
		l.fate = f
		w.hits++
	}
}

// may says whether the letter can have that fate at all. A question is not doubled: its promise is one.
func (l *letter) may(f fate) bool {
	return f != doubles || !l.m.Question() && !l.m.Promised()
}

// arrive brings a letter and lets its receiver handle it, sends included, in the same step.
func (w *world) arrive(l *letter) {
	w.after(l.by)
	w.ev.cause = l.by
	l.over = true
	w.rec.meets(w, l)
	if l.fate == doubles && !l.copy {
		c := *l
		c.copy, c.over, c.by = true, false, w.ev
		c.proc = w.book.proc("copy of " + l.name)
		w.flight = append(w.flight, &c)
	}
	p := w.of[l.to]
	err := l.to.Accept(l.from, l.m)
	w.note(access{obj: l.link.to.box, kind: handle, body: l.body, refused: err != nil || l.to.Shut()})
	w.see.sent(w, l.to, l.m, err)
	w.rec.refused(l.link.to, err)
	if err != nil || p == nil {
		return
	}
	w.settle(p)
}

// nextFaults are the sets of faults with one more than the run had, among its letters and within the budget.
func (w *world) nextFaults() (out []faults) {
	for _, l := range w.posted {
		if _, has := w.faults[l.name]; has {
			continue
		}
		for f := drops; f <= doubles; f++ {
			if w.faults.count(f) < w.o.Link.budget(f) && l.may(f) {
				out = append(out, w.faults.plus(l.name, f))
			}
		}
	}
	return out
}

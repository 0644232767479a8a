package lab

import (
	"sort"
	"strings"

	"github.com/franken-node/fnode-supervisor/actors"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

// Read looks at the state as it is now.
func (w *world) Read(by *actors.Slot, key string) ([]byte, bool, error) {
	obj := w.book.key(key)
	w.pause(access{obj: obj, kind: look})
	w.note(access{obj: obj, kind: look})
	w.seen(obj)
	v, ok := w.disk[key]
	w.rec.reads(by, key, v, ok)
	return v, ok, nil
}

// List lists keys; for the lab it reads all of them.
func (w *world) List(by *actors.Slot, prefix string, limit int) (out []string, err error) {
	w.pause(access{})
	for k := range w.disk {
		if strings.HasPrefix(k, prefix) {
			out = append(out, k)
		}
	}
	sort.Strings(out)
	all := w.book.object("keys")
	w.note(access{obj: all, kind: look})
	for _, k := range out {
		w.note(access{obj: w.book.key(k), kind: look})
	}
	w.rec.lists(by, prefix, out)
	return out[:min(limit, len(out))], nil
}

// Commit submits; the committer decides and answers in a step of its own, in the order of submissions that are
// ordered.
func (w *world) Commit(by *actors.Slot, tx store.Tx, done func(store.Result)) {
	w.pause(access{})
	p := w.of[by]
	p.puts++
	w.writes = append(w.writes, &write{tx: tx, done: done, by: w.ev, at: p, proc: p.write(w.book, p.puts)})
	w.rec.submits(w, w.writes[len(w.writes)-1])
}

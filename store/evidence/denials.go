package evidence

import (
	"fmt"
	"slices"

	"github.com/franken-node/fnode-supervisor/store/marker"
)

// Denials are the repeated denials of one instance, counted: the body of a marker of the kind "denials". The first of
// them has an entry of its own.
type Denials struct {
	Path  string `cbor:"1,keyasint"` // of the instance
	What  string `cbor:"2,keyasint"` // was denied: a code, or a capability
	Count uint64 `cbor:"3,keyasint"` // of the ones after the first
	First int64  `cbor:"4,keyasint"` // ns since 1970, of the first that is counted
	Last  int64  `cbor:"5,keyasint"`
	From  int64  `cbor:"6,keyasint"` // the window: from the denial that has an entry of its own
	Until int64  `cbor:"7,keyasint"` // to where counting ended
}

// Encode gives the one encoding.
func (d *Denials) Encode() ([]byte, error) { return marker.Encode(d) }

// DecodeDenials reads denials of hostile origin.
func DecodeDenials(b []byte) (d Denials, err error) {
	if err := marker.Decode(b, &d); err != nil {
		return Denials{}, err
	}
	if d.Count == 0 || d.Path == "" || d.What == "" || d.From > d.First || d.First > d.Last || d.Last > d.Until {
		return Denials{}, fmt.Errorf("denials that cannot be: %d of %q, from %d to %d", d.Count, d.What, d.First, d.Last)
	}
	return d, nil
}

// Gatherer counts repeated denials of one instance (rule E1). It is a machine that is fed with time, in ns since 1970
// and never less than before, and has one owner.
//
//	alone, done := g.Denied(now, path, what) // write an entry if alone; write what is done
//	done = g.Due(now)                        // at g.Next(), which is zero while nothing is counted
type Gatherer struct {
	window int64
	most   int
	open   map[denied]*Denials
	order  []denied // as their windows end
}

type denied struct{ path, what string }

// NewGatherer makes one that counts for window ns after a denial that has an entry of its own, and for most instances
// at a time; the oldest makes room.
func NewGatherer(window int64, most int) *Gatherer {
	return &Gatherer{window: max(window, 1), most: max(most, 1), open: map[denied]*Denials{}}
}

// Denied takes a denial. alone: it is the first of its window, and has an entry of its own. done are counts to write.
func (g *Gatherer) Denied(now int64, path, what string) (alone bool, done []Denials) {
	done = g.Due(now)
	k := denied{path, what}
	if d := g.open[k]; d != nil {
		if d.Count++; d.Count == 1 {
			d.First = now
		}
		d.Last = now
		return false, done
	}
	if len(g.order) >= g.most {
		done = g.end(done, now)
	}
	g.open[k] = &Denials{Path: path, What: what, From: now}
	g.order = append(g.order, k)
	return true, done
}

// Due gives the counts whose window has ended.
func (g *Gatherer) Due(now int64) (done []Denials) {
	for len(g.order) > 0 && g.Next() <= now {
		done = g.end(done, g.Next())
	}
	return done
}

// Next is when the next window ends; zero: none is open.
func (g *Gatherer) Next() int64 {
	if len(g.order) == 0 {
		return 0
	}
	return g.open[g.order[0]].From + g.window
}

// Flush ends all windows.
func (g *Gatherer) Flush(now int64) (done []Denials) {
	for len(g.order) > 0 {
		done = g.end(done, min(now, g.Next()))
	}
	return done
}

// end ends the oldest window. One in which nothing was repeated leaves no count.
func (g *Gatherer) end(done []Denials, until int64) []Denials {
	k := g.order[0]
	d := g.open[k]
	g.order = slices.Delete(g.order, 0, 1)
	delete(g.open, k)
	if d.Count == 0 {
		return done
	}
	d.Until = max(until, d.Last)
	return append(done, *d)
}

package lab

import (
	"reflect"
	"sort"
	"strings"

	"github.com/franken-node/fnode-supervisor/actors"
)

// brute is the naive explorer: every order of every step, with a set of states that were seen. What it finds is
// what Explore has to find.
func brute(sc Scenario, o Options, most int) (traces map[string]bool, whole bool) {
	o, err := o.with(sc)
	if err != nil {
		panic(err)
	}
	o.verbose = true
	x := &explorer{sc: sc, o: o, book: newBook()}
	defer x.pool.end()
	traces = map[string]bool{}
	x.todo, x.planned = []faults{nil}, map[string]bool{}
	for len(x.todo) > 0 {
		x.faults, x.todo = x.todo[0], x.todo[1:]
		if !x.brute(traces, &most) {
			return traces, false
		}
	}
	return traces, true
}

// brute takes every order of every step under one set of faults.
func (x *explorer) brute(traces map[string]bool, most *int) (whole bool) {
	seen := map[uint64]bool{}
	var path []int
	for ; *most > 0; *most-- {
		r := x.start()
		w := r.w
		var width []int
		lines := map[int]uint64{}
		for d := 0; ; d++ {
			ms := append([]move(nil), w.moves(nil)...)
			if len(ms) == 0 {
				if w.hits == len(x.faults) {
					traces[w.text()] = true
					x.more(r)
				}
				break
			}
			if d >= len(path) {
				k := w.digest(lines)
				if seen[k] {
					break
				}
				seen[k] = true
				path = append(path, 0)
			}
			width = append(width, len(ms))
			e := &event{proc: ms[path[d]].proc, i: d}
			w.do(ms[path[d]], e)
			for len(x.last) < len(x.book.names) {
				x.last = append(x.last, nil)
			}
			if d == 0 {
				clear(x.last)
			}
			x.order(e, w.events[:d], x.last) // commits ask for causes
			x.last[e.proc] = e
			w.witness(e, lines)
		}
		w.end()
		path = path[:len(width)]
		for len(path) > 0 && path[len(path)-1]+1 >= width[len(path)-1] {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			return true
		}
		path[len(path)-1]++
	}
	return false
}

// witness adds to what each process has seen: the answers of its effects.
func (w *world) witness(e *event, lines map[int]uint64) {
	h := mix(lines[e.proc], 7)
	for _, a := range e.acc {
		h = mix(h, uint64(a.obj)<<8|uint64(a.kind))
		if a.refused || a.closing {
			h = mix(h, 3)
		}
		if k := w.history[a.obj]; a.kind == look && k != nil {
			h = mix(h, uint64(k.n))
		}
		if a.kind == heed {
			for _, p := range w.slots {
				if p.box == a.obj {
					h = mix(h, stateOf(w, reflect.ValueOf(p.slot).Elem().FieldByName("cell")))
				}
			}
		}
	}
	lines[e.proc] = h
}

// digest is the whole state: what every process has seen, and all that the kernel holds, read by reflection.
func (w *world) digest(lines map[int]uint64) (sum uint64) {
	for p, h := range lines {
		sum += mix(hashOf(w.book.names[p]), h)
	}
	for _, p := range w.slots {
		h := mix(p.line, stateOf(w, reflect.ValueOf(p.slot)))
		if p.co != nil {
			h = mix(h, 1)
		}
		if p.ready {
			h = mix(h, 2)
		}
		sum += mix(p.hash, h)
	}
	for _, a := range w.timers {
		if a.on {
			sum += mix(hashOf(w.book.names[a.proc]), 5)
		}
	}
	for _, x := range w.writes {
		if !x.over {
			sum += mix(hashOf(w.book.names[x.proc]), 6)
		}
	}
	for i, l := range w.flight {
		if !l.over {
			sum += mix(hashOf(w.book.names[l.proc]), uint64(w.ahead(i)))
		}
	}
	for k, v := range w.disk {
		sum += mix(hashOf(k), hashOf(string(v)))
	}
	return mix(sum, uint64(w.clock.UnixNano()))
}

// ahead counts the letters of the same link that are in flight before it.
func (w *world) ahead(i int) (n int) {
	for _, l := range w.flight[:i] {
		if !l.over && l.link.proc == w.flight[i].link.proc {
			n++
		}
	}
	return n
}

// masked are numbers that differ between equal states.
var masked = map[string]bool{
	"AskID": true, "MonitorID": true, "ObligationID": true, "RegionID": true, "ID": true, "Ticket": true, "TraceID": true, "Counts": true, "SlotStats": true, "Under": true,
}

// constant are fields that never change, or are not state.
var constant = map[string]bool{"sys": true, "opts": true, "stats": true, "since": true, "view": true, "host": true, "next": true, "id": true, "path": true, "name": true, "b": true}

var fieldCache = map[reflect.Type][]int{}

// fieldsOf lists the fields of a type that are state; -1-i is the tag of a message.
func fieldsOf(t reflect.Type) []int {
	if out, ok := fieldCache[t]; ok {
		return out
	}
	out := []int{}
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case strings.HasPrefix(t.Name(), "Mailbox[") && (f.Name == "ready" || f.Name == "opts" || f.Name == "past"): // see queued
		case constant[f.Name] || masked[f.Type.Name()] || strings.HasPrefix(f.Type.Name(), "word[") || f.Name == "n" && t.Name() != "Slot" && t.Name() != "watcher":
		case t == reflect.TypeFor[actors.Message]() && f.Name == "Tag":
			out = append(out, -1-i)
		default:
			out = append(out, i)
		}
	}
	fieldCache[t] = out
	return out
}

// stateOf hashes a value of the kernel down to the other slots, which are named.
func stateOf(w *world, v reflect.Value) uint64 {
	seen := map[uintptr]int{}
	var walk func(v reflect.Value, depth int) uint64
	walk = func(v reflect.Value, depth int) uint64 {
		h := uint64(v.Kind())
		t := v.Type()
		switch v.Kind() {
		case reflect.Bool:
			if v.Bool() {
				return 2
			}
			return 3
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			return mix(h, uint64(v.Int()))
		case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
			return mix(h, v.Uint())
		case reflect.String:
			return hashOf(v.String())
		case reflect.Interface:
			if v.IsNil() {
				return 4
			}
			return mix(hashOf(v.Elem().Type().String()), walk(v.Elem(), depth+1))
		case reflect.Pointer:
			switch {
			case v.IsNil():
				return 5
			case t == reflect.TypeFor[*actors.System]() || t == reflect.TypeFor[*Run]() || t == reflect.TypeFor[*robot]():
				return 6
			case t == reflect.TypeFor[*actors.Slot]() && depth > 0, t.Elem().Name() == "member":
				return hashOf(v.Elem().FieldByName("path").String())
			case t.Elem().Name() == "descendant":
				return hashOf(nameOf(v.Elem()))
			}
			if n, ok := seen[v.Pointer()]; ok {
				return mix(7, uint64(n))
			}
			seen[v.Pointer()] = len(seen)
			return walk(v.Elem(), depth+1)
		case reflect.Slice, reflect.Array:
			h = mix(h, uint64(v.Len()))
			for i := range v.Len() {
				h = mix(h, walk(v.Index(i), depth+1))
			}
			return h
		case reflect.Map:
			var all []uint64
			for it := v.MapRange(); it.Next(); {
				all = append(all, mix(walk(it.Key(), depth+1), walk(it.Value(), depth+1)))
			}
			sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
			for _, a := range all {
				h = mix(h, a)
			}
			return h
		case reflect.Struct:
			if to, is := lazy(v); is {
				return mix(h, walk(to, depth+1))
			}
			for _, i := range fieldsOf(t) {
				if i < 0 { // a message's tag
					h = mix(h, w.book.msgs[w.tags[v.Field(-1-i).Uint()].msg].hash)
					continue
				}
				if f := v.Field(i); t.Name() == "Handle" && t.Field(i).Name == "lodger" && !f.IsNil() { // a descendant in another's place
					h = mix(h, hashOf(nameOf(f.Elem())))
					continue
				}
				h = mix(h, walk(v.Field(i), depth+1))
			}
			if strings.HasPrefix(t.Name(), "turn[") { // the phase: who delivers
				return mix(h, v.FieldByName("w").FieldByName("v").FieldByName("v").Uint()&15)
			}
			if strings.HasPrefix(t.Name(), "Mailbox[") {
				p := v.FieldByName("ready").FieldByName("p") // an atomic pointer; nil: nothing is promised, and nothing waits
				q := reflect.NewAt(p.Type().Field(0).Type.Elem().Elem(), p.FieldByName("v").UnsafePointer())
				if q.IsNil() {
					return mix(h, uint64(v.FieldByName("opts").Elem().FieldByName("Ready").Int()))
				}
				q = q.Elem()
				seen := q.FieldByName("seen").Uint() // limit less what it knows of places given back: the bound less what is promised
				h = mix(h, q.FieldByName("limit").FieldByName("v").FieldByName("v").Uint()-seen)
				for _, at := range queued(q) {
					h = mix(h, walk(at.FieldByName("v"), depth+1))
				}
			}
			return h
		}
		return h
	}
	return walk(v, 0)
}

// nameOf is the name of a region: its own, or its owner's path.
func nameOf(region reflect.Value) string {
	if region.FieldByName("lodged").Bool() {
		return region.FieldByName("owner").Elem().Elem().FieldByName("slot").Elem().FieldByName("path").String()
	}
	return region.FieldByName("rest").Elem().FieldByName("name").String()
}

// lazy is what an atomic pointer leads to that is made when it is needed; before, it is as if it were there and zero.
func lazy(v reflect.Value) (to reflect.Value, is bool) {
	t := v.Type()
	if !strings.HasPrefix(t.Name(), "Pointer[") || t.PkgPath() != "sync/atomic" {
		return to, false
	}
	switch of := t.Field(0).Type.Elem().Elem(); of.Name() {
	case "extras", "holdings", "ending":
		p := reflect.NewAt(of, v.FieldByName("v").UnsafePointer())
		if p.IsNil() {
			return reflect.Zero(of), true
		}
		return p.Elem(), true
	}
	return to, false
}

// queued lists what waits in a Ready lane, which is reached by atomic pointers. Its positions are no state.
func queued(q reflect.Value) (out []reflect.Value) {
	behind := func(link reflect.Value) reflect.Value {
		p := link.FieldByName("p").FieldByName("v")
		return reflect.NewAt(q.FieldByName("head").Type().Elem(), p.UnsafePointer())
	}
	s, i := q.FieldByName("head"), int(q.FieldByName("deq").Uint())
	for ; !s.IsNil(); s, i = behind(s.Elem().FieldByName("succ")), 0 {
		for at := s.Elem().FieldByName("at"); i < at.Len(); i++ {
			mark := at.Index(i).FieldByName("mark").Uint()
			if mark == 0 {
				return out
			}
			if mark&4 == 0 { // it was not taken out again
				out = append(out, at.Index(i))
			}
		}
	}
	return out
}

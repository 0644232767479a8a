package lab

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"sort"
	"strings"
	"sync/atomic"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// stepLimit is how long a step may take in real time before its handler is called stuck.
var stepLimit = 10 * time.Second // written by tests only, before they explore

// heartbeat lets the watchdog see that steps end.
type heartbeat struct {
	n  atomic.Uint64         // odd while a step is under way; written by the explorer
	at atomic.Pointer[place] // whose handler runs; written by the explorer
}

func (h *heartbeat) enter(_ *world, m move) {
	h.at.Store(m.place)
	h.n.Add(1)
}

func (h *heartbeat) leave() { h.n.Add(1) }

// watch waits until done closes, or a step takes longer than the limit.
func (h *heartbeat) watch(done <-chan struct{}, limit time.Duration) error {
	tick := time.NewTicker(limit / 20)
	defer tick.Stop()
	last, since := h.n.Load(), time.Now()
	for {
		select {
		case <-done:
			return nil
		case <-tick.C:
		}
		n := h.n.Load()
		switch {
		case n != last || n%2 == 0:
			last, since = n, time.Now()
		case time.Since(since) > limit:
			who := "the world"
			if p := h.at.Load(); p != nil {
				who = p.path
			}
			return codes.New(codes.LabStuck, "the handler of %s made no step for %s", who, limit)
		}
	}
}

// auditor digests what a run does, so that two runs of one schedule can be compared.
type auditor struct {
	step  []uint64
	sum   uint64
	mine  map[string]bool // goroutines of coroutines, by number
	where string
}

func (a *auditor) message(body any) {
	if a != nil {
		a.sum = mix(a.sum, digestOf(body))
	}
}

func (a *auditor) stepped(b *book, e *event) {
	a.sum = mix(a.sum, hashOf(b.names[e.proc]))
	for _, c := range e.acc {
		a.sum = mix(a.sum, uint64(c.obj)<<16|uint64(c.kind)<<8|uint64(c.lane))
	}
	a.step = append(a.step, a.sum)
}

// ended adds what the run has come to: behaviours, views, the disk.
func (a *auditor) ended(w *world) uint64 {
	var sum uint64
	for _, p := range w.slots {
		h := mix(p.hash, digestOf(p.slot.Behaviour()))
		sum += mix(h, digestOf(p.slot.View().View))
	}
	for k, v := range w.disk {
		sum += mix(hashOf(k), hashOf(string(v)))
	}
	for _, f := range w.r.ends {
		sum = mix(sum, hashOf(f()))
	}
	return sum
}

// audit takes the newest schedule twice more, for the first 32 runs and then the 64th, 128th, 256th …: what differs is
// not decided by the schedule.
func (x *explorer) audit() {
	if n := x.res.Explored; n > 32 && n&(n-1) != 0 || x.res.escape != nil {
		return
	}
	x.res.escape = x.trials.compare(x.sc, x.o, x.schedule())
}

// trials are runs beside the exploration: they share their names and their coroutines.
type trials struct {
	book *book
	pool coroutines
	mine map[string]bool // goroutines of the coroutines, by number
}

// compare takes a schedule twice.
func (t *trials) compare(sc Scenario, o Options, schedule []string) error {
	if t.book == nil {
		t.book, t.mine = newBook(), map[string]bool{}
		t.pool.born = func() { t.mine[goroutine()] = true }
	}
	a, ok := t.take(sc, o, schedule)
	if !ok {
		return codes.New(codes.LabEscape, "%s leaves the lab's control: at step %d it does not go on as it did before", sc.Name, len(a.step))
	}
	if a.where != "" {
		return codes.New(codes.LabEscape, "%s leaves the lab's control: a goroutine is left over: %s", sc.Name, a.where)
	}
	b, _ := t.take(sc, o, schedule)
	for i := range a.step {
		if i >= len(b.step) || a.step[i] != b.step[i] {
			who := "the end of the run"
			if i < len(schedule) {
				who = schedule[i]
			}
			return codes.New(codes.LabEscape, "%s leaves the lab's control: the same schedule gave another state digest at step %d (%s): wall time, map order or randomness", sc.Name, i, who)
		}
	}
	return nil
}

// take takes one schedule with digests on.
func (t *trials) take(sc Scenario, o Options, schedule []string) (a *auditor, ok bool) {
	before := runtime.NumGoroutine() - len(t.pool.all)
	a = &auditor{mine: t.mine}
	r := newRun(sc, &o, t.book, &t.pool, faultsOf(schedule), nil)
	r.w.audit = a
	ok = r.follow(schedule, func(e *event, _ move) { a.stepped(t.book, e) })
	if ok {
		a.step = append(a.step, mix(a.sum, a.ended(r.w)))
	}
	r.w.end()
	if runtime.NumGoroutine() > before+len(t.pool.all) {
		a.where = a.leftOver()
	}
	return a, ok
}

// follow takes a schedule, process by process; false: a process could not go on.
func (r *Run) follow(schedule []string, took func(*event, move)) bool {
	w := r.w
	var ms []move
	for _, name := range schedule {
		if _, _, fault := parseFault(name); fault {
			continue // it was given to the run at its start
		}
		ms = w.moves(ms)
		m, ok := find(ms, w.book.proc(name))
		if !ok {
			return false
		}
		e := &event{proc: m.proc, i: len(w.events)}
		w.do(m, e)
		took(e, m)
	}
	return true
}

// goroutine is the number of the calling goroutine.
func goroutine() string {
	var buf [64]byte
	n := runtime.Stack(buf[:], false)
	f := bytes.Fields(buf[:n])
	return string(f[1])
}

// leftOver names a goroutine that a handler of the run started and that is still there.
func (a *auditor) leftOver() string {
	buf := make([]byte, 1<<20)
	for round := range 3 {
		left := ""
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			i := strings.LastIndex(g, "in goroutine ")
			if i < 0 {
				continue
			}
			by, _, _ := strings.Cut(g[i+len("in goroutine "):], "\n")
			if a.mine[strings.TrimSpace(by)] {
				from := g[strings.LastIndex(g[:i], "created by ")+len("created by ") : i]
				left = strings.TrimSpace(from)
			}
		}
		if left == "" {
			return ""
		}
		if round < 2 {
			runtime.Gosched()
		} else {
			return left
		}
	}
	return ""
}

// digestOf hashes a value by its structure: pointers are followed, maps are sorted, functions and channels count by
// presence. Values of the kernel count by what they export.
func digestOf(v any) uint64 {
	d := digester{left: 10_000}
	d.value(reflect.ValueOf(v), 0)
	return d.sum
}

type digester struct {
	sum  uint64
	left int
}

func (d *digester) add(v uint64) { d.sum = mix(d.sum, v) }

var (
	refType  = reflect.TypeFor[actors.Ref]()
	cxType   = reflect.TypeFor[*actors.Cx]()
	runType  = reflect.TypeFor[*Run]()
	exitType = reflect.TypeFor[actors.Exit]()
)

func (d *digester) value(v reflect.Value, depth int) {
	if d.left--; d.left < 0 || depth > 12 {
		return
	}
	if !v.IsValid() {
		d.add(1)
		return
	}
	d.add(uint64(v.Kind()))
	switch v.Kind() {
	case reflect.Bool:
		d.add(uint64(len(fmt.Sprint(v.Bool()))))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.add(uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		d.add(v.Uint())
	case reflect.Float32, reflect.Float64:
		d.add(hashOf(fmt.Sprint(v.Float())))
	case reflect.Complex64, reflect.Complex128:
		d.add(hashOf(fmt.Sprint(v.Complex())))
	case reflect.String:
		d.add(hashOf(v.String()))
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && v.Type() != cxType && v.Type() != runType {
			d.value(v.Elem(), depth+1)
		}
	case reflect.Slice, reflect.Array:
		d.add(uint64(v.Len()))
		for i := range v.Len() {
			d.value(v.Index(i), depth+1)
		}
	case reflect.Map:
		d.mapping(v, depth)
	case reflect.Struct:
		d.structure(v, depth)
	}
}

func (d *digester) mapping(v reflect.Value, depth int) {
	var all []uint64
	for it := v.MapRange(); it.Next(); {
		one := digester{left: min(d.left, 1000)}
		one.value(it.Key(), depth+1)
		one.value(it.Value(), depth+1)
		all = append(all, one.sum)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	for _, h := range all {
		d.add(h)
	}
}

const kernelPath = "github.com/franken-node/fnode-supervisor/"

// kernelRooms are the packages of which a value's private fields differ between equal runs: ids, locks, counters.
var kernelRooms = []string{"actors", "regions", "lanes", "obligations", "lab", "supervision"}

func (d *digester) structure(v reflect.Value, depth int) {
	t := v.Type()
	if t == refType {
		d.add(hashOf(v.FieldByName("slot").String()))
		if s := v.Field(0); !s.IsNil() {
			d.add(hashOf(s.Elem().FieldByName("path").String()))
		}
		return
	}
	kernel := false
	for _, room := range kernelRooms {
		kernel = kernel || t.PkgPath() == kernelPath+room
	}
	if strings.HasPrefix(t.PkgPath(), "sync") {
		return
	}
	for i := range t.NumField() {
		if f := t.Field(i); (!kernel || f.IsExported()) && (t != exitType || f.Name != "Stack") { // a stack has addresses
			d.value(v.Field(i), depth+1)
		}
	}
}

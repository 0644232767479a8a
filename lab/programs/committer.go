package programs

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/spec"
	store "github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// The committer of the store, explored (rules D1, D3, D5). Each goroutine of the driver in package store is an actor,
// and so is the disk; what decides is core.Committer itself. Nothing of the machine comes after its crash: who lives on
// hears nothing of the disk any more, so that whatever such an actor does could as well have come before the crash.

// intent is what somebody wants to commit, by its name: "W0.1".
type intent struct {
	name    string
	tx      store.Tx
	payload []byte // of its frame
}

// plan is what is the same in every run.
type plan struct {
	how   way
	all   []*intent // what is committed, in the order of writers; the first is in the stream from the beginning
	mine  [][]*intent
	after after
}

func newPlan(n, k int, how way) *plan {
	p := &plan{how: how, all: []*intent{{name: "first", tx: store.Tx{Set: []store.KV{{Key: "token", Value: []byte(firstToken)}}}}}}
	p.after.known = map[[32]byte][]found{}
	for i := range n {
		var mine []*intent
		for j := range k {
			mine = append(mine, intends(i, j+1))
		}
		p.mine, p.all = append(p.mine, mine), append(p.all, mine...)
	}
	for _, it := range p.all {
		it.tx.Kind = "kv"
		it.encode()
	}
	return p
}

// machine is one run: the actors, and what the checks look at.
type machine struct {
	*cast
	*plan
	said     map[string]store.Result
	seqs     map[string]uint64 // that the committer gave, written by C
	reads    []reading
	applied  uint64 // the last sequence in the derived state, written by A
	found    []found
	waits    bool // something was asked of the disk after the crash, written by D
	unsynced bool // something written at the crash was not synced, written by D
	largest  int  // group, written by C
}

// The messages. What a message holds is not changed any more.
type (
	submit struct{ it *intent }
	answer struct{ store.Item }
	write  struct { // bytes to the disk
		off   int64
		bytes []byte
	}
	syncing struct{}
	durable struct{ err error }
	apply   struct {
		items []store.Item
		mark  *marker.Witness
	}
	applied struct{ items []store.Item }
	mark    struct{ w *marker.Witness } // to the keeper
	publish struct{ bytes []byte }
	look    struct {
		from string
		told uint64 // the sequence that was acknowledged to the reader
	}
	reading struct { // what the state holds
		look
		a, b string
		seq  uint64 // that it has come to
	}
)

func names(items []store.Item) (s string) {
	for _, it := range items {
		s += " " + it.Tag.(*intent).name
	}
	return s
}

// String is what traces and charts show; likewise below.
func (s submit) String() string  { return "commit " + s.it.name }
func (w write) String() string   { return fmt.Sprintf("write %d bytes at %d", len(w.bytes), w.off) }
func (syncing) String() string   { return "sync" }
func (a apply) String() string   { return "apply" + names(a.items) }
func (a applied) String() string { return "applied" + names(a.items) }
func (m mark) String() string    { return fmt.Sprintf("mark %d", m.w.Seq) }
func (publish) String() string   { return "publish" }
func (look) String() string      { return "read" }
func (v reading) String() string { return fmt.Sprintf("a=%s b=%s at %d", v.a, v.b, v.seq) }
func (d durable) String() string {
	if d.err != nil {
		return "not durable"
	}
	return "durable"
}

func (a answer) String() string {
	if a.Err != nil {
		return names([]store.Item{a.Item})[1:] + " refused"
	}
	return fmt.Sprintf("%s is commit %d", a.Tag.(*intent).name, a.Seq)
}

// Committer gives a scenario: n writers commit k times each through the store's committer, and the machine crashes once, at any time.
// W0 writes while the token is t0; W1 hands the token over and writes on under t1; W2 writes without a condition; W3
// creates what W2 writes. how is a key of ways: what is left out, or the one thing that the driver does wrong; "": nothing.
func Committer(n, k int, how string) lab.Scenario {
	name := fmt.Sprintf("committer(%d,%d)", n, k)
	if how != "" {
		name = fmt.Sprintf("committer(%d,%d,%s)", n, k, how)
	}
	p := newPlan(n, k, ways[how])
	return lab.Scenario{Name: name, Doc: p.how.doc, Local: true, Commute: apart, Setup: func(r *lab.Run) {
		m := &machine{cast: newCast(r), plan: p, said: map[string]store.Result{}, seqs: map[string]uint64{}}
		d := newDriver(m)
		m.play("C", nil, d.hears)
		newDisk(m, d.first).plays()
		m.applier()
		if !p.how.bare {
			m.play("K", nil, func(cx *actors.Cx, msg any) { m.tell(cx, "D", publish{witnessFile(msg.(mark).w)}) })
			m.play("R", func(cx *actors.Cx) { m.tell(cx, "A", look{from: "R"}) }, m.reading)
		}
		if p.how.fails {
			m.play("F", func(cx *actors.Cx) { m.tell(cx, "D", fail{}) }, nil)
		}
		for i := range n {
			m.writer(i)
		}
		m.play("X", func(cx *actors.Cx) { m.tell(cx, "D", crash{}) }, nil)
		m.checks()
	}}
}

// apart declares that reads commute, and that the two files of the disk are independent of each other.
func apart(a, b any) bool {
	_, read := a.(look)
	_, too := b.(look)
	return read && too || onSegment(a) && onWitness(b) || onWitness(a) && onSegment(b)
}

func onWitness(msg any) bool { _, ok := msg.(publish); return ok }

func onSegment(msg any) bool {
	switch msg.(type) {
	case write, syncing, fail:
		return true
	}
	return false
}

const firstToken, nextToken = "t0", "t1"

// intends makes what writer i commits at its j-th time, from 1.
func intends(i, j int) *intent {
	it := &intent{name: fmt.Sprintf("W%d.%d", i, j)}
	token := func(t string) []store.Cond { return []store.Cond{{Key: "token", Value: []byte(t)}} }
	both := []store.KV{{Key: "a", Value: []byte(it.name)}, {Key: "b", Value: []byte(it.name)}}
	switch {
	case i == 0:
		it.tx = store.Tx{If: token(firstToken), Set: both}
	case i == 1 && j == 1:
		it.tx = store.Tx{If: token(firstToken), Set: []store.KV{{Key: "token", Value: []byte(nextToken)}}}
	case i == 1:
		it.tx = store.Tx{If: token(nextToken), Set: both}
	case i == 2:
		it.tx = store.Tx{Set: []store.KV{{Key: "c", Value: []byte(it.name)}}}
	default:
		it.tx = store.Tx{If: []store.Cond{{Key: "c", Absent: true}}, Set: []store.KV{{Key: "c", Value: []byte(it.name)}}}
	}
	it.tx.Set = append(it.tx.Set, store.KV{Key: "room", Value: make([]byte, 180)}) // frames that span sectors
	return it
}

// encode makes the payload, as the driver of production does.
func (it *intent) encode() {
	p := marker.Payload{Actor: it.name}
	for _, kv := range it.tx.Set {
		p.Set = append(p.Set, marker.Pair{Key: cbor.ByteString(kv.Key), Value: kv.Value})
	}
	it.payload = must(marker.Encode(&p))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// writer plays W with number i: those with conditions on a token that they take over wait for each answer, the others
// for none. Its first acknowledged commit it looks for in the state.
func (m *machine) writer(i int) {
	me, left, looked := nth("W", i), m.mine[i], false
	send := func(cx *actors.Cx, most int) {
		for ; most > 0 && len(left) > 0; most, left = most-1, left[1:] {
			m.tell(cx, "C", submit{left[0]})
		}
	}
	atOnce := len(left)
	if i == 1 {
		atOnce = 1
	}
	m.play(me, func(cx *actors.Cx) { send(cx, atOnce) }, func(cx *actors.Cx, msg any) {
		a, ok := msg.(answer)
		if !ok {
			m.reading(cx, msg)
			return
		}
		m.said[a.Tag.(*intent).name] = store.Result{Seq: a.Seq, Err: a.Err}
		if i == 0 && a.Err == nil && !looked {
			looked = true
			m.tell(cx, "A", look{me, a.Seq})
		}
		send(cx, 1)
	})
}

// reading notes what was read.
func (m *machine) reading(_ *actors.Cx, msg any) { m.reads = append(m.reads, msg.(reading)) }

// applier plays A, with the derived state.
func (m *machine) applier() {
	state := map[string]string{}
	m.play("A", nil, func(cx *actors.Cx, msg any) {
		switch g := msg.(type) {
		case apply:
			for _, it := range g.items {
				writes(state, it.Tx)
				m.applied = it.Seq
			}
			m.tell(cx, "C", applied{g.items})
			if g.mark != nil {
				m.tell(cx, "K", mark{g.mark})
			}
		case look:
			m.tell(cx, g.from, reading{g, state["a"], state["b"], m.applied})
		}
	})
}

func writes(state map[string]string, tx store.Tx) {
	for _, kv := range tx.Set {
		state[kv.Key] = string(kv.Value)
	}
	for _, k := range tx.Delete {
		delete(state, k)
	}
}

// mirror is the applied state as C knows it: that of the groups of which it has heard that they are applied.
type mirror map[string]string

// Get looks a key up.
func (s mirror) Get(key string) ([]byte, bool, error) {
	v, ok := s[key]
	return []byte(v), ok, nil
}

// Usage is for quotas, of which there are none.
func (s mirror) Usage(string, func(string) bool) (bytes, keys int64, err error) {
	return 0, 0, errors.New("nobody asks")
}

// driver is C: it carries out what core.Committer says, and decides nothing.
type driver struct {
	m      *machine
	core   *store.Committer
	state  mirror
	queue  []store.Item
	first  []byte // of the segment: the header and the first frame
	off    int64  // behind the last frame
	place  marker.Place
	range_ mmr.Accumulator
	done   map[string]bool // commands that were carried out
	early  int             // groups that were applied and are not known to be durable
}

var ledgerID = marker.TagOf("lab")

func newDriver(m *machine) *driver {
	d := &driver{m: m, state: mirror{"token": firstToken}, done: map[string]bool{}}
	h := marker.Header{Store: ledgerID, First: 1}
	d.first = h.Append(nil)
	d.first = d.frame(d.first, 0, m.all[0])
	d.off = int64(len(d.first))
	m.seqs[m.all[0].name], m.applied = 1, 1
	d.core = store.NewCommitter(d.state, 1)
	return d
}

// frame appends the next frame of the stream.
func (d *driver) frame(b []byte, synced uint64, it *intent) []byte {
	m := marker.Marker{
		Kind: spec.RecordNamed("kv").Code, Seq: d.place.Seq + 1, Prev: d.place.ID, Time: int64(d.place.Seq), Actor: marker.TagOf(it.name),
		Digest: marker.DigestOf(it.payload), Length: uint32(len(it.payload)),
	}
	b = marker.AppendFrame(b, (&marker.Header{Store: ledgerID}).Seed(), &m, synced, it.payload)
	d.place = marker.Place{Seq: m.Seq, ID: m.ID(), Time: m.Time}
	d.range_.Add(nil, mmr.Hash(d.place.ID))
	return b
}

// mark is the witness of the stream as it was appended.
func (d *driver) mark() *marker.Witness {
	return &marker.Witness{Store: ledgerID, Seq: d.place.Seq, Head: d.place.ID, Root: marker.ID(d.range_.Root()), Time: d.place.Time}
}

func (d *driver) hears(cx *actors.Cx, msg any) {
	switch g := msg.(type) {
	case submit:
		if !d.m.how.outside || d.tokenHolds(cx, &g) {
			d.queue = append(d.queue, store.Item{Tx: g.it.tx, Tag: g.it})
		}
	case durable:
		if g.err != nil && d.m.how.again {
			d.m.tell(cx, "D", syncing{})
			break
		}
		d.do(cx, d.core.Durable(g.err))
	case applied:
		for _, it := range g.items {
			writes(d.state, it.Tx)
		}
		d.early++
	}
	if d.early > 0 && d.core.Behind() > 0 {
		d.early--
		d.do(cx, d.core.Applied(nil))
	}
	if group := d.queue; len(group) > 0 && d.core.Idle() {
		d.queue = nil
		d.do(cx, d.core.Take(group, store.Level{}))
	}
}

// do carries out commands. What a wrong way has done too early is not done again.
func (d *driver) do(cx *actors.Cx, out []store.Do) {
	if d.m.how.order != nil {
		out = d.m.how.order(out)
	}
	for _, c := range out {
		switch c.Command {
		case store.Append:
			d.append(cx, c.Items)
		case store.Sync:
			d.m.tell(cx, "D", syncing{})
		case store.Apply:
			if d.once("apply" + names(c.Items)) {
				g := apply{items: c.Items}
				if !d.m.how.witness && !d.m.how.bare {
					g.mark = d.mark()
				}
				d.m.tell(cx, "A", g)
			}
		case store.Answer:
			for _, it := range c.Items {
				if name := it.Tag.(*intent).name; d.once("answer " + name) {
					d.m.tell(cx, name[:2], answer{it})
				}
			}
		}
	}
}

func (d *driver) once(what string) bool {
	was := d.done[what]
	d.done[what] = true
	return !was
}

func (d *driver) append(cx *actors.Cx, items []store.Item) {
	var b []byte
	synced := d.place.Seq
	d.m.largest = max(d.m.largest, len(items))
	for _, it := range items {
		d.m.seqs[it.Tag.(*intent).name] = it.Seq
		b = d.frame(b, synced, it.Tag.(*intent))
	}
	d.m.tell(cx, "D", write{d.off, b})
	d.off += int64(len(b))
	if d.m.how.witness {
		d.m.tell(cx, "K", mark{d.mark()})
	}
}

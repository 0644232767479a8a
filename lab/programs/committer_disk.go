package programs

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	store "github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/fs"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// crash ends the machine.
type crash struct{}

func (crash) String() string { return "crash" }

// fail lets the next sync of the segment fail.
type fail struct{}

func (fail) String() string { return "fail" }

const (
	segment = "markers/0000000000000001.seg"
	witness = "WITNESS"
)

// seeds are what crashes keep of what was not synced: nothing, all, and four draws.
var seeds = []uint64{fs.LoseAll, fs.KeepAll, 1, 2, 3, 4}

// disk is D, with the file system. What it did can be done again, so that a crash in the midst of it is seen.
type disk struct {
	m     *machine
	fs    *fs.Mem
	seg   []any // write, syncing, in order
	wit   []any // publish, in order
	first []byte
	down  bool
	fails bool // the next sync
}

func newDisk(m *machine, first []byte) *disk {
	d := &disk{m: m, first: first}
	d.fs = d.lay()
	return d
}

// lay makes the file system that the machine starts with: a segment with its room and the first frame, and the witness.
func (d *disk) lay() *fs.Mem {
	f := fs.NewMem()
	try(f.MkdirAll("markers"))
	try(f.SyncDir("/"))
	seg := must(f.Create(segment))
	try(seg.Allocate(int64(512 * (len(d.m.all) + 1))))
	must(seg.WriteAt(d.first, 0))
	try(seg.Sync())
	try(f.SyncDir("markers"))
	w := marker.Witness{Store: ledgerID}
	w.Root = marker.ID((&mmr.Accumulator{}).Root())
	try(fs.Publish(f, witness, witnessFile(&w)))
	return f
}

func try(err error) {
	if err != nil {
		panic(err)
	}
}

func witnessFile(w *marker.Witness) []byte { return must(w.AppendFile(nil)) }

func (d *disk) plays() {
	d.m.play("D", nil, func(cx *actors.Cx, msg any) {
		switch {
		case d.down:
			d.m.waits = true
		case msg == any(crash{}):
			d.down = true
			d.m.found = d.m.after.crash(d)
			if n := len(d.seg); n > 0 {
				_, d.m.unsynced = d.seg[n-1].(write)
			}
		case msg == any(fail{}):
			d.fails = true
		default:
			d.does(cx, msg)
		}
	})
}

func (d *disk) does(cx *actors.Cx, msg any) {
	_, sync := msg.(syncing)
	if sync && d.fails {
		d.fails, msg = false, fail{}
	}
	err := do(d.fs, msg)
	if (err != nil) != (msg == any(fail{})) {
		panic(err)
	}
	if onWitness(msg) {
		d.wit = append(d.wit, msg)
	} else {
		d.seg = append(d.seg, msg)
	}
	if sync {
		d.m.tell(cx, "C", durable{err})
	}
}

// do does what D is asked for. A fail is a sync that does.
func do(f *fs.Mem, msg any) (err error) {
	if p, ok := msg.(publish); ok {
		return fs.Publish(f, witness, p.bytes)
	}
	var disk fs.FS = f
	_, fails := msg.(fail)
	if fails {
		disk = fs.NewFaults(f, func(c fs.Call) error {
			if c.Op == fs.OpSync {
				return unix.EIO
			}
			return nil
		})
	}
	seg, err := disk.OpenRW(segment)
	if err != nil {
		return err
	}
	if w, ok := msg.(write); ok {
		_, err = seg.WriteAt(w.bytes, w.off)
		return err
	}
	return seg.Sync()
}

// after is what is found after crashes, by what the disk has done: it is the same in every run that did the same.
type after struct {
	mu    sync.Mutex
	known map[[32]byte][]found // guarded by mu
}

func (a *after) crash(d *disk) []found {
	h := sha256.New()
	for _, msg := range d.did() {
		fmt.Fprintf(h, "%T %v\n", msg, msg)
		switch w := msg.(type) {
		case write:
			h.Write(w.bytes)
		case publish:
			h.Write(w.bytes)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	key := [32]byte(h.Sum(nil))
	all, ok := a.known[key]
	if !ok {
		all = d.crashes()
		a.known[key] = all
	}
	return all
}

// crashes is what may be found after a crash now. That may have been in the midst of what was last done to a file,
// unless somebody has heard that it is done, as of a sync.
func (d *disk) crashes() (all []found) {
	for _, s := range seeds {
		all = append(all, d.m.recovered(d.fs.Crash(s), fmt.Sprintf("seed %d", s)))
	}
	if n := len(d.seg); n > 0 {
		if w, last := d.seg[n-1].(write); last {
			all = append(all, d.torn(append(slices.Clone(d.wit), d.seg[:n-1]...), w)...)
		}
	}
	if n := len(d.wit); n > 0 {
		all = append(all, d.torn(append(slices.Clone(d.seg), d.wit[:n-1]...), d.wit[n-1])...)
	}
	return all
}

// did is what D did: the order between the two files cannot be seen.
func (d *disk) did() []any { return append(slices.Clone(d.seg), d.wit...) }

// torn is what may be found after a crash in the midst of last, of which nobody has heard.
func (d *disk) torn(before []any, last any) (all []found) {
	f := d.lay()
	redo := func() {
		for _, msg := range before {
			if err := do(f, msg); err != nil && !errors.Is(err, unix.EIO) {
				panic(err)
			}
		}
	}
	redo()
	from := f.Ops()
	try(do(f, last))
	for i := range min(f.Ops()-from, 8) { // a publication is five changes
		f = d.lay()
		f.StopAt(from+i+1, fs.Torn)
		redo()
		if err := do(f, last); !errors.Is(err, fs.ErrCrashed) {
			panic(err)
		}
		for _, s := range seeds[1:4] {
			all = append(all, d.m.recovered(f.Crash(s), fmt.Sprintf("%s torn at change %d, seed %d", last, i+1, s)))
		}
	}
	return all
}

// found is what a start after the crash finds.
type found struct {
	how    string
	frames []*intent // in order: frame i has the sequence i+1, which Walk checks
	damage error     // it does not open
	short  error     // the stream is not what the witness saw
	fenced error     // something under the old token stands behind its hand-over
	unmet  error     // a condition does not hold where its commit stands
}

// recovered reads the stream and holds it against the witness, as the store does when it opens.
func (m *machine) recovered(f *fs.Mem, how string) (r found) {
	r.how = how
	w, err := marker.ParseWitness(content(f, witness))
	if err != nil {
		r.damage = fmt.Errorf("the witness: %w", err)
		return r
	}
	b := content(f, segment)
	h, err := marker.ParseHeader(b)
	if err != nil {
		r.damage = fmt.Errorf("the segment: %w", err)
		return r
	}
	var all mmr.Accumulator
	same := w.Seq == 0
	head, tail, err := marker.Walk(b, h, func(_ int, fr *marker.Frame, id marker.ID) error {
		it := m.wrote(fr)
		if it == nil {
			return fmt.Errorf("marker %d is no whole commit of anybody", fr.Seq)
		}
		r.frames = append(r.frames, it)
		all.Add(nil, mmr.Hash(id))
		if fr.Seq == w.Seq {
			same = id == w.Head && marker.ID(all.Root()) == w.Root
		}
		return nil
	})
	switch {
	case err != nil:
		r.damage = err
	case tail.Damage:
		r.damage = fmt.Errorf("at %d: %w", tail.At, tail.Bad)
	case head.Seq < w.Seq:
		r.short = fmt.Errorf("the stream ends with marker %d, its witness saw %d", head.Seq, w.Seq)
	case !same:
		r.short = fmt.Errorf("marker %d is not the one that the witness saw", w.Seq)
	}
	r.fenced, r.unmet = fenced(r.frames), unmet(r.frames)
	return r
}

func content(f *fs.Mem, name string) []byte {
	file := must(f.Open(name))
	b := make([]byte, must(file.Size()))
	must(file.ReadAt(b, 0))
	return b
}

// wrote is what the frame says in full; nil: nothing that anybody meant.
func (m *machine) wrote(fr *marker.Frame) *intent {
	i := slices.IndexFunc(m.all, func(it *intent) bool { return string(it.payload) == string(fr.Payload) })
	if i < 0 {
		return nil
	}
	return m.all[i]
}

// checks say what must hold, whatever a crash has left, and what was met.
func (m *machine) checks() {
	m.r.Check("DAMAGED", m.damaged)
	m.r.Check("SHORT", m.each(func(f found) error { return f.short }))
	m.r.Check("LOST", m.each(m.lost))
	m.r.Check("REFUSED", m.each(m.refused))
	m.r.Check("ORDER", m.each(m.order))
	m.r.Check("FENCED", m.each(func(f found) error { return f.fenced }))
	m.r.Check("CONDITIONS", m.each(func(f found) error { return f.unmet }))
	m.r.Check("AHEAD", m.each(m.ahead))
	m.r.Check("SEEN", m.each(m.seen))
	m.r.Check("UNREAD", m.unread)
	m.r.Finally("every commit is answered", func() bool { return m.waits || len(m.said) == len(m.all)-1 })
	for _, v := range []struct {
		verdict string
		met     func() bool
	}{
		{"crash before a sync", func() bool { return m.unsynced }},
		{"a group of several", func() bool { return m.largest > 1 }},
		{"a refusal", func() bool { return m.answered(base.EffectNone) }},
		{"an unknown outcome", func() bool { return m.answered(base.EffectUnknown) }},
	} {
		m.r.AtEnd(func() string {
			if v.met() {
				return v.verdict
			}
			return ""
		})
	}
}

// answered says whether somebody got an error of that outcome.
func (m *machine) answered(o base.Effect) bool {
	return slices.ContainsFunc(m.all, func(it *intent) bool { return failed(m.said[it.name].Err, o) })
}

func failed(err error, o base.Effect) bool {
	c := codes.From(err)
	return c != nil && c.Effect == o
}

// damaged: whatever a crash leaves can be opened.
func (m *machine) damaged() error {
	if len(m.found) == 0 {
		return errors.New("the machine did not crash")
	}
	for _, f := range m.found {
		if f.damage != nil {
			return fmt.Errorf("after a crash, %s: %w", f.how, f.damage)
		}
	}
	return nil
}

// each checks everything that a crash may leave, where it can be opened.
func (m *machine) each(ok func(found) error) func() error {
	return func() error {
		for _, f := range m.found {
			if f.damage != nil {
				continue
			}
			if err := ok(f); err != nil {
				return fmt.Errorf("after a crash, %s: %w", f.how, err)
			}
		}
		return nil
	}
}

// lost: every acknowledged commit is there.
func (m *machine) lost(f found) error {
	for _, it := range m.all {
		r, told := m.said[it.name]
		if n := int(r.Seq); told && r.Err == nil && (n > len(f.frames) || f.frames[n-1] != it) {
			return fmt.Errorf("%s was acknowledged as commit %d, and is not there: the stream has %d", it.name, n, len(f.frames))
		}
	}
	return nil
}

// refused: nothing that was refused is there.
func (m *machine) refused(f found) error {
	for i, it := range f.frames {
		if failed(m.said[it.name].Err, base.EffectNone) {
			return fmt.Errorf("%s was refused, and is marker %d", it.name, i+1)
		}
	}
	return nil
}

// order: the order of the stream is that of the sequences that the committer gave.
func (m *machine) order(f found) error {
	for i, it := range f.frames {
		if m.seqs[it.name] != uint64(i)+1 {
			return fmt.Errorf("%s is commit %d, and marker %d", it.name, m.seqs[it.name], i+1)
		}
	}
	return nil
}

// fenced: nothing under the old token stands behind its hand-over.
func fenced(frames []*intent) error {
	over := ""
	for _, it := range frames {
		if over != "" && len(it.tx.If) > 0 && string(it.tx.If[0].Value) == firstToken {
			return fmt.Errorf("%s, under %s, stands behind %s, which handed the token over", it.name, firstToken, over)
		}
		if kv := it.tx.Set[0]; kv.Key == "token" && string(kv.Value) == nextToken {
			over = it.name
		}
	}
	return nil
}

// unmet: the conditions of each commit hold where it stands.
func unmet(frames []*intent) error {
	state := mirror{}
	for i, it := range frames {
		if err := store.Decide(state, it.tx); err != nil {
			return fmt.Errorf("%s is marker %d: %w", it.name, i+1, err)
		}
		writes(state, it.tx)
	}
	return nil
}

// ahead: the derived state has nothing that the stream has not.
func (m *machine) ahead(f found) error {
	if n := len(f.frames); m.applied > uint64(n) {
		return fmt.Errorf("the state has commit %d, the stream ends with %d", m.applied, n)
	}
	return nil
}

// seen: what anybody read is there.
func (m *machine) seen(f found) error {
	for _, v := range m.reads {
		if v.a != "" && !slices.ContainsFunc(f.frames, func(it *intent) bool { return it.name == v.a }) {
			return fmt.Errorf("%s read %s, which is not in the stream", v.from, v.a)
		}
	}
	return nil
}

// unread: whoever was told of a commit reads it, and nobody reads the half of one.
func (m *machine) unread() error {
	for _, v := range m.reads {
		switch {
		case v.a != v.b:
			return fmt.Errorf("%s read a=%s and b=%s, which are written together", v.from, v.a, v.b)
		case v.seq < v.told:
			return fmt.Errorf("%s was told of commit %d, and read the state as of %d", v.from, v.told, v.seq)
		}
	}
	return nil
}

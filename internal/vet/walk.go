package vet

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// Limits of one walk. A walk that meets one reports nothing: it does not know.
const (
	maxSteps = 150_000
	maxDepth = 6
)

// walk follows one obligation through all paths of a root function.
type walk struct {
	*tables
	p    *program
	kind *kind
	typ  types.Type      // of the obligation, where it comes in a message
	at   ssa.Instruction // that takes it; nil: a parameter or a message does
	way  map[*ssa.Function]bool
	lost []exit // paths on which it is taken again, or its holder is dropped, while it is open

	steps  int
	done   bool // some path resolves it
	gaveUp bool
	stack  []*ssa.Function
	shapes map[*ssa.Function]*shape
}

// shape is what a walk has to know of a function beforehand.
type shape struct {
	live  map[*ssa.BasicBlock]map[ssa.Value]bool
	index map[ssa.Value]int
}

func (w *walk) shape(fn *ssa.Function) *shape {
	s := w.shapes[fn]
	if s == nil {
		s = &shape{live(fn), numbered(fn)}
		w.shapes[fn] = s
	}
	return s
}

// exit is a path that leaves a function.
type exit struct {
	st      *state
	results []value
	tr      *step
	at      token.Pos
}

// frame is one function under way.
type frame struct {
	*walk
	fn    *ssa.Function
	depth int
	*shape
	entry *state
	queue []node
	seen  map[string]bool
	exits []exit
	ends  map[string]bool
}

type node struct {
	b  *ssa.BasicBlock
	i  int
	st *state
	tr *step
}

// run walks fn from st, whose env is that of the frame to be, and gives the paths that leave it with the obligation
// not done.
func (w *walk) run(fn *ssa.Function, st *state, tr *step) []exit {
	f := &frame{
		walk: w, fn: fn, depth: len(w.stack), shape: w.shape(fn), entry: st.clone(),
		seen: map[string]bool{}, ends: map[string]bool{},
	}
	w.stack = append(w.stack, fn)
	defer func() { w.stack = w.stack[:len(w.stack)-1] }()
	outer := st.defers
	st.defers = nil
	f.enter(nil, fn.Blocks[0], st, tr)
	for len(f.queue) > 0 && !w.gaveUp {
		n := f.queue[0]
		f.queue = f.queue[1:]
		f.block(n)
	}
	for i := range f.exits {
		f.exits[i].st.defers = outer
	}
	return f.exits
}

// enter goes into a block by an edge, unless it was entered in the same state.
func (f *frame) enter(from, to *ssa.BasicBlock, st *state, tr *step) {
	first := 0
	if from != nil {
		first = f.phis(from, to, st)
	}
	f.prune(to, st)
	key := string(rune(to.Index)) + st.key(f.index)
	if f.seen[key] {
		return
	}
	f.seen[key] = true
	f.queue = append(f.queue, node{to, first, st, tr})
}

func (f *frame) phis(from, to *ssa.BasicBlock, st *state) (n int) {
	pred := -1
	for i, p := range to.Preds {
		if p == from {
			pred = i
		}
	}
	var vals []value
	for _, in := range to.Instrs {
		p, ok := in.(*ssa.Phi)
		if !ok {
			break
		}
		vals = append(vals, f.get(st, p.Edges[pred]))
		n++
	}
	for i, v := range vals {
		st.env[slot{to.Instrs[i].(*ssa.Phi), -1}] = v
	}
	return n
}

// prune forgets what nothing can ask for any more, so that paths meet again.
func (f *frame) prune(b *ssa.BasicBlock, st *state) {
	alive := f.live[b]
	cells, syms := map[int32]bool{}, map[int32]bool{}
	var mark func(v value)
	mark = func(v value) {
		switch v.kind {
		case symbol, test, memory:
			syms[v.id] = true
		case cell, pack:
			if !cells[v.id] {
				cells[v.id] = true
				for at, c := range st.heap {
					if at.cell == v.id {
						mark(c)
					}
				}
			}
		case closure:
			for _, c := range f.closures[v.id].binds {
				mark(c)
			}
		}
	}
	for at, v := range st.env {
		if !alive[at.v] {
			delete(st.env, at)
			continue
		}
		mark(v)
	}
	for v := range alive {
		if a, ok := v.(*ssa.Alloc); ok {
			mark(f.get(st, a))
		}
	}
	for _, d := range st.defers {
		mark(d.fn)
		for _, v := range d.args {
			mark(v)
		}
	}
	for at, v := range f.entry.heap { // the caller may ask for these
		mark(value{kind: cell, id: at.cell})
		mark(v)
	}
	for at := range st.heap {
		if at.cell > 0 && !cells[at.cell] {
			delete(st.heap, at)
		}
	}
	for id := range st.facts {
		if _, mine := f.entry.facts[id]; !mine && !syms[id] && !f.askable(id, alive, st) {
			delete(st.facts, id)
		}
	}
}

// askable says whether the symbol can be made again from what is alive: a load from the same place, say.
func (f *frame) askable(id int32, alive map[ssa.Value]bool, st *state) bool {
	o := f.origins[id]
	if o.v != nil {
		return o.depth == f.depth && alive[o.v] || o.depth < f.depth
	}
	if o.op == "load" && o.y.id != st.clobber || o.op == "old" {
		return false
	}
	for _, v := range []value{o.x, o.y} {
		if v.kind == symbol || v.kind == memory || v.kind == test {
			if v.id != 0 && (o.op != "load" || v != o.y) && !f.askable(v.id, alive, st) {
				return false
			}
		}
	}
	return true
}

// get is the value of v on the path.
func (f *frame) get(st *state, v ssa.Value) value {
	if c, ok := v.(*ssa.Const); ok {
		return f.constant(c)
	}
	if x, ok := st.env[slot{v, -1}]; ok {
		return x
	}
	switch v := v.(type) {
	case *ssa.Function:
		return f.closure(v, nil)
	case *ssa.Alloc:
		return f.cell(f.depth, v)
	case *ssa.Global:
		return f.place(origin{depth: -1, v: v})
	case *ssa.FreeVar:
		return f.place(origin{depth: f.depth, v: v, i: -1})
	}
	return f.symbol(origin{depth: f.depth, v: v, i: -1})
}

// place is an address outside.
func (t *tables) place(o origin) value {
	v := t.symbol(o)
	v.kind = memory
	return v
}

// set names the result of an instruction.
func set(st *state, v ssa.Value, x value) { st.env[slot{v, -1}] = x }

// fresh makes an unknown result: what was known of the last one is forgotten.
func (f *frame) fresh(st *state, v ssa.Value, i int) value {
	s := f.symbol(origin{depth: f.depth, v: v, i: i})
	delete(st.env, slot{v, i})
	st.forget(f.tables, s)
	st.env[slot{v, i}] = s
	return s
}

// pure is the result of a computation without effect: the same again for the same operands.
func (f *frame) pure(st *state, v ssa.Value, o origin) value {
	if max(f.height(o.x), f.height(o.y)) >= maxHeight {
		return f.fresh(st, v, -1)
	}
	return f.symbol(o)
}

// block executes a block from an instruction on. Whatever forks goes into the queue.
func (f *frame) block(n node) {
	st, tr := n.st, n.tr
	for i := n.i; i < len(n.b.Instrs); i++ {
		if f.steps++; f.steps > maxSteps {
			f.gaveUp = true
			return
		}
		in := n.b.Instrs[i]
		if f.at == in {
			if !f.take(st, in.(ssa.Value), &tr) {
				return
			}
			continue
		}
		switch in := in.(type) {
		case *ssa.If:
			f.branch(n.b, in, st, tr)
			return
		case *ssa.Jump:
			f.enter(n.b, n.b.Succs[0], st, tr)
			return
		case *ssa.Return:
			f.leave(st, in, tr)
			return
		case *ssa.Panic:
			f.panics(st, tr)
			return
		case *ssa.RunDefers:
			f.fork(n.b, i, f.unwind(st, tr))
			return
		case *ssa.Call:
			outs := f.call(st, in, tr)
			if len(outs) == 1 && outs[0].st == st {
				tr = outs[0].tr
				continue
			}
			f.fork(n.b, i, outs)
			return
		case *ssa.TypeAssert:
			outs := f.assert(st, in, tr)
			if len(outs) == 1 && outs[0].st == st {
				tr = outs[0].tr
				continue
			}
			f.fork(n.b, i, outs)
			return
		default:
			if !f.exec(st, in) {
				return // it is done
			}
		}
	}
}

// fork goes on behind instruction i in each of the states.
func (f *frame) fork(b *ssa.BasicBlock, i int, outs []exit) {
	for _, o := range outs {
		f.queue = append(f.queue, node{b, i + 1, o.st, o.tr})
	}
}

// branch takes both sides of a condition, or the one that is known.
func (f *frame) branch(b *ssa.BasicBlock, in *ssa.If, st *state, tr *step) {
	cond := f.get(st, in.Cond)
	if k, ok := st.known(cond); ok {
		f.enter(b, b.Succs[side(k == isTrue)], st, tr)
		return
	}
	for _, yes := range []bool{true, false} {
		to := st.clone()
		if !f.assume(to, cond, yes) {
			continue
		}
		said := tr
		if st.stand != before {
			said = tr.add(condPos(in), condText(yes))
		}
		f.enter(b, b.Succs[side(yes)], to, said)
	}
}

func side(yes bool) int {
	if yes {
		return 0
	}
	return 1
}

func condText(yes bool) string {
	if yes {
		return "true"
	}
	return "false"
}

func condPos(in *ssa.If) token.Pos {
	if p := in.Cond.Pos(); p.IsValid() {
		return p
	}
	for _, i := range in.Block().Instrs {
		if i.Pos().IsValid() {
			return i.Pos()
		}
	}
	return token.NoPos
}

// assume notes that a condition holds or not. It returns false where the obligation is none then.
func (f *frame) assume(st *state, cond value, yes bool) bool {
	fact := truth(yes)
	switch cond.kind {
	case test:
		yes = yes != cond.neg
		fact = truth(yes)
		if cond.field != 1 {
			if fact = notNil; yes {
				fact = isNil
			}
		}
	case symbol:
	default:
		return true
	}
	st.facts[cond.id] = fact
	return !(f.origins[cond.id].op == "permit error" && fact == notNil)
}

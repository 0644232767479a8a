package vet

import (
	"encoding/binary"
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// kindOf says what the walk knows of a value.
type kindOf uint8

const (
	fixed   kindOf = iota // id: which constant
	symbol                // unknown, but the same wherever it is copied; id: which
	test                  // a boolean: whether the symbol id is nil (or, by field 1, true); neg turns it round
	owed                  // the obligation itself
	boxed                 // the message in which it may have come
	cell                  // the address of a local variable, or of a field of one
	pack                  // a copy of what the cell holds
	closure               // a function with what it captured; id: which
	memory                // an address that is not local; id: which, as a symbol
)

// value is what is known of an SSA value on one path. It is comparable.
type value struct {
	kind  kindOf
	id    int32
	field int32
	neg   bool
}

// The constants that matter; others have ids from 5.
var (
	isNil   = value{kind: fixed, id: 1}
	isTrue  = value{kind: fixed, id: 2}
	isFalse = value{kind: fixed, id: 3}
	notNil  = value{kind: fixed, id: 4} // what is known not to be nil
)

func truth(b bool) value {
	if b {
		return isTrue
	}
	return isFalse
}

// origin is what a symbol stands for.
type origin struct {
	depth int
	v     ssa.Value // nil for what is computed
	i     int       // of a tuple's parts; -1 for the value itself
	op    string    // of a pure computation
	x, y  value
}

type bound struct {
	fn    *ssa.Function
	binds []value
}

// tables number what values refer to. They only grow, during the walk of one root.
type tables struct {
	ids      map[origin]int32
	origins  []origin
	consts   map[string]int32
	allocs   map[origin]int32
	closures []bound
	closeIDs map[string]int32
}

func newTables() *tables {
	return &tables{
		ids: map[origin]int32{}, origins: make([]origin, 1), consts: map[string]int32{}, allocs: map[origin]int32{},
		closeIDs: map[string]int32{},
	}
}

func (t *tables) symbol(o origin) value {
	id, ok := t.ids[o]
	if !ok {
		id = int32(len(t.origins))
		t.ids[o] = id
		t.origins = append(t.origins, o)
	}
	return value{kind: symbol, id: id}
}

func (t *tables) cell(depth int, a ssa.Value) value {
	o := origin{depth: depth, v: a}
	id, ok := t.allocs[o]
	if !ok {
		id = int32(len(t.allocs) + 1)
		t.allocs[o] = id
	}
	return value{kind: cell, id: id, field: -1}
}

func (t *tables) closure(fn *ssa.Function, binds []value) value {
	key := fmt.Sprintf("%p %v", fn, binds)
	id, ok := t.closeIDs[key]
	if !ok {
		id = int32(len(t.closures))
		t.closeIDs[key] = id
		t.closures = append(t.closures, bound{fn, binds})
	}
	return value{kind: closure, id: id}
}

func (t *tables) constant(c *ssa.Const) value {
	switch {
	case c.Value == nil:
		if _, ok := c.Type().Underlying().(*types.Struct); ok {
			return value{kind: fixed, id: t.constID(c.String())}
		}
		return isNil
	case c.Value.Kind() == constant.Bool:
		return truth(constant.BoolVal(c.Value))
	}
	return value{kind: fixed, id: t.constID(c.Value.ExactString())}
}

func (t *tables) constID(s string) int32 {
	id, ok := t.consts[s]
	if !ok {
		id = int32(len(t.consts) + 5)
		t.consts[s] = id
	}
	return id
}

// height is how many computations lead to a value.
func (t *tables) height(v value) int {
	if v.kind != symbol && v.kind != test && v.kind != memory || v.id == 0 {
		return 0
	}
	o := t.origins[v.id]
	if o.v != nil || o.op == "old" {
		return 0
	}
	return 1 + max(t.height(o.x), t.height(o.y))
}

// maxHeight bounds what is remembered of a computation: a counter of a loop would grow with each round.
const maxHeight = 5

// depends says whether a symbol was computed from another.
func (t *tables) depends(id, on int32) bool {
	if id == on {
		return true
	}
	o := t.origins[id]
	if o.op == "old" {
		return false
	}
	for _, v := range []value{o.x, o.y} {
		if (v.kind == symbol || v.kind == test || v.kind == memory) && v.id != 0 && t.depends(v.id, on) {
			return true
		}
	}
	return false
}

// stand is where the obligation stands on a path. A path on which it is done, or is none, is left.
type stand uint8

const (
	before stand = iota // not taken yet
	open                // taken
	stored              // put where it outlives the handler, and not kept
	failed              // handing it on failed: it is still held
)

type (
	slot struct {
		v ssa.Value
		i int // of a tuple's parts; -1 for the value itself
	}
	loc struct {
		cell  int32 // negative: memory outside
		field int32
	}
	deferred struct {
		in   *ssa.Defer
		fn   value
		args []value
	}
)

// state is one path so far.
type state struct {
	stand   stand
	taken   token.Pos // where the obligation was taken
	noted   token.Pos // where it was stored, or handing it on failed
	env     map[slot]value
	heap    map[loc]value
	facts   map[int32]value // of symbols: nil, not nil, true, false
	leaked  map[int32]bool  // cells that others may write
	defers  []deferred
	clobber int32 // since when memory outside may have changed
}

func newState() *state {
	return &state{env: map[slot]value{}, heap: map[loc]value{}, facts: map[int32]value{}, leaked: map[int32]bool{}}
}

func (s *state) clone() *state {
	c := *s
	c.env, c.heap, c.facts, c.leaked = maps.Clone(s.env), maps.Clone(s.heap), maps.Clone(s.facts), maps.Clone(s.leaked)
	c.defers = slices.Clone(s.defers)
	return &c
}

// key is equal for states that go on alike.
func (s *state) key(index map[ssa.Value]int) string {
	type row [4]int32
	rows := make([]row, 0, len(s.env)+len(s.heap)+len(s.facts))
	val := func(v value) (int32, int32) {
		k := int32(v.kind)<<1 | v.field<<5
		if v.neg {
			k |= 1
		}
		return k, v.id
	}
	for at, v := range s.env {
		k, id := val(v)
		rows = append(rows, row{int32(index[at.v]) << 2, int32(at.i), k, id})
	}
	for at, v := range s.heap {
		k, id := val(v)
		rows = append(rows, row{at.cell<<2 | 1, at.field, k, id})
	}
	for at, v := range s.facts {
		rows = append(rows, row{at<<2 | 2, 0, 0, v.id})
	}
	for c := range s.leaked {
		rows = append(rows, row{c<<2 | 3, 0, 0, 0})
	}
	slices.SortFunc(rows, func(a, b row) int { return slices.Compare(a[:], b[:]) })
	b := []byte{byte(s.stand)}
	for _, n := range []int32{int32(s.taken), int32(s.noted), s.clobber, int32(len(rows))} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	for _, r := range rows {
		for _, n := range r {
			b = binary.LittleEndian.AppendUint32(b, uint32(n))
		}
	}
	for _, d := range s.defers {
		b = fmt.Appendf(b, "%p %v %v", d.in, d.fn, d.args)
	}
	return string(b)
}

// known is the constant that v is on this path, if it is one.
func (s *state) known(v value) (value, bool) {
	switch v.kind {
	case fixed:
		return v, true
	case owed, cell, closure:
		return notNil, true
	case symbol:
		f, ok := s.facts[v.id]
		return f, ok
	case test:
		f, ok := s.facts[v.id]
		if !ok {
			return v, false
		}
		want := isNil
		if v.field == 1 {
			want = isTrue
		}
		return truth((f == want) != v.neg), true
	}
	return v, false
}

// forget drops what is known of a symbol that is made anew.
func (s *state) forget(t *tables, sym value) {
	swap := func(v value) value {
		if (v.kind == symbol || v.kind == test || v.kind == memory) && t.depends(v.id, sym.id) {
			if f, ok := s.known(v); ok {
				return f
			}
			old := t.symbol(origin{op: "old", x: v})
			delete(s.facts, old.id)
			return old
		}
		return v
	}
	for at, v := range s.env {
		s.env[at] = swap(v)
	}
	for at, v := range s.heap {
		s.heap[at] = swap(v)
	}
	for id := range s.facts {
		if t.depends(id, sym.id) {
			delete(s.facts, id)
		}
	}
}

// step is one line of the path that a finding tells.
type step struct {
	prev *step
	pos  token.Pos
	what string
}

func (s *step) add(pos token.Pos, what string) *step {
	if !pos.IsValid() {
		return s
	}
	return &step{s, pos, what}
}

func (s *step) list() (out []step) {
	for ; s != nil; s = s.prev {
		out = append(out, *s)
	}
	slices.Reverse(out)
	return out
}

// live computes for each block the values that are used in it or after it, before they are made again.
func live(fn *ssa.Function) map[*ssa.BasicBlock]map[ssa.Value]bool {
	in := map[*ssa.BasicBlock]map[ssa.Value]bool{}
	for changed := true; changed; {
		changed = false
		for _, b := range slices.Backward(fn.Blocks) {
			set := map[ssa.Value]bool{}
			for _, s := range b.Succs {
				pred := slices.Index(s.Preds, b)
				for v := range in[s] {
					if p, ok := v.(*ssa.Phi); !ok || p.Block() != s {
						set[v] = true
					}
				}
				for _, i := range s.Instrs {
					p, ok := i.(*ssa.Phi)
					if !ok {
						break
					}
					set[p.Edges[pred]] = true
				}
			}
			for _, i := range slices.Backward(b.Instrs) {
				if _, ok := i.(*ssa.Phi); ok {
					continue // made at the edge
				}
				if v, ok := i.(ssa.Value); ok {
					delete(set, v)
				}
				for _, op := range i.Operands(nil) {
					if *op != nil {
						set[*op] = true
					}
				}
			}
			if len(set) != len(in[b]) {
				in[b], changed = set, true
			}
		}
	}
	return in
}

// numbered gives each value of fn a number, for keys.
func numbered(fn *ssa.Function) map[ssa.Value]int {
	out := map[ssa.Value]int{}
	for _, p := range fn.Params {
		out[p] = len(out)
	}
	for _, p := range fn.FreeVars {
		out[p] = len(out)
	}
	eachInstr(fn, func(in ssa.Instruction) {
		if v, ok := in.(ssa.Value); ok {
			out[v] = len(out)
		}
	})
	return out
}

package vet

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// fieldAddr is the address of a field: of a local variable, of a permit's Err, or outside.
func (f *frame) fieldAddr(st *state, in *ssa.FieldAddr) value {
	x := f.get(st, in.X)
	switch {
	case x.kind == cell && x.field < 0:
		return value{kind: cell, id: x.id, field: int32(in.Field)}
	case x.kind == cell:
		return x // fields of fields are not told apart
	case x.kind == owed && f.kind == permitKind && fieldName(in) == "Err":
		return f.place(origin{op: "permit error"})
	}
	at := f.pure(st, in, origin{op: "addr", x: x, i: in.Field})
	at.kind = memory
	return at
}

func fieldName(in *ssa.FieldAddr) string {
	p, ok := in.X.Type().Underlying().(*types.Pointer)
	if !ok {
		return ""
	}
	s, ok := p.Elem().Underlying().(*types.Struct)
	if !ok {
		return ""
	}
	return s.Field(in.Field).Name()
}

// load reads an address.
func (f *frame) load(st *state, addr value, in ssa.Value) value {
	switch addr.kind {
	case cell:
		if v, ok := st.heap[loc{addr.id, addr.field}]; ok && (addr.field >= 0 || !f.composite(st, addr, in)) {
			return v
		}
		if addr.field >= 0 {
			if whole, ok := st.heap[loc{addr.id, -1}]; ok {
				switch whole.kind {
				case pack:
					return f.load(st, value{kind: cell, id: whole.id, field: addr.field}, in)
				case fixed: // the zero of a struct
					return zeroOf(in.Type())
				}
			}
			return f.symbol(origin{op: "var", x: addr})
		}
		if f.composite(st, addr, in) {
			return value{kind: pack, id: addr.id, field: -1}
		}
		return f.symbol(origin{op: "var", x: addr})
	case memory:
		if f.origins[addr.id].op == "permit error" {
			return f.symbol(origin{op: "permit error"})
		}
		if v, ok := st.heap[loc{-addr.id, 0}]; ok {
			return v
		}
		if g, ok := f.origins[addr.id].v.(*ssa.Global); ok && isError(in.Type()) && g != nil {
			return notNil // a sentinel
		}
		return f.pure(st, in, origin{op: "load", x: addr, y: value{kind: symbol, id: st.clobber}})
	case owed, boxed: // a variable that was captured
		return addr
	case symbol:
		return f.pure(st, in, origin{op: "load", x: addr, y: value{kind: symbol, id: st.clobber}})
	}
	return f.fresh(st, in, -1)
}

func zeroOf(t types.Type) value {
	if b, ok := t.Underlying().(*types.Basic); ok && b.Info()&types.IsBoolean != 0 {
		return isFalse
	}
	return isNil
}

// composite says whether the load is of a whole struct or array.
func (f *frame) composite(_ *state, _ value, in ssa.Value) bool {
	switch in.Type().Underlying().(type) {
	case *types.Struct, *types.Array:
		return true
	}
	return false
}

// store writes an address. What is written outside outlives the function.
func (f *frame) store(st *state, addr, v value, in *ssa.Store) bool {
	switch addr.kind {
	case cell:
		if v.kind == pack && addr.field < 0 { // a copy of a whole struct
			for at, x := range st.heap {
				if at.cell == v.id && at.field >= 0 {
					st.heap[loc{addr.id, at.field}] = x
				}
			}
		}
		st.heap[loc{addr.id, addr.field}] = v
		return true
	case memory, symbol:
		f.clobbers(st, in)
		if addr.kind == memory && v.kind == fixed && v.id < 5 {
			st.heap[loc{-addr.id, 0}] = v
		}
	}
	return f.escape(st, v, in.Pos())
}

// clobbers notes that memory outside may have changed.
func (f *frame) clobbers(st *state, in ssa.Instruction) {
	for at := range st.heap {
		if at.cell < 0 {
			delete(st.heap, at)
		}
	}
	st.clobber = f.symbol(origin{op: "clobber", i: f.number(in)}).id
}

func (f *frame) number(in ssa.Instruction) int { return int(in.Pos()) + in.Block().Index<<24 }

// havoc forgets what others may have written: variables that closures of theirs captured, and memory outside.
func (f *frame) havoc(st *state, in ssa.Instruction) {
	f.clobbers(st, in)
	for at, v := range st.heap {
		if at.cell > 0 && st.leaked[at.cell] && v.kind != owed && v.kind != boxed {
			s := f.symbol(origin{op: "shared", x: value{kind: cell, id: at.cell, field: at.field}, i: f.number(in)})
			delete(st.facts, s.id)
			st.heap[at] = s
		}
	}
}

// carries says whether the obligation can be had from v.
func (f *frame) carries(st *state, v value) bool { return f.carried(st, v, map[int32]bool{}) }

func (f *frame) carried(st *state, v value, seen map[int32]bool) bool {
	switch v.kind {
	case owed, boxed:
		return true
	case cell, pack:
		if seen[v.id] {
			return false
		}
		seen[v.id] = true
		for at, x := range st.heap {
			if at.cell == v.id && (v.field < 0 || at.field < 0 || at.field == v.field) && f.carried(st, x, seen) {
				return true
			}
		}
	case closure:
		for _, x := range f.closures[v.id].binds {
			if f.carried(st, x, seen) {
				return true
			}
		}
	}
	return false
}

// leak marks the variables that v lets others reach.
func (f *frame) leak(st *state, v value) {
	switch v.kind {
	case cell:
		if !st.leaked[v.id] {
			st.leaked[v.id] = true
			for at, x := range st.heap {
				if at.cell == v.id {
					f.leak(st, x)
				}
			}
		}
	case closure:
		for _, x := range f.closures[v.id].binds {
			f.leak(st, x)
		}
	}
}

// escape is what becomes of the obligation where v is put where it outlives the function. It returns false where it
// is done with that.
func (f *frame) escape(st *state, v value, pos token.Pos) bool {
	if !f.carries(st, v) {
		f.leak(st, v)
		return true
	}
	if v.kind == closure && !f.mayResolve(st, v) {
		f.leak(st, v)
		return true
	}
	if f.kind.storing {
		f.done = true
		return false
	}
	if st.stand == open || st.stand == failed {
		st.stand, st.noted = stored, pos
	}
	return true
}

// goes starts a goroutine. What it is given is its own from here on.
func (f *frame) goes(st *state, in *ssa.Go) bool {
	f.clobbers(st, in)
	for _, a := range append([]ssa.Value{in.Call.Value}, in.Call.Args...) {
		if !f.escape(st, f.get(st, a), in.Pos()) {
			return false
		}
	}
	return true
}

// mayResolve says whether some path of the closure resolves the obligation.
func (f *frame) mayResolve(st *state, v value) bool {
	b := f.closures[v.id]
	fn := source(b.fn)
	if f.boundEnder(b) {
		return true
	}
	if fn == nil || fn.Blocks == nil || len(f.stack) >= maxDepth {
		return true
	}
	for _, s := range f.stack {
		if s == fn {
			return true
		}
	}
	was := f.done
	f.done = false
	before := st.stand
	in := st.clone()
	in.env, in.defers = map[slot]value{}, nil
	if in.stand == stored {
		in.stand = open
	}
	bindFree(in, fn, b.binds)
	exits := f.run(fn, in, nil)
	may := f.done
	for _, e := range exits {
		may = may || e.st.stand != before && e.st.stand != open
	}
	f.done = was
	return may
}

// boundEnder says whether a closure is a method of the obligation that ends it: q.Reply as a value.
func (f *frame) boundEnder(b bound) bool {
	m := declared(b.fn)
	if m == nil || len(b.binds) != 1 {
		return false
	}
	return b.binds[0].kind == owed && f.kind.ends(m)
}

func bindFree(st *state, fn *ssa.Function, binds []value) {
	for i, v := range fn.FreeVars {
		if i < len(binds) {
			st.env[slot{v, -1}] = binds[i]
		}
	}
}

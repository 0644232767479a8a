package vet

import (
	"go/constant"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// exec executes what neither forks nor calls. It returns false where the obligation is done with it.
func (f *frame) exec(st *state, in ssa.Instruction) bool {
	switch in := in.(type) {
	case *ssa.Alloc:
		c := f.cell(f.depth, in)
		for at := range st.heap {
			if at.cell == c.id {
				delete(st.heap, at)
			}
		}
		st.heap[loc{c.id, -1}] = zero(in.Type())
		delete(st.leaked, c.id)
		set(st, in, c)
	case *ssa.Store:
		return f.store(st, f.get(st, in.Addr), f.get(st, in.Val), in)
	case *ssa.UnOp:
		f.unary(st, in)
	case *ssa.BinOp:
		set(st, in, f.binary(st, in))
	case *ssa.FieldAddr:
		set(st, in, f.fieldAddr(st, in))
	case *ssa.IndexAddr:
		x := f.get(st, in.X)
		switch x.kind {
		case cell, pack:
			set(st, in, value{kind: cell, id: x.id, field: 0})
		default:
			at := f.pure(st, in, origin{op: "index", x: x, y: f.get(st, in.Index)})
			at.kind = memory
			set(st, in, at)
		}
	case *ssa.Field:
		x := f.get(st, in.X)
		if x.kind == pack {
			set(st, in, f.load(st, value{kind: cell, id: x.id, field: int32(in.Field)}, in))
		} else {
			set(st, in, f.pure(st, in, origin{op: "field", x: x, i: in.Field}))
		}
	case *ssa.Extract:
		if v, ok := st.env[slot{in.Tuple, in.Index}]; ok {
			set(st, in, v)
		} else {
			set(st, in, f.symbol(origin{depth: f.depth, v: in.Tuple, i: in.Index}))
		}
	case *ssa.MakeInterface:
		x := f.get(st, in.X)
		if x.kind == fixed || x.kind == symbol || x.kind == test {
			x = notNil
		}
		set(st, in, x)
	case *ssa.ChangeInterface:
		set(st, in, f.get(st, in.X))
	case *ssa.ChangeType:
		set(st, in, f.get(st, in.X))
	case *ssa.Convert:
		set(st, in, f.get(st, in.X))
	case *ssa.Slice:
		set(st, in, f.get(st, in.X))
	case *ssa.MakeClosure:
		var binds []value
		for _, b := range in.Bindings {
			binds = append(binds, f.get(st, b))
		}
		set(st, in, f.closure(in.Fn.(*ssa.Function), binds))
	case *ssa.MapUpdate:
		return f.escape(st, f.get(st, in.Value), in.Pos()) && f.escape(st, f.get(st, in.Key), in.Pos())
	case *ssa.Send:
		return f.escape(st, f.get(st, in.X), in.Pos())
	case *ssa.Select:
		for _, s := range in.States {
			if s.Send != nil && !f.escape(st, f.get(st, s.Send), s.Pos) {
				return false
			}
		}
		f.fresh(st, in, -1)
	case *ssa.Go:
		return f.goes(st, in)
	case *ssa.Defer:
		d := deferred{in: in, fn: f.get(st, in.Call.Value)}
		for _, a := range in.Call.Args {
			d.args = append(d.args, f.get(st, a))
		}
		for _, old := range st.defers {
			if old.in == in {
				return true
			}
		}
		st.defers = append(st.defers, d)
	case ssa.Value:
		f.fresh(st, in, -1)
	}
	return true
}

// zero is what a new variable of that type holds.
func zero(ptr types.Type) value {
	p, ok := ptr.Underlying().(*types.Pointer)
	if !ok {
		return isNil
	}
	if b, ok := p.Elem().Underlying().(*types.Basic); ok && b.Info()&types.IsBoolean != 0 {
		return isFalse
	}
	return isNil
}

// binary compares; what it cannot decide is a symbol that the same comparison gives again.
func (f *frame) binary(st *state, in *ssa.BinOp) value {
	x, y := f.get(st, in.X), f.get(st, in.Y)
	if a, ok := in.X.(*ssa.Const); ok && a.Value == nil {
		x, y = y, x
	}
	eq := in.Op == token.EQL
	if eq || in.Op == token.NEQ {
		a, ka := st.known(x)
		b, kb := st.known(y)
		switch {
		case ka && kb && (a == b && a != notNil || a != b && (a == isNil || b == isNil || isBool(a))):
			return truth((a == b) == eq)
		case y == isNil && x.kind == symbol:
			return value{kind: test, id: x.id, neg: !eq}
		case (y == isTrue || y == isFalse) && (x.kind == symbol || x.kind == test):
			v := asTest(x)
			v.neg = v.neg != ((y == isTrue) != eq)
			return v
		}
	}
	if a, ok := phiConst(in.X, x, f); ok {
		if b, ok := in.Y.(*ssa.Const); ok && b.Value != nil && comparison(in.Op) && a.Kind() == b.Value.Kind() {
			return truth(constant.Compare(a, in.Op, b.Value))
		}
	}
	return f.pure(st, in, origin{op: in.Op.String(), x: x, y: y})
}

func isBool(v value) bool { return v == isTrue || v == isFalse }

func comparison(op token.Token) bool {
	switch op {
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		return true
	}
	return false
}

// phiConst is the constant that a counter is on this path: that of its first round.
func phiConst(v ssa.Value, x value, f *frame) (constant.Value, bool) {
	if c, ok := v.(*ssa.Const); ok {
		return c.Value, c.Value != nil
	}
	p, ok := v.(*ssa.Phi)
	if !ok {
		return nil, false
	}
	for _, e := range p.Edges {
		if c, ok := e.(*ssa.Const); ok && c.Value != nil && f.constant(c) == x {
			return c.Value, true
		}
	}
	return nil, false
}

func asTest(v value) value {
	if v.kind == test {
		return v
	}
	return value{kind: test, id: v.id, field: 1}
}

func (f *frame) unary(st *state, in *ssa.UnOp) {
	x := f.get(st, in.X)
	switch in.Op {
	case token.MUL:
		set(st, in, f.load(st, x, in))
	case token.NOT:
		if k, ok := st.known(x); ok {
			set(st, in, truth(k != isTrue))
			return
		}
		if x.kind == symbol || x.kind == test {
			v := asTest(x)
			v.neg = !v.neg
			set(st, in, v)
			return
		}
		f.fresh(st, in, -1)
	case token.ARROW:
		f.fresh(st, in, -1)
	default:
		set(st, in, f.pure(st, in, origin{op: "unary" + in.Op.String(), x: x}))
	}
}

package vet

import (
	"go/constant"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// upper is a bound of v: a constant, or data.
func (l *loop) upper(v ssa.Value, deep int) (int64, bool) {
	if deep > 8 {
		return 0, false
	}
	if n, ok := l.checkedBefore(v); ok {
		return n, true
	}
	if isLen(v) {
		return data, true
	}
	switch v := v.(type) {
	case *ssa.Const:
		if v.Value == nil || v.Value.Kind() != constant.Int {
			return 0, false
		}
		n, exact := constant.Int64Val(v.Value)
		return n, exact
	case *ssa.Convert:
		if n, ok := l.upper(v.X, deep+1); ok {
			return n, true
		}
	case *ssa.ChangeType:
		return l.upper(v.X, deep+1)
	case *ssa.Phi:
		return l.merged(v, deep)
	case *ssa.Call:
		if b, ok := v.Call.Value.(*ssa.Builtin); ok && b.Name() == "min" {
			return l.least(v.Call.Args, deep)
		} else if ok && b.Name() == "max" {
			return l.all(v.Call.Args, deep)
		}
		if m := callee(&v.Call); m != nil && m.Pkg() != nil && (m.Pkg().Path() == "strings" || m.Pkg().Path() == "bytes") {
			return data, true // an index, or a count, in a string
		}
	case *ssa.BinOp:
		return l.computed(v, deep)
	case *ssa.UnOp:
		return l.loaded(v, deep)
	case *ssa.FreeVar:
		return l.fixed(v, deep)
	}
	return small(v.Type())
}

// small is the bound of a type that has few values.
func small(t types.Type) (int64, bool) {
	if b, ok := t.Underlying().(*types.Basic); ok {
		switch b.Kind() {
		case types.Int8, types.Uint8:
			return 1 << 8, true
		case types.Int16, types.Uint16:
			return 1 << 16, true
		}
	}
	return 0, false
}

func (l *loop) all(vs []ssa.Value, deep int) (most int64, ok bool) {
	for _, v := range vs {
		n, ok := l.upper(v, deep+1)
		if !ok {
			return 0, false
		}
		most = max(most, n)
	}
	return most, true
}

// merged is the bound of a variable that branches set: each may have checked it.
func (l *loop) merged(v *ssa.Phi, deep int) (most int64, ok bool) {
	for i, e := range v.Edges {
		n, ok := checkedAt(e, v.Block().Preds[i], v.Block())
		if !ok {
			n, ok = l.upper(e, deep+1)
		}
		if !ok {
			return 0, false
		}
		most = max(most, n)
	}
	return most, true
}

func (l *loop) least(vs []ssa.Value, deep int) (n int64, found bool) {
	for _, v := range vs {
		if k, ok := l.upper(v, deep+1); ok && (!found || k < n) {
			n, found = k, true
		}
	}
	return n, found
}

func (l *loop) computed(v *ssa.BinOp, deep int) (int64, bool) {
	x, okx := l.upper(v.X, deep+1)
	y, oky := l.upper(v.Y, deep+1)
	switch v.Op {
	case token.REM, token.AND:
		return y, oky
	case token.QUO, token.SHR, token.SUB, token.AND_NOT:
		return x, okx
	case token.ADD, token.OR, token.XOR:
		return x + y, okx && oky
	case token.MUL:
		return x * y, okx && oky
	}
	return 0, false
}

// loaded is the bound of a variable: of all that is stored in it.
func (l *loop) loaded(v *ssa.UnOp, deep int) (int64, bool) {
	switch a := v.X.(type) {
	case *ssa.Alloc:
		if w := written(a); len(w) > 0 {
			return l.all(w, deep)
		}
	case *ssa.FreeVar:
		return l.fixed(a, deep)
	}
	return small(v.Type())
}

// fixed is the bound of a captured variable. What a function without a Cx had is taken to be small: the maker of the
// actor chose it, and no message does.
func (l *loop) fixed(v *ssa.FreeVar, deep int) (int64, bool) {
	fn := v.Parent()
	at := slices.Index(fn.FreeVars, v)
	var binding ssa.Value
	eachInstr(fn.Parent(), func(in ssa.Instruction) {
		if mc, ok := in.(*ssa.MakeClosure); ok && mc.Fn == fn {
			binding = mc.Bindings[at]
		}
	})
	switch b := binding.(type) {
	case *ssa.FreeVar:
		return l.fixed(b, deep)
	case *ssa.Alloc:
		if !underCx(b.Parent()) {
			return data, true
		}
		return l.all(written(b), deep)
	}
	return 0, false
}

func underCx(fn *ssa.Function) bool {
	for ; fn != nil; fn = fn.Parent() {
		if holdsCx(fn) {
			return true
		}
	}
	return false
}

// checkedBefore is a bound that a condition gave v before the loop was entered.
func (l *loop) checkedBefore(v ssa.Value) (int64, bool) {
	return checkedAt(v, l.head.Idom(), l.head)
}

// checkedAt is a bound that conditions give v where the edge from b leads to a block, or has to come through b.
func checkedAt(v ssa.Value, b, to *ssa.BasicBlock) (int64, bool) {
	if _, ok := v.(*ssa.Const); ok {
		return 0, false
	}
	for edge := b; b != nil; b = b.Idom() {
		in, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !ok {
			continue
		}
		op, n, ok := against(in.Cond, v)
		if !ok {
			continue
		}
		for i, s := range b.Succs {
			taken := len(s.Preds) == 1 && s.Dominates(edge) || len(s.Preds) == 1 && s.Dominates(to) || b == edge && s == to && b.Succs[1-i] != to
			if taken && bounds(op, i == 0) {
				return n, true
			}
		}
	}
	return 0, false
}

// against reads a condition as a comparison of v with a constant.
func against(cond, v ssa.Value) (token.Token, int64, bool) {
	c, ok := cond.(*ssa.BinOp)
	if !ok {
		return 0, 0, false
	}
	op, k := c.Op, c.Y
	if same(c.Y, v) {
		op, k = flipped(op), c.X
	} else if !same(c.X, v) {
		return 0, 0, false
	}
	n, ok := k.(*ssa.Const)
	if !ok || n.Value == nil || n.Value.Kind() != constant.Int {
		return 0, 0, false
	}
	return op, n.Int64(), true
}

// bounds says whether x op k, or its contrary, means that x is at most k.
func bounds(op token.Token, holds bool) bool {
	switch op {
	case token.LSS, token.LEQ, token.EQL:
		return holds
	case token.GTR, token.GEQ, token.NEQ:
		return !holds
	}
	return false
}

func flipped(op token.Token) token.Token {
	switch op {
	case token.LSS:
		return token.GTR
	case token.LEQ:
		return token.GEQ
	case token.GTR:
		return token.LSS
	case token.GEQ:
		return token.LEQ
	}
	return op
}

// same says whether two values are read from the same place.
func same(a, b ssa.Value) bool {
	if a == b {
		return true
	}
	switch a := a.(type) {
	case *ssa.UnOp:
		b, ok := b.(*ssa.UnOp)
		return ok && a.Op == token.MUL && b.Op == token.MUL && same(a.X, b.X)
	case *ssa.FieldAddr:
		b, ok := b.(*ssa.FieldAddr)
		return ok && a.Field == b.Field && same(a.X, b.X)
	case *ssa.Field:
		b, ok := b.(*ssa.Field)
		return ok && a.Field == b.Field && same(a.X, b.X)
	case *ssa.Convert:
		b, ok := b.(*ssa.Convert)
		return ok && types.Identical(a.Type(), b.Type()) && same(a.X, b.X)
	}
	return false
}

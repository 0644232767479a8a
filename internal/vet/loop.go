package vet

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

// loop is a natural loop.
type loop struct {
	head    *ssa.BasicBlock
	latches []*ssa.BasicBlock // they jump back to head
	blocks  map[*ssa.BasicBlock]bool
	in      *loop // the next one around it
}

// loopsOf finds the loops of fn.
func loopsOf(fn *ssa.Function) (out []*loop) {
	heads := map[*ssa.BasicBlock]*loop{}
	for _, b := range fn.Blocks {
		for _, h := range b.Succs {
			if !h.Dominates(b) {
				continue
			}
			l := heads[h]
			if l == nil {
				l = &loop{head: h, blocks: map[*ssa.BasicBlock]bool{h: true}}
				heads[h] = l
				out = append(out, l)
			}
			l.latches = append(l.latches, b)
			l.add(b)
		}
	}
	for _, l := range out {
		for _, o := range out {
			if o != l && o.blocks[l.head] && (l.in == nil || len(o.blocks) < len(l.in.blocks)) {
				l.in = o
			}
		}
	}
	return out
}

func (l *loop) add(b *ssa.BasicBlock) {
	if l.blocks[b] {
		return
	}
	l.blocks[b] = true
	for _, p := range b.Preds {
		l.add(p)
	}
}

// everyRound says whether each round comes through b.
func (l *loop) everyRound(b *ssa.BasicBlock) bool {
	return !slices.ContainsFunc(l.latches, func(x *ssa.BasicBlock) bool { return !b.Dominates(x) })
}

// outer is how many rounds the loops around it have, as far as that is a constant.
func (l *loop) outer() int64 {
	n := int64(1)
	for o := l.in; o != nil; o = o.in {
		for b := range o.blocks {
			if in, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If); ok && o.everyRound(b) && !(o.blocks[b.Succs[0]] && o.blocks[b.Succs[1]]) {
				if k, known := o.rounds(in.Cond); known && k > 1 {
					n = min(n*k, 1<<40)
					break
				}
			}
		}
	}
	return n
}

// node is the statement of the loop: the smallest one around all that is done in it.
func (l *loop) node() (found ast.Node) {
	syntax := l.head.Parent().Syntax()
	if syntax == nil {
		return nil
	}
	var at []token.Pos
	for b := range l.blocks {
		for _, in := range b.Instrs {
			if _, ok := in.(*ssa.Phi); !ok && in.Pos().IsValid() { // a phi is where its variable is
				at = append(at, in.Pos())
			}
		}
	}
	ast.Inspect(syntax, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			if !slices.ContainsFunc(at, func(p token.Pos) bool { return p < n.Pos() || n.End() <= p }) && (found == nil || len(at) > 0) {
				found = n
			}
		case *ast.FuncLit:
			return n == syntax
		}
		return true
	})
	return found
}

func (l *loop) pos() token.Pos {
	if n := l.node(); n != nil {
		return n.Pos()
	}
	return l.head.Parent().Pos()
}

func (l *loop) end(pass *analysis.Pass) int {
	if n := l.node(); n != nil {
		return line(pass.Fset, n.End())
	}
	return line(pass.Fset, l.head.Parent().Pos())
}

// data stands for a bound that is the size of something in memory.
const data = 1

// rounds is how often the loop can go round at most, by a condition that each round meets.
func (l *loop) rounds(cond ssa.Value) (int64, bool) {
	switch c := cond.(type) {
	case *ssa.UnOp:
		if c.Op == token.NOT {
			return l.rounds(c.X)
		}
	case *ssa.Extract:
		if n, ok := c.Tuple.(*ssa.Next); ok && n != nil {
			return data, true
		}
		if l.consumes(c.Tuple) {
			return data, true
		}
	case *ssa.Call:
		if l.consumes(c) {
			return data, true
		}
	case *ssa.BinOp:
		return l.compared(c)
	}
	return 0, false
}

func (l *loop) compared(c *ssa.BinOp) (int64, bool) {
	if l.searches(c.X, c.Y) {
		return 64, true
	}
	for _, side := range [][2]ssa.Value{{c.X, c.Y}, {c.Y, c.X}} {
		x, limit := side[0], side[1]
		if isLen(x) || isEmpty(limit) && l.consumed(x) || isEmptyOf(limit) && l.listed(x) || l.consumes(x) {
			return data, true
		}
		switch start, how := l.counter(x); how {
		case up:
			if n, ok := l.upper(limit, 0); ok {
				return n, true
			}
		case down:
			if n, ok := l.upper(start, 0); ok {
				return n, true
			}
		case halved:
			return 64, true
		}
	}
	return 0, false
}

func isLen(v ssa.Value) bool {
	switch v := v.(type) {
	case *ssa.Call:
		if b, ok := v.Call.Value.(*ssa.Builtin); ok {
			return b.Name() == "len" || b.Name() == "cap"
		}
		m := callee(&v.Call)
		return m != nil && (m.Name() == "Len" || m.Name() == "NumField" || m.Name() == "NumMethod")
	case *ssa.Convert:
		return isLen(v.X)
	}
	return false
}

// isEmpty says whether v is "" or nil.
func isEmpty(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	return ok && (c.Value == nil || c.Value.Kind() == constant.String && constant.StringVal(c.Value) == "")
}

func isEmptyOf(v ssa.Value) bool { c, ok := v.(*ssa.Const); return ok && c.Value == nil }

// within says whether v is made in the loop.
func (l *loop) within(v ssa.Value) bool {
	in, ok := v.(ssa.Instruction)
	return ok && l.blocks[in.Block()]
}

// carried are the values that a variable of the loop gets in a round; nil if v is no such variable.
func (l *loop) carried(v ssa.Value) (next, start []ssa.Value) {
	switch v := v.(type) {
	case *ssa.Phi:
		if v.Block() != l.head {
			return nil, nil
		}
		for i, e := range v.Edges {
			if l.blocks[l.head.Preds[i]] {
				next = append(next, e)
			} else {
				start = append(start, e)
			}
		}
	case *ssa.UnOp: // a variable that a closure captured
		a, ok := v.X.(*ssa.Alloc)
		if !ok || v.Op != token.MUL {
			return nil, nil
		}
		for _, ref := range *a.Referrers() {
			if s, ok := ref.(*ssa.Store); ok && s.Addr == a {
				if l.blocks[s.Block()] {
					next = append(next, s.Val)
				} else {
					start = append(start, s.Val)
				}
			}
		}
	}
	return next, start
}

type counting uint8

const (
	no counting = iota
	up
	down
	halved
)

// counter says how v changes from round to round, and where it starts.
func (l *loop) counter(v ssa.Value) (start ssa.Value, how counting) {
	if b, ok := v.(*ssa.BinOp); ok && (b.Op == token.ADD || b.Op == token.SUB) { // range compares the next index
		if _, ok := b.Y.(*ssa.Const); ok {
			if s, h := l.counter(b.X); h != no {
				return s, h
			}
		}
	}
	next, starts := l.carried(v)
	if len(next) == 0 || len(starts) == 0 {
		return nil, no
	}
	for _, n := range l.spread(next, 0) {
		h := l.changes(n, v)
		if h == no || how != no && h != how {
			return nil, no
		}
		how = h
	}
	return starts[0], how
}

// searches says whether the loop halves the distance of x and y: a binary search.
func (l *loop) searches(x, y ssa.Value) bool {
	nx, _ := l.carried(x)
	ny, _ := l.carried(y)
	return slices.ContainsFunc(l.spread(append(nx, ny...), 0), func(n ssa.Value) bool { return midOf(n, x, y) })
}

// midOf says whether n is half of something made from x and y, give or take a constant.
func midOf(n, x, y ssa.Value) bool {
	b, ok := n.(*ssa.BinOp)
	if !ok {
		if c, ok := n.(*ssa.Convert); ok {
			return midOf(c.X, x, y)
		}
		return false
	}
	_, byConst := b.Y.(*ssa.Const)
	switch b.Op {
	case token.QUO, token.SHR:
		return byConst && madeFrom(b.X, x, 0) && madeFrom(b.X, y, 0)
	case token.ADD, token.SUB:
		return midOf(b.X, x, y) || midOf(b.Y, x, y)
	}
	return false
}

func madeFrom(n, v ssa.Value, deep int) bool {
	if same(n, v) {
		return true
	}
	switch n := n.(type) {
	case *ssa.BinOp:
		return deep < 4 && (madeFrom(n.X, v, deep+1) || madeFrom(n.Y, v, deep+1))
	case *ssa.Convert:
		return deep < 4 && madeFrom(n.X, v, deep+1)
	}
	return false
}

// spread looks through the phis inside the loop.
func (l *loop) spread(vs []ssa.Value, deep int) (out []ssa.Value) {
	for _, v := range vs {
		if p, ok := v.(*ssa.Phi); ok && p.Block() != l.head && l.blocks[p.Block()] && deep < 4 {
			out = append(out, l.spread(p.Edges, deep+1)...)
			continue
		}
		out = append(out, v)
	}
	return out
}

func (l *loop) changes(n, v ssa.Value) counting {
	b, ok := n.(*ssa.BinOp)
	if ok && b.Op == token.REM && same(b.Y, v) { // a, b = b, a%b
		return halved
	}
	if !ok || !same(b.X, v) {
		return no
	}
	k, ok := b.Y.(*ssa.Const)
	if !ok || k.Value == nil {
		return no
	}
	sign := 0
	if k.Value.Kind() == constant.Int || k.Value.Kind() == constant.Float {
		sign = constant.Sign(k.Value)
	}
	switch {
	case sign <= 0 && !(sign < 0 && b.Op == token.ADD):
		return no
	case b.Op == token.ADD && sign > 0:
		return up
	case b.Op == token.SUB, b.Op == token.ADD:
		return down
	case b.Op == token.SHR, b.Op == token.QUO, b.Op == token.MUL, b.Op == token.SHL:
		return halved
	}
	return no
}

// consumed says whether v is a string, slice or list of which each round leaves a part.
func (l *loop) consumed(v ssa.Value) bool {
	next, _ := l.carried(v)
	next = l.spread(next, 0)
	return len(next) > 0 && !slices.ContainsFunc(next, func(n ssa.Value) bool { return !partOf(n, v) })
}

// listed says whether v walks along a list: each round it becomes what one of its fields holds.
func (l *loop) listed(v ssa.Value) bool {
	if _, ok := v.Type().Underlying().(*types.Pointer); !ok {
		return l.consumed(v)
	}
	next, _ := l.carried(v)
	next = l.spread(next, 0)
	return len(next) > 0 && !slices.ContainsFunc(next, func(n ssa.Value) bool {
		u, ok := n.(*ssa.UnOp)
		if c, is := n.(*ssa.Call); is { // e = e.Next()
			return callee(&c.Call) == nil || callee(&c.Call).Signature().Recv() == nil || len(c.Call.Args) != 1 || !same(c.Call.Args[0], v)
		}
		if !ok {
			return !partOf(n, v)
		}
		f, ok := u.X.(*ssa.FieldAddr)
		return !ok || !same(f.X, v)
	})
}

// partOf says whether n is made from v by slicing, or by a call that is given v: strings.Cut, utf8.DecodeRune.
func partOf(n, v ssa.Value) bool {
	switch n := n.(type) {
	case *ssa.Slice:
		return same(n.X, v)
	case *ssa.Extract:
		return partOf(n.Tuple, v)
	case *ssa.Call:
		m := callee(&n.Call)
		sequence := types.Identical(v.Type().Underlying(), types.Typ[types.String]) || isSlice(v.Type())
		return m != nil && isStd(m.Pkg()) && sequence && slices.ContainsFunc(n.Call.Args, func(a ssa.Value) bool { return same(a, v) })
	case *ssa.UnOp:
		f, ok := n.X.(*ssa.FieldAddr)
		return ok && same(f.X, v)
	}
	return false
}

func isSlice(t types.Type) bool { _, ok := t.Underlying().(*types.Slice); return ok }

// consumes says whether v asks a string or slice that the loop consumes.
func (l *loop) consumes(v ssa.Value) bool {
	c, ok := v.(*ssa.Call)
	if !ok || !l.within(c) {
		return false
	}
	return slices.ContainsFunc(c.Call.Args, l.consumed)
}

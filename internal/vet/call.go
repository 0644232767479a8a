package vet

import (
	"go/types"
	"maps"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// calling is one call under way: of an instruction, or of a deferred one at the end.
type calling struct {
	in   ssa.CallInstruction
	com  *ssa.CallCommon
	fn   value // what is called; the receiver, for a method of an interface
	args []value
	res  ssa.Value // nil: nobody reads the result
	m    *types.Func
	b    bound // set where it is known what runs
}

func (f *frame) call(st *state, in *ssa.Call, tr *step) []exit {
	c := calling{in: in, com: &in.Call, fn: f.get(st, in.Call.Value), res: in}
	for _, a := range in.Call.Args {
		c.args = append(c.args, f.get(st, a))
	}
	return f.apply(st, c, tr)
}

// unwind runs what was deferred, last first.
func (f *frame) unwind(st *state, tr *step) []exit {
	defers := st.defers
	st.defers = nil
	outs := []exit{{st: st, tr: tr}}
	for _, d := range slices.Backward(defers) {
		var next []exit
		for _, o := range outs {
			next = append(next, f.apply(o.st, calling{in: d.in, com: &d.in.Call, fn: d.fn, args: d.args}, o.tr)...)
		}
		outs = next
	}
	return outs
}

// apply makes a call. It gives the states in which it returns with the obligation not done.
func (f *frame) apply(st *state, c calling, tr *step) []exit {
	if b, ok := c.com.Value.(*ssa.Builtin); ok {
		return f.builtin(st, b, c, tr)
	}
	c.m = callee(c.com)
	if c.fn.kind == closure && !c.com.IsInvoke() {
		c.b = f.closures[c.fn.id]
		if c.m == nil {
			c.m = declared(c.b.fn)
		}
	}
	if c.fn.kind == owed && !c.com.IsInvoke() { // a release function
		f.done = true
		return nil
	}
	if outs, ok := f.known(st, c, tr); ok {
		return outs
	}
	if fn := source(c.b.fn); fn != nil && f.within(fn) {
		if noReturn(fn) {
			return nil
		}
		if f.worthwhile(st, c, fn) {
			if len(f.stack) < maxDepth && !slices.Contains(f.stack, fn) {
				return f.inline(st, c, fn, tr)
			}
			if f.any(st, c) {
				f.done = true
				return nil
			}
		}
	}
	return f.outside(st, c, tr)
}

// known treats the methods of the obligation itself.
func (f *frame) known(st *state, c calling, tr *step) ([]exit, bool) {
	recv := value{}
	switch {
	case c.com.IsInvoke():
		recv = c.fn
	case len(c.b.binds) == 1 && f.boundMethod(c.b):
		recv = c.b.binds[0]
	case len(c.args) > 0:
		recv = c.args[0]
	}
	if f.kind == ledgerKind {
		return f.ledger(st, c, tr)
	}
	if c.m == nil || recv.kind != owed && (recv.kind != boxed || st.stand == before) {
		return nil, false
	}
	switch {
	case f.kind.ends(c.m):
		f.done = true
		return nil, true
	case f.kind == askKind && c.m.Name() == "HandOn":
		f.done = true
		st.stand, st.noted = failed, c.in.Pos()
		f.results(st, c)
		if c.res != nil {
			st.facts[st.env[slot{c.res, -1}].id] = notNil
		}
		return []exit{{st: st, tr: tr.add(c.in.Pos(), "HandOn fails")}}, true
	case f.kind.owns(c.m):
		f.results(st, c)
		return []exit{{st: st, tr: tr}}, true
	}
	return nil, false
}

func (f *frame) boundMethod(b bound) bool {
	return b.fn != nil && b.fn.Synthetic != "" && declared(b.fn) != nil && declared(b.fn).Signature().Recv() != nil
}

// ledger treats the calls of a ledger: the obligation is named by its id.
func (f *frame) ledger(st *state, c calling, tr *step) ([]exit, bool) {
	pkg, recv, name := method(c.m)
	if !isLedger(pkg) || recv != "Ledger" {
		return nil, false
	}
	names := slices.ContainsFunc(c.args, func(v value) bool { return v.kind == owed })
	switch {
	case name == "Stop" && st.stand != before, names && (name == "Resolve" || name == "Transfer"):
		f.done = true
		return nil, true
	case names && name == "Reserve":
		st.stand, st.taken = open, c.in.Pos()
		f.results(st, c)
		if c.res != nil {
			st.facts[st.env[slot{c.res, -1}].id] = isNil
		}
		return []exit{{st: st, tr: tr.add(c.in.Pos(), "taken")}}, true
	}
	f.results(st, c)
	return []exit{{st: st, tr: tr}}, true
}

// within says whether fn was written in this package.
func (f *frame) within(fn *ssa.Function) bool {
	return fn.Blocks != nil && fn.Package() == f.p.pkg
}

// worthwhile says whether the walk has to go into a function: it gets at the obligation, takes it, or writes
// variables of the caller.
func (f *frame) worthwhile(st *state, c calling, fn *ssa.Function) bool {
	return f.any(st, c) || f.way[fn] || slices.ContainsFunc(c.b.binds, func(v value) bool { return v.kind == cell }) ||
		slices.ContainsFunc(c.args, func(v value) bool { return v.kind == cell })
}

func (f *frame) any(st *state, c calling) bool {
	return f.carries(st, c.fn) || slices.ContainsFunc(c.args, func(v value) bool { return f.carries(st, v) })
}

// noReturn says whether a function has no way out but a panic.
func noReturn(fn *ssa.Function) bool {
	none := fn.Recover == nil
	eachInstr(fn, func(in ssa.Instruction) {
		if _, ok := in.(*ssa.Return); ok {
			none = false
		}
	})
	return none
}

// inline walks the callee with what is known here.
func (f *frame) inline(st *state, c calling, fn *ssa.Function, tr *step) (outs []exit) {
	in := st.clone()
	in.env, in.defers = map[slot]value{}, nil
	args := c.args
	if f.boundMethod(c.b) && len(c.b.binds) == 1 {
		args = append([]value{c.b.binds[0]}, args...)
	}
	for i, p := range fn.Params {
		if i < len(args) {
			in.env[slot{p, -1}] = args[i]
		}
	}
	bindFree(in, fn, c.b.binds)
	if st.stand != before {
		tr = tr.add(c.in.Pos(), "calls "+name(fn))
	}
	for _, e := range f.run(fn, in, tr) {
		back := e.st
		if st.stand == before && back.stand == open && f.at == nil && !holdsCx(fn) && !slices.ContainsFunc(e.results, func(v value) bool { return v.kind == owed }) {
			back.stand = before // it was looked at, by what cannot answer it
		}
		back.env, back.defers = maps.Clone(st.env), slices.Clone(st.defers)
		if st.stand == before && back.stand == open && slices.ContainsFunc(e.results, func(v value) bool { return v.kind == owed }) {
			back.taken = c.in.Pos() // the caller has it from here on
			e.tr = (*step)(nil).add(c.in.Pos(), "taken")
		}
		f.bring(back, c, e.results)
		outs = append(outs, exit{st: back, tr: e.tr})
	}
	return outs
}

func name(fn *ssa.Function) string {
	if fn.Parent() != nil {
		return "a function literal"
	}
	return fn.Name()
}

// bring gives the caller the results of a call that was walked.
func (f *frame) bring(st *state, c calling, results []value) {
	if c.res == nil {
		return
	}
	_, tuple := c.res.Type().(*types.Tuple)
	for i, r := range results {
		at := i
		if !tuple {
			at = -1
		}
		if k, ok := st.known(r); ok && (r.kind == symbol || r.kind == test) {
			r = k
		} else if (r.kind == symbol || r.kind == test) && !f.lasts(r.id) {
			r = f.fresh(st, c.res, at)
		}
		st.env[slot{c.res, at}] = r
	}
}

// lasts says whether a symbol means the same here as in the callee.
func (f *frame) lasts(id int32) bool {
	o := f.origins[id]
	if o.v != nil {
		return o.depth <= f.depth
	}
	for _, v := range []value{o.x, o.y} {
		if (v.kind == symbol || v.kind == test || v.kind == memory) && v.id != 0 && !f.lasts(v.id) {
			return false
		}
	}
	return true
}

// results makes the results of a call unknown.
func (f *frame) results(st *state, c calling) {
	if c.res == nil {
		return
	}
	if t, ok := c.res.Type().(*types.Tuple); ok {
		for i := range t.Len() {
			f.fresh(st, c.res, i)
		}
		return
	}
	f.fresh(st, c.res, -1)
}

// harmless are packages of the standard library that keep nothing of what they are given.
var harmless = []string{
	"fmt", "log", "log/slog", "errors", "reflect", "strings", "strconv", "slices", "maps", "sort", "cmp", "encoding/json",
	"time", "runtime", "testing", "unsafe", "bytes", "math",
}

// outside is a call of what is not walked.
func (f *frame) outside(st *state, c calling, tr *step) []exit {
	var pkg *types.Package
	if c.m != nil {
		pkg = c.m.Pkg()
	}
	std := c.m != nil && isStd(pkg) && (pkg != nil || !c.com.IsInvoke())
	kernel := isKernel(pkg)
	vals := append([]value{c.fn}, c.args...)
	var got *value
	for i, v := range vals {
		if !f.carries(st, v) {
			if v.kind == closure || v.kind == cell {
				f.leak(st, v)
			}
			continue
		}
		got = &vals[i]
		switch {
		case v.kind == closure:
			if f.mayResolve(st, v) {
				f.done = true
				return nil
			}
			f.leak(st, v)
		case kernel && ofKernel(c.m, "Cx", "Tell", "Publish", "Emit"):
		case std && slices.Contains(harmless, pkg.Path()):
		case std:
			if !f.escape(st, v, c.in.Pos()) {
				return nil
			}
		default:
			f.done = true
			return nil
		}
	}
	if st.stand == stored && !kernel && !std && f.passesCx(c) {
		f.done = true // whoever has the Cx may find it where it was put
		return nil
	}
	if !kernel && !std {
		f.havoc(st, c.in)
	}
	f.results(st, c)
	if c.res != nil && makesError(c.m) {
		set(st, c.res, notNil)
	}
	if got != nil && std && pkg.Path() == "slices" && c.res != nil {
		set(st, c.res, *got)
	}
	return []exit{{st: st, tr: tr}}
}

// makesError says whether m gives an error always.
func makesError(m *types.Func) bool {
	pkg, _, n := method(m)
	return pkg != nil && (pkg.Path() == "errors" && n == "New" || pkg.Path() == "fmt" && n == "Errorf")
}

func (f *frame) passesCx(c calling) bool {
	return slices.ContainsFunc(c.com.Args, func(a ssa.Value) bool { return isCx(a.Type()) })
}

func (f *frame) builtin(st *state, b *ssa.Builtin, c calling, tr *step) []exit {
	f.results(st, c)
	if c.res != nil {
		switch b.Name() {
		case "append":
			for _, a := range c.args {
				if f.carries(st, a) {
					set(st, c.res, a)
				}
			}
		case "ssa:wrapnilchk":
			set(st, c.res, c.args[0])
		}
	}
	return []exit{{st: st, tr: tr}}
}

// leave notes a path that returns.
func (f *frame) leave(st *state, in *ssa.Return, tr *step) {
	e := exit{st: st, at: in.Pos()}
	if !e.at.IsValid() && f.fn.Syntax() != nil {
		e.at = f.fn.Syntax().End() - 1
	}
	for _, r := range in.Results {
		e.results = append(e.results, f.get(st, r))
	}
	e.tr = tr
	if st.stand != before {
		e.tr = tr.add(e.at, "returns")
	}
	st.env = map[slot]value{}
	for i, r := range e.results {
		st.env[slot{nil, i}] = r
	}
	if key := st.key(f.index); !f.ends[key] {
		f.ends[key] = true
		f.exits = append(f.exits, e)
	}
}

// panics ends a path, unless something that was deferred recovers: then the function returns after all.
func (f *frame) panics(st *state, tr *step) {
	if f.fn.Recover == nil || !slices.ContainsFunc(st.defers, f.recovers) {
		return
	}
	for _, o := range f.unwind(st, tr) {
		f.enter(nil, f.fn.Recover, o.st, o.tr)
	}
}

func (f *frame) recovers(d deferred) (found bool) {
	if d.fn.kind != closure || f.closures[d.fn.id].fn.Blocks == nil {
		return false
	}
	eachInstr(f.closures[d.fn.id].fn, func(in ssa.Instruction) {
		if c, ok := in.(*ssa.Call); ok {
			if b, ok := c.Call.Value.(*ssa.Builtin); ok && b.Name() == "recover" {
				found = true
			}
		}
	})
	return found
}

// assert asks for the type of a value. Where that is the message, it is the obligation's type or another.
func (f *frame) assert(st *state, in *ssa.TypeAssert, tr *step) []exit {
	x := f.get(st, in.X)
	gives := func(v, ok value) []exit {
		if !in.CommaOk {
			set(st, in, v)
		} else {
			st.env[slot{in, 0}], st.env[slot{in, 1}] = v, ok
		}
		return []exit{{st: st, tr: tr}}
	}
	if x.kind != boxed && x.kind != owed {
		if in.CommaOk {
			f.fresh(st, in, 0)
			f.fresh(st, in, 1)
		} else {
			f.fresh(st, in, -1)
		}
		return []exit{{st: st, tr: tr}}
	}
	switch {
	case f.typ == nil:
		return gives(x, isTrue)
	case types.IsInterface(in.AssertedType): // the walk is about a message of that type
		iface := in.AssertedType.Underlying().(*types.Interface)
		is := types.Implements(f.typ, iface)
		if !is && !in.CommaOk {
			return nil
		}
		if is && st.stand == before && f.kind.asked(iface) {
			st.stand, st.taken = open, in.Pos()
			tr = tr.add(in.Pos(), "taken")
		}
		return gives(x, truth(is))
	case types.Identical(in.AssertedType, f.typ):
		if st.stand == before {
			st.stand, st.taken = open, in.Pos()
			tr = tr.add(in.Pos(), "taken")
		}
		return gives(value{kind: owed}, isTrue)
	case !in.CommaOk:
		return nil // it panics: the message is of another type
	}
	return gives(isNil, isFalse)
}

// reachable says whether something that is alive still has the obligation.
func (f *frame) reachable(st *state) bool {
	for _, v := range st.env {
		if f.carries(st, v) {
			return true
		}
	}
	return slices.ContainsFunc(st.defers, func(d deferred) bool {
		return f.carries(st, d.fn) || slices.ContainsFunc(d.args, func(v value) bool { return f.carries(st, v) })
	})
}

// take executes the instruction that takes the obligation. It returns false where the one before is still open.
func (f *frame) take(st *state, in ssa.Value, tr **step) bool {
	if st.stand != before && f.reachable(st) {
		return false // it is collected: this walk is about one
	}
	if st.stand != before {
		f.lost = append(f.lost, exit{st: st, tr: (*tr).add(in.Pos(), "takes the next one"), at: in.Pos()})
		return false
	}
	f.kind.take(f, st, in)
	if st.stand != before {
		st.taken = in.Pos()
		*tr = (*tr).add(in.Pos(), "taken")
	}
	return true
}

package vet

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

// CxUse is rules C1 and C2.
var CxUse = &analysis.Analyzer{
	Name: "cxuse",
	Doc: `report a Cx that is used where it has no power, or outlives its handler (C1, C2)

A Cx belongs to the handler under way. It is the first parameter, and is not stored, sent, captured by a goroutine or
by what runs after the handler has returned, used in the handler of another actor, copied, nil or made by hand. Where
a library wants a context, the Cx is one: a plain context does not hear of the cancel, and none becomes a Cx.`,
	Requires: []*analysis.Analyzer{prepared},
	Run:      runCxUse,
}

type cxRun struct {
	pass *analysis.Pass
	p    *program
	told map[token.Pos]bool
	vars map[*types.Var]bool // fields and variables whose stores were reported
}

func runCxUse(pass *analysis.Pass) (any, error) {
	p, _ := pass.ResultOf[prepared].(*program)
	if p == nil {
		return nil, nil
	}
	r := &cxRun{pass, p, map[token.Pos]bool{}, map[*types.Var]bool{}}
	for _, fn := range p.funcs {
		eachInstr(fn, func(in ssa.Instruction) { r.instr(fn, in) })
		r.borrowed(fn)
	}
	for _, f := range pass.Files {
		ast.Inspect(f, r.node)
	}
	p.allow.stale(pass)
	return nil, nil
}

func (r *cxRun) say(pos token.Pos, what string) {
	if pos.IsValid() && !r.told[pos] {
		r.told[pos] = true
		r.p.report(r.pass, analysis.Diagnostic{Pos: pos, Message: what})
	}
}

// node looks at declarations: parameters, fields and variables.
func (r *cxRun) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncType:
		at := 0
		for i, f := range n.Params.List {
			if i > 0 && at > 0 && r.isCx(f.Type) && !r.isTesting(n.Params.List[0].Type) {
				r.say(f.Pos(), "the Cx is not the first parameter; put it first, as every function with an effect has it (C1)")
				break
			}
			at += max(1, len(f.Names))
		}
	case *ast.StructType:
		for _, f := range n.Fields.List {
			for _, name := range f.Names {
				r.declared(name, "a field")
			}
			if len(f.Names) == 0 && r.isCx(f.Type) {
				r.say(f.Pos(), "a Cx is embedded in a struct; it belongs to one handler under way: pass it as the first parameter (C2)")
			}
		}
	case *ast.GenDecl:
		for _, s := range n.Specs {
			if v, ok := s.(*ast.ValueSpec); ok {
				for _, name := range v.Names {
					if obj := r.pass.TypesInfo.Defs[name]; obj != nil && obj.Parent() == r.pass.Pkg.Scope() {
						r.declared(name, "a package variable")
					}
				}
			}
		}
	}
	return true
}

// declared reports a place for a Cx into which nothing was seen to be put.
func (r *cxRun) declared(name *ast.Ident, what string) {
	v, ok := r.pass.TypesInfo.Defs[name].(*types.Var)
	if ok && isCx(v.Type()) && !r.vars[v] {
		r.say(name.Pos(), what+" holds a Cx; it belongs to one handler under way: pass it as the first parameter (C2)")
	}
}

func (r *cxRun) isCx(e ast.Expr) bool { t := r.pass.TypesInfo.TypeOf(e); return t != nil && isCx(t) }

func (r *cxRun) isTesting(e ast.Expr) bool {
	n := named(r.pass.TypesInfo.TypeOf(e))
	return n != nil && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == "testing"
}

func (r *cxRun) instr(fn *ssa.Function, in ssa.Instruction) {
	switch in := in.(type) {
	case *ssa.Store:
		r.stores(fn, in)
	case *ssa.MapUpdate:
		if k := cxIn(in.Value); k == direct || k == captured && !local(in.Map) {
			r.say(in.Pos(), k.text()+" is put into a map, and outlives the handler; keep what is needed later as a value, and take the Cx of the handler that runs then (C2)")
		}
	case *ssa.Send:
		if k := cxIn(in.X); k != nothing {
			r.say(in.Pos(), k.text()+" is sent over a channel; whoever receives it is no handler of this actor: send a value, or a Port (C2)")
		}
	case *ssa.Go:
		r.calls(fn, in, "starts a goroutine with")
	case *ssa.Call:
		r.calls(fn, in, "")
	case *ssa.Defer:
		r.calls(fn, in, "")
	case *ssa.Alloc:
		if p, ok := in.Type().(*types.Pointer); ok && named(p) != nil && isCx(in.Type()) {
			r.say(in.Pos(), "a Cx is made by hand; it has no actor and panics at its first use: take the handler's (C2)")
		}
	case *ssa.UnOp:
		if in.Op == token.MUL && isCx(in.X.Type()) {
			r.say(in.Pos(), "a Cx is copied; the copy does not hear of the cancel: pass the pointer (C2)")
		}
	case *ssa.TypeAssert:
		if isCx(in.AssertedType) && in.X.Type() != nil {
			r.say(in.Pos(), "a context is asserted to be a Cx, which one derived from it is not; use actors.FromContext, or take the Cx as the first parameter (C2)")
		}
	}
}

// holding says how a value holds a Cx.
type holding uint8

const (
	nothing  holding = iota
	direct           // it is one, or a struct with one
	captured         // a function that captured one
	boxedCx          // as a context.Context, or any
)

func (h holding) text() string {
	if h == captured {
		return "a function with this handler's Cx"
	}
	return "a Cx"
}

// cxIn says whether v holds a Cx.
func cxIn(v ssa.Value) holding { return cxWithin(v, map[ssa.Value]bool{}) }

func cxWithin(v ssa.Value, seen map[ssa.Value]bool) (most holding) {
	if seen[v] {
		return nothing
	}
	seen[v] = true
	if c, ok := v.(*ssa.Const); ok && c.Value == nil {
		return nothing
	}
	if isCx(v.Type()) {
		return direct
	}
	worst := func(vs ...ssa.Value) holding {
		for _, x := range vs {
			if h := cxWithin(x, seen); h != nothing && (most == nothing || h < most) {
				most = h
			}
		}
		return most
	}
	switch v := v.(type) {
	case *ssa.MakeClosure:
		for _, b := range v.Bindings {
			if isCxCell(b.Type()) || cxWithin(b, seen) != nothing {
				return captured
			}
		}
	case *ssa.MakeInterface:
		if h := cxWithin(v.X, seen); h == direct && isCx(v.X.Type()) {
			return boxedCx
		} else {
			return h
		}
	case *ssa.ChangeInterface:
		return worst(v.X)
	case *ssa.ChangeType:
		return worst(v.X)
	case *ssa.Slice:
		return worst(v.X)
	case *ssa.Phi:
		return worst(v.Edges...)
	case *ssa.UnOp:
		if a, ok := v.X.(*ssa.Alloc); ok && v.Op == token.MUL {
			return worst(a)
		}
	case *ssa.Alloc:
		return worst(written(v)...)
	case *ssa.Call:
		if b, ok := v.Call.Value.(*ssa.Builtin); ok && b.Name() == "append" {
			return worst(v.Call.Args...)
		}
	}
	return most
}

// written lists what is stored in a local variable, or in a field or element of it.
func written(a ssa.Value) (out []ssa.Value) {
	for _, ref := range *a.Referrers() {
		switch ref := ref.(type) {
		case *ssa.Store:
			if ref.Addr == a {
				out = append(out, ref.Val)
			}
		case *ssa.FieldAddr:
			out = append(out, written(ref)...)
		case *ssa.IndexAddr:
			out = append(out, written(ref)...)
		}
	}
	return out
}

// local says whether v is made in its function and not given on to where it outlives it.
func local(v ssa.Value) bool {
	switch v := v.(type) {
	case *ssa.MakeMap, *ssa.MakeSlice, *ssa.Alloc:
		return !slices.ContainsFunc(*v.Referrers(), func(in ssa.Instruction) bool {
			s, ok := in.(*ssa.Store)
			if !ok || s.Val != v {
				return false
			}
			_, global := s.Addr.(*ssa.Global)
			f, field := s.Addr.(*ssa.FieldAddr)
			return global || field && !local(f.X)
		})
	}
	return false
}

func (r *cxRun) stores(fn *ssa.Function, in *ssa.Store) {
	k := cxIn(in.Val)
	if k == nothing {
		return
	}
	const remedy = "; it belongs to the handler under way: pass it as the first parameter, and keep a Port or a value for later (C2)"
	pos := in.Pos()
	if !pos.IsValid() {
		pos = in.Val.Pos()
	}
	switch addr := in.Addr.(type) {
	case *ssa.Global:
		r.vars[asVar(addr)] = true
		r.say(pos, k.text()+" is stored in a package variable"+remedy)
	case *ssa.FreeVar:
		if !isCx(in.Val.Type()) || ownCx(fn) {
			r.say(pos, k.text()+" is stored in a variable from outside the handler"+remedy)
		}
	case *ssa.FieldAddr:
		field := fieldVar(addr)
		ours := field != nil && field.Pkg() == r.pass.Pkg
		switch {
		case k == direct && isCx(in.Val.Type()), k == boxedCx && ours && !local(rootOf(addr)), k == captured && !local(rootOf(addr)), k == direct && !local(rootOf(addr)):
			if field != nil && isCx(field.Type()) {
				r.vars[field] = true
			}
			r.say(pos, k.text()+" is stored in a struct"+remedy)
		}
	case *ssa.Parameter, *ssa.UnOp:
		r.say(pos, k.text()+" is stored where a pointer leads"+remedy)
	case *ssa.IndexAddr:
		if a, ok := addr.X.(*ssa.Alloc); ok && a.Comment == "varargs" {
			return
		}
		if k == direct && isCx(in.Val.Type()) || !local(rootOf(addr)) {
			r.say(pos, k.text()+" is stored in a slice"+remedy)
		}
	}
}

// rootOf is the variable of which addr is a part.
func rootOf(addr ssa.Value) ssa.Value {
	for {
		switch a := addr.(type) {
		case *ssa.FieldAddr:
			addr = a.X
		case *ssa.IndexAddr:
			addr = a.X
		case *ssa.Slice:
			addr = a.X
		default:
			return addr
		}
	}
}

func asVar(g *ssa.Global) *types.Var { v, _ := g.Object().(*types.Var); return v }

func fieldVar(a *ssa.FieldAddr) *types.Var {
	p, ok := a.X.Type().Underlying().(*types.Pointer)
	if !ok {
		return nil
	}
	s, ok := p.Elem().Underlying().(*types.Struct)
	if !ok {
		return nil
	}
	return s.Field(a.Field)
}

// later are functions that run what they are given when the handler has returned, or on another goroutine.
func later(m *types.Func) string {
	pkg, recv, n := method(m)
	switch {
	case m == nil || pkg == nil:
	case pkg.Path() == "time" && n == "AfterFunc":
		return "time.AfterFunc runs it on another goroutine: use cx.After"
	case pkg.Path() == "context" && n == "AfterFunc", isKernel(pkg) && recv == "Cx" && n == "AfterFunc":
		return n + " runs it where the cancel is accepted, outside the handler: react to CancelRequested"
	case pkg.Path() == "sync" && recv == "WaitGroup" && n == "Go", recv == "Group" && (n == "Go" || n == "TryGo"):
		return "it runs on another goroutine: give that a Port"
	case isKernel(pkg) && recv == "Cx" && n == "Finalize":
		return "Finalize runs it when the incarnation has ended, and effects are refused: capture what it needs"
	case isKernel(pkg) && recv == "System" && n == "OnRetired":
		return "OnRetired runs it when the actor is gone"
	}
	return ""
}

// tells are the functions that carry a value to another actor, or to a later message.
func tells(m *types.Func) bool {
	return ofKernel(m, "Cx", "Tell", "Publish", "After") || ofKernel(m, "Permit", "Send") || ofKernel(m, "Port", "Tell", "Urgent") ||
		ofKernel(m, "System", "Tell") || ofKernel(m, "", "Request")
}

func (r *cxRun) calls(fn *ssa.Function, in ssa.CallInstruction, goes string) {
	c := in.Common()
	m := callee(c)
	for i, a := range c.Args {
		if k, ok := a.(*ssa.Const); ok && k.Value == nil && isCx(a.Type()) {
			r.say(in.Pos(), "nil is passed as the Cx; pass the handler's: it is the only door to effects (C2)")
		}
		h := cxIn(a)
		if why := later(m); why != "" && h == captured {
			r.say(in.Pos(), "a function with this handler's Cx outlives the handler: "+why+" (C2)")
		}
		if goes != "" && (h == direct || h == captured) {
			r.say(in.Pos(), "a goroutine gets this handler's Cx; only the handler may use it: give the goroutine cx.Port(), and own it with cx.Own (C2)")
		}
		if tells(m) && i > 0 && (h == direct || h == boxedCx || h == captured) && !isCx(a.Type()) {
			r.say(in.Pos(), h.text()+" is sent in a message; another handler gets it: send a value, or cx.Self() (C2)")
		}
	}
	if goes != "" && cxIn(c.Value) != nothing {
		r.say(in.Pos(), "a goroutine captures this handler's Cx; only the handler may use it: give the goroutine cx.Port(), and own it with cx.Own (C2)")
	}
	r.plain(fn, in, m)
}

// plain reports contexts that do not hear of the cancel.
func (r *cxRun) plain(fn *ssa.Function, in ssa.CallInstruction, m *types.Func) {
	pkg, _, n := method(m)
	if pkg == nil || pkg.Path() != "context" || !r.p.handles(fn) {
		return
	}
	call, ok := in.(*ssa.Call)
	switch {
	case !ok:
	case n == "WithoutCancel" && cxIn(call.Call.Args[0]) != nothing:
		r.say(in.Pos(), "WithoutCancel makes a context that does not hear of the cancel; pass the Cx itself (C2)")
	case (n == "Background" || n == "TODO") && !forOwned(call, map[ssa.Value]bool{}):
		r.say(in.Pos(), "context."+n+" in code that holds a Cx does not hear of the cancel; pass the Cx, which is a context (C2)")
	}
}

// forOwned says whether a context goes to goroutines that are owned, and nowhere else.
func forOwned(v ssa.Value, seen map[ssa.Value]bool) bool {
	if seen[v] {
		return true
	}
	seen[v] = true
	for _, ref := range *v.Referrers() {
		switch ref := ref.(type) {
		case *ssa.Call:
			pkg, _, _ := method(callee(&ref.Call))
			if pkg == nil || pkg.Path() != "context" || !forOwned(ref, seen) {
				return false
			}
		case *ssa.Extract:
			if ref.Index == 0 && !forOwned(ref, seen) {
				return false
			}
		case *ssa.ChangeInterface:
			if !forOwned(ref, seen) {
				return false
			}
		case *ssa.Go:
			if !ownedGo(ref) {
				return false
			}
		case *ssa.DebugRef:
		default:
			return false
		}
	}
	return true
}

// borrowed reports a handler in a handler that uses the outer one's Cx.
func (r *cxRun) borrowed(fn *ssa.Function) {
	v := capturedCx(fn)
	if v == nil || !ownCx(fn) {
		return
	}
	for _, ref := range *v.Referrers() {
		pos := ref.Pos()
		if u, ok := ref.(*ssa.UnOp); ok {
			pos = u.Pos()
			for _, use := range *u.Referrers() {
				if use.Pos().IsValid() {
					pos = use.Pos()
				}
			}
		}
		if pos.IsValid() {
			r.say(pos, "a handler with a Cx of its own uses the Cx of the function around it, which is another actor's, or an ended one's; use its own (C2)")
			return
		}
	}
}

package vet

import (
	"fmt"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

// Obligation is rule O6.
var Obligation = &analysis.Analyzer{
	Name: "obligation",
	Doc: `report a promise that some path forgets (O6)

A question (*actors.Ask), a permit (*actors.Permit), the release function of Cx.Own and an entry of an
obligations.Ledger are promises. Each path from where one is taken to a return has to resolve it (Reply, Fail, Send,
Abort, a call of the function, Resolve), hand it on (HandOn: only where it returns nil), keep it (Keep; for what is no
question, to store it is enough) or return it. A panic, and the end of the process, end the holder: its kind's rule
answers then. The finding names the lines of the shortest path.`,
	Requires: []*analysis.Analyzer{prepared},
	Run:      runObligation,
}

// kind is a kind of obligation.
type kind struct {
	what    string // in messages, before the type
	forgot  string
	remedy  string
	storing bool // to store it is to keep it
	recv    string
	enders  []string // methods of recv
	take    func(f *frame, st *state, in ssa.Value)
}

var (
	askKind = &kind{
		what: "question", forgot: "is not answered", recv: "Ask", enders: []string{"Reply", "Fail", "Keep"},
		remedy: "call Reply, Fail, Keep or HandOn on that path", take: takeValue,
	}
	permitKind = &kind{
		what: "permit", forgot: "is neither sent nor aborted", recv: "Permit", enders: []string{"Send", "Abort"}, storing: true,
		remedy: "call Send or Abort, or store it, where its Err is nil", take: takeValue,
	}
	releaseKind = &kind{
		what: "release function", forgot: "is not called", storing: true,
		remedy: "call it, defer it, store it, or give it to who ends the resource", take: takeFirst,
	}
	ledgerKind = &kind{
		what: "ledger entry", forgot: "is not resolved", storing: true,
		remedy: "call Resolve or Transfer with its id, or store the id", take: func(f *frame, st *state, in ssa.Value) { set(st, in, value{kind: owed}) },
	}
)

func takeValue(_ *frame, st *state, in ssa.Value) {
	st.stand = open
	set(st, in, value{kind: owed})
}

// takeFirst takes the first of two results, where the second, an error, is nil.
func takeFirst(f *frame, st *state, in ssa.Value) {
	st.stand = open
	st.env[slot{in, 0}], st.env[slot{in, 1}] = value{kind: owed}, isNil
}

// owns says whether m is a method of the obligation.
func (k *kind) owns(m *types.Func) bool {
	pkg, recv, _ := method(m)
	return k.recv != "" && isKernel(pkg) && recv == k.recv
}

// ends says whether m resolves or keeps it; a method of an interface counts by its name.
func (k *kind) ends(m *types.Func) bool {
	_, recv, name := method(m)
	iface := m.Signature().Recv() != nil && types.IsInterface(m.Signature().Recv().Type())
	return slices.Contains(k.enders, name) && (k.owns(m) || iface && recv != k.recv)
}

// asked says whether an interface asks for a method that resolves it.
func (k *kind) asked(i *types.Interface) bool {
	for m := range i.Methods() {
		if slices.Contains(k.enders, m.Name()) {
			return true
		}
	}
	return false
}

func kindOfType(t types.Type) *kind {
	switch {
	case isPtrTo(t, "Ask"):
		return askKind
	case isPtrTo(t, "Permit"):
		return permitKind
	}
	return nil
}

// root is one obligation to follow: from which function on, and where it comes from.
type root struct {
	fn    *ssa.Function
	kind  *kind
	param *ssa.Parameter  // it is this parameter, or comes in it
	boxed bool            // it comes in the parameter, a message
	typ   types.Type      // of a question or a permit
	at    ssa.Instruction // it is taken there
	way   map[*ssa.Function]bool
}

type obligationRun struct {
	pass *analysis.Pass
	p    *program
	told map[token.Pos]bool
}

func runObligation(pass *analysis.Pass) (any, error) {
	p, _ := pass.ResultOf[prepared].(*program)
	if p == nil {
		return nil, nil
	}
	r := &obligationRun{pass, p, map[token.Pos]bool{}}
	for _, fn := range p.funcs {
		for _, rt := range r.roots(fn) {
			r.follow(rt, 0)
		}
	}
	p.allow.stale(pass)
	return nil, nil
}

// roots lists what is taken in fn.
func (r *obligationRun) roots(fn *ssa.Function) (out []root) {
	for _, p := range fn.Params {
		k := kindOfType(p.Type())
		switch {
		case k != nil && ownCx(fn) && len(r.p.callers[fn]) == 0, k != nil && ownCx(fn) && r.p.valued[fn]:
			out = append(out, root{fn: fn, kind: k, param: p, typ: p.Type()})
		case types.IsInterface(p.Type()) && holdsCx(fn) && !r.deferred(fn, p):
			for _, t := range r.asserted(fn, map[*ssa.Function]bool{}, nil) {
				out = append(out, root{fn: fn, kind: kindOfType(t), param: p, boxed: true, typ: t})
			}
		}
	}
	eachInstr(fn, func(in ssa.Instruction) {
		switch in := in.(type) {
		case *ssa.Call:
			if ofKernel(callee(&in.Call), "Cx", "Own") {
				out = append(out, root{fn: fn, kind: releaseKind, at: in})
			}
			if id := reservedID(in); id != nil {
				out = append(out, root{fn: fn, kind: ledgerKind, at: id})
			}
		case *ssa.UnOp:
			if k := kindOfType(in.Type()); in.Op == token.ARROW && k != nil {
				out = append(out, root{fn: fn, kind: k, at: in, typ: in.Type()})
			}
		}
	})
	return out
}

// deferred says whether callers in this package hand fn their own message: then they are the roots.
func (r *obligationRun) deferred(fn *ssa.Function, p *ssa.Parameter) bool {
	if r.p.valued[fn] {
		return false
	}
	at := slices.Index(fn.Params, p)
	for _, c := range r.p.callers[fn] {
		args := c.Common().Args
		if at < len(args) && holdsCx(c.Parent()) && messageOf(args[at]) {
			return true
		}
	}
	return false
}

// messageOf says whether v is an interface that its function was given.
func messageOf(v ssa.Value) bool {
	switch v := v.(type) {
	case *ssa.Parameter:
		return types.IsInterface(v.Type())
	case *ssa.UnOp: // of a variable that was captured
		if a, ok := v.X.(*ssa.Alloc); ok {
			for _, ref := range *a.Referrers() {
				if s, ok := ref.(*ssa.Store); ok && s.Addr == a && messageOf(s.Val) {
					return true
				}
			}
		}
	case *ssa.ChangeInterface:
		return messageOf(v.X)
	case *ssa.TypeAssert:
		return messageOf(v.X)
	case *ssa.Extract:
		return messageOf(v.Tuple)
	}
	return false
}

// asserted lists the types of obligations that fn, or what it calls, looks for in messages.
func (r *obligationRun) asserted(fn *ssa.Function, seen map[*ssa.Function]bool, out []types.Type) []types.Type {
	if seen[fn] || fn.Blocks == nil {
		return out
	}
	seen[fn] = true
	add := func(t types.Type) {
		if kindOfType(t) != nil && !slices.ContainsFunc(out, func(o types.Type) bool { return types.Identical(o, t) }) {
			out = append(out, t)
		}
	}
	eachInstr(fn, func(in ssa.Instruction) {
		switch in := in.(type) {
		case *ssa.TypeAssert:
			add(in.AssertedType)
		case ssa.CallInstruction:
			if c := source(in.Common().StaticCallee()); c != nil && c.Package() == r.p.pkg {
				out = r.asserted(c, seen, out)
			}
		}
	})
	for _, a := range fn.AnonFuncs {
		out = r.asserted(a, seen, out)
	}
	return out
}

// reservedID is where the id of a ledger's entry is made, if that is a call of this function.
func reservedID(in *ssa.Call) ssa.Instruction {
	pkg, recv, name := method(callee(&in.Call))
	if !isLedger(pkg) || recv != "Ledger" || name != "Reserve" || len(in.Call.Args) < 4 {
		return nil
	}
	v := in.Call.Args[3]
	for {
		switch x := v.(type) {
		case *ssa.Convert:
			v = x.X
		case *ssa.ChangeType:
			v = x.X
		case *ssa.UnOp: // a variable that a closure captured
			a, ok := x.X.(*ssa.Alloc)
			if w := writtenTo(a, ok); len(w) == 1 {
				v = w[0]
				continue
			}
			return nil
		case *ssa.Call:
			return x
		default:
			return nil
		}
	}
}

func writtenTo(a *ssa.Alloc, ok bool) []ssa.Value {
	if !ok {
		return nil
	}
	return written(a)
}

// follow walks a root. Where the obligation is returned to callers in this package, it goes on with them.
func (r *obligationRun) follow(rt root, up int) {
	w := &walk{tables: newTables(), p: r.p, kind: rt.kind, typ: rt.typ, at: rt.at, way: rt.way, shapes: map[*ssa.Function]*shape{}}
	st := newState()
	var tr *step
	if rt.param != nil {
		v := value{kind: boxed}
		if !rt.boxed {
			v, st.stand, st.taken = value{kind: owed}, open, rt.param.Pos()
			tr = tr.add(rt.param.Pos(), "taken")
		}
		st.env[slot{rt.param, -1}] = v
	}
	exits := w.run(rt.fn, st, tr)
	if w.gaveUp {
		return
	}
	f := &frame{walk: w}
	returned := false
	var worst *exit
	for i, e := range append(exits, w.lost...) {
		if e.st.stand == before {
			continue
		}
		if slices.ContainsFunc(e.results, func(v value) bool { return f.carries(e.st, v) }) {
			returned = true
			continue
		}
		if e.st.stand == failed && tellsError(rt.fn, e) {
			continue
		}
		if i >= len(exits) || worst == nil || worst.st.stand != open && e.st.stand == open {
			worst = &e
		}
	}
	if returned {
		r.upwards(rt, up)
	}
	if worst != nil && reports(rt) && (w.done || !rt.boxed || r.answers(rt.fn)) {
		r.tell(rt, *worst)
	}
}

// reports says whether a walk that began in rt.fn may find fault: without a Cx a function cannot answer.
func reports(rt root) bool { return holdsCx(rt.fn) || rt.kind == ledgerKind || rt.kind == releaseKind }

// answers says whether fn looks like a handler, so that a message ends with it: one that never does anything with an
// obligation may be an observer.
func (r *obligationRun) answers(fn *ssa.Function) bool {
	res := fn.Signature.Results()
	return r.p.valued[fn] || res.Len() == 1 && isError(res.At(0).Type())
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

// upwards follows an obligation that fn returns into its callers.
func (r *obligationRun) upwards(rt root, up int) {
	if rt.at == nil || up >= 3 {
		return
	}
	way := map[*ssa.Function]bool{rt.fn: true}
	for fn := range rt.way {
		way[fn] = true
	}
	seen := map[*ssa.Function]bool{}
	for _, c := range r.p.callers[rt.fn] {
		if fn := c.Parent(); !seen[fn] && !way[fn] {
			seen[fn] = true
			r.follow(root{fn: fn, kind: rt.kind, typ: rt.typ, at: rt.at, way: way}, up+1)
		}
	}
}

// tellsError says whether a path returns an error, so that whoever calls knows.
func tellsError(fn *ssa.Function, e exit) bool {
	res := fn.Signature.Results()
	if res.Len() == 0 || len(e.results) != res.Len() {
		return false
	}
	last := res.At(res.Len() - 1).Type()
	if !isError(last) {
		return false
	}
	k, ok := e.st.known(e.results[res.Len()-1])
	return !ok || k != isNil
}

func (r *obligationRun) tell(rt root, e exit) {
	set := r.pass.Fset
	if r.told[e.st.taken] {
		return
	}
	r.told[e.st.taken] = true
	what := rt.kind.what
	if rt.typ != nil {
		what += " (" + types.TypeString(rt.typ, types.RelativeTo(r.pass.Pkg)) + ")"
	}
	why := rt.kind.forgot + " on the path"
	switch e.st.stand {
	case stored:
		why = fmt.Sprintf("is stored at line %d but not kept on the path", line(set, e.st.noted))
	case failed:
		why = fmt.Sprintf("is still held where HandOn at line %d fails, on the path", line(set, e.st.noted))
	}
	d := analysis.Diagnostic{Pos: e.st.taken, Message: fmt.Sprintf("this %s %s %s; %s", what, why, path(set, e.tr.list()), rt.kind.remedy)}
	r.p.report(r.pass, d)
}

// path tells the lines of a path: 12 taken > 14 true > 19 returns.
func path(set *token.FileSet, steps []step) string {
	var out []string
	for _, s := range steps {
		t := fmt.Sprintf("%d %s", line(set, s.pos), s.what)
		if len(out) == 0 || out[len(out)-1] != t {
			out = append(out, t)
		}
	}
	const most = 14
	if len(out) > most {
		out = append(append(out[:most/2:most/2], "…"), out[len(out)-most/2:]...)
	}
	return strings.Join(out, " > ")
}

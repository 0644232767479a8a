package vet

import (
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// handles says whether fn runs in a handler: it holds a Cx, or is a literal in a function that does. What a
// goroutine runs does not.
func (p *program) handles(fn *ssa.Function) bool {
	if onGoroutine(fn) {
		return false
	}
	return holdsCx(fn) || fn.Parent() != nil && p.handles(fn.Parent())
}

// onGoroutine says whether a literal is what a go statement, or something like it, runs.
func onGoroutine(fn *ssa.Function) bool {
	if fn.Parent() == nil {
		return false
	}
	found := false
	eachInstr(fn.Parent(), func(in ssa.Instruction) {
		c, ok := in.(ssa.CallInstruction)
		if !ok {
			return
		}
		_, isGo := in.(*ssa.Go)
		for _, v := range append([]ssa.Value{c.Common().Value}, c.Common().Args...) {
			if literal(v) == fn && (isGo || spawns(callee(c.Common()))) {
				found = true
			}
		}
	})
	return found
}

// literal is the function of a closure, or v itself.
func literal(v ssa.Value) *ssa.Function {
	switch v := v.(type) {
	case *ssa.MakeClosure:
		return v.Fn.(*ssa.Function)
	case *ssa.Function:
		return v
	}
	return nil
}

// spawns says whether m starts a goroutine.
func spawns(m *types.Func) bool {
	pkg, recv, n := method(m)
	return pkg != nil && (pkg.Path() == "sync" && recv == "WaitGroup" && n == "Go" ||
		pkg.Path() == "golang.org/x/sync/errgroup" && recv == "Group" && (n == "Go" || n == "TryGo"))
}

// ownedGo says whether a goroutine gets the release function of cx.Own: then it is a member of the actor's region.
func ownedGo(in *ssa.Go) bool {
	for _, a := range append([]ssa.Value{in.Call.Value}, in.Call.Args...) {
		if releases(a, map[ssa.Value]bool{}) {
			return true
		}
	}
	return false
}

// releases says whether v is, or holds, a release function of cx.Own.
func releases(v ssa.Value, seen map[ssa.Value]bool) bool {
	if seen[v] {
		return false
	}
	seen[v] = true
	switch v := v.(type) {
	case *ssa.Extract:
		c, ok := v.Tuple.(*ssa.Call)
		return ok && ofKernel(callee(&c.Call), "Cx", "Own")
	case *ssa.MakeClosure:
		for _, b := range v.Bindings {
			if releases(b, seen) {
				return true
			}
		}
	case *ssa.Alloc:
		for _, w := range written(v) {
			if releases(w, seen) {
				return true
			}
		}
	case *ssa.UnOp:
		if a, ok := v.X.(*ssa.Alloc); ok {
			return releases(a, seen)
		}
		if f, ok := v.X.(*ssa.FieldAddr); ok {
			return storedRelease(f, seen)
		}
	case *ssa.MakeInterface:
		return releases(v.X, seen)
	case *ssa.Phi:
		for _, e := range v.Edges {
			if releases(e, seen) {
				return true
			}
		}
	}
	return false
}

// storedRelease says whether the function puts a release function into that field itself.
func storedRelease(f *ssa.FieldAddr, seen map[ssa.Value]bool) (found bool) {
	eachInstr(f.Parent(), func(in ssa.Instruction) {
		s, ok := in.(*ssa.Store)
		if !ok {
			return
		}
		if a, ok := s.Addr.(*ssa.FieldAddr); ok && a.X == f.X && a.Field == f.Field && releases(s.Val, seen) {
			found = true
		}
	})
	return found
}

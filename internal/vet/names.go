package vet

import (
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// isKernel says whether p is the package of the kernel's actors, also where it is vendored.
func isKernel(p *types.Package) bool { return p != nil && isRoom(p.Path(), "actors") }

// isLedger says whether p is the package of the ledger of obligations.
func isLedger(p *types.Package) bool { return p != nil && isRoom(p.Path(), "obligations") }

func isRoom(path, name string) bool {
	return path == name || strings.HasSuffix(path, "fnode-supervisor/"+name)
}

// named is the named type behind t, through one pointer.
func named(t types.Type) *types.Named {
	if t == nil {
		return nil
	}
	if p, ok := types.Unalias(t).Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	n, _ := types.Unalias(t).(*types.Named)
	return n
}

// isPtrTo says whether t is a pointer to the type of that name in the kernel.
func isPtrTo(t types.Type, name string) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	if !ok {
		return false
	}
	n := named(p)
	return n != nil && n.Obj().Name() == name && isKernel(n.Obj().Pkg())
}

func isCx(t types.Type) bool { return isPtrTo(t, "Cx") }

// isCxCell says whether t is the address of a variable that holds a Cx.
func isCxCell(t types.Type) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && isCx(p.Elem())
}

// callee is the function that is called, in the form of its declaration; nil for a dynamic call.
func callee(c *ssa.CallCommon) *types.Func {
	if c.IsInvoke() {
		return c.Method
	}
	if fn := c.StaticCallee(); fn != nil {
		return declared(fn)
	}
	return nil
}

// declared is the object of a function, also behind a bound method or an instance.
func declared(fn *ssa.Function) *types.Func {
	if o := fn.Origin(); o != nil {
		fn = o
	}
	f, ok := fn.Object().(*types.Func)
	if !ok {
		return nil
	}
	return f.Origin()
}

// method gives package, type and name of a method; the type is empty for a function.
func method(f *types.Func) (pkg *types.Package, recv, name string) {
	if f == nil {
		return nil, "", ""
	}
	if r := f.Signature().Recv(); r != nil {
		if n := named(r.Type()); n != nil {
			recv = n.Obj().Name()
		}
	}
	return f.Pkg(), recv, f.Name()
}

// ofKernel says whether f is that method of a kernel type.
func ofKernel(f *types.Func, recv string, names ...string) bool {
	pkg, r, n := method(f)
	return isKernel(pkg) && r == recv && slices.Contains(names, n)
}

// holdsCx says whether fn has a Cx of its own, or one that it captured.
func holdsCx(fn *ssa.Function) bool { return ownCx(fn) || capturedCx(fn) != nil }

func ownCx(fn *ssa.Function) bool {
	return slices.ContainsFunc(fn.Params, func(p *ssa.Parameter) bool { return isCx(p.Type()) })
}

func capturedCx(fn *ssa.Function) *ssa.FreeVar {
	for _, v := range fn.FreeVars {
		if isCx(v.Type()) || isCxCell(v.Type()) {
			return v
		}
	}
	return nil
}

// stdRoots are the first elements of the standard library's paths.
var stdRoots = strings.Fields(`archive bufio bytes cmp compress container context crypto database debug embed encoding
	errors expvar flag fmt go hash html image index io iter log maps math mime net os path plugin reflect regexp
	runtime slices sort strconv strings structs sync syscall testing text time unicode unique unsafe weak`)

// isStd says whether a package is of the standard library.
func isStd(p *types.Package) bool {
	if p == nil {
		return true
	}
	first, _, _ := strings.Cut(p.Path(), "/")
	return slices.Contains(stdRoots, first)
}

// enders are functions after which nothing runs.
var enders = map[string][]string{
	"os": {"Exit"}, "runtime": {"Goexit"}, "log": {"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln"},
	"testing": {"Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow"},
}

func neverReturns(f *types.Func) bool {
	return f.Pkg() != nil && slices.Contains(enders[f.Pkg().Path()], f.Name())
}

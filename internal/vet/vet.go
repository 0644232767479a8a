package vet

import (
	"go/token"
	"go/types"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

// Analyzers are the rules.
func Analyzers() []*analysis.Analyzer {
	return []*analysis.Analyzer{Obligation, CxUse, Checkpoint, Ambient}
}

// program is a package in SSA form, with what all rules ask of it.
type program struct {
	pkg     *ssa.Package
	funcs   []*ssa.Function // with bodies, literals too, by position
	callers map[*ssa.Function][]ssa.CallInstruction
	valued  map[*ssa.Function]bool // used as a value, not only called
	allow   *allowances
}

// prepared builds the SSA form once for all rules; its result is nil for a package that has nothing to do with the
// kernel, and for the kernel's own.
var prepared = &analysis.Analyzer{
	Name:       "prepared",
	Doc:        "build what the rules of fnodevet share",
	Run:        func(pass *analysis.Pass) (any, error) { return prepare(pass), nil },
	ResultType: reflect.TypeFor[*program](),
}

func prepare(pass *analysis.Pass) *program {
	uses := slices.ContainsFunc(pass.Pkg.Imports(), func(p *types.Package) bool { return isKernel(p) || isLedger(p) })
	if !uses || isKernel(pass.Pkg) {
		return nil
	}
	prog := ssa.NewProgram(pass.Fset, ssa.BuilderMode(0))
	prog.SetNoReturn(neverReturns)
	for _, p := range pass.Pkg.Imports() {
		prog.CreatePackage(p, nil, nil, true)
	}
	p := &program{
		pkg:     prog.CreatePackage(pass.Pkg, pass.Files, pass.TypesInfo, false),
		callers: map[*ssa.Function][]ssa.CallInstruction{}, valued: map[*ssa.Function]bool{},
		allow: allowed(pass),
	}
	p.pkg.Build()
	p.collect(pass)
	return p
}

// collect lists the functions of the source, and who calls them.
func (p *program) collect(pass *analysis.Pass) {
	var add func(fn *ssa.Function)
	add = func(fn *ssa.Function) {
		if fn == nil || fn.Blocks == nil {
			return
		}
		p.funcs = append(p.funcs, fn)
		for _, a := range fn.AnonFuncs {
			add(a)
		}
	}
	for _, obj := range pass.TypesInfo.Defs {
		if f, ok := obj.(*types.Func); ok {
			add(p.pkg.Prog.FuncValue(f))
		}
	}
	for _, m := range p.pkg.Members { // the literals of package variables
		if fn, ok := m.(*ssa.Function); ok && fn.Synthetic != "" {
			add(fn)
		}
	}
	slices.SortFunc(p.funcs, func(a, b *ssa.Function) int { return int(a.Pos()) - int(b.Pos()) })
	p.funcs = slices.Compact(p.funcs)
	for _, fn := range p.funcs {
		eachInstr(fn, p.note)
	}
}

// note remembers a call, and which functions are used as values.
func (p *program) note(in ssa.Instruction) {
	var callee ssa.Value
	if c, ok := in.(ssa.CallInstruction); ok {
		callee = c.Common().Value
		if fn := source(c.Common().StaticCallee()); fn != nil {
			p.callers[fn] = append(p.callers[fn], c)
		}
	}
	if mc, ok := in.(*ssa.MakeClosure); ok {
		for _, r := range *mc.Referrers() {
			if c, ok := r.(ssa.CallInstruction); !ok || c.Common().Value != mc {
				p.valued[mc.Fn.(*ssa.Function)] = true
			}
		}
	}
	for _, op := range in.Operands(nil) {
		_, closes := in.(*ssa.MakeClosure)
		if fn, ok := (*op).(*ssa.Function); ok && !closes && *op != callee {
			p.valued[source(fn)] = true
		}
	}
}

// source is the function as it was written: the generic one of an instance, the method behind a wrapper.
func source(fn *ssa.Function) *ssa.Function {
	if fn == nil {
		return nil
	}
	if o := fn.Origin(); o != nil {
		return o
	}
	if m, ok := fn.Object().(*types.Func); ok && fn.Blocks != nil && fn.Synthetic != "" {
		if f := fn.Prog.FuncValue(m.Origin()); f != nil {
			return f
		}
	}
	return fn
}

func eachInstr(fn *ssa.Function, f func(ssa.Instruction)) {
	for _, b := range fn.Blocks {
		for _, in := range b.Instrs {
			f(in)
		}
	}
}

// line gives the line of a position.
func line(set *token.FileSet, pos token.Pos) int { return set.Position(pos).Line }

// report tells a finding, unless a comment allows it there.
func (p *program) report(pass *analysis.Pass, d analysis.Diagnostic) {
	d.Category = pass.Analyzer.Name
	if !tests && isTest(pass.Fset, d.Pos) || p.allow.covers(pass, d.Pos) {
		return
	}
	pass.Report(d)
}

// tests says whether test files are reported too: tests of a kernel break its rules on purpose.
var tests bool

func init() {
	for _, a := range Analyzers() {
		a.Flags.BoolVar(&tests, "tests", false, "report _test.go files too")
	}
}

// isTest says whether the position is in a test file.
func isTest(set *token.FileSet, pos token.Pos) bool {
	return strings.HasSuffix(set.Position(pos).Filename, "_test.go")
}

package vet

import (
	"fmt"
	"go/token"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/ssa"
)

// Checkpoint is rule C4.
var Checkpoint = &analysis.Analyzer{
	Name: "checkpoint",
	Doc: `report a loop of a handler that may run over 1 ms and never calls cx.Checkpoint (C4)

A loop is bounded where a condition that each round meets compares a counter with a constant of at most 100000 rounds
(also by min, a mask, a small type or a check before), with the length of data, or with what the maker of the actor
fixed; where it ranges over data; where it walks a list, consumes a string or slice, or halves a number. Any other
loop has to call cx.Checkpoint, itself or in what it calls. Loops of functions of the package that a handler calls count
too.`,
	Requires: []*analysis.Analyzer{prepared},
	Run:      runCheckpoint,
}

// maxRounds is how many rounds of a loop are taken to last less than 1 ms.
const maxRounds = 100_000

type loopRun struct {
	pass   *analysis.Pass
	p      *program
	checks map[*ssa.Function]bool
	told   map[token.Pos]bool
	been   map[*ssa.Function]bool
}

func runCheckpoint(pass *analysis.Pass) (any, error) {
	p, _ := pass.ResultOf[prepared].(*program)
	if p == nil {
		return nil, nil
	}
	r := &loopRun{pass, p, map[*ssa.Function]bool{}, map[token.Pos]bool{}, map[*ssa.Function]bool{}}
	for _, fn := range p.funcs {
		if p.handles(fn) {
			r.visit(fn, nil)
		}
	}
	p.allow.stale(pass)
	return nil, nil
}

// visit looks at the loops of fn, and of what it calls that has no Cx of its own.
func (r *loopRun) visit(fn *ssa.Function, tr *step) {
	if r.been[fn] {
		return
	}
	r.been[fn] = true
	for _, l := range loopsOf(fn) {
		if why := r.endless(l); why != "" && !r.checked(l) {
			r.tell(l, why, tr)
		}
	}
	eachInstr(fn, func(in ssa.Instruction) {
		c, ok := in.(*ssa.Call)
		if !ok {
			return
		}
		if callee := source(c.Call.StaticCallee()); callee != nil && callee.Package() == r.p.pkg && callee.Blocks != nil && !r.p.handles(callee) {
			r.visit(callee, tr.add(in.Pos(), "calls "+name(callee)))
		}
	})
}

func (r *loopRun) tell(l *loop, why string, tr *step) {
	pos := l.pos()
	if r.told[pos] {
		return
	}
	r.told[pos] = true
	way := ""
	if tr != nil {
		way = ", on the path " + path(r.pass.Fset, tr.list())
	}
	r.p.report(r.pass, analysis.Diagnostic{Pos: pos, Message: fmt.Sprintf(
		"this loop of lines %d to %d may run over 1 ms in a handler and never calls cx.Checkpoint: %s%s; "+
			"call it each round and return its error, bound the loop, or go on by a message to cx.Self() (C4)",
		line(r.pass.Fset, pos), l.end(r.pass), why, way)})
}

// checked says whether the loop calls Checkpoint, or something that does, or may.
func (r *loopRun) checked(l *loop) bool {
	for b := range l.blocks {
		for _, in := range b.Instrs {
			if c, ok := in.(ssa.CallInstruction); ok && r.callChecks(c) {
				return true
			}
		}
	}
	return false
}

func (r *loopRun) callChecks(c ssa.CallInstruction) bool {
	m := callee(c.Common())
	if ofKernel(m, "Cx", "Checkpoint") {
		return true
	}
	fn := source(c.Common().StaticCallee())
	if fn != nil && fn.Package() == r.p.pkg && fn.Blocks != nil {
		return r.checksWithin(fn)
	}
	if m != nil && (isKernel(m.Pkg()) || isStd(m.Pkg())) {
		return closureChecks(r, c)
	}
	return slices.ContainsFunc(c.Common().Args, func(a ssa.Value) bool { return cxIn(a) != nothing }) || closureChecks(r, c)
}

// closureChecks says whether a function that the call is given calls Checkpoint.
func closureChecks(r *loopRun, c ssa.CallInstruction) bool {
	return slices.ContainsFunc(c.Common().Args, func(a ssa.Value) bool {
		fn := literal(a)
		return fn != nil && fn.Blocks != nil && (fn.Package() == r.p.pkg) && r.checksWithin(fn) ||
			fn != nil && ofKernel(declared(fn), "Cx", "Checkpoint")
	})
}

func (r *loopRun) checksWithin(fn *ssa.Function) bool {
	if got, ok := r.checks[fn]; ok {
		return got
	}
	r.checks[fn] = false
	found := false
	eachInstr(fn, func(in ssa.Instruction) {
		if c, ok := in.(ssa.CallInstruction); ok && !found {
			found = r.callChecks(c)
		}
	})
	r.checks[fn] = found
	return found
}

// endless says why nothing bounds the loop; "" if something does.
func (r *loopRun) endless(l *loop) string {
	why := "nothing ends it but what happens in it"
	exits := 0
	for b := range l.blocks {
		in, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
		if !ok || l.blocks[b.Succs[0]] && l.blocks[b.Succs[1]] {
			continue
		}
		exits++
		if !l.everyRound(b) {
			continue
		}
		switch rounds, known := l.rounds(in.Cond); {
		case known && rounds <= maxRounds/l.outer():
			return ""
		case known:
			why = fmt.Sprintf("it has %d rounds", rounds*l.outer())
		}
	}
	if exits == 0 && why[0] == 'n' {
		why = "nothing ends it"
	}
	return why
}

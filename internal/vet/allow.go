package vet

import (
	"go/token"
	"regexp"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// allowances are the comments that allow a finding: //fnodevet:allow rule reason, on its line, or alone on the line
// above.
type allowances struct {
	at map[place]*allowance
}

type place struct {
	file string
	line int
	rule string
}

type allowance struct {
	pos  token.Pos
	used bool
}

var allowRE = regexp.MustCompile(`^//fnodevet:allow\s+(\w+)\s*(.*)$`)

// allowed reads the comments. One that gives no reason allows nothing.
func allowed(pass *analysis.Pass) *allowances {
	a := &allowances{map[place]*allowance{}}
	for _, f := range pass.Files {
		for _, g := range f.Comments {
			for _, c := range g.List {
				m := allowRE.FindStringSubmatch(c.Text)
				if m == nil || strings.TrimSpace(m[2]) == "" {
					continue
				}
				p := pass.Fset.Position(c.Pos())
				one := &allowance{pos: c.Pos()}
				for _, l := range []int{p.Line, p.Line + 1} {
					a.at[place{p.Filename, l, m[1]}] = one
				}
			}
		}
	}
	return a
}

func (a *allowances) covers(pass *analysis.Pass, pos token.Pos) bool {
	p := pass.Fset.Position(pos)
	one := a.at[place{p.Filename, p.Line, pass.Analyzer.Name}]
	if one != nil {
		one.used = true
	}
	return one != nil
}

// stale reports the allowances of a rule that nothing needs, so that none outlives its reason.
func (a *allowances) stale(pass *analysis.Pass) {
	told := map[*allowance]bool{}
	for at, one := range a.at {
		if at.rule == pass.Analyzer.Name && !one.used && !told[one] {
			told[one] = true
			pass.Report(analysis.Diagnostic{Pos: one.pos, Category: at.rule, Message: "this comment allows nothing: there is no finding of " + at.rule + " here; delete it"})
		}
	}
}

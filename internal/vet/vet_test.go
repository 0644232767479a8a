package vet_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"

	"github.com/franken-node/fnode-supervisor/internal/vet"
)

// Each rule finds what the wants of its cases say, and nothing else. The cases use the kernel itself, no copy.
func TestRulesFindTheirCasesAndNothingElse(t *testing.T) {
	for _, a := range vet.Analyzers() {
		if a.Name != promises {
			t.Run(a.Name, func(t *testing.T) { runCases(t, a) })
		}
	}
}

// promises is the analyzer of rule O6.
const promises = "obligation"

// The wants of its cases name the path on which a promise is forgotten; what is resolved, handed on, kept or returned on
// every path has none.
func TestO6APromiseThatSomePathForgetsIsReportedWithThatPath(t *testing.T) {
	all := vet.Analyzers()
	i := slices.IndexFunc(all, func(a *analysis.Analyzer) bool { return a.Name == promises })
	if i < 0 {
		t.Fatal("there is no such pass")
	}
	for _, r := range runCases(t, all[i]) {
		for _, d := range r.Diagnostics {
			if !strings.Contains(d.Message, "path") && !strings.Contains(d.Message, "line") {
				t.Errorf("a report without a place that leads to it: %s", d.Message)
			}
		}
	}
	bad, ok := cases(t, promises)
	t.Logf("%d faults, %d that are none", bad, ok)
}

// runCases runs an analyzer over its cases, which use the kernel itself.
func runCases(t *testing.T, a *analysis.Analyzer) []*analysistest.Result {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return analysistest.Run(t, root, a, "./internal/vet/testdata/"+a.Name)
}

// A case is a function, variable or type: badX has a want inside it, okX has none. Helpers that neither names are
// counted as neither.
func TestThereAreEnoughCases(t *testing.T) {
	var bads, oks int
	for _, a := range vet.Analyzers() {
		bad, ok := cases(t, a.Name)
		t.Logf("%-10s %2d faults, %2d that are none", a.Name, bad, ok)
		bads, oks = bads+bad, oks+ok
	}
	t.Logf("%-10s %2d faults, %2d that are none", "together", bads, oks)
	if bads < 25 || oks < 25 {
		t.Errorf("%d faults and %d that are none: each has to be 25 at least", bads, oks)
	}
}

func cases(t *testing.T, rule string) (bad, ok int) {
	t.Helper()
	for _, file := range []string{"bad.go", "good.go"} {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, filepath.Join("testdata", rule, file), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch name := caseName(d); {
			case strings.HasPrefix(name, "bad") && file == "bad.go":
				bad++
			case strings.HasPrefix(name, "ok") && file == "good.go":
				if wants(f, d) > 0 {
					t.Errorf("%s: %s wants a finding", rule, name)
				}
				ok++
			}
		}
	}
	return bad, ok
}

func caseName(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Name.Name
	case *ast.GenDecl:
		switch s := d.Specs[0].(type) {
		case *ast.ValueSpec:
			return s.Names[0].Name
		case *ast.TypeSpec:
			return s.Name.Name
		}
	}
	return ""
}

// wants counts the findings that a declaration wants.
func wants(f *ast.File, d ast.Decl) (n int) {
	for _, g := range f.Comments {
		if d.Pos() <= g.Pos() && g.Pos() < d.End()+200 && strings.Contains(g.Text(), "want `") {
			n++
		}
	}
	return n
}

package lint_test

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// mostNames is how many names a package exports at most, so that it can be learned: types, functions and variables. A
// constant counts with its type.
const mostNames = 60

// tables are packages whose exported variables are the rows of a table, which nobody learns by heart.
var tables = map[string]string{"spec/errors": "each code is a variable"}

func TestNoPackageExportsMoreThanCanBeLearned(t *testing.T) {
	count := map[string]int{}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		for _, d := range s.ast.Decls {
			count[s.dir] += exported(d, tables[s.dir] != "")
		}
	}
	most, where := 0, ""
	for dir, n := range count {
		if n >= mostNames {
			t.Errorf("%s exports %d names, and %d are too many to learn: make private what nobody else uses, or split it by its nouns", dir, n, mostNames)
		}
		if n > most && !strings.HasPrefix(dir, "spec") {
			most, where = n, dir
		}
	}
	t.Logf("%d packages; the most names has %s: %d", len(count), where, most)
}

// exported counts the names of one declaration.
func exported(d ast.Decl, table bool) (n int) {
	switch x := d.(type) {
	case *ast.FuncDecl:
		if x.Recv == nil && x.Name.IsExported() {
			n++
		}
	case *ast.GenDecl:
		for _, s := range x.Specs {
			switch y := s.(type) {
			case *ast.TypeSpec:
				if y.Name.IsExported() {
					n++
				}
			case *ast.ValueSpec:
				for _, name := range y.Names {
					if name.IsExported() && x.Tok == token.VAR && !table {
						n++
					}
				}
			}
		}
	}
	return n
}

// nouns are the packages of the words that a user of the kernel learns first.
var nouns = []string{"lanes", "regions", "obligations", "actors", "supervision", "engineproc/core", "lab"}

func TestEveryNounHasAnExampleThatRuns(t *testing.T) {
	has := map[string]bool{}
	for _, s := range sources(t) {
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			has[s.dir] = has[s.dir] || ok && strings.HasPrefix(f.Name.Name, "Example") && strings.Contains(s.text, "// Output:")
		}
	}
	for _, dir := range nouns {
		if !has[dir] {
			t.Errorf("%s has no Example with its output: a newcomer reads that first", dir)
		}
	}
}

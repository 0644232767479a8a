package lint_test

import (
	"flag"
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/spec"
)

var rewrite = flag.Bool("rewrite", false, "write docs/rules.md anew")

// ruleTest is the name of a test of a rule: TestL3BoundsHoldExhaustively is one of L3.
var ruleTest = regexp.MustCompile(`^Test([CLROSMED]\d+)[A-Z]`)

// TestEveryRuleHasATest: a rule of the kernel that no test is named for, and a test that is named for no rule, fail.
// What is found is docs/rules.md.
func TestEveryRuleHasATest(t *testing.T) {
	known := map[string]bool{}
	for _, r := range spec.Rules {
		if known[r.ID] {
			t.Errorf("there are two rules %s", r.ID)
		}
		known[r.ID] = true
	}
	tests := map[string][]string{}
	for _, s := range sources(t) {
		if !s.isTest() {
			continue
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil {
				continue
			}
			m := ruleTest.FindStringSubmatch(f.Name.Name)
			if m == nil {
				continue
			}
			if !known[m[1]] {
				t.Errorf("%s:%d: %s is named for rule %s, which is not in spec/rules.go", s.file, s.line(f), f.Name.Name, m[1])
			}
			tests[m[1]] = append(tests[m[1]], fmt.Sprintf("%s in [%s](../%s)", f.Name.Name, s.file, s.file))
		}
	}
	for _, r := range spec.Rules {
		if len(tests[r.ID]) == 0 && !r.None {
			t.Errorf("rule %s has no test: write one that fails when it is broken, and name it Test%s…", r.ID, r.ID)
		}
	}
	page := drawRules(tests)
	file := filepath.Join("..", "..", "docs", "rules.md")
	if *rewrite {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(file); err != nil || string(have) != page {
		t.Error("docs/rules.md is not what spec/rules.go and the tests say; run: go test ./internal/lint -run Rule -rewrite")
	}
}

func drawRules(tests map[string][]string) string {
	var b strings.Builder
	b.WriteString("# The rules of the kernel, and their tests\n\nGenerated from `spec/rules.go` and the names of the tests; do not edit.\n" +
		"To write it anew: `go test ./internal/lint -run Rule -rewrite`.\n")
	for _, f := range spec.RuleFamilies {
		fmt.Fprintf(&b, "\n## %s: %s\n", f.Letter, f.Name)
		for _, r := range spec.Rules {
			if !strings.HasPrefix(r.ID, f.Letter) {
				continue
			}
			fmt.Fprintf(&b, "\n### %s\n\n%s\n", r.ID, r.Says)
			if r.Later != "" {
				fmt.Fprintf(&b, "\nNot built yet: %s.\n", r.Later)
			}
			list := slices.Clone(tests[r.ID])
			slices.Sort(list)
			for i, one := range list {
				if i == 0 {
					b.WriteString("\n")
				}
				fmt.Fprintf(&b, "- %s\n", one)
			}
		}
	}
	return b.String()
}

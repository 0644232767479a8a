package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/internal/vet"
)

var findingRE = regexp.MustCompile(`testdata/(\w+)/(\w+\.go):(\d+):\d+: (.*)`)

// The built program, with all rules at once: each fault is found inside its function or a helper next to it, and no
// rule finds anything in the cases that are none.
func TestTheProgramFindsEachFaultAndNothingElse(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "fnodevet")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	args := []string{}
	for _, a := range vet.Analyzers() {
		args = append(args, "./internal/vet/testdata/"+a.Name)
	}
	cmd := exec.Command(bin, args...)
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Fatalf("exit %v, want 1 for findings\n%s", err, out)
	}
	found := map[string][]int{} // by rule
	for _, m := range findingRE.FindAllStringSubmatch(string(out), -1) {
		if m[2] != "bad.go" {
			t.Errorf("a finding where there is no fault: %s", m[0])
			continue
		}
		n, _ := strconv.Atoi(m[3])
		found[m[1]] = append(found[m[1]], n)
		if !regexp.MustCompile(`[;:] .*\w`).MatchString(m[4]) {
			t.Errorf("a finding without a remedy: %s", m[0])
		}
	}
	for _, a := range vet.Analyzers() {
		missing(t, a.Name, found[a.Name])
	}
}

// missing reports the faults in which no line was found.
func missing(t *testing.T, rule string, lines []int) {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, filepath.Join("..", "..", "internal", "vet", "testdata", rule, "bad.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var name string
	hit := true
	for _, d := range f.Decls {
		n := declName(d)
		if strings.HasPrefix(n, "bad") {
			if !hit {
				t.Errorf("%s: nothing was found in %s", rule, name)
			}
			name, hit = n, false
		}
		for _, l := range lines {
			hit = hit || set.Position(d.Pos()).Line <= l && l <= set.Position(d.End()).Line
		}
	}
	if !hit {
		t.Errorf("%s: nothing was found in %s", rule, name)
	}
}

func declName(d ast.Decl) string {
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

func TestHelpNamesEveryRule(t *testing.T) {
	var b bytes.Buffer
	help(&b)
	for _, a := range vet.Analyzers() {
		if !strings.Contains(b.String(), "  "+a.Name+" ") {
			t.Errorf("help does not name %s", a.Name)
		}
	}
}

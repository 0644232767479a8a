package lint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

const module = "github.com/franken-node/fnode-supervisor/"

// source is one Go file of the project.
type source struct {
	dir, file string // relative to the root
	ast       *ast.File
	set       *token.FileSet
	text      string
}

func (s source) isTest() bool { return strings.HasSuffix(s.file, "_test.go") }

func (s source) line(n ast.Node) int { return s.set.Position(n.Pos()).Line }

// parsed are the sources, once they were read. Tests run one after the other here.
var parsed []source

func sources(t *testing.T) (out []source) {
	t.Helper()
	if parsed != nil {
		return parsed
	}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || slices.Contains([]string{"node_modules", "bin", "testdata", "tools"}, d.Name())) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, b, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, source{filepath.Dir(rel), rel, f, set, string(b)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 50 {
		t.Fatalf("only %d files found: the walk is wrong", len(out))
	}
	parsed = out
	return out
}

// floors are the layers, top first: a package may import its own floor's deeper rows and what stands
// below, never up. A row names folders; the longest match counts.
var floors = [][]string{
	{"cmd", "bench", "internal/npmcheck", "internal/labbench", "internal/storebench"},
	{"internal/daemon"},
	{"api", "config"},
	{"lab/programs"},
	{"lab"},
	{"actors/extension"},
	{"supervision"},
	{"engineproc"},
	{"actors/host", "actors/fabric"},
	{"actors"},
	{"regions"},
	{"lanes", "obligations", "isolation", "store"},
	{"engineproc/engine", "engineproc/pack"},
	{"isolation/inside", "isolation/cgroup", "engineproc/wire", "engineproc/core", "supervision/core", "store/core", "store/marker", "store/mmr", "store/fs", "store/evidence", "supervision/account", "actors/extension/core"},
	{"internal/invariant", "internal/testsum", "internal/lint", "internal/vet"},
	{"spec"},
	{"internal/base"},
}

func floor(dir string) (n int, row string) {
	n = -1
	for i, f := range floors {
		for _, p := range f {
			if (dir == p || strings.HasPrefix(dir, p+"/")) && len(p) > len(row) {
				n, row = i, p
			}
		}
	}
	return n, row
}

func TestImportsPointDownOnly(t *testing.T) {
	for _, s := range sources(t) {
		from, row := floor(s.dir)
		if from < 0 {
			t.Errorf("%s: this folder has no floor; add it to floors in internal/lint, with a reason a newcomer would accept", s.dir)
			continue
		}
		if s.isTest() {
			continue
		}
		for _, i := range s.ast.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			to, ok := strings.CutPrefix(path, module)
			if !ok {
				continue
			}
			n, r := floor(to)
			if n < from || n == from && r != row && floors[from][0] == "lanes" {
				t.Errorf("%s:%d: %s imports %s, which stands above or beside it; declare a narrow interface here and let the upper package hand itself in", s.file, s.line(i), s.dir, to)
			}
		}
	}
}

func TestOnlyTheFabricImportsProtoactor(t *testing.T) {
	for _, s := range sources(t) {
		if strings.Contains(s.text, `"github.com/asynkron/protoactor-go`) && s.dir != "actors/fabric" && s.dir != "internal/lint" && s.dir != "bench" { // bench compares with it, in a module of its own
			t.Errorf("%s imports protoactor; reach it through actors/fabric", s.file)
		}
	}
}

// pure are the folders that only compute: every core, and leaves that the offline verifier links.
func pure(dir string) bool {
	return filepath.Base(dir) == "core" || slices.Contains([]string{"store/mmr", "store/evidence", "supervision/account", "actors/extension/core"}, dir)
}

func TestPureCoresHaveNoClockNoIOAndNoGoroutine(t *testing.T) {
	banned := []string{"os", "net", "net/http", "sync", "os/exec", "math/rand", "math/rand/v2", "crypto/rand", "context"}
	for _, s := range sources(t) {
		if s.isTest() || !pure(s.dir) {
			continue
		}
		for _, i := range s.ast.Imports {
			if path, _ := strconv.Unquote(i.Path.Value); slices.Contains(banned, path) {
				t.Errorf("%s imports %s: a core decides and does nothing; pass the value in with the event", s.file, path)
			}
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s:%d: a core starts no goroutine", s.file, s.line(n))
			}
			return true
		})
	}
}

// verifier is all of this module that fnode-verify links, and what it links of others.
var verifier = []string{
	module + "cmd/fnode-verify", module + "actors/extension/core", module + "internal/base", module + "internal/invariant", module + "spec", module + "spec/errors", module + "store/evidence",
	module + "store/marker", module + "store/mmr", module + "supervision/account", module + "supervision/core",
	"github.com/fxamacker/cbor/v2", "github.com/x448/float16",
}

// TestE4TheVerifierLinksNothingOfTheRuntime: no store, no actors, no daemon, no network.
func TestE4TheVerifierLinksNothingOfTheRuntime(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.Standard}}", "./cmd/fnode-verify")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := 0
	for line := range strings.Lines(string(out)) {
		path, standard, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case standard == "true" && !slices.Contains([]string{"net", "os/exec", "plugin"}, path):
		case slices.Contains(verifier, path):
			linked++
		default:
			t.Errorf("fnode-verify links %s: it is for auditors, who have to read all of it", path)
		}
	}
	if linked != len(verifier) {
		t.Errorf("fnode-verify links %d of the %d packages that it may: take out of the list what it does without", linked, len(verifier))
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	has := map[string]bool{}
	for _, s := range sources(t) {
		if s.isTest() {
			continue
		}
		text := ""
		if s.ast.Doc != nil {
			text = s.ast.Doc.Text()
		}
		has[s.dir] = has[s.dir] || strings.HasPrefix(text, "Package ") || strings.HasPrefix(text, "Command ")
	}
	for dir, ok := range has {
		if !ok {
			t.Errorf("%s has no package comment: say what it owns, what it never does, its lifecycle and concurrency, with a short example (doc.go)", dir)
		}
	}
}

var ownerNote = regexp.MustCompile(`// owner: .*ends: `)

func TestEveryGoroutineHasAnOwner(t *testing.T) {
	for _, s := range sources(t) {
		lines := strings.Split(s.text, "\n")
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); !ok {
				return true
			}
			at := s.line(n)
			if !ownerNote.MatchString(strings.Join(lines[max(0, at-3):min(len(lines), at+1)], "\n")) {
				t.Errorf("%s:%d: say who joins this goroutine and what ends it: // owner: …; ends: …", s.file, at)
			}
			return true
		})
	}
}

// rooms own ambient authority. Everything else gets time, randomness, processes and the network handed in.
var rooms = []string{"bench", "cmd", "isolation", "engineproc", "store", "internal", "api", "actors/host", "actors/fabric", "config", "lab"}

// ambient are the calls that only rooms make.
var ambient = map[string][]string{
	"time": {"Now", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Since", "Until"},
	"exec": {"Command", "CommandContext"},
	"net":  {"Dial", "Listen", "DialTimeout"},
	"rand": {"Int", "IntN", "Uint64", "Float64", "Read"},
}

func owns(dir string) bool {
	if pure(dir) {
		return false
	}
	return slices.ContainsFunc(rooms, func(r string) bool { return dir == r || strings.HasPrefix(dir, r+"/") })
}

func TestC5AmbientAuthorityStaysInItsRooms(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || owns(s.dir) {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Obj == nil && slices.Contains(ambient[pkg.Name], sel.Sel.Name) {
				t.Errorf("%s:%d: %s.%s is ambient authority; take it from Cx, or hand it in", s.file, s.line(n), pkg.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

func TestTestsDoNotSleep(t *testing.T) {
	for _, s := range sources(t) {
		if !s.isTest() || s.dir == "internal/lint" || strings.Contains(s.text, `"testing/synctest"`) {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" {
					t.Errorf("%s:%d: a sleep is a race with a bad day; wait for the condition, or use testing/synctest", s.file, s.line(n))
				}
			}
			return true
		})
	}
}

var machineVar = regexp.MustCompile(`(?m)^var (\w+) = &Machine\[`)

func TestEveryMachineHasItsMatrixTest(t *testing.T) {
	var machines []string
	tests := ""
	for _, s := range sources(t) {
		for _, m := range machineVar.FindAllStringSubmatch(s.text, -1) {
			machines = append(machines, m[1])
		}
		if s.dir == "spec" && s.isTest() {
			tests += s.text
		}
	}
	if len(machines) < 5 {
		t.Fatalf("only %d machines found", len(machines))
	}
	for _, m := range machines {
		if !strings.Contains(tests, "matrix(t, spec."+m+")") {
			t.Errorf("spec.%s has no matrix test: add it to spec/machines_test.go", m)
		}
	}
}

func TestEveryCodeIsCompleteAndUsed(t *testing.T) {
	all := ""
	for _, s := range sources(t) {
		if !strings.HasPrefix(s.dir, "spec") && !s.isTest() {
			all += s.text
		}
	}
	seen := map[string]bool{}
	names := codeNames(t)
	for _, c := range codes.All() {
		if seen[c.ID] || seen[c.Name] {
			t.Errorf("%s: its id or name is taken", c.ID)
		}
		seen[c.ID], seen[c.Name] = true, true
		if c.Title == "" || c.Cause == "" || c.Kept == "" || c.Hint == "" || c.HTTP == 0 {
			t.Errorf("%s: title, cause, kept, hint and HTTP status are what an error owes its reader", c.ID)
		}
		if v := names[c.ID]; v == "" || !strings.Contains(all, "codes."+v) {
			t.Errorf("%s (%s) is used nowhere: delete it or raise it", c.ID, c.Name)
		}
	}
}

var codeVar = regexp.MustCompile(`(?m)^\t(\w+)\s+= &Code\{\n\t\tID: "(FN\d{4})"`)

// codeNames maps ids to the Go names of their codes.
func codeNames(t *testing.T) map[string]string {
	out := map[string]string{}
	for _, s := range sources(t) {
		if s.dir == "spec/errors" {
			for _, m := range codeVar.FindAllStringSubmatch(s.text, -1) {
				out[m[2]] = m[1]
			}
		}
	}
	return out
}

// longFiles are those over 500 lines, with the reason.
var longFiles = map[string]string{}

func TestFilesAreRooms(t *testing.T) {
	for _, s := range sources(t) {
		if n := strings.Count(s.text, "\n"); n > 500 && longFiles[s.file] == "" && !s.isTest() {
			t.Errorf("%s has %d lines: is it one room, or two?", s.file, n)
		}
	}
}

func TestTheHostSeamIsSmall(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "actors", "host.go"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n >= 40 {
		t.Errorf("actors/host.go has %d lines; the seam that the lab implements stays under 40", n)
	}
}

func TestNoPlaceOfThisMachineIsCommitted(t *testing.T) {
	root := filepath.Join("..", "..")
	for _, dir := range []string{"examples", "docs", "internal", "README.md"} {
		_ = filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() == "node_modules" {
				return fs.SkipDir
			}
			if d.IsDir() || filepath.Base(path) == "lint_test.go" {
				return nil
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, word := range []string{"/work/" + "main", "registry." + "npmjs.org", "/root/" + "go"} {
				if strings.Contains(string(b), word) && !strings.Contains(path, "testdata") {
					t.Errorf("%s names %s: a place of one machine, or a registry's host", path, word)
				}
			}
			return nil
		})
	}
}

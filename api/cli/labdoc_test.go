package cli

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the commands of docs/lab.md and docs/guide.md print anew")

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```\n")

// TestThePagesThatTeachAreTrue compiles every Go block of a page and runs every command in a module of its own, as a
// reader would, and compares what it prints.
func TestThePagesThatTeachAreTrue(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds Go packages")
	}
	for _, page := range []string{"lab.md", "guide.md"} {
		t.Run(page, func(t *testing.T) { pageIsTrue(t, page) })
	}
}

func pageIsTrue(t *testing.T, name string) {
	page, err := filepath.Abs(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(module(t))
	done := fence.ReplaceAllStringFunc(string(text), func(block string) string {
		m := fence.FindStringSubmatch(block)
		switch m[1] {
		case "go":
			name, _, _ := strings.Cut(strings.TrimPrefix(m[2], "// "), "\n")
			if err := os.WriteFile(name, []byte(m[2]), 0o644); err != nil {
				t.Fatal(err)
			}
		case "console":
			return "```console\n" + session(t, m[2]) + "```\n"
		default:
			t.Errorf("nothing runs a block of %s", m[1])
		}
		return block
	})
	switch {
	case *rewrite:
		if err := os.WriteFile(page, []byte(done), 0o644); err != nil {
			t.Fatal(err)
		}
	case steady(done) != steady(string(text)):
		t.Errorf("docs/%s is not what its commands print (go test ./api/cli -run Page -rewrite):\n%s", name, firstDifference(steady(string(text)), steady(done)))
	}
}

// module makes a module that uses this one, with nothing fetched.
func module(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	const name = "github.com/franken-node/fnode-supervisor"
	mod = bytes.Replace(mod, []byte("module "+name), []byte("module example.com/till"), 1)
	mod = append(mod, "\nrequire "+name+" v0.0.0\nreplace "+name+" => "+root+"\n"...)
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string][]byte{"go.mod": mod, "go.sum": sum} {
		if err := os.WriteFile(filepath.Join(dir, file), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var traceName = regexp.MustCompile(`traces/lab-TestShop-[0-9a-f]{8}\.jsonl`)

// session runs the commands of a block and gives it with what they print.
func session(t *testing.T, block string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(block) {
		cmd, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		if found, _ := filepath.Glob("traces/*.jsonl"); len(found) == 1 {
			cmd = traceName.ReplaceAllString(cmd, found[0])
		}
		said := command(t, strings.TrimSpace(cmd))
		out.WriteString("$ " + cmd + said)
	}
	return trailing.ReplaceAllString(out.String(), "\n")
}

// trailing are blanks at the ends of lines, which a page does not keep.
var trailing = regexp.MustCompile(`[ \t]+\n`)

// command runs one: fnctl in this process, go as it is. It gives stdout, then stderr.
func command(t *testing.T, line string) string {
	t.Helper()
	if args, ok := strings.CutPrefix(line, "fnctl "); ok {
		_, out, err := run(t, words(args)...)
		return out + progressLine.ReplaceAllString(err, "")
	}
	c := exec.CommandContext(t.Context(), "bash", "-c", line)
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	out, _ := c.CombinedOutput() // that a test fails is what the page shows
	return string(out)
}

// progressLine is what a slow machine prints beside.
var progressLine = regexp.MustCompile(`(?m)^.*% done of what is known so far.*\n`)

// words splits a command line; '…' holds words together.
func words(s string) (out []string) {
	for i, part := range strings.Split(s, "'") {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

// unsteady is what may differ from one run, or one explorer, to the next: how long something took, in how many steps,
// runs and duplicates. The number of traces may not.
var unsteady = []struct {
	what *regexp.Regexp
	is   string
}{
	{regexp.MustCompile(`\b\d+\.\d+s\b`), "0.00s"},
	{regexp.MustCompile(`(?m)^  steps .*$`), "  steps"},
	{regexp.MustCompile(`(?m)^  blocked .*$`), "  blocked"},
	{regexp.MustCompile(`(?m)^(  explored +)\d+ complete runs?, (\d+ traces?), .*$`), "$1$2"},
	{regexp.MustCompile(`(?m)^(  oracles .*)$`), "  oracles"},
	{regexp.MustCompile(`(?m)^(.* with cancel of \w+ +exhausted) .*$`), "$1"},
}

func steady(s string) string {
	for _, u := range unsteady {
		s = u.what.ReplaceAllString(s, u.is)
	}
	return s
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return "the page: " + w[i] + "\nnow:      " + g[i]
		}
	}
	return "one is longer"
}

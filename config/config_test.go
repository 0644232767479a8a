package config_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/config"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

const good = `
[data]
dir = "/var/lib/x"
[api]
socket = "/run/x.sock"
[[api.roles]]
role = "viewer"
uid = 1000
[logs]
per_extension = "2Mi"
[ledger]
quota = "256Mi"
retention = "48h"
[tree]
restarts = 3
window = "30s"
[[supervisor]]
name = "ext"
strategy = "rest_for_one"
[[extension]]
name = "markdown"
parent = "ext"
package = "examples/markdown"
memory = "32Mi"
invoke = "250ms"
shutdown = "brutal"
backoff = { initial = "10ms", factor = 3.0 }
config = { greeting = "hi" }
[[extension]]
name = "other"
package = "/opt/other.fnpkg"
`

func TestAGoodFileBecomesATree(t *testing.T) {
	c, err := config.Parse([]byte(good), "dir/c.toml")
	if err != nil {
		t.Fatal(err)
	}
	if c.Tree.Restarts != 3 || c.Tree.Window != 30*time.Second || len(c.Tree.Children) != 2 || c.Logs.PerExt != 2<<20 {
		t.Fatalf("%+v", c.Tree)
	}
	if c.Ledger != (config.Ledger{Quota: 256 << 20, Retention: 48 * time.Hour, Every: 262144}) {
		t.Fatalf("%+v", c.Ledger)
	}
	ext := c.Tree.Children[0].Supervisor
	md := ext.Children[0].Extension
	if ext.Strategy != "rest_for_one" || md.Package != "dir/examples/markdown" || md.Memory != 32<<20 || !md.Policy.Brutal ||
		md.Policy.Backoff.Initial != 10*time.Millisecond || md.Policy.Backoff.Max != 30*time.Second || md.Config["greeting"] != "hi" {
		t.Fatalf("%+v", md)
	}
	if c.Tree.Children[1].Extension.Name != "other" {
		t.Fatal("supervisors stand before extensions of the same parent")
	}
}

// TestEveryFaultHasItsPlace: one line per fault, all of them reported at once.
func TestEveryFaultHasItsPlace(t *testing.T) {
	for src, want := range map[string][]string{
		"[tree]\nstrateegy = \"x\"\n[data]\ndirr = 1\n": {"c.toml:2:1: unknown key tree.strateegy", "c.toml:4:1: unknown key data.dirr"},
		"[tree]\nstrategy = \"all\"\nrestarts = -1\n":   {"c.toml:2:1: tree.strategy", "c.toml:3:1: tree.restarts"},
		"[tree]\nwindow = 30\n":                         {"c.toml:2:1: "},
		"[tree]\nwindow = \"soon\"\n":                   {"c.toml:2:10: "},
		"[tree\n":                                       {"c.toml:1:"},
		"[tree]\ncolour = 1\nstrategy = \"all\"\n[data]\ndir = 5\n[logs]\nlevel = \"loud\"\nlines_per_second = \"x\"\n": {
			"c.toml:2:1: unknown key tree.colour", "c.toml:3:1: tree.strategy", "c.toml:5:7: ", "c.toml:7:1: logs.level", "c.toml:8:20: ",
		},
		"[[extension]]\nname = 5\npackage = \"p\"\nqueue = -1\n[[extension]]\nname = \"y\"\npackage = 7\n": {
			"c.toml:2:8: ", "c.toml:4:1: extension[0].queue", "c.toml:7:11: ",
		},
		"[[extension]]\nname = \"A B\"\npackage = \"p\"\n[[extension]]\nname = \"x\"\n":                {"c.toml:2:1: extension[0].name", "c.toml:4:3: extension[1].package"},
		"[[extension]]\nname = \"x\"\npackage = \"p\"\nparent = \"none\"\n":                            {"c.toml:4:1: extension[0].parent"},
		"[[extension]]\nname = \"x\"\npackage = \"p\"\n[[extension]]\nname = \"x\"\npackage = \"q\"\n": {"c.toml:5:1: extension[1].name"},
		"[[extension]]\nname = \"x\"\npackage = \"p\"\ncpu = nan\nshutdown = \"later\"\nsignificant = true\n": {
			"c.toml:5:1: extension[0].shutdown", "c.toml:6:1: extension[0].significant", "c.toml:4:1: extension[0].cpu",
		},
		"[[supervisor]]\nname = \"e\"\n[[extension]]\nname = \"e\"\npackage = \"p\"\nheap = \"1\"\npids = 1\n[extension.config]\nn = inf\n": {
			"c.toml:2:1: supervisor[0].name: there is a child \"e\"", "c.toml:6:1: extension[0].heap: 1 is less", "c.toml:7:1: extension[0].pids", "c.toml:8:2: extension[0].config",
		},
		"[data]\ndir = 5\n[tree]\nrestarts = \"x\"\n": {"c.toml:2:7: data.dir: wants a text, got integer", "c.toml:4:12: tree.restarts: wants a whole number, got string"},
		"[ledger]\nquota = \"1Mi\"\nretention = \"5s\"\ncheckpoint_every = 10\n": {
			"c.toml:2:1: ledger.quota: must be at least 64Mi", "c.toml:3:1: ledger.retention: must be at least 1m0s", "c.toml:4:1: ledger.checkpoint_every: must be 1000 to",
		},
		"[ledger]\nquota = 5\n":                                {"c.toml:2:1: ledger.quota"},
		"[metrics]\nlisten = \"0.0.0.0:1\"\n":                  {"c.toml:2:1: metrics.listen"},
		"[metrics]\nlisten = \"127.0.0.1:99999\"\n":            {"c.toml:2:1: metrics.listen"},
		"[[api.roles]]\nrole = \"viewer\"\nuid = -4\n":         {"c.toml:1:3: api.roles[0]"},
		"[[api.roles]]\nrole = \"viewer\"\ngid = 4294967295\n": {"c.toml:1:3: api.roles[0]: a uid or gid is 0 to 4294967294"},
		"[tree]\nwindow = \"2562047h\"\n":                      {"c.toml:2:10: tree.window: \"2562047h\" is out of bounds"},
		"[tree]\nstart_timeout = \"0s\"\nshutdown = \"0s\"\n":  {"c.toml:2:17: tree.start_timeout: \"0s\" is out of bounds", "c.toml:3:1: tree.shutdown"},
		"[tree.backoff]\ninitial = \"1m\"\nmax = \"1s\"\n":     {"c.toml:2:1: tree.backoff.initial"},
	} {
		_, err := config.Parse([]byte(src), "c.toml")
		var faults config.Faults
		if !errors.As(err, &faults) || len(faults) != len(want) {
			t.Errorf("%q: %v", src, err)
			continue
		}
		all := err.Error()
		for _, w := range want {
			if !strings.Contains(all, w) {
				t.Errorf("%q:\n%s\ndoes not say %s", src, all, w)
			}
		}
		if !errors.Is(err, codes.Of(codes.BadConfig)) {
			t.Error("no code")
		}
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDropInsAddAndOverride(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]")
	ext := func(n string) string { return "[[extension]]\nname = \"" + n + "\"\npackage = \"p\"\n" }
	name := write(t, dir, "c.toml", "[logs]\nlevel = \"info\"\n"+ext("main1")+ext("main2"))
	write(t, dir, "conf.d/20-b.toml", "[logs]\nlevel = \"error\"\n"+ext("drop2"))
	write(t, dir, "conf.d/10-a.toml", "[logs]\nlevel = \"warn\"\n"+ext("drop1"))
	write(t, dir, "conf.d/notes.txt", "not toml")
	write(t, dir, "conf.d/.20-b.toml.swp.toml", "not toml either")
	if err := os.Symlink("somebody@somewhere.1", filepath.Join(dir, "conf.d", ".#20-b.toml")); err != nil { // an editor's lock
		t.Fatal(err)
	}
	c, err := config.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, ch := range c.Tree.Children {
		names = append(names, ch.Extension.Name)
	}
	if strings.Join(names, " ") != "main1 main2 drop1 drop2" || c.Logs.Level != "error" {
		t.Fatal(names, c.Logs.Level)
	}
}

func TestShowAndParseAgree(t *testing.T) {
	c, err := config.Parse([]byte(good), "/dir/c.toml")
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Show(true).TOML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.Parse(b, "/dir/c.toml")
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	one, _ := json.Marshal(c)
	two, _ := json.Marshal(again)
	if string(one) != string(two) {
		t.Fatalf("\n%s\n%s", one, two)
	}
}

func TestShowSaysWhereEachValueIsSet(t *testing.T) {
	dir := t.TempDir()
	name := write(t, dir, "c.toml", "[logs]\nlevel = \"info\"\n[tree]\nrestarts = 7\n")
	drop := write(t, dir, "conf.d/10-a.toml", "[logs]\nlevel = \"warn\"\n[[extension]]\nname = \"x\"\npackage = \"p\"\n")
	c, err := config.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Show(true)
	for key, want := range map[string]string{
		"tree.restarts": name + ":4:1", "logs.level": drop + ":2:1", "extension[0].package": drop + ":5:1", "tree.strategy": "",
	} {
		if got := s.Origins[key]; got != want {
			t.Errorf("%s is set at %q, want %q", key, got, want)
		}
	}
	text, err := s.TOML()
	if err != nil || !strings.Contains(string(text), "strategy = 'one_for_one'") {
		t.Errorf("%s %v", text, err)
	}
	if _, err := config.Parse(text, "again.toml"); err != nil {
		t.Errorf("what it shows is no configuration: %v\n%s", err, text)
	}
	if text, _ := c.Show(false).TOML(); strings.Contains(string(text), "strategy") || !strings.Contains(string(text), "restarts = 7") {
		t.Errorf("as written:\n%s", text)
	}
}

func TestScanTakesExtensionsOnly(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "good/package.json", `{"fnode":{}}`)
	write(t, dir, "plain/package.json", `{}`)
	write(t, dir, "packed.fnpkg", "x")
	write(t, dir, "README", "x")
	exts, err := config.Scan(dir)
	if err != nil || len(exts) != 2 || exts[0].Name != "good" || exts[1].Name != "packed" {
		t.Fatal(exts, err)
	}
	write(t, dir, "Bad Name/package.json", `{"fnode":{}}`)
	if _, err := config.Scan(dir); !errors.Is(err, codes.Of(codes.BadConfig)) {
		t.Fatal(err)
	}
	if _, err := config.Scan(t.TempDir()); !errors.Is(err, codes.Of(codes.NoExtensions)) {
		t.Fatal(err)
	}
}

func TestTheSchemaIsJSON(t *testing.T) {
	var v map[string]any
	if err := json.Unmarshal(config.Schema(), &v); err != nil || v["properties"] == nil {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("[[extension]]\n[extension.backoff]\noff = true\n"))
	f.Add([]byte("[tree]\nname = \"\\u0000\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := config.Parse(b, "c.toml")
		if err == nil && (c.Tree.Name == "" || c.Tree.Window <= 0) {
			t.Fatalf("%+v", c.Tree)
		}
	})
}

// TestTheDocumentedFileIsValid parses the block of docs/configuration.md.
func TestTheDocumentedFileIsValid(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "```toml\n")
	block, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatal("there is no TOML block")
	}
	if _, err := config.Parse([]byte(block), "docs/configuration.md"); err != nil {
		t.Fatal(err)
	}
}

// TestAnArchiveKeepsItsNameFromVersionToVersion: the name is where calls go and what the keys belong to.
func TestAnArchiveKeepsItsNameFromVersionToVersion(t *testing.T) {
	for file, want := range map[string]string{
		"hello-1.0.0.fnpkg": "hello", "hello-10.2.33-rc.1+build.5.fnpkg": "hello", "a-b-0.0.0.fnpkg": "a-b", "a-1.2.fnpkg": "a-1.2", "v1.0.0.fnpkg": "v1.0.0",
	} {
		dir := t.TempDir()
		write(t, dir, file, "x")
		if exts, err := config.Scan(dir); err != nil || exts[0].Name != want {
			t.Errorf("%s: %v %v, want %s", file, exts, err, want)
		}
	}
	dir := t.TempDir()
	write(t, dir, "a-1.0.0.fnpkg", "x")
	write(t, dir, "a-1.0.1.fnpkg", "x")
	if _, err := config.Scan(dir); !errors.Is(err, codes.Of(codes.BadConfig)) {
		t.Error("two versions of one extension were taken:", err)
	}
}

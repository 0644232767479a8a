package api

import (
	"strings"
	"testing"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"sup/ext/*", "sup/ext/a", true},
		{"sup/ext/*", "sup/ext/a/b", false},
		{"sup/**", "sup", true},
		{"sup/**", "sup/a/b", true},
		{"**/feed", "sup/ext/feed", true},
		{"**", "a", true},
		{"sup/**/x", "sup/x", true},
		{"sup/**/x", "sup/a/b/x", true},
		{"sup/**/x", "sup/a/b/y", false},
		{"sup/[a-f]eed", "sup/feed", true},
		{"sup/[", "sup/[", false},
		{"s?p", "sup", true},
		{"sup", "sup/a", false},
		{"", "a", false},
	} {
		if got := match(c.pattern, c.path); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.path, got)
		}
	}
}

func TestResolveTakesShortNamesOnlyWhereTheyAreUnique(t *testing.T) {
	v := Reduce(Tree{Root: Node{Path: "sup", Children: []Node{
		{Path: "sup/ext", Children: []Node{{Path: "sup/ext/a"}, {Path: "sup/ext/b"}}}, {Path: "sup/old", Children: []Node{{Path: "sup/old/b"}}},
	}}})
	for name, want := range map[string]string{"sup": "sup", "a": "sup/ext/a", "ext/b": "sup/ext/b", "sup/old/b": "sup/old/b"} {
		if n, err := v.Resolve(name); err != nil || n.Path != want {
			t.Errorf("%s: %v %v", name, n, err)
		}
	}
	for name, want := range map[string]*codes.Code{"b": codes.AmbiguousPath, "c": codes.NoSuchPath, "": codes.BadRequest, "a//b": codes.BadRequest, "../a": codes.BadRequest, "a\x1b[2J": codes.BadRequest} {
		_, err := v.Resolve(name)
		if e := codes.From(err); e == nil || e.Code != want {
			t.Errorf("%q: %v, want %s", name, err, want.Name)
		}
	}
	rows, err := v.Select([]string{"sup/ext/*", "a"})
	if err != nil || len(rows) != 2 || rows[0].Depth != 2 {
		t.Errorf("%+v %v", rows, err)
	}
	if _, err := v.Select([]string{"x*"}); codes.From(err).Code != codes.NoSuchPath {
		t.Error(err)
	}
}

func TestAStateIsNeverOneWordAlone(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 1, 5, 0, time.UTC)
	since := now.Add(-65 * time.Second)
	for want, n := range map[string]Node{
		"Waiting(lease db-1 held by peer-b, 12s)": {State: "Waiting", Reason: "lease db-1 held by peer-b, 12s", Since: &since},
		"Running(for 1m05s)":                      {State: "Running", Since: &since},
		"Stopped(incarnation 3)":                  {State: "Stopped", Incarnation: 3},
	} {
		if got := n.StateText(now); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	e := Engine{Profile: "strict", Attained: []string{"a", "b"}}
	if got := e.Layers(); got != "strict(a, b)" {
		t.Error(got)
	}
	if e.Missing = []string{"cgroup memory limit", "landlock"}; e.Layers() != "degraded(no cgroup memory limit, no landlock)" {
		t.Error(e.Layers())
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"sup/ext/a", "**/a", "[", "a//b", "..", "\xff", strings.Repeat("*/", 250)} {
		f.Add(s, "sup/ext/a")
	}
	v := Reduce(Tree{Root: Node{Path: "sup", Children: []Node{{Path: "sup/ext"}}}})
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if len(pattern) > 2*maxPath || len(path) > 2*maxPath {
			return
		}
		if checkPath(path) == nil && !isGlob(path) && !strings.Contains(path, `\`) && !match(path, path) {
			t.Errorf("%q does not match itself", path)
		}
		match(pattern, path)
		if n, err := v.Resolve(path); err == nil && !strings.HasSuffix(n.Path, path) {
			t.Errorf("%q resolved to %s", path, n.Path)
		}
	})
}

func FuzzEventID(f *testing.F) {
	f.Add("b-7-3")
	f.Add("-")
	f.Fuzz(func(t *testing.T, s string) {
		boot, seq, ok := parseEventID(s)
		if r := (&Ring{boot: boot}); ok && r.id(seq) != s {
			t.Errorf("%q is not what it was made from: %q", s, r.id(seq))
		}
	})
}

package render

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestErrorHasTheFormOfTheContract(t *testing.T) {
	err := codes.New(codes.RegionClosing, "sup/ext/markdown cannot stop: 2 obligations are still owed").
		Fact("owed", "ob_7f3a invoke render, due in 41s · ob_7f3b kv commit, overdue 12s").
		Fact("unchanged", "the extension still runs; nothing was cancelled").
		Fact("try", "fnctl stop sup/ext/markdown --drain --timeout 60s")
	want := `error: sup/ext/markdown cannot stop: 2 obligations are still owed                      FN1007
  owed       ob_7f3a invoke render, due in 41s · ob_7f3b kv commit, overdue 12s
  unchanged  the extension still runs; nothing was cancelled
  try        fnctl stop sup/ext/markdown --drain --timeout 60s
  more       fnctl explain FN1007
`
	if got := ErrorText(err); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestErrorPointsAtTheLineWithACaret(t *testing.T) {
	err := codes.New(codes.BadRequest, "unknown key").At(codes.Position{File: "fnode.toml", Line: 3, Col: 5, Text: "añb = 1"}).Outcome(base.EffectNone)
	got := ErrorText(err)
	for _, want := range []string{"error: fnode.toml:3:5: unknown key", "    3 | añb = 1\n      |    ^\n", "outcome    none: it never began"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestErrorAsJSON(t *testing.T) {
	var b bytes.Buffer
	Printer{Err: &b, Format: JSON}.Error(codes.New(codes.Busy, "full"))
	var p map[string]any
	if err := json.Unmarshal(b.Bytes(), &p); err != nil || p["code"] != "FN8010" || p["kind"] != "Error" || p["apiVersion"] != "fnode/v1" {
		t.Fatalf("%s %v", b.String(), err)
	}
}

func TestEveryFormOfADoc(t *testing.T) {
	d := Doc{
		Value: map[string]any{"a": []int{1, 2}, "b": "yes"}, Items: []any{1, 2}, Names: []string{"x", "y"},
		Grid: Grid{Head: []string{"N", "MORE"}, Rows: [][]string{{"1", "m\x1b[2J"}}, Narrow: 1},
	}
	for f, want := range map[Format]string{
		Table: "N\n1\n", Wide: "N  MORE\n1  m\uFFFD[2J\n", JSON: "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": \"yes\"\n}\n",
		JSONL: "1\n2\n", YAML: "a:\n  - 1\n  - 2\nb: \"yes\"\n", Name: "x\ny\n",
	} {
		var b bytes.Buffer
		if err := (Printer{Out: &b, Format: f}).Doc(d); err != nil || b.String() != want {
			t.Errorf("%s: %q %v", f, b.String(), err)
		}
	}
	if _, err := ParseFormat("xml"); codes.From(err) == nil {
		t.Error(err)
	}
}

func TestAFailedWriteIsTold(t *testing.T) {
	err := Printer{Out: full{}, Format: JSON}.Doc(Doc{Value: 1})
	if e := codes.From(err); e == nil || e.Code != codes.OutputFailed {
		t.Fatal(err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, bytes.ErrTooLarge }

func FuzzCleanAndYAML(f *testing.F) {
	for _, s := range []string{"a\x1b]0;x\x07", "\u202e", "\xff", "yes", "0x1", "a: b\n- c", "\u0085\u009b", "\x00", "~", "2026-01-01", "\U0001F600"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := Clean(s)
		if !utf8.ValidString(c) || strings.ContainsAny(c, "\n\x1b\u009b\u202e") {
			t.Errorf("%q is not clean: %q", s, c)
		}
		out, err := asYAML(map[string]string{"k": s})
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		var back map[string]string
		if err := yaml.Unmarshal(out, &back); err != nil || back["k"] != strings.ToValidUTF8(s, "\uFFFD") && utf8.ValidString(s) {
			t.Errorf("%q became %q in %q: %v", s, back["k"], out, err)
		}
	})
}

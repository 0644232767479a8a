package programs_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// least writes a form with the least arguments that it takes.
func least(f programs.Family, form programs.Form) string {
	var args []string
	for _, p := range form.Params {
		switch p.Kind {
		case programs.Number:
			args = append(args, fmt.Sprint(p.Min))
		case programs.Setting:
			args = append(args, fmt.Sprintf("%s=%d", p.Name, p.Min))
		case programs.Word:
			args = append(args, p.Name)
		}
	}
	if len(args) == 0 {
		return f.Name
	}
	return f.Name + "(" + strings.Join(args, ",") + ")"
}

// TestEveryFormIsFoundByTheNameOfItsScenario: names go in and out unchanged, and nothing breaks under any model.
func TestEveryFormIsFoundByTheNameOfItsScenario(t *testing.T) {
	for _, f := range programs.All() {
		names := []string{f.Example}
		for _, form := range f.Forms {
			names = append(names, least(f, form))
		}
		for _, name := range names {
			sc, err := programs.Find(name)
			if err != nil || sc.Name != name || sc.Doc == "" {
				t.Errorf("%s: %q, %v", name, sc.Name, err)
				continue
			}
			for m := lab.N1; m <= lab.Bag; m++ {
				if m == lab.N1 && sc.Link != (lab.Link{}) || m != lab.N1 && sc.Local {
					continue
				}
				if _, err := lab.Search(context.Background(), sc, lab.Options{Model: m, Most: 20}); err != nil {
					t.Errorf("%s under %s: %v", name, m, err)
				}
			}
		}
	}
}

func TestEveryRowOfTheTruthTableIsFoundByName(t *testing.T) {
	for _, r := range truth {
		if sc, err := programs.Find(r.sc.Name); err != nil || sc.Name != r.sc.Name {
			t.Errorf("%s: %v", r.sc.Name, err)
		}
	}
}

func TestNamesMayHoldBlanks(t *testing.T) {
	for in, want := range map[string]string{
		" fanin ( 3 , 1 ) ": "fanin(3,1)", "twopc(2, 0, timeout)": "twopc(2,0,timeout)", "link(2, drop = 1, reorder)": "link(2,drop=1,reorder)",
		"triangle ": "triangle", "mutex(2) with cancel of C0": "mutex(2) with cancel of C0",
	} {
		if sc, err := programs.Find(in); err != nil || sc.Name != want {
			t.Errorf("%q: %q, %v", in, sc.Name, err)
		}
	}
}

func TestWrongNamesAreRefusedAtTheirPlace(t *testing.T) {
	for _, c := range []struct {
		name string
		col  int
		says string
	}{
		{"", 1, "no scenario"},
		{"fanim(2,1)", 1, "nearest fanin(n,k)"},
		{"lane", 1, "nearest lane_"},
		{"fanin", 6, "lacks its argument n"},
		{"fanin(2)", 8, "lacks its argument k"},
		{"fanin(2,1,3)", 11, "one argument too many"},
		{"fanin(2,", 9, "not closed"},
		{"fanin(2,)", 9, `"" stands where the number k`},
		{"fanin(2,1))", 9, "number k"},
		{"fanin(0,1)", 7, "n is 0; it goes from 1 to 8"},
		{"fanin(2, 99)", 10, "k is 99"},
		{"fanin(2,99999999999999999999)", 9, "number k"},
		{"fanin(+2,1)", 7, "number n"},
		{"twopc(2,3)", 9, "no is 3; it goes from 0 to 2"},
		{"twopc(2,0,timout)", 11, "timeout is expected"},
		{"triangle()", 10, "one argument too many"},
		{"link(2,drop=9)", 8, "drop is 9"},
		{"link(2,1)", 8, "drop=1 is expected"},
		{"link(2)", 7, "lacks its argument drop"},
		{"mutex(2) with cancel of ", 25, "no actor"},
		{strings.Repeat("x", 300), 0, "at most 200"},
	} {
		_, err := programs.Find(c.name)
		e := codes.From(err)
		if e == nil || e.Code != codes.LabNoScenario {
			t.Errorf("%q: %v", c.name, err)
			continue
		}
		text := e.What
		for _, f := range e.Facts {
			text += " " + f.Label + " " + f.Text // the nearest names, what is expected
		}
		if e.Where.Col != c.col || !strings.Contains(text, c.says) {
			t.Errorf("%q: col %d, want %d; %s", c.name, e.Where.Col, c.col, text)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add("link(2,drop=1,reorder)")
	f.Add("fanin( 2 ,1) with cancel of R")
	f.Fuzz(func(t *testing.T, name string) {
		sc, err := programs.Find(name)
		if err != nil {
			if codes.From(err) == nil {
				t.Fatalf("%q: no code: %v", name, err)
			}
			return
		}
		if again, err := programs.Find(sc.Name); err != nil || again.Name != sc.Name {
			t.Fatalf("%q gives %q, which is not found: %v", name, sc.Name, err)
		}
	})
}

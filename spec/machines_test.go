package spec_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/franken-node/fnode-supervisor/spec"
)

var rewrite = flag.Bool("rewrite", false, "write the drawings under docs/machines anew")

// golden compares a drawing with its file, or writes it.
func golden(t *testing.T, name, drawing string) {
	t.Helper()
	file := filepath.Join("..", "docs", "machines", name+".md")
	if *rewrite {
		if err := os.WriteFile(file, []byte(drawing), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != drawing {
		t.Errorf("%s is not what the table says; run: go test ./spec -run Machine -rewrite", file)
	}
}

// matrix walks every pair of a machine: the table is sound, and what it does not list is illegal.
func matrix[S, E comparable](t *testing.T, m *spec.Machine[S, E]) {
	t.Helper()
	for _, f := range m.Check() {
		t.Errorf("%s: %s", m.Name, f)
	}
	rows := 0
	for _, s := range m.States {
		for _, e := range m.Events {
			if _, ok := m.Next(s, e); ok {
				rows++
			}
		}
	}
	if rows != len(m.Rows) {
		t.Errorf("%s: %d pairs answered, %d rows", m.Name, rows, len(m.Rows))
	}
	golden(t, m.Name, m.Draw())
}

func TestRegionMachine(t *testing.T)      { matrix(t, spec.Region) }
func TestIncarnationMachine(t *testing.T) { matrix(t, spec.IncarnationLife) }

func TestCheckFindsEveryKindOfFault(t *testing.T) {
	bad := &spec.Machine[string, string]{
		Start: "a", States: []string{"a", "b", "island"}, Events: []string{"go"}, Ends: []string{"b"},
		Rows: []spec.Row[string, string]{
			{"a", "go", "b", "", "fine"}, {"a", "go", "a", "", "twice"}, {"a", "fly", "b", "", "unknown event"}, {"b", "go", "c", "", ""},
		},
	}
	if n := len(bad.Check()); n != 6 {
		t.Fatalf("%d faults found: %q", n, bad.Check())
	}
}

func TestObligationMachine(t *testing.T) { matrix(t, spec.Obligation) }

func TestChildMachine(t *testing.T)      { matrix(t, spec.Child) }
func TestSupervisorMachine(t *testing.T) { matrix(t, spec.Supervisor) }

func TestEngineMachine(t *testing.T) { matrix(t, spec.Engine) }

package spec_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
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

// walk takes steps at random from the start: what the table has no row for is illegal and changes nothing, an end is
// always reached, and over many walks every row is taken.
func walk[S, E comparable](t *testing.T, m *spec.Machine[S, E]) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(len(m.Rows))))
	taken := map[string]int{}
	longest := 0
	walks := 0
	for ; walks < 500 || len(taken) < len(m.Rows) && walks < 200_000; walks++ {
		at := m.Start
		for n := 0; !slices.Contains(m.Ends, at); n++ {
			if n > 10_000 {
				t.Fatalf("%s: 10,000 steps and no end; at %v", m.Name, at)
			}
			row, ok := m.Next(at, m.Events[r.IntN(len(m.Events))])
			if !ok {
				continue
			}
			if row.From != at {
				t.Fatalf("%s: in %v the row of %v", m.Name, at, row.From)
			}
			taken[fmt.Sprint(row.From, "/", row.On)]++
			at, longest = row.To, max(longest, n)
		}
		for _, on := range m.Events { // what still happens to one that has ended
			if row, ok := m.Next(at, on); ok {
				taken[fmt.Sprint(row.From, "/", row.On)]++
			}
		}
	}
	for _, row := range m.Rows {
		if taken[fmt.Sprint(row.From, "/", row.On)] == 0 {
			t.Errorf("%s: no walk takes %v on %v", m.Name, row.From, row.On)
		}
	}
	t.Logf("%s: %d states x %d events, %d of %d rows taken in %d walks, the longest of %d events", m.Name, len(m.States), len(m.Events), len(taken), len(m.Rows), walks, longest)
}

func TestRandomWalksReachTheEndAndTakeEveryRow(t *testing.T) {
	walk(t, spec.Region)
	walk(t, spec.IncarnationLife)
	walk(t, spec.Obligation)
	walk(t, spec.Supervisor)
	walk(t, spec.Engine)
	child := *spec.Child // a child may come back from Down and Wedged: it has ended where nothing more is done
	child.Ends = []spec.ChildState{spec.ChildWedged}
	walk(t, &child)
}

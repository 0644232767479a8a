// Package spec holds the contracts of the project as data: transition tables, rule ids, lane
// assignments, error codes (spec/errors), metric names (spec/metrics), the engine protocol
// (spec/engine). Packages step through these tables; tests walk the full matrix of each; the
// drawings under docs/machines are generated from them, so picture and code cannot part.
//
// It imports internal/base only, starts nothing, and all of its values are immutable after init.
package spec

import (
	"fmt"
	"strings"
)

// Row is one transition of a machine: in state From, on event On, the state becomes To and the
// command Do is due. Why is the reason a reader needs.
type Row[S, E comparable] struct {
	From S
	On   E
	To   S
	Do   string
	Why  string
}

// Machine is a transition table with all of its states and events named, so that a test can walk the
// full matrix. A pair without a row is illegal.
type Machine[S, E comparable] struct {
	Name   string
	Start  S
	States []S
	Events []E
	Ends   []S
	Rows   []Row[S, E]
}

// Next looks the pair up. ok is false where the table has no row: the event is illegal there.
func (m *Machine[S, E]) Next(from S, on E) (row Row[S, E], ok bool) {
	for _, r := range m.Rows {
		if r.From == from && r.On == on {
			return r, true
		}
	}
	return row, false
}

// Check reports every fault of the table: duplicate rows, unknown states or events, states that
// cannot be reached, states from which no end can be reached, rows without a reason.
func (m *Machine[S, E]) Check() (faults []string) {
	seen, states, events := map[string]bool{}, index(m.States), index(m.Events)
	next := map[S][]S{}
	for _, r := range m.Rows {
		k := fmt.Sprint(r.From, "/", r.On)
		if seen[k] {
			faults = append(faults, "two rows for "+k)
		}
		seen[k] = true
		if !states[r.From] || !states[r.To] {
			faults = append(faults, "unknown state in "+k)
		}
		if !events[r.On] {
			faults = append(faults, "unknown event in "+k)
		}
		if r.Why == "" {
			faults = append(faults, "no reason for "+k)
		}
		next[r.From] = append(next[r.From], r.To)
	}
	reached := closure(m.Start, next)
	for _, s := range m.States {
		if !reached[s] {
			faults = append(faults, fmt.Sprint("cannot be reached: ", s))
		}
		if !endsFrom(s, m.Ends, next) {
			faults = append(faults, fmt.Sprint("no end from: ", s))
		}
	}
	return faults
}

// Draw renders the table as a Mermaid state diagram followed by its rows, the form kept under
// docs/machines by the golden test.
func (m *Machine[S, E]) Draw() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nGenerated from `spec`; do not edit. A pair that is not listed is illegal.\n\n```mermaid\nstateDiagram-v2\n    [*] --> %v\n", m.Name, m.Start)
	for _, r := range m.Rows {
		fmt.Fprintf(&b, "    %v --> %v: %v\n", r.From, r.To, r.On)
	}
	for _, s := range m.Ends {
		fmt.Fprintf(&b, "    %v --> [*]\n", s)
	}
	b.WriteString("```\n\n| from | on | to | do | why |\n|---|---|---|---|---|\n")
	for _, r := range m.Rows {
		fmt.Fprintf(&b, "| %v | %v | %v | %s | %s |\n", r.From, r.On, r.To, r.Do, r.Why)
	}
	return b.String()
}

func index[T comparable](in []T) map[T]bool {
	out := make(map[T]bool, len(in))
	for _, v := range in {
		out[v] = true
	}
	return out
}

func closure[S comparable](from S, next map[S][]S) map[S]bool {
	seen, todo := map[S]bool{from: true}, []S{from}
	for len(todo) > 0 {
		s := todo[0]
		todo = todo[1:]
		for _, n := range next[s] {
			if !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return seen
}

func endsFrom[S comparable](from S, ends []S, next map[S][]S) bool {
	seen := closure(from, next)
	for _, e := range ends {
		if seen[e] {
			return true
		}
	}
	return len(ends) == 0
}

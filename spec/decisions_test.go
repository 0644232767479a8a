package spec

import (
	"slices"
	"testing"
)

// TestE1EveryKindOfDecisionIsWrittenAheadOrAfter: the rule names them, and the table has them all.
func TestE1EveryKindOfDecisionIsWrittenAheadOrAfter(t *testing.T) {
	want := map[Weight][]string{
		Granting:   {"lease", "capability", "egress", "epoch", "activation", "downgrade", "override"},
		Protective: {"restart", "stop", "cancel", "denial", "quarantine"},
	}
	have := map[Weight][]string{}
	for _, d := range Decisions {
		have[d.Weight] = append(have[d.Weight], d.Name)
		if d.Why == "" || DecisionNamed(d.Name) == nil || DecisionNamed(d.Name).Weight != d.Weight {
			t.Errorf("%+v lacks a reason, or is not found by its name", d)
		}
		k := RecordNamed(d.Record())
		if k == nil || k.Retention != Required {
			t.Errorf("%s is written as a %q, which is not kept", d.Name, d.Record())
		}
		if protects := k != nil && k.Stop == StopsAtEmpty; protects != (d.Weight == Protective) {
			t.Errorf("%s stops %s", d.Name, k.Stop)
		}
	}
	for _, w := range []Weight{Granting, Protective} {
		if !slices.Equal(have[w], want[w]) {
			t.Errorf("%s: %v, want %v", w, have[w], want[w])
		}
	}
	if DecisionNamed("whim") != nil {
		t.Error("a kind that does not exist is found")
	}
}

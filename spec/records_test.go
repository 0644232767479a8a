package spec

import "testing"

// TestD8EveryKindOfRecordHasItsClassModeAndStop: a kind without a retention class does not start.
func TestD8EveryKindOfRecordHasItsClassModeAndStop(t *testing.T) {
	last := uint16(0)
	for _, k := range RecordKinds {
		if k.Name == "" || k.Why == "" {
			t.Errorf("%+v lacks a name or a reason", k)
		}
		if k.Retention != Required && k.Retention != Ephemeral || k.Durability != Local || k.Stop < StopsAtHigh || k.Stop > StopsAtEmpty {
			t.Errorf("%s lacks a class, a mode or its place in the order of what stops", k.Name)
		}
		if k.Code <= last {
			t.Errorf("%s: codes grow, and each is used once", k.Name)
		}
		last = k.Code
		if RecordNamed(k.Name) == nil || RecordCoded(k.Code).Name != k.Name {
			t.Errorf("%s is not found by its name and code", k.Name)
		}
		if k.Retention == Ephemeral && k.Stop != StopsAtHigh {
			t.Errorf("%s: what is ephemeral stops first", k.Name)
		}
	}
	if RecordNamed("nothing") != nil || RecordCoded(9) != nil {
		t.Error("a kind that does not exist is found")
	}
}

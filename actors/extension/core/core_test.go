package core

import (
	"testing"

	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// TestE2AnActivationIsDecidedAgainFromItsEntry: each of the three, and each altered.
func TestE2AnActivationIsDecidedAgainFromItsEntry(t *testing.T) {
	for _, c := range []struct {
		missing []string
		may     bool
		choice  string
		kind    string
	}{
		{nil, false, Activate, "activation"},
		{nil, true, Activate, "activation"},
		{[]string{"landlock"}, true, Degrade, "downgrade"},
		{[]string{"landlock"}, false, Refuse, "denial"},
	} {
		in := Inputs{Path: "sup/a", Version: "1", Missing: c.missing, MayDegrade: c.may}
		e, err := Entry(in)
		if err != nil || e.Choice != c.choice || e.Kind != c.kind {
			t.Fatalf("%+v %v", e, err)
		}
		b, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := evidence.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := Replays().Validate(&back); err != nil || len(d) > 0 {
			t.Errorf("%v %v", d, err)
		}
		for _, other := range e.Candidates {
			if back.Choice = other; other == c.choice {
				continue
			}
			if d, err := Replays().Validate(&back); err != nil || len(d) != 1 || d[0].Field != "choice" {
				t.Errorf("%s for %s: %v %v", other, c.choice, d, err)
			}
		}
		in.MayDegrade = !in.MayDegrade
		back, _ = evidence.Decode(b)
		if back.Inputs, err = marker.Encode(&in); err != nil {
			t.Fatal(err)
		}
		if d, err := Replays().Validate(&back); len(c.missing) > 0 && err == nil {
			t.Errorf("inputs of another decision: %v", d)
		}
	}
}

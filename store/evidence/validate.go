package evidence

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/franken-node/fnode-supervisor/store/marker"
)

// Replay decides again from an entry's inputs, by the code that decided. Inputs that cannot be those of a decision are
// an error.
type Replay func(inputs cbor.RawMessage) (Outcome, error)

// Validator recomputes entries (rule E2): a replay for each kind of decision. The zero value knows none.
type Validator map[string]Replay

// Difference is one field of an entry that is not what its inputs lead to.
type Difference struct {
	Field      string `json:"field"` // "rule", "candidates", "constraints", "choice", "outputs"
	Recorded   string `json:"recorded"`
	Recomputed string `json:"recomputed"`
}

// String is the difference in one line.
func (d Difference) String() string {
	return fmt.Sprintf("%s: recorded %s, recomputed %s", d.Field, d.Recorded, d.Recomputed)
}

// Knows says whether decisions of that kind can be recomputed.
func (v Validator) Knows(kind string) bool { return v[kind] != nil }

// Validate recomputes an entry and gives the fields that differ, none besides; none at all where it is as it should be.
// The error says why it cannot be recomputed.
func (v Validator) Validate(e *Entry) ([]Difference, error) {
	replay := v[e.Kind]
	if replay == nil {
		return nil, fmt.Errorf("decisions of the kind %q cannot be recomputed here", e.Kind)
	}
	o, err := replay(e.Inputs)
	if err != nil {
		return nil, fmt.Errorf("the inputs are not those of a decision: %w", err)
	}
	var outputs []byte
	if o.Outputs != nil {
		if outputs, err = marker.Encode(o.Outputs); err != nil {
			return nil, err
		}
	}
	var out []Difference
	differ := func(field string, same bool, recorded, recomputed any) {
		if !same {
			out = append(out, Difference{field, fmt.Sprint(recorded), fmt.Sprint(recomputed)})
		}
	}
	differ("rule", e.Rule == o.Rule, e.Rule, o.Rule)
	differ("candidates", slices.Equal(e.Candidates, o.Candidates), e.Candidates, o.Candidates)
	differ("constraints", slices.Equal(e.Constraints, o.Constraints), e.Constraints, o.Constraints)
	differ("choice", e.Choice == o.Choice, e.Choice, o.Choice)
	if !bytes.Equal(e.Outputs, outputs) {
		out = append(out, parts(e.Outputs, outputs)...)
	}
	return out, nil
}

// parts are the keys in which two maps of outputs differ, where they are maps; else the whole.
func parts(recorded, recomputed []byte) (out []Difference) {
	a, b := map[uint64]cbor.RawMessage{}, map[uint64]cbor.RawMessage{}
	if len(recorded) > 0 && marker.Decode(recorded, &a) != nil || len(recomputed) > 0 && marker.Decode(recomputed, &b) != nil {
		return []Difference{{"outputs", said(recorded), said(recomputed)}}
	}
	for key := range a {
		if !bytes.Equal(a[key], b[key]) {
			out = append(out, Difference{fmt.Sprintf("outputs.%d", key), said(a[key]), said(b[key])})
		}
	}
	for key := range b {
		if _, both := a[key]; !both {
			out = append(out, Difference{fmt.Sprintf("outputs.%d", key), said(nil), said(b[key])})
		}
	}
	slices.SortFunc(out, func(x, y Difference) int { return bytes.Compare([]byte(x.Field), []byte(y.Field)) })
	return out
}

// said is CBOR in its diagnostic notation.
func said(b []byte) string {
	if len(b) == 0 {
		return "nothing"
	}
	s, err := cbor.Diagnose(b)
	if err != nil {
		return fmt.Sprintf("%x", b)
	}
	return s
}

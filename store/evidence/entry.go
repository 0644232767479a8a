package evidence

import (
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"

	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// Entry is the evidence of one decision: the body of a marker of the kind "grant" or "protect" (spec.Decisions says
// which). It is CBOR, core deterministic, with the keys 1 to 8; what is empty is left out.
type Entry struct {
	Kind        string          `cbor:"1,keyasint"`           // spec.Decisions
	Rule        string          `cbor:"2,keyasint"`           // "S7": which rule decided
	Inputs      cbor.RawMessage `cbor:"3,keyasint"`           // all that it depended on, by kind
	Candidates  []string        `cbor:"4,keyasint"`           // what might have been done, in a fixed order
	Constraints []string        `cbor:"5,keyasint,omitempty"` // which bounds were looked at, in a fixed order
	Choice      string          `cbor:"6,keyasint"`           // one of Candidates
	Outputs     cbor.RawMessage `cbor:"7,keyasint,omitempty"` // what else it gave, by kind
	Links       []uint64        `cbor:"8,keyasint,omitempty"` // the markers that it follows from
}

// The limits of an entry.
const (
	MaxEntry = 256 << 10 // bytes
	mostList = 64        // candidates, constraints, links
	mostWord = 64        // bytes of a kind, rule, candidate or constraint
)

// Outcome is what deciding gives, in the words of an entry.
type Outcome struct {
	Rule        string
	Candidates  []string
	Constraints []string
	Choice      string
	Outputs     any // encoded by marker.Encode; nil: nothing
}

// New makes an entry. inputs and Outputs are encoded as marker.Encode does.
func New(kind string, inputs any, o Outcome, links ...uint64) (e Entry, err error) {
	e = Entry{Kind: kind, Rule: o.Rule, Candidates: o.Candidates, Constraints: o.Constraints, Choice: o.Choice, Links: links}
	if e.Inputs, err = marker.Encode(inputs); err == nil && o.Outputs != nil {
		e.Outputs, err = marker.Encode(o.Outputs)
	}
	if err == nil {
		err = e.check()
	}
	return e, err
}

// Encode gives the entry's one encoding.
func (e *Entry) Encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	b, err := marker.Encode(e)
	if err == nil && len(b) > MaxEntry {
		err = fmt.Errorf("an entry has at most %d bytes, this one %d", MaxEntry, len(b))
	}
	return b, err
}

// Decode reads an entry of hostile origin. It keeps nothing of b.
func Decode(b []byte) (e Entry, err error) {
	if len(b) > MaxEntry {
		return e, fmt.Errorf("an entry has at most %d bytes, this one %d", MaxEntry, len(b))
	}
	if err := marker.Decode(b, &e); err != nil {
		return Entry{}, err
	}
	return e, e.check()
}

// Record is the name of the kind of marker that the entry is the body of.
func (e *Entry) Record() string {
	if k := spec.DecisionNamed(e.Kind); k != nil {
		return k.Weight.Record()
	}
	return ""
}

// check says what makes it no entry.
func (e *Entry) check() error {
	for _, list := range [...][]string{{e.Kind, e.Rule, e.Choice}, e.Candidates, e.Constraints} {
		for _, w := range list {
			if w == "" || len(w) > mostWord {
				return fmt.Errorf("a kind, rule, choice or constraint has 1 to %d bytes, one has %d", mostWord, len(w))
			}
		}
	}
	switch {
	case spec.DecisionNamed(e.Kind) == nil:
		return fmt.Errorf("there is no kind of decision %q", e.Kind)
	case len(e.Inputs) == 0:
		return fmt.Errorf("an entry has inputs")
	case max(len(e.Candidates), len(e.Constraints), len(e.Links)) > mostList:
		return fmt.Errorf("an entry has at most %d candidates, constraints and links", mostList)
	case !slices.Contains(e.Candidates, e.Choice):
		return fmt.Errorf("the choice %q is none of the candidates %v", e.Choice, e.Candidates)
	}
	return nil
}

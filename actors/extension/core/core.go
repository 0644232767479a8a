// Package core decides whether a version of an extension may run: what it asks for, held against what this host can
// give (design: store, E1). It is a leaf without clock, I/O or goroutine, so that an offline verifier can decide again.
//
// Its functions are pure and safe for concurrent use.
//
//	e, err := core.Entry(core.Inputs{Path: "sup/ext/feed", Version: "1.2.0", …})
package core

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// Inputs are all that an activation depends on: CBOR with the keys 1 to 15.
type Inputs struct {
	Path         string   `cbor:"1,keyasint"`
	Name         string   `cbor:"2,keyasint"`
	Version      string   `cbor:"3,keyasint"`
	Digest       string   `cbor:"4,keyasint"` // of the package
	Profile      string   `cbor:"5,keyasint"`
	Capabilities []string `cbor:"6,keyasint,omitempty"`
	Memory       int64    `cbor:"7,keyasint"` // bytes
	Heap         int64    `cbor:"8,keyasint"` // bytes
	Pids         int64    `cbor:"9,keyasint"`
	KV           int64    `cbor:"10,keyasint"` // bytes
	MilliCPU     int64    `cbor:"11,keyasint"`
	Invoke       int64    `cbor:"12,keyasint"` // ns
	Queue        int      `cbor:"13,keyasint"`
	Missing      []string `cbor:"14,keyasint,omitempty"` // layers of the profile that this host lacks
	MayDegrade   bool     `cbor:"15,keyasint"`           // the operator lets extensions run with less
}

// The choices, in their fixed order.
const (
	Activate = "activate"
	Degrade  = "activate_degraded"
	Refuse   = "refuse"
)

// Decide says what is done.
func Decide(in Inputs) evidence.Outcome {
	o := evidence.Outcome{Rule: "E1", Candidates: []string{Activate, Degrade, Refuse}, Constraints: []string{"profile"}, Choice: Activate}
	if len(in.Missing) > 0 {
		o.Constraints = append(o.Constraints, "may_degrade")
		if o.Choice = Refuse; in.MayDegrade {
			o.Choice = Degrade
		}
	}
	return o
}

// kinds are the kinds of evidence by choice.
var kinds = map[string]string{Activate: "activation", Degrade: "downgrade", Refuse: "denial"}

// Entry is the decision as evidence.
func Entry(in Inputs) (evidence.Entry, error) {
	o := Decide(in)
	return evidence.New(kinds[o.Choice], &in, o)
}

// Replays recomputes activations.
func Replays() evidence.Validator {
	out := evidence.Validator{}
	for choice, kind := range kinds {
		out[kind] = func(b cbor.RawMessage) (evidence.Outcome, error) {
			var in Inputs
			if err := marker.Decode(b, &in); err != nil {
				return evidence.Outcome{}, err
			}
			o := Decide(in)
			if kinds[o.Choice] != kind {
				return o, fmt.Errorf("these inputs lead to %s, which is no %s", o.Choice, choice)
			}
			return o, nil
		}
	}
	return out
}

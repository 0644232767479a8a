// Package account gives the decisions of supervisors as evidence, and decides again from it (design: store, E1, E2).
//
// It owns the words of the kinds "restart" and "stop" of evidence, and decides nothing itself: supervision/core does,
// both times. It is a leaf without clock, I/O or goroutine, so that an offline verifier can link it. Its functions are
// pure and safe for concurrent use.
//
//	for i := range decided { // core.Core.Decided
//		e, err := account.Entry(&decided[i])
//		…
//	}
//	diffs, err := account.Replays().Validate(&e)
package account

import (
	"fmt"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// The kinds of a supervisor's decisions: what it does about a child, and that it stops because it is asked to.
const (
	Restart = "restart"
	Stop    = "stop"
)

// Entry is a decision as evidence. links are the markers that it follows from.
func Entry(d *core.Decision, links ...uint64) (evidence.Entry, error) {
	return evidence.New(kindOf(d.On), &d.Inputs, outcome(d.On, &d.Outcome), links...)
}

func kindOf(on core.Occasion) string {
	if on == core.OnStop {
		return Stop
	}
	return Restart
}

func outcome(on core.Occasion, o *core.Outcome) evidence.Outcome {
	return evidence.Outcome{
		Rule: o.Rule, Candidates: on.Candidates(), Constraints: o.Looked.Names(), Choice: o.Choice.String(), Outputs: &o.Gave,
	}
}

// Replays recomputes the decisions of supervisors.
func Replays() evidence.Validator {
	return evidence.Validator{
		Restart: func(b cbor.RawMessage) (evidence.Outcome, error) { return replay(Restart, b) },
		Stop:    func(b cbor.RawMessage) (evidence.Outcome, error) { return replay(Stop, b) },
	}
}

func replay(kind string, inputs []byte) (evidence.Outcome, error) {
	var in core.Inputs
	if err := marker.Decode(inputs, &in); err != nil {
		return evidence.Outcome{}, err
	}
	if kindOf(in.On) != kind {
		return evidence.Outcome{}, fmt.Errorf("%q is no occasion of the kind %s", in.On, kind)
	}
	o, err := core.Replay(in)
	return outcome(in.On, &o), err
}

// Why tells a decision in one line: about which child, what had happened, what was chosen by which rule, and what was
// counted. The error is that the entry is none of a supervisor's.
func Why(e *evidence.Entry) (string, error) {
	var in core.Inputs
	var gave core.Gave
	if e.Kind != Restart && e.Kind != Stop {
		return "", fmt.Errorf("a decision of the kind %s is none of a supervisor's", e.Kind)
	}
	if err := marker.Decode(e.Inputs, &in); err != nil {
		return "", err
	}
	if in.Exit.Kind > core.GaveUp {
		return "", fmt.Errorf("an exit of kind %d", in.Exit.Kind)
	}
	if err := marker.Decode(e.Outputs, &gave); err != nil {
		return "", err
	}
	var b strings.Builder
	if in.On != core.OnStop {
		fmt.Fprintf(&b, "%s: ", in.Child.Name)
	}
	b.WriteString(in.On.String())
	if in.Exit != (core.Exit{}) {
		fmt.Fprintf(&b, " (%s)", in.Exit)
	}
	fmt.Fprintf(&b, " -> %s", e.Choice)
	if e.Choice == core.ToFallBack.String() {
		fmt.Fprintf(&b, " to %s", in.Child.Pinned)
	}
	if gave.Delay > 0 {
		fmt.Fprintf(&b, " after %s", gave.Delay.Round(time.Millisecond))
	}
	fmt.Fprintf(&b, ", rule %s", e.Rule)
	if gave.Failures > 0 {
		fmt.Fprintf(&b, "; failure %d of %d in %s (crash loop)", gave.Failures, in.Child.CrashLoop.Failures, in.Child.CrashLoop.Window)
	}
	if gave.Spent > 0 {
		fmt.Fprintf(&b, "; restart %d of %d in %s (budget)", gave.Spent, in.Budget.Restarts, in.Budget.Window)
	}
	return b.String(), nil
}

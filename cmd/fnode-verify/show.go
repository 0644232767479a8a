package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/supervision/account"
)

// mostDecisions is how many decisions the JSON form lists; all are counted.
const mostDecisions = 10_000

// view prints what a bundle shows.
type view struct {
	options
	out       io.Writer
	decisions []decision
	left      uint64             // decisions that are not listed
	hidden    map[string]*hidden // by kind of record
}

// decision is one, or a count of denials, told in one line.
type decision struct {
	Seq    uint64 `json:"seq"`
	Time   string `json:"time"`
	Path   string `json:"path"`
	Kind   string `json:"kind"`
	Rule   string `json:"rule,omitempty"`
	Choice string `json:"choice"`
	Why    string `json:"why"`
	Equal  *bool  `json:"equal,omitempty"` // as it was recomputed; null where it was not
}

// hidden are the payloads of a kind that are not in the bundle.
type hidden struct {
	Kind     string `json:"kind"`
	Redacted int    `json:"redacted"` // left out of the bundle
	Pruned   int    `json:"pruned"`   // gone from the ledger
	Bytes    uint64 `json:"bytes"`
	First    uint64 `json:"first"` // sequence
	Last     uint64 `json:"last"`
}

// marker takes one of a run.
func (v *view) marker(s *evidence.Shown) {
	if s.Redacted || s.Pruned {
		v.hide(s)
	}
	d := decision{Seq: s.Seq, Time: stamp(s.Time), Path: s.Says.Actor}
	switch {
	case s.Entry != nil:
		d.Kind, d.Rule, d.Choice, d.Why = s.Entry.Kind, s.Entry.Rule, s.Entry.Choice, why(s.Entry)
		if replays().Knows(s.Entry.Kind) {
			equal := len(s.Differences) == 0
			d.Equal = &equal
		}
	case s.Denials != nil:
		n := s.Denials
		d.Kind, d.Choice, d.Path = "denials", "deny", n.Path
		d.Why = fmt.Sprintf("%s was denied %d more times within %s", n.What, n.Count, time.Duration(n.Until-n.From))
	default:
		return
	}
	if !v.json && !v.quiet {
		fmt.Fprintf(v.out, "why      %s  #%d %s  %s%s\n", d.Time, d.Seq, clean(d.Path), clean(d.Why), differs(d.Equal))
	}
	if !v.json {
		return
	}
	if len(v.decisions) < mostDecisions {
		v.decisions = append(v.decisions, d)
	} else {
		v.left++
	}
}

func differs(equal *bool) string {
	if equal == nil || *equal {
		return ""
	}
	return "  [recomputed: another]"
}

// why tells a decision in one line.
func why(e *evidence.Entry) string {
	if line, err := account.Why(e); err == nil {
		return line
	}
	return fmt.Sprintf("%s -> %s (of %s), rule %s", e.Kind, e.Choice, strings.Join(e.Candidates, ", "), e.Rule)
}

func (v *view) hide(s *evidence.Shown) {
	name := fmt.Sprint("kind ", s.Kind)
	if k := spec.RecordCoded(s.Kind); k != nil {
		name = k.Name
	}
	h := v.hidden[name]
	if h == nil {
		h = &hidden{Kind: name, First: s.Seq}
		v.hidden[name] = h
	}
	if h.Last, h.Bytes = s.Seq, h.Bytes+uint64(s.Length); s.Redacted {
		h.Redacted++
	} else {
		h.Pruned++
	}
}

// hid are the kinds of which something is hidden, by name.
func (v *view) hid() (out []hidden) {
	for _, name := range slices.Sorted(maps.Keys(v.hidden)) {
		out = append(out, *v.hidden[name])
	}
	return out
}

// report prints what was found of the whole.
func (v *view) report(r *evidence.Report, broken error) {
	if v.json {
		v.document(r, broken)
		return
	}
	line := func(label, format string, args ...any) {
		fmt.Fprintf(v.out, "%-8s %s\n", label, clean(fmt.Sprintf(format, args...)))
	}
	m := &r.Manifest
	line("bundle", "%s: %s, of ledger %s, written %s%s", v.bundle, m.Words, r.Store, stamp(m.At), by(m.By))
	line("anchor", "%s%s", r.Anchor.Key, anchors[r.Anchor.From])
	if r.Handovers > 0 {
		line("", "%d hand-overs lead from it to the key that signs", r.Handovers)
	}
	line("signed", "%s: the first %d markers, root %s", stamp(r.Signed), r.Covered, r.Root)
	line("checked", "%d markers in %d runs, whose last markers lead to that root; %d payloads; %d bytes", r.Markers, r.Runs, r.Payloads, r.Bytes)
	line("", "%d decisions, of which %d were recomputed and are equal", r.Decisions, r.Recomputed)
	for _, kind := range slices.Sorted(maps.Keys(r.Unknown)) {
		line("", "%d of the kind %s cannot be recomputed here", r.Unknown[kind], kind)
	}
	if !m.Whole {
		line("missing", "a selection: that nothing that belongs to it was left out is not shown")
	}
	if r.Beyond > 0 {
		line("missing", "%d markers that were asked for are behind the checkpoint", r.Beyond)
	}
	for _, h := range v.hid() {
		if h.Redacted > 0 {
			line("redacted", "%d payloads of the kind %s, of markers %d to %d: %s", h.Redacted, h.Kind, h.First, h.Last, m.Hidden)
		}
		if h.Pruned > 0 {
			line("pruned", "%d payloads of the kind %s, of markers %d to %d", h.Pruned, h.Kind, h.First, h.Last)
		}
	}
	if broken == nil {
		line("result", "it holds")
		return
	}
	line("result", "it does not hold: %d breaks", r.BreakCount)
}

var anchors = map[string]string{
	"":           "none: nothing was found that is signed",
	"argument":   " (the key that was handed in)",
	"genesis":    " (the ledger's own first marker: compare it with the key that you expect, or use --key)",
	"checkpoint": " (the key that signed: nothing in the bundle leads to it; use --key)",
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " for " + who
}

// document is the JSON form.
func (v *view) document(r *evidence.Report, broken error) {
	e := json.NewEncoder(v.out)
	e.SetIndent("", "  ")
	doc := struct {
		APIVersion string           `json:"apiVersion"`
		Kind       string           `json:"kind"`
		Holds      bool             `json:"holds"`
		Code       string           `json:"code,omitempty"`
		Report     *evidence.Report `json:"report"`
		Decisions  []decision       `json:"decisions"`
		Left       uint64           `json:"decisions_not_listed"`
		Hidden     []hidden         `json:"hidden"`
	}{"fnode/v1", "Verification", broken == nil, "", r, append([]decision{}, v.decisions...), v.left, append([]hidden{}, v.hid()...)}
	if r.Breaks == nil {
		r.Breaks = []evidence.Break{}
	}
	if c := codes.From(broken); c != nil {
		doc.Code = c.Code.ID
	}
	_ = e.Encode(doc) // of values that are encodable, to a buffer whose flush tells
}

func stamp(ns int64) string {
	if ns == 0 {
		return "at a time that is not told"
	}
	return time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000Z")
}

// clean keeps a bundle's text from steering a terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

package evidence

import (
	"fmt"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// Report is what a bundle was found to be.
type Report struct {
	Manifest   Manifest       `json:"manifest"`
	Store      string         `json:"store"`       // the ledger's identity, in hex
	Anchor     Anchor         `json:"anchor"`      // what is trusted
	Handovers  int            `json:"handovers"`   // that lead from the anchor to the key that signs
	Covered    uint64         `json:"covered"`     // it signs the markers up to this one
	Signed     int64          `json:"signed"`      // when, ns since 1970
	Root       string         `json:"root"`        // of the markers that it signs, in hex
	Markers    uint64         `json:"markers"`     // in runs
	Runs       uint64         `json:"runs"`        // whose last marker leads to the root
	Payloads   uint64         `json:"payloads"`    // that are those which their markers state
	Redacted   uint64         `json:"redacted"`    // payloads that are left out of the bundle
	Pruned     uint64         `json:"pruned"`      // payloads that the ledger itself has no more
	Beyond     uint64         `json:"beyond"`      // markers that were asked for, and that no checkpoint covers
	Decisions  uint64         `json:"decisions"`   // entries of evidence
	Recomputed uint64         `json:"recomputed"`  // of them, and equal
	Unknown    map[string]int `json:"unknown"`     // entries that nothing here can recompute, by kind
	Bytes      int64          `json:"bytes"`       // that were read
	Breaks     []Break        `json:"breaks"`      // at most mostBreaks of them
	BreakCount uint64         `json:"break_count"` // all
}

const mostBreaks = 100

// Anchor is the key that is trusted, and why.
type Anchor struct {
	Key  string `json:"key"`  // ed25519, in hex
	From string `json:"from"` // "argument", "genesis", or "checkpoint" where there is nothing better
}

// Break is a place at which a bundle does not hold.
type Break struct {
	Offset int64  `json:"offset"` // of the first byte of the part
	Part   string `json:"part"`
	Seq    uint64 `json:"seq,omitempty"` // of the marker that it is about
	What   string `json:"what"`
}

// String is the break in one line.
func (b Break) String() string {
	if b.Seq > 0 {
		return fmt.Sprintf("offset %d, %s %d: %s", b.Offset, b.Part, b.Seq, b.What)
	}
	return fmt.Sprintf("offset %d, %s: %s", b.Offset, b.Part, b.What)
}

// Shown is a marker of a run, as it is read. That it is part of the ledger is known once Verify returns without an
// error.
type Shown struct {
	marker.Marker
	Offset      int64          // in the bundle
	Redacted    bool           // its payload is left out of the bundle
	Pruned      bool           // the ledger has its payload no more
	Says        marker.Payload // empty where there is none
	Entry       *Entry         // of the kinds "grant" and "protect"; nil where there is none
	Denials     *Denials       // of the kind "denials"
	Differences []Difference   // of Entry, as it was recomputed
}

// err is the report as an error; nil where nothing is broken.
func (r *Report) err() error {
	if len(r.Breaks) == 0 {
		return nil
	}
	e := codes.New(codes.BundleBroken, "%s", r.Breaks[0])
	for _, b := range r.Breaks[1:] {
		e.Fact("also", "%s", b)
	}
	if n := r.BreakCount - uint64(len(r.Breaks)); n > 0 {
		e.Fact("also", "%d more", n)
	}
	return e
}

package ledger

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// EntryOf shows a marker to people. A body that its kind does not decode is shown as what it is, with why.
func EntryOf(e *store.Entry) Entry {
	out := Entry{
		Meta: api.Of("LedgerEntry"), Seq: e.Seq, ID: e.ID.String(), Kind: fmt.Sprintf("kind %d", e.Kind), Time: time.Unix(0, e.Time).UTC(), Epoch: e.Epoch,
		Region: e.Payload.Region, Actor: e.Payload.Actor, Prev: e.Prev.String(), Digest: e.Digest.String(), Length: e.Length, Pruned: e.Pruned,
	}
	if k := spec.RecordCoded(e.Kind); k != nil {
		out.Kind = k.Name
	}
	if e.Trace != (marker.Tag{}) {
		out.Trace = hex.EncodeToString(e.Trace[:])
	}
	for _, w := range e.Payload.Set {
		out.Set = append(out.Set, Write{quoted(string(w.Key)), len(w.Value)})
	}
	for _, k := range e.Payload.Delete {
		out.Delete = append(out.Delete, quoted(string(k)))
	}
	switch {
	case e.Pruned:
		out.Summary = "its payload was pruned"
	case len(e.Payload.Body) > 0:
		out.Body, out.Summary = bodyOf(out.Kind, e.Payload.Body)
	default:
		out.Summary = writes(&out)
	}
	return out
}

// writes says what a marker without a body does.
func writes(e *Entry) string {
	var said []string
	if n := len(e.Set); n > 0 {
		said = append(said, fmt.Sprintf("sets %s%s", e.Set[0].Key, more(n)))
	}
	if n := len(e.Delete); n > 0 {
		said = append(said, fmt.Sprintf("deletes %s%s", e.Delete[0], more(n)))
	}
	return strings.Join(said, ", ")
}

func more(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n-1)
}

// quoted is a key as it is where it is text, else as Go quotes it, without the quotes.
func quoted(key string) string {
	if utf8.ValidString(key) && !strings.ContainsFunc(key, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return key
	}
	q := strconv.Quote(key)
	return q[1 : len(q)-1]
}

// bodies read the body of a kind: what it says, for programs and in one line.
var bodies = map[string]func(b []byte) (any, string, error){
	"genesis": func(b []byte) (any, string, error) {
		var g marker.Genesis
		err := marker.Decode(b, &g)
		return words{"store": hex.EncodeToString(g.Store[:]), "time": at(g.Time), "role": g.Role, "key": hex.EncodeToString(g.Key)}, "a new ledger", err
	},
	"checkpoint": func(b []byte) (any, string, error) {
		c, key, err := checkpointOf(b)
		v := words{"covers": c.Seq, "head": c.Head.String(), "root": c.Root.String(), "time": at(c.Time), "key": hex.EncodeToString(key)}
		if c.Snapshot != nil {
			v["snapshot"] = words{"seq": c.Snapshot.Seq, "digest": c.Snapshot.Digest.String(), "bytes": c.Snapshot.Bytes}
		}
		return v, fmt.Sprintf("signs the markers up to %d", c.Seq), err
	},
	"lifecycle": func(b []byte) (any, string, error) {
		var l marker.Lifecycle
		err := marker.Decode(b, &l)
		return struct {
			*marker.Lifecycle
			At string `json:"at"`
		}{&l, at(l.At)}, lifeLine(&l), err
	},
	"receipt": func(b []byte) (any, string, error) {
		var r marker.Receipt
		err := marker.Decode(b, &r)
		v := ReceiptOf(&r, time.Unix(0, r.Granted))
		if r.Revoked != nil {
			return v, fmt.Sprintf("receipt %s revoked by uid %d", r.ID, r.Revoked.UID), err
		}
		return v, fmt.Sprintf("receipt %s by uid %d: %s on %s until %s", r.ID, r.UID, r.Action, r.Scope, v.Expires.Format(time.RFC3339)), err
	},
	"pruned": func(b []byte) (any, string, error) {
		var p store.Pruned
		err := marker.Decode(b, &p)
		v := words{"payloads": p.Payloads, "segments": p.Segments, "bytes": p.Bytes, "base": p.Base, "behind": p.Behind, "why": p.Why}
		return v, fmt.Sprintf("%d payloads and %d segments went: %s", p.Payloads, p.Segments, p.Why), err
	},
	"repaired": func(b []byte) (any, string, error) {
		var r store.Repaired
		err := marker.Decode(b, &r)
		v := words{"head": r.Head, "lost": r.Lost, "place": r.Place, "moved": r.Moved, "into": r.Into, "why": r.Why}
		return v, fmt.Sprintf("what stood behind marker %d was given up: %s", r.Head, r.Why), err
	},
	"restored": func(b []byte) (any, string, error) {
		var r store.Restored
		err := marker.Decode(b, &r)
		v := words{"head": r.Head, "behind": r.Behind, "aside": r.Aside, "why": r.Why}
		return v, fmt.Sprintf("goes on from a backup that ended with marker %d: %s", r.Head, r.Why), err
	},
	"grant":   decision,
	"protect": decision,
	"denials": func(b []byte) (any, string, error) {
		var d evidence.Denials
		err := marker.Decode(b, &d)
		v := words{"path": d.Path, "what": d.What, "count": d.Count, "first": at(d.First), "last": at(d.Last)}
		return v, fmt.Sprintf("%d more denials of %s: %s", d.Count, d.Path, d.What), err
	},
}

type words = map[string]any

func at(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

// decision shows an entry of evidence; its inputs and outputs in CBOR's diagnostic notation.
func decision(b []byte) (any, string, error) {
	e, err := evidence.Decode(b)
	if err != nil {
		return nil, "", err
	}
	v := words{
		"decision": e.Kind, "rule": e.Rule, "candidates": e.Candidates, "constraints": e.Constraints, "choice": e.Choice, "links": e.Links,
		"inputs": diagnosed(e.Inputs), "outputs": diagnosed(e.Outputs),
	}
	return v, fmt.Sprintf("%s: %s, by rule %s", e.Kind, e.Choice, e.Rule), nil
}

func diagnosed(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	s, err := cbor.Diagnose(b)
	if err != nil {
		return hex.EncodeToString(b)
	}
	return s
}

// checkpointOf reads the body of a checkpoint's marker, and checks its signature by the key that it names.
func checkpointOf(b []byte) (c marker.Checkpoint, key []byte, err error) {
	var s marker.Signed
	if err = marker.Decode(b, &s); err == nil {
		err = s.Open("checkpoint", &c)
	}
	return c, s.Key, err
}

// CheckpointOf reads a checkpoint.
func CheckpointOf(seq uint64, body []byte) (*Checkpoint, error) {
	c, key, err := checkpointOf(body)
	return &Checkpoint{Seq: seq, Covers: c.Seq, Root: c.Root.String(), Key: hex.EncodeToString(key), Time: time.Unix(0, c.Time).UTC()}, err
}

// bodyOf decodes by kind.
func bodyOf(kind string, b []byte) (json.RawMessage, string) {
	var v any
	line, err := "", error(nil)
	if f := bodies[kind]; f != nil {
		v, line, err = f(b)
	} else {
		v, line = words{"cbor": diagnosed(b)}, fmt.Sprintf("%d bytes", len(b))
	}
	if err != nil {
		v, line = words{"cbor": diagnosed(b), "error": err.Error()}, "its body cannot be read: "+err.Error()
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null"), err.Error()
	}
	return raw, line
}

// lifeLine is a lifecycle's event in one line.
func lifeLine(l *marker.Lifecycle) string {
	s := l.Event
	if l.Incarnation > 0 {
		s += fmt.Sprintf(" %d", l.Incarnation)
	}
	if n := l.Node; n != nil {
		s += fmt.Sprintf(" %s %s", n.Kind, strings.TrimSpace(n.Strategy+" "+n.Restart))
	}
	if l.Reason != "" {
		s += ": " + l.Reason
	}
	if l.Cause != "" && !strings.Contains(l.Reason, l.Cause) {
		s += "; first cause: " + l.Cause
	}
	return s
}

// ReceiptOf shows a receipt as of now.
func ReceiptOf(r *marker.Receipt, now time.Time) Receipt {
	out := Receipt{
		Meta: api.Of("Receipt"), ID: r.ID, Action: r.Action, Scope: r.Scope, Reason: r.Reason, State: "valid", UID: r.UID, Roles: roles(r.Roles),
		Granted: time.Unix(0, r.Granted).UTC(), Expires: time.Unix(0, r.Expires).UTC(),
	}
	if r.Expires <= now.UnixNano() {
		out.State = "expired"
	}
	if v := r.Revoked; v != nil {
		out.State = "revoked"
		out.Revoked = &Revoked{time.Unix(0, v.At).UTC(), v.Reason, v.UID, roles(v.Roles)}
	}
	return out
}

func roles(in []string) []api.Role {
	out := make([]api.Role, len(in))
	for i, r := range in {
		out[i] = api.Role(r)
	}
	return out
}

// VerificationOf shows a report.
func VerificationOf(r *store.Report) Verification {
	out := Verification{
		Meta: api.Of("LedgerVerification"), OK: len(r.Faults) == 0, Store: hex.EncodeToString(r.Store[:]), Base: r.Base, Head: r.Head, Root: r.Root.String(),
		Checkpoints: r.Checkpoints, Signed: r.Signed, Snapshots: r.Snapshots, State: r.State, Torn: r.Torn, Faults: []Fault{},
	}
	for _, d := range r.Faults {
		out.Faults = append(out.Faults, Fault{d.File, d.Offset, d.Err.Error()})
	}
	return out
}

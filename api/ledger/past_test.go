package ledger_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/ledger"
	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// told takes a script: "event path rest", where rest is a node's kind and restart policy, or an incarnation and how it
// ended.
func told(t *testing.T, lines string) *ledger.Past {
	t.Helper()
	var p ledger.Past
	for i, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		event, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		path, rest, _ := strings.Cut(rest, " ")
		l := marker.Lifecycle{Event: event, At: int64(i+1) * int64(time.Second)}
		switch event {
		case "added":
			kind, restart, _ := strings.Cut(rest, " ")
			l.Node = &marker.Node{Kind: kind, Restart: restart}
		case "started", "ended":
			_, _ = fmt.Sscanf(rest, "%d", &l.Incarnation)
			_, l.Reason, _ = strings.Cut(rest, " ")
			if _, cause, ok := strings.Cut(l.Reason, ": "); ok {
				l.Cause = cause
			}
		default:
			l.Reason = rest
		}
		p.Take(path, &l)
	}
	return &p
}

func drawn(p *ledger.Past) string {
	var out []string
	for _, r := range api.Reduce(p.Tree(9)).Rows() {
		out = append(out, fmt.Sprintf("%s %s(%s) %d/%d", r.Path, r.State, r.Reason, r.Incarnation, r.Restarts))
	}
	return strings.Join(out, "\n")
}

const begun = `boot s
added s supervisor
added s/a extension permanent
added s/b extension transient
started s/a 1
started s/b 1
started s 1
`

// TestThePastIsWhatTheMarkersTell, event by event.
func TestThePastIsWhatTheMarkersTell(t *testing.T) {
	const root, b = "s Running(2 children) 1/0\n", "\ns/b Running() 1/0"
	for name, row := range map[string]struct{ more, want string }{
		"up":              {"", root + "s/a Running() 1/0" + b},
		"failed":          {"ended s/a 1 failed: boom", root + "s/a Waiting(restart after backoff; last end: failed: boom) 1/0" + b},
		"restarted":       {"ended s/a 1 failed: boom\nstarted s/a 2", root + "s/a Running() 2/1" + b},
		"stopped by hand": {"ended s/a 1 shutdown\nstopped s/a stop, asked by uid 0", root + "s/a Stopped(last end: shutdown) 1/0" + b},
		"quarantined":     {"ended s/a 1 failed: x\nquarantined s/a 3 in 1m; last end: failed: x", root + "s/a Quarantined(3 in 1m; last end: failed: x) 1/0" + b},
		"clean transient": {"ended s/b 1 normal (on Msg)", root + "s/a Running() 1/0\ns/b Stopped(last end: normal (on Msg)) 1/0"},
		"bad transient":   {"ended s/b 1 failed (on Msg)", root + "s/a Running() 1/0\ns/b Waiting(restart after backoff; last end: failed (on Msg)) 1/0"},
		"removed":         {"removed s/a", "s Running(1 children) 1/0" + b},
		"replaced":        {"removed s/a\nadded s/a extension permanent", root[:len(root)-1] + b + "\ns/a Waiting(its turn to start) 0/0"},
		"below":           {"added s/c supervisor permanent\nadded s/c/d extension permanent\nremoved s/c", root + "s/a Running() 1/0" + b},
		"temporary":       {"added s/c extension temporary\nstarted s/c 1\nended s/c 1 normal", root + "s/a Running() 1/0" + b},
		"wedged":          {"wedged s/a x", root + "s/a Wedged(its handler does not return) 1/0" + b},
		"unknown":         {"started s/z 1\nreport s child_terminated s/a: x", root + "s/a Running() 1/0" + b},
		"shut down":       {"shutdown s x", "s Stopped(the daemon was shut down) 1/0\ns/a Stopped(the daemon was shut down) 1/0\ns/b Stopped(the daemon was shut down) 1/0"},
		"a new run":       {"ended s/a 1 failed: boom\nboot s", "s Starting(its run begins) 0/0"},
	} {
		if got := drawn(told(t, begun+row.more)); got != row.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, row.want)
		}
	}
	if tree := (&ledger.Past{}).Tree(1); len(api.Reduce(tree).Rows()) != 0 {
		t.Error("a tree of nothing")
	}
}

// TestWhatMarkersDoNotCarryIsNull, and does not become a number on its way through JSON.
func TestWhatMarkersDoNotCarryIsNull(t *testing.T) {
	b, err := json.Marshal(told(t, begun).Tree(9))
	if err != nil || !strings.Contains(string(b), `"lanes":null,"obligations":null`) || strings.Contains(string(b), "engine") {
		t.Fatal(string(b), err)
	}
	var back api.Tree
	if err := json.Unmarshal(b, &back); err != nil || back.Root.Lanes != nil || back.Root.Children[0].Obligations != nil {
		t.Errorf("%+v %v", back, err)
	}
}

func TestTheFirstCauseIsTheLastFailure(t *testing.T) {
	p := told(t, begun+"ended s/a 1 failed: first\nstarted s/a 2\nended s/a 2 failed: second\nstarted s/a 3")
	tree := p.Tree(9)
	n, _ := api.Reduce(tree).Find("s/a")
	if w := p.Why(n, nil); w.Answer != "second" || len(w.Chain) != 2 || !p.Failed("s/a") {
		t.Errorf("%+v", w)
	}
	n, _ = api.Reduce(tree).Find("s/b")
	if w := p.Why(n, nil); w.Answer != "s/b is Running; nothing has failed" {
		t.Errorf("%+v", w)
	}
	if w := p.Why(n, &api.Cause{What: "of an earlier run"}); w.Answer != "of an earlier run" || p.Failed("s/b") {
		t.Errorf("%+v", w)
	}
}

// TestEveryKindIsShown: a body of each kind that has one, and one that cannot be read.
func TestEveryKindIsShown(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := marker.Sign(key, "checkpoint", &marker.Checkpoint{Seq: 41})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := evidence.New("restart", []int{1}, evidence.Outcome{Rule: "S2", Candidates: []string{"restart"}, Choice: "restart"})
	if err != nil {
		t.Fatal(err)
	}
	for kind, row := range map[string]struct {
		body any
		want []string
	}{
		"genesis":    {&marker.Genesis{Role: "ledger"}, []string{"a new ledger", `"role":"ledger"`}},
		"checkpoint": {&signed, []string{"signs the markers up to 41", `"covers":41`}},
		"lifecycle":  {&marker.Lifecycle{Event: "ended", Incarnation: 2, Reason: "failed", Cause: "boom", At: 1e9}, []string{"ended 2: failed; first cause: boom", `"at":"1970-01-01T00:00:01Z"`}},
		"receipt":    {&marker.Receipt{ID: "rc_1", Action: "a", Expires: 5}, []string{"receipt rc_1", `"state":"valid"`}},
		"pruned":     {&store.Pruned{Payloads: 3, Why: "w"}, []string{"3 payloads and 0 segments went: w", `"payloads":3`}},
		"repaired":   {&store.Repaired{Head: 4, Why: "w", Moved: []string{"m"}}, []string{"behind marker 4 was given up: w", `"moved":["m"]`}},
		"restored":   {&store.Restored{Head: 4, Why: "w"}, []string{"ended with marker 4: w", `"head":4`}},
		"protect":    {&entry, []string{"restart: restart, by rule S2", `"inputs":"[1]"`}},
		"denials":    {&evidence.Denials{Path: "p", What: "FN1", Count: 9}, []string{"9 more denials of p: FN1", `"count":9`}},
		"kv":         {map[int]string{1: "x"}, []string{"bytes", `{"cbor":"{1: \"x\"}"}`}},
		"grant":      {"no entry", []string{"its body cannot be read", `"cbor":"\"no entry\""`}},
	} {
		b, err := marker.Encode(row.body)
		if err != nil {
			t.Fatal(kind, err)
		}
		e := store.Entry{Marker: marker.Marker{Kind: spec.RecordNamed(kind).Code}, Payload: marker.Payload{Body: b}}
		got := ledger.EntryOf(&e)
		for _, w := range row.want {
			if !strings.Contains(got.Summary+" "+string(got.Body), w) || got.Kind != kind {
				t.Errorf("%s: %s %s does not say %s", kind, got.Summary, got.Body, w)
			}
		}
	}
	e := store.Entry{Marker: marker.Marker{Kind: 49}, Payload: marker.Payload{Set: []marker.Pair{{Key: "history/s\x00a"}, {Key: "k"}}, Delete: nil}}
	if got := ledger.EntryOf(&e); got.Summary != `sets history/s\x00a and 1 more` || got.Set[1].Key != "k" {
		t.Errorf("%+v", got)
	}
	if got := ledger.EntryOf(&store.Entry{Marker: marker.Marker{Kind: 49}, Pruned: true}); got.Summary != "its payload was pruned" {
		t.Errorf("%+v", got)
	}
}

package api

import (
	"encoding/json"
	stderrors "errors"
	"io"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestAProblemKeepsEverythingOnItsWay(t *testing.T) {
	e := codes.New(codes.LaneFull, "sup/ext/a refuses").Fact("owed", "ob_1").Retry(1500 * time.Millisecond).Outcome(base.EffectNone).
		At(codes.Position{File: "fnode.toml", Line: 3, Col: 5, Text: "x = y"})
	e.Frames = []codes.Position{{File: "src/a.ts", Line: 1, Col: 2}}
	b, err := json.Marshal(ProblemOf(e))
	if err != nil {
		t.Fatal(err)
	}
	var p Problem
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	if got := p.Err(); !reflect.DeepEqual(got, e) {
		t.Fatalf("%+v\n%+v", got, e)
	}
	unknown := readProblem(418, ProblemType, []byte(`{"code":"FN9999","detail":"of a later release","exit":75,"status":418}`))
	if c := codes.From(unknown); c == nil || c.Code.Exit != 75 || c.What != "of a later release" {
		t.Fatalf("%v", unknown)
	}
}

func TestAnErrorWithoutACodeIsOurFault(t *testing.T) {
	p := ProblemOf(stderrors.New("boom"))
	if p.Code != "FN8015" || p.Exit != codes.ExitOurFault || !strings.Contains(p.Detail, "boom") || p.Outcome != "unknown" {
		t.Fatalf("%+v", p)
	}
}

func TestBadJSONSaysWhere(t *testing.T) {
	var req VerbRequest
	err := decode(strings.NewReader("{\n  \"path\": 7\n}"), &req)
	if e := codes.From(err); e == nil || e.Where.Line != 2 || e.Where.Text != `  "path": 7` {
		t.Fatalf("%+v", err)
	}
	err = decode(strings.NewReader("{\n  \"path\": }"), &req)
	if e := codes.From(err); e == nil || e.Where.Line != 2 || e.Where.Col != 11 {
		t.Fatalf("%+v", e)
	}
	for _, bad := range []string{"", "{}{}", "{}}", `{"nope":1}`, "[]"} {
		if codes.From(decode(strings.NewReader(bad), &req)) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzRequestBody(f *testing.F) {
	for _, s := range []string{`{"path":"a","method":"b","args":[1]}`, "{", "[[[[", `{"path":1}`, "{}x"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var req InvokeRequest
		err := decode(strings.NewReader(string(body)), &req)
		if e := codes.From(err); err != nil && (e == nil || e.Where.Line < 1 || e.Where.Col < 1) {
			t.Errorf("%q: %v", body, err)
		}
		if err == nil && len(req.Args) > 0 && !json.Valid(req.Args) {
			t.Errorf("%q was taken as arguments", req.Args)
		}
	})
}

func FuzzLogQuery(f *testing.F) {
	f.Add("path=a&tail=3&since=2026-01-01T00:00:00Z&follow=1")
	f.Add("tail=-1&%zz")
	f.Fuzz(func(t *testing.T, raw string) {
		v, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		if q, err := parseLogQuery(v); err == nil && q.Tail < 0 {
			t.Errorf("%q: %+v", raw, q)
		}
	})
}

func FuzzServerSentEvents(f *testing.F) {
	f.Add("event: item\nid: b-1\ndata: {}\n\nevent: end\ndata: {}\n\n")
	f.Add(": beat\n\ndata: a\ndata: b\n\n")
	f.Fuzz(func(t *testing.T, raw string) {
		last := stderrors.New("no end")
		for fr, err := range readFrames(strings.NewReader(raw)) {
			if last = err; err == nil && len(fr.data)+len(fr.id)+len(fr.event) > maxFrame {
				t.Errorf("a frame of %d bytes", len(fr.data))
			}
		}
		if last == nil {
			t.Error("the stream did not say how it ended")
		}
	})
}

func FuzzProblem(f *testing.F) {
	f.Add([]byte(`{"code":"FN1001","status":503,"retry_after":1e300,"position":{"line":-1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := readProblem(503, ProblemType, body); codes.From(err) == nil {
			t.Errorf("%q: %v", body, err)
		}
	})
}

func TestAnOversizedEventEndsTheStream(t *testing.T) {
	var last error
	for _, err := range readFrames(io.LimitReader(endless('x'), 8<<20)) {
		last = err
	}
	if last == nil || last == io.EOF {
		t.Fatal(last)
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

package api

import (
	"context"
	"encoding/json"
	stderrors "errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// ProblemType is the media type of every error answer (RFC 9457).
const ProblemType = "application/problem+json"

// Problem is an error as JSON (RFC 9457). Outcome is none, unknown or done where the error answers a
// call; RetryAfter is in seconds; Exit is what a command ends with.
type Problem struct {
	Meta
	Type       string     `json:"type"`
	Title      string     `json:"title"`
	Status     int        `json:"status"`
	Detail     string     `json:"detail"`
	Code       string     `json:"code"`
	Name       string     `json:"name"`
	Exit       int        `json:"exit"`
	Retryable  bool       `json:"retryable"`
	RetryAfter float64    `json:"retry_after,omitempty"`
	Outcome    string     `json:"outcome,omitempty"`
	Facts      []Fact     `json:"facts,omitempty"`
	Position   *Position  `json:"position,omitempty"`
	Frames     []Position `json:"frames,omitempty"`
	Kept       string     `json:"kept"`
	Hint       string     `json:"hint"`
}

// Fact is one labelled line of a problem.
type Fact struct {
	Label string `json:"label"`
	Text  string `json:"text"`
}

// ProblemOf turns an error into its JSON form. An error without a code is our fault and says so.
func ProblemOf(err error) Problem {
	e := coded(err)
	p := Problem{
		Meta: Of("Error"), Type: "urn:fnode:error:" + e.Code.ID, Title: e.Code.Title, Status: e.Code.HTTP,
		Detail: e.What, Code: e.Code.ID, Name: e.Code.Name, Exit: e.Code.Exit, Retryable: e.Code.Retry,
		RetryAfter: e.RetryAfter.Seconds(), Kept: e.Code.Kept, Hint: e.Code.Hint,
	}
	if e.HasEffect {
		p.Outcome = e.Effect.String()
	}
	for _, f := range e.Facts {
		p.Facts = append(p.Facts, Fact(f))
	}
	if e.Where != (codes.Position{}) {
		p.Position = &Position{e.Where.File, e.Where.Line, e.Where.Col, e.Where.Text}
	}
	for _, f := range e.Frames {
		p.Frames = append(p.Frames, Position{f.File, f.Line, f.Col, f.Text})
	}
	return p
}

// coded finds the code of an error, or gives it the one that fits best.
func coded(err error) *codes.Error {
	if e := codes.From(err); e != nil {
		return e
	}
	switch {
	case stderrors.Is(err, context.DeadlineExceeded):
		return codes.New(codes.ClientTimeout, "%v", err).Outcome(base.EffectUnknown).Wrap(err)
	case stderrors.Is(err, context.Canceled):
		return codes.New(codes.Cancelled, "%v", err).Outcome(base.EffectUnknown).Wrap(err)
	}
	return codes.New(codes.SurfaceFault, "an error without a code: %v", err).Outcome(base.EffectUnknown).Wrap(err)
}

// Err turns a problem back into an error. A code that this release does not know keeps what the daemon
// said about it.
func (p Problem) Err() *codes.Error {
	c := codes.Lookup(p.Code)
	if c == nil {
		c = &codes.Code{ID: p.Code, Name: p.Name, Title: p.Title, Kept: p.Kept, Hint: p.Hint, Exit: p.Exit, HTTP: p.Status, Retry: p.Retryable}
	}
	e := codes.New(c, "%s", p.Detail).Retry(time.Duration(p.RetryAfter * float64(time.Second)))
	for _, f := range p.Facts {
		e.Facts = append(e.Facts, codes.Fact(f))
	}
	if p.Position != nil {
		e.Where = p.Position.coded()
	}
	for _, f := range p.Frames {
		e.Frames = append(e.Frames, f.coded())
	}
	for _, o := range []base.Effect{base.EffectNone, base.EffectUnknown, base.EffectDone} {
		if p.Outcome == o.String() {
			e.HasEffect, e.Effect = true, o
		}
	}
	return e
}

func (p Position) coded() codes.Position {
	return codes.Position{File: p.File, Line: p.Line, Col: p.Col, Text: p.Text}
}

// writeProblem answers with the error's status and, where there is one, Retry-After in whole seconds.
func writeProblem(w http.ResponseWriter, err error) {
	p := ProblemOf(err)
	h := w.Header()
	h.Set("Content-Type", ProblemType)
	bound(w)
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(p.RetryAfter)+1))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// readProblem decodes an error answer; a body that is none becomes a version skew.
func readProblem(status int, mediaType string, body []byte) error {
	var p Problem
	if mediaType != ProblemType || json.Unmarshal(body, &p) != nil || p.Code == "" || p.Status == 0 {
		return codes.New(codes.VersionSkew, "the daemon answered %s without a code", fmt.Sprint(status, " ", http.StatusText(status)))
	}
	return p.Err()
}

package api

import (
	"bytes"
	"context"
	"encoding/json"
	stderrors "errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func (s *Server) live(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, map[string]any{"apiVersion": Version, "kind": "Probe", "ok": true})
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	if st := s.current(); !st.Ready {
		return NotReady(st)
	}
	return s.live(w, r)
}

func (s *Server) startupz(w http.ResponseWriter, r *http.Request) error {
	if st := s.current(); st.Phase == "starting" {
		return NotReady(st)
	}
	return s.live(w, r)
}

// NotReady is the error of a status that is not ready: it names the checks that fail.
func NotReady(st Status) *codes.Error {
	e := codes.New(codes.NotReady, "the daemon is not ready: it is %s", st.Phase).Retry(time.Second)
	for _, c := range st.Checks {
		if !c.OK {
			e.Fact("failed", "%s: %s", c.Name, c.Detail)
		}
	}
	return e.Fact("try", "fnctl why sup")
}

// current is the published status; a server that drains is never ready.
func (s *Server) current() Status {
	st := s.b.Status()
	st.Meta = Of("Status")
	if s.gate.at() != levelOpen {
		st.Ready, st.Phase = false, "draining"
	}
	if st.Checks == nil {
		st.Checks = []Check{}
	}
	return st
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, s.current())
}

func (s *Server) tree(w http.ResponseWriter, _ *http.Request) error {
	t := s.b.Tree()
	t.Meta = Of("Tree")
	return writeJSON(w, t)
}

func (s *Server) extensions(w http.ResponseWriter, _ *http.Request) error {
	items := s.b.Extensions()
	if items == nil {
		items = []Extension{}
	}
	return writeJSON(w, ExtensionList{Of("ExtensionList"), items})
}

func (s *Server) whoami(w http.ResponseWriter, r *http.Request) error {
	p := peerOf(r.Context())
	if p.Roles == nil {
		p.Roles = []Role{}
	}
	return writeJSON(w, WhoAmI{Of("WhoAmI"), p.UID, p.GID, p.PID, p.Roles, p.permissions(), p.Why})
}

func (s *Server) describe(w http.ResponseWriter, r *http.Request) error {
	path, err := s.pathOf(r)
	if err != nil {
		return err
	}
	d, err := s.b.Describe(r.Context(), path)
	if err != nil {
		return err
	}
	d.Meta = Of("Description")
	return writeJSON(w, d)
}

func (s *Server) why(w http.ResponseWriter, r *http.Request) error {
	path, err := s.pathOf(r)
	if err != nil {
		return err
	}
	y, err := s.b.Why(r.Context(), path)
	if err != nil {
		return err
	}
	y.Meta = Of("Why")
	return writeJSON(w, y)
}

func (s *Server) doctor(w http.ResponseWriter, r *http.Request) error {
	checks, err := s.b.Doctor(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, doctorOf(checks, true))
}

// doctorOf makes the report of checks; daemon says whether a running daemon answered.
func doctorOf(checks []Check, daemon bool) Doctor {
	d := Doctor{Meta: Of("Doctor"), OK: true, Daemon: daemon, Checks: append([]Check{}, checks...)}
	for _, c := range checks {
		d.OK = d.OK && c.OK
	}
	return d
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) error {
	if s.o.Metrics == nil {
		return codes.New(codes.NoSuchRoute, "this daemon was built without metrics")
	}
	bound(w)
	s.o.Metrics.ServeHTTP(w, r)
	return nil
}

func (s *Server) invoke(w http.ResponseWriter, r *http.Request) error {
	var req InvokeRequest
	if err := decode(r.Body, &req); err != nil {
		return err
	}
	if req.Method == "" || len(req.Method) > 128 {
		return codes.New(codes.BadRequest, "method is empty or longer than 128 bytes").Outcome(base.EffectNone)
	}
	node, err := s.resolve(req.Path)
	if err != nil {
		return err
	}
	if err := checkTimeout(req.TimeoutNS); err != nil {
		return err
	}
	req.Path, req.Key, req.Peer = node, r.Header.Get(HeaderKey), peerOf(r.Context())
	res, err := s.b.Invoke(r.Context(), req)
	if err != nil {
		return err
	}
	res.Meta = Of("InvokeResult")
	return writeJSON(w, res)
}

func (s *Server) verb(do func(context.Context, VerbRequest) (VerbResult, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var req VerbRequest
		if err := decode(r.Body, &req); err != nil {
			return err
		}
		node, err := s.resolve(req.Path)
		if err != nil {
			return err
		}
		if err := checkTimeout(req.TimeoutNS); err != nil {
			return err
		}
		req.Path, req.Peer = node, peerOf(r.Context())
		res, err := do(r.Context(), req)
		if err != nil {
			return err
		}
		res.Meta = Of("VerbResult")
		return writeJSON(w, res)
	}
}

func (s *Server) apply(w http.ResponseWriter, r *http.Request) error {
	var req VerbRequest
	if err := decode(r.Body, &req); err != nil {
		return err
	}
	if !filepath.IsAbs(req.Path) {
		return codes.New(codes.BadRequest, "path: %q is no absolute path of a file", clip(req.Path, 200)).Outcome(base.EffectNone)
	}
	if err := checkTimeout(req.TimeoutNS); err != nil {
		return err
	}
	req.Peer = peerOf(r.Context())
	res, err := s.b.Apply(r.Context(), req)
	if err != nil {
		return err
	}
	res.Meta = Of("VerbResult")
	return writeJSON(w, res)
}

// maxTimeout is far over what any call is given, and far below where a time that is added to now overflows.
const maxTimeout = 365 * 24 * time.Hour

// checkTimeout refuses what is no time to wait.
func checkTimeout(ns int64) error {
	switch {
	case ns < 0:
		return codes.New(codes.BadRequest, "timeout_ns is negative").Outcome(base.EffectNone)
	case ns > int64(maxTimeout):
		return codes.New(codes.BadRequest, "timeout_ns is over a year").Outcome(base.EffectNone)
	}
	return nil
}

// pathOf reads ?path= and resolves it on the published tree.
func (s *Server) pathOf(r *http.Request) (string, error) {
	q, err := query(r)
	if err != nil {
		return "", err
	}
	return s.resolve(q.Get("path"))
}

func (s *Server) resolve(name string) (string, error) {
	n, err := Reduce(s.b.Tree()).Resolve(name)
	if err != nil {
		return "", err
	}
	return n.Path, nil
}

func query(r *http.Request) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, codes.New(codes.BadRequest, "the query cannot be read: %v", err).Wrap(err)
	}
	return q, nil
}

// parseLogQuery reads the query of /v1/logs; the path is not resolved yet.
func parseLogQuery(q url.Values) (LogQuery, error) {
	out := LogQuery{Path: q.Get("path"), Call: q.Get("call")}
	var err error
	if v := q.Get("since"); v != "" {
		if out.Since, err = time.Parse(time.RFC3339Nano, v); err != nil {
			return out, codes.New(codes.BadRequest, "since: %q is not an RFC 3339 time", clip(v, 60))
		}
	}
	if v := q.Get("tail"); v != "" {
		if out.Tail, err = strconv.Atoi(v); err != nil || out.Tail < 0 {
			return out, codes.New(codes.BadRequest, "tail: %q is not a number of lines", clip(v, 60))
		}
	}
	out.Follow, err = parseFollow(q)
	return out, err
}

func parseFollow(q url.Values) (bool, error) {
	v := q.Get("follow")
	if v == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, codes.New(codes.BadRequest, "follow: %q is neither true nor false", clip(v, 60))
	}
	return b, nil
}

// decode reads exactly one JSON document without unknown fields; an error says line and column.
func decode(r io.Reader, into any) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err = d.Decode(into)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = stderrors.New("something follows the document")
		}
	}
	if err == nil {
		return nil
	}
	return BadJSON("body", body, d.InputOffset(), err)
}

// BadJSON is the error of JSON that cannot be read, with the place where it is wrong.
func BadJSON(name string, body []byte, at int64, err error) *codes.Error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case stderrors.As(err, &syntax):
		at = syntax.Offset - 1
	case stderrors.As(err, &kind):
		at = kind.Offset - 1
	}
	e := codes.New(codes.BadRequest, "the JSON cannot be read: %v", clip(codes.JSONText(body, err), 200)).Outcome(base.EffectNone).Wrap(err)
	return e.At(positionAt(name, body, at))
}

// positionAt turns a byte offset into a position: line and column from 1, and the line's text.
func positionAt(name string, body []byte, at int64) codes.Position {
	at = max(0, min(at, int64(len(body))))
	start := bytes.LastIndexByte(body[:at], '\n') + 1
	end := len(body)
	if i := bytes.IndexByte(body[start:], '\n'); i >= 0 {
		end = start + i
	}
	return codes.Position{
		File: name, Line: bytes.Count(body[:at], []byte{'\n'}) + 1, Col: int(at) - start + 1,
		Text: clip(strings.TrimRight(string(body[start:end]), "\r"), 200),
	}
}

func writeJSON(w http.ResponseWriter, v any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // a result is the author's text, not a web page
	if err := enc.Encode(v); err != nil {
		return codes.New(codes.SurfaceFault, "the answer cannot be written as JSON: %v", err).Outcome(base.EffectUnknown).Wrap(err)
	}
	w.Header().Set("Content-Type", "application/json")
	bound(w)
	_, _ = w.Write(body.Bytes()) // a client that is gone is no error of ours
	return nil
}

// bound gives a slow reader a limit for what is written next.
func bound(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
}

const writeTimeout = 10 * time.Second

package api

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
)

// Route is a row of the API that another package adds (Options.Routes). Do answers one request: with a value, which is
// written as JSON; with an iter.Seq2[any, error], which is streamed as server-sent events, an error as its end; or with
// an io.WriterTo, whose bytes are sent as they are, and cut off where it fails.
type Route struct {
	Method, Pattern string // as net/http has them
	Need            Permission
	Write           bool // it changes something, has a JSON body, and is carried out once for an idempotency key
	Stream          bool // it counts against the streams instead of the requests
	Do              func(ctx context.Context, q url.Values, body []byte, who Peer) (any, error)
	Doc             string
}

// row makes it one of the table's.
func (rt Route) row() route {
	do := func(s *Server) handler {
		h := func(w http.ResponseWriter, r *http.Request) error { return s.added(rt, w, r) }
		if rt.Write {
			return s.idempotent(h)
		}
		return h
	}
	return route{rt.Method, rt.Pattern, rt.Need, rt.Write, rt.Stream, do, rt.Doc}
}

// added answers a request for an added row.
func (s *Server) added(rt Route, w http.ResponseWriter, r *http.Request) error {
	q, err := query(r)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	ctx, cancel := r.Context(), func() {}
	if rt.Stream {
		ctx, cancel = s.streamContext(r)
	}
	defer cancel()
	v, err := rt.Do(ctx, q, body, peerOf(r.Context()))
	if err != nil {
		return err
	}
	switch x := v.(type) {
	case iter.Seq2[any, error]:
		return s.streamed(ctx, w, x)
	case io.WriterTo:
		w.Header().Set("Content-Type", "application/octet-stream")
		if _, err := x.WriteTo(bounded{w}); err != nil {
			s.o.Log.Warn("an answer was cut off", "route", rt.Pattern, "error", err)
			panic(http.ErrAbortHandler) // the reader must not take what it has for the whole
		}
		return nil
	}
	return writeJSON(w, v)
}

// streamed streams a sequence that may fail.
func (s *Server) streamed(ctx context.Context, w http.ResponseWriter, seq iter.Seq2[any, error]) error {
	var failed error
	return stream(s, ctx, w, func(yield func(any) bool) {
		for v, err := range seq {
			if failed = err; err != nil || !yield(v) {
				return
			}
		}
	}, func(any) string { return "" }, func() error { return failed })
}

// bounded gives each write to a slow reader a limit.
type bounded struct{ w http.ResponseWriter }

func (b bounded) Write(p []byte) (int, error) {
	bound(b.w)
	return b.w.Write(p)
}

// Stream reads the items of an added row that streams.
func (c *Client) Stream(ctx context.Context, path string, q url.Values) iter.Seq2[json.RawMessage, error] {
	return items[json.RawMessage](ctx, c, path, q)
}

// Download copies the bytes of an added row to w, and says how many there were.
func (c *Client) Download(ctx context.Context, path string, q url.Values, w io.Writer) (int64, error) {
	res, err := c.do(ctx, http.MethodGet, path, q, nil, "")
	if err != nil {
		return 0, err
	}
	defer drop(res.Body)
	n, err := io.Copy(w, res.Body)
	if err != nil {
		return n, c.lost(ctx, err, false)
	}
	return n, nil
}

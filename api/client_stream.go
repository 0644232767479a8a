package api

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Events reads events after since ("" is everything kept, SinceNow only what comes). With follow it goes on
// until ctx ends or the daemon does: an error is the last thing yielded. To resume, pass the last id.
func (c *Client) Events(ctx context.Context, since string, follow bool) iter.Seq2[Event, error] {
	return items[Event](ctx, c, "/v1/events", url.Values{"since": {since}, "follow": {strconv.FormatBool(follow)}})
}

// Logs reads the lines of one extension.
func (c *Client) Logs(ctx context.Context, q LogQuery) iter.Seq2[LogLine, error] {
	v := url.Values{"path": {q.Path}, "call": {q.Call}, "tail": {strconv.Itoa(q.Tail)}, "follow": {strconv.FormatBool(q.Follow)}}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.Format(time.RFC3339Nano))
	}
	return items[LogLine](ctx, c, "/v1/logs", v)
}

// items opens a stream and decodes its items. The end of ctx ends a followed stream without an error only
// at the reader's wish; here it is codes.Interrupted or codes.ClientTimeout like any request.
func items[T any](ctx context.Context, c *Client, path string, q url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		res, err := c.do(ctx, http.MethodGet, path, q, nil, "")
		if err != nil {
			yield(none, err)
			return
		}
		defer func() { _ = res.Body.Close() }()
		for f, err := range readFrames(res.Body) {
			item, more, err := c.item(ctx, f, err)
			if err != nil {
				yield(none, err)
				return
			}
			if !more {
				return
			}
			var v T
			if err := json.Unmarshal(item, &v); err != nil {
				yield(none, codes.New(codes.VersionSkew, "an item of the stream cannot be read: %v", err).Wrap(err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// item gives the JSON of the next item, or the end, or why the stream broke off.
func (c *Client) item(ctx context.Context, f frame, err error) (data []byte, more bool, _ error) {
	if err != nil {
		if err != io.EOF || ctx.Err() != nil {
			return nil, false, c.lost(ctx, err, false)
		}
		return nil, false, codes.New(codes.ConnectionLost, "the stream of the %s was cut before its end", c).Outcome(base.EffectNone)
	}
	switch f.event {
	case sseEnd:
		return nil, false, nil
	case sseProblem:
		return nil, false, readProblem(http.StatusServiceUnavailable, ProblemType, []byte(f.data))
	case sseItem:
		return []byte(f.data), true, nil
	}
	return nil, false, codes.New(codes.VersionSkew, "the stream holds an event named %q", clip(f.event, 40))
}

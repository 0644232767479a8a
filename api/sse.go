package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// The names of server-sent events (WHATWG HTML, 9.2). "end" says that the stream is complete, "problem"
// that it broke off; a stream that ends with neither was cut.
const (
	sseItem    = "item"
	sseEnd     = "end"
	sseProblem = "problem"
	maxFrame   = 1 << 20 // bytes of one event that a client takes
)

func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r)
	if err != nil {
		return err
	}
	follow, err := parseFollow(q)
	if err != nil {
		return err
	}
	since := q.Get("since")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		since = id
	}
	ctx, cancel := s.streamContext(r)
	defer cancel()
	seq, err := s.b.Events(ctx, since, follow)
	if err != nil {
		return err
	}
	return stream(s, ctx, w, seq, func(e Event) string { return e.ID }, never)
}

func (s *Server) logs(w http.ResponseWriter, r *http.Request) error {
	values, err := query(r)
	if err != nil {
		return err
	}
	q, err := parseLogQuery(values)
	if err != nil {
		return err
	}
	if q.Path, err = s.resolve(q.Path); err != nil {
		return err
	}
	ctx, cancel := s.streamContext(r)
	defer cancel()
	seq, err := s.b.Logs(ctx, q)
	if err != nil {
		return err
	}
	return stream(s, ctx, w, seq, func(LogLine) string { return "" }, never)
}

// streamContext ends with the request, and when the server refuses what is new.
func (s *Server) streamContext(r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	unhook := context.AfterFunc(s.closing, cancel)
	return ctx, func() { unhook(); cancel() }
}

// never is the failure of a stream that has none.
func never() error { return nil }

// stream writes items until seq ends; failed says then why it is not the whole. A heartbeat comment on silence finds readers that are gone.
func stream[T any](s *Server, ctx context.Context, w http.ResponseWriter, seq iter.Seq[T], id func(T) string, failed func() error) error {
	w.Header().Set("Content-Type", "text/event-stream")
	out := &sseWriter{w: w, rc: http.NewResponseController(w), limit: s.o.WriteTimeout}
	if err := out.write(": open\n\n"); err != nil {
		return nil // the reader is gone already
	}
	stop := out.heartbeat(ctx, s.o.Heartbeat)
	defer stop()
	for item := range seq {
		if out.item(sseItem, id(item), item) != nil {
			return nil
		}
	}
	if s.closing.Err() != nil {
		_ = out.item(sseProblem, "", ProblemOf(codes.New(codes.ShuttingDown, "the stream ends: the daemon is shutting down").Retry(2*time.Second)))
		return nil
	}
	if err := failed(); err != nil {
		_ = out.item(sseProblem, "", ProblemOf(err))
		return nil
	}
	_ = out.item(sseEnd, "", struct{}{})
	return nil
}

// sseWriter serialises the items and heartbeats of one stream.
type sseWriter struct {
	mu    sync.Mutex
	w     io.Writer                // guarded by mu
	rc    *http.ResponseController // guarded by mu
	limit time.Duration            // immutable after New
}

func (o *sseWriter) item(event, id string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("event: " + event + "\n")
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	b.WriteString("data: ")
	b.Write(data)
	b.WriteString("\n\n")
	return o.write(b.String())
}

func (o *sseWriter) write(s string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.rc.SetWriteDeadline(time.Now().Add(o.limit)); err != nil {
		return err
	}
	if _, err := io.WriteString(o.w, s); err != nil {
		return err
	}
	return o.rc.Flush()
}

func (o *sseWriter) heartbeat(ctx context.Context, every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	// owner: stream, by stop; ends: when ctx does
	done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = o.write(": beat\n\n")
			case <-ctx.Done():
				return
			}
		}
	})
	return func() { cancel(); done.Wait() }
}

// frame is one received server-sent event.
type frame struct{ event, id, data string }

// readFrames parses a stream of server-sent events with bounds: an event over 1 MiB ends it with an error.
// io.EOF stands for an end without an "end" event.
func readFrames(r io.Reader) iter.Seq2[frame, error] {
	return func(yield func(frame, error) bool) {
		sc := bufio.NewScanner(r)
		sc.Buffer(make([]byte, 0, 4096), maxFrame)
		var f frame
		size := 0
		for sc.Scan() {
			line := sc.Text()
			if line != "" {
				if size += len(line); size > maxFrame {
					yield(frame{}, bufio.ErrTooLong)
					return
				}
				f.field(line)
				continue
			}
			full := f
			f, size = frame{}, 0
			if full != (frame{}) && !yield(full, nil) {
				return
			}
		}
		err := sc.Err()
		if err == nil {
			err = io.EOF
		}
		yield(frame{}, err)
	}
}

func (f *frame) field(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "event":
		f.event = value
	case "id":
		f.id = value
	case "data":
		if f.data != "" {
			f.data += "\n"
		}
		f.data += value
	}
}

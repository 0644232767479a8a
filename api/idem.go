package api

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

const (
	maxKey        = 255      // bytes of an idempotency key
	maxKeptAnswer = 64 << 10 // bytes of an answer that is kept for repeats
)

// answers remembers what was answered under an idempotency key, for the life of the process or until that
// many newer keys were used. A request that was refused before it had an effect is not remembered: it may
// be repeated.
type answers struct {
	limit int // immutable after New

	mu    sync.Mutex
	byKey map[string]*answer // guarded by mu
	order *list.List         // guarded by mu: keys, oldest first
}

// answer is one remembered request. body and status are written before done is closed, never after.
type answer struct {
	print   [sha256.Size]byte
	done    chan struct{} // capacity 0; closed by the request that owns the key
	kept    bool
	status  int
	kind    string
	body    []byte
	element *list.Element
}

func newAnswers(limit int) *answers {
	return &answers{limit: limit, byKey: map[string]*answer{}, order: list.New()}
}

// claim gives the answer under key; mine says that the caller has to carry the request out and finish it.
func (a *answers) claim(key string, print [sha256.Size]byte) (got *answer, mine bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if got = a.byKey[key]; got != nil {
		if got.print != print {
			return nil, false, codes.New(codes.KeyReused, "the idempotency key was used for another request").Fact("unchanged", "nothing was done")
		}
		return got, false, nil
	}
	if len(a.byKey) >= a.limit && !a.evict() {
		return nil, false, codes.New(codes.Busy, "%d requests with idempotency keys are under way", a.limit)
	}
	got = &answer{print: print, done: make(chan struct{})}
	got.element = a.order.PushBack(key)
	a.byKey[key] = got
	return got, true, nil
}

// evict forgets the oldest finished answer. Preconditions: mu is held.
func (a *answers) evict() bool {
	for e := a.order.Front(); e != nil; e = e.Next() {
		key := e.Value.(string)
		select {
		case <-a.byKey[key].done:
			a.order.Remove(e)
			delete(a.byKey, key)
			return true
		default:
		}
	}
	return false
}

// finish records the answer, or forgets the key if the request had no effect, and wakes who waits for it.
func (a *answers) finish(key string, got *answer, rec *recorder, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && !hadEffect(err) {
		a.order.Remove(got.element)
		delete(a.byKey, key)
		close(got.done)
		return
	}
	got.kept, got.status, got.kind, got.body = !rec.over, rec.status, rec.Header().Get("Content-Type"), rec.body.Bytes()
	if rec.over {
		got.body = nil
	}
	close(got.done)
}

func hadEffect(err error) bool {
	e := coded(err)
	return e.HasEffect && e.Effect.String() != "none"
}

// idempotent carries a write out once for each key of each uid; without a key it just does it.
func (s *Server) idempotent(do handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		key := r.Header.Get(HeaderKey)
		if key == "" {
			return do(w, r)
		}
		if len(key) > maxKey || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return codes.New(codes.BadRequest, "the idempotency key is not 1 to %d printable ASCII characters", maxKey)
		}
		body, err := io.ReadAll(r.Body) // in memory already, by guard
		if err != nil {
			return err
		}
		w.Header().Set(HeaderKey, key)
		return s.once(w, r, do, strconv.Itoa(peerOf(r.Context()).UID)+" "+key, body)
	}
}

func (s *Server) once(w http.ResponseWriter, r *http.Request, do handler, key string, body []byte) error {
	print := sha256.Sum256(append([]byte(r.Method+" "+r.URL.Path+"\n"), body...))
	for {
		got, mine, err := s.answers.claim(key, print)
		if err != nil {
			return err
		}
		if mine {
			r.Body = io.NopCloser(bytes.NewReader(body))
			return s.carryOut(w, r, do, key, got)
		}
		if err := wait(r.Context(), got.done); err != nil {
			return err
		}
		if got.status != 0 {
			return got.replay(w)
		}
	}
}

// carryOut answers through a recorder. What a panicking handler did is not known, so its key stays used.
func (s *Server) carryOut(w http.ResponseWriter, r *http.Request, do handler, key string, got *answer) error {
	rec := &recorder{ResponseWriter: w, status: http.StatusOK, over: true}
	var failed error = codes.New(codes.SurfaceFault, "the request failed half way").Outcome(base.EffectUnknown)
	defer func() { s.answers.finish(key, got, rec, failed) }()
	err := do(rec, r)
	if err != nil {
		writeProblem(rec, err)
	}
	rec.over, failed = rec.overflowed, err
	return nil
}

func (a *answer) replay(w http.ResponseWriter) error {
	if !a.kept {
		return codes.New(codes.AnswerNotKept, "the request was carried out before, and its answer was not kept")
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set(HeaderReplay, "true")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
	return nil
}

func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// recorder keeps a bounded copy of what is answered.
type recorder struct {
	http.ResponseWriter
	status     int
	body       bytes.Buffer
	overflowed bool
	over       bool // whether the answer is not kept
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.overflowed = r.overflowed || r.body.Len()+len(p) > maxKeptAnswer; !r.overflowed {
		r.body.Write(p)
	}
	return r.ResponseWriter.Write(p)
}

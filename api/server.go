package api

import (
	"bytes"
	"context"
	stderrors "errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Header names of every answer, and of writes.
const (
	HeaderAPI     = "Fnode-Api-Version"
	HeaderRelease = "Fnode-Version"
	HeaderKey     = "Idempotency-Key"
	HeaderReplay  = "Idempotency-Replayed"
)

// Server answers on one socket. It is made by Listen and used once.
type Server struct {
	o        Options // immutable after New
	b        Backend // immutable after New
	l        *net.UnixListener
	made     os.FileInfo // of the socket at birth
	gate     *gate
	streams  *gate
	answers  *answers
	stop     context.CancelFunc // ends every request under way
	root     context.Context
	closing  context.Context // ended when everything new is refused
	closeNow context.CancelFunc
}

// Listen makes the socket; connections wait until Serve. Errors: codes.SocketInUse, codes.SocketBlocked.
func Listen(o Options, b Backend) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	gid := -1
	if o.Group != nil {
		gid = *o.Group
	}
	l, err := listen(o.Socket, o.Mode, gid, o.Roles)
	if err != nil {
		return nil, err
	}
	if dir := closedFolder(o.Socket); dir != "" && len(o.Roles) > 0 {
		o.Log.Warn("not everyone with a role can reach the socket: a folder above it is closed to others", "folder", dir)
	}
	made, err := os.Lstat(o.Socket)
	if err != nil {
		return nil, stderrors.Join(blocked(o.Socket, err), l.Close())
	}
	s := &Server{o: o, b: b, l: l, made: made, gate: newGate(o.MaxRequests), streams: newGate(o.MaxStreams), answers: newAnswers(o.KeepAnswers)}
	s.root, s.stop = context.WithCancel(context.Background())
	s.closing, s.closeNow = context.WithCancel(s.root)
	return s, nil
}

// Close takes back a Listen that is not followed by Serve. Who has connected meanwhile is cut off.
func (s *Server) Close() error {
	s.stop()
	removeSocket(s.o.Socket, s.made)
	return s.l.Close()
}

// Drain refuses writes from now on (codes.ShuttingDown); reads and streams go on. It does not wait.
func (s *Server) Drain() {
	s.gate.raise(levelDraining)
}

// Serve answers until ctx ends. Then it refuses what is new, tells streams the end, waits DrainTimeout for
// what is under way, cuts the rest off with ForceTimeout to answer, answers what still waits to be
// accepted, and removes the socket. Every handler has returned before it does, or was cut off and logged.
func (s *Server) Serve(ctx context.Context) error {
	hs := &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: s.o.BodyTimeout, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return s.root },
		ConnContext: s.withPeer,
		ErrorLog:    slog.NewLogLogger(s.o.Log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1) // capacity 1; never closed
	// owner: Serve, which reads served; ends: hs.Close or hs.Shutdown
	lim := newLimited(s.l, s.o.MaxConns)
	go func() { served <- hs.Serve(lim) }()
	var err error
	select {
	case <-ctx.Done():
		s.finish()
		err = s.close(hs, lim)
		<-served
	case err = <-served:
		s.gate.raise(levelClosing)
		s.stop()
		removeSocket(s.o.Socket, s.made)
		err = stderrors.Join(err, hs.Close())
	}
	s.stop()
	return err
}

// finish refuses what is new and waits for what is under way.
func (s *Server) finish() {
	s.gate.raise(levelClosing)
	s.streams.raise(levelClosing)
	s.closeNow()
	late := time.NewTimer(s.o.DrainTimeout)
	defer late.Stop()
	for _, g := range []*gate{s.gate, s.streams} {
		select {
		case <-g.drained:
		case <-late.C:
			s.o.Log.Warn("the API cuts off what is still under way", "after", s.o.DrainTimeout)
			s.stop()
			s.waitForced(g)
			late.Reset(0)
		}
	}
}

func (s *Server) waitForced(g *gate) {
	force := time.NewTimer(s.o.ForceTimeout)
	defer force.Stop()
	select {
	case <-g.drained:
	case <-force.C:
	}
}

// close takes the name away, answers (with a refusal) whoever connected before that, and closes. Accepting
// ends before net/http hears of a shutdown: it drops a request that it reads after that without an answer.
func (s *Server) close(hs *http.Server, lim *limited) error {
	removeSocket(s.o.Socket, s.made)
	ctx, cancel := context.WithTimeout(context.Background(), s.o.ForceTimeout)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	// A connect(2) that found the name before it was removed may queue a moment after: the queue counts as
	// empty when it was so several times in a row.
	for quiet := 0; quiet < 5 && ctx.Err() == nil; quiet++ {
		if pending(s.l) {
			quiet = 0
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	hs.SetKeepAlivesEnabled(false)
	_ = lim.Close()
	for lim.open() > 0 && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	if err := hs.Shutdown(ctx); err != nil {
		return hs.Close()
	}
	return nil
}

func (s *Server) withPeer(ctx context.Context, c net.Conn) context.Context {
	p, err := readPeer(unwrap(c))
	if err != nil {
		s.o.Log.Warn("no peer credentials", "error", err)
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, assign(p, os.Geteuid(), s.o.Roles))
}

// handler answers one request; the error it returns is answered as a problem.
type handler func(w http.ResponseWriter, r *http.Request) error

// guard is what every request passes: headers, recovery, role, gate, limits.
func (s *Server) guard(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.stamp(w)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // of the request before on this connection
		peer := peerOf(r.Context())
		if !peer.May(rt.need) {
			s.refuse(w, r, denied(rt, peer))
			return
		}
		g := s.gate
		if rt.stream {
			g = s.streams
		}
		if err := g.enter(rt.write); err != nil && rt.need != permNone {
			s.refuse(w, r, err)
			return
		} else if err == nil {
			defer g.leave()
		}
		if rt.write {
			if err := s.buffer(w, r); err != nil {
				w.Header().Set("Connection", "close")
				writeProblem(w, err)
				return
			}
		}
		if err := s.run(rt, w, r); err != nil {
			writeProblem(w, err)
		}
	})
}

// refuse answers and ends the connection. The body is taken off first: closing a socket with unread bytes
// resets it, and the peer could lose the answer.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.CopyN(io.Discard, r.Body, s.o.MaxBody)
	w.Header().Set("Connection", "close")
	writeProblem(w, err)
}

// buffer reads the whole body within the limits of size and time. The deadline is lifted afterwards: it
// would end the context of a call that takes longer.
func (s *Server) buffer(w http.ResponseWriter, r *http.Request) error {
	rc := http.NewResponseController(w)
	if err := rc.SetReadDeadline(time.Now().Add(s.o.BodyTimeout)); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.o.MaxBody))
	var large *http.MaxBytesError
	switch {
	case stderrors.As(err, &large):
		return codes.New(codes.TooLarge, "the request has more than %d bytes", s.o.MaxBody).Outcome(base.EffectNone).Fact("unchanged", "the call never began")
	case err != nil:
		return codes.New(codes.BadRequest, "the request broke off: %v", err).Outcome(base.EffectNone).Wrap(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return rc.SetReadDeadline(time.Time{})
}

// run turns a panic into an error and a line in the daemon's log.
func (s *Server) run(rt route, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v == http.ErrAbortHandler {
			panic(v)
		}
		s.o.Log.Error("a handler of the API panicked", "route", rt.pattern, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		err = codes.New(codes.SurfaceFault, "%s %s panicked", rt.method, rt.pattern)
	}()
	return rt.do(s)(w, r)
}

func (s *Server) stamp(w http.ResponseWriter) {
	h := w.Header()
	h.Set(HeaderAPI, Version)
	h.Set(HeaderRelease, s.o.Release)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

func denied(rt route, p Peer) error {
	e := codes.New(codes.RoleDenied, "%s %s needs the permission %s", rt.method, rt.pattern, rt.need)
	for _, why := range p.Why {
		e.Fact("you are", "%s", why)
	}
	return e.Fact("unchanged", "nothing was done")
}

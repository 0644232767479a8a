package api

import (
	"bytes"
	"context"
	"encoding/json"
	stderrors "errors"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func wantCode(t *testing.T, err error, c *codes.Code) *codes.Error {
	t.Helper()
	e := codes.From(err)
	if e == nil || e.Code.ID != c.ID {
		t.Fatalf("got %v, want %s %s", err, c.ID, c.Name)
	}
	return e
}

func TestViewsComeThroughTheSocket(t *testing.T) {
	c, _, _ := run(t, newMemory(), Options{Release: "1.2.3"})
	ctx := context.Background()
	st, err := c.Status(ctx)
	if err != nil || !st.Ready || st.Kind != "Status" || st.APIVersion != Version {
		t.Fatalf("%+v %v", st, err)
	}
	tree, err := c.Tree(ctx)
	if v := Reduce(tree); err != nil || len(v.Rows()) != 5 || v.Totals().Engines != 3 {
		t.Fatalf("%+v %v", tree, err)
	}
	d, err := c.Describe(ctx, "markdown")
	if err != nil || d.Node.Path != "sup/ext/markdown" || d.Kind != "Description" {
		t.Fatalf("%+v %v", d, err)
	}
	y, err := c.Why(ctx, "ext/feed")
	if err != nil || y.Path != "sup/ext/feed" {
		t.Fatalf("%+v %v", y, err)
	}
	if list, err := c.Extensions(ctx); err != nil || len(list.Items) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	if doc, err := c.Doctor(ctx); err != nil || doc.OK || !doc.Daemon {
		t.Fatalf("%+v %v", doc, err)
	}
	if r, err := c.Release(ctx); err != nil || r != "1.2.3" {
		t.Fatalf("%q %v", r, err)
	}
	_, err = c.Describe(ctx, "nothing")
	wantCode(t, err, codes.NoSuchPath)
}

func TestPeerCredentialsGiveTheRole(t *testing.T) {
	c, _, _ := run(t, newMemory(), Options{})
	w, err := c.WhoAmI(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if w.UID != os.Geteuid() || w.PID != os.Getpid() || len(w.Roles) != 1 || w.Roles[0] != Operator || len(w.Why) == 0 {
		t.Fatalf("%+v", w)
	}
}

func TestATimeoutThatCannotBeMeantIsRefused(t *testing.T) {
	c, _, _ := run(t, newMemory(), Options{})
	for _, ns := range []int64{-1, math.MaxInt64} {
		_, err := c.Invoke(context.Background(), InvokeRequest{Path: "markdown", Method: "echo", TimeoutNS: ns})
		wantCode(t, err, codes.BadRequest)
		_, err = c.Stop(context.Background(), VerbRequest{Path: "markdown", TimeoutNS: ns}, "")
		wantCode(t, err, codes.BadRequest)
	}
}

func TestInvokeKeepsResultOutcomeAndFrames(t *testing.T) {
	c, _, _ := run(t, newMemory(), Options{})
	ctx := context.Background()
	res, err := c.Invoke(ctx, InvokeRequest{Path: "markdown", Method: "echo", Args: json.RawMessage(`{"n":12345678901234567890}`)})
	if err != nil || string(res.Result) != `{"n":12345678901234567890}` || res.Path != "sup/ext/markdown" {
		t.Fatalf("%+v %v", res, err)
	}
	_, err = c.Invoke(ctx, InvokeRequest{Path: "markdown", Method: "throw"})
	e := wantCode(t, err, codes.Cancelled)
	if e.Effect != base.EffectUnknown || len(e.Frames) != 1 || e.Frames[0].Line != 12 {
		t.Fatalf("%+v", e)
	}
	_, err = c.Invoke(ctx, InvokeRequest{Path: "markdown", Method: "full"})
	if e := wantCode(t, err, codes.LaneFull); e.RetryAfter != 50*time.Millisecond || e.Effect != base.EffectNone {
		t.Fatalf("%+v", e)
	}
	_, err = c.Invoke(ctx, InvokeRequest{Path: "markdown", Method: "panic"})
	wantCode(t, err, codes.SurfaceFault)
}

func TestOversizedArgumentIsRefusedBeforeItIsRead(t *testing.T) {
	m := newMemory()
	c, _, _ := run(t, m, Options{MaxBody: 1000})
	_, err := c.Invoke(context.Background(), InvokeRequest{Path: "markdown", Method: "echo", Args: json.RawMessage(`"` + strings.Repeat("x", 5000) + `"`)})
	if e := wantCode(t, err, codes.TooLarge); e.Effect != base.EffectNone {
		t.Fatalf("%+v", e)
	}
	if m.done["echo"] != 0 {
		t.Fatal("the call began")
	}
}

func TestSameKeySameRequestIsCarriedOutOnce(t *testing.T) {
	m := newMemory()
	c, _, _ := run(t, m, Options{})
	ctx := context.Background()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			res, err := c.Invoke(ctx, InvokeRequest{Path: "markdown", Method: "count", Key: "k1"})
			if err != nil || string(res.Result) != "1" {
				t.Errorf("%+v %v", res, err)
			}
		})
	}
	wg.Wait()
	_, err := c.Invoke(ctx, InvokeRequest{Path: "feed", Method: "count", Key: "k1"})
	wantCode(t, err, codes.KeyReused)
	for range 2 {
		if _, err := c.Stop(ctx, VerbRequest{Path: "markdown"}, "k2"); err != nil {
			t.Fatal(err)
		}
	}
	if m.done["count"] != 1 || m.done["stop"] != 1 {
		t.Fatalf("%v", m.done)
	}
}

func TestARefusalWithoutEffectDoesNotUseUpTheKey(t *testing.T) {
	m := newMemory()
	c, _, _ := run(t, m, Options{})
	for range 2 {
		_, err := c.Invoke(context.Background(), InvokeRequest{Path: "markdown", Method: "full", Key: "k"})
		wantCode(t, err, codes.LaneFull)
	}
	for range 2 {
		_, err := c.Invoke(context.Background(), InvokeRequest{Path: "markdown", Method: "throw", Key: "t"})
		wantCode(t, err, codes.Cancelled)
	}
	_, err := c.Invoke(context.Background(), InvokeRequest{Path: "markdown", Method: "panic", Key: "p"})
	wantCode(t, err, codes.SurfaceFault)
	_, err = c.Invoke(context.Background(), InvokeRequest{Path: "markdown", Method: "panic", Key: "p"})
	wantCode(t, err, codes.AnswerNotKept)
	if m.done["full"] != 2 || m.done["throw"] != 1 || m.done["panic"] != 1 {
		t.Fatalf("%v", m.done)
	}
}

func TestRolesRefuseWrites(t *testing.T) {
	rt := func(pattern string) route {
		for _, r := range table {
			if r.pattern == pattern {
				return r
			}
		}
		t.Fatal(pattern)
		return route{}
	}
	gid := 4242
	rules := []RoleRule{{Role: Viewer, GID: &gid}}
	viewer := assign(Peer{UID: 77, GID: 1, Groups: []int{4242}}, 1000, rules)
	s := &Server{o: Options{}.withDefaults(), b: newMemory(), gate: newGate(4), streams: newGate(4), answers: newAnswers(4)}
	for pattern, want := range map[string]int{"/v1/status": 200, "/v1/whoami": 200, "/v1/stop": 403, "/v1/invoke": 403, "/v1/logs": 403, "/debug/pprof/": 403} {
		r := rt(pattern)
		w := record(s.guard(r), r.method, pattern, `{"path":"sup/ext/markdown"}`, viewer)
		if w.status != want {
			t.Errorf("%s: %d, want %d: %s", pattern, w.status, want, w.body.String())
		}
	}
	nobody := assign(Peer{UID: 78}, 1000, rules)
	if w := record(s.guard(rt("/v1/status")), "GET", "/v1/status", "", nobody); w.status != 403 || !strings.Contains(w.body.String(), "FN8008") {
		t.Errorf("%d %s", w.status, w.body.String())
	}
}

type answerWriter struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (w *answerWriter) Header() http.Header              { return w.header }
func (w *answerWriter) WriteHeader(status int)           { w.status = status }
func (w *answerWriter) Write(p []byte) (int, error)      { return w.body.Write(p) }
func (w *answerWriter) SetWriteDeadline(time.Time) error { return nil }
func (w *answerWriter) SetReadDeadline(time.Time) error  { return nil }

func record(h http.Handler, method, path, body string, p Peer) *answerWriter {
	w := &answerWriter{status: 200, header: http.Header{}}
	r, err := http.NewRequestWithContext(context.WithValue(context.Background(), peerKey{}, p), method, "http://fnode"+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	h.ServeHTTP(w, r)
	return w
}

func TestTooManyCallsAreRefusedWithRetryAfter(t *testing.T) {
	m := newMemory()
	c, _, _ := run(t, m, Options{MaxRequests: 1})
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := c.Invoke(context.Background(), InvokeRequest{Path: "markdown", Method: "wait"}); err != nil {
			t.Error(err)
		}
	})
	<-m.started
	_, err := c.Invoke(context.Background(), InvokeRequest{Path: "markdown", Method: "count"})
	if e := wantCode(t, err, codes.Busy); e.RetryAfter == 0 {
		t.Fatalf("%+v", e)
	}
	close(m.block)
	wg.Wait()
}

func TestShutdownUnderLoadAnswersOrRefusesEveryCall(t *testing.T) {
	m := newMemory()
	c, s, stop := run(t, m, Options{DrainTimeout: 100 * time.Millisecond})
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	note := func(k string) { mu.Lock(); seen[k]++; mu.Unlock() }
	ended := make(chan struct{})
	for range 8 {
		wg.Go(func() {
			for {
				_, err := c.Invoke(context.Background(), InvokeRequest{Path: "markdown", Method: "count"})
				e := codes.From(err)
				switch {
				case err == nil:
					note("answered")
				case e == nil:
					note("uncoded " + err.Error())
				case !e.HasEffect && e.Code != codes.ShuttingDown:
					note("no outcome: " + e.Error())
				default:
					note(e.Code.Name)
				}
				select {
				case <-ended:
					return
				default:
				}
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			_, err := c.Invoke(context.Background(), InvokeRequest{Path: "markdown", Method: "wait"})
			if e := codes.From(err); e == nil || e.Code != codes.Cancelled || e.Effect != base.EffectUnknown {
				t.Errorf("a call cut off at the end: %v", err)
			}
			note("cut off with its outcome")
		})
	}
	for range 4 {
		<-m.started
	}
	s.Drain()
	_, err := c.Invoke(context.Background(), InvokeRequest{Path: "markdown", Method: "count"})
	if e := wantCode(t, err, codes.ShuttingDown); e.RetryAfter == 0 {
		t.Errorf("%+v", e)
	}
	if st, err := c.Status(context.Background()); err != nil || st.Ready || st.Phase != "draining" {
		t.Errorf("a draining daemon: %+v %v", st, err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	close(ended)
	wg.Wait()
	t.Log(seen)
	for k := range seen {
		switch k {
		case "answered", "shutting_down", "unreachable", "cut off with its outcome":
		default:
			t.Errorf("%s: %d", k, seen[k])
		}
	}
	if _, err := os.Lstat(s.o.Socket); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
	_, err = c.Status(context.Background())
	wantCode(t, err, codes.Unreachable)
}

func TestStreamsResumeAndTellTheEnd(t *testing.T) {
	m := newMemory()
	c, _, stop := run(t, m, Options{Heartbeat: 5 * time.Millisecond})
	for range 3 {
		m.events.Append(Event{Type: "tick"})
	}
	var got []string
	for e, err := range c.Events(context.Background(), "boot1-1", false) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.ID)
	}
	if strings.Join(got, " ") != "boot1-2 boot1-3" {
		t.Fatal(got)
	}
	for _, err := range c.Events(context.Background(), "boot1-99", false) {
		wantCode(t, err, codes.BadEventID)
	}
	for e, err := range c.Events(context.Background(), "boot0-7", false) {
		if err != nil || e.Type != TypeGap || !strings.Contains(e.Detail, "another boot") {
			t.Fatal(e, err)
		}
		break
	}
	live := make(chan Event, 8)
	var wg sync.WaitGroup
	var last error
	wg.Go(func() {
		for e, err := range c.Events(context.Background(), "boot1-3", true) {
			if last = err; err == nil {
				live <- e
			}
		}
	})
	m.events.Append(Event{Type: "later"})
	if e := <-live; e.ID != "boot1-4" {
		t.Fatal(e)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	wantCode(t, last, codes.ShuttingDown)
}

func TestLogsCanBeFollowed(t *testing.T) {
	m := newMemory()
	c, _, _ := run(t, m, Options{})
	l := m.logs["sup/ext/feed"]
	l.Append(LogLine{Level: "info", Text: "one", Call: "c_1"})
	l.Append(LogLine{Level: "info", Text: "two"})
	var got []string
	for line, err := range c.Logs(context.Background(), LogQuery{Path: "feed", Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, line.Text); len(got) == 2 {
			l.Append(LogLine{Level: "warn", Text: "three"})
		}
		if len(got) == 3 {
			break
		}
	}
	if strings.Join(got, " ") != "one two three" {
		t.Fatal(got)
	}
	for line, err := range c.Logs(context.Background(), LogQuery{Path: "feed", Call: "c_1"}) {
		if err != nil || line.Text != "one" {
			t.Fatal(line, err)
		}
	}
}

func TestAStaleSocketIsReplacedALiveOneIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_, err = Listen(Options{Socket: path}, newMemory())
	wantCode(t, err, codes.SocketInUse)
	_ = l.Close()
	s, err := Listen(Options{Socket: path}, newMemory())
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Lstat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", st.Mode(), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Serve(ctx); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Listen(Options{Socket: path}, newMemory())
	wantCode(t, err, codes.SocketBlocked)
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Fatal("a foreign file was touched")
	}
	_, err = Listen(Options{Socket: "/" + strings.Repeat("x", 120)}, newMemory())
	wantCode(t, err, codes.SocketBlocked)
}

func TestOptionsReportAllFaultsAtOnce(t *testing.T) {
	err := Options{Socket: "relative", Mode: 0o666, Roles: []RoleRule{{Role: "king"}}, Heartbeat: -1}.Validate()
	for _, want := range []string{"absolute", "everyone", "king", "uid or a gid", "negative"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestHostileRequestsGetACodedAnswer(t *testing.T) {
	c, _, _ := run(t, newMemory(), Options{BodyTimeout: time.Second})
	for _, raw := range []string{
		"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
		"DELETE /v1/tree HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/../v1/tree HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/describe?path=%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/describe?path=a//b HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/events?since=%0a HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v1/logs?path=feed&tail=-1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /v1/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"x\":1}  ",
		"POST /v1/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n{}{}",
		"POST /v1/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\nshort",
		"POST /v1/stop HTTP/1.1\r\nHost: x\r\nIdempotency-Key: \x01\r\nContent-Length: 2\r\n\r\n{}",
	} {
		conn, err := net.Dial("unix", c.socket)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = conn.Write([]byte(raw))
		_ = conn.(*net.UnixConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if !bytes.HasPrefix(answer, []byte("HTTP/1.1 ")) || bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
			t.Errorf("%q: %q", raw, answer)
		}
		if len(answer) > 0 && !bytes.Contains(answer, []byte("FN80")) && !bytes.Contains(answer, []byte("400 Bad Request")) {
			t.Errorf("%q has no code: %q", raw, answer)
		}
	}
}

func TestVersionSkewIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(HeaderAPI, "fnode/v9")
	})}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(l) })
	defer wg.Wait()
	defer func() { _ = srv.Close() }()
	_, err = Dial(path).Status(context.Background())
	wantCode(t, err, codes.VersionSkew)
}

func TestAClientThatGivesUpHearsItsOutcome(t *testing.T) {
	m := newMemory()
	c, _, _ := run(t, m, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := c.Invoke(ctx, InvokeRequest{Path: "markdown", Method: "wait"})
		if e := codes.From(err); e == nil || e.Code != codes.Interrupted || e.Effect != base.EffectUnknown || !stderrors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	<-m.started
	cancel()
	wg.Wait()
	close(m.block)
}

func TestProbesFollowTheStatus(t *testing.T) {
	m := newMemory()
	c, s, _ := run(t, m, Options{})
	probe := func(path string) error {
		res, err := c.do(context.Background(), "GET", path, nil, nil, "")
		if err == nil {
			drop(res.Body)
		}
		return err
	}
	for _, p := range []string{"/livez", "/readyz", "/startupz"} {
		if err := probe(p); err != nil {
			t.Error(p, err)
		}
	}
	m.mu.Lock()
	m.ready = false
	m.mu.Unlock()
	wantCode(t, probe("/readyz"), codes.NotReady)
	wantCode(t, probe("/startupz"), codes.NotReady)
	s.Drain()
	if err := probe("/livez"); err != nil {
		t.Error(err)
	}
}

package api

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a small real backend: nodes with a state, an event ring and one log ring each.
type memory struct {
	events *Ring
	logs   map[string]*LogRing // immutable after New

	mu      sync.Mutex
	nodes   []Node         // guarded by mu: the children of sup/ext
	done    map[string]int // guarded by mu: verbs and calls carried out
	block   chan struct{}  // guarded by mu: calls of method "wait" return when it is closed
	started chan string    // capacity 64; never closed: methods that began
	ready   bool           // guarded by mu
}

func newMemory() *memory {
	m := &memory{events: NewRing("boot1", 8), logs: map[string]*LogRing{}, done: map[string]int{}, block: make(chan struct{}), started: make(chan string, 64), ready: true}
	for i, name := range []string{"markdown", "validate", "feed"} {
		path := "sup/ext/" + name
		m.logs[path] = NewLogRing(LogOptions{Path: path})
		m.nodes = append(m.nodes, Node{
			Path: path, Kind: "extension", State: "Running", Reason: "answered its last probe", Incarnation: 1,
			Engine: &Engine{Kind: "fnode-engine", PID: 100 + i, Profile: "strict", Attained: []string{"pid namespace"}},
		})
	}
	return m
}

func (m *memory) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	st := Status{Ready: m.ready, Phase: "ready", Version: "1.2.3", Actors: 5, Engines: len(m.nodes), Seq: m.events.Seq()}
	if !m.ready {
		st.Phase = "starting"
		st.Checks = []Check{{Name: "store", Detail: "it replays"}}
	}
	return st
}

func (m *memory) Tree() Tree {
	m.mu.Lock()
	defer m.mu.Unlock()
	ext := Node{Path: "sup/ext", Kind: "supervisor", Strategy: "one_for_one", State: "Running", Children: append([]Node(nil), m.nodes...)}
	return Tree{Seq: m.events.Seq(), Root: Node{Path: "sup", Kind: "supervisor", Strategy: "one_for_all", State: "Running", Children: []Node{ext}}}
}

func (m *memory) Extensions() []Extension {
	return []Extension{{Name: "markdown", Version: "1.4.0", Path: "sup/ext/markdown", Methods: []string{"render"}}}
}

func (m *memory) Describe(_ context.Context, path string) (Description, error) {
	n, _ := Reduce(m.Tree()).Find(path)
	return Description{Node: *n, History: []Life{}, Events: []Event{}}, nil
}

func (m *memory) Why(_ context.Context, path string) (Why, error) {
	return Why{Path: path, State: "Running", Chain: []Cause{{Path: path, What: "it was started"}}}, nil
}

func (m *memory) Events(ctx context.Context, since string, follow bool) (iter.Seq[Event], error) {
	return m.events.Read(ctx, since, follow)
}

func (m *memory) Logs(ctx context.Context, q LogQuery) (iter.Seq[LogLine], error) {
	l := m.logs[q.Path]
	if l == nil {
		return nil, codes.New(codes.NoSuchPath, "%s keeps no log", q.Path)
	}
	return l.Read(ctx, q), nil
}

func (m *memory) set(path, verb, state string) (before string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done[verb]++
	for i := range m.nodes {
		if m.nodes[i].Path == path {
			before, m.nodes[i].State = m.nodes[i].State, state
		}
	}
	return before
}

func (m *memory) verb(verb, state string, r VerbRequest) (VerbResult, error) {
	res := VerbResult{Verb: verb, Path: r.Path, DryRun: r.DryRun, After: state, Steps: []string{verb + " " + r.Path}}
	if r.Path == "sup" {
		return res, codes.New(codes.RegionClosing, "sup cannot %s alone", verb)
	}
	if !r.DryRun {
		res.Before = m.set(r.Path, verb, state)
		res.Changed = res.Before != state
		m.events.Append(Event{Type: verb, Path: r.Path})
	}
	return res, nil
}

func (m *memory) Apply(_ context.Context, r VerbRequest) (VerbResult, error) {
	return VerbResult{Meta: Of("VerbResult"), Verb: "apply", Path: r.Path, DryRun: r.DryRun, Steps: []string{}}, nil
}

func (m *memory) Stop(_ context.Context, r VerbRequest) (VerbResult, error) {
	return m.verb("stop", "Stopped", r)
}

func (m *memory) Start(_ context.Context, r VerbRequest) (VerbResult, error) {
	return m.verb("start", "Running", r)
}

func (m *memory) Restart(_ context.Context, r VerbRequest) (VerbResult, error) {
	return m.verb("restart", "Running", r)
}

func (m *memory) Invoke(ctx context.Context, r InvokeRequest) (InvokeResult, error) {
	m.mu.Lock()
	m.done[r.Method]++
	n, block := m.done[r.Method], m.block
	m.mu.Unlock()
	switch r.Method {
	case "count":
		return InvokeResult{Path: r.Path, Method: r.Method, Call: fmt.Sprint("c_", n), Result: json.RawMessage(fmt.Sprint(n))}, nil
	case "echo":
		return InvokeResult{Path: r.Path, Method: r.Method, Call: "c_1", Result: r.Args}, nil
	case "throw":
		e := codes.New(codes.Cancelled, "%s threw: bad heading", r.Path).Outcome(base.EffectUnknown)
		e.Frames = []codes.Position{{File: "src/index.ts", Line: 12, Col: 7}}
		return InvokeResult{}, e
	case "full":
		return InvokeResult{}, codes.New(codes.LaneFull, "%s refuses", r.Path).Outcome(base.EffectNone).Retry(50 * time.Millisecond)
	case "panic":
		panic("a handler of the test panics")
	case "wait":
		m.started <- r.Path
		select {
		case <-block:
			return InvokeResult{Result: json.RawMessage(`"waited"`)}, nil
		case <-ctx.Done():
			return InvokeResult{}, codes.New(codes.Cancelled, "%s was cut off", r.Path).Outcome(base.EffectUnknown)
		}
	}
	return InvokeResult{}, codes.New(codes.NoSuchPath, "%s has no method %s", r.Path, r.Method).Outcome(base.EffectNone)
}

func (m *memory) Doctor(context.Context) ([]Check, error) {
	return []Check{{Name: "landlock", OK: false, Detail: "the kernel has none", Hint: "Linux 5.13"}}, nil
}

// run serves b until the test ends, and checks that nothing is left. It returns a client and the way to
// end the server early.
func run(t *testing.T, b Backend, o Options) (*Client, *Server, func() error) {
	t.Helper()
	if o.Socket == "" {
		o.Socket = filepath.Join(t.TempDir(), "api.sock")
	}
	if o.Metrics == nil {
		o.Metrics = http.NotFoundHandler()
	}
	o.Log = slog.New(slog.DiscardHandler)
	s, err := Listen(o, b)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	// owner: the cleanup below; ends: cancel
	go func() { served <- s.Serve(ctx) }()
	var once sync.Once
	var end error
	stop := func() error {
		once.Do(func() { cancel(); end = <-served })
		return end
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return Dial(o.Socket), s, stop
}

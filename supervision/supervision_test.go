package supervision_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log records what the children do, in order.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, s)
}

func (l *log) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.lines
	l.lines = nil
	return out
}

type (
	crash struct{ why string }
	done  struct{}
	ping  struct{}
)

// worker logs its starts and stops; it answers ping with its incarnation.
func worker(l *log, fail ...error) func() actors.Behaviour {
	return func() actors.Behaviour {
		return actors.Func(func(cx *actors.Cx, msg any) error {
			switch m := msg.(type) {
			case actors.Started:
				if len(fail) > 0 {
					return fail[0]
				}
				l.add("start " + cx.Path())
			case actors.CancelRequested:
				l.add("stop " + cx.Path())
			case crash:
				return errors.New(m.why)
			case done:
				return actors.ErrStop
			case *actors.Ask[ping, base.Incarnation]:
				m.Reply(cx, cx.Incarnation())
			}
			return nil
		})
	}
}

func kid(l *log, name string, change ...func(*supervision.Child)) supervision.Child {
	c := supervision.Child{Child: core.Child{Name: name, Backoff: core.Backoff{Off: true}}, Start: worker(l)}
	for _, f := range change {
		f(&c)
	}
	return c
}

func tree(kids ...supervision.Child) supervision.Spec {
	return supervision.Spec{Budget: core.Budget{Restarts: 2, Window: 10 * time.Second}, Children: kids}
}

type rig struct {
	t    *testing.T
	host *host.Host
	sys  *actors.System
	root actors.Ref
	exit chan actors.Exit
}

func run(t *testing.T, s supervision.Spec) *rig {
	t.Helper()
	h := host.New(host.Options{Workers: 2})
	r := &rig{t: t, host: h, sys: h.System(), exit: make(chan actors.Exit, 1)}
	var err error
	if r.root, err = supervision.Run(r.sys, "sup", s); err != nil {
		t.Fatal(err)
	}
	r.sys.OnRetired(r.root, func(e actors.Exit) { r.exit <- e })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if p, err := h.Shutdown(ctx, base.ReasonShutdown, time.Second); err != nil || !p.Quiescent() {
			t.Errorf("not quiescent: %v %v", p, err)
		}
	})
	return r
}

func (r *rig) call(path string) (base.Incarnation, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	ref, ok := r.sys.Lookup(path)
	if !ok {
		return 0, errors.New("no actor " + path)
	}
	return actors.Call[ping, base.Incarnation](ctx, r.sys, ref, ping{})
}

// eventually waits for a condition of the real world.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			for _, a := range r.sys.Snapshot() {
				r.t.Logf("%+v", a)
			}
			r.t.Fatal("never: ", what)
		}
	}
}

func (r *rig) state(path string) string {
	for _, a := range r.sys.Snapshot() {
		if a.Path == path {
			return a.State
		}
	}
	return "none"
}

func (r *rig) tell(path string, m any) {
	r.t.Helper()
	ref, _ := r.sys.Lookup(path)
	if err := r.sys.Tell(ref, m); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) ask(q supervision.Request) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
	defer cancel()
	_, err := actors.Call[supervision.Request, struct{}](ctx, r.sys, r.root, q)
	return err
}

func TestS1TreesStartInOrderAndStopInReverseWithProof(t *testing.T) {
	l := &log{}
	inner := tree(kid(l, "x"), kid(l, "y"))
	r := run(t, tree(kid(l, "a"), supervision.Child{Child: core.Child{Name: "inner"}, Tree: &inner}, kid(l, "z")))
	r.eventually("up", func() bool { return r.state("sup") == "Running" })
	if got := l.take(); !slices.Equal(got, []string{"start sup/a", "start sup/inner/x", "start sup/inner/y", "start sup/z"}) {
		t.Fatal(got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	p, err := r.host.Shutdown(ctx, base.ReasonShutdown, time.Second)
	if err != nil || !p.Quiescent() || p.Total() == 0 {
		t.Fatal(p, err)
	}
	if got := l.take(); !slices.Equal(got, []string{"stop sup/z", "stop sup/inner/y", "stop sup/inner/x", "stop sup/a"}) {
		t.Fatal(got)
	}
	if e := <-r.exit; e.Kind != actors.ExitShutdown {
		t.Fatal(e)
	}
}

func TestS5ACrashRestartsAtTheSameAddress(t *testing.T) {
	r := run(t, tree(kid(&log{}, "a")))
	r.eventually("up", func() bool { return r.state("sup/a") == "Running" })
	r.tell("sup/a", crash{"boom"})
	if n, err := r.call("sup/a"); err != nil || n != 2 {
		t.Fatal(n, err)
	}
}

func TestS2BudgetEscalatesToTheRootAndTheChainNamesTheFirstCause(t *testing.T) {
	l := &log{}
	inner := tree(kid(l, "bad"))
	r := run(t, tree(supervision.Child{Child: core.Child{Name: "inner", Backoff: core.Backoff{Off: true}}, Tree: &inner}))
	for range 9 {
		r.eventually("bad is up, or all is over", func() bool { return r.state("sup/inner/bad") == "Running" || len(r.exit) > 0 })
		if len(r.exit) > 0 {
			break
		}
		n := r.incarnation("sup/inner/bad")
		r.tell("sup/inner/bad", crash{"the first cause"})
		r.eventually("it noticed", func() bool { return r.incarnation("sup/inner/bad") != n || len(r.exit) > 0 })
	}
	e := <-r.exit
	if e.Kind != actors.ExitFailed || !errors.Is(e.Err, codes.Of(codes.BudgetExceeded)) {
		t.Fatal(e)
	}
	last := e.Err
	for next := errors.Unwrap(last); next != nil; next = errors.Unwrap(last) {
		last = next
	}
	if last.Error() != "the first cause" {
		t.Fatal("the chain ends in:", last)
	}
}

// incarnation identifies the life at a path: parent's life included.
func (r *rig) incarnation(path string) (id uint64) {
	for _, a := range r.sys.Snapshot() {
		if a.Path == path {
			return uint64(a.ID)<<32 | uint64(a.Incarnation)
		}
	}
	return 0
}

func TestS1AFailedBootFailsTheTree(t *testing.T) {
	l := &log{}
	r := run(t, tree(kid(l, "a"), kid(l, "b", func(c *supervision.Child) { c.Start = worker(l, errors.New("no port")) })))
	e := <-r.exit
	if !errors.Is(e.Err, codes.Of(codes.BootFailed)) || !strings.Contains(errors.Unwrap(e.Err).Error(), "no port") {
		t.Fatal(e)
	}
	if got := l.take(); !slices.Equal(got, []string{"start sup/a", "stop sup/a"}) {
		t.Fatal(got)
	}
}

func TestS10RequestsAtRunTime(t *testing.T) {
	l := &log{}
	r := run(t, tree(kid(l, "a"), kid(l, "shy", func(c *supervision.Child) { c.Start = worker(l, actors.ErrDecline) })))
	r.eventually("up", func() bool { return r.state("sup") == "Running" })
	for _, step := range []struct {
		q    supervision.Request
		want *codes.Code
	}{
		{supervision.Request{Kind: core.Add, Add: new(kid(l, "b"))}, nil},
		{supervision.Request{Kind: core.Add, Add: new(kid(l, "b"))}, codes.ChildPresent},
		{supervision.Request{Kind: core.Delete, Name: "b"}, codes.ChildRunning},
		{supervision.Request{Kind: core.Terminate, Name: "b"}, nil},
		{supervision.Request{Kind: core.Restarted, Name: "b"}, nil},
		{supervision.Request{Kind: core.Restarted, Name: "b"}, nil},
		{supervision.Request{Kind: core.Terminate, Name: "b"}, nil},
		{supervision.Request{Kind: core.Delete, Name: "b"}, nil},
		{supervision.Request{Kind: core.Terminate, Name: "b"}, codes.NoSuchChild},
		{supervision.Request{Kind: core.Add, Add: new(kid(l, "c", func(c *supervision.Child) { c.Start = worker(l, errors.New("never")) }))}, codes.StartFailed},
	} {
		err := r.ask(step.q)
		if step.want == nil && err != nil || step.want != nil && !errors.Is(err, codes.Of(step.want)) {
			t.Fatalf("%+v: %v", step.q, err)
		}
	}
	if s := r.state("sup/b") + r.state("sup/c"); s != "nonenone" {
		t.Fatal(s)
	}
}

func TestS6AChildThatHangsInItsDrainIsKilledInTime(t *testing.T) {
	l := &log{}
	r := run(t, tree(kid(l, "hang", func(c *supervision.Child) {
		c.Shutdown = core.Shutdown{Within: 5 * time.Millisecond}
		c.Start = func() actors.Behaviour {
			return actors.Func(func(cx *actors.Cx, msg any) error {
				if m, ok := msg.(*actors.Ask[ping, base.Incarnation]); ok {
					m.Keep(cx) // a promise that it never resolves: the drain cannot end
				}
				return nil
			})
		}
	})))
	r.eventually("up", func() bool { return r.state("sup") == "Running" })
	failed := make(chan error, 1)
	go func() { _, err := r.call("sup/hang"); failed <- err }() // owner: the test receives; ends: the answer
	r.eventually("it holds the question", func() bool { return r.handled("sup/hang") > 0 })
	if err := r.ask(supervision.Request{Kind: core.Terminate, Name: "hang"}); err != nil {
		t.Fatal(err)
	}
	if c := codes.From(<-failed); c == nil || c.Code != codes.AskLost || c.Effect != base.EffectUnknown {
		t.Fatal(c)
	}
}

func (r *rig) handled(path string) uint64 {
	for _, a := range r.sys.Snapshot() {
		if a.Path == path {
			return a.Handled
		}
	}
	return 0
}

func TestS10ASupervisorMayDeclineOrFailInItsSetup(t *testing.T) {
	l := &log{}
	for name, row := range map[string]struct {
		setup func(*actors.Cx) error
		want  string
	}{
		"it declines": {func(*actors.Cx) error { return actors.ErrDecline }, "declined"},
		"it fails":    {func(*actors.Cx) error { return errors.New("no room") }, "failed"},
		"it panics":   {func(*actors.Cx) error { panic("no room") }, "panicked"},
	} {
		s := tree(kid(l, "a"))
		s.Setup = row.setup
		r := run(t, s)
		if e := <-r.exit; e.Kind.String() != row.want || len(l.take()) > 0 {
			t.Errorf("%s: %v", name, e)
		}
	}
}

func TestS10DynamicChildrenHaveTheTemplatesStartOrTheirOwn(t *testing.T) {
	l, own := &log{}, &log{}
	s := tree(kid(l, "template"))
	s.Strategy = core.Dynamic
	r := run(t, s)
	for _, c := range []supervision.Child{{Child: core.Child{Name: "x"}}, {Child: core.Child{Name: "y"}, Start: worker(own)}} {
		if err := r.ask(supervision.Request{Kind: core.Add, Add: new(c)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.ask(supervision.Request{Kind: core.Add, Name: "z"}); err != nil { // one more of the template
		t.Fatal(err)
	}
	if a, b := l.take(), own.take(); !slices.Equal(a, []string{"start sup/x", "start sup/z"}) || !slices.Equal(b, []string{"start sup/y"}) {
		t.Fatal(a, b)
	}
	for _, a := range r.sys.Snapshot() {
		if v, is := a.View.(supervision.View); is && v.Count() != (core.Count{Specs: 1, Active: 3, Workers: 3}) {
			t.Error(v.Count())
		} else if is {
			for i, c := range v.Children { // they share a spec, and not a name
				if want := []string{"x", "y", "z"}[i]; c.Name != want || c.Spec.Name != want {
					t.Error(c)
				}
			}
		}
	}
	for _, name := range []string{"", "x/y"} {
		if err := r.ask(supervision.Request{Kind: core.Add, Name: name}); !errors.Is(err, codes.Of(codes.BadTree)) {
			t.Error(name, err)
		}
	}
	if err := r.ask(supervision.Request{Kind: core.Add, Name: "z"}); !errors.Is(err, codes.Of(codes.ChildPresent)) {
		t.Error(err)
	}
	if err := r.ask(supervision.Request{Kind: core.Add, Add: new(supervision.Child{Child: core.Child{Name: "x/y"}})}); !errors.Is(err, codes.Of(codes.BadTree)) {
		t.Error(err)
	}
}

func TestS8ValidateRefusesTheWholeTreeAtOnce(t *testing.T) {
	bad := tree(supervision.Child{Child: core.Child{Name: "a/b"}}, supervision.Child{Child: core.Child{Name: "t"}, Tree: &supervision.Spec{Children: []supervision.Child{{}}}})
	_, err := supervision.New(bad)
	c := codes.From(err)
	if c == nil || c.Code != codes.BadTree || len(c.Facts) != 5 {
		t.Fatalf("%v %+v", err, c.Facts)
	}
}

func TestS10AnAddThatFailsTellsWhy(t *testing.T) {
	l, why := &log{}, errors.New("never")
	r := run(t, tree(kid(l, "a")))
	err := r.ask(supervision.Request{Kind: core.Add, Add: new(kid(l, "c", func(c *supervision.Child) { c.Start = worker(l, why) }))})
	if !errors.Is(err, codes.Of(codes.StartFailed)) || !errors.Is(err, why) {
		t.Fatal(err)
	}
}

func TestS10ARequestThatIsNoneIsRefusedAndHurtsNobody(t *testing.T) {
	l := &log{}
	r := run(t, tree(kid(l, "a")))
	r.eventually("up", func() bool { return r.state("sup/a") == "Running" })
	bad := func(change func(*supervision.Child)) supervision.Request {
		return supervision.Request{Kind: core.Add, Add: new(kid(l, "x", change))}
	}
	for name, q := range map[string]supervision.Request{
		"the zero request":   {},
		"a stop":             {Kind: core.Stop},
		"news of a child":    {Kind: core.Ended, Name: "a"},
		"no start":           bad(func(c *supervision.Child) { c.Start = nil }),
		"a start and a tree": bad(func(c *supervision.Child) { c.Tree = &supervision.Spec{} }),
		"a path":             bad(func(c *supervision.Child) { c.Name = "x/y" }),
		"a bad tree":         bad(func(c *supervision.Child) { c.Start, c.Tree = nil, &supervision.Spec{} }),
		"a bad child":        bad(func(c *supervision.Child) { c.StartTimeout = -1 }),
	} {
		if err := r.ask(q); !errors.Is(err, codes.Of(codes.BadTree)) || len(codes.From(err).Facts) == 0 {
			t.Errorf("%s: %v, with no fault named", name, err)
		}
	}
	if n, err := r.call("sup/a"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	l.take()
	if err := r.ask(supervision.Request{Kind: core.Add, Add: new(kid(&log{}, "x"))}); err != nil { // nothing of the refused ones is left
		t.Fatal(err)
	}
	if got := l.take(); len(got) > 0 {
		t.Fatal("the spec of a refused child was started:", got)
	}
}

func TestS10AChildCanBeAddedAgainWhileItsRemovalWaits(t *testing.T) {
	l, fresh := &log{}, &log{}
	r := run(t, tree(kid(l, "a"), kid(l, "b")))
	if err := r.ask(supervision.Request{Kind: core.Terminate, Name: "b"}); err != nil {
		t.Fatal(err)
	}
	answers := make(chan error, 3)
	ask := func(q supervision.Request) {
		if err := r.sys.Tell(r.root, actors.Question(r.sys, q, func(_ struct{}, err error) { answers <- err })); err != nil {
			t.Fatal(err)
		}
	}
	slow := func() actors.Behaviour {
		return actors.Func(func(cx *actors.Cx, msg any) error {
			switch msg.(type) {
			case actors.Started:
				cx.Starting()
			case done:
				cx.Ready()
			}
			return nil
		})
	}
	ask(supervision.Request{Kind: core.Add, Add: new(kid(l, "slow", func(c *supervision.Child) { c.Start = slow }))})
	ask(supervision.Request{Kind: core.Delete, Name: "b"}) // these two wait until slow is up
	ask(supervision.Request{Kind: core.Add, Add: new(kid(fresh, "b"))})
	r.eventually("slow starts", func() bool { return r.state("sup/slow") == "Starting" })
	r.tell("sup/slow", done{})
	for range 3 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if got := fresh.take(); !slices.Equal(got, []string{"start sup/b"}) {
		t.Fatal("the new spec was not started:", got)
	}
}

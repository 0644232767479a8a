package host_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// record keeps the events of a run.
type record struct {
	mu  sync.Mutex
	all []actors.Event // guarded by mu
}

func (r *record) take(e actors.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, e)
}

// of gives the events of a kind at a path; "" is any.
func (r *record) of(k actors.EventKind, path string) (out []actors.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.all {
		if e.Kind == k && (path == "" || e.Path == path) {
			out = append(out, e)
		}
	}
	return out
}

func (r *record) await(t *testing.T, k actors.EventKind, path string) actors.Event {
	t.Helper()
	for ctx := within(t); ctx.Err() == nil; {
		if all := r.of(k, path); len(all) > 0 {
			return all[0]
		}
	}
	t.Fatalf("never: %s of %s", k, path)
	return actors.Event{}
}

// TestR6AWedgeIsNamedFencedAndCountedAndNothingElseStopsWithIt: its siblings are stopped in the ordinary way, since a
// permanent child that wedges escalates; a tree beside goes on; and when the handler returns, its region ends.
func TestR6AWedgeIsNamedFencedAndCountedAndNothingElseStopsWithIt(t *testing.T) {
	var seen record
	h := host.New(host.Options{Workers: 2, System: actors.Options{Events: seen.take}})
	sys := h.System()
	gate, in := make(chan struct{}), make(chan struct{}, 1)
	var after error // what the handler was told when it returned and went on
	tidied := make(chan struct{}, 1)
	stuck := func() actors.Behaviour {
		return actors.Func(func(cx *actors.Cx, msg any) error {
			switch msg.(type) {
			case actors.Started:
				return cx.Finalize("tidy", func() error { tidied <- struct{}{}; return nil })
			case boom:
				in <- struct{}{}
				<-gate
				after = cx.Tell(cx.Self(), add{})
			}
			return nil
		})
	}
	tree := func(children ...supervision.Child) supervision.Spec {
		return supervision.Spec{Budget: core.Budget{Restarts: 3, Window: time.Minute}, Children: children}
	}
	child := func(name string, start func() actors.Behaviour) supervision.Child {
		c := supervision.Child{Child: core.Child{Name: name, Shutdown: core.Shutdown{Within: 20 * time.Millisecond}}, Start: start}
		if name == "c" { // on a loaded machine any handler may be found to take longer
			c.Actor.StuckAfter = 5 * time.Millisecond
		}
		return c
	}
	plain := func() actors.Behaviour { return mortal(make(chan any, 1)) }
	root, err1 := supervision.Run(sys, "sup", tree(child("a", plain), child("c", stuck), child("b", plain)))
	_, err2 := supervision.Run(sys, "beside", tree(child("x", plain)))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	lookup(t, sys, "sup/b")
	seen.await(t, actors.EventStarted, "sup")
	x := lookup(t, sys, "beside/x")
	answers := func(when string) {
		t.Helper()
		if n, err := actors.Call[get, int](within(t), sys, x, get{}); n != 1 || err != nil {
			t.Errorf("%s: the tree beside: incarnation %d, %v", when, n, err)
		}
	}
	_ = sys.Tell(lookup(t, sys, "sup/c"), boom{})
	got(t, in, "the handler")
	answers("while the handler runs")
	if _, err := actors.Call[supervision.Request, struct{}](within(t), sys, root, supervision.Request{Kind: core.Terminate, Name: "c"}); err == nil {
		t.Error("what does not stop was stopped")
	}
	wedged := seen.await(t, actors.EventWedged, "")
	if wedged.Path != "sup/c" || wedged.Incarnation != 1 {
		t.Errorf("wedged: %s#%d", wedged.Path, wedged.Incarnation)
	}
	end := seen.await(t, actors.EventClosed, "sup")
	if !errors.Is(end.Exit.Err, codes.Of(codes.ChildWedged)) || !strings.Contains(end.Exit.Err.Error(), "sup/c") {
		t.Errorf("its supervisor ended with %v", end.Exit)
	}
	if !slices.Contains(end.Proof.Residue, "region sup/c") {
		t.Errorf("the proof of its supervisor does not name it: %s", end.Proof)
	}
	for _, path := range []string{"sup/a", "sup/b"} {
		if e := seen.await(t, actors.EventClosed, path); e.Exit.Kind != actors.ExitShutdown || !e.Proof.Quiescent() {
			t.Errorf("%s ended as %s, %s", path, e.Exit, e.Proof)
		}
	}
	answers("while it is wedged")
	if n := h.Stats().Stuck.Load(); n != 1 {
		t.Errorf("%d stuck handlers were counted", n)
	}
	close(gate) // it returns after all
	got(t, tidied, "its finalizer")
	if e := seen.await(t, actors.EventClosed, "sup/c"); !e.Proof.Quiescent() {
		t.Errorf("when it had returned: %s", e.Proof)
	}
	if !errors.Is(after, codes.Of(codes.Gone)) {
		t.Errorf("what it sent when it was fenced: %v", after)
	}
	answers("after")
	if n := len(seen.of(actors.EventWedged, "")); n != 1 {
		t.Errorf("%d incidents", n)
	}
	p, err := h.Shutdown(within(t), base.ReasonShutdown, time.Second)
	if !errors.Is(err, host.ErrWedged) || !slices.Contains(p.Residue, "region sup/c") {
		t.Errorf("its supervisor closed over it, so the root has to say so: %s, %v", p, err)
	}
	if v := seen.of(actors.EventViolated, ""); len(v) > 0 {
		t.Error(v)
	}
}

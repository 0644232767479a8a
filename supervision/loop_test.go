package supervision_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// known is a known-good version without a store.
type known struct {
	name  string
	start func() actors.Behaviour
}

func (k known) Name() string            { return k.name }
func (k known) Start() actors.Behaviour { return k.start() }

// loops gives a child a crash loop of n failures within the window of tree's budget.
func loops(n int, v supervision.Version) func(*supervision.Child) {
	return func(c *supervision.Child) {
		c.CrashLoop, c.Known = core.CrashLoop{Failures: n, Window: 10 * time.Second}, v
	}
}

// book is a child in its supervisor's published books.
func (r *rig) book(name string) (out core.ChildView) {
	for _, a := range r.sys.Snapshot() {
		if v, is := a.View.(supervision.View); is {
			for _, ch := range v.Children {
				if ch.Name == name {
					out = ch
				}
			}
		}
	}
	return out
}

// crashes ends the child's incarnation, and waits until its supervisor has decided what follows.
func (r *rig) crashes(name, why string) {
	r.t.Helper()
	before := r.book(name)
	r.tell("sup/"+name, crash{why})
	r.eventually("it was decided", func() bool {
		now := r.book(name)
		return now.State == spec.ChildQuarantined || now.Inc > before.Inc && now.State == spec.ChildUp
	})
}

func TestS7ALoopMovesToTheKnownVersionThenToQuarantineAndARestartReleases(t *testing.T) {
	bad, good := &log{}, &log{}
	r := run(t, tree(kid(bad, "a", loops(1, known{"a@1", worker(good)})), kid(&log{}, "b")))
	r.eventually("up", func() bool { return r.state("sup") == "Running" })
	bad.take()
	r.crashes("a", "the new version is broken")
	if v := r.book("a"); !v.Pinned || v.Spec.Pinned != "a@1" || v.State != spec.ChildUp {
		t.Fatal(v)
	}
	if x, y := bad.take(), good.take(); len(x) > 0 || !slices.Equal(y, []string{"start sup/a"}) {
		t.Fatal(x, y)
	}
	if n, err := r.call("sup/a"); err != nil || n != 2 {
		t.Fatal("the known version has another address:", n, err)
	}
	old, _ := r.sys.Lookup("sup/a")
	r.crashes("a", "so is the old one")
	if v := r.book("a"); v.State != spec.ChildQuarantined || !strings.Contains(v.Last.Text, "so is the old one") {
		t.Fatal(v)
	}
	if err := r.ask(supervision.Request{Kind: core.Revive, Name: "a"}); !errors.Is(err, codes.Of(codes.ChildQuarantined)) || !strings.Contains(codes.From(err).Code.Hint, "restart") {
		t.Fatal(err)
	}
	r.eventually("it is down", func() bool { return r.state("sup/a") == "Down" })
	if err := r.sys.Tell(old, ping{}); !errors.Is(err, codes.Of(codes.Gone)) {
		t.Fatal("who sends to it is not told:", err)
	}
	if err := r.ask(supervision.Request{Kind: core.Restarted, Name: "a"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.call("sup/a"); err != nil {
		t.Fatal(err)
	}
	if err := r.sys.Tell(old, ping{}); err != nil {
		t.Fatal("its address is another one:", err)
	}
	if x, y := bad.take(), good.take(); !slices.Equal(x, []string{"start sup/a"}) || len(y) > 0 {
		t.Fatal("a release starts the child's own version:", x, y)
	}
	if n, err := r.call("sup/b"); n != 1 || err != nil {
		t.Fatal("a sibling noticed:", n, err)
	}
}

// TestS7WhatWaitedForAChildInQuarantineIsAnswered: nothing follows, so that it would wait for ever.
func TestS7WhatWaitedForAChildInQuarantineIsAnswered(t *testing.T) {
	entered, goOn := make(chan struct{}, 1), make(chan struct{}) // capacity 1: the one crash; closed below
	r := run(t, tree(kid(&log{}, "a", loops(1, nil), func(c *supervision.Child) {
		c.Start = func() actors.Behaviour {
			return actors.Func(func(_ *actors.Cx, msg any) error {
				if m, is := msg.(crash); is {
					entered <- struct{}{}
					<-goOn
					return errors.New(m.why)
				}
				return nil
			})
		}
	})))
	r.eventually("up", func() bool { return r.state("sup/a") == "Running" })
	r.tell("sup/a", crash{"boom"})
	<-entered
	answers := make(chan error, 3) // capacity 3: the questions; never closed
	ref, _ := r.sys.Lookup("sup/a")
	for range 3 {
		if err := r.sys.Tell(ref, actors.Question(r.sys, ping{}, func(_ base.Incarnation, err error) { answers <- err })); err != nil {
			t.Fatal(err)
		}
	}
	close(goOn)
	for range 3 {
		select {
		case err := <-answers:
			if codes.From(err) == nil {
				t.Error("an answer without a code:", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("a question waits for a child in quarantine")
		}
	}
}

func TestS7AKnownVersionThatDoesNotStartIsAFailureToo(t *testing.T) {
	for name, start := range map[string]func() actors.Behaviour{
		"it panics":            func() actors.Behaviour { panic("no such version") },
		"it gives none":        func() actors.Behaviour { return nil },
		"its start is refused": worker(&log{}, errors.New("no port")),
	} {
		r := run(t, tree(kid(&log{}, "a", loops(1, known{"a@1", start}))))
		r.eventually("up", func() bool { return r.state("sup/a") == "Running" })
		r.crashes("a", "boom")
		if v := r.book("a"); v.State != spec.ChildQuarantined || !v.Pinned {
			t.Errorf("%s: %+v", name, v)
		}
		if r.state("sup") != "Running" {
			t.Errorf("%s: the supervisor is %s", name, r.state("sup"))
		}
	}
}

func TestS7ADynamicChildWithAStartOfItsOwnDoesNotFallBackToTheTemplates(t *testing.T) {
	own, template := &log{}, &log{}
	s := tree(kid(&log{}, "template", loops(1, known{"t@1", worker(template)})))
	s.Strategy = core.Dynamic
	r := run(t, s)
	for _, c := range []supervision.Child{{Child: core.Child{Name: "x"}}, {Child: core.Child{Name: "y"}, Start: worker(own)}, {Child: core.Child{Name: "z"}, Start: worker(own), Known: known{"z@1", worker(own)}}} {
		if err := r.ask(supervision.Request{Kind: core.Add, Add: new(c)}); err != nil {
			t.Fatal(err)
		}
	}
	own.take()
	for name, pin := range map[string]string{"x": "t@1", "y": "", "z": "z@1"} {
		r.crashes(name, "boom")
		want := spec.ChildUp
		if pin == "" {
			want = spec.ChildQuarantined
		}
		if v := r.book(name); v.State != want || v.Spec.Pinned != pin {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if x, y := template.take(), own.take(); !slices.Equal(x, []string{"start sup/x"}) || !slices.Equal(y, []string{"start sup/z"}) {
		t.Error(x, y)
	}
}

func TestS7TheReportsSayWhyAndAllFaultsOfASpecAreTold(t *testing.T) {
	var mu sync.Mutex
	var reports []string // guarded by mu
	h := host.New(host.Options{Workers: 2, System: actors.Options{Events: func(e actors.Event) {
		if e.Kind == supervision.EventReport {
			mu.Lock()
			defer mu.Unlock()
			reports = append(reports, e.Detail+" / "+e.Err.Error())
		}
	}}})
	ref, err := supervision.Run(h.System(), "sup", tree(kid(&log{}, "a", loops(1, known{"a@1", worker(&log{})}))))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, host: h, sys: h.System(), root: ref}
	r.eventually("up", func() bool { return r.state("sup/a") == "Running" })
	r.crashes("a", "boom")
	r.crashes("a", "bang")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if p, err := h.Shutdown(ctx, base.ReasonShutdown, time.Second); err != nil || !p.Quiescent() {
		t.Fatal("a child in quarantine keeps its supervisor from a proof:", p, err)
	}
	mu.Lock()
	defer mu.Unlock()
	got := strings.Join(reports, "\n")
	for _, want := range []string{"fell_back sup/a: crashed: 1 failure in 10s; last: ", "; to a@1 / boom", "quarantined sup/a: crashed: 1 failure in 10s; last: ", "/ bang"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	bad := tree(kid(&log{}, "a", loops(2, known{"", worker(&log{})})), supervision.Child{Child: core.Child{Name: "t"}, Tree: &supervision.Spec{Budget: core.Budget{Window: 1}}, Known: known{"t@1", nil}})
	if faults := bad.Validate(); len(faults) != 4 { // the count, the empty name, a tree's version, and its pin without a loop
		t.Errorf("%d faults: %q", len(faults), faults)
	}
}

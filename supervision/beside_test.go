package supervision_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// TestR2WhatNoSupervisorOwnsIsAskedToo: "members that no supervisor owns get it together". Setup has a Cx, and
// starts an actor beside the children.
func TestR2WhatNoSupervisorOwnsIsAskedToo(t *testing.T) {
	l := &log{}
	s := tree(kid(l, "a"))
	s.Setup = func(cx *actors.Cx) error {
		_, err := cx.Spawn(actors.Child{Name: "beside", Behaviour: worker(l)()})
		return err
	}
	r := run(t, s)
	r.eventually("up", func() bool { return r.state("sup") == "Running" && r.state("sup/beside") == "Running" })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if p, err := r.host.Shutdown(ctx, base.ReasonShutdown, time.Second); err != nil {
		t.Fatal(p, err)
	}
	asked := false
	lines := l.take()
	for _, line := range lines {
		asked = asked || line == "stop sup/beside"
	}
	if !asked {
		t.Error("it was killed without a request:", lines)
	}
}

// TestR6ATreeWhoseChildWedgedNamesThatAsTheCause: x allows one incarnation only. Its supervisor fails upwards and is
// started again: what does the chain of the root's end say?
func TestR6ATreeWhoseChildWedgedNamesThatAsTheCause(t *testing.T) {
	inner := tree(doer("x", two, func(c *supervision.Child) { c.TwoIncarnations = false }))
	r := wedging(t, tree(supervision.Child{Child: core.Child{Name: "inner", Backoff: core.Backoff{Off: true}}, Tree: &inner}))
	r.blocked("sup/inner/x")
	ref, _ := r.sys.Lookup("sup/inner")
	q := supervision.Request{Kind: core.Terminate, Name: "x"}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := actors.Call[supervision.Request, struct{}](ctx, r.sys, ref, q)
	t.Log("terminate:", err)
	e := <-r.exit
	if !errors.Is(e.Err, codes.Of(codes.ChildWedged)) {
		for err := e.Err; err != nil; err = errors.Unwrap(err) {
			t.Log(" <- ", err)
		}
		t.Error("the first cause is not in the chain")
	}
}

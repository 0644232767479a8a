package host_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
)

// clocked is a host that does something at the n-th look at its clock.
type clocked struct {
	*host.Host
	left atomic.Int32
	do   func()
}

// Now counts down.
func (c *clocked) Now() time.Time {
	if c.left.Add(-1) == 0 {
		c.do()
	}
	return c.Host.Now()
}

// The owner is asked to end at every look at the clock that a spawn takes, each in a run of its own: before, between
// and after the steps of a birth.
func TestR2AChildThatIsBornWhileItsOwnerClosesEndsWithIt(t *testing.T) {
	h := host.New(host.Options{})
	for at := int32(1); at < 12; at++ {
		c := &clocked{Host: h}
		sys := actors.NewSystem(c, actors.Options{})
		var owner actors.Ref
		c.do = func() { sys.Ask(owner, regions.Request{Reason: base.ReasonUser}) }
		tried := make(chan struct{}) // capacity 0; closed by the owner's handler
		quiet := actors.Func(func(*actors.Cx, any) error { return nil })
		owner, err := sys.Spawn(actors.Child{Name: "owner", Drain: -1, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
			if msg == "go" {
				defer close(tried)
				c.left.Store(at)
				_, _ = cx.Spawn(actors.Child{Name: "child", Drain: -1, Behaviour: quiet})
			}
			return nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan actors.Exit, 1) // capacity 1: the one end; never closed
		sys.OnRetired(owner, func(e actors.Exit) { closed <- e })
		if err := sys.Tell(owner, "go"); err != nil {
			t.Fatal(err)
		}
		<-tried
		ended(t, sys, owner, closed, at)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := h.Shutdown(ctx, base.ReasonShutdown, time.Second); err != nil {
		t.Error(err)
	}
}

// ended asks once more, for a count that the spawn did not reach, and waits for the end.
func ended(t *testing.T, sys *actors.System, owner actors.Ref, closed <-chan actors.Exit, at int32) {
	t.Helper()
	sys.Ask(owner, regions.Request{Reason: base.ReasonUser})
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Fatalf("asked at look %d at the clock, the owner does not close: %v", at, sys.Root().Residents(10))
	}
}

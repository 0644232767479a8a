package supervision_test

import (
	"context"
	"fmt"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

type life struct{}

// A supervisor restarts its children within a budget; a child keeps its address over its lives.
func ExampleRun() {
	h := host.New(host.Options{Workers: 2})
	sys := h.System()
	up := make(chan struct{}, 2)
	worker := func() actors.Behaviour {
		return actors.Func(func(cx *actors.Cx, msg any) error {
			switch m := msg.(type) {
			case actors.Started:
				up <- struct{}{}
			case string:
				panic(m)
			case *actors.Ask[life, int]:
				m.Reply(cx, int(cx.Incarnation()))
			}
			return nil
		})
	}
	_, err := supervision.Run(sys, "sup", supervision.Spec{
		Strategy: core.OneForOne,
		Budget:   core.Budget{Restarts: 3, Window: time.Minute},
		Children: []supervision.Child{{Child: core.Child{Name: "worker", Backoff: core.Backoff{Off: true}}, Start: worker}},
	})
	if err != nil {
		fmt.Println(err)
	}
	<-up
	ref, _ := sys.Lookup("sup/worker")
	_ = sys.Tell(ref, "trip over")
	fmt.Println(actors.Call[life, int](context.Background(), sys, ref, life{})) // kept for the next life
	p, _ := h.Shutdown(context.Background(), base.ReasonShutdown, time.Second)
	fmt.Println(p)
	// Output:
	// 2 <nil>
	// root closed (shutdown, panicked): left nothing; ended 3 actor 2 slot 3 region
}

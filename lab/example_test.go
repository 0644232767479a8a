package lab_test

import (
	"context"
	"fmt"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
)

// The lab runs a scenario under every schedule.
func ExampleSearch() {
	race := lab.Scenario{Name: "race", Setup: func(r *lab.Run) {
		last := ""
		sink, _ := r.System().Spawn(actors.Child{Name: "sink", Behaviour: actors.Func(func(_ *actors.Cx, msg any) error {
			if s, ok := msg.(string); ok {
				last = s
			}
			return nil
		})})
		for _, name := range []string{"ann", "ben"} {
			_, _ = r.System().Spawn(actors.Child{Name: name, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
				if _, ok := msg.(actors.Started); ok {
					return cx.Tell(sink, cx.Path())
				}
				return nil
			})})
		}
		r.Check("BEN_IS_LAST", func() error {
			if last != "ben" {
				return fmt.Errorf("%s was last", last)
			}
			return nil
		})
	}}
	res, err := lab.Search(context.Background(), race, lab.Options{})
	fmt.Println(res.Exhausted, res.Clean(), err)
	fmt.Println(res.Err() != nil)
	// Output:
	// true false <nil>
	// true
}

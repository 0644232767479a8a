package core_test

import (
	"fmt"
	"time"

	"github.com/franken-node/fnode-supervisor/engineproc/core"
	"github.com/franken-node/fnode-supervisor/spec"
)

// An engine is a child process that runs an extension's code. What is done with it is decided here, without one.
func Example() {
	c := core.New(core.Times{})
	for _, e := range []core.Event{
		{On: spec.EngineLaunched}, // it runs inside its sandbox
		{On: spec.EngineReplied},  // the handshake
		{On: spec.EngineReplied},  // its code is loaded
		{On: spec.EngineCall, Call: 7, Left: time.Second},
		{On: spec.EngineDied, Kind: "signal(killed)"},
	} {
		fmt.Printf("%s: %s\n", e.On, say(c.Step(e)))
	}
	fmt.Println(c.State())
	// Output:
	// launched: handshake
	// replied: configure
	// replied: disarm, ready
	// call: invoke, arm 1.1s
	// died: disarm, answer 7 "died" unknown, over signal(killed)
	// Dead
}

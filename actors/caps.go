package actors

import (
	"strings"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Caps is a set of capabilities. Sets only narrow downwards (C3): a child holds the meet of what its
// spec grants and what its parent holds.
type Caps uint32

// The capabilities.
const (
	CapSend    Caps = 1 << iota // tell, ask, reserve
	CapSpawn                    // start actors and end own children
	CapTimer                    // arm timers
	CapStore                    // read and commit durable state
	CapProcess                  // own processes, cgroups, files, listeners, goroutines
	CapWatch                    // monitor and link
	capEnd
	CapAll = capEnd - 1
)

var capNames = []string{"send", "spawn", "timer", "store", "process", "watch"}

// String lists the names of the set.
func (c Caps) String() string {
	var out []string
	for i, n := range capNames {
		if c&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return strings.Join(out, "+")
}

// may is asked before every effect: the incarnation has to live, and to hold the capability.
func (cx *Cx) may(c Caps) error {
	if cx.cell().shows(over) {
		return codes.New(codes.Gone, "%s#%d has ended or is fenced: its effects are refused", cx.slot.path, cx.n)
	}
	if cx.slot.opts.caps&c == c {
		return nil
	}
	return codes.New(codes.CapabilityDenied, "%s does not hold %s", cx.slot.path, c).
		Fact("holds", "%s", cx.slot.opts.caps)
}

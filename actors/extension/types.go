package extension

import (
	"encoding/json"
	"time"

	"github.com/franken-node/fnode-supervisor/engineproc"
	"github.com/franken-node/fnode-supervisor/engineproc/core"
	"github.com/franken-node/fnode-supervisor/engineproc/wire"
	"github.com/franken-node/fnode-supervisor/isolation"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Config is what an extension is. It is immutable and shared by all incarnations.
type Config struct {
	Name         string
	Version      string
	Bundle       string   // JS text
	Methods      []string // declared by the manifest
	Capabilities []string // "kv", "timers", …
	Settings     json.RawMessage
	Profile      string
	Limits       isolation.Limits
	Heap         int64         // bytes; zero means the profile's
	Stack        int           // slots; zero means 2000
	Deadline     time.Duration // of a call that names none; zero means 1 s
	Queue        int           // calls that wait; zero means 64
	KVBytes      int64         // quota of its keys and values; zero means 1 MiB
	KVKeys       int64         // zero means 10,000
	Input        int           // bytes of an argument; zero means 4 MiB
	Result       int           // bytes of a result; zero means 4 MiB
	Times        core.Times
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		v   *int
		def int
	}{{&c.Stack, 2000}, {&c.Queue, 64}, {&c.Input, 4 << 20}, {&c.Result, 4 << 20}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	if c.Heap == 0 {
		c.Heap = 32 << 20
	}
	if c.Deadline == 0 {
		c.Deadline = time.Second
	}
	if c.KVBytes == 0 {
		c.KVBytes = 1 << 20
	}
	if c.KVKeys == 0 {
		c.KVKeys = 10_000
	}
	return c
}

// Deps are what the actor needs beside its Cx. Functions must not block; any of them may be nil but
// Launcher.
type Deps struct {
	Launcher engineproc.Launcher
	Log      func(path, call string, level int, text string)
	Frames   func(stack string) []codes.Position // the author's frames, innermost first
	Observe  func(outcome string, took time.Duration)
	Died     func(reason string, oom bool)
}

// Invoke is the question that calls a method. It is answered with a Result or a coded error with its
// outcome.
type Invoke struct {
	Method   string
	Input    json.RawMessage // one JSON value; empty: none
	Timeout  time.Duration   // zero means the config's Deadline
	Call     string          // the caller's id, for logs and cancel
	Simulate bool
}

// Result is the answer.
type Result struct {
	JSON json.RawMessage
	Took time.Duration
}

// CancelCall takes a call back: its caller is gone.
type CancelCall struct{ Call string }

// View is what inspection shows of an extension.
type View struct {
	Name     string
	Version  string
	Engine   engineproc.Sandbox
	State    string // of the engine process
	Methods  []string
	Caps     []string
	Queue    int
	Running  string // the method under way
	Calls    uint64
	Failed   uint64
	Limits   isolation.Limits
	Heap     int64
	Deadline time.Duration
	Usage    func() engineproc.Usage // asks the cgroup; safe from any goroutine
	LastEnd  string                  // why the engine before ended
	End      error                   // why this one is ending; nil: it is not
}

// frameLimits bound the pipe of an extension.
func (c Config) frameLimits() wire.Limits {
	return wire.Limits{Payload: max(16<<20, len(c.Bundle)*2+(1<<20), c.Input+(1<<10))}
}

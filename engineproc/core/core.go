// Package core decides what the supervisor does with one engine process: (state, event) -> (state,
// commands), and in which order an extension's calls are served. It is a leaf: no clock, no I/O, no
// goroutine; it steps through spec.Engine and nothing else writes its state.
//
// A driver owns one Core, feeds it what happened, and carries the commands out in order. Every call that
// was given with Call is answered exactly once, with what it may have done: none if the invoke frame was
// never written, unknown if it was.
//
//	c := core.New(core.Times{})
//	for _, cmd := range c.Step(core.Event{On: spec.EngineLaunched}) { … }
//
// Concurrency: a Core and a Queue belong to one goroutine at a time.
package core

import (
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/internal/invariant"
	"github.com/franken-node/fnode-supervisor/spec"
)

// Times are the allowances of an engine. Zero means the default.
type Times struct {
	Start time.Duration // from launch to ready; default 15 s
	Over  time.Duration // how long past its deadline a call lives; default 100 ms
	Stop  time.Duration // how long a cancelled call may run on; default 100 ms
	Leave time.Duration // from shutdown to a kill; default 1 s
}

func (t Times) withDefaults() Times {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&t.Start, 15 * time.Second}, {&t.Over, 100 * time.Millisecond}, {&t.Stop, 100 * time.Millisecond}, {&t.Leave, time.Second}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	return t
}

// Event is one thing that happened. Left is the time that a call has; zero: no deadline. Kind is the
// error kind of EngineRefused and the reason of EngineFault and EngineDied.
type Event struct {
	On   spec.EngineEvent
	Call uint64
	Left time.Duration
	Kind string
}

// CommandKind names what the driver has to do.
type CommandKind uint8

// The commands.
const (
	Handshake CommandKind = iota // send the request
	Configure                    // send the request
	Invoke                       // send the call's request
	Cancel                       // send a cancel for it
	Shutdown                     // send the request
	Kill                         // end the process, for Reason
	Arm                          // send EngineLate after Delay; replaces the timer before
	Disarm                       // the timer is not needed any more
	Ready                        // it takes calls
	Answer                       // the call has ended: Kind "" is its reply, else an error; see Effect
	Over                         // the process has ended; Reason is the first cause
)

// Command is one thing to do.
type Command struct {
	Do     CommandKind
	Call   uint64
	Delay  time.Duration
	Reason string // Kill, Over
	Kind   string // Answer
	Effect base.Effect
}

// The kinds of Answer that no engine says.
const (
	KindDied     = "died"     // the process ended in the middle of the call
	KindOverrun  = "overrun"  // it did not stop at its deadline and was killed
	KindUnheard  = "unheard"  // it did not stop when cancelled and was killed
	KindProtocol = "protocol" // it broke the protocol in the middle of the call
)

// The reasons of Kill and Over.
const (
	ReasonStart    = "start_timeout"
	ReasonDeadline = "deadline"
	ReasonCancel   = "cancel_ignored"
	ReasonProtocol = "protocol_fault"
	ReasonRefused  = "refused"
	ReasonStop     = "stop"
	ReasonLeave    = "shutdown_timeout"
)

// Core is the state of one engine process.
type Core struct {
	times  Times
	state  spec.EngineState
	call   uint64 // under way; zero: none
	reason string // first cause of the end
	out    []Command
}

// New makes the state of a process that is being launched.
func New(t Times) *Core { return &Core{times: t.withDefaults()} }

// State is where the process is.
func (c *Core) State() spec.EngineState { return c.state }

// Begin says what to do at the very start.
func (c *Core) Begin() []Command { return []Command{{Do: Arm, Delay: c.times.Start}} }

// Step applies one event.
func (c *Core) Step(e Event) []Command {
	c.out = nil
	from := c.state
	row, ok := spec.Engine.Next(c.state, e.On)
	if !ok {
		c.odd(e)
		return c.out
	}
	c.state = row.To
	c.do(row.Do, from, e)
	return c.out
}

// odd takes an event that the table does not list: an engine that says what it may not breaks the
// protocol; a driver that does is wrong.
func (c *Core) odd(e Event) {
	switch {
	case c.state == spec.EngineDead:
	case e.On == spec.EngineReplied || e.On == spec.EngineRefused:
		c.out = c.Step(Event{On: spec.EngineFault, Kind: "unexpected"})
	case e.On == spec.EngineLate || e.On == spec.EngineCancel:
		// a timer or a cancel that comes too late
	case e.On == spec.EngineLeave:
		c.leaveBusy()
	default:
		invariant.Violated("engine", "%s in state %s", e.On, c.state)
	}
}

// leaveBusy: an extension that stops waits for its call; asked while busy, the engine is killed.
func (c *Core) leaveBusy() {
	c.answer(KindUnheard, base.EffectUnknown)
	c.state = spec.EngineKilling
	c.kill(ReasonStop)
}

func (c *Core) add(cmd Command) { c.out = append(c.out, cmd) }

func (c *Core) do(what string, from spec.EngineState, e Event) {
	switch what {
	case "handshake":
		c.add(Command{Do: Handshake})
	case "configure":
		c.add(Command{Do: Configure})
	case "ready":
		c.add(Command{Do: Disarm})
		c.add(Command{Do: Ready})
	case "invoke":
		c.call = e.Call
		c.add(Command{Do: Invoke, Call: e.Call})
		if e.Left > 0 {
			c.add(Command{Do: Arm, Delay: e.Left + c.times.Over})
		}
	case "cancel":
		c.add(Command{Do: Cancel, Call: c.call})
		c.add(Command{Do: Arm, Delay: c.times.Stop})
	case "shutdown":
		c.add(Command{Do: Shutdown})
		c.add(Command{Do: Arm, Delay: c.times.Leave})
	case "answer":
		c.add(Command{Do: Disarm})
		c.answer(e.Kind, base.EffectUnknown)
	case "kill":
		c.killed(from, e)
	case "end":
		c.ended(e)
	}
}

// answer ends the call under way.
func (c *Core) answer(kind string, effect base.Effect) {
	if c.call == 0 {
		return
	}
	if kind == "" {
		effect = base.EffectDone
	}
	c.add(Command{Do: Answer, Call: c.call, Kind: kind, Effect: effect})
	c.call = 0
}

// why is the reason of a kill by state and event, and the kind of answer that a call under way gets.
func why(from spec.EngineState, on spec.EngineEvent) (reason, kind string) {
	switch {
	case on == spec.EngineFault:
		return ReasonProtocol, KindProtocol
	case on == spec.EngineRefused:
		return ReasonRefused, ""
	case on == spec.EngineLeave, on == spec.EngineLaunched:
		return ReasonStop, ""
	case from == spec.EngineBusy:
		return ReasonDeadline, KindOverrun
	case from == spec.EngineCancelling:
		return ReasonCancel, KindUnheard
	case from == spec.EngineLeaving:
		return ReasonLeave, ""
	}
	return ReasonStart, ""
}

func (c *Core) killed(from spec.EngineState, e Event) {
	reason, kind := why(from, e.On)
	if c.call != 0 {
		c.answer(kind, base.EffectUnknown)
	}
	if e.Kind != "" && (e.On == spec.EngineFault || e.On == spec.EngineRefused) {
		reason += ": " + e.Kind
	}
	c.kill(reason)
}

func (c *Core) kill(reason string) {
	if c.reason == "" {
		c.reason = reason
	}
	c.add(Command{Do: Disarm})
	c.add(Command{Do: Kill, Reason: c.reason})
}

func (c *Core) ended(e Event) {
	c.add(Command{Do: Disarm})
	c.answer(KindDied, base.EffectUnknown)
	if c.reason == "" {
		c.reason = e.Kind
	}
	c.add(Command{Do: Over, Reason: c.reason})
}

package extension

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/engineproc"
	"github.com/franken-node/fnode-supervisor/engineproc/core"
	"github.com/franken-node/fnode-supervisor/engineproc/wire"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// ask is a call as its asker sent it.
type ask = *actors.Ask[Invoke, Result]

// extension is the behaviour of one incarnation. Its fields belong to the handler.
type extension struct {
	cfg   Config
	deps  Deps
	core  *core.Core
	queue *core.Queue
	calls map[uint64]*call
	next  uint64
	proc  engineproc.Process
	box   engineproc.Sandbox

	running *call
	request uint64 // frame id of the request under way
	timer   actors.TimerID
	held    string          // the engine's last words: stderr
	cause   string          // of its death, as the kernel told it
	reply   []byte          // payload of the reply under way
	refusal wire.Frame      // the error frame under way
	host    map[uint64]bool // host calls under way, by frame id
	writes  map[uint64]uint64
	spentLg int  // log frames since the last refill
	refill  bool // a refill timer is armed
	leaving bool // its region closes
	spent   bool // the engine said that its heap is used up
	over    bool
	end     error // what the incarnation ends with
	stats   View
}

// call is one call from its queueing to its answer.
type call struct {
	id    uint64
	ask   ask
	due   time.Time
	began time.Time
}

// The actor's own messages.
type (
	late   struct{}
	credit struct{}
)

// New makes the behaviour of one incarnation.
func New(cfg Config, deps Deps) actors.Behaviour {
	cfg = cfg.withDefaults()
	return &extension{
		cfg: cfg, deps: deps, core: core.New(cfg.Times), queue: core.NewQueue(cfg.Queue),
		calls: map[uint64]*call{}, host: map[uint64]bool{}, writes: map[uint64]uint64{},
	}
}

// Receive is the actor.
func (x *extension) Receive(cx *actors.Cx, msg any) error {
	switch m := msg.(type) {
	case actors.Started:
		return x.start(cx)
	case ask:
		x.arrived(cx, m)
	case CancelCall:
		x.cancelled(cx, m)
	case actors.CancelRequested:
		x.leaving = true
	case engineproc.Up:
		x.box = m.Sandbox
		x.step(cx, core.Event{On: spec.EngineLaunched})
	case engineproc.Confirmed:
		x.confirmed(cx, m)
	case engineproc.Frame:
		x.frame(cx, m)
	case engineproc.LaunchFailed:
		x.launchFailed(cx, m)
	case engineproc.Exited:
		x.exited(cx, m)
	case actors.Committed:
		x.committed(cx, m)
	case late:
		x.timer = actors.TimerID{}
		x.step(cx, core.Event{On: spec.EngineLate})
	case credit:
		x.refilled()
	}
	return x.after(cx)
}

// after looks what can go on: the next call, the shutdown of an idle engine, the end.
func (x *extension) after(cx *actors.Cx) error {
	if x.over {
		return x.finish(cx)
	}
	x.serve(cx)
	if x.leaving && x.running == nil && x.queue.Len() == 0 && x.core.State() != spec.EngineLeaving {
		x.step(cx, core.Event{On: spec.EngineLeave})
	}
	x.publish(cx)
	if x.over {
		return x.finish(cx)
	}
	return nil
}

func (x *extension) start(cx *actors.Cx) error {
	cx.Starting()
	p, err := x.deps.Launcher.Launch(cx, engineproc.Spec{Name: x.cfg.Name, Profile: x.cfg.Profile, Limits: x.cfg.Limits, Frame: x.cfg.frameLimits()})
	if err != nil {
		return err
	}
	x.proc = p
	x.carry(cx, x.core.Begin())
	x.publish(cx)
	return nil
}

func (x *extension) step(cx *actors.Cx, e core.Event) { x.carry(cx, x.core.Step(e)) }

// carry does what the core says.
func (x *extension) carry(cx *actors.Cx, cmds []core.Command) {
	for _, cmd := range cmds {
		switch cmd.Do {
		case core.Handshake:
			x.send(cx, wire.Handshake, 0, wire.HandshakeRequest{
				Protocol: wire.Version, Interface: wire.InterfaceHash, Required: []string{"cancel", "credit", "chunks"},
				MaxFrame: 1 << 20, Heap: x.cfg.Heap, Stack: x.cfg.Stack, Result: x.cfg.Result,
			})
		case core.Configure:
			x.grant(wire.CreditLog, logCredit)
			x.grant(wire.CreditHost, hostCredit)
			x.send(cx, wire.Configure, 0, wire.ConfigureRequest{
				Name: x.cfg.Name, Version: x.cfg.Version, Bundle: x.cfg.Bundle, Methods: x.cfg.Methods,
				Capabilities: x.cfg.Capabilities, Config: x.cfg.Settings, Seed: cx.Rand(),
			})
		case core.Invoke:
			x.invoke(cx)
		case core.Cancel:
			_, _ = x.proc.Send(wire.Frame{Type: wire.Cancel, Re: x.request}) // a dead pipe says so itself
		case core.Shutdown:
			x.send(cx, wire.Shutdown, 0, struct{}{})
		case core.Kill:
			x.proc.Kill(cmd.Reason)
		case core.Arm:
			cx.Disarm(x.timer)
			x.timer, _ = cx.After(cmd.Delay, late{}) // one timer: its lane has room
		case core.Disarm:
			cx.Disarm(x.timer)
			x.timer = actors.TimerID{}
		case core.Ready:
			cx.Ready()
		case core.Answer:
			x.answer(cx, cmd)
		case core.Over:
			x.ended(cmd.Reason)
		}
	}
}

// send sends a request; its id is what the reply has to name.
func (x *extension) send(cx *actors.Cx, method string, left time.Duration, v any) {
	data, err := json.Marshal(v)
	if err == nil {
		x.request, err = x.proc.Send(wire.Frame{Type: wire.Request, Name: method, Num: uint64(left.Milliseconds()), Data: data})
	}
	if err != nil {
		x.step(cx, core.Event{On: spec.EngineFault, Kind: "backlog"})
	}
}

// arrived takes a call: checked, then queued.
func (x *extension) arrived(cx *actors.Cx, m ask) {
	if err := x.check(m.Q); err != nil {
		m.Fail(cx, err)
		return
	}
	m.Keep(cx)
	x.next++
	timeout := m.Q.Timeout
	if timeout <= 0 {
		timeout = x.cfg.Deadline
	}
	c := &call{id: x.next, ask: m, due: cx.Now().Add(timeout)}
	if !x.queue.Put(core.Call{ID: c.id, Due: c.due.UnixNano()}) {
		e := codes.New(codes.QueueFull, "%s has %d calls waiting, which is its bound", x.cfg.Name, x.queue.Len()).Outcome(base.EffectNone)
		m.Fail(cx, e.Retry(x.queue.RetryAfter(10*time.Millisecond)))
		return
	}
	x.calls[c.id] = c
}

func (x *extension) check(q Invoke) error {
	switch {
	case x.leaving || x.over:
		return codes.New(codes.ExtensionDown, "%s is stopping", x.cfg.Name).Outcome(base.EffectNone).Retry(time.Second)
	case !slices.Contains(x.cfg.Methods, q.Method):
		return codes.New(codes.UnknownMethod, "%s has no method %q", x.cfg.Name, q.Method).Outcome(base.EffectNone).
			Fact("methods", "%s", strings.Join(x.cfg.Methods, ", "))
	case len(q.Input) > x.cfg.Input:
		return codes.New(codes.InputTooLarge, "the argument has %d bytes; %s takes at most %d", len(q.Input), x.cfg.Name, x.cfg.Input).Outcome(base.EffectNone)
	}
	return nil
}

// serve gives an idle engine its next call.
func (x *extension) serve(cx *actors.Cx) {
	if x.core.State() != spec.EngineIdle {
		return
	}
	next, ok, expired := x.queue.Next(cx.Now().UnixNano())
	for _, e := range expired {
		c := x.take(e.ID)
		x.failed(cx, c, codes.New(codes.EngineDeadline, "%s %s: the deadline passed while the call waited", x.cfg.Name, c.ask.Q.Method).Outcome(base.EffectNone))
	}
	if !ok {
		return
	}
	x.running = x.calls[next.ID]
	x.running.began = cx.Now()
	x.step(cx, core.Event{On: spec.EngineCall, Call: next.ID, Left: x.running.due.Sub(cx.Now())})
}

func (x *extension) invoke(cx *actors.Cx) {
	q, method := x.running.ask.Q, wire.Invoke
	if q.Simulate {
		method = wire.Simulate
	}
	input := q.Input
	if len(input) == 0 {
		input = json.RawMessage("null")
	}
	x.stats.Calls++
	x.send(cx, method, max(time.Millisecond, x.running.due.Sub(cx.Now())), wire.InvokeRequest{Method: q.Method, Input: input, Call: q.Call})
}

// cancelled takes a call back: out of the queue, or out of the engine.
func (x *extension) cancelled(cx *actors.Cx, m CancelCall) {
	for id, c := range x.calls {
		if c.ask.Q.Call != m.Call {
			continue
		}
		if x.queue.Remove(id) {
			x.take(id)
			x.failed(cx, c, codes.New(codes.CallCancelled, "%s %s was taken back before it began", x.cfg.Name, c.ask.Q.Method).Outcome(base.EffectNone))
		} else if c == x.running {
			x.step(cx, core.Event{On: spec.EngineCancel})
		}
		return
	}
}

func (x *extension) take(id uint64) *call {
	c := x.calls[id]
	delete(x.calls, id)
	return c
}

// answer ends the call under way.
func (x *extension) answer(cx *actors.Cx, cmd core.Command) {
	c := x.take(cmd.Call)
	x.running = nil
	retire := x.spent || cmd.Kind == wire.KindOOM
	if retire {
		x.end = codes.New(codes.EngineOOM, "%s ran out of its JavaScript heap of %d MiB", x.cfg.Name, x.cfg.Heap>>20).Fact("reason", "oom_heap")
		x.publish(cx) // the caller may ask why as soon as it has its answer
	}
	if cmd.Kind == "" {
		took := cx.Now().Sub(c.began)
		x.observe("done", took)
		c.ask.Reply(cx, Result{JSON: x.reply, Took: took})
		x.reply = nil
	} else {
		x.failed(cx, c, x.failure(c, cmd))
	}
	if retire {
		x.step(cx, core.Event{On: spec.EngineLeave})
	}
}

func (x *extension) failed(cx *actors.Cx, c *call, err *codes.Error) {
	x.stats.Failed++
	took := time.Duration(0)
	if !c.began.IsZero() {
		took = cx.Now().Sub(c.began)
	}
	x.observe(err.Effect.String(), took)
	c.ask.Fail(cx, err)
}

func (x *extension) observe(outcome string, took time.Duration) {
	if x.deps.Observe != nil {
		x.deps.Observe(outcome, took)
	}
}

// confirmed goes on with the handshake's reply once the sandbox was looked at again.
func (x *extension) confirmed(cx *actors.Cx, m engineproc.Confirmed) {
	x.box = m.Sandbox
	if m.Err != nil {
		x.end = m.Err
		x.step(cx, core.Event{On: spec.EngineRefused, Kind: "sandbox"})
		return
	}
	x.step(cx, core.Event{On: spec.EngineReplied})
}

func (x *extension) launchFailed(cx *actors.Cx, m engineproc.LaunchFailed) {
	x.end = codes.New(codes.EngineStart, "the engine of %s did not start", x.cfg.Name).Wrap(m.Err)
	x.step(cx, core.Event{On: spec.EngineDied, Kind: "launch_failed"})
}

func (x *extension) exited(cx *actors.Cx, m engineproc.Exited) {
	x.held, x.cause = m.Stderr, m.Cause
	if m.OOM && x.end == nil {
		x.end = codes.New(codes.EngineOOM, "the kernel killed the engine of %s at the memory limit of its cgroup", x.cfg.Name).Fact("reason", "oom_cgroup")
	}
	if x.deps.Died != nil {
		x.deps.Died(x.reason(m), m.OOM)
	}
	x.step(cx, core.Event{On: spec.EngineDied, Kind: m.Cause})
}

// reason is why the process ended. One that is retired after it ran out of its heap leaves by itself when it is
// told to, which is not why.
func (x *extension) reason(m engineproc.Exited) string {
	if !m.OOM && errors.Is(x.end, codes.Of(codes.EngineOOM)) {
		return "oom_heap"
	}
	return m.Cause
}

// ended is the end of the process, with its first cause.
func (x *extension) ended(reason string) {
	x.over = true
	x.stats.LastEnd = reason
	if x.end == nil {
		e := codes.New(codes.EngineDied, "the engine of %s ended: %s", x.cfg.Name, reason)
		if tail := lastLine(x.held); tail != "" {
			e.Fact("stderr", "%s", tail)
		}
		x.end = e
	}
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	return s[:min(len(s), 300)]
}

// finish ends the incarnation. Calls that have not begun go to the next one, through the own mailbox.
func (x *extension) finish(cx *actors.Cx) error {
	for _, q := range x.queue.Drain() {
		c := x.take(q.ID)
		if x.leaving || c.ask.HandOn(cx, cx.Self()) != nil {
			x.failed(cx, c, codes.New(codes.ExtensionDown, "%s ended before the call began", x.cfg.Name).Outcome(base.EffectNone).Retry(time.Second))
		}
	}
	x.publish(cx)
	if x.leaving {
		return actors.StopAs(actors.Exit{Kind: actors.ExitShutdown})
	}
	return x.end
}

func (x *extension) publish(cx *actors.Cx) {
	v := x.stats
	v.Name, v.Version, v.Engine, v.State = x.cfg.Name, x.cfg.Version, x.box, x.core.State().String()
	v.Methods, v.Caps, v.Queue, v.Limits, v.Heap, v.Deadline = x.cfg.Methods, x.cfg.Capabilities, x.queue.Len(), x.cfg.Limits, x.cfg.Heap, x.cfg.Deadline
	v.End = x.end
	if x.running != nil {
		v.Running = x.running.ask.Q.Method
	}
	if x.proc != nil {
		v.Usage = x.proc.Usage
	}
	cx.Publish(v)
}

// failure turns the end of a call into its coded error.
func (x *extension) failure(c *call, cmd core.Command) *codes.Error {
	what, f := x.cfg.Name+" "+c.ask.Q.Method, x.refusal
	x.refusal = wire.Frame{}
	e := &codes.Error{}
	switch cmd.Kind {
	case wire.KindDeadline, core.KindOverrun:
		e = codes.New(codes.EngineDeadline, "%s did not end within %s", what, c.due.Sub(c.began).Round(time.Millisecond))
		if cmd.Kind == core.KindOverrun {
			e.Fact("engine", "killed: the code could not be interrupted")
		}
	case wire.KindCancelled, core.KindUnheard:
		e = codes.New(codes.CallCancelled, "%s was cut off", what)
	case wire.KindOOM:
		e = codes.New(codes.EngineOOM, "%s used up its JavaScript heap of %d MiB", what, x.cfg.Heap>>20).Fact("reason", "oom_heap")
	case wire.KindResultSize:
		return codes.New(codes.ResultTooLarge, "%s: %s", what, f.Text).Outcome(base.EffectDone)
	case wire.KindBadInput:
		e = codes.New(codes.BadInput, "%s: %s", what, f.Text)
	case wire.KindNoMethod:
		e = codes.New(codes.UnknownMethod, "%s: %s", what, f.Text)
	case core.KindDied:
		if oom := codes.From(x.end); oom != nil && oom.Code == codes.EngineOOM {
			return codes.New(codes.EngineOOM, "%s: %s", what, oom.What).Fact("reason", "oom_cgroup").Outcome(cmd.Effect)
		}
		e = codes.New(codes.EngineDied, "%s: the engine ended in the middle of the call", what).Wrap(x.end).Fact("reason", "%s", x.cause)
	case core.KindProtocol:
		e = codes.New(codes.EngineProtocol, "%s: the engine broke the protocol", what)
	default:
		e = x.threw(what, cmd.Kind, f)
	}
	return e.Outcome(cmd.Effect)
}

func (x *extension) threw(what, kind string, f wire.Frame) *codes.Error {
	e := codes.New(codes.ExtensionThrew, "%s failed: %s", what, f.Text)
	if x.deps.Frames != nil {
		e.Frames = x.deps.Frames(callers(f.Stack, f.Text))
	}
	if len(e.Frames) > 0 {
		e.At(e.Frames[0])
	}
	if kind != wire.KindThrow {
		e.Fact("kind", "%s", kind)
	}
	return e
}

// callers leaves out the frames of the error's own constructors, so that the first one is where it was made.
func callers(stack, text string) string {
	name, _, _ := strings.Cut(text, ":")
	for {
		line, rest, more := strings.Cut(stack, "\n")
		if !more || !strings.HasPrefix(strings.TrimSpace(line), "at "+name+" (") {
			return stack
		}
		stack = rest
	}
}

func (x *extension) String() string { return fmt.Sprintf("extension %s", x.cfg.Name) }

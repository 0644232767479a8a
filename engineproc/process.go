package engineproc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/engineproc/wire"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/isolation"
	"github.com/franken-node/fnode-supervisor/regions"
)

// Launcher makes engine processes. The lab has one of its own.
type Launcher interface {
	Launch(cx *actors.Cx, s Spec) (Process, error)
}

// Spec says what to launch.
type Spec struct {
	Name    string
	Profile string
	Limits  isolation.Limits
	Frame   wire.Limits
}

// Process is one engine process, seen from its actor.
type Process interface {
	// Send queues a frame; its id is fixed now. The error is a *wire.Fault, or ErrBacklog.
	Send(f wire.Frame) (id uint64, err error)
	// More lets the next frame come.
	More()
	// Confirm asks for a last look at the sandbox; the answer is Confirmed.
	Confirm()
	// Kill ends the process at once; Exited follows.
	Kill(reason string)
	// Usage is what the process uses now.
	Usage() Usage
}

// Usage is what a process uses.
type Usage struct {
	RSS  int64 // bytes, of its cgroup where there is one
	CPU  time.Duration
	Pids int64
}

// Sandbox says what an engine is shut in with.
type Sandbox struct {
	PID      int
	Profile  string
	Attained []string
	Missing  []string // "layer: why"
	Degraded string   // "" or "degraded(…)"
}

// The messages of a process to its actor.
type (
	// Up says that the process runs inside its sandbox.
	Up struct{ Sandbox }
	// LaunchFailed says that there is no process; nothing else follows.
	LaunchFailed struct{ Err error }
	// Confirmed answers Confirm.
	Confirmed struct {
		Sandbox
		Err error
	}
	// Frame is the next frame, or the fault that ended the pipe.
	Frame struct {
		F     wire.Frame
		Fault *wire.Fault
	}
	// Exited says that the process is dead, reaped, and its cgroup gone.
	Exited struct {
		Cause  string // stable: exit(3), signal(killed), oom_cgroup, seccomp, killed(deadline)
		OOM    bool
		Killed bool // by us
		Stderr string
		Lived  time.Duration
	}
)

// ErrBacklog says that the engine does not read what it is sent.
var ErrBacklog = errors.New("the engine does not read its pipe")

// backlog bounds what is queued for an engine that does not read, in bytes.
const backlog = 64 << 20

// Sandboxed launches engines through package isolation.
type Sandboxed struct {
	Manager *isolation.Manager
	Path    string // of the engine's binary
}

// Launch makes the process in the background; Up or LaunchFailed follows.
func (l *Sandboxed) Launch(cx *actors.Cx, s Spec) (Process, error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	p := &process{port: cx.Port(), spec: s, cancel: cancel, more: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
	p.w = wire.NewWriter(&p.out, s.Frame)
	release, err := cx.Own(regions.Process, p)
	if err != nil {
		cancel(err)
		return nil, err
	}
	go p.run(ctx, l, release) // owner: the region, by release; ends: the process is dead and its group removed
	return handle{p}, nil
}

// process is one engine process of package isolation.
type process struct {
	port   actors.Port // immutable
	spec   Spec        // immutable
	cancel context.CancelCauseFunc
	more   chan struct{} // capacity 1; never closed: the actor wants the next frame
	wake   chan struct{} // capacity 1; never closed: there is something to write

	mu    sync.Mutex
	child *isolation.Child // guarded by mu; nil before Up
	why   string           // guarded by mu: killed before it was there
	w     *wire.Writer     // guarded by mu; writes to out
	out   bytes.Buffer     // guarded by mu
}

// Label names the process in proofs.
func (p *process) Label() string {
	if c := p.get(); c != nil {
		return fmt.Sprintf("engine %s (pid %d)", p.spec.Name, c.PID())
	}
	return "engine " + p.spec.Name + " (starting)"
}

// Ask leaves the process to its actor, which shuts it down in order.
func (p *process) Ask(regions.Request) {}

// Kill ends the process: its region was killed.
func (p *process) kill(reason string) {
	p.mu.Lock()
	c := p.child
	if p.why == "" {
		p.why = reason
	}
	p.mu.Unlock()
	if c != nil {
		c.Kill(reason)
		return
	}
	p.cancel(errors.New(reason))
}

// member makes the region's Kill differ from the actor's.
func (p *process) Kill() { p.kill("stop") }

func (p *process) get() *isolation.Child {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child
}

// handle is the Process of the actor: the region's Member has another Kill.
type handle struct{ *process }

// Kill ends the process at once.
func (h handle) Kill(reason string) { h.kill(reason) }

func (p *process) run(ctx context.Context, l *Sandboxed, release func(base.Outcome)) {
	defer p.cancel(nil)
	c, err := l.Manager.Start(ctx, isolation.Spec{Name: p.spec.Name, Path: l.Path, Profile: p.spec.Profile, Limits: p.spec.Limits, Seals: true})
	if err != nil {
		p.port.Urgent(LaunchFailed{err})
		release(base.OutcomeFailed)
		return
	}
	p.mu.Lock()
	p.child = c
	why := p.why
	p.mu.Unlock()
	if why != "" {
		c.Kill(why)
	}
	p.port.Urgent(Up{sandbox(c)})
	var pipes sync.WaitGroup
	pipes.Go(func() { p.read(c) })  // owner: run; ends: the engine's stdout ends, or it is dead
	pipes.Go(func() { p.write(c) }) // owner: run; ends: the engine is dead
	d := c.Wait()
	stderr := c.LastWords()
	closeErr := c.Close(context.Background())
	pipes.Wait()
	outcome := base.OutcomeOk
	if closeErr != nil {
		outcome, stderr = base.OutcomeFailed, stderr+"\n"+closeErr.Error()
	}
	p.port.Urgent(Exited{
		Cause: d.String(), OOM: d.Cause == isolation.CauseOOM, Killed: d.Cause == isolation.CauseKilled, Stderr: stderr, Lived: d.Lived,
	})
	release(outcome)
}

func sandbox(c *isolation.Child) Sandbox {
	s := Sandbox{PID: c.PID(), Profile: c.Profile().Name, Degraded: c.Degraded()}
	for _, l := range c.Attained() {
		s.Attained = append(s.Attained, string(l))
	}
	for _, m := range c.Missing() {
		s.Missing = append(s.Missing, m.String())
	}
	return s
}

// read gives one frame at a time to the actor: an engine that floods is slowed by its pipe.
func (p *process) read(c *isolation.Child) {
	r := wire.NewReader(c.Stdout(), p.spec.Frame)
	for {
		f, err := r.Next()
		var fault *wire.Fault
		if err != nil && !errors.As(err, &fault) {
			return // the pipe ended: Exited says the rest
		}
		p.port.Urgent(Frame{f, fault})
		if fault != nil {
			_, _ = io.Copy(io.Discard, c.Stdout())
			return
		}
		select {
		case <-p.more:
		case <-c.Dead():
			return
		}
	}
}

func (p *process) write(c *isolation.Child) {
	for {
		select {
		case <-p.wake:
		case <-c.Dead():
			return
		}
		p.mu.Lock()
		b := bytes.Clone(p.out.Bytes())
		p.out.Reset()
		p.mu.Unlock()
		if _, err := c.Stdin().Write(b); err != nil {
			<-c.Dead() // a broken pipe: Exited says the rest
			return
		}
	}
}

// Send queues a frame.
func (p *process) Send(f wire.Frame) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out.Len() > backlog {
		return 0, ErrBacklog
	}
	id, err := p.w.Send(f)
	if err == nil {
		signal(p.wake)
	}
	return id, err
}

// More lets the next frame come.
func (p *process) More() { signal(p.more) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Confirm looks at the sandbox once more, in the background.
func (p *process) Confirm() {
	c := p.get()
	go func() { // owner: nobody needs to; ends: the kernel was asked, at once
		err := c.Confirm()
		p.port.Urgent(Confirmed{sandbox(c), err})
	}()
}

// Usage asks the cgroup.
func (p *process) Usage() Usage {
	c := p.get()
	if c == nil {
		return Usage{}
	}
	u := c.Usage()
	return Usage{RSS: int64(u.Memory), CPU: u.CPU, Pids: int64(u.Tasks)}
}

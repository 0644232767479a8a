package isolation

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/isolation/cgroup"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"golang.org/x/sys/unix"
)

// Child is one engine process. Safe for concurrent use, except that Stdin wants one writer and Stdout
// one reader at a time.
type Child struct {
	manager     *Manager                    // immutable after newChild
	spec        Spec                        // immutable after newChild
	profile     Profile                     // immutable after newChild
	limits      Limits                      // immutable after newChild
	pid         int                         // immutable after newChild
	proc        *os.Process                 // immutable after newChild
	group       *cgroup.Group               // immutable after newChild; nil without cgroup rights
	limitFaults map[cgroup.Controller]error // immutable after newChild
	stdin       *os.File
	stdout      *os.File
	stderr      *tail
	born        time.Time
	dead        chan struct{} // closed by reap, after death is set
	death       Death         // written by reap before dead is closed

	mu      sync.Mutex
	verdict verdict  // guarded by mu
	note    killNote // guarded by mu

	closing sync.Once
	closed  error // written inside closing
}

func newChild(m *Manager, s Spec, p Profile, l Limits, out spawned, ends *pipes) *Child {
	c := &Child{
		manager: m, spec: s, profile: p, limits: l, pid: out.proc.Pid, proc: out.proc,
		group: out.group, limitFaults: out.faults,
		stdin: ends.ours[0], stdout: ends.ours[1], stderr: newTail(ends.ours[2]),
		born: time.Now(), dead: make(chan struct{}),
	}
	// owner: Close joins it by dead; ends: when the process has died.
	go c.reap()
	return c
}

// reap waits for the process and finds out why it died. The counter must be read after the wait,
// while the group still exists.
func (c *Child) reap() {
	st, err := c.proc.Wait()
	var oom uint64
	if c.group != nil {
		oom = c.group.OOMKills()
	}
	c.sweep()
	c.mu.Lock()
	note := c.note
	c.mu.Unlock()
	if err != nil {
		c.death = Death{Cause: CauseSignal, Signal: unix.SIGKILL, OOMKills: oom, Lived: time.Since(c.born)}
	} else {
		c.death = judge(st, note, oom, time.Since(c.born))
	}
	c.stderr.finish()
	close(c.dead)
}

// sweep ends what the process left behind. With a pid namespace the kernel has done so already.
func (c *Child) sweep() {
	if c.manager.flags&unix.CLONE_NEWPID != 0 {
		return
	}
	_ = unix.Kill(-c.pid, unix.SIGKILL) // its session's group: it was born a session leader
	if c.group != nil {
		_ = c.group.Kill()
		c.group.KillEach()
	}
}

// PID gives the process id as the supervisor sees it.
func (c *Child) PID() int { return c.pid }

// Profile gives the profile that the child was started with, and Limits what it was narrowed to.
func (c *Child) Profile() Profile { return c.profile }

// Limits gives the limits that were asked of the kernel; the attained layers tell which are in force.
func (c *Child) Limits() Limits { return c.limits }

// Stdin is the engine's fd 0. It is an *os.File: SetWriteDeadline works.
func (c *Child) Stdin() io.WriteCloser { return c.stdin }

// Stdout is the engine's fd 1. It is an *os.File: SetReadDeadline works.
func (c *Child) Stdout() io.Reader { return c.stdout }

// StderrTail gives the last bytes (at most 8 KiB) of what the engine wrote to fd 2.
func (c *Child) StderrTail() []byte { b, _ := c.stderr.last(); return b }

// LastWords gives what the engine said of its end: the line that names the crash of its runtime, else the whole
// of StderrTail.
func (c *Child) LastWords() string { return lastWords(c.StderrTail()) }

// StderrBytes tells how many bytes the engine has written to fd 2.
func (c *Child) StderrBytes() int64 { _, n := c.stderr.last(); return n }

func (c *Child) setVerdict(v verdict) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verdict = v
}

// Attained lists the layers in force, as read back.
func (c *Child) Attained() []Layer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verdict.attained()
}

// Missing lists every layer that is not in force, required or not, except a kernel of its own, which
// only strict_plus asks for.
func (c *Child) Missing() []Missing {
	wanted := slices.DeleteFunc(Layers(), func(l Layer) bool {
		return l == LayerOwnKernel && !slices.Contains(c.profile.Required, l)
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verdict.missing(wanted)
}

func (c *Child) lacking() []Missing {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.verdict.missing(c.profile.Required)
}

// lackingNow is lacking without what is still to come.
func (c *Child) lackingNow() []Missing {
	return slices.DeleteFunc(c.lacking(), func(m Missing) bool { return m.Why == errPending.Error() })
}

// Degraded gives the label "degraded(no cgroup memory limit, …)" if required layers are missing, else "".
func (c *Child) Degraded() string { return degraded(c.lacking()) }

// Confirm reads the threads once more, after the engine's ready frame: seccomp of an engine that seals
// itself is decided here. If a required layer is missing and degrading is not allowed, the child is
// killed and a coded error says what is missing. Until then seccomp of such an engine counts as missing.
func (c *Child) Confirm() error {
	threads, err := readThreads(c.pid)
	if err != nil {
		threads = nil
	}
	c.mu.Lock()
	v := verdict{}
	for l, why := range c.verdict {
		v[l] = why
	}
	if v[LayerSeccomp] == errPending {
		v[LayerSeccomp] = nil
	}
	confirmThreads(v, LayerNoNewPrivs, threads, func(t thread) bool { return t.noNewPrivs })
	confirmThreads(v, LayerNoCaps, threads, func(t thread) bool { return t.capsEmpty })
	confirmThreads(v, LayerSeccomp, threads, func(t thread) bool { return t.filtered })
	c.verdict = v
	c.mu.Unlock()
	if lacking := c.lacking(); len(lacking) > 0 && !c.manager.options.AllowDegraded {
		c.Kill("layers missing")
		why := &MissingError{c.profile.Name, lacking}
		return codes.New(codes.LayerLost, "%s is not what it announced: %v", c.spec.Name, why).Wrap(why)
	}
	return nil
}

// Kill ends the whole tree of the child at once; the first reason given counts. It does not wait. Only
// SIGKILL is ever used: under seccomp a SIGTERM would look like an attack.
func (c *Child) Kill(reason string) {
	select {
	case <-c.dead:
		return
	default:
	}
	c.mu.Lock()
	if !c.note.asked {
		c.note = killNote{asked: true, reason: reason}
		if c.group != nil {
			c.note.oom = c.group.OOMKills()
		}
	}
	c.mu.Unlock()
	if c.group != nil {
		_ = c.group.Kill() // the second way follows in any case
	}
	_ = c.proc.Kill() // os.ErrProcessDone is as good
}

// Dead is closed when the child has died and its death is known.
func (c *Child) Dead() <-chan struct{} { return c.dead }

// Wait waits for the death and tells it.
func (c *Child) Wait() Death {
	<-c.dead
	return c.death
}

// Usage tells what the child uses now, by its cgroup; zero fields where no controller counts. After
// Close it is zero.
func (c *Child) Usage() cgroup.Usage {
	if c.group == nil {
		return cgroup.Usage{}
	}
	return c.group.Usage()
}

// Close kills the child if it lives, waits for its death, closes the pipes and removes its group.
// Every call after the first gives the same answer.
func (c *Child) Close(ctx context.Context) error {
	c.closing.Do(func() {
		c.Kill("closed")
		<-c.dead
		c.stdin.Close()
		c.stdout.Close()
		if c.group != nil {
			ctx, cancel := context.WithTimeout(ctx, removeFor)
			defer cancel()
			c.manager.spawner.nudge()
			c.closed = c.group.Remove(ctx)
		}
		c.manager.release(c)
	})
	return c.closed
}

// abandon ends a child whose start failed and gives the error back, with what stays behind, if anything.
func (c *Child) abandon(reason string, err error) error {
	c.Kill(reason)
	if cerr := c.Close(context.Background()); cerr != nil {
		return errors.Join(err, cerr)
	}
	return err
}

// gateError is the coded error for a child that did not come through its gate.
func (c *Child) gateError(err error) error {
	c.Kill("gate")
	death := c.Wait()
	if words := c.LastWords(); words != "" { // it said why; the pipe's end is no cause
		return codes.New(codes.GateFailed, "%s did not enter its sandbox: %s", c.spec.Name, words[max(0, len(words)-600):]).
			Fact("ended", "%s", death).Retry(time.Second)
	}
	return codes.New(codes.GateFailed, "%s did not enter its sandbox: %v", c.spec.Name, err).Wrap(err).
		Fact("ended", "%s", death).Retry(time.Second)
}

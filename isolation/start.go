package isolation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/franken-node/fnode-supervisor/isolation/cgroup"
	"github.com/franken-node/fnode-supervisor/isolation/inside"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"golang.org/x/sys/unix"
)

// Start makes an engine process and returns when it has reported its sandbox and the kernel has
// confirmed it; the next byte on Stdout belongs to the engine protocol. On an error nothing is left.
// ctx bounds the start, not the child's life.
func (m *Manager) Start(ctx context.Context, s Spec) (*Child, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	p, err := ProfileNamed(s.Profile)
	if err != nil {
		return nil, err
	}
	if err := m.begin(); err != nil {
		return nil, err
	}
	defer m.starts.Done()
	if lacking := m.forecast(s).missing(p.Required); len(lacking) > 0 && !m.options.AllowDegraded {
		return nil, refusal(s, lacking)
	}
	c, err := m.birth(ctx, s, p)
	if err != nil {
		return nil, err
	}
	if err := m.enter(ctx, c); err != nil {
		return nil, c.abandon("gate", err)
	}
	if lacking := c.lackingNow(); len(lacking) > 0 && !m.options.AllowDegraded {
		return nil, c.abandon("layers missing", refusal(s, lacking))
	}
	m.adopt(c)
	return c, nil
}

// birth makes the pipes and the process.
func (m *Manager) birth(ctx context.Context, s Spec, p Profile) (*Child, error) {
	pipes, err := newPipes()
	if err != nil {
		return nil, codes.New(codes.SpawnFailed, "%s: pipes: %v", s.Name, err).Wrap(err).Retry(time.Second)
	}
	limits := s.Limits.within(p.Limits)
	out, err := m.spawner.spawn(ctx, spawnRequest{
		path: s.Path, args: s.Args, files: pipes.theirs[:], limits: cgroup.Limits(limits),
	})
	pipes.closeTheirs()
	if err != nil {
		pipes.closeOurs()
		return nil, codes.New(codes.SpawnFailed, "%s: cannot start %s: %v", s.Name, s.Path, err).Wrap(err).Retry(time.Second)
	}
	return newChild(m, s, p, limits, out, pipes), nil
}

// enter opens the gate, waits for the report, and fills in the child's verdict.
func (m *Manager) enter(ctx context.Context, c *Child) error {
	v := m.forecast(c.spec)
	if c.spec.NoGate {
		c.limitFromOutside()
		m.readBack(c, v, inside.Gate{}, inside.Report{})
		c.setVerdict(v)
		return nil
	}
	gate := inside.Gate{Steps: m.steps(c.spec)}
	_, _ = c.stdin.Write(gate.Marshal()) // who does not read it sends no report either, and that is told
	m.readNamespaces(c, v)               // while the engine works
	report, err := m.readReport(ctx, c)
	if err != nil {
		return c.gateError(err)
	}
	m.readBack(c, v, gate, report)
	if v[LayerSeccomp] == nil {
		v[LayerSeccomp] = errPending
	}
	c.setVerdict(v)
	return nil
}

// steps says what the engine shall do to itself.
func (m *Manager) steps(s Spec) inside.Step {
	steps := inside.AllSteps &^ (inside.StepNoNewPrivs | inside.StepSeccomp) // the former is inherited
	if s.Seals && m.sealable() == nil {
		steps |= inside.StepSeccomp
	}
	if m.flags&unix.CLONE_NEWNS == 0 {
		steps &^= inside.StepEmptyRoot
	}
	for l, step := range insideLayers {
		if m.without(l) {
			steps &^= step
		}
	}
	return steps
}

// readReport reads exactly the report, until ctx ends or EnterTimeout is over.
func (m *Manager) readReport(ctx context.Context, c *Child) (inside.Report, error) {
	var b [inside.ReportSize]byte
	_ = c.stdout.SetReadDeadline(time.Now().Add(m.options.EnterTimeout))
	stop := context.AfterFunc(ctx, func() { _ = c.stdout.SetReadDeadline(time.Now()) })
	_, err := io.ReadFull(c.stdout, b[:])
	if !stop() && err == nil {
		err = ctx.Err()
	}
	_ = c.stdout.SetReadDeadline(time.Time{})
	switch {
	case ctx.Err() != nil:
		return inside.Report{}, ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return inside.Report{}, fmt.Errorf("no report within %v", m.options.EnterTimeout)
	case err != nil:
		return inside.Report{}, fmt.Errorf("report: %w", err)
	}
	return inside.ParseReport(b)
}

// pipes of one child: theirs are fds 0, 1, 2 of the engine.
type pipes struct {
	theirs [3]*os.File
	ours   [3]*os.File
}

func newPipes() (*pipes, error) {
	p := &pipes{}
	for i := range 3 {
		r, w, err := os.Pipe() // close-on-exec both
		if err != nil {
			p.closeTheirs()
			p.closeOurs()
			return nil, err
		}
		if p.theirs[i], p.ours[i] = w, r; i == 0 {
			p.theirs[i], p.ours[i] = r, w
		}
	}
	return p, nil
}

func (p *pipes) closeTheirs() { closeAll(p.theirs[:]) }
func (p *pipes) closeOurs()   { closeAll(p.ours[:]) }

func closeAll(fs []*os.File) {
	for _, f := range slices.DeleteFunc(slices.Clone(fs), func(f *os.File) bool { return f == nil }) {
		f.Close()
	}
}

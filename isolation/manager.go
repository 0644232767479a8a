package isolation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/franken-node/fnode-supervisor/isolation/cgroup"
	"github.com/franken-node/fnode-supervisor/isolation/inside"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"golang.org/x/sys/unix"
)

// Reaped is what a crashed supervisor had left and Open removed.
type Reaped = cgroup.Reaped

// Manager starts engines. Safe for concurrent use.
type Manager struct {
	options Options      // immutable after Open
	host    Host         // immutable after Open
	tree    *cgroup.Tree // immutable after Open
	spawner *spawner     // immutable after Open
	flags   uintptr      // immutable after Open: clone flags of every engine

	mu       sync.Mutex
	closed   bool            // guarded by mu
	children map[*Child]bool // guarded by mu: those not closed yet
	starts   sync.WaitGroup  // Start calls under way; Add under mu while not closed
}

// Open marks every inherited descriptor close-on-exec, reaps the groups of crashed supervisors of the
// same instance, makes the parent groups and starts the thread that makes processes.
func Open(ctx context.Context, o Options) (*Manager, []Reaped, error) {
	if err := o.Validate(); err != nil {
		return nil, nil, err
	}
	o = o.withDefaults()
	_ = unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC) // older kernels: Go's own fds have it anyway
	m := &Manager{options: o, host: Probe(), children: map[*Child]bool{}}
	tree, reaped, err := cgroup.OpenTree(ctx, cgroup.Options{Host: m.host.cgroups, Root: o.Root, Instance: o.InstanceID})
	if err != nil {
		return nil, reaped, codes.New(codes.OrphansStay, "cannot remove what an earlier run left: %v", err).Wrap(err)
	}
	m.tree = tree
	m.flags = m.host.cloneFlags
	for _, ns := range namespaces {
		if m.without(ns.layer) {
			m.flags &^= ns.flag
		}
	}
	m.spawner = newSpawner(tree, m.flags, !m.without(LayerNoNewPrivs))
	return m, reaped, nil
}

// Host tells what Open probed.
func (m *Manager) Host() Host { return m.host }

// CgroupDirs lists the parent groups, for a test that looks whether anything is left.
func (m *Manager) CgroupDirs() []string { return m.tree.Dirs() }

func (m *Manager) without(l Layer) bool { return slices.Contains(m.options.Without, l) }

// Lacking tells, without starting anything, which required layers of a profile this host and this
// engine cannot have. An empty answer is a forecast; Child.Missing is the fact.
func (m *Manager) Lacking(s Spec) ([]Missing, error) {
	p, err := ProfileNamed(s.Profile)
	if err != nil {
		return nil, err
	}
	return m.forecast(s).missing(p.Required), nil
}

// Permit is the refusal that Start would give for want of layers, before anything is started; nil if none
// is expected, or degrading is allowed.
func (m *Manager) Permit(s Spec) error {
	missing, err := m.Lacking(s)
	if err != nil || len(missing) == 0 || m.options.AllowDegraded {
		return err
	}
	return refusal(s, missing)
}

// forecast says what can be expected of each layer.
func (m *Manager) forecast(s Spec) verdict {
	v := verdict{LayerProcess: nil, LayerEmptyEnv: nil, LayerNoNewPrivs: nil, LayerRlimits: nil}
	for c, l := range cgroupLayers {
		v[l] = m.tree.Why(c)
	}
	v[LayerCgroupKill] = m.tree.KillWhy()
	for _, ns := range namespaces {
		if v[ns.layer] = m.host.nsWhy[ns.layer]; v[ns.layer] == nil && m.flags&ns.flag == 0 {
			v[ns.layer] = errors.New("cannot be made here")
		}
	}
	v[LayerNoCaps], v[LayerEmptyRoot], v[LayerLandlock], v[LayerMDWE] = nil, v[LayerNSMnt], nil, nil
	if m.host.LandlockABI == 0 {
		v[LayerLandlock] = errors.New("this kernel has no landlock")
	}
	if !m.host.MDWE {
		v[LayerMDWE] = errors.New("this kernel has no PR_SET_MDWE")
	}
	if v[LayerSeccomp] = m.sealable(); v[LayerSeccomp] == nil && !s.Seals {
		v[LayerSeccomp] = errNoSeal
	}
	if s.NoGate {
		for _, l := range []Layer{LayerNoCaps, LayerEmptyRoot, LayerLandlock, LayerMDWE, LayerSeccomp} {
			v[l] = errNoGate
		}
	}
	for _, l := range m.options.Without {
		v[l] = errDrill
	}
	return v
}

var (
	errNoSeal = errors.New("this engine does not seal itself")
	errNoGate = errors.New("this program does not enter the sandbox by itself")
	errDrill  = errors.New("left out by option")

	// errPending is the state of seccomp between the report and Child.Confirm.
	errPending = errors.New("pending: the engine has not sealed itself yet")
)

func (m *Manager) sealable() error {
	if !inside.CanSeal() {
		return errors.New("no filter is built for this processor")
	}
	if !m.host.Seccomp {
		return errors.New("this kernel cannot kill by seccomp")
	}
	return nil
}

// refusal is the error that lists what is missing and how to get it.
func refusal(s Spec, missing []Missing) error {
	var ls []Layer
	for _, x := range missing {
		ls = append(ls, x.Layer)
	}
	e := codes.New(codes.LayersMissing, "%s cannot run as %s here: missing %s", s.Name, s.Profile, names(ls)).
		Wrap(&MissingError{Profile: s.Profile, Missing: missing})
	for _, x := range missing {
		e = e.Fact(string(x.Layer), "%s", strings.TrimSuffix(x.Why+"; to get it: "+x.How, "; to get it: "))
	}
	return e
}

// MissingError is the cause inside the coded refusal, for programs.
type MissingError struct {
	Profile string
	Missing []Missing
}

// Error lists the layers.
func (e *MissingError) Error() string {
	var s []string
	for _, m := range e.Missing {
		s = append(s, m.String())
	}
	return fmt.Sprintf("profile %s lacks %s", e.Profile, strings.Join(s, "; "))
}

// begin admits a Start, unless the manager is closed.
func (m *Manager) begin() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return codes.New(codes.IsolationClosed, "isolation is closed")
	}
	m.starts.Add(1)
	return nil
}

func (m *Manager) adopt(c *Child) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.children[c] = true
}

func (m *Manager) release(c *Child) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.children, c)
}

// Close kills and closes every child, ends the thread and removes the parent groups. It may be called
// more than once; later calls return nil at once.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	m.mu.Unlock()
	m.starts.Wait() // each is bounded by EnterTimeout; none begins any more
	m.mu.Lock()
	var left []*Child
	for c := range m.children {
		left = append(left, c)
	}
	m.mu.Unlock()
	for _, c := range left {
		c.Kill("shutdown")
	}
	var faults []error
	for _, c := range left {
		faults = append(faults, c.Close(ctx))
	}
	m.spawner.stop()
	faults = append(faults, m.tree.Close(ctx))
	return errors.Join(faults...)
}

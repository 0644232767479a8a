package isolation

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/franken-node/fnode-supervisor/isolation/cgroup"
	"github.com/franken-node/fnode-supervisor/isolation/inside"
	"golang.org/x/sys/unix"
)

// cgroupLayers pairs controllers with layers.
var cgroupLayers = map[cgroup.Controller]Layer{
	cgroup.Memory: LayerCgroupMemory, cgroup.CPU: LayerCgroupCPU, cgroup.Pids: LayerCgroupPids,
}

// insideLayers pairs layers with the steps that build them.
var insideLayers = map[Layer]inside.Step{
	LayerNoCaps: inside.StepCapabilities, LayerRlimits: inside.StepRlimits, LayerEmptyRoot: inside.StepEmptyRoot,
	LayerLandlock: inside.StepLandlock, LayerMDWE: inside.StepMDWE, LayerSeccomp: inside.StepSeccomp,
}

// readNamespaces compares the child's namespaces with ours and looks at its environment.
func (m *Manager) readNamespaces(c *Child, v verdict) {
	for _, ns := range namespaces {
		if v[ns.layer] == nil {
			v[ns.layer] = differs(c.pid, ns.link)
		}
	}
	if v[LayerEmptyEnv] == nil {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", c.pid))
		if err == nil && len(b) > 0 {
			err = fmt.Errorf("/proc/PID/environ holds %d bytes", len(b))
		}
		v[LayerEmptyEnv] = err
	}
}

func differs(pid int, link string) error {
	ours, err := os.Readlink("/proc/self/ns/" + link)
	if err != nil {
		return err
	}
	its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, link))
	if err == nil && its == ours {
		err = errors.New("the engine shares the supervisor's namespace")
	}
	return err
}

// readBack asks the kernel about everything that it will tell, and the report about the rest.
func (m *Manager) readBack(c *Child, v verdict, gate inside.Gate, r inside.Report) {
	if c.spec.NoGate {
		m.readNamespaces(c, v)
	}
	m.readCgroups(c, v)
	for l, step := range insideLayers {
		if v[l] == nil && l != LayerSeccomp && !c.spec.NoGate {
			v[l] = reported(step, r)
		}
	}
	if v[LayerRlimits] == nil {
		want := gate.Limits()
		if c.spec.NoGate {
			want = outsideLimits()
		}
		v[LayerRlimits] = readLimits(c.pid, want)
	}
	threads, err := readThreads(c.pid)
	if err != nil {
		threads = nil
	}
	confirmThreads(v, LayerNoNewPrivs, threads, func(t thread) bool { return t.noNewPrivs })
	confirmThreads(v, LayerNoCaps, threads, func(t thread) bool { return t.capsEmpty })
}

// reported takes the engine's word, given before it loaded any extension code.
func reported(step inside.Step, r inside.Report) error {
	switch {
	case r.Done.Has(step):
		return nil
	case r.Failed.Has(step):
		return fmt.Errorf("the engine says: %s", r.Text)
	}
	return errors.New("the step was not taken")
}

func (m *Manager) readCgroups(c *Child, v verdict) {
	if c.group == nil {
		for _, l := range append([]Layer{LayerCgroupKill}, LayerCgroupMemory, LayerCgroupCPU, LayerCgroupPids) {
			if v[l] == nil {
				v[l] = errors.New("no group could be made")
			}
		}
		return
	}
	in, err := c.group.Holds(c.pid)
	for ctl, l := range cgroupLayers {
		switch {
		case v[l] != nil:
		case c.limitFaults[ctl] != nil:
			v[l] = c.limitFaults[ctl]
		case !in[string(ctl)]:
			v[l] = errors.Join(errors.New("the engine is not in its group"), err)
		}
	}
	if v[LayerCgroupKill] == nil && !in[""] {
		v[LayerCgroupKill] = errors.New("the engine could not be born in its v2 group")
	}
}

// readLimits compares the resource limits with what was asked for.
func readLimits(pid int, limits map[int]uint64) error {
	for which, want := range limits {
		var got unix.Rlimit
		if err := unix.Prlimit(pid, which, nil, &got); err != nil {
			return fmt.Errorf("prlimit: %w", err)
		}
		if got.Max > want {
			return fmt.Errorf("resource limit %d is %d, asked for %d", which, got.Max, want)
		}
	}
	return nil
}

// outsideLimits are the resource limits of a program that does not set them itself. Such a program may
// be a JIT with a large address space and many descriptors, so these two are left to the cgroup.
func outsideLimits() map[int]uint64 {
	limits := inside.Gate{}.Limits()
	delete(limits, unix.RLIMIT_AS)
	delete(limits, unix.RLIMIT_NOFILE)
	return limits
}

func (c *Child) limitFromOutside() {
	if c.manager.without(LayerRlimits) {
		return
	}
	for which, n := range outsideLimits() {
		_ = unix.Prlimit(c.pid, which, &unix.Rlimit{Cur: n, Max: n}, nil) // read back later
	}
}

// thread is what the kernel says about one thread.
type thread struct {
	noNewPrivs, capsEmpty, filtered bool
}

// readThreads reads every thread: capabilities, no_new_privs and filters belong to threads, and one
// thread without them is a hole that the others do not show.
func readThreads(pid int) ([]thread, error) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil || len(tasks) == 0 {
		return nil, errors.Join(err, errors.New("no thread can be read"))
	}
	var all []thread
	for _, t := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, t.Name()))
		if err != nil {
			continue // the thread has ended
		}
		all = append(all, parseThread(string(b)))
	}
	return all, nil
}

// parseThread reads the fields of a status file (proc_pid_status(5)).
func parseThread(status string) thread {
	t := thread{capsEmpty: true}
	for _, line := range strings.Split(status, "\n") {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "NoNewPrivs":
			t.noNewPrivs = value == "1"
		case "Seccomp":
			t.filtered = value == "2"
		case "CapInh", "CapPrm", "CapEff", "CapAmb":
			t.capsEmpty = t.capsEmpty && strings.Trim(value, "0") == ""
		}
	}
	return t
}

// confirmThreads keeps a layer only if every thread has it.
func confirmThreads(v verdict, l Layer, all []thread, has func(thread) bool) {
	if v[l] != nil {
		return
	}
	if len(all) == 0 {
		v[l] = errors.New("the engine's threads cannot be read")
	}
	for _, t := range all {
		if !has(t) {
			v[l] = fmt.Errorf("not in force on every one of its %d threads", len(all))
		}
	}
}

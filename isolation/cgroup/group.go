package cgroup

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/containerd/cgroups/v3/cgroup1"
	"github.com/containerd/cgroups/v3/cgroup2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Limits of one group. Zero means no limit of that kind.
type Limits struct {
	Memory int64   // bytes, with swap 0 on top of it
	CPU    float64 // cores
	Pids   int64   // tasks: processes and threads
}

const cpuPeriod = 100_000 // microseconds; the kernel's default

// Group is one engine's group: one directory in each hierarchy. Immutable after NewGroup.
type Group struct {
	name string
	v2   string // directory, "" without v2
	dirs []groupDir
}

type groupDir struct {
	parent *parent
	dir    string
}

// NewGroup makes the directories of a group without limits. Name must be new and a single path element.
func (t *Tree) NewGroup(name string) (*Group, error) {
	g := &Group{name: name}
	for _, p := range t.parents {
		dir := filepath.Join(p.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, errors.Join(err, g.Remove(context.Background()))
		}
		g.dirs = append(g.dirs, groupDir{p, dir})
		if p.mount.V2 {
			g.v2 = dir
		}
	}
	return g, nil
}

// V2 gives the directory in the v2 hierarchy for clone3, "" if there is none.
func (g *Group) V2() string { return g.v2 }

// TaskFiles lists the v1 files that a thread's id is written to so that its next child is born inside.
func (g *Group) TaskFiles() []string {
	var files []string
	for _, d := range g.dirs {
		if !d.parent.mount.V2 {
			files = append(files, filepath.Join(d.dir, "tasks"))
		}
	}
	return files
}

// Limit sets the limits and reads them back. It gives, per controller that could not be limited as
// asked, the reason.
func (g *Group) Limit(l Limits) map[Controller]error {
	faults := map[Controller]error{}
	for _, d := range g.dirs {
		for _, c := range d.parent.controllers {
			if err := d.limit(c, l); err != nil {
				faults[c] = err
			}
		}
	}
	return faults
}

func (d groupDir) limit(c Controller, l Limits) error {
	if d.parent.mount.V2 {
		return d.limitV2(c, l)
	}
	return d.limitV1(c, l)
}

func (d groupDir) limitV2(c Controller, l Limits) error {
	group, err := filepath.Rel(d.parent.mount.Point, d.dir)
	if err != nil {
		return err
	}
	m, err := cgroup2.Load("/"+group, cgroup2.WithMountpoint(d.parent.mount.Point))
	if err != nil {
		return err
	}
	var res cgroup2.Resources
	switch {
	case c == Pids && l.Pids > 0:
		res.Pids = &cgroup2.Pids{Max: l.Pids}
	case c == CPU && l.CPU > 0:
		quota, period := int64(l.CPU*cpuPeriod), uint64(cpuPeriod)
		res.CPU = &cgroup2.CPU{Max: cgroup2.NewCPUMax(&quota, &period)}
	case c == Memory && l.Memory > 0:
		whole := true
		res.Memory = &cgroup2.Memory{Max: &l.Memory, OOMGroup: &whole}
		if _, err := os.Stat(filepath.Join(d.dir, "memory.swap.max")); err == nil {
			res.Memory.Swap = new(int64)
		}
	}
	if err := m.Update(&res); err != nil {
		return err
	}
	return d.confirm(c, l)
}

func (d groupDir) limitV1(c Controller, l Limits) error {
	root, group, err := d.libraryPath(c)
	if err != nil {
		return err
	}
	res := &specs.LinuxResources{}
	switch {
	case c == Pids && l.Pids > 0:
		res.Pids = &specs.LinuxPids{Limit: &l.Pids}
		err = cgroup1.NewPids(root).Create(group, res)
	case c == CPU && l.CPU > 0:
		quota, period := int64(l.CPU*cpuPeriod), uint64(cpuPeriod)
		res.CPU = &specs.LinuxCPU{Quota: &quota, Period: &period}
		err = cgroup1.NewCpu(root).Create(group, res)
	case c == Memory && l.Memory > 0:
		res.Memory = &specs.LinuxMemory{Limit: &l.Memory}
		if _, err := os.Stat(filepath.Join(d.dir, "memory.memsw.limit_in_bytes")); err == nil {
			res.Memory.Swap = &l.Memory // memory and swap together: so swap is 0
		}
		err = cgroup1.NewMemory(root).Create(group, res)
	}
	if err != nil {
		return err
	}
	return d.confirm(c, l)
}

// libraryPath splits the directory as the v1 library wants it: the folder that holds a mount named
// like the controller, and the group below that mount. Joint mounts have such names as links.
func (d groupDir) libraryPath(c Controller) (root, group string, err error) {
	point := d.parent.mount.Point
	root = filepath.Dir(point)
	if a, err := os.Stat(filepath.Join(root, string(c))); err == nil {
		if b, err := os.Stat(point); err == nil && os.SameFile(a, b) {
			group, err = filepath.Rel(point, d.dir)
			return root, "/" + group, err
		}
	}
	return "", "", fmt.Errorf("the v1 hierarchy %s has no name for controller %s beside it", point, c)
}

// limitFiles says where a limit stands: v1 first, v2 second.
var limitFiles = map[Controller][2]string{
	Memory: {"memory.limit_in_bytes", "memory.max"},
	CPU:    {"cpu.cfs_quota_us", "cpu.max"},
	Pids:   {"pids.max", "pids.max"},
}

// confirm reads the limit back from the kernel.
func (d groupDir) confirm(c Controller, l Limits) error {
	file := limitFiles[c][0]
	if d.parent.mount.V2 {
		file = limitFiles[c][1]
	}
	b, err := os.ReadFile(filepath.Join(d.dir, file))
	if err != nil {
		return err
	}
	got, want := strings.TrimSpace(string(b)), map[Controller]int64{Memory: l.Memory, CPU: int64(l.CPU * cpuPeriod), Pids: l.Pids}[c]
	if want == 0 {
		return nil
	}
	first, _, _ := strings.Cut(got, " ")
	n, err := strconv.ParseInt(first, 10, 64)
	if err != nil || n > want {
		return fmt.Errorf("%s says %q, asked for %d", file, got, want)
	}
	return nil
}

// Holds reports, per controller (and "" for v2), whether pid is a member: read from /proc/PID/cgroup.
func (g *Group) Holds(pid int) (map[string]bool, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil, err
	}
	in := map[string]bool{}
	for c, path := range parseOwn(bytes.NewReader(b)) {
		in[c] = filepath.Base(path) == g.name
	}
	for _, d := range g.dirs {
		if d.parent.mount.V2 {
			for _, c := range d.parent.controllers {
				in[string(c)] = in[""]
			}
		}
	}
	return in, nil
}

// Kill ends every process of the group at once by cgroup.kill; an error if there is none.
func (g *Group) Kill() error {
	if g.v2 == "" {
		return errors.New("cgroup: no v2 group to kill by")
	}
	return writeFile(filepath.Join(g.v2, "cgroup.kill"), "1")
}

// KillEach ends the members one by one: the way without cgroup.kill and without a pid namespace.
func (g *Group) KillEach() {
	for _, d := range g.dirs {
		_, pids := survey(d.dir)
		for _, pid := range pids {
			killMember(pid, filepath.Join(filepath.Base(d.parent.dir), g.name))
		}
	}
}

// OOMKills reads how many tasks of the group the kernel has killed for want of memory. It must be
// read after the process was waited for and before Remove.
func (g *Group) OOMKills() uint64 {
	for _, d := range g.dirs {
		for _, c := range d.parent.controllers {
			if c != Memory {
				continue
			}
			file := "memory.oom_control"
			if d.parent.mount.V2 {
				file = "memory.events"
			}
			b, _ := os.ReadFile(filepath.Join(d.dir, file))
			return parseKV(b)["oom_kill"]
		}
	}
	return 0
}

// Remove removes the group's directories. They must be empty or about to be.
func (g *Group) Remove(ctx context.Context) error {
	var faults []error
	for _, d := range g.dirs {
		faults = append(faults, removeDir(ctx, d.dir))
	}
	return errors.Join(faults...)
}

// parseKV reads "name number" lines; others are skipped.
func parseKV(b []byte) map[string]uint64 {
	kv := map[string]uint64{}
	sc := bufio.NewScanner(bytes.NewReader(b))
	for n := 0; n < maxLines && sc.Scan(); n++ {
		if f := strings.Fields(sc.Text()); len(f) == 2 {
			if v, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				kv[f[0]] = v
			}
		}
	}
	return kv
}

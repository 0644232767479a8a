package isolation

import (
	"slices"
	"strings"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Limits of one engine. A zero field means the profile's value; a larger one than the profile's is cut
// to it: an extension may only ask for less.
type Limits struct {
	Memory int64   // bytes of the cgroup; swap is always 0
	CPU    float64 // cores
	Pids   int64   // processes and threads
}

// within narrows l to at most p.
func (l Limits) within(p Limits) Limits {
	narrow := func(a, b int64) int64 {
		if a <= 0 {
			return b
		}
		return min(a, b)
	}
	out := Limits{Memory: narrow(l.Memory, p.Memory), CPU: p.CPU, Pids: narrow(l.Pids, p.Pids)}
	if l.CPU > 0 {
		out.CPU = min(l.CPU, p.CPU)
	}
	return out
}

// Profile is one row of the table of profiles (design: engines). Immutable.
type Profile struct {
	Name     string
	Limits   Limits
	Heap     int64   // bytes of the JS heap, for the engine's own limit
	Required []Layer // without one of these an engine is refused, or degraded
}

// HeapOf narrows the JS heap that an extension asks for to its share of the memory that it gets, which is the
// profile's share: a heap that does not fit beside the process is no limit. Zero asks for all of it.
func (p Profile) HeapOf(asked, memory int64) int64 {
	most := p.Heap * Limits{Memory: memory}.within(p.Limits).Memory / p.Limits.Memory
	if asked <= 0 {
		return most
	}
	return min(asked, most)
}

const mib = 1 << 20

// process is what every profile that is a process requires. cgroup_kill is not among it: where there is
// no v2 hierarchy, the pid namespace, which is, makes the kill just as sure and a little slower.
var process = []Layer{
	LayerProcess, LayerCgroupMemory, LayerCgroupCPU, LayerCgroupPids,
	LayerNSUser, LayerNSPid, LayerNSMnt, LayerNSIpc, LayerNSUts,
	LayerNoNewPrivs, LayerRlimits, LayerEmptyEnv, LayerEmptyRoot, LayerLandlock, LayerSeccomp,
}

// Profiles is the table. Folders cannot be declared yet, so moderate and permissive get the empty root
// and no path by landlock; the network of permissive cannot be declared either, so it has none.
var Profiles = []Profile{
	{
		"strict",
		Limits{64 * mib, 0.5, 24},
		32 * mib,
		join(process, LayerNSNet, LayerNSCgroup, LayerNoCaps, LayerMDWE),
	},
	{
		"strict_plus",
		Limits{128 * mib, 0.5, 32},
		64 * mib,
		join(process, LayerNSNet, LayerNSCgroup, LayerNoCaps, LayerMDWE, LayerOwnKernel),
	},
	{
		"moderate",
		Limits{256 * mib, 1, 64},
		128 * mib,
		join(process, LayerNSNet, LayerNSCgroup, LayerNoCaps),
	},
	{"permissive", Limits{1024 * mib, 2, 256}, 512 * mib, process},
}

func join(a []Layer, b ...Layer) []Layer { return slices.Concat(a, b) }

// ProfileNamed finds a profile; a coded error names the choices.
func ProfileNamed(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, codes.New(codes.UnknownProfile, "no isolation profile is called %.40q", name).
		Fact("choices", "%s", strings.Join(names, ", "))
}

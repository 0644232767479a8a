package isolation

import (
	"fmt"
	"slices"
	"strings"
)

// Layer is one wall of a sandbox. Its name is stable.
type Layer string

// The layers.
const (
	LayerProcess      Layer = "process"
	LayerCgroupMemory Layer = "cgroup_memory"
	LayerCgroupCPU    Layer = "cgroup_cpu"
	LayerCgroupPids   Layer = "cgroup_pids"
	LayerCgroupKill   Layer = "cgroup_kill"
	LayerNSUser       Layer = "ns_user"
	LayerNSPid        Layer = "ns_pid"
	LayerNSNet        Layer = "ns_net"
	LayerNSMnt        Layer = "ns_mnt"
	LayerNSIpc        Layer = "ns_ipc"
	LayerNSUts        Layer = "ns_uts"
	LayerNSCgroup     Layer = "ns_cgroup"
	LayerNoNewPrivs   Layer = "no_new_privs"
	LayerNoCaps       Layer = "capabilities_none"
	LayerRlimits      Layer = "rlimits"
	LayerEmptyEnv     Layer = "empty_env"
	LayerEmptyRoot    Layer = "empty_root"
	LayerLandlock     Layer = "landlock"
	LayerMDWE         Layer = "mdwe"
	LayerSeccomp      Layer = "seccomp"
	LayerOwnKernel    Layer = "own_kernel"
)

// layerInfo is what people read about a layer.
type layerInfo struct {
	layer Layer
	lack  string // in degraded(…)
	how   string // how to get it
}

const (
	howCgroup = "run as root, or have root make and chown a cgroup subtree and start the supervisor in it (systemd: Delegate=yes)"
	howUserNS = "allow user namespaces: sysctl user.max_user_namespaces and, on some distributions, kernel.unprivileged_userns_clone=1 or kernel.apparmor_restrict_unprivileged_userns=0"
	howEngine = "use an engine that enters the sandbox by itself (fnode-engine)"
)

// layers is the table of all layers, in the order in which they are shown.
var layers = []layerInfo{
	{LayerProcess, "no process of its own", ""},
	{LayerCgroupMemory, "no cgroup memory limit", howCgroup},
	{LayerCgroupCPU, "no cgroup cpu limit", howCgroup},
	{LayerCgroupPids, "no cgroup pids limit", howCgroup},
	{LayerCgroupKill, "no cgroup kill", "mount cgroup v2 (Linux 5.14 or newer); " + howCgroup},
	{LayerNSUser, "no user namespace", howUserNS},
	{LayerNSPid, "no pid namespace", howUserNS},
	{LayerNSNet, "no network namespace", howUserNS},
	{LayerNSMnt, "no mount namespace", howUserNS},
	{LayerNSIpc, "no ipc namespace", howUserNS},
	{LayerNSUts, "no uts namespace", howUserNS},
	{LayerNSCgroup, "no cgroup namespace", howUserNS},
	{LayerNoNewPrivs, "no no_new_privs", "Linux 3.5 or newer"},
	{LayerNoCaps, "capabilities kept", howEngine},
	{LayerRlimits, "no resource limits", "Linux 2.6.36 or newer"},
	{LayerEmptyEnv, "environment not empty", ""},
	{LayerEmptyRoot, "no empty root", howEngine + "; it also needs a mount namespace and Linux 5.2"},
	{LayerLandlock, "no landlock", "Linux 5.13 or newer with landlock in the lsm= list; " + howEngine},
	{LayerMDWE, "no write-xor-execute", "Linux 6.3 or newer; " + howEngine},
	{LayerSeccomp, "no seccomp", "an amd64 kernel with seccomp filters; " + howEngine + " and seals itself"},
	{LayerOwnKernel, "no kernel of its own", "microVM and gVisor are not built yet; choose strict"},
}

// Layers lists all layers in the order in which they are shown.
func Layers() []Layer {
	var all []Layer
	for _, l := range layers {
		all = append(all, l.layer)
	}
	return all
}

func (l Layer) info() layerInfo {
	i := slices.IndexFunc(layers, func(x layerInfo) bool { return x.layer == l })
	if i < 0 {
		return layerInfo{layer: l, lack: "no " + string(l)}
	}
	return layers[i]
}

// Missing is a layer that is not in force.
type Missing struct {
	Layer Layer  `json:"layer"`
	Why   string `json:"why"`
	How   string `json:"how,omitempty"` // how to get it
}

// String gives "layer: why".
func (m Missing) String() string { return fmt.Sprintf("%s: %s", m.Layer, m.Why) }

// degraded gives the label of a child that lacks required layers; "" if it lacks none.
func degraded(missing []Missing) string {
	if len(missing) == 0 {
		return ""
	}
	var lacks []string
	for _, m := range missing {
		lacks = append(lacks, m.Layer.info().lack)
	}
	return "degraded(" + strings.Join(lacks, ", ") + ")"
}

// verdict collects, per layer, nil (attained) or why not. Owned by one goroutine at a time.
type verdict map[Layer]error

// attained lists the layers without an error, in table order.
func (v verdict) attained() []Layer {
	var in []Layer
	for _, l := range layers {
		if err, known := v[l.layer]; known && err == nil {
			in = append(in, l.layer)
		}
	}
	return in
}

// missing lists those of the wanted layers that are not attained, in table order.
func (v verdict) missing(wanted []Layer) []Missing {
	var out []Missing
	for _, l := range layers {
		if !slices.Contains(wanted, l.layer) {
			continue
		}
		err, known := v[l.layer]
		if known && err == nil {
			continue
		}
		why := "not built"
		if err != nil {
			why = err.Error()
		}
		out = append(out, Missing{Layer: l.layer, Why: why, How: l.how})
	}
	return out
}

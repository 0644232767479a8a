package isolation

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"github.com/franken-node/fnode-supervisor/isolation/cgroup"
	"github.com/franken-node/fnode-supervisor/isolation/inside"
	"golang.org/x/sys/unix"
)

// Host is what this machine gives to this user. Immutable after Probe.
type Host struct {
	Kernel      string            `json:"kernel"`
	Root        bool              `json:"root"`
	CgroupMode  cgroup.Mode       `json:"cgroup_mode"`
	Controllers map[string]string `json:"controllers"` // memory, cpu, pids: "v1", "v2", or why not writable
	CgroupKill  bool              `json:"cgroup_kill"`
	UserNS      bool              `json:"user_namespaces"`
	Namespaces  []Layer           `json:"namespaces"` // those that can be made, ns_user first
	LandlockABI int               `json:"landlock_abi"`
	Seccomp     bool              `json:"seccomp"` // filters with kill-process
	MemfdExec   bool              `json:"memfd_exec"`
	MDWE        bool              `json:"mdwe"`

	cloneFlags uintptr
	cgroups    cgroup.Host
	nsWhy      map[Layer]error
}

// Probe asks the kernel, by harmless calls only: no process outlives it, no group is made. It takes
// about 2 ms. Whether a group can really be made is decided by Open.
func Probe() Host {
	h := Host{
		Root:        os.Geteuid() == 0,
		cgroups:     cgroup.Discover(),
		LandlockABI: inside.LandlockABI(),
		Seccomp:     probeSeccomp(),
		MemfdExec:   probeMemfd() == nil,
		nsWhy:       map[Layer]error{},
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	_, err := unix.PrctlRetInt(unix.PR_GET_MDWE, 0, 0, 0, 0)
	h.MDWE = err == nil
	h.probeCgroups()
	h.probeNamespaces()
	return h
}

func (h *Host) probeCgroups() {
	h.CgroupMode = h.cgroups.Mode
	h.Controllers = map[string]string{}
	for _, c := range cgroup.Controllers {
		h.Controllers[string(c)] = carrier(h.cgroups.Carrier(c))
	}
	h.CgroupKill = h.cgroups.V2 != nil && carrier(h.cgroups.V2) == "v2"
}

// carrier gives the version that carries a controller for us, or why none does.
func carrier(m *cgroup.Mount) string {
	if m == nil {
		return "not mounted"
	}
	err := m.Writable(m.Self)
	if err != nil {
		err = m.Writable(m.Point)
	}
	switch {
	case err != nil:
		return fmt.Sprintf("%s is not writable: %v", m.Self, err)
	case m.V2:
		return "v2"
	}
	return "v1"
}

// namespaces pairs each namespace layer with its clone flag and its link in /proc/PID/ns.
var namespaces = []struct {
	layer Layer
	flag  uintptr
	link  string
}{
	{LayerNSUser, unix.CLONE_NEWUSER, "user"},
	{LayerNSPid, unix.CLONE_NEWPID, "pid"},
	{LayerNSNet, unix.CLONE_NEWNET, "net"},
	{LayerNSMnt, unix.CLONE_NEWNS, "mnt"},
	{LayerNSIpc, unix.CLONE_NEWIPC, "ipc"},
	{LayerNSUts, unix.CLONE_NEWUTS, "uts"},
	{LayerNSCgroup, unix.CLONE_NEWCGROUP, "cgroup"},
}

// probeNamespaces finds the largest set of namespaces that can be made: all at once, else one by one,
// inside a user namespace if there is one.
func (h *Host) probeNamespaces() {
	var all uintptr
	for _, ns := range namespaces {
		all |= ns.flag
	}
	if tryClone(all) == nil {
		h.cloneFlags = all
	} else {
		for _, ns := range namespaces {
			err := tryClone(h.cloneFlags | ns.flag)
			if h.nsWhy[ns.layer] = err; err == nil {
				h.cloneFlags |= ns.flag
			}
		}
	}
	for _, ns := range namespaces {
		if h.cloneFlags&ns.flag != 0 {
			h.Namespaces = append(h.Namespaces, ns.layer)
		}
	}
	h.UserNS = h.cloneFlags&unix.CLONE_NEWUSER != 0
}

// noFile is a path that no file can have: below a file that is not a directory.
const noFile = "/proc/self/status/none"

// tryClone makes a process with these flags that ends at once, because it is told to execute a file
// that cannot exist. If that is what the kernel complains about, then clone, uid map and credentials
// worked.
func tryClone(flags uintptr) error {
	_, err := os.StartProcess(noFile, []string{"probe"}, &os.ProcAttr{Env: []string{}, Sys: attributes(flags)})
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	var path *os.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("clone: %w", path.Err)
	}
	return err
}

// attributes gives what a process with these namespaces is born with.
func attributes(flags uintptr) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: flags, Setsid: true, Pdeathsig: syscall.SIGKILL}
	if flags&unix.CLONE_NEWUSER == 0 {
		return a
	}
	uid, gid := os.Geteuid(), os.Getegid()
	root := uid == 0
	if root {
		uid, gid = nobody, nobody
	}
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	a.GidMappingsEnableSetgroups = root
	a.Credential = &syscall.Credential{Uid: 0, Gid: 0, NoSetGroups: !root}
	return a
}

// nobody is the host's user that engines of a root supervisor run as.
const nobody = 65534

func probeSeccomp() bool {
	action := uint32(unix.SECCOMP_RET_KILL_PROCESS)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	return errno == 0
}

// probeMemfd tells why a memfd cannot be executed here.
func probeMemfd() error {
	fd, err := unix.MemfdCreate("probe", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // older than Linux 6.3: every memfd may be executed
		fd, err = unix.MemfdCreate("probe", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return fmt.Errorf("memfd_create: %w", err)
	}
	return unix.Close(fd)
}

// String sums the host up in one line.
func (h Host) String() string {
	user := "user"
	if h.Root {
		user = "root"
	}
	return fmt.Sprintf("linux %s as %s: cgroups %s (memory %s, cpu %s, pids %s, kill %t), namespaces %d of %d, landlock %d, seccomp %t, memfd exec %t, mdwe %t",
		h.Kernel, user, h.CgroupMode, h.Controllers["memory"], h.Controllers["cpu"], h.Controllers["pids"], h.CgroupKill,
		len(h.Namespaces), len(namespaces), h.LandlockABI, h.Seccomp, h.MemfdExec, h.MDWE)
}

// names joins layers for a message.
func names(ls []Layer) string {
	var s []string
	for _, l := range ls {
		s = append(s, string(l))
	}
	return strings.Join(s, ", ")
}

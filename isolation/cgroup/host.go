package cgroup

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Controller is one of the three controllers that carry a limit.
type Controller string

// The controllers in use.
const (
	Memory Controller = "memory"
	CPU    Controller = "cpu"
	Pids   Controller = "pids"
)

// Controllers lists them in the order in which limits are set: pids first, so that nothing can
// multiply before the rest holds.
var Controllers = []Controller{Pids, Memory, CPU}

// Mode says which cgroup versions are mounted.
type Mode string

// The modes. In hybrid mode v2 is mounted beside v1.
const (
	ModeNone   Mode = "none"
	ModeV1     Mode = "v1"
	ModeV2     Mode = "v2"
	ModeHybrid Mode = "hybrid"
)

// Mount is one mounted hierarchy as this process sees it. Immutable after Discover.
type Mount struct {
	V2          bool
	Controllers []string // v1: of the mount; v2: listed in cgroup.controllers of Self
	Point       string   // mount point, absolute
	Self        string   // directory of our own group, absolute; Point if it cannot be seen
}

// Writable reports whether we may make a group in dir, and if not, why.
func (m *Mount) Writable(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }

// Host is what Discover found. Immutable.
type Host struct {
	Mode Mode
	V2   *Mount                // nil if not mounted
	V1   map[Controller]*Mount // only the controllers of Controllers
}

// Carrier gives the mount that carries a controller: v2 where v2 has it, else v1, else nil.
func (h Host) Carrier(c Controller) *Mount {
	if h.V2 != nil && slices.Contains(h.V2.Controllers, string(c)) {
		return h.V2
	}
	return h.V1[c]
}

// Discover reads /proc/self/mountinfo and /proc/self/cgroup. What cannot be read counts as not there.
// Source: cgroups(7), proc_pid_mountinfo(5).
func Discover() Host {
	mi, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return Host{Mode: ModeNone}
	}
	defer mi.Close()
	own, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return Host{Mode: ModeNone}
	}
	defer own.Close()
	h := assemble(parseMounts(mi), parseOwn(own))
	if h.V2 != nil {
		b, _ := os.ReadFile(filepath.Join(h.V2.Self, "cgroup.controllers"))
		h.V2.Controllers = strings.Fields(string(b))
	}
	return h
}

// mountLine is the part of a mountinfo line that matters here.
type mountLine struct {
	root, point string
	v2          bool
	options     []string
}

const maxLines = 4096 // of a /proc file; more are ignored

// parseMounts picks the cgroup mounts out of mountinfo.
func parseMounts(r io.Reader) []mountLine {
	var found []mountLine
	sc := bufio.NewScanner(r)
	for n := 0; n < maxLines && sc.Scan(); n++ {
		left, right, ok := strings.Cut(sc.Text(), " - ")
		l, t := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 5 || len(t) < 3 || !strings.HasPrefix(t[0], "cgroup") {
			continue
		}
		found = append(found, mountLine{root: l[3], point: l[4], v2: t[0] == "cgroup2", options: strings.Split(t[2], ",")})
	}
	return found
}

// parseOwn maps each v1 controller, and "" for v2, to our path in its hierarchy.
func parseOwn(r io.Reader) map[string]string {
	own := map[string]string{}
	sc := bufio.NewScanner(r)
	for n := 0; n < maxLines && sc.Scan(); n++ {
		f := strings.SplitN(sc.Text(), ":", 3)
		if len(f) != 3 || !strings.HasPrefix(f[2], "/") {
			continue
		}
		for _, c := range strings.Split(f[1], ",") {
			own[c] = f[2]
		}
	}
	return own
}

// assemble joins mounts and own paths into a Host.
func assemble(mounts []mountLine, own map[string]string) Host {
	h := Host{Mode: ModeNone, V1: map[Controller]*Mount{}}
	for _, l := range mounts {
		if l.v2 {
			if h.V2 == nil {
				h.V2 = &Mount{V2: true, Point: l.point, Self: within(l, own[""])}
			}
			continue
		}
		for _, c := range Controllers {
			if slices.Contains(l.options, string(c)) && h.V1[c] == nil {
				h.V1[c] = &Mount{Controllers: l.options, Point: l.point, Self: within(l, own[string(c)])}
			}
		}
	}
	switch {
	case h.V2 != nil && len(h.V1) > 0:
		h.Mode = ModeHybrid
	case h.V2 != nil:
		h.Mode = ModeV2
	case len(h.V1) > 0:
		h.Mode = ModeV1
	}
	return h
}

// within gives the directory of path below the mount. A bind mount (as in containers) shows only
// what is below its root; a group outside it cannot be reached, and the mount point stands for it.
func within(l mountLine, path string) string {
	if l.root == "/" {
		return filepath.Join(l.point, path)
	}
	if rest, ok := strings.CutPrefix(path, l.root); ok && (rest == "" || rest[0] == '/') {
		return filepath.Join(l.point, rest)
	}
	return l.point
}

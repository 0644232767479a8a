package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is what a group uses now. A field is zero if no controller tells it.
type Usage struct {
	Memory   uint64        // bytes charged to the group, page cache and kernel memory included
	CPU      time.Duration // of all its tasks since birth; v2 tells it even without controllers
	Tasks    uint64        // processes and threads
	OOMKills uint64
}

// Usage reads the counters.
func (g *Group) Usage() Usage {
	u := Usage{OOMKills: g.OOMKills()}
	for _, d := range g.dirs {
		if d.parent.mount.V2 {
			b, _ := os.ReadFile(filepath.Join(d.dir, "cpu.stat"))
			u.CPU = time.Duration(parseKV(b)["usage_usec"]) * time.Microsecond
		}
		for _, c := range d.parent.controllers {
			switch {
			case c == Memory && d.parent.mount.V2:
				u.Memory = readNumber(d.dir, "memory.current")
			case c == Memory:
				u.Memory = readNumber(d.dir, "memory.usage_in_bytes")
			case c == Pids:
				u.Tasks = readNumber(d.dir, "pids.current")
			}
		}
	}
	if g.v2 == "" {
		u.CPU = g.v1CPU()
	}
	return u
}

// v1CPU reads cpuacct where it shares the mount of cpu, which is the usual v1 layout.
func (g *Group) v1CPU() time.Duration {
	for _, d := range g.dirs {
		if n := readNumber(d.dir, "cpuacct.usage"); n > 0 {
			return time.Duration(n)
		}
	}
	return 0
}

func readNumber(dir, file string) uint64 {
	b, _ := os.ReadFile(filepath.Join(dir, file))
	n, _ := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n
}

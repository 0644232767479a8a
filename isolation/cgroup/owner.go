package cgroup

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Owner is the supervisor that made a parent group, as told by the group's name.
type Owner struct {
	Root     string // word of the product, [a-z0-9_]{1,16}
	Instance string // of the data directory, [a-z0-9_]{1,32}
	PID      int
	Start    uint64 // field 22 of /proc/PID/stat, clock ticks since boot
}

var word = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// Name gives the name of the parent group: root-instance-pid-start.
func (o Owner) Name() string {
	return fmt.Sprintf("%s-%s-%d-%d", o.Root, o.Instance, o.PID, o.Start)
}

// ParseOwner reads a parent group's name; false if it is not one of ours.
func ParseOwner(name string) (Owner, bool) {
	f := strings.Split(name, "-")
	if len(f) != 4 || !word.MatchString(f[0]) || !word.MatchString(f[1]) {
		return Owner{}, false
	}
	pid, err1 := strconv.ParseUint(f[2], 10, 31)
	start, err2 := strconv.ParseUint(f[3], 10, 63)
	o := Owner{Root: f[0], Instance: f[1], PID: int(pid), Start: start}
	return o, err1 == nil && err2 == nil && pid > 0 && o.Name() == name
}

// Alive reports whether that very process still runs: same pid, same start time, not a zombie.
func (o Owner) Alive() bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", o.PID))
	if err != nil {
		return false
	}
	state, start, ok := parseStat(string(b))
	return ok && start == o.Start && state != 'Z' && state != 'X'
}

// parseStat reads state and start time of a /proc/PID/stat line (proc_pid_stat(5), fields 3 and 22).
func parseStat(s string) (state byte, start uint64, ok bool) {
	_, rest, found := cutLast(s, ")") // the name in brackets may hold anything
	f := strings.Fields(rest)
	if !found || len(f) < 20 || len(f[0]) != 1 {
		return 0, 0, false
	}
	start, err := strconv.ParseUint(f[19], 10, 64)
	return f[0][0], start, err == nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// me gives the owner that stands for this process.
func me(root, instance string) (Owner, error) {
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return Owner{}, err
	}
	_, start, ok := parseStat(string(b))
	if !ok {
		return Owner{}, fmt.Errorf("cgroup: /proc/self/stat is not readable as proc_pid_stat(5): %.80q", b)
	}
	return Owner{Root: root, Instance: instance, PID: os.Getpid(), Start: start}, nil
}

package cgroup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Reaped is one parent group of a dead supervisor that was found and removed.
type Reaped struct {
	Dir    string // the parent group
	Owner  Owner  // who had made it
	Groups int    // child groups removed with it
	PIDs   []int  // processes that still lived in it and were killed, sorted
}

// reap removes the parents of dead supervisors of the same root and instance. Groups of living ones,
// of other instances and of other makers are not touched.
func reap(ctx context.Context, h Host, self Owner) ([]Reaped, error) {
	var all []Reaped
	for _, base := range bases(h) {
		entries, err := os.ReadDir(base)
		if err != nil {
			continue // not ours to read, so nothing of ours is in it
		}
		for _, e := range entries {
			o, ok := ParseOwner(e.Name())
			if !ok || !e.IsDir() || o.Root != self.Root || o.Instance != self.Instance || o == self || o.Alive() {
				continue
			}
			r, err := clear(ctx, filepath.Join(base, e.Name()))
			r.Owner = o
			all = append(all, r)
			if err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// bases lists where parents may stand: our own group, the one above it (a supervisor that had stepped
// down into a leaf) and the top, in each hierarchy.
func bases(h Host) []string {
	var dirs []string
	add := func(m *Mount) {
		if m != nil {
			dirs = append(dirs, m.Self, m.Point)
		}
	}
	add(h.V2)
	for _, c := range Controllers {
		add(h.V1[c])
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

const clearFor = 5 * time.Second // longest wait for the processes of one parent to die

// clear kills all that lives below dir and removes dir.
func clear(ctx context.Context, dir string) (Reaped, error) {
	ctx, cancel := context.WithTimeout(ctx, clearFor)
	defer cancel()
	r := Reaped{Dir: dir}
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		groups, pids := survey(dir)
		r.Groups = max(r.Groups, len(groups)-1)
		r.PIDs = append(r.PIDs, pids...)
		if len(pids) == 0 {
			err := removeAll(ctx, groups)
			slices.Sort(r.PIDs)
			r.PIDs = slices.Compact(r.PIDs)
			return r, err
		}
		killAll(dir, pids)
		if err := pause(ctx, wait); err != nil {
			return r, fmt.Errorf("%d processes in %s do not die: %w", len(pids), dir, err)
		}
	}
}

// survey lists dir and the groups below it, deepest last, and the processes in them except ourselves:
// on v1 a thread of ours that stands in a group makes our own pid appear in its cgroup.procs.
func survey(dir string) (groups []string, pids []int) {
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			groups = append(groups, p)
			found, _ := readPids(filepath.Join(p, "cgroup.procs"))
			pids = append(pids, found...)
		}
		return nil
	})
	return groups, slices.DeleteFunc(pids, func(pid int) bool { return pid == os.Getpid() })
}

func removeAll(ctx context.Context, groups []string) error {
	var faults []error
	for _, g := range slices.Backward(groups) {
		faults = append(faults, removeDir(ctx, g))
	}
	return errors.Join(faults...)
}

// killAll ends the processes below dir: by cgroup.kill where there is one and we are not in it
// ourselves, else one by one.
func killAll(dir string, pids []int) {
	own, _ := readPids(filepath.Join(dir, ownLeaf, "cgroup.procs"))
	if !slices.Contains(own, os.Getpid()) && writeFile(filepath.Join(dir, "cgroup.kill"), "1") == nil {
		return
	}
	for _, pid := range pids {
		killMember(pid, filepath.Base(dir))
	}
}

// killMember kills pid if it still belongs to a group whose path contains name. The pidfd is taken
// first, so that a pid that was used anew between both looks cannot be hit.
func killMember(pid int, name string) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err == nil && strings.Contains(string(b), "/"+name) {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

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
	for _, m := range mounts(h) {
		for _, dir := range find(m.Point, self) {
			o, _ := ParseOwner(filepath.Base(dir))
			if o == self || o.Alive() {
				continue
			}
			r, err := purge(ctx, dir)
			r.Owner = o
			all = append(all, r)
			if err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// mounts lists each mounted hierarchy once.
func mounts(h Host) []*Mount {
	var all []*Mount
	for _, m := range append([]*Mount{h.V2}, h.V1[Memory], h.V1[CPU], h.V1[Pids]) {
		if m != nil && !slices.ContainsFunc(all, func(x *Mount) bool { return x.Point == m.Point }) {
			all = append(all, m)
		}
	}
	return all
}

const maxGroups = 20_000 // groups looked at in one hierarchy

// find looks through the whole hierarchy, since the dead supervisor may have stood elsewhere than we
// do (another login session), for parents of the same root and instance.
func find(top string, self Owner) []string {
	var found []string
	queue := []string{top}
	for n := 0; len(queue) > 0 && n < maxGroups; n++ {
		dir := queue[0]
		queue = queue[1:]
		entries, _ := os.ReadDir(dir) // what we may not read is not ours
		for _, e := range entries {
			if !e.IsDir() {
				continue
			}
			o, ours := ParseOwner(e.Name())
			switch {
			case !ours:
				queue = append(queue, filepath.Join(dir, e.Name()))
			case o.Root == self.Root && o.Instance == self.Instance:
				found = append(found, filepath.Join(dir, e.Name()))
			}
		}
	}
	return found
}

const purgeFor = 5 * time.Second // longest wait for the processes of one parent to die

// purge kills all that lives below dir and removes dir.
func purge(ctx context.Context, dir string) (Reaped, error) {
	ctx, cancel := context.WithTimeout(ctx, purgeFor)
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

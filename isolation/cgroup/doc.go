// Package cgroup owns the supervisor's part of the cgroup file systems: one parent group per hierarchy
// and one child group per engine below it.
//
// It speaks pure v2, v1 and hybrid hosts. Limits and statistics go through containerd/cgroups; finding
// the mounts, birth inside a group, kill, out-of-memory counters and the reaping of orphans are here.
// It never touches a group that it has not made: a parent's name carries the instance id and the pid
// and start time of the supervisor that made it, and a group of a living supervisor is left alone.
//
// Life: Discover, OpenTree (parents made, orphans reaped), Tree.NewGroup per engine, Group.Remove,
// Tree.Close (parents removed).
//
// Concurrency: Host is immutable. Tree and Group may be used from several goroutines; each Group
// operation is a system call or a few and holds no lock.
//
//	host := cgroup.Discover()
//	tree, reaped, err := cgroup.OpenTree(ctx, cgroup.Options{Host: host, Root: "fnode", Instance: "8f3a2b10"})
//	g, err := tree.NewGroup("e1")
//	faults := g.Limit(cgroup.Limits{Memory: 64 << 20, CPU: 0.5, Pids: 24})
package cgroup

package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/quick"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hosts are mountinfo and cgroup files as kernels write them, with what must come out.
var hosts = []struct {
	name, mountinfo, own string
	mode                 Mode
	v2self, memself      string
}{
	{
		"pure v2 under systemd",
		"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate",
		"0::/system.slice/fnode.service", ModeV2, "/sys/fs/cgroup/system.slice/fnode.service", "",
	},
	{
		"hybrid",
		"33 31 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
		"4:memory:/process_api/7\n1:cpu:/\n0::/", ModeHybrid, "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory/process_api/7",
	},
	{
		"v1 with joint mount",
		"33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n35 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory",
		"4:memory:/a\n1:cpu,cpuacct:/b", ModeV1, "", "/cg/memory/a",
	},
	{
		"container with a bind mount",
		"35 31 0:32 /docker/77 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory",
		"4:memory:/docker/77/x", ModeV1, "", "/sys/fs/cgroup/memory/x",
	},
	{
		"container that sees a sibling's root",
		"35 31 0:32 /docker/77 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory",
		"4:memory:/docker/778", ModeV1, "", "/sys/fs/cgroup/memory",
	},
	{"nothing", "1 0 8:1 / / rw - ext4 /dev/sda1 rw", "", ModeNone, "", ""},
}

func TestHostIsReadFromProc(t *testing.T) {
	for _, h := range hosts {
		got := assemble(parseMounts(strings.NewReader(h.mountinfo)), parseOwn(strings.NewReader(h.own)))
		if got.Mode != h.mode {
			t.Errorf("%s: mode %s, want %s", h.name, got.Mode, h.mode)
		}
		if h.v2self != "" && (got.V2 == nil || got.V2.Self != h.v2self) {
			t.Errorf("%s: v2 %+v, want %s", h.name, got.V2, h.v2self)
		}
		if h.memself != "" && (got.V1[Memory] == nil || got.V1[Memory].Self != h.memself) {
			t.Errorf("%s: memory %+v, want %s", h.name, got.V1[Memory], h.memself)
		}
	}
}

func FuzzHost(f *testing.F) {
	for _, h := range hosts {
		f.Add(h.mountinfo, h.own)
	}
	f.Fuzz(func(t *testing.T, mountinfo, own string) {
		h := assemble(parseMounts(strings.NewReader(mountinfo)), parseOwn(strings.NewReader(own)))
		if h.Mode == ModeV2 && h.V2 == nil || h.Mode == ModeNone && (h.V2 != nil || len(h.V1) > 0) {
			t.Fatalf("%+v", h)
		}
	})
}

func TestOwnerSurvivesItsName(t *testing.T) {
	err := quick.Check(func(pid uint16, start uint64) bool {
		o := Owner{Root: "fnode", Instance: "8f3a_2b", PID: int(pid) + 1, Start: start >> 1}
		got, ok := ParseOwner(o.Name())
		return ok && got == o
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

func FuzzParseOwner(f *testing.F) {
	for _, s := range []string{"fnode-8f3a-12-99", "fnode-8f3a-12-99-1", "docker-abc-1-2", "fnode--1-1", "fnode-a-01-1", "fnode-a-0-1", "a/b-c-1-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if o, ok := ParseOwner(s); ok && (o.Name() != s || strings.Contains(s, "/") || o.PID <= 0) {
			t.Fatalf("%q was read as %+v", s, o)
		}
	})
}

func FuzzParseStat(f *testing.F) {
	b, _ := os.ReadFile("/proc/self/stat")
	f.Add(string(b))
	f.Add("1 (a) b) (c) S 1 1 1 0 -1 1 1 1 1 1 1 1 1 1 1 1 1 1 77 1")
	f.Add("1 (x")
	f.Fuzz(func(t *testing.T, s string) {
		if state, _, ok := parseStat(s); ok && state == 0 {
			t.Fatalf("%q", s)
		}
	})
}

func FuzzParseKV(f *testing.F) {
	f.Add([]byte("low 0\noom 1\noom_kill 3\n"))
	f.Add([]byte("oom_kill x\noom_kill\n oom_kill 1 2"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(parseKV(b)) > bytes.Count(b, []byte("\n"))+1 {
			t.Fatalf("%q", b)
		}
	})
}

func TestOwnerOfThisProcessIsAlive(t *testing.T) {
	o, err := me("fnode", "x")
	if err != nil || !o.Alive() {
		t.Fatalf("%+v %v", o, err)
	}
	if o.Start++; o.Alive() {
		t.Error("another start time counts as the same process")
	}
}

// fakeV2 lays out directories as a pure v2 host has them. Plain files take what is written, which is
// enough to see what would be asked of the kernel; that a real v2 host obeys is not shown by it.
func fakeV2(t *testing.T) Host {
	t.Helper()
	top := t.TempDir()
	self := filepath.Join(top, "user.slice")
	if err := os.Mkdir(self, 0o755); err != nil {
		t.Fatal(err)
	}
	touch(t, self, "cgroup.subtree_control", "")
	return Host{Mode: ModeV2, V2: &Mount{V2: true, Controllers: []string{"cpu", "memory", "pids"}, Point: top, Self: self}}
}

func touch(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPureV2WritesLimitsWhereTheKernelWantsThem(t *testing.T) {
	h := fakeV2(t)
	owner, err := me("fnode", "x")
	if err != nil {
		t.Fatal(err)
	}
	parentDir := filepath.Join(h.V2.Self, owner.Name())
	if err := os.Mkdir(parentDir, 0o755); err != nil {
		t.Fatal(err)
	}
	touch(t, parentDir, "cgroup.subtree_control", "")
	tree, _, err := OpenTree(t.Context(), Options{Host: h, Root: "fnode", Instance: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range Controllers {
		if tree.Why(c) != nil {
			t.Errorf("%s: %v", c, tree.Why(c))
		}
	}
	g, err := tree.NewGroup("e1")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"memory.max", "memory.swap.max", "memory.oom.group", "cpu.max", "pids.max"} {
		touch(t, g.V2(), f, "")
	}
	if faults := g.Limit(Limits{Memory: 64 << 20, CPU: 0.5, Pids: 24}); len(faults) > 0 {
		t.Fatal(faults)
	}
	for file, want := range map[string]string{
		"memory.max": "67108864", "memory.swap.max": "0", "memory.oom.group": "1", "cpu.max": "50000 100000", "pids.max": "24",
	} {
		if b, _ := os.ReadFile(filepath.Join(g.V2(), file)); string(b) != want {
			t.Errorf("%s is %q, want %q", file, b, want)
		}
	}
	touch(t, g.V2(), "memory.events", "low 0\nmax 7\noom 1\noom_kill 2\n")
	if n := g.OOMKills(); n != 2 {
		t.Errorf("oom kills %d, want 2", n)
	}
}

func TestV2WithoutDelegationSaysWhy(t *testing.T) {
	h := fakeV2(t)
	if err := os.Remove(filepath.Join(h.V2.Self, "cgroup.subtree_control")); err != nil {
		t.Fatal(err)
	}
	tree, _, err := OpenTree(t.Context(), Options{Host: h, Root: "fnode", Instance: "y"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range Controllers {
		if why := tree.Why(c); why == nil || !strings.Contains(why.Error(), "cannot delegate") {
			t.Errorf("%s: %v", c, why)
		}
	}
}

// needCgroups gives the host if real groups can be made here.
func needCgroups(t *testing.T) Host {
	t.Helper()
	h := Discover()
	for _, c := range Controllers {
		if m := h.Carrier(c); m == nil || m.Writable(m.Point) != nil {
			t.Skipf("needs: a writable cgroup controller %s", c)
		}
	}
	return h
}

func TestRealGroupTakesLimitsAndGoesAway(t *testing.T) {
	h := needCgroups(t)
	instance := fmt.Sprintf("c%d", os.Getpid())
	tree, reaped, err := OpenTree(t.Context(), Options{Host: h, Root: "fnode", Instance: instance})
	if err != nil || len(reaped) > 0 {
		t.Fatal(reaped, err)
	}
	g, err := tree.NewGroup("e1")
	if err != nil {
		t.Fatal(err)
	}
	if faults := g.Limit(Limits{Memory: 64 << 20, CPU: 0.5, Pids: 24}); len(faults) > 0 {
		t.Error(faults)
	}
	if err := g.Remove(t.Context()); err != nil {
		t.Error(err)
	}
	if err := tree.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for _, d := range tree.Dirs() {
		if _, err := os.Stat(d); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left", d)
		}
	}
}

// TestOrphanProcessesAreKilled lays out what a dead supervisor leaves when its engines outlive it, in a
// part of the tree where this process does not stand.
func TestOrphanProcessesAreKilled(t *testing.T) {
	h := needCgroups(t)
	if h.V1[Memory] == nil {
		t.Skip("needs: a v1 memory hierarchy")
	}
	dead := Owner{Root: "fnode", Instance: fmt.Sprintf("o%d", os.Getpid()), PID: 1, Start: 1 << 60}
	elsewhere := filepath.Join(h.V1[Memory].Point, fmt.Sprintf("session%d", os.Getpid()))
	group := filepath.Join(elsewhere, dead.Name(), "e1")
	if err := os.MkdirAll(group, 0o755); err != nil {
		t.Fatal(err)
	}
	defer unix.Rmdir(elsewhere)
	orphan := exec.Command("sleep", "600")
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1) // capacity 1; never closed
	// owner: this test by exited; ends: when the orphan is killed.
	go func() { exited <- orphan.Wait() }()
	if err := writeFile(filepath.Join(group, "cgroup.procs"), fmt.Sprint(orphan.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	tree, reaped, err := OpenTree(t.Context(), Options{Host: h, Root: "fnode", Instance: dead.Instance})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close(t.Context())
	if len(reaped) != 1 || reaped[0].Groups != 1 || !slices.Equal(reaped[0].PIDs, []int{orphan.Process.Pid}) || reaped[0].Owner != dead {
		t.Errorf("reaped %+v", reaped)
	}
	select {
	case <-exited:
	case <-time.After(5 * time.Second):
		_ = orphan.Process.Kill()
		t.Error("the orphan lives")
	}
}

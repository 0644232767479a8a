package isolation

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKilledSupervisorLeavesNoEngineAndItsGroupsAreReaped(t *testing.T) {
	needNamespaces(t)
	instance := freshInstance()
	o := startOther(t, instance)
	if len(o.pids) != 2 || !alive(o.pids[0]) || len(runningFor(instance)) < 2 {
		t.Fatalf("engines %v, running %v", o.pids, runningFor(instance))
	}
	o.kill()
	eventually(t, 5*time.Second, "no engine survives its supervisor", func() bool {
		return !slices.ContainsFunc(o.pids, alive)
	})
	m, reaped, err := Open(t.Context(), Options{InstanceID: instance, AllowDegraded: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	var dirs []string
	for _, r := range reaped {
		dirs = append(dirs, r.Dir)
		if r.Owner.PID != o.cmd.Process.Pid {
			t.Errorf("reaped %s of pid %d, the dead one was %d", r.Dir, r.Owner.PID, o.cmd.Process.Pid)
		}
	}
	slices.Sort(dirs)
	slices.Sort(o.groups)
	if !slices.Equal(dirs, o.groups) {
		t.Errorf("reaped %v, left were %v", dirs, o.groups)
	}
	for _, d := range o.groups {
		if _, err := os.Stat(d); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left", d)
		}
	}
}

func TestLivingSupervisorAndOtherInstancesAreNotTouched(t *testing.T) {
	needNamespaces(t)
	instance := freshInstance()
	o := startOther(t, instance)
	for _, id := range []string{instance, freshInstance()} { // its own id, though it lives; and another's
		m, reaped, err := Open(t.Context(), Options{InstanceID: id, AllowDegraded: true})
		if err != nil {
			t.Fatal(err)
		}
		if len(reaped) != 0 {
			t.Errorf("reaped %v of a living supervisor", reaped)
		}
		if err := m.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for _, pid := range o.pids {
		if !alive(pid) {
			t.Errorf("engine %d of the other supervisor died", pid)
		}
	}
	for _, d := range o.groups {
		if _, err := os.Stat(d); err != nil {
			t.Error(err)
		}
	}
	o.kill()
	m, reaped, err := Open(t.Context(), Options{InstanceID: instance})
	if err != nil || len(reaped) != len(o.groups) {
		t.Errorf("after its death: reaped %v, %v", reaped, err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSupervisorKilledAtAnyMomentLeavesNothing kills managers at random moments of their start and
// looks, by the group names, whether any process or group of theirs stays after the next Open.
func TestSupervisorKilledAtAnyMomentLeavesNothing(t *testing.T) {
	needNamespaces(t)
	seed := time.Now().UnixNano()
	random := rand.New(rand.NewPCG(uint64(seed), 0))
	for round := range rounds(6, 300) {
		instance := freshInstance()
		cmd := exec.Command(filepath.Join(shared, "isolation.test"))
		cmd.Env = append(os.Environ(), roleEnv+"=manager", engineEnv+"="+engine, "FNODE_ISOLATION_INSTANCE="+instance)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.NewTimer(time.Duration(random.IntN(60_000)) * time.Microsecond)
		<-timer.C
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		m, reaped, err := Open(t.Context(), Options{InstanceID: instance})
		if err != nil {
			t.Fatalf("round %d, seed %d: %v", round, seed, err)
		}
		for _, r := range reaped {
			if _, err := os.Stat(r.Dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("round %d, seed %d: %s is left", round, seed, r.Dir)
			}
		}
		if err := m.Close(t.Context()); err != nil {
			t.Errorf("round %d, seed %d: %v", round, seed, err)
		}
		eventually(t, 5*time.Second, "no process of the dead supervisor lives", func() bool {
			return len(runningFor(instance)) == 0
		})
	}
}

// runningFor lists the processes that carry an instance id as their argument.
func runningFor(instance string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), "\x00"+instance+"\x00") {
			found = append(found, f)
		}
	}
	return found
}

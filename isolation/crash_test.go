package isolation

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"
)

func TestKilledSupervisorLeavesNoEngineAndItsGroupsAreReaped(t *testing.T) {
	needNamespaces(t)
	instance := freshInstance()
	o := startOther(t, instance)
	if len(o.pids) != 2 || !alive(o.pids[0]) {
		t.Fatalf("engines %v", o.pids)
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

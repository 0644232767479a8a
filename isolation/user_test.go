package isolation

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/isolation/cgroup"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestAsNobodyWithoutCgroupRights(t *testing.T) {
	rerunAs(t, nobody, "TestOrdinaryUserGetsAllButCgroups")
}

// TestOrdinaryUserGetsAllButCgroups is run again as another user by the test above.
func TestOrdinaryUserGetsAllButCgroups(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("needs: a user who is not root")
	}
	needNamespaces(t)
	if by := Probe().Controllers["memory"]; by == "v1" || by == "v2" {
		t.Skip("needs: a user without cgroup rights")
	}
	refusing := open(t, Options{})
	_, err := refusing.Start(t.Context(), Spec{Name: "strict", Path: engine, Profile: "strict"})
	if !errors.Is(err, codes.Of(codes.LayersMissing)) {
		t.Fatalf("got %v", err)
	}
	m := open(t, Options{AllowDegraded: true})
	c := start(t, m, Spec{})
	want := append([]Layer{LayerCgroupMemory, LayerCgroupCPU, LayerCgroupPids, LayerCgroupKill}, pending()...)
	var missing []Layer
	for _, x := range c.Missing() {
		missing = append(missing, x.Layer)
		if x.Why == "" || x.How == "" {
			t.Errorf("%v does not say why and how", x)
		}
	}
	if !slices.Equal(missing, want) {
		t.Errorf("missing %v, want %v", c.Missing(), want)
	}
	if got, err := say(c, "fork 6"); got != "forked 6 <nil>" {
		t.Fatal(got, err)
	}
	c.Kill("test")
	if d := c.Wait(); d.String() != "killed(test)" {
		t.Errorf("got %v", d)
	}
	t.Log(c.Degraded())
}

// TestAsNobodyWithDelegatedGroups gives an ordinary user groups of its own in every hierarchy.
func TestAsNobodyWithDelegatedGroups(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs: root, to hand groups over")
	}
	needCgroups(t)
	var dirs []string
	host := cgroup.Discover()
	for _, m := range []*cgroup.Mount{host.V2, host.V1[cgroup.Memory], host.V1[cgroup.CPU], host.V1[cgroup.Pids]} {
		if m == nil {
			continue
		}
		dir := filepath.Join(m.Point, "delegated"+freshInstance())
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			eventually(t, 5*time.Second, "the delegated group empties", func() bool { return os.Remove(dir) == nil })
		})
		dirs = append(dirs, dir)
		for _, name := range []string{".", "cgroup.procs", "tasks", "cgroup.subtree_control"} {
			if err := os.Chown(filepath.Join(dir, name), nobody, nobody); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	home := t.TempDir()
	if err := os.Chown(home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	for _, test := range []string{"TestAttainedLayersAreReadBack", "TestMemoryDeathIsToldApartFromOurKill", "TestSealedStrictEngineHasEveryLayer", "TestCloseLeavesNoProcessAndNoGroup"} {
		cmd := exec.Command(filepath.Join(shared, "isolation.test"), "-test.run=^"+test+"$", "-test.v")
		cmd.Env = append(os.Environ(), roleEnv+"=delegate", engineEnv+"="+engine, "TMPDIR="+home,
			"FNODE_ISOLATION_GROUPS="+strings.Join(dirs, string(filepath.ListSeparator)))
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), "needs: write xor execute") {
			continue // an old kernel, no lack of rights
		}
		if err != nil || !strings.Contains(string(out), "--- PASS: "+test) {
			t.Errorf("%s: %v\n%s", test, err, out)
		}
	}
}

func TestAsNobodyKilledSupervisorLeavesNoEngine(t *testing.T) {
	rerunAs(t, nobody, "TestKilledSupervisorLeavesNoEngineAndItsGroupsAreReaped")
}

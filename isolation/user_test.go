package isolation

import (
	"errors"
	"os"
	"slices"
	"testing"

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
	want := append([]Layer{LayerCgroupMemory, LayerCgroupCPU, LayerCgroupPids, LayerCgroupKill}, pending...)
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

func TestAsNobodyKilledSupervisorLeavesNoEngine(t *testing.T) {
	rerunAs(t, nobody, "TestKilledSupervisorLeavesNoEngineAndItsGroupsAreReaped")
}

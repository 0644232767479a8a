package isolation

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/isolation/inside"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func needSeal(t *testing.T) {
	t.Helper()
	if !inside.CanSeal() || !Probe().Seccomp {
		t.Skip("needs: seccomp on amd64")
	}
	if !Probe().MDWE {
		t.Skip("needs: write xor execute, Linux 6.3")
	}
}

// sealed gives a strict engine with every layer, without degrading.
func sealed(t *testing.T) *Child {
	t.Helper()
	needCgroups(t)
	needNamespaces(t)
	needSeal(t)
	c := start(t, open(t, Options{}), Spec{Seals: true})
	if slices.Contains(c.Attained(), LayerSeccomp) {
		t.Error("seccomp counts as attained before the engine sealed itself")
	}
	if got, err := say(c, "seal"); got != "sealed <nil>" {
		t.Fatal(got, err, string(c.StderrTail()))
	}
	if err := c.Confirm(); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSealedStrictEngineHasEveryLayer(t *testing.T) {
	c := sealed(t)
	if len(c.Missing()) > 0 || c.Degraded() != "" {
		t.Errorf("missing %v, label %q", c.Missing(), c.Degraded())
	}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", c.PID()))
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && !strings.Contains(string(b), "Seccomp:\t2") {
			t.Errorf("%s has no filter", f)
		}
	}
	for range rounds(20, 2000) {
		if got, err := say(c, "work"); got != "worked" {
			t.Fatalf("%q %v: %v %s", got, err, c.Wait(), c.StderrTail())
		}
	}
	tell(c, "exit 0")
	if d := c.Wait(); d.String() != "exit(0)" {
		t.Errorf("got %v", d)
	}
}

func TestForbiddenCallIsTheCauseOfDeath(t *testing.T) {
	c := sealed(t)
	tell(c, "sigsys")
	if d := c.Wait(); d.Cause != CauseSeccomp {
		t.Errorf("got %v", d)
	}
	c = sealed(t)
	tell(c, "fork 1")
	if d := c.Wait(); d.Cause != CauseSeccomp {
		t.Errorf("fork under the filter: got %v", d)
	}
}

func TestSealedEngineSurvivesFreezeAndThaw(t *testing.T) {
	c := sealed(t)
	freeze := filepath.Join(c.group.V2(), "cgroup.freeze")
	if _, err := os.Stat(freeze); err != nil {
		t.Skip("needs: cgroup.freeze")
	}
	for range rounds(5, 60) {
		for _, v := range []string{"1", "0"} {
			if err := writeValue(freeze, v); err != nil {
				t.Fatal(err)
			}
			frozen := "frozen " + v
			eventually(t, 2*time.Second, frozen, func() bool {
				b, _ := os.ReadFile(filepath.Join(c.group.V2(), "cgroup.events"))
				return strings.Contains(string(b), frozen)
			})
		}
		if got, err := say(c, "work"); got != "worked" {
			t.Fatalf("%q %v: %v", got, err, c.Wait())
		}
	}
}

func TestEngineThatPromisedToSealAndDidNotIsKilled(t *testing.T) {
	needCgroups(t)
	needNamespaces(t)
	needSeal(t)
	c := start(t, open(t, Options{}), Spec{Seals: true})
	err := c.Confirm()
	var list *MissingError
	if !errors.Is(err, codes.Of(codes.LayerLost)) || !errors.As(err, &list) ||
		!slices.ContainsFunc(list.Missing, func(m Missing) bool { return m.Layer == LayerSeccomp }) {
		t.Fatalf("got %v", err)
	}
	if d := c.Wait(); d.String() != "killed(layers missing)" {
		t.Errorf("got %v", d)
	}
}

// rounds gives few for every day and many with FNODE_LONG=1.
func rounds(few, many int) int {
	if os.Getenv("FNODE_LONG") == "1" {
		return many
	}
	return few
}

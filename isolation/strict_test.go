package isolation

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// pending are the layers that an engine which does not seal itself lacks on this kernel.
func pending() []Layer {
	if !Probe().MDWE {
		return []Layer{LayerMDWE, LayerSeccomp}
	}
	return []Layer{LayerSeccomp}
}

func TestStrictEngineSeesNothingOfTheHost(t *testing.T) {
	needNamespaces(t)
	t.Setenv("FNODE_SECRET", "do not leak")
	stray, err := os.Open("/etc/hostname")
	if err != nil {
		t.Fatal(err)
	}
	defer stray.Close()
	c := start(t, open(t, Options{AllowDegraded: true}), Spec{})
	got, err := say(c, "look")
	if err != nil {
		t.Fatal(err, string(c.StderrTail()))
	}
	for _, want := range []string{"pid=1 ", "uid=0 ", "env=0 ", "root=0,open /: permission denied"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in %s", want, got)
		}
	}
	if !strings.Contains(got, "fds=[0 1 2]") && !strings.Contains(got, "fds=[0 1 2 3 4]") { // its own epoll and eventfd
		t.Errorf("inherited descriptors: %s", got)
	}
	got, err = say(c, "attack")
	if err != nil {
		t.Fatal(err)
	}
	want := "passwd=open /etc/passwd: no such file or directory|mkdir=mkdir /x: read-only file system|wx=permission denied|mount=operation not permitted|kill=no such process"
	if !Probe().MDWE {
		want = strings.Replace(want, "wx=permission denied", "wx=<nil>", 1)
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestAttainedLayersAreReadBack(t *testing.T) {
	needCgroups(t)
	needNamespaces(t)
	c := start(t, open(t, Options{AllowDegraded: true}), Spec{})
	var missing []Layer
	for _, m := range c.Missing() {
		missing = append(missing, m.Layer)
	}
	if !slices.Equal(missing, pending()) {
		t.Errorf("missing %v, want %v", c.Missing(), pending())
	}
	if n := len(c.Attained()) + len(c.Missing()); n != len(layers)-1 {
		t.Errorf("%d layers accounted for, want %d", n, len(layers)-1)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"NoNewPrivs:\t1", "CapEff:\t0000000000000000", "Uid:\t65534\t65534\t65534\t65534"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("want %q in\n%s", want, status)
		}
	}
}

func TestStartRefusesWithListOfMissingLayers(t *testing.T) {
	m := open(t, Options{Without: []Layer{LayerLandlock, LayerNSNet}})
	_, err := m.Start(t.Context(), Spec{Name: "markdown", Path: engine, Profile: "strict"})
	if !errors.Is(err, codes.Of(codes.LayersMissing)) {
		t.Fatalf("got %v", err)
	}
	var list *MissingError
	if !errors.As(err, &list) || !slices.ContainsFunc(list.Missing, func(x Missing) bool { return x.Layer == LayerNSNet && x.How != "" }) {
		t.Errorf("the list lacks ns_net or how to get it: %v", err)
	}
	if len(codes.From(err).Facts) != len(list.Missing) {
		t.Errorf("one fact per layer wanted, got %v", codes.From(err).Facts)
	}
}

func TestDegradedLabelNamesEveryMissingLayer(t *testing.T) {
	without := []Layer{LayerCgroupMemory, LayerLandlock, LayerMDWE, LayerEmptyRoot, LayerNoCaps, LayerSeccomp}
	c := start(t, open(t, Options{AllowDegraded: true, Without: without}), Spec{})
	for _, l := range without {
		if slices.Contains(c.Attained(), l) {
			t.Errorf("%s counts as attained though it was left out", l)
		}
		if lack := l.info().lack; !strings.Contains(c.Degraded(), lack) {
			t.Errorf("%q is not in %s", lack, c.Degraded())
		}
	}
	if !strings.HasPrefix(c.Degraded(), "degraded(") {
		t.Errorf("label %q", c.Degraded())
	}
}

func TestWithoutNamespacesTheRestHolds(t *testing.T) {
	var all []Layer
	for _, ns := range namespaces {
		all = append(all, ns.layer)
	}
	c := start(t, open(t, Options{AllowDegraded: true, Without: all}), Spec{})
	for _, l := range []Layer{LayerNoNewPrivs, LayerNoCaps, LayerRlimits, LayerEmptyEnv, LayerLandlock} {
		if !slices.Contains(c.Attained(), l) {
			t.Errorf("%s is missing: %v", l, c.Missing())
		}
	}
	for _, l := range append(all, LayerEmptyRoot) {
		if slices.Contains(c.Attained(), l) {
			t.Errorf("%s counts as attained", l)
		}
	}
	if got, err := say(c, "fork 4"); got != "forked 4 <nil>" {
		t.Fatal(got, err)
	}
	c.Kill("test")
	if d := c.Wait(); d.String() != "killed(test)" {
		t.Errorf("got %v", d)
	}
}

func TestEngineThatDoesNotEnterIsNamed(t *testing.T) {
	m := open(t, Options{AllowDegraded: true, EnterTimeout: 300 * time.Millisecond})
	for arg, want := range map[string]string{
		"mute":  "no report within 300ms",
		"liar":  "not a gate or report message",
		"early": "cannot go on",
	} {
		_, err := m.Start(t.Context(), Spec{Name: arg, Path: engine, Args: []string{arg}, Profile: "strict"})
		if !errors.Is(err, codes.Of(codes.GateFailed)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", arg, err, want)
		}
		if arg == "early" {
			facts := fmt.Sprint(codes.From(err).Facts)
			if !strings.Contains(facts, "exit(7)") {
				t.Errorf("facts %s", facts)
			}
		}
	}
}

func TestProgramWithoutGateIsLabelled(t *testing.T) {
	c := start(t, open(t, Options{AllowDegraded: true}), Spec{Args: []string{"nogate"}, NoGate: true})
	if slices.Contains(c.Attained(), LayerLandlock) || !slices.Contains(c.Attained(), LayerNoNewPrivs) || !slices.Contains(c.Attained(), LayerRlimits) {
		t.Errorf("attained %v", c.Attained())
	}
	if got, err := say(c, "look"); err != nil || !strings.Contains(got, "env=0 ") {
		t.Errorf("%q %v", got, err)
	}
}

func TestStartFailuresAreCodedAndLeaveNothing(t *testing.T) {
	m := open(t, Options{AllowDegraded: true})
	for _, x := range []struct {
		spec Spec
		want *codes.Code
	}{
		{Spec{Name: "a", Path: "/no/such/engine", Profile: "strict"}, codes.SpawnFailed},
		{Spec{Name: "b", Path: "/etc", Profile: "strict"}, codes.SpawnFailed},
		{Spec{Name: "c", Path: engine, Profile: "lax"}, codes.UnknownProfile},
		{Spec{Name: "d", Profile: "strict", Limits: Limits{Memory: -1}}, codes.IsolationOptions},
	} {
		if _, err := m.Start(t.Context(), x.spec); !errors.Is(err, codes.Of(x.want)) {
			t.Errorf("%s: got %v, want %s", x.spec.Name, err, x.want.ID)
		}
	}
	start(t, m, Spec{}) // the slot that failed starts used is as good as new
}

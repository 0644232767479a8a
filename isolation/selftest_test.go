package isolation

import (
	"strings"
	"testing"
)

func TestSelfTestTellsWhatAnEngineGets(t *testing.T) {
	checks := SelfTest(t.Context(), engine)
	seen := map[string]bool{}
	for _, c := range checks {
		if seen[c.Name] {
			t.Errorf("%s is told twice", c.Name)
		}
		seen[c.Name] = true
		if !c.OK && c.How == "" {
			t.Errorf("%s fails without saying how to get it: %s", c.Name, c.Detail)
		}
	}
	for _, want := range []string{"kernel", "cgroup memory", "namespace user", "engine", "layer landlock", "kill", "nothing left"} {
		if !seen[want] {
			t.Errorf("no check %q in %v", want, checks)
		}
	}
}

func TestSelfTestOfBrokenEngineSaysSo(t *testing.T) {
	for _, c := range SelfTest(t.Context(), "/no/such/engine") {
		if c.Name == "engine" && (c.OK || !strings.Contains(c.Detail, "no such file")) {
			t.Errorf("got %+v", c)
		}
	}
}

func TestSelfTestAsNobody(t *testing.T) {
	rerunAs(t, nobody, "TestSelfTestTellsWhatAnEngineGets")
}

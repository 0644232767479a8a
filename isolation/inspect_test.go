package isolation

import (
	"os"
	"slices"
	"testing"
	"testing/quick"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestEveryRequiredLayerIsInTheTable(t *testing.T) {
	for _, p := range Profiles {
		for _, l := range p.Required {
			if !slices.Contains(Layers(), l) {
				t.Errorf("%s requires %s, which has no row", p.Name, l)
			}
		}
		if p.Heap >= p.Limits.Memory {
			t.Errorf("%s: heap %d is not below the memory limit %d", p.Name, p.Heap, p.Limits.Memory)
		}
	}
}

func TestLimitsOnlyNarrow(t *testing.T) {
	p := Limits{Memory: 100, CPU: 0.5, Pids: 24}
	err := quick.Check(func(mem int64, cpu float64, pids int64) bool {
		got := Limits{mem, cpu, pids}.within(p)
		return got.Memory > 0 && got.Memory <= p.Memory && got.CPU > 0 && got.CPU <= p.CPU && got.Pids > 0 && got.Pids <= p.Pids
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestTheHeapOnlyNarrows(t *testing.T) {
	for _, p := range Profiles {
		for _, row := range []struct{ asked, memory, want int64 }{
			{0, 0, p.Heap},
			{-1, 0, p.Heap},
			{1 << 20, 0, 1 << 20},
			{p.Heap, 0, p.Heap},
			{1 << 40, 0, p.Heap},
			{0, 1 << 40, p.Heap},
			{0, p.Limits.Memory / 4, p.Heap / 4},
			{p.Heap, p.Limits.Memory / 2, p.Heap / 2},
			{1 << 20, p.Limits.Memory / 2, 1 << 20},
		} {
			if got := p.HeapOf(row.asked, row.memory); got != row.want {
				t.Errorf("%s: %+v, got %d", p.Name, row, got)
			}
		}
	}
}

func TestOptionsReportAllFaultsAtOnce(t *testing.T) {
	err := Options{Root: "a/b", EnterTimeout: -1, Without: []Layer{"wall"}}.Validate()
	e := codes.From(err)
	if e == nil || e.Code != codes.IsolationOptions {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"root", "InstanceID", "EnterTimeout", "wall"} {
		if !slices.Contains(splitWords(err.Error()), want) {
			t.Errorf("%q is not named in %v", want, err)
		}
	}
}

func splitWords(s string) []string {
	var words []string
	word := ""
	for _, r := range s + " " {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			word += string(r)
			continue
		}
		words, word = append(words, word), ""
	}
	return words
}

func TestStrictPlusIsRefusedEvenToRoot(t *testing.T) {
	m := open(t, Options{})
	missing, err := m.Lacking(Spec{Profile: "strict_plus", Seals: true})
	if err != nil || !slices.ContainsFunc(missing, func(x Missing) bool { return x.Layer == LayerOwnKernel && x.Why == "not built" }) {
		t.Errorf("got %v, %v", missing, err)
	}
}

func TestProbeAgreesWithTheKernelFiles(t *testing.T) {
	h := Probe()
	if h.Root != (os.Geteuid() == 0) || h.Kernel == "" {
		t.Errorf("%+v", h)
	}
	_, err := os.Stat("/proc/sys/user/max_user_namespaces")
	if h.UserNS && err != nil {
		t.Errorf("user namespaces without %v", err)
	}
	t.Log(h)
}

func FuzzParseThread(f *testing.F) {
	b, _ := os.ReadFile("/proc/self/status")
	f.Add(string(b))
	f.Add("CapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n")
	f.Add("CapEff:")
	f.Fuzz(func(t *testing.T, s string) {
		if a, b := parseThread(s), parseThread(s+"\nCapEff:\t0000000000000001"); b.capsEmpty || a.noNewPrivs != b.noNewPrivs {
			t.Fatalf("%q: %+v, %+v", s, a, b)
		}
	})
}

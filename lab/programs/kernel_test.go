package programs_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
)

// exhaust explores every trace and wants no violation.
func exhaust(t *testing.T, sc lab.Scenario) *lab.Result {
	t.Helper()
	most, within := 200_000, time.Minute
	if os.Getenv("FNODE_LONG") != "" { // region_close with cancel of O takes 646,180 runs
		most, within = 5_000_000, 10*time.Minute
	}
	got, err := lab.Search(context.Background(), sc, lab.Options{Most: most, Within: within})
	if err != nil {
		t.Fatalf("%s: %v", sc.Name, err)
	}
	t.Logf("%s: %d explored, %d traces, %d blocked, %d duplicates, %d steps, %.2fs", sc.Name, got.Explored, got.Traces(), got.Blocked, got.Duplicates, got.Steps, got.Seconds)
	if !got.Exhausted {
		t.Errorf("%s: not exhausted: %s", sc.Name, got.Why)
	}
	if f := got.Failure; f != nil {
		t.Errorf("%s: %v: %s\nalso %v\nschedule %q", sc.Name, got.Violations, f.Detail, f.Also, f.Schedule)
	}
	return got
}

// lives are how often children begin in every run of a scenario, where nobody cancels.
var lives = map[string][]string{
	"one_for_one":  {"a lived 2 times", "b lived 1 times"},
	"rest_for_one": {"a lived 2 times", "b lived 2 times"},
	"escalation":   {"in/a lived 2 times", "in/b lived 2 times"},
	"timer_end":    {"a lived 2 times"},
	"monitor_kept": {"a lived 2 times"},
}

func TestKernelScenariosAreExhaustedClean(t *testing.T) {
	for _, sc := range programs.Kernel() {
		t.Run(sc.Name, func(t *testing.T) {
			got := exhaust(t, sc)
			for _, v := range lives[sc.Name] {
				if got.Verdicts[v] != got.Explored {
					t.Errorf("%q in %d of %d runs: %v", v, got.Verdicts[v], got.Explored, got.Verdicts)
				}
			}
		})
	}
}

// big are those that take over five seconds.
var big = map[string]bool{"region_close with cancel of O": true, "wedge_supervised with cancel of O": true, "wedge_two with cancel of sup": true}

func TestKernelScenariosStandACancelAnywhere(t *testing.T) {
	for _, sc := range programs.Kernel() {
		t.Run(sc.Name, func(t *testing.T) {
			all, err := lab.Injected(sc, lab.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, with := range all {
				if big[with.Name] && os.Getenv("FNODE_LONG") == "" {
					t.Logf("%s: only with FNODE_LONG=1", with.Name)
					continue
				}
				exhaust(t, with)
			}
			got, err := lab.Sweep(context.Background(), sc, lab.Options{})
			if err != nil || got.Reached == 0 || got.Injected != got.Reached || !got.Clean() {
				t.Errorf("sweep: %v, %+v", err, got)
			}
		})
	}
}

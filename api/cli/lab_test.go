package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// traceOf records the default run of a scenario into a file.
func traceOf(t *testing.T, name string) string {
	t.Helper()
	sc, err := programs.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := lab.Record(sc, lab.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := tr.Save(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// run runs fnctl in this process.
func run(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	return runWith(t, t.Context(), nil, args...)
}

func runWith(t *testing.T, ctx context.Context, stdin io.Reader, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	v := env(&o, &e, args...)
	v.Getenv = func(k string) string {
		if k == lab.EnvTraces {
			return t.TempDir()
		}
		return ""
	}
	if stdin != nil {
		v.Stdin = stdin
	}
	code = Main(ctx, v)
	return code, o.String(), e.String()
}

func explore(t *testing.T, args ...string) (code int, v LabResult, err string) {
	t.Helper()
	code, out, err := run(t, append([]string{"lab", "explore", "-o", "json"}, args...)...)
	if out != "" {
		if bad := json.Unmarshal([]byte(out), &v); bad != nil {
			t.Fatalf("%v: %v: %s", args, bad, out)
		}
	}
	return code, v, err
}

func TestExploreCountsWhatTheTruthTableSays(t *testing.T) {
	for _, c := range []struct {
		args     []string
		code     int
		model    string
		explored int
		verdict  lab.Verdict
	}{
		{[]string{"fanin(3,1)"}, 0, "n1", 6, lab.ExhaustedRuns},
		{[]string{"fanin(2,2)", "--model", "bag"}, 0, "bag", 24, lab.ExhaustedRuns},
		{[]string{"timeout1", "--timers", "quiescent"}, 0, "n1", 1, lab.ExhaustedRuns},
		{[]string{"link(2,drop=1)"}, 0, "fifo", 3, lab.ExhaustedRuns},
		{[]string{"fanin(1,2)", "--drop", "1"}, 0, "fifo", 3, lab.ExhaustedRuns},
		{[]string{"lostupdate(2)"}, codes.ExitNo, "n1", 6, lab.ExhaustedRuns},
		{[]string{"fanin(4,1)", "--most", "5"}, 0, "n1", 5, lab.BoundedRuns},
		{[]string{"register(3,commute)", "--debug"}, 0, "n1", 24, lab.ExhaustedRuns},
		{[]string{"fanin(3,1)", "--sample", "pct", "--runs", "50", "--d", "2", "--seed", "3"}, 0, "n1", 50, lab.SampledRuns},
		{[]string{"pingpong(6)", "--depth", "3"}, 0, "n1", 0, lab.BoundedRuns},
	} {
		code, v, err := explore(t, c.args...)
		if code != c.code || v.Model != c.model || v.Explored != c.explored || v.Verdict != c.verdict || v.Result.Scenario != c.args[0] {
			t.Errorf("%v: exit %d, %s, explored %d, %s: %s", c.args, code, v.Model, v.Explored, v.Verdict, err)
		}
	}
}

func TestAViolationIsPrintedWrittenShownAndReplayed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lost.jsonl")
	code, out, err := run(t, "lab", "explore", "lostupdate(2)", "--out", file, "--first")
	if code != codes.ExitNo || !strings.Contains(out, "bounded, NOT clean") || !strings.Contains(err, "FN9001") || !strings.Contains(err, file) {
		t.Fatalf("exit %d: %s%s", code, out, err)
	}
	code, out, err = run(t, "lab", "show", file)
	if code != 0 || !strings.Contains(out, "✗ LOST: 2 clients") {
		t.Errorf("exit %d: %s%s", code, out, err)
	}
	code, out, err = run(t, "lab", "replay", file)
	if code != codes.ExitNo || !strings.Contains(out, "the same run, step by step: 19 steps") || !strings.Contains(err, "LOST fails") {
		t.Errorf("exit %d: %s%s", code, out, err)
	}
	code, out, _ = run(t, "lab", "show", file, "-o", "jsonl")
	if code != 0 || strings.Count(out, "\n") != 19 {
		t.Errorf("exit %d: %s", code, out)
	}
	raw, _ := os.ReadFile(file)
	code, _, err = runWith(t, t.Context(), bytes.NewReader(bytes.Replace(raw, []byte("C0.2"), []byte("C0.3"), 1)), "lab", "replay", "-")
	if code != codes.ExitBadData || !strings.Contains(err, "FN9006") || !strings.Contains(err, "stdin:12") {
		t.Errorf("exit %d: %s", code, err)
	}
}

func TestCancelsAreSweptAndExplored(t *testing.T) {
	code, v, err := explore(t, "fanin(2,1)", "--inject", "sweep")
	if code != 0 || v.Reached == 0 || v.Reached != v.Injected {
		t.Errorf("exit %d: %d sites, %d injected: %s", code, v.Reached, v.Injected, err)
	}
	code, v, err = explore(t, "fanin(2,1)", "--inject", "explore")
	sum := 0
	for _, p := range v.Parts {
		sum += p.Explored
	}
	if len(v.Parts) != 3 || v.Reached != 3 || v.Injected != 3 || v.Explored != sum || !v.Exhausted {
		t.Errorf("exit %d: %+v: %s", code, v.Result, err)
	}
	for _, how := range []string{"sweep", "explore"} { // the trace of a failure names the cancel, and replays
		file := filepath.Join(t.TempDir(), "x.jsonl")
		if code, _, err := run(t, "lab", "explore", "mutex(2)", "--inject", how, "--out", file); code != codes.ExitNo {
			t.Fatalf("exit %d: %s", code, err)
		}
		code, out, err := run(t, "lab", "replay", file)
		if code != codes.ExitNo || !strings.Contains(out, "mutex(2) with cancel of ") {
			t.Errorf("%s: exit %d: %s%s", how, code, out, err)
		}
	}
}

func TestOneRunIsDrawnBySeed(t *testing.T) {
	_, a, _ := run(t, "lab", "run", "fanin(4,1)", "--seed", "1")
	_, again, _ := run(t, "lab", "run", "fanin(4,1)", "--seed", "1")
	_, b, _ := run(t, "lab", "run", "fanin(4,1)", "--seed", "2")
	_, plain, _ := run(t, "lab", "run", "fanin(4,1)")
	if a == "" || a != again || a == b || a == plain {
		t.Errorf("%s\n%s\n%s", a, b, plain)
	}
	file := filepath.Join(t.TempDir(), "run.jsonl")
	if code, _, err := run(t, "lab", "run", "philo(3)", "--seed", "4", "--sample", "pos", "--out", file); code > 1 {
		t.Fatalf("exit %d: %s", code, err)
	}
	if code, _, err := run(t, "lab", "replay", file); code > 1 {
		t.Errorf("exit %d: %s", code, err)
	}
}

func TestWrongLabCommandsAreRefused(t *testing.T) {
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{codes.ExitNoSuch, "FN9005", []string{"explore", "fly"}},
		{codes.ExitNoSuch, "scenario:1:9", []string{"run", "fanin(2,9)"}},
		{codes.ExitUsage, "--model", []string{"explore", "triangle", "--model", "tcp"}},
		{codes.ExitUsage, "--timers", []string{"run", "triangle", "--timers", "slow"}},
		{codes.ExitUsage, "--sample", []string{"explore", "triangle", "--sample", "luck"}},
		{codes.ExitUsage, "--inject", []string{"explore", "triangle", "--inject", "poison"}},
		{codes.ExitUsage, "--runs is for --sample", []string{"explore", "triangle", "--runs", "3"}},
		{codes.ExitUsage, "--first is for exploring", []string{"explore", "triangle", "--inject", "sweep", "--first"}},
		{codes.ExitUsage, "--sample draws", []string{"explore", "triangle", "--sample", "walk", "--inject", "sweep"}},
		{codes.ExitUsage, "out of range: most is -1", []string{"explore", "triangle", "--most", "-1"}},
		{codes.ExitUsage, "choose the model", []string{"explore", "triangle", "--model", "n1", "--drop", "1"}},
		{codes.ExitIO, "FN8026", []string{"run", "triangle", "--out", "/no/such/folder/x"}},
		{codes.ExitNoInput, "FN8025", []string{"show", "/no/such/file"}},
		{codes.ExitBadData, "FN9006", []string{"show", "cli_test.go"}},
	} {
		code, _, err := run(t, append([]string{"lab"}, c.args...)...)
		if code != c.code || !strings.Contains(err, c.says) {
			t.Errorf("%v: exit %d, want %d: %s", c.args, code, c.code, err)
		}
	}
}

func TestAnInterruptKeepsWhatWasFound(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stop := writer(func(b []byte) { cancel() }) // the first line of progress
	var out, err bytes.Buffer
	v := env(&out, &err, "lab", "explore", "fanin(8,1)", "-o", "json")
	v.TTY, v.Stderr = true, io.MultiWriter(&err, stop)
	code := Main(ctx, v)
	var res LabResult
	if bad := json.Unmarshal(out.Bytes(), &res); bad != nil {
		t.Fatalf("%v: %s", bad, out.String())
	}
	if code != codes.ExitInterrupted || res.Runs == 0 || res.Verdict != lab.BoundedRuns || res.Why != "ended by interrupted" {
		t.Errorf("exit %d, %+v: %s", code, res.Result, err.String())
	}
	if !strings.Contains(err.String(), "% done") || !strings.Contains(err.String(), "\r\x1b[K") {
		t.Errorf("no progress: %q", err.String())
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

func TestTheTimeoutKeepsWhatWasFound(t *testing.T) {
	code, v, err := explore(t, "fanin(8,1)", "--timeout", "300ms")
	if code != codes.ExitTimeout || v.Runs == 0 || v.Verdict != lab.BoundedRuns {
		t.Errorf("exit %d, %+v: %s", code, v.Result, err)
	}
	code, v, err = explore(t, "fanin(8,1)", "--within", "300ms")
	if code != 0 || v.Verdict != lab.BoundedRuns || !strings.Contains(v.Why, "300ms") {
		t.Errorf("exit %d, %+v: %s", code, v.Result, err)
	}
}

func TestProgressIsRare(t *testing.T) {
	var err bytes.Buffer
	a := &app{env: Env{Stderr: &err}}
	b := a.progress()
	for i := range 40 { // ten seconds
		b.show(lab.Progress{Scenario: "x", Runs: i, Done: 0.5, Elapsed: time.Duration(i) * 250 * time.Millisecond})
	}
	b.clear()
	if n := strings.Count(err.String(), "\n"); n != 2 || !strings.Contains(err.String(), "50% done of what is known so far, at least 1s left") {
		t.Errorf("%d lines: %s", n, err.String())
	}
}

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// What a test run takes from its environment.
const (
	EnvReplay = "FNODE_LAB_REPLAY" // a trace file: Explore replays it instead of exploring
	EnvTraces = "FNODE_LAB_TRACES" // a folder for the traces of failing runs; default: the temporary one
)

// T is what Explore needs of a test: *testing.T.
type T interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Explore explores a scenario in a Go test. The test fails where a check fails, with the chart of the shortest
// failing run, the file of its trace and the command that replays it; where the scenario leaves the lab's control;
// and where not everything was explored though o has no bound (Most, Depth, Within or First).
//
//	func TestLock(t *testing.T) { lab.Explore(t, lockScenario(3), lab.Options{}) }
func Explore(t T, sc Scenario, o Options) *Result {
	t.Helper()
	if file := os.Getenv(EnvReplay); file != "" && replayFile(t, sc, file) {
		return nil
	}
	res, err := Search(context.Background(), sc, o)
	switch {
	case err != nil:
		t.Fatalf("%s", told(err))
	case !res.Clean():
		t.Errorf("%s", report(t, sc, o, res))
	case !res.Exhausted && !o.bounded():
		t.Errorf("%s: not exhausted, and no bound was asked for: %s", sc.Name, res.Why)
	default:
		t.Logf("%s", res.Summary())
	}
	return res
}

// bounded says whether the options ask for less than everything.
func (o Options) bounded() bool { return o.Most > 0 || o.Depth > 0 || o.Within > 0 || o.First }

// Summary is the result in one line: "exhausted, clean: 6 traces, blocked 0, …".
func (res *Result) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", res.Scenario, res.Verdict)
	if !res.Exhausted && res.Why != "" {
		fmt.Fprintf(&b, " (%s)", res.Why)
	}
	state := "clean"
	if !res.Clean() {
		state = "NOT clean"
	}
	fmt.Fprintf(&b, ", %s: %d traces, blocked %d, duplicates %d, %s, %s timers, %.2fs", state, res.Traces(), res.Blocked, res.Duplicates, res.Model, res.Timers, res.Seconds)
	if blind := res.Blind(); len(blind) > 0 {
		b.WriteString("; oracles that saw nothing: " + strings.Join(blind, ", "))
	}
	return b.String()
}

// Err is a violation as an error with its code; nil if no check failed.
func (res *Result) Err() error {
	f := res.Failure
	if f == nil {
		return nil
	}
	err := codes.New(codes.LabViolation, "%s: %s fails in %d of %d runs: %s", res.Scenario, f.Check, res.Violations[f.Check], res.Explored, clip(f.Detail, 200)).
		Fact("shortest", "a run of %d steps", f.Steps)
	for _, also := range f.Also {
		err = err.Fact("also", "%s", clip(also, 200))
	}
	if f.File != "" {
		err = err.Fact("trace", "%s", f.File).Fact("try", "fnctl lab show %s", f.File)
	}
	return err
}

// Failing is the scenario of the result's failing run: under Sweep and over Injected it has a cancel that sc has not.
func (res *Result) Failing(sc Scenario) Scenario {
	if f := res.Failure; f != nil && f.Cancel != "" {
		return WithCancel(sc, f.Cancel)
	}
	return sc
}

// told puts an error with its facts into lines.
func told(err error) string {
	out := err.Error()
	if e := codes.From(err); e != nil {
		for _, f := range e.Facts {
			out += "\n  " + f.Label + "  " + f.Text
		}
		out += "\n  try  " + e.Code.Hint
	}
	return out
}

// report is what a failing test prints.
func report(t T, sc Scenario, o Options, res *Result) string {
	f := res.Failure
	head := fmt.Sprintf("%s: %s fails in %d of %d runs; the shortest, of %d steps:\n", sc.Name, f.Check, res.Violations[f.Check], res.Explored, f.Steps)
	tr, err := Record(sc, o, f.Schedule)
	if err != nil {
		return head + "it cannot be recorded: " + told(err)
	}
	out := head + "\n" + tr.Chart()
	if !tr.Failed() { // it shows only beside another run
		out += fmt.Sprintf("\n  %s: %s\n", f.Check, f.Detail)
	}
	file, err := tr.Save(os.Getenv(EnvTraces), t.Name())
	if err != nil {
		return out + fmt.Sprintf("\n  the trace cannot be written: %v", err)
	}
	f.File = file
	return out + fmt.Sprintf("\n  trace   %s\n  replay  %s", file, replayCommand(t.Name(), file))
}

// replayCommand makes this very test replay the file.
func replayCommand(test, file string) string {
	pkg := "."
	if b, ok := debug.ReadBuildInfo(); ok && strings.HasSuffix(b.Path, ".test") {
		pkg = strings.TrimSuffix(b.Path, ".test")
	}
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return fmt.Sprintf("%s=%s go test -count=1 -run %s %s", EnvReplay, quoted(file), quoted(strings.Join(parts, "/")), pkg)
}

// quoted is a word for a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// replayFile replays the trace in the test; false: it is of another scenario, of the same test.
func replayFile(t T, sc Scenario, file string) bool {
	t.Helper()
	tr, err := LoadTrace(file)
	if err != nil {
		t.Fatalf("%s", told(err))
		return true
	}
	if tr.Header.Scenario != sc.Name {
		t.Logf("%s is a trace of %s; %s is explored", file, tr.Header.Scenario, sc.Name)
		return false
	}
	end, err := Replay(context.Background(), sc, tr)
	switch {
	case err != nil:
		t.Fatalf("%s", told(err))
	case len(end.Violations) > 0:
		t.Errorf("replayed, step by step the same run:\n\n%s", tr.Chart())
	default:
		t.Logf("%s: replayed, step by step the same run: %d steps, no check fails", sc.Name, end.Steps)
	}
	return true
}

// LoadTrace reads a trace file. An error is codes.InputMissing, or as that of ReadTrace.
func LoadTrace(file string) (*Trace, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, codes.New(codes.InputMissing, "the trace %s cannot be opened", file).Wrap(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	return ReadTrace(f, file)
}

// Save writes the trace into a folder, the temporary one if dir is empty, under a name made of the given one and a
// digest of the schedule: the same run has the same file. It gives that file's name.
func (t *Trace) Save(dir, name string) (string, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", codes.New(codes.OutputFailed, "the folder %s cannot be made", dir).Wrap(err)
	}
	plain := strings.Trim(regexp.MustCompile(`[^A-Za-z0-9_]+`).ReplaceAllString(name, "-"), "-")
	return t.SaveAs(filepath.Join(dir, fmt.Sprintf("lab-%s-%s.jsonl", plain, t.digest())))
}

// digest is one of the choices alone, the same in every build.
func (t *Trace) digest() string {
	sum := uint64(0)
	for _, c := range t.Steps {
		sum = mix(sum, hashOf(c.Do))
	}
	return fmt.Sprintf("%08x", uint32(mix(sum, hashOf(t.Header.Scenario+t.Header.Model+t.Header.Timers))))
}

// SaveAs writes the trace into a file, whole or not at all. An error is codes.OutputFailed.
func (t *Trace) SaveAs(file string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(file), ".lab-*")
	if err != nil {
		return "", codes.New(codes.OutputFailed, "%s cannot be written", file).Wrap(err)
	}
	if err = errors.Join(t.Write(f), f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", codes.New(codes.OutputFailed, "%s cannot be written", file).Wrap(err)
	}
	return file, nil
}

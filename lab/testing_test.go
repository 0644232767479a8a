package lab_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/lab"
)

// observed is a test that is watched.
type observed struct {
	logs, errs, fatals []string
}

func (o *observed) Helper()      {}
func (o *observed) Name() string { return "TestTill/two tills" }

func (o *observed) Logf(f string, a ...any)   { o.logs = append(o.logs, fmt.Sprintf(f, a...)) }
func (o *observed) Errorf(f string, a ...any) { o.errs = append(o.errs, fmt.Sprintf(f, a...)) }
func (o *observed) Fatalf(f string, a ...any) { o.fatals = append(o.fatals, fmt.Sprintf(f, a...)) }

func (o *observed) says() string {
	return fmt.Sprintf("logs %q\nerrors %q\nfatals %q", o.logs, o.errs, o.fatals)
}

func explored(t *testing.T, sc lab.Scenario, o lab.Options) *observed {
	t.Helper()
	ob := &observed{}
	lab.Explore(ob, sc, o)
	return ob
}

// endless plays ping-pong for ever.
func endless() lab.Scenario {
	return lab.Scenario{Name: "endless", Setup: func(r *lab.Run) {
		_, err := r.System().Spawn(actors.Child{Name: "a", Behaviour: actors.Func(func(cx *actors.Cx, _ any) error {
			return cx.Tell(cx.Self(), "again")
		})})
		if err != nil {
			panic(err)
		}
	}}
}

// escaping decides by the wall clock.
func escaping() lab.Scenario {
	return lab.Scenario{Name: "escaping", Setup: func(r *lab.Run) {
		_, err := r.System().Spawn(actors.Child{Name: "a", Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
			if _, ok := msg.(actors.Started); ok {
				return cx.Tell(cx.Self(), time.Now().UnixNano())
			}
			return nil
		})})
		if err != nil {
			panic(err)
		}
	}}
}

func TestExploreSaysWhatAResultIsWorth(t *testing.T) {
	clean, _ := found(t, "mutex(2)")
	for name, c := range map[string]struct {
		sc                lab.Scenario
		o                 lab.Options
		log, fails, stops string // "" : nothing of it
	}{
		"clean":       {clean, lab.Options{}, "mutex(2): exhausted, clean: 4 traces, blocked 0, duplicates 0, n1, free timers", "", ""},
		"blind":       {clean, lab.Options{}, "; oracles that saw nothing: obligations, quiescence, monitors", "", ""},
		"bounded":     {clean, lab.Options{Most: 2}, "bounded (ended by 2 runs), clean: 2 traces", "", ""},
		"not bounded": {endless(), lab.Options{}, "", "not exhausted, and no bound was asked for: ended by 10000 steps a run", ""},
		"too deep":    {endless(), lab.Options{Depth: 10}, "bounded (ended by 10 steps a run)", "", ""},
		"escape":      {escaping(), lab.Options{}, "", "", "FN9002"},
		"usage":       {clean, lab.Options{Most: -1}, "", "", "FN8003"},
	} {
		ob := explored(t, c.sc, c.o)
		for _, part := range []struct {
			want string
			got  []string
		}{{c.log, ob.logs}, {c.fails, ob.errs}, {c.stops, ob.fatals}} {
			if part.want == "" && len(part.got) > 0 || part.want != "" && !strings.Contains(strings.Join(part.got, "\n"), part.want) {
				t.Errorf("%s: %s", name, ob.says())
			}
		}
	}
}

func TestAFailingTestShowsItsRunAndHowToReplayIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "traces")
	t.Setenv(lab.EnvTraces, dir)
	sc, _ := found(t, "lostupdate(2)")
	ob := explored(t, sc, lab.Options{})
	if len(ob.errs) != 1 {
		t.Fatal(ob.says())
	}
	said := ob.errs[0]
	for _, want := range []string{
		"LOST fails in 4 of 6 runs; the shortest, of 19 steps", "C0 sends C0.1 get to D", "✗ LOST: 2 clients have each added one, and the value is 1",
		`go test -count=1 -run '^TestTill$/^two tills$' github.com/franken-node/fnode-supervisor/lab`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in:\n%s", want, said)
		}
	}
	m := regexp.MustCompile(`FNODE_LAB_REPLAY='(.+?)'`).FindStringSubmatch(said)
	if m == nil || filepath.Dir(m[1]) != dir {
		t.Fatalf("no trace in %s: %s", dir, said)
	}
	if again := explored(t, sc, lab.Options{}); again.errs[0] != said && len(traces(t, dir)) != 1 {
		t.Errorf("the same failure wrote another file: %v", traces(t, dir))
	}

	t.Setenv(lab.EnvReplay, m[1])
	if ob := explored(t, sc, lab.Options{}); len(ob.errs) != 1 || !strings.Contains(ob.errs[0], "step by step the same run") || !strings.Contains(ob.errs[0], "✗ LOST") {
		t.Error(ob.says())
	}
	other, _ := found(t, "mutex(2)")
	if ob := explored(t, other, lab.Options{}); len(ob.logs) != 2 || !strings.Contains(ob.logs[1], "exhausted, clean") {
		t.Error(ob.says())
	}
	changed, _ := found(t, "lostupdate(3)")
	changed.Name = sc.Name
	if ob := explored(t, changed, lab.Options{}); len(ob.fatals) != 1 || !strings.Contains(ob.fatals[0], "FN9004") {
		t.Error(ob.says())
	}
	if err := os.WriteFile(m[1], []byte("hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if ob := explored(t, sc, lab.Options{}); len(ob.fatals) != 1 || !strings.Contains(ob.fatals[0], "FN9006") {
		t.Error(ob.says())
	}
	t.Setenv(lab.EnvReplay, filepath.Join(dir, "none"))
	if ob := explored(t, sc, lab.Options{}); len(ob.fatals) != 1 || !strings.Contains(ob.fatals[0], "FN8025") {
		t.Error(ob.says())
	}
}

func traces(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestATraceThatReplaysCleanIsLogged(t *testing.T) {
	sc, o := found(t, "triangle")
	tr, err := lab.Record(sc, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := tr.Save(t.TempDir(), "a/b c")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(lab.EnvReplay, file)
	if ob := explored(t, sc, o); len(ob.logs) != 1 || len(ob.errs)+len(ob.fatals) > 0 || !strings.Contains(ob.logs[0], "no check fails") {
		t.Error(ob.says())
	}
	if _, err := tr.SaveAs(filepath.Join(t.TempDir(), "no", "folder")); err == nil {
		t.Error("written into a folder that is not there")
	}
}

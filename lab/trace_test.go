package lab_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// found is a scenario by name, with options that it runs under.
func found(t testing.TB, name string) (lab.Scenario, lab.Options) {
	t.Helper()
	sc, err := programs.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	var o lab.Options
	if sc.Link != (lab.Link{}) {
		o.Model = lab.FIFO
	}
	return sc, o
}

// failing records the shortest failing run; without one, the default run.
func failing(t testing.TB, name string) (lab.Scenario, *lab.Trace) {
	t.Helper()
	sc, o := found(t, name)
	return sc, shortest(t, sc, o)
}

func shortest(t testing.TB, sc lab.Scenario, o lab.Options) *lab.Trace {
	t.Helper()
	res, err := lab.Search(context.Background(), sc, o)
	if err != nil {
		t.Fatal(err)
	}
	var schedule []string
	if res.Failure != nil {
		schedule = res.Failure.Schedule
	}
	tr, err := lab.Record(sc, o, schedule)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func written(t testing.TB, tr *lab.Trace) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tr.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func reread(t testing.TB, raw []byte) *lab.Trace {
	t.Helper()
	tr, err := lab.ReadTrace(bytes.NewReader(raw), "t.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// isAt checks an error's code and the line of the file.
func isAt(t testing.TB, err error, code *codes.Code, line int) {
	t.Helper()
	e := codes.From(err)
	if e == nil || e.Code != code || e.Where.Line != line || e.Where.File != "t.jsonl" {
		t.Errorf("%v: want %s at line %d", err, code.ID, line)
	}
}

func TestAReplayedTraceIsTheSameRun(t *testing.T) {
	for _, name := range []string{
		"lostupdate(2)", "philo(2)", "mutex_cancel(2,leaky)", "twopc(2,0,timeout)", "lane_mix(2)", "st_writers(3)", "lastzero(3)",
		"link(2,drop=1)", "link(2,dup=1)", "link(2,drop=1,reorder)", "register(2,commute)", "mutex(2) with cancel of C0",
	} {
		sc, tr := failing(t, name)
		raw := written(t, tr)
		_, again := failing(t, name)
		if !bytes.Equal(raw, written(t, again)) {
			t.Errorf("%s: the same run gave two traces", name)
		}
		end, err := lab.Replay(context.Background(), sc, reread(t, raw))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(end.Violations) != len(tr.End.Violations) || len(end.Violations) > 0 && end.Violations[0] != tr.End.Violations[0] {
			t.Errorf("%s: %v, recorded %v", name, end.Violations, tr.End.Violations)
		}
		if !bytes.Equal(raw, written(t, reread(t, raw))) {
			t.Errorf("%s: read and written, the trace is another", name)
		}
	}
}

func TestDrawnRunsAreRepeatableAndReplay(t *testing.T) {
	for by := lab.Walk; by <= lab.POS; by++ {
		sc, o := found(t, "mutex(3)")
		o.Seed = 7
		a, err := lab.Drawn(sc, o, lab.Draw{By: by})
		if err != nil {
			t.Fatal(err)
		}
		b, _ := lab.Drawn(sc, o, lab.Draw{By: by})
		if !bytes.Equal(written(t, a), written(t, b)) {
			t.Errorf("%s: one seed drew two runs", by)
		}
		if _, err := lab.Replay(context.Background(), sc, a); err != nil {
			t.Error(err)
		}
	}
}

// TestEveryDrawnRunReplays: whatever a program does, its record is the same the second time.
func TestEveryDrawnRunReplays(t *testing.T) {
	runs := 0
	for _, f := range programs.All() {
		sc, _ := found(t, f.Example)
		for m := lab.N1; m <= lab.Bag; m++ {
			if m == lab.N1 && sc.Link != (lab.Link{}) || m != lab.N1 && sc.Local {
				continue
			}
			for seed := range uint64(4) {
				o := lab.Options{Model: m, Seed: seed, Stuck: seed%2 == 1}
				tr, err := lab.Drawn(sc, o, lab.Draw{By: lab.Sampler(seed % 3)})
				if err != nil {
					t.Fatalf("%s under %s: %v", sc.Name, m, err)
				}
				if _, err := lab.Replay(context.Background(), sc, reread(t, written(t, tr))); err != nil {
					t.Errorf("%s under %s, seed %d: %v", sc.Name, m, seed, err)
				}
				runs++
			}
		}
	}
	if runs < 200 {
		t.Errorf("only %d runs", runs)
	}
}

func TestAnAlteredTraceIsToldAtTheLine(t *testing.T) {
	_, tr := failing(t, "lostupdate(2)")
	lines := bytes.SplitAfter(written(t, tr), []byte("\n"))
	lines = lines[:len(lines)-1]
	with := func(i int, l []byte) []byte {
		out := append([][]byte{}, lines...)
		out[i] = l
		return bytes.Join(out, nil)
	}
	for i, l := range lines {
		for _, at := range []int{0, len(l) / 3, len(l) / 2, len(l) - 3} {
			changed := append([]byte{}, l...)
			if changed[at] ^= 1; changed[at] == '\n' {
				continue
			}
			_, err := lab.ReadTrace(bytes.NewReader(with(i, changed)), "t.jsonl")
			isAt(t, err, codes.LabBadTrace, i+1)
		}
		spaced := append([]byte(" "), l...)
		_, err := lab.ReadTrace(bytes.NewReader(with(i, spaced)), "t.jsonl")
		isAt(t, err, codes.LabBadTrace, i+1)
		_, err = lab.ReadTrace(bytes.NewReader(with(i, nil)), "t.jsonl") // left out
		isAt(t, err, codes.LabBadTrace, min(i+1, len(lines)))
		_, err = lab.ReadTrace(bytes.NewReader(bytes.Join(lines[:i], nil)), "t.jsonl") // cut off
		isAt(t, err, codes.LabBadTrace, i+1)
	}
}

func TestWhatIsNoTraceIsRefused(t *testing.T) {
	_, tr := failing(t, "triangle")
	raw := string(written(t, tr))
	for in, line := range map[string]int{
		"":                             1,
		"hello\n":                      1,
		"{}\n":                         1,
		`{"lab":2}` + "\n":             1,
		`{"lab":1}` + "\n":             1,
		"\x00\xff\n":                   1,
		raw + "x":                      len(tr.Steps) + 3,
		raw + raw:                      len(tr.Steps) + 3,
		strings.TrimSuffix(raw, "\n"):  len(tr.Steps) + 2,
		strings.Repeat("[", 2_000_000): 1,
	} {
		_, err := lab.ReadTrace(strings.NewReader(in), "t.jsonl")
		isAt(t, err, codes.LabBadTrace, line)
	}
}

// TestADifferenceIsToldAtTheExactStep: files that are traces, with right hashes, of another program.
func TestADifferenceIsToldAtTheExactStep(t *testing.T) {
	sc, _ := found(t, "lostupdate(2)")
	last := func(tr *lab.Trace) int { return len(tr.Steps) + 2 }
	for name, c := range map[string]struct {
		change func(*lab.Trace)
		line   func(*lab.Trace) int
		says   string
	}{
		"a deed":          {func(tr *lab.Trace) { tr.Steps[5].What[0].Text = "7" }, func(*lab.Trace) int { return 7 }, "in the recorded run"},
		"a deed more":     {func(tr *lab.Trace) { tr.Steps[3].What = append(tr.Steps[3].What, lab.Deed{Who: "D", Does: "ends"}) }, func(*lab.Trace) int { return 5 }, "missing: D ends"},
		"what is enabled": {func(tr *lab.Trace) { tr.Steps[4].Enabled = append(tr.Steps[4].Enabled, "X") }, func(*lab.Trace) int { return 6 }, "X could go on in the recorded run"},
		"what is not":     {func(tr *lab.Trace) { tr.Steps[0].Enabled = tr.Steps[0].Enabled[:2] }, func(*lab.Trace) int { return 2 }, "can go on, and could not"},
		"the set-up":      {func(tr *lab.Trace) { tr.Header.Setup[0].Who = "Z" }, func(*lab.Trace) int { return 1 }, "the set-up"},
		"the scenario":    {func(tr *lab.Trace) { tr.Header.Scenario = "mutex(2)" }, func(*lab.Trace) int { return 1 }, "the trace is of mutex(2)"},
		"the verdict":     {func(tr *lab.Trace) { tr.End.Violations = []lab.Violation{} }, last, "LOST fails"},
		"a cut":           {func(tr *lab.Trace) { tr.Steps = tr.Steps[:8]; tr.End.Steps = 8 }, last, "the recorded run ended here"},
	} {
		_, tr := failing(t, "lostupdate(2)")
		c.change(tr)
		tr = reread(t, written(t, tr))
		_, err := lab.Replay(context.Background(), sc, tr)
		isAt(t, err, codes.LabDiffers, c.line(tr))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAReplayThatIsInterruptedSaysSo(t *testing.T) {
	sc, tr := failing(t, "lostupdate(2)")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := lab.Replay(ctx, sc, tr); err != ctx.Err() {
		t.Error(err)
	}
}

func TestAScheduleThatCannotGoOnIsAnEscape(t *testing.T) {
	sc, o := found(t, "pingpong(2)")
	_, err := lab.Record(sc, o, []string{"P", "nobody"})
	if e := codes.From(err); e == nil || e.Code != codes.LabEscape {
		t.Error(err)
	}
}

// FuzzReadTrace: bytes from anywhere are refused with a place, or are a trace that is written as it was read.
func FuzzReadTrace(f *testing.F) {
	for _, name := range []string{"triangle", "link(2,dup=1)"} {
		sc, o := found(f, name)
		tr, err := lab.Record(sc, o, nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(written(f, tr))
	}
	f.Add([]byte(`{"lab":1}` + "\n" + `{"end":0}` + "\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		tr, err := lab.ReadTrace(bytes.NewReader(raw), "t.jsonl")
		if err != nil {
			if e := codes.From(err); e == nil || e.Code != codes.LabBadTrace || e.Where.Line == 0 {
				t.Fatalf("%v", err)
			}
			return
		}
		if !bytes.Equal(raw, written(t, tr)) {
			t.Fatal("read and written, the trace is another")
		}
	})
}

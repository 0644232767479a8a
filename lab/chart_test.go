package lab_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/lab"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

var rewrite = flag.Bool("rewrite", false, "write testdata anew")

// golden compares text with its file under testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%s is not what is drawn (go test ./lab -run Chart -rewrite):\n%s", file, got)
	}
}

func TestChartsAreGolden(t *testing.T) {
	for _, name := range []string{"lostupdate(2)", "philo(2)", "twopc(2,0,timeout)", "lane_mix(1)", "st_writers(2)", "link(2,drop=1)", "fanin(8,1)", "workers(6)"} {
		sc, o := found(t, name)
		if name == "fanin(8,1)" || name == "workers(6)" {
			o.Most = 1 // many actors; the first run will do
		}
		tr := shortest(t, sc, o)
		file := strings.NewReplacer("(", "_", ",", "_", ")", "", "=", "").Replace(name)
		golden(t, "chart_"+file+".txt", tr.Chart())
	}
}

// TestFaultsOfLinksAreRecordedReplayedAndDrawn: a schedule names the letters that do not simply arrive.
func TestFaultsOfLinksAreRecordedReplayedAndDrawn(t *testing.T) {
	for name, fault := range map[string]string{"link(2,drop=1)": "drops A.1 to R", "link(2,dup=1)": "doubles A.1 to R"} {
		sc, o := found(t, name)
		tr, err := lab.Record(sc, o, []string{fault})
		if err != nil {
			t.Fatal(err)
		}
		word, _, _ := strings.Cut(fault, " ")
		golden(t, "chart_link_"+word+".txt", tr.Chart())
		tr = reread(t, written(t, tr))
		if _, err := lab.Replay(context.Background(), sc, tr); err != nil || len(tr.Header.Faults) != 1 {
			t.Errorf("%s: %v, %q", name, err, tr.Header.Faults)
		}
		tr.Header.Faults = []string{"eats A.1"}
		_, err = lab.ReadTrace(bytes.NewReader(written(t, tr)), "t.jsonl")
		isAt(t, err, codes.LabBadTrace, 1)
	}
}

// TestChartsFoldManyActorsAndKeepLongPathsApart draws a run that no scenario makes.
func TestChartsFoldManyActorsAndKeepLongPathsApart(t *testing.T) {
	tr := &lab.Trace{Header: lab.Header{Scenario: "made up\x1b[31m", Model: "n1", Timers: "free"}}
	for i, who := range []string{"supervisor/extensions/markdown", "supervisor/extensions/feed", "other/extensions/feed", "a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		tr.Steps = append(tr.Steps, lab.Choice{I: i, Do: who, What: []lab.Deed{{Who: who, Does: "sends", What: who + ".1", To: "supervisor/extensions/feed", Note: "ready lane, refused, lane_full"}}})
	}
	tr.End = lab.End{Steps: 12, Violations: []lab.Violation{{Check: "two\nlines", Detail: "one\nand\x00 two"}}, Verdicts: []string{"v"}}
	golden(t, "chart_folded.txt", tr.Chart())
	if s := tr.Chart(); strings.ContainsAny(s, "\x1b\x00") {
		t.Error("control characters reach the terminal")
	}
}

// FuzzChart: whatever a trace holds, drawing it breaks nothing.
func FuzzChart(f *testing.F) {
	f.Add("a", "sends", "m", "b", "note", 3)
	f.Add("", "handles", "\xff", "", "", 30)
	f.Fuzz(func(t *testing.T, who, does, what, to, note string, n int) {
		tr := &lab.Trace{}
		for i := range max(0, min(n, 40)) {
			tr.Steps = append(tr.Steps, lab.Choice{I: i, What: []lab.Deed{{Who: strings.Repeat(who, i), Does: does, What: what, To: to, Note: note}}})
		}
		for _, r := range tr.Chart() {
			if r < ' ' && r != '\n' {
				t.Fatalf("%q", tr.Chart())
			}
		}
	})
}

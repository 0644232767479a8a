package programs_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
)

// size is a scenario of the committer, and what has to be met in it.
type size struct {
	n, k int
	how  string
	meet []string
}

const several, refusal, unknown = "a group of several", "a refusal", "an unknown outcome"

// TestD1TheCommitterIsExhaustedClean: whatever the order of what its actors do, and wherever the machine crashes.
func TestD1TheCommitterIsExhaustedClean(t *testing.T) {
	sizes := []size{
		{1, 2, "", nil},
		{2, 1, "", []string{refusal}},
		{2, 2, "bare", []string{refusal, several}},
		{3, 1, "bare", []string{refusal, several}},
		{2, 1, "sync_fails", []string{refusal, unknown}},
		{1, 2, "sync_fails", []string{refusal, unknown}},
		{1, 3, "", []string{several}},
		{3, 1, "", []string{refusal, several}},
		{2, 2, "", []string{refusal, several}},
	}
	within := 4 * time.Minute // for a machine that does other things too
	if os.Getenv("FNODE_LONG") != "" {
		sizes = append(sizes, size{2, 2, "sync_fails", []string{refusal, several, unknown}}, size{4, 1, "bare", []string{refusal, several}},
			size{2, 3, "bare", []string{refusal, several}})
		within = time.Hour
	}
	for _, s := range sizes {
		sc := programs.Committer(s.n, s.k, s.how)
		t.Run(sc.Name, func(t *testing.T) {
			res, err := lab.Search(context.Background(), sc, lab.Options{Within: within})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s, %v", res.Summary(), res.Verdicts)
			if !res.Exhausted || !res.Clean() {
				t.Fatalf("%s: %v %+v", res.Why, res.Violations, res.Failure)
			}
			for _, v := range append(s.meet, "crash before a sync") {
				if res.Verdicts[v] == 0 {
					t.Errorf("in no run is there %s", v)
				}
			}
		})
	}
}

// TestWhatTheCommitterDeclaresCommutes takes what is declared in both orders.
func TestWhatTheCommitterDeclaresCommutes(t *testing.T) {
	for _, sc := range []lab.Scenario{programs.Committer(1, 2, ""), programs.Committer(2, 1, ""), programs.Committer(1, 1, "sync_fails")} {
		res, err := lab.Search(context.Background(), sc, lab.Options{Debug: true})
		if err != nil || !res.Exhausted || !res.Clean() || res.Duplicates == 0 {
			t.Errorf("%s: %v, %+v", sc.Name, err, res)
		}
	}
}

// TestD1WrongCommittersAreFound: each with a trace that replays, where the right one is exhausted clean.
func TestD1WrongCommittersAreFound(t *testing.T) {
	wrong := programs.WrongCommitters()
	for _, how := range slices.Sorted(maps.Keys(wrong)) {
		t.Run(how, func(t *testing.T) {
			sc := programs.Committer(2, 1, how)
			res, err := lab.Search(context.Background(), sc, lab.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if res.Violations[wrong[how]] == 0 || !res.Exhausted {
				t.Fatalf("%s did not trip in %d runs: %v", wrong[how], res.Explored, res.Violations)
			}
			t.Logf("%d runs, %v, %.2fs; the shortest, of %d steps: %s: %s", res.Explored, res.Violations, res.Seconds, res.Failure.Steps, res.Failure.Check, res.Failure.Detail)
			replays(t, sc, res)
		})
	}
}

// replays takes the failing run again, from its trace as a file.
func replays(t *testing.T, sc lab.Scenario, res *lab.Result) {
	tr, err := lab.Record(sc, lab.Options{}, res.Failure.Schedule)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := tr.Write(&file); err != nil {
		t.Fatal(err)
	}
	again, err := lab.ReadTrace(&file, "trace")
	if err != nil {
		t.Fatal(err)
	}
	end, err := lab.Replay(context.Background(), sc, again)
	if err != nil || len(end.Violations) == 0 || end.Violations[0].Check != res.Failure.Check {
		t.Fatalf("replayed: %v, %+v", err, end)
	}
}

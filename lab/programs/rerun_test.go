package programs_test

import (
	"context"
	"encoding/json"
	"os"
	"runtime"
	"testing"

	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
)

// Ten scenarios whose explorations are the same in every bit, however many processors there are.
var reruns = []lab.Scenario{
	programs.Fanin(3, 1), programs.Reqrep(2, 2), programs.Register(3, true), programs.TwoPC(2, 0, true, false),
	programs.Mutex(2, true, true), programs.Philo(2, false), programs.LostUpdate(2), programs.LaneMix(2),
	programs.StReaders(3), programs.LastZero(3),
}

func TestRerunsAreTheSameInEveryBit(t *testing.T) {
	count := 3
	if os.Getenv("FNODE_LONG") != "" {
		count = 100
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, sc := range reruns {
		want := ""
		for i := range count {
			runtime.GOMAXPROCS([]int{1, 2, 8}[i%3])
			if got := wholeResult(t, sc); want == "" {
				want = got
			} else if got != want {
				t.Fatalf("%s, run %d:\n%s\nbefore:\n%s", sc.Name, i, got, want)
			}
		}
	}
	t.Logf("%d reruns of %d scenarios", count, len(reruns))
}

// wholeResult is all that an exploration gives but for the time that it took: the order of the traces among it.
func wholeResult(t *testing.T, sc lab.Scenario) string {
	got, err := lab.Search(context.Background(), sc, lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got.Seconds = 0
	b, err := json.Marshal(struct {
		*lab.Result
		Digest uint64
	}{got, got.Digest()})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

package daemon

import (
	"fmt"
	"testing"

	"github.com/franken-node/fnode-supervisor/store"
)

// TestALifeWithoutAnEndLivesOnlyInTheRunThatBeganIt: whoever reads the history after kill -9 of a daemon must not
// be told that its engines live.
func TestALifeWithoutAnEndLivesOnlyInTheRunThatBeganIt(t *testing.T) {
	rec := func(boot, event string, inc uint32) store.Record {
		return store.Record{Boot: boot, Event: event, Incarnation: inc, Reason: "failed: x"}
	}
	for name, row := range map[string]struct {
		recs []store.Record
		want string
	}{
		"nothing":             {nil, "[]"},
		"lives":               {[]store.Record{rec("now", "started", 1)}, "[1 ]"},
		"ended":               {[]store.Record{rec("now", "started", 1), rec("now", "ended", 1)}, "[1 failed]"},
		"killed, not yet up":  {[]store.Record{rec("old", "started", 1)}, "[1 lost]"},
		"killed, and again":   {[]store.Record{rec("old", "started", 1), rec("now", "started", 1)}, "[1 lost 1 ]"},
		"ended in its run":    {[]store.Record{rec("old", "started", 1), rec("old", "ended", 1), rec("now", "started", 1)}, "[1 failed 1 ]"},
		"failed at the start": {[]store.Record{rec("old", "started", 1), rec("now", "ended", 1)}, "[1 lost 1 failed]"},
	} {
		var got []string
		for _, l := range lives(row.recs, "now") {
			got = append(got, fmt.Sprintf("%d %s", l.Incarnation, l.Outcome))
		}
		if s := fmt.Sprint(got); s != row.want {
			t.Errorf("%s: %s, want %s", name, s, row.want)
		}
	}
}

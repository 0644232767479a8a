package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/config"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse([]byte(text), "c.toml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const three = `
[tree]
strategy = "STRATEGY"
[[supervisor]]
name = "ext"
strategy = "STRATEGY"
[[extension]]
name = "a"
parent = "ext"
package = "a"
[[extension]]
name = "b"
parent = "ext"
package = "b"
[[extension]]
name = "c"
parent = "ext"
package = "c"
`

// TestS8APlanNamesWhatChangesAndNothingElse: each row turns the tree of three into another.
func TestS8APlanNamesWhatChangesAndNothingElse(t *testing.T) {
	extra := "[[extension]]\nname = \"d\"\nparent = \"ext\"\npackage = \"d\"\n"
	block := func(n string) string {
		return "[[extension]]\nname = \"" + n + "\"\nparent = \"ext\"\npackage = \"" + n + "\"\n"
	}
	for _, row := range []struct {
		name, strategy string
		to             func(string) string
		changed        string // a path whose package is another
		want           []string
		fault          string
	}{
		{name: "nothing", to: func(s string) string { return s }},
		{
			name: "another crash loop", to: func(s string) string {
				return strings.Replace(s, block("b"), block("b")+"crash_loop = { off = true }\n", 1)
			},
			want: []string{"stop sup/ext/b and start it anew: crashloop 5 in 1m0s -> off"},
		},
		{name: "one is new", to: func(s string) string { return s + extra }, want: []string{"start sup/ext/d: it is new"}},
		{name: "one is gone", to: func(s string) string { return strings.Replace(s, block("b"), "", 1) }, want: []string{"stop sup/ext/b and remove its spec: it is not in the file"}},
		{
			name: "all at once", changed: "sup/ext/a",
			to:   func(s string) string { return strings.Replace(s, block("b"), block("b")+"queue = 7\n", 1) + extra },
			want: []string{"stop sup/ext/a and start it anew: its package changed", "stop sup/ext/b and start it anew: queue 0 -> 7", "start sup/ext/d: it is new"},
		},
		{
			name: "a policy", to: func(s string) string { return strings.Replace(s, block("c"), block("c")+"shutdown = \"9s\"\n", 1) },
			want: []string{"stop sup/ext/c and start it anew: shutdown 5s -> 9s"},
		},
		{
			name: "a supervisor's own", to: func(s string) string {
				return strings.Replace(s, "name = \"ext\"\n", "name = \"ext\"\nrestarts = 9\n", 1)
			},
			want: []string{"stop sup/ext and start it anew: restarts 20 -> 9"},
		},
		{
			name: "the order, where it does not decide", to: func(s string) string {
				return strings.Replace(s, block("a"), "", 1) + block("a")
			},
		},
		{
			name: "in the middle, where the order decides", strategy: "rest_for_one",
			to:   func(s string) string { return strings.Replace(s, block("b"), block("b")+"queue = 7\n", 1) },
			want: []string{"stop sup/ext and start it anew: its children restart by their order, which would be a c b and has to be a b c"},
		},
		{name: "at the end, where the order decides", strategy: "rest_for_one", to: func(s string) string { return s + extra }, want: []string{"start sup/ext/d: it is new"}},
		{name: "the root", to: func(s string) string { return strings.Replace(s, "[tree]\n", "[tree]\nrestarts = 77\n", 1) }, fault: "tree cannot change while the daemon runs: restarts 5 -> 77"},
		{name: "the ledger", to: func(s string) string { return "[ledger]\nquota = \"1Gi\"\n" + s }, fault: "ledger cannot change while the daemon runs"},
		{name: "a socket", to: func(s string) string { return "[api]\nsocket = \"/s\"\n" + s }, fault: "api.socket cannot change while the daemon runs"},
	} {
		text := strings.ReplaceAll(three, "STRATEGY", map[bool]string{true: row.strategy, false: "one_for_one"}[row.strategy != ""])
		text = strings.Replace(text, "[tree]\nstrategy = \"rest_for_one\"", "[tree]\nstrategy = \"one_for_one\"", 1)
		steps, err := config.Plan(parsed(t, text), parsed(t, row.to(text)), func(path string) string {
			return map[bool]string{true: "its package changed"}[path == row.changed]
		})
		if row.fault != "" {
			if c := codes.From(codes.Fold(err)); c == nil || !strings.Contains(c.Error(), row.fault) || len(steps) > 0 {
				t.Errorf("%s: %v, %v", row.name, steps, err)
			}
			continue
		}
		var got []string
		for _, s := range steps {
			got = append(got, s.String())
		}
		if err != nil || !slices.Equal(got, row.want) {
			t.Errorf("%s: %v\n got %q\nwant %q", row.name, err, got, row.want)
		}
	}
}

package metrics_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/franken-node/fnode-supervisor/spec/metrics"
)

var rewrite = flag.Bool("rewrite", false, "write docs/metrics.md anew")

// TestTheTableIsDocumented compares docs/metrics.md with the table.
func TestTheTableIsDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Metrics\n\nGenerated from `spec/metrics`; do not edit. On the API socket at `/metrics`, and over TCP with `--metrics-listen`.\n\n| name | kind | unit | labels | what |\n|---|---|---|---|---|\n")
	for _, m := range metrics.All {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", m.Name, m.Kind, m.Unit, strings.Join(m.Labels, ", "), m.Help)
	}
	file := filepath.Join("..", "..", "docs", "metrics.md")
	if *rewrite {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != b.String() {
		t.Fatal("docs/metrics.md is not what the table says; run: go test ./spec/metrics -rewrite")
	}
}

var nameRule = regexp.MustCompile(`^fnode_[a-z_]+$`)

func TestNamesFollowTheConventions(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range metrics.All {
		if seen[m.Name] || !nameRule.MatchString(m.Name) || m.Help == "" || m.Unit == "" {
			t.Errorf("%+v", m)
		}
		seen[m.Name] = true
		if (m.Kind == metrics.Counter) != strings.HasSuffix(m.Name, "_total") {
			t.Errorf("%s: a counter, and only a counter, ends in _total", m.Name)
		}
	}
}

package daemon

import (
	"fmt"
	"strings"

	"github.com/franken-node/fnode-supervisor/api"
)

// Explain says why a run ended, the first cause first.
func Explain(err error) string {
	var b strings.Builder
	chain := causes("", err)
	fmt.Fprintf(&b, "error: the supervisor gives up: %s\n", chain[0].What)
	for i, c := range chain {
		word := "then"
		if i == 0 {
			word = "first cause"
		}
		fmt.Fprintf(&b, "  %-12s %s", word, c.What)
		if c.Code != "" {
			fmt.Fprintf(&b, " (%s)", c.Code)
		}
		b.WriteByte('\n')
	}
	b.WriteString("  kept         the history of every path, under the data directory\n  try          mend the first cause and start again; fnctl why PATH shows it then\n")
	return b.String()
}

var _ api.Backend = (*daemon)(nil)

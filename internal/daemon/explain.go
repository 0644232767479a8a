package daemon

import (
	"errors"
	"fmt"
	"strings"

	"github.com/franken-node/fnode-supervisor/api"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// ExitOf is the exit code of a run that ended by itself. Where the tree never came up it is the first cause's: a
// package that does not load is bad data, and no fault of ours. "The answer is no" is an answer to a call, not to
// a start.
func ExitOf(err error) int {
	if !errors.Is(err, codes.Of(codes.BootFailed)) {
		return codes.ExitOurFault
	}
	exit := codes.ExitOurFault
	for ; err != nil; err = errors.Unwrap(err) {
		var coded *codes.Error
		if errors.As(err, &coded) && coded == err {
			exit = coded.Code.Exit
		}
	}
	if exit == codes.ExitNo {
		return codes.ExitOurFault
	}
	return exit
}

// Explain says why a run ended, the first cause first.
func Explain(err error) string {
	var b strings.Builder
	chain := causes("", err)
	fmt.Fprintf(&b, "error: the supervisor gives up: %s\n", placed(chain[0]))
	for i, c := range chain {
		word := "then"
		if i == 0 {
			word = "first cause"
		}
		fmt.Fprintf(&b, "  %-12s %s", word, placed(c))
		if c.Code != "" {
			fmt.Fprintf(&b, " (%s)", c.Code)
		}
		b.WriteByte('\n')
	}
	b.WriteString("  kept         the history of every path, under the data directory\n  try          mend the first cause and start again; fnctl why PATH shows it then\n")
	return b.String()
}

// placed is a cause with its place: the first line has to be enough.
func placed(c api.Cause) string {
	if c.Where == nil {
		return c.What
	}
	return codes.Position{File: c.Where.File, Line: c.Where.Line, Col: c.Where.Col}.String() + ": " + c.What
}

var _ api.Backend = (*daemon)(nil)

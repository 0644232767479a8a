package render

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/franken-node/fnode-supervisor/api"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

const codeColumn = 87 // where the code stands on the first line, if the line leaves room

var outcomes = map[string]string{
	"none":    "none: it never began",
	"unknown": "unknown: it may have had effects",
	"done":    "done: its effects happened",
}

// Error prints an error on Err: as problem JSON for json and jsonl, else in the many-line form, of which
// the first line is enough for a log.
func (p Printer) Error(err error) {
	problem := api.ProblemOf(err)
	if p.Format == JSON || p.Format == JSONL {
		if b, err := (Printer{Format: p.Format}).form(Doc{Value: problem}); err == nil {
			_, _ = p.Err.Write(b)
			return
		}
	}
	text := ErrorText(err)
	if p.Color {
		text = "\x1b[1;31merror:\x1b[0m" + strings.TrimPrefix(text, "error:")
	}
	_, _ = fmt.Fprint(p.Err, text)
}

// ErrorText lays an error out in lines: what happened with its code, the place with a caret, the facts, the
// outcome, what is unchanged, what to try, where to read more.
func ErrorText(err error) string {
	pr := api.ProblemOf(err)
	var b strings.Builder
	b.WriteString(headline(pr))
	if pr.Position != nil {
		b.WriteString(caret(*pr.Position))
	}
	for _, f := range facts(pr) {
		fmt.Fprintf(&b, "  %-9s  %s\n", Clean(f.Label), Clean(f.Text))
	}
	return b.String()
}

func headline(p api.Problem) string {
	what := Clean(p.Detail)
	if p.Position != nil {
		if at := place(*p.Position); at != "" {
			what = Clean(at) + ": " + what
		}
	}
	line := "error: " + what
	gap := max(codeColumn-utf8.RuneCountInString(line), 2)
	return line + strings.Repeat(" ", gap) + p.Code + "\n"
}

func place(p api.Position) string {
	return codes.Position{File: p.File, Line: p.Line, Col: p.Col}.String()
}

// caret shows the line with a mark under the column. Col counts bytes; the mark counts characters.
func caret(p api.Position) string {
	if p.Text == "" || p.Line == 0 {
		return ""
	}
	number := fmt.Sprintf("%5d", p.Line)
	out := fmt.Sprintf("%s | %s\n", number, Clean(p.Text))
	if p.Col > 0 {
		before := utf8.RuneCountInString(p.Text[:min(p.Col-1, len(p.Text))])
		out += strings.Repeat(" ", len(number)) + " | " + strings.Repeat(" ", before) + "^\n"
	}
	return out
}

// facts are the lines below the first, with what the code knows where the error does not say it itself.
func facts(p api.Problem) []api.Fact {
	out := slices.Clone(p.Facts)
	has := func(label string) bool {
		return slices.ContainsFunc(out, func(f api.Fact) bool { return f.Label == label })
	}
	add := func(label, text string) {
		if text != "" {
			out = append(out, api.Fact{Label: label, Text: text})
		}
	}
	for _, f := range p.Frames {
		add("at", place(f))
	}
	add("outcome", outcomes[p.Outcome])
	if p.RetryAfter > 0 {
		add("retry", fmt.Sprintf("after %gs", p.RetryAfter))
	}
	if p.Exit == codes.ExitOurFault {
		add("fault", "this is our fault; please report it with these lines")
	}
	if !has("unchanged") {
		add("unchanged", p.Kept)
	}
	if !has("try") {
		add("try", p.Hint)
	}
	add("more", "fnctl explain "+p.Code)
	return out
}

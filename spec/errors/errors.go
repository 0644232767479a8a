// Package errors is the table of every error code that can reach a user, and the one error type that
// carries such a code. It is imported as `codes` by convention.
//
// A code is stable for ever: it is never reused and never changes its meaning. Ranges: FN1xxx kernel,
// FN2xxx supervision and regions, FN3xxx engines and extensions, FN4xxx isolation, FN5xxx store,
// FN6xxx configuration, FN7xxx packages, FN8xxx API and command line, FN9xxx the lab. One file per range.
//
// Values are immutable after init and safe for concurrent use.
//
//	return codes.New(codes.LaneFull, "sup/ext/markdown refuses: its queue of 64 is full").Retry(50*time.Millisecond)
package errors

import (
	stderrors "errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
)

// Exit codes of every command (design: surfaces). They follow sysexits where it has a word.
const (
	ExitOK          = 0
	ExitNo          = 1 // ran, and the answer is no; an extension that throws
	ExitNotRunning  = 3
	ExitNoSuch      = 4
	ExitUsage       = 64
	ExitBadData     = 65
	ExitNoInput     = 66
	ExitUnreachable = 69
	ExitOurFault    = 70
	ExitIO          = 74
	ExitRetry       = 75
	ExitSkew        = 76
	ExitDenied      = 77
	ExitConfig      = 78
	ExitTimeout     = 124
	ExitInterrupted = 130
)

// Code is one row of the table.
type Code struct {
	ID    string // "FN1001"
	Name  string // "lane_full": lower_snake, unique
	Title string // one line, without the particulars
	Cause string // why this happens
	Kept  string // what is unchanged or kept when it happens
	Hint  string // what to do next
	Exit  int    // exit code of a command that ends with it
	HTTP  int    // status of an API answer that carries it
	Retry bool   // whether trying again later, unchanged, can succeed
}

// Fact is one labelled line under an error's first line ("owed", "unchanged", "try").
type Fact struct{ Label, Text string }

// Position is a place in a text. Line and Col count from 1, Col in bytes; Text is the line itself
// (bounded to 200 bytes), for the caret. The zero value is "nowhere".
type Position struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"col,omitempty"`
	Text string `json:"-"`
}

// String gives file:line:col, leaving out what is unknown.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Error is an error with a code. It is made by New, finished by its chained methods before it is
// shared, and immutable afterwards.
type Error struct {
	Code       *Code
	What       string // the particulars: "sup/ext/markdown cannot stop: 2 obligations are still owed"
	Facts      []Fact
	Where      Position
	Frames     []Position  // the author's stack, innermost first
	HasEffect  bool        // whether Effect is meaningful: the error answers a call
	Effect     base.Effect // what the call may have done
	RetryAfter time.Duration
	Err        error // the cause, may be nil
}

// New makes an error of that code. format and args give the particulars.
func New(c *Code, format string, args ...any) *Error {
	return &Error{Code: c, What: fmt.Sprintf(format, args...)}
}

// Wrap keeps err as the cause: errors.Is and errors.As see it.
func (e *Error) Wrap(err error) *Error { e.Err = err; return e }

// Fact adds a labelled line.
func (e *Error) Fact(label, format string, args ...any) *Error {
	e.Facts = append(e.Facts, Fact{label, fmt.Sprintf(format, args...)})
	return e
}

// At sets the place in a file.
func (e *Error) At(p Position) *Error { e.Where = p; return e }

// Retry sets when trying again is worth it.
func (e *Error) Retry(d time.Duration) *Error { e.RetryAfter = d; return e }

// Outcome sets what the failed call may have done.
func (e *Error) Outcome(o base.Effect) *Error { e.HasEffect, e.Effect = true, o; return e }

// Error gives the first line: what happened and the code.
func (e *Error) Error() string {
	var b strings.Builder
	if at := e.Where.String(); at != "" {
		b.WriteString(at)
		b.WriteString(": ")
	}
	b.WriteString(e.What)
	b.WriteString(" (")
	b.WriteString(e.Code.ID)
	b.WriteString(")")
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is matches any error of the same code: errors.Is(err, codes.Of(codes.LaneFull)).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Of gives a value for errors.Is that matches every error of that code.
func Of(c *Code) error { return &Error{Code: c} }

// From finds the coded error in err's chain; nil if there is none.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if stderrors.As(err, &e) {
		return e
	}
	return nil
}

// Faults are every fault of one text, in its order.
type Faults []*Error

// Error lists them, a line each.
func (f Faults) Error() string {
	var out []string
	for _, e := range f {
		out = append(out, e.Error())
	}
	return strings.Join(out, "\n")
}

// Unwrap lets errors.Is and errors.As see each.
func (f Faults) Unwrap() []error {
	out := make([]error, len(f))
	for i, e := range f {
		out[i] = e
	}
	return out
}

// Fold turns many faults into one error that names them all; any other error is given back as it is.
func Fold(err error) error {
	var list Faults
	if !stderrors.As(err, &list) || len(list) < 2 {
		return err
	}
	e := *list[0]
	e.Facts = slices.Clone(e.Facts)
	for _, f := range list[1:] {
		e.Facts = append(e.Facts, Fact{"also", f.Error()})
	}
	return &e
}

// All lists every code, sorted by id.
func All() []*Code {
	all := slices.Concat(kernelCodes, supervisionCodes, engineCodes, isolationCodes, storeCodes, configCodes, packageCodes, surfaceCodes, labCodes)
	slices.SortFunc(all, func(a, b *Code) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Lookup finds a code by its id ("FN1001"); nil if there is none.
func Lookup(id string) *Code {
	for _, c := range All() {
		if strings.EqualFold(c.ID, id) {
			return c
		}
	}
	return nil
}

package actors

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/franken-node/fnode-supervisor/internal/base"
)

// ExitKind says how an incarnation ended.
type ExitKind uint8

// The kinds of an exit.
const (
	ExitNormal   ExitKind = iota // it returned ErrStop: its work is done
	ExitShutdown                 // it drained after a cancel request
	ExitDeclined                 // its start declined (ErrDecline)
	ExitFailed                   // a handler returned an error
	ExitPanicked                 // a handler panicked
	ExitKilled                   // it was ended at a delivery boundary
	ExitLinked                   // a linked actor ended abnormally
	ExitGone                     // there was no incarnation to watch
)

var exitNames = [...]string{"normal", "shutdown", "declined", "failed", "panicked", "killed", "linked", "gone"}

// String gives the kind's stable name.
func (k ExitKind) String() string {
	if int(k) < len(exitNames) {
		return exitNames[k]
	}
	return fmt.Sprintf("invalid(%d)", k)
}

// Exit is how an incarnation ended. It is immutable.
type Exit struct {
	Kind   ExitKind
	Reason base.Reason // of the close, where there was one
	Err    error       // the cause, for failed, panicked, linked and where ErrStop carried one
	On     string      // type of the message whose handler ended it, "" if none
	Stack  string      // the panic's stack, bounded
}

// Clean says whether the exit is no failure: normal, shutdown or declined.
func (e Exit) Clean() bool { return e.Kind <= ExitDeclined }

// Outcome is the exit's weight in its region's outcome.
func (e Exit) Outcome() base.Outcome {
	switch e.Kind {
	case ExitNormal, ExitDeclined:
		return base.OutcomeOk
	case ExitShutdown, ExitKilled:
		return base.OutcomeCancelled
	case ExitPanicked:
		return base.OutcomePanicked
	}
	return base.OutcomeFailed
}

// String gives kind and cause in one line.
func (e Exit) String() string {
	s := e.Kind.String()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.On != "" {
		s += " (on " + e.On + ")"
	}
	return s
}

// ErrStop is returned by a handler whose actor is done: its incarnation ends as normal. Wrap it to say why.
var ErrStop = errors.New("stop")

// ErrDecline is returned by the handler of Started to say that there is nothing to run (S10: ignore).
var ErrDecline = errors.New("decline")

// stopWith carries an exit of the behaviour's own choice.
type stopWith struct{ exit Exit }

func (s stopWith) Error() string { return s.exit.String() }

// StopAs is an error that ends the incarnation with this very exit.
func StopAs(e Exit) error { return stopWith{e} }

// exitOf turns what a handler returned into an exit; ok is false for nil.
func exitOf(err error, draining bool) (e Exit, ok bool) {
	if err == nil {
		return e, false // the usual case: nothing escapes
	}
	var as stopWith
	switch {
	case errors.As(err, &as):
		return as.exit, true
	case errors.Is(err, ErrDecline):
		return Exit{Kind: ExitDeclined}, true
	case errors.Is(err, ErrStop) && draining:
		return Exit{Kind: ExitShutdown}, true
	case errors.Is(err, ErrStop):
		return Exit{Kind: ExitNormal}, true
	}
	return Exit{Kind: ExitFailed, Err: err}, true
}

func panicExit(v any, stack string) Exit {
	err, ok := v.(error)
	if !ok || !speaks(err) {
		err = fmt.Errorf("%v", v) // fmt survives a text that panics
	}
	return Exit{Kind: ExitPanicked, Err: err, Stack: stack}
}

// lines are the texts of stack frames that were asked for before: a place that panics does so again, and to find its name
// takes longer than a restart. uintptr -> string; there are as many as places of the program that panicked.
var lines sync.Map

// stack is that of the caller of the function that calls it, one frame in two lines, bounded.
func stack() string {
	var pcs [64]uintptr
	var b strings.Builder
	for _, pc := range pcs[:runtime.Callers(3, pcs[:])] {
		text, ok := lines.Load(pc)
		if !ok {
			text = frame(pc)
			lines.Store(pc, text)
		}
		b.WriteString(text.(string))
	}
	return b.String()
}

// frame is the text of a return address, inlined calls included.
func frame(pc uintptr) string {
	var b strings.Builder
	for fs, more := runtime.CallersFrames([]uintptr{pc}), true; more; {
		var f runtime.Frame
		f, more = fs.Next()
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
	}
	return b.String()
}

var errNobody = errors.New("nobody")

// speaks says whether the error's text can be had: that of a nil pointer in an error often panics.
func speaks(err error) (ok bool) {
	defer func() { ok = recover() == nil }()
	_ = err.Error()
	errors.Is(err, errNobody)
	return true
}

// Package invariant reports broken rules: what the program's own reasoning excludes. A test run panics,
// so that no test can pass over one; in production the report goes to the hook, and the caller stops the
// smallest enclosing region.
//
// It owns one hook. Violated may be called from any goroutine.
//
//	invariant.Violated("O1", "%s resolved twice", id)
package invariant

import (
	"fmt"
	"sync/atomic"
	"testing"
)

var hook atomic.Pointer[func(rule, what string)] // written by Report

// Report sets who hears of a broken rule in production. It replaces the one before.
func Report(f func(rule, what string)) { hook.Store(&f) }

// Broken is what Violated panics with.
type Broken struct{ Rule, What string }

// Error gives rule and what was seen.
func (b Broken) Error() string { return b.Rule + ": " + b.What }

// Violated says that the rule does not hold. It panics in tests and in binaries built with the tag
// invariants; otherwise it tells the hook and returns.
func Violated(rule, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	if panics || testing.Testing() {
		panic(Broken{rule, what})
	}
	if f := hook.Load(); f != nil {
		(*f)(rule, what)
	}
}

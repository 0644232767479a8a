package core

import (
	"fmt"
	"slices"

	"github.com/franken-node/fnode-supervisor/spec"
)

// verdict is what became of a child that failed.
type verdict uint8

const (
	untouched verdict = iota // it is in no crash loop: the budget decides (S2)
	fellBack                 // it moves to its pinned version
	kept                     // it is in quarantine
)

// contain counts a failure of a child that is down, before the budget sees it (S7). One that is in a crash loop moves
// to its pinned version, with a count of its own, or to quarantine. What it has spent of the budget is given back.
func (c *Core) contain(ch *child) verdict {
	if ch.CrashLoop == (CrashLoop{}) || !c.looping(ch) {
		return untouched
	}
	c.forgive(ch)
	why := Exit{Crashed, fmt.Sprintf("%s; last: %s", ch.CrashLoop, ch.last)}
	if ch.Pinned != "" && !ch.pinned {
		ch.pinned = true
		c.choose(ToFallBack)
		why.Text += "; to " + ch.Pinned
		c.report(FellBack, ch, why)
		return fellBack
	}
	c.choose(ToQuarantine)
	c.shift(ch, spec.ChildQuarantine)
	c.report(Quarantined, ch, why)
	c.do(Command{Kind: Evict, Name: ch.Name, Inc: ch.inc})
	return kept
}

// looping counts a failure and says whether there are too many within the window.
func (c *Core) looping(ch *child) bool {
	since := c.now - int64(ch.CrashLoop.Window)
	ch.fails = slices.DeleteFunc(ch.fails, func(at int64) bool { return at <= since })
	ch.fails = append(ch.fails, c.now)
	c.sawFailures(ch)
	return len(ch.fails) >= ch.CrashLoop.Failures
}

// forgive clears what a child failed so far, also out of the budget where a crash loop is looked for: with the one
// cleared and the other not, the budget could be spent first.
func (c *Core) forgive(ch *child) {
	ch.tries, ch.failed = 0, false
	if ch.CrashLoop != (CrashLoop{}) {
		ch.fails = nil
		c.restarts = slices.DeleteFunc(c.restarts, func(r restart) bool { return r.of == ch })
	}
}

// release lets a child start anew, at its own version, because somebody asked for it (S10).
func (c *Core) release(ch *child) {
	c.forgive(ch)
	ch.pinned = false
	if ch.state == spec.ChildQuarantined {
		c.shift(ch, spec.ChildRelease)
	}
}

// String is the rule in words.
func (l CrashLoop) String() string {
	if l.Failures == 1 {
		return fmt.Sprintf("1 failure in %s", l.Window)
	}
	return fmt.Sprintf("%d failures in %s", l.Failures, l.Window)
}

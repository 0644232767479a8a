package core_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// looping gives b a crash loop of two failures within the budget's window, which is 5 s and 3 restarts.
func looping(pinned string) func(*core.Spec) {
	return func(s *core.Spec) {
		s.Children[1].CrashLoop, s.Children[1].Pinned = core.CrashLoop{Failures: 2, Window: 5 * time.Second}, pinned
	}
}

func (w *world) view(name string) core.ChildView {
	all := w.c.Children()
	i := slices.IndexFunc(all, func(ch core.ChildView) bool { return ch.Name == name })
	return all[i]
}

func TestS7ACrashLoopEndsInQuarantineOrAtThePinnedVersion(t *testing.T) {
	const second = int64(time.Second)
	for _, row := range []struct {
		name, pinned string
		strategy     core.Strategy
		restart      core.Restart
		play         func(*world)
		want         string
		state        spec.ChildState
	}{
		{
			"one failure is no loop", "", core.OneForOne, core.Permanent, func(w *world) { w.crash("b") },
			"crash b, child_terminated b, start b#2", spec.ChildUp,
		},
		{
			"the Nth is", "", core.OneForOne, core.Permanent, func(w *world) { w.crash("b"); w.crash("b") },
			"crash b, child_terminated b, start b#2, crash b, child_terminated b, quarantined b, evict b", spec.ChildQuarantined,
		},
		{
			"the window slides", "", core.OneForOne, core.Permanent, func(w *world) { w.crash("b"); w.now += 5 * second; w.crash("b") },
			"crash b, child_terminated b, start b#2, crash b, child_terminated b, start b#3", spec.ChildUp,
		},
		{
			"just inside of it", "", core.OneForOne, core.Permanent, func(w *world) { w.crash("b"); w.now += 5*second - 1; w.crash("b") },
			"crash b, child_terminated b, start b#2, crash b, child_terminated b, quarantined b, evict b", spec.ChildQuarantined,
		},
		{
			"a child of another is not counted", "", core.OneForOne, core.Permanent, func(w *world) { w.crash("a"); w.crash("b") },
			"crash a, child_terminated a, start a#2, crash b, child_terminated b, start b#2", spec.ChildUp,
		},
		{
			"a permanent child may not end at all", "", core.OneForOne, core.Permanent, func(w *world) { w.normal("b"); w.normal("b") },
			"child_terminated b, start b#2, child_terminated b, quarantined b, evict b", spec.ChildQuarantined,
		},
		{
			"the clean end of a transient one is no failure", "", core.OneForOne, core.Transient, func(w *world) { w.crash("b"); w.normal("b") },
			"crash b, child_terminated b, start b#2, evict b", spec.ChildDown,
		},
		{
			"it falls back first", "b@1", core.OneForOne, core.Permanent, func(w *world) { w.crash("b"); w.crash("b") },
			"crash b, child_terminated b, start b#2, crash b, child_terminated b, fell_back b, start b#3 pinned", spec.ChildUp,
		},
		{
			"the pinned version has a count of its own", "b@1", core.OneForOne, core.Permanent,
			func(w *world) { w.crash("b"); w.crash("b"); w.log = nil; w.crash("b"); w.crash("b") },
			"crash b, child_terminated b, start b#4 pinned, crash b, child_terminated b, quarantined b, evict b", spec.ChildQuarantined,
		},
		{
			"a restarted group leaves it out", "", core.OneForAll, core.Permanent,
			func(w *world) { w.crash("b"); w.crash("b"); w.log = nil; w.crash("c") },
			"crash c, child_terminated c, stop a, start a#3, start c#3", spec.ChildQuarantined,
		},
		{
			"its younger siblings go on", "", core.RestForOne, core.Permanent, func(w *world) { w.crash("b"); w.log = nil; w.crash("b") },
			"crash b, child_terminated b, quarantined b, evict b", spec.ChildQuarantined,
		},
		{
			"a restart that fails is a failure, and the rest of the group starts", "", core.RestForOne, core.Permanent, failing2,
			"crash b, child_terminated b, stop c, start b#2, start_error b, quarantined b, evict b, start c#2", spec.ChildQuarantined,
		},
		{
			"a restart that fails may fall back, by message", "b@1", core.RestForOne, core.Permanent,
			func(w *world) { failing2(w); w.step(w.timers["b/0"]) },
			"crash b, child_terminated b, stop c, start b#2, start_error b, fell_back b, start b#3 pinned, start c#2", spec.ChildUp,
		},
		{
			"siblings in a loop of their own keep the version", "b@1", core.OneForAll, core.Permanent,
			func(w *world) { w.crash("b"); w.crash("b"); w.log = nil; w.crash("a") },
			"crash a, child_terminated a, stop c, stop b, start a#4, start b#4 pinned, start c#4", spec.ChildUp,
		},
		{
			"it does not keep its supervisor from stopping", "", core.OneForOne, core.Permanent,
			func(w *world) { w.crash("b"); w.crash("b"); w.log = nil; w.step(core.Event{Kind: core.Stop}) },
			"stop c, stop a, finish normal", spec.ChildQuarantined,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := booted(t, abc(row.strategy, looping(row.pinned), func(s *core.Spec) { s.Children[1].Restart = row.restart }))
			row.play(w)
			w.expect(t, row.want)
			if got := w.view("b").State; got != row.state {
				t.Errorf("it is %s, want %s", got, row.state)
			}
		})
	}
}

// failing2 crashes b, stops its group, and fails its restart; the rest is answered at once.
func failing2(w *world) {
	w.hold = true
	w.crash("b")
	for len(w.closing) > 0 {
		w.close(w.closing[0])
	}
	w.hold = false
	w.step(core.Event{Kind: core.Failed, Name: "b", Inc: w.gone("b"), Exit: core.Exit{Kind: core.Crashed, Text: "no"}})
}

func TestS7IsLookedAtBeforeTheBudgetAndGivesBackWhatWasSpent(t *testing.T) {
	all := func(s *core.Spec) {
		s.Children = append(s.Children, core.Child{Name: "d", Backoff: core.Backoff{Off: true}})
		for i := range s.Children {
			s.Children[i].CrashLoop = core.CrashLoop{Failures: 2, Window: 5 * time.Second}
		}
	}
	w := newWorld(t, abc(core.OneForOne, all))
	w.step(core.Event{Kind: core.Boot})
	for _, n := range []string{"a", "b", "c", "d"} { // four restarts, and a budget of three
		w.crash(n)
		w.crash(n)
	}
	if w.exit != nil {
		t.Fatal("children in quarantine spent the budget:", w.exit)
	}
	w = booted(t, abc(core.OneForOne, looping("")))
	for i := range 4 { // a restart by name clears the count, and so what was spent
		w.crash("b")
		w.step(core.Event{Kind: core.Restarted, Name: "b", Req: uint64(i + 1)})
	}
	if w.exit != nil || w.view("b").State != spec.ChildUp {
		t.Fatal("a count that was cleared spent the budget:", w.exit)
	}
	w = booted(t, abc(core.OneForOne, looping("b@1")))
	failing2(w) // it is to start from its pinned version, which is no restart of the budget
	for range 3 {
		w.crash("a")
	}
	w.step(w.timers["b/0"])
	if v := w.view("b"); w.exit != nil || v.State != spec.ChildUp || !v.Pinned {
		t.Fatal("a fall back spent the budget:", w.exit, v)
	}
	w = booted(t, abc(core.OneForOne)) // off: the budget decides, as before
	for range 4 {
		w.crash("b")
	}
	if w.exit == nil || w.exit.Kind != core.GaveUp {
		t.Fatal(w.exit)
	}
}

func TestS7OnlyARestartByNameEndsAQuarantine(t *testing.T) {
	w := booted(t, abc(core.OneForAll, looping("b@1")))
	for range 4 {
		w.crash("b")
	}
	w.log = nil
	for i, row := range []struct {
		kind  core.EventKind
		want  core.Refusal
		state spec.ChildState
	}{
		{core.Revive, core.Contained, spec.ChildQuarantined},
		{core.Terminate, core.Done, spec.ChildQuarantined},
		{core.Restarted, core.Done, spec.ChildUp},
	} {
		w.step(core.Event{Kind: row.kind, Name: "b", Req: uint64(i + 1)})
		if got, v := w.replies[uint64(i+1)], w.view("b"); got != row.want || v.State != row.state {
			t.Errorf("%d: %q and %s, want %q and %s", row.kind, got, v.State, row.want, row.state)
		}
	}
	w.expect(t, "evict b, start b#5") // its own version again
	w.crash("b")
	if v := w.view("b"); v.State != spec.ChildUp || v.Pinned {
		t.Fatal("the count was not cleared:", v)
	}
	w.crash("b")
	w.crash("b")
	w.crash("b")
	w.step(core.Event{Kind: core.Delete, Name: "b", Req: 9})
	if got := w.replies[9]; got != core.Done || len(w.c.Children()) != 2 {
		t.Fatal("a child in quarantine cannot be removed:", got)
	}
}

func TestS7ADynamicChildInQuarantineKeepsItsSpecAndHasItsOwnPin(t *testing.T) {
	w := newWorld(t, abc(core.Dynamic, func(s *core.Spec) {
		looping("t@1")(s)
		s.Children = s.Children[1:2]
	}))
	w.step(core.Event{Kind: core.Boot})
	w.step(core.Event{Kind: core.Add, Child: &core.Child{Name: "x"}, Req: 1})
	w.step(core.Event{Kind: core.Add, Child: &core.Child{Name: "y", Pinned: "y@7"}, Req: 2})
	w.log = nil
	for _, n := range []string{"x", "y"} {
		w.crash(n)
		w.crash(n)
	}
	w.expect(t, "crash x, child_terminated x, start x#2, crash x, child_terminated x, quarantined x, evict x, "+
		"crash y, child_terminated y, start y#2, crash y, child_terminated y, fell_back y, start y#3 pinned")
	if v := w.view("y"); !v.Pinned || v.Spec.Pinned != "y@7" {
		t.Error(v)
	}
	w.log = nil
	w.step(core.Event{Kind: core.Terminate, Name: "x", Req: 3})
	w.expect(t, "remove x")
}

func TestS7WhatCouldSpendTheBudgetFirstIsRefused(t *testing.T) {
	ok := core.CrashLoop{Failures: 2, Window: 5 * time.Second}
	for name, row := range map[string]struct {
		change func(*core.Child)
		want   string
	}{
		"as many as the budget": {func(c *core.Child) { c.CrashLoop.Failures = 3 }, "children[1].crash_loop.failures: must be at least 1 and below the budget of 3 restarts, got 3"},
		"none":                  {func(c *core.Child) { c.CrashLoop.Failures = 0 }, "children[1].crash_loop.failures: must be at least 1 and below the budget of 3 restarts, got 0"},
		"a shorter window":      {func(c *core.Child) { c.CrashLoop.Window-- }, "children[1].crash_loop.window: must be at least the budget's, 5s, got 4.999999999s"},
		"a pin without a loop":  {func(c *core.Child) { c.CrashLoop, c.Pinned = core.CrashLoop{}, "b@1" }, "children[1].pinned: needs a crash_loop, which moves the child to it"},
		"a temporary child":     {func(c *core.Child) { c.Restart = core.Temporary }, "children[1].crash_loop: a temporary child is never restarted"},
		"nothing":               {func(*core.Child) {}, ""},
	} {
		s := abc(core.OneForOne)
		s.Children[1].CrashLoop = ok
		row.change(&s.Children[1])
		if got := strings.Join(s.Validate(), "; "); got != row.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestS7AnyStoryStartsNothingThatIsInQuarantine plays random stories with crash loops: a child in quarantine starts only
// by a request that names it, a pinned version runs from the fall back to the release, a verdict needs N failures within
// the window, and one child alone never spends the budget.
func TestS7AnyStoryStartsNothingThatIsInQuarantine(t *testing.T) {
	var quarantines, backs, releases, survived int
	rapid.Check(t, func(t *rapid.T) {
		sp := core.Spec{
			Strategy: core.Strategy(rapid.IntRange(0, 2).Draw(t, "strategy")),
			Budget:   core.Budget{Restarts: rapid.IntRange(2, 5).Draw(t, "restarts"), Window: time.Second},
		}
		for i := range rapid.IntRange(1, 4).Draw(t, "children") {
			sp.Children = append(sp.Children, core.Child{
				Name: fmt.Sprint("c", i), Restart: core.Restart(rapid.IntRange(0, 1).Draw(t, "restart")),
				Backoff: core.Backoff{Off: rapid.Bool().Draw(t, "off")}, TwoIncarnations: true,
				CrashLoop: core.CrashLoop{Failures: rapid.IntRange(1, sp.Budget.Restarts-1).Draw(t, "failures"), Window: time.Second},
				Pinned:    rapid.SampledFrom([]string{"", "v1"}).Draw(t, "pinned"),
			})
		}
		w := newWorld(t, sp)
		o := &loopOracle{t: t, w: w, of: map[string]*looped{}, open: map[uint64]core.Event{}}
		w.watch = o.see
		w.hold = true
		w.step(core.Event{Kind: core.Boot})
		alone := len(sp.Children) == 1
		reqs := uint64(0)
		for range rapid.IntRange(0, 80).Draw(t, "steps") {
			w.now += rapid.Int64Range(0, int64(100*time.Millisecond)).Draw(t, "dt")
			if rapid.IntRange(0, 3).Draw(t, "any") == 0 {
				w.random(t, &reqs)
			} else {
				w.fail(t)
			}
			w.timersFit()
			alone = alone && !slices.ContainsFunc(w.c.Children(), func(ch core.ChildView) bool { return ch.Name != "c0" || ch.Spec.CrashLoop != sp.Children[0].CrashLoop })
		}
		if alone && w.exit != nil && w.exit.Kind == core.GaveUp {
			t.Fatalf("the budget was spent before the crash loop was seen: %s\n%s", w.exit, strings.Join(w.log, " "))
		}
		quarantines, backs, releases = quarantines+o.quarantines, backs+o.backs, releases+o.releases
		if alone && o.quarantines > 0 {
			survived++
		}
	})
	t.Logf("%d quarantines, %d of which were left by request; %d falls back; %d lone children in quarantine whose supervisor went on", quarantines, releases, backs, survived)
	if quarantines == 0 || backs == 0 || releases == 0 || survived == 0 {
		t.Error("the stories did not get there")
	}
}

// fail takes the next step of a story in which children do little but crash: what waits goes on, and what is up ends.
func (w *world) fail(t *rapid.T) {
	switch {
	case len(w.closing) > 0:
		w.close(w.closing[0])
	case len(w.starts) > 0 && rapid.IntRange(0, 4).Draw(t, "fails") == 0 && w.c.State() != spec.SupBooting:
		n := w.starts[0]
		w.step(core.Event{Kind: core.Failed, Name: n, Inc: w.gone(n), Exit: core.Exit{Kind: core.Crashed, Text: "no"}})
	case len(w.starts) > 0:
		w.ready(w.starts[0])
	case len(w.timers) > 0:
		key := slices.Sorted(maps.Keys(w.timers))[0]
		e := w.timers[key]
		delete(w.timers, key)
		w.step(e)
	case len(w.up) > 0:
		w.crash(rapid.SampledFrom(slices.Sorted(maps.Keys(w.up))).Draw(t, "up"))
	}
}

// looped is what the oracle knows of one child.
type looped struct {
	loop        core.CrashLoop
	failures    []int64 // reports that may have been counted
	pinned      bool
	quarantined bool
}

// loopOracle keeps its own books of who may start, from commands and requests alone.
type loopOracle struct {
	t                            *rapid.T
	w                            *world
	of                           map[string]*looped
	open                         map[uint64]core.Event // requests that are not answered
	quarantines, backs, releases int
}

func (o *loopOracle) see(e core.Event, cmds []core.Command) {
	if e.Req != 0 {
		o.open[e.Req] = e
	}
	for _, cmd := range cmds {
		ch := o.of[cmd.Name]
		if ch == nil {
			ch = &looped{}
			o.of[cmd.Name] = ch
		}
		switch {
		case cmd.Kind == core.Remove:
			delete(o.of, cmd.Name)
		case cmd.Kind == core.Start:
			switch {
			case ch.quarantined && o.asked(core.Restarted, cmd.Name):
				o.releases++
				*ch = looped{}
			case !ch.quarantined && (o.asked(core.Restarted, cmd.Name) || o.asked(core.Revive, cmd.Name)):
				ch.pinned = ch.pinned && cmd.Pinned // the request may still wait
			}
			ch.loop = cmd.Child.CrashLoop
			if ch.quarantined || ch.pinned != cmd.Pinned {
				o.t.Fatalf("start of %s#%d, pinned %v: the oracle has %+v\n%s", cmd.Name, cmd.Inc, cmd.Pinned, *ch, strings.Join(o.w.log, " "))
			}
		case cmd.Kind == core.Report:
			o.report(ch, cmd)
		case cmd.Kind == core.Reply:
			delete(o.open, cmd.Req)
		}
	}
}

// asked says whether a request of this kind for the child is under way, or waits.
func (o *loopOracle) asked(kind core.EventKind, name string) bool {
	for _, e := range o.open {
		if e.Kind == kind && e.Name == name {
			return true
		}
	}
	return false
}

func (o *loopOracle) report(ch *looped, cmd core.Command) {
	switch cmd.Context {
	case core.ChildTerminated, core.StartError:
		ch.failures = append(ch.failures, o.w.now)
	case core.FellBack, core.Quarantined:
		loop := ch.loop
		in := slices.DeleteFunc(slices.Clone(ch.failures), func(at int64) bool { return at <= o.w.now-int64(loop.Window) })
		if len(in) < loop.Failures {
			o.t.Fatalf("%s of %s after %d failures in the window, want %s\n%s", cmd.Context, cmd.Name, len(in), loop, strings.Join(o.w.log, " "))
		}
		ch.failures = nil
		if cmd.Context == core.FellBack {
			if ch.pinned {
				o.t.Fatalf("%s falls back twice", cmd.Name)
			}
			ch.pinned, o.backs = true, o.backs+1
			return
		}
		ch.quarantined, o.quarantines = true, o.quarantines+1
	}
}

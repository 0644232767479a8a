package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// world plays the driver: it keeps the live incarnations and answers commands at once, or when told.
type world struct {
	t       interface{ Fatalf(string, ...any) }
	c       *core.Core
	now     int64
	rand    uint64
	delay   time.Duration     // of the newest timer
	live    map[string]uint32 // started and not ended
	up      map[string]bool
	closing []string // asked to close or killed, not ended yet, in order
	starts  []string // waiting to become ready, "name#inc"
	timers  map[string]core.Event
	log     []string
	exit    *core.Exit
	replies map[uint64]core.Refusal
	hold    bool         // starts and stops are answered by the test
	stuck   []core.Event // the ends of those whose handlers may return after all

	watch func(core.Event, []core.Command) // sees each step before it is carried out; may be nil
}

func newWorld(t interface{ Fatalf(string, ...any) }, s core.Spec) *world {
	c, err := core.New(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return &world{t: t, c: c, live: map[string]uint32{}, up: map[string]bool{}, timers: map[string]core.Event{}, replies: map[uint64]core.Refusal{}}
}

func (w *world) step(e core.Event) {
	e.Now, e.Rand = w.now, w.rand
	cmds := w.c.Step(e)
	if w.watch != nil {
		w.watch(e, cmds)
	}
	for _, cmd := range cmds {
		w.do(cmd)
	}
	for !w.hold && (len(w.closing) > 0 || len(w.starts) > 0) {
		if len(w.closing) > 0 {
			w.close(w.closing[0])
		} else {
			w.ready(w.starts[0])
		}
	}
}

func (w *world) do(cmd core.Command) {
	key := fmt.Sprint(cmd.Name, "/", cmd.Timer)
	switch cmd.Kind {
	case core.Start:
		if w.live[cmd.Name] != 0 {
			w.t.Fatalf("two lives of %s: #%d and #%d\n%s", cmd.Name, w.live[cmd.Name], cmd.Inc, strings.Join(w.log, " "))
		}
		w.live[cmd.Name] = cmd.Inc
		w.starts = append(w.starts, cmd.Name)
		w.log = append(w.log, fmt.Sprintf("start %s#%d", cmd.Name, cmd.Inc)+map[bool]string{true: " pinned"}[cmd.Pinned])
	case core.Close, core.Kill:
		if w.live[cmd.Name] != cmd.Inc {
			w.t.Fatalf("%s#%d is stopped and does not live", cmd.Name, cmd.Inc)
		}
		if !slices.Contains(w.closing, cmd.Name) {
			w.closing = append(w.closing, cmd.Name)
			w.log = append(w.log, "stop "+cmd.Name)
		}
	case core.Arm:
		w.delay = cmd.Delay
		w.timers[key] = core.Event{Kind: core.Due, Name: cmd.Name, Inc: cmd.Inc, Timer: cmd.Timer}
	case core.Disarm:
		delete(w.timers, key)
	case core.Reply:
		w.replies[cmd.Req] = cmd.Err
	case core.Up:
		w.log = append(w.log, "up")
	case core.Report:
		w.log = append(w.log, string(cmd.Context)+" "+cmd.Name)
	case core.Evict:
		w.log = append(w.log, "evict "+cmd.Name)
	case core.Remove:
		w.log = append(w.log, "remove "+cmd.Name)
		w.stuck = slices.DeleteFunc(w.stuck, func(e core.Event) bool { return e.Name == cmd.Name }) // the driver knows it from its namesake
	case core.Finish:
		if w.exit != nil || len(w.live) > 0 {
			w.t.Fatalf("finish with %v alive, before: %v", w.live, w.exit)
		}
		e := cmd.Exit
		w.exit = &e
		w.log = append(w.log, "finish "+e.Kind.String())
	}
}

func (w *world) gone(name string) uint32 {
	inc := w.live[name]
	delete(w.live, name)
	delete(w.up, name)
	w.closing = slices.DeleteFunc(w.closing, func(n string) bool { return n == name })
	w.starts = slices.DeleteFunc(w.starts, func(n string) bool { return n == name })
	return inc
}

func (w *world) ready(name string) {
	w.starts = slices.DeleteFunc(w.starts, func(n string) bool { return n == name })
	w.up[name] = true
	w.step(core.Event{Kind: core.Ready, Name: name, Inc: w.live[name]})
}

func (w *world) close(name string) {
	w.step(core.Event{Kind: core.Ended, Name: name, Inc: w.gone(name), Exit: core.Exit{Kind: core.Stopped}})
}

func (w *world) crash(name string) {
	w.log = append(w.log, "crash "+name)
	w.step(core.Event{Kind: core.Ended, Name: name, Inc: w.gone(name), Exit: core.Exit{Kind: core.Crashed, Text: "boom"}})
}

func (w *world) normal(name string) {
	w.step(core.Event{Kind: core.Ended, Name: name, Inc: w.gone(name), Exit: core.Exit{Kind: core.Normal}})
}

func (w *world) expect(t *testing.T, want string) {
	t.Helper()
	if got := strings.Join(w.log, ", "); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	w.log = nil
}

func abc(s core.Strategy, change ...func(*core.Spec)) core.Spec {
	sp := core.Spec{Strategy: s, Budget: core.Budget{Restarts: 3, Window: 5 * time.Second}}
	for _, n := range []string{"a", "b", "c"} {
		sp.Children = append(sp.Children, core.Child{Name: n, Backoff: core.Backoff{Off: true}})
	}
	for _, f := range change {
		f(&sp)
	}
	return sp
}

func booted(t *testing.T, s core.Spec) *world {
	w := newWorld(t, s)
	w.step(core.Event{Kind: core.Boot})
	w.expect(t, "start a#1, start b#1, start c#1, up")
	return w
}

func TestS1OneForOneRestartsTheChildOnly(t *testing.T) {
	w := booted(t, abc(core.OneForOne))
	w.crash("b")
	w.expect(t, "crash b, child_terminated b, start b#2")
}

func TestS1OneForAllRestartsAllInOrder(t *testing.T) {
	w := booted(t, abc(core.OneForAll))
	w.crash("b")
	w.expect(t, "crash b, child_terminated b, stop c, stop a, start a#2, start b#2, start c#2")
}

func TestS1RestForOneRestartsYoungerSiblingsOnly(t *testing.T) {
	w := booted(t, abc(core.RestForOne))
	w.crash("b")
	w.expect(t, "crash b, child_terminated b, stop c, start b#2, start c#2")
}

func TestS1StopsInReverseOneAtATime(t *testing.T) {
	w := booted(t, abc(core.OneForOne))
	w.hold = true
	w.step(core.Event{Kind: core.Stop, Exit: core.Exit{Kind: core.Stopped}})
	w.expect(t, "stop c")
	w.close("c")
	w.expect(t, "stop b")
	w.close("b")
	w.close("a")
	w.expect(t, "stop a, finish shutdown")
}

func TestS1DynamicStopsAllAtOnce(t *testing.T) {
	w := newWorld(t, abc(core.Dynamic, func(s *core.Spec) { s.Children = s.Children[:1] }))
	w.step(core.Event{Kind: core.Boot})
	for i, n := range []string{"x", "y"} {
		w.step(core.Event{Kind: core.Add, Child: &core.Child{Name: n}, Req: uint64(i + 1)})
	}
	w.expect(t, "up, start x#1, start y#1")
	w.hold = true
	w.step(core.Event{Kind: core.Stop})
	w.expect(t, "stop y, stop x")
	w.close("x")
	w.close("y")
	w.expect(t, "finish normal")
}

func TestS1ChildrenStartOneAfterTheOther(t *testing.T) {
	w := newWorld(t, abc(core.OneForOne))
	w.hold = true
	w.step(core.Event{Kind: core.Boot})
	w.expect(t, "start a#1")
	w.ready("a")
	w.expect(t, "start b#1")
	w.step(core.Event{Kind: core.Declined, Name: "b", Inc: w.gone("b")})
	w.ready("c")
	w.expect(t, "evict b, start c#1, up")
}

func TestS1AFailedBootStopsWhatStartedAndFails(t *testing.T) {
	w := newWorld(t, abc(core.OneForOne))
	w.hold = true
	w.step(core.Event{Kind: core.Boot})
	w.ready("a")
	w.step(core.Event{Kind: core.Failed, Name: "b", Inc: w.gone("b"), Exit: core.Exit{Kind: core.Crashed, Text: "no"}})
	w.close("a")
	w.expect(t, "start a#1, start b#1, start_error b, stop a, finish crashed")
}

func TestS1RestartTypesDecide(t *testing.T) {
	for _, row := range []struct {
		restart core.Restart
		crash   bool
		want    string
	}{
		{core.Permanent, true, "crash b, child_terminated b, start b#2"},
		{core.Permanent, false, "child_terminated b, start b#2"},
		{core.Transient, true, "crash b, child_terminated b, start b#2"},
		{core.Transient, false, "evict b"},
		{core.Temporary, true, "crash b, child_terminated b, remove b"},
		{core.Temporary, false, "remove b"},
	} {
		w := booted(t, abc(core.OneForOne, func(s *core.Spec) { s.Children[1].Restart = row.restart }))
		if row.crash {
			w.crash("b")
		} else {
			w.normal("b")
		}
		w.expect(t, row.want)
	}
}

func TestS2OneRestartTooManyFailsUpwardsAndNamesTheCause(t *testing.T) {
	w := booted(t, abc(core.OneForOne))
	for range 4 {
		w.crash("b")
	}
	if w.exit == nil || w.exit.Kind != core.GaveUp || !strings.Contains(w.exit.Text, "b crashed: boom") {
		t.Fatal(w.exit, w.log)
	}
}

func TestS2TheWindowSlides(t *testing.T) {
	w := booted(t, abc(core.OneForOne))
	for range 40 {
		w.crash("b")
		w.now += int64(2 * time.Second)
	}
	if w.exit != nil {
		t.Fatal(w.exit)
	}
}

func TestS3AStopOvertakesAPendingRestartAndAStaleOneDoesNothing(t *testing.T) {
	w := booted(t, abc(core.OneForOne, func(s *core.Spec) { s.Children[1].Backoff = core.Backoff{} }))
	w.crash("b")
	due := w.timers["b/0"]
	if due.Kind != core.Due {
		t.Fatal("no backoff timer")
	}
	w.step(core.Event{Kind: core.Terminate, Name: "b", Req: 9})
	w.step(due)
	w.expect(t, "crash b, child_terminated b, evict b")
	if r, ok := w.replies[9]; !ok || r != core.Done || len(w.timers) > 0 {
		t.Fatal(w.replies, w.timers)
	}
	w.step(core.Event{Kind: core.Restarted, Name: "b", Req: 10})
	w.step(due)
	w.expect(t, "start b#2")
}

// TestS3TheBackoffGrowsToItsCapWithFullJitterAndStartsOver: each row crashes the child once more.
func TestS3TheBackoffGrowsToItsCapWithFullJitterAndStartsOver(t *testing.T) {
	const ms, all = time.Millisecond, ^uint64(0)
	w := newWorld(t, abc(core.OneForOne, func(s *core.Spec) {
		s.Budget.Restarts = 100
		s.Children[1].Backoff = core.Backoff{Initial: 100 * ms, Factor: 3, Max: 800 * ms, Stable: time.Minute}
	}))
	w.now = 1
	w.step(core.Event{Kind: core.Boot})
	for i, row := range []struct {
		up   time.Duration // before the crash
		rand uint64
		want time.Duration
	}{
		{0, all, 100 * ms},
		{0, all, 300 * ms},
		{0, all, 800 * ms}, // 900 without the cap
		{0, all, 800 * ms},
		{0, 1 << 63, 400 * ms}, // full jitter: any share of the ceiling,
		{0, 0, 0},              // also nothing
		{time.Minute - 1, all, 800 * ms},
		{time.Minute, all, 100 * ms}, // it was stable
		{0, all, 300 * ms},
	} {
		w.now, w.rand = w.now+int64(row.up), row.rand
		w.crash("b")
		if got := w.delay.Round(time.Microsecond); got != row.want {
			t.Errorf("crash %d waits %s, want %s", i+1, got, row.want)
		}
		w.step(w.timers["b/0"])
	}
}

func TestS4SignificantChildrenEndTheSupervisor(t *testing.T) {
	significant := func(auto core.AutoShutdown) func(*core.Spec) {
		return func(s *core.Spec) {
			s.AutoShutdown = auto
			for i := range 2 {
				s.Children[i].Significant, s.Children[i].Restart = true, core.Transient
			}
		}
	}
	w := booted(t, abc(core.OneForOne, significant(core.Any)))
	w.normal("a")
	w.expect(t, "evict a, stop c, stop b, finish shutdown")
	w = booted(t, abc(core.OneForOne, significant(core.All)))
	w.normal("a")
	w.expect(t, "evict a")
	w.normal("b")
	w.expect(t, "evict b, stop c, finish shutdown")
}

func TestR6AWedgedChildEscalates(t *testing.T) {
	w := booted(t, abc(core.OneForAll))
	w.hold = true
	w.crash("a")
	w.step(core.Event{Kind: core.Stuck, Name: "c", Inc: w.gone("c")})
	w.close("b")
	if w.exit == nil || !strings.Contains(w.exit.Text, "c is wedged") {
		t.Fatal(w.exit, w.log)
	}
}

func TestR6AWedgedChildIsLeftBehindIfItsSpecAllowsTwoIncarnations(t *testing.T) {
	sp := abc(core.OneForAll)
	sp.Children[2].TwoIncarnations = true
	w := booted(t, sp)
	w.hold = true
	w.crash("a")
	w.log = nil
	w.step(core.Event{Kind: core.Stuck, Name: "c", Inc: w.gone("c")})
	w.hold = false
	w.close("b")
	w.expect(t, "wedged c, shutdown_error c, stop b, start a#2, start b#2, start c#2")
}

func TestS1DynamicChildrenAreOfOneTemplateAndLeaveNoSpec(t *testing.T) {
	w := newWorld(t, abc(core.Dynamic, func(s *core.Spec) {
		s.Children = s.Children[:1]
		s.Children[0].Restart = core.Transient
	}))
	w.hold = true
	w.step(core.Event{Kind: core.Boot})
	for i, n := range []string{"x", "y", "z"} {
		w.step(core.Event{Kind: core.Add, Child: &core.Child{Name: n, Restart: core.Permanent}, Req: uint64(i + 1)})
		if n == "z" { // it declines
			w.step(core.Event{Kind: core.Declined, Name: n, Inc: w.gone(n)})
		} else {
			w.ready(n)
		}
	}
	w.expect(t, "up, start x#1, start y#1, start z#1, remove z")
	w.hold = false
	w.normal("x")
	w.step(core.Event{Kind: core.Terminate, Name: "y", Req: 4})
	w.expect(t, "remove x, stop y, remove y")
	if n := core.CountOf(core.Dynamic, w.c.Children()); n != (core.Count{Specs: 1}) {
		t.Error(n)
	}
}

func TestS2ASupervisorThatGaveUpHasShutDownForItsOwn(t *testing.T) {
	for restart, want := range map[core.Restart]string{
		core.Permanent: "child_terminated b, start b#2", core.Transient: "evict b", core.Temporary: "remove b",
	} {
		w := booted(t, abc(core.OneForOne, func(s *core.Spec) { s.Children[1].Restart = restart }))
		w.step(core.Event{Kind: core.Ended, Name: "b", Inc: w.gone("b"), Exit: core.Exit{Kind: core.GaveUp}})
		w.expect(t, want)
	}
}

// failing crashes b and lets its restart fail.
func failing(w *world) {
	w.hold = true
	w.crash("b")
	w.step(core.Event{Kind: core.Failed, Name: "b", Inc: w.gone("b"), Exit: core.Exit{Kind: core.Crashed, Text: "no"}})
}

func TestS3AFailedRestartCountsOnceItIsTriedAgain(t *testing.T) {
	one := func(s *core.Spec) { s.Budget.Restarts = 1 }
	w := booted(t, abc(core.OneForOne, one))
	failing(w)
	w.step(core.Event{Kind: core.Terminate, Name: "b", Req: 1}) // in time: the second restart is never made
	w.expect(t, "crash b, child_terminated b, start b#2, start_error b, evict b")
	if r, ok := w.replies[1]; !ok || r != core.Done || w.exit != nil || len(w.timers) > 0 {
		t.Error(w.replies, w.exit, w.timers)
	}
	w = booted(t, abc(core.OneForOne, one))
	failing(w)
	w.hold = false
	w.step(w.timers["b/0"])
	w.expect(t, "crash b, child_terminated b, start b#2, start_error b, shutdown b, stop c, stop a, finish gave_up")
}

func TestS10WhatHasToBeDownIsRefusedWhereItIsNot(t *testing.T) {
	w := booted(t, abc(core.OneForOne))
	failing(w)
	for i, row := range []struct {
		kind core.EventKind
		name string
		want core.Refusal
	}{
		{core.Revive, "a", core.Running},
		{core.Delete, "a", core.Running},
		{core.Revive, "b", core.Restarting},
		{core.Delete, "b", core.Restarting},
		{core.Revive, "new", core.NotFound},
		{core.Terminate, "b", core.Done},
		{core.Delete, "b", core.Done},
	} {
		w.step(core.Event{Kind: row.kind, Name: row.name, Req: uint64(i + 1)})
		if got := w.replies[uint64(i+1)]; got != row.want {
			t.Errorf("%d of %s: %q, want %q", row.kind, row.name, got, row.want)
		}
	}
}

func TestS8ValidateReportsAllFaultsAtOnce(t *testing.T) {
	s := core.Spec{Children: []core.Child{
		{Name: ""}, {Name: "x", Significant: true}, {Name: "x", Shutdown: core.Shutdown{Brutal: true, Wait: true}, Backoff: core.Backoff{Factor: 0.5}},
	}}
	if f := s.Validate(); len(f) != 6 {
		t.Fatalf("%d faults: %q", len(f), f)
	}
}

// TestAnyStoryKeepsTheContract plays random stories: at most one life per child, nothing is stopped that
// does not live, Finish comes once and with nothing alive, every request is answered, and a stop always
// leads to the end.
func TestAnyStoryKeepsTheContract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sp := core.Spec{
			Strategy:     core.Strategy(rapid.IntRange(0, 2).Draw(t, "strategy")),
			Budget:       core.Budget{Restarts: rapid.IntRange(0, 4).Draw(t, "restarts"), Window: time.Second},
			AutoShutdown: core.AutoShutdown(rapid.IntRange(0, 2).Draw(t, "auto")),
		}
		for i := range rapid.IntRange(1, 4).Draw(t, "children") {
			sp.Children = append(sp.Children, core.Child{
				Name: fmt.Sprint("c", i), Restart: core.Restart(rapid.IntRange(0, 2).Draw(t, "restart")),
				Shutdown: core.Shutdown{Brutal: rapid.Bool().Draw(t, "brutal")},
				Backoff:  core.Backoff{Off: rapid.Bool().Draw(t, "off")}, StartTimeout: time.Second,
				TwoIncarnations: rapid.Bool().Draw(t, "two"),
			})
			c := &sp.Children[i]
			c.Significant = sp.AutoShutdown != core.Never && c.Restart != core.Permanent && rapid.Bool().Draw(t, "significant")
		}
		w := newWorld(t, sp)
		w.hold = true
		w.step(core.Event{Kind: core.Boot})
		reqs := uint64(0)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			w.now += rapid.Int64Range(0, int64(300*time.Millisecond)).Draw(t, "dt")
			w.random(t, &reqs)
			w.timersFit()
		}
		w.step(core.Event{Kind: core.Stop, Exit: core.Exit{Kind: core.Stopped}})
		for len(w.closing) > 0 {
			w.close(w.closing[rapid.IntRange(0, len(w.closing)-1).Draw(t, "which")])
		}
		if w.exit == nil || w.c.State() != spec.SupDone || len(w.live) > 0 {
			t.Fatalf("a stop did not lead to the end: %v, alive %v, %s", w.c.State(), w.live, strings.Join(w.log, " "))
		}
		for r := range reqs {
			if _, ok := w.replies[r+1]; !ok {
				t.Fatalf("request %d was not answered", r+1)
			}
		}
	})
}

// timersFit: no timer outlives what it was armed for, so that none can be taken for that of a later life.
func (w *world) timersFit() {
	waits := map[core.TimerKind]spec.ChildState{core.BackoffTimer: spec.ChildBackoff, core.StartTimer: spec.ChildStarting, core.StopTimer: spec.ChildStopping}
	for key, e := range w.timers {
		fits := func(ch core.ChildView) bool {
			return ch.Name == e.Name && ch.Inc == e.Inc && ch.State == waits[e.Timer]
		}
		if !slices.ContainsFunc(w.c.Children(), fits) {
			w.t.Fatalf("timer %s of #%d is armed for nothing: %v\n%s", key, e.Inc, w.c.Children(), strings.Join(w.log, " "))
		}
	}
}

func (w *world) random(t *rapid.T, reqs *uint64) {
	names := []string{"c0", "c1", "c2", "c3", "new"}
	name := rapid.SampledFrom(names).Draw(t, "name")
	switch rapid.IntRange(0, 9).Draw(t, "what") {
	case 8: // its handler does not return: it is out of the way, or left behind
		if w.up[name] || slices.Contains(w.starts, name) || slices.Contains(w.closing, name) {
			e := core.Event{Kind: core.Stuck, Name: name, Inc: w.gone(name)}
			w.stuck = append(w.stuck, core.Event{Kind: core.Ended, Name: name, Inc: e.Inc, Exit: core.Exit{Kind: core.Killed}})
			w.step(e)
		}
	case 9: // it returned after all
		if len(w.stuck) > 0 {
			e := w.stuck[0]
			w.stuck = w.stuck[1:]
			w.step(e)
		}
	case 0:
		if slices.Contains(w.starts, name) {
			w.ready(name)
		}
	case 1:
		if w.up[name] || slices.Contains(w.starts, name) {
			w.crash(name)
		}
	case 2:
		if w.up[name] {
			w.normal(name)
		}
	case 3:
		if len(w.closing) > 0 {
			w.close(w.closing[0])
		}
	case 4:
		keys := make([]string, 0, len(w.timers))
		for k := range w.timers {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		if len(keys) > 0 {
			k := rapid.SampledFrom(keys).Draw(t, "timer")
			e := w.timers[k]
			delete(w.timers, k)
			w.step(e)
		}
	default:
		*reqs++
		kind := rapid.SampledFrom([]core.EventKind{core.Add, core.Terminate, core.Restarted, core.Revive, core.Delete}).Draw(t, "request")
		w.step(core.Event{Kind: kind, Name: name, Child: &core.Child{Name: name}, Req: *reqs})
	}
}

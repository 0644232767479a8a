package core_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// teller draws stories of supervisors, whose decisions it hands on.
type teller struct {
	*rand.Rand
	decided func(core.Decision)
}

func (r *teller) one(in int) bool { return r.IntN(in) == 0 }

func (r *teller) child(s *core.Spec, name string) core.Child {
	c := core.Child{Name: name, Restart: core.Restart(r.IntN(3)), TwoIncarnations: r.one(4), Supervisor: r.one(5)}
	if r.one(2) {
		c.StartTimeout = time.Second
	}
	c.Shutdown.Brutal = r.one(4)
	c.Significant = s.AutoShutdown != core.Never && c.Restart != core.Permanent && r.one(2)
	switch r.IntN(4) {
	case 0:
		c.Backoff.Off = true
	case 1:
		c.Backoff = core.Backoff{Initial: time.Duration(1 + r.IntN(1e9)), Max: 2 * time.Second, Factor: 1 + 3*r.Float64(), Stable: time.Second}
	}
	if s.Budget.Restarts > 1 && c.Restart != core.Temporary && !r.one(3) {
		c.CrashLoop = core.CrashLoop{Failures: 1 + r.IntN(s.Budget.Restarts-1), Window: s.Budget.Window + time.Duration(r.IntN(1e9))}
		if r.one(2) {
			c.Pinned = "1.0.0"
		}
	}
	return c
}

// tell plays one story.
func (r *teller) tell(t *testing.T) {
	sp := core.Spec{
		Strategy: core.Strategy(r.IntN(4)), AutoShutdown: core.AutoShutdown(r.IntN(3)),
		Budget: core.Budget{Restarts: r.IntN(8), Window: time.Duration(1 + r.IntN(5e9))},
	}
	n := 1 + r.IntN(4)
	if sp.Strategy == core.Dynamic {
		n = 1
	}
	for i := range n {
		sp.Children = append(sp.Children, r.child(&sp, fmt.Sprint("c", i)))
	}
	w := newWorld(t, sp)
	w.hold, w.now = true, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	w.watch = func(core.Event, []core.Command) {
		for _, d := range w.c.Decided() {
			r.decided(d)
		}
	}
	w.step(core.Event{Kind: core.Boot})
	for range 80 {
		if w.exit != nil {
			return
		}
		w.now += r.Int64N(int64(400 * time.Millisecond))
		w.rand = r.Uint64()
		r.event(w)
	}
	w.step(core.Event{Kind: core.Stop, Exit: core.Exit{Kind: core.Stopped, Text: "parent closing"}})
}

func (r *teller) event(w *world) {
	name := fmt.Sprint("c", r.IntN(5))
	exit := core.Exit{Kind: core.ExitKind(r.IntN(5)), Text: []string{"", "boom", "a \xff that is no UTF-8"}[r.IntN(3)]}
	switch k := r.IntN(16); {
	case k < 6 && len(w.starts) > 0:
		if name = w.starts[0]; !r.one(4) {
			w.ready(name)
		} else {
			w.step(core.Event{Kind: core.Failed, Name: name, Inc: w.gone(name), Exit: exit})
		}
	case k < 9 && w.up[name]:
		w.step(core.Event{Kind: core.Ended, Name: name, Inc: w.gone(name), Exit: exit})
	case k < 11 && len(w.closing) > 0:
		w.close(w.closing[0])
	case k < 13 && len(w.timers) > 0:
		keys := make([]string, 0, len(w.timers))
		for key := range w.timers {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		key := keys[r.IntN(len(keys))]
		e := w.timers[key]
		delete(w.timers, key)
		w.step(e)
	case k == 13 && r.one(4) && (w.up[name] || slices.Contains(w.starts, name) || slices.Contains(w.closing, name)):
		w.step(core.Event{Kind: core.Stuck, Name: name, Inc: w.gone(name)})
	case k >= 14:
		kind := []core.EventKind{core.Add, core.Terminate, core.Restarted, core.Revive}[r.IntN(4)]
		w.step(core.Event{Kind: kind, Name: name, Child: &core.Child{Name: name}, Req: r.Uint64() | 1})
	}
}

func decisions() int {
	if os.Getenv("FNODE_LONG") != "" {
		return 1_000_000
	}
	return 40_000
}

// TestE2EveryDecisionOfALongRunIsDecidedAgainFromItsInputs: the inputs go through their encoding.
func TestE2EveryDecisionOfALongRunIsDecidedAgainFromItsInputs(t *testing.T) {
	seed := uint64(5)
	n, seen := 0, map[string]int{}
	r := &teller{Rand: rand.New(rand.NewPCG(seed, 1)), decided: func(d core.Decision) {
		n++
		seen[fmt.Sprint(d.On, " -> ", d.Choice)]++
		b, err := marker.Encode(&d.Inputs)
		if err != nil {
			t.Fatal(err)
		}
		var in core.Inputs
		if err := marker.Decode(b, &in); err != nil {
			t.Fatalf("%v: %+v", err, d)
		}
		again, err := core.Replay(in)
		if err != nil || again != d.Outcome || again.Rule == "" {
			t.Fatalf("decision %d of seed %d:\n recorded %+v\n replayed %+v %v\nfrom %+v", n, seed, d.Outcome, again, err, in)
		}
	}}
	for n < decisions() {
		r.tell(t)
	}
	want := 0
	for on := core.OnEnd; on <= core.OnStop; on++ {
		for _, c := range on.Candidates() {
			if want++; seen[fmt.Sprint(on, " -> ", c)] == 0 {
				t.Errorf("%s -> %s never came", on, c)
			}
		}
	}
	if len(seen) != want {
		t.Errorf("%d kinds of decision came, and the table has %d", len(seen), want)
	}
	t.Logf("%d decisions, all reproduced (seed %d): %v", n, seed, seen)
}

// TestE2WhatDecidedIsInTheInputs: a change of what was looked at changes the outcome.
func TestE2WhatDecidedIsInTheInputs(t *testing.T) {
	const s = int64(time.Second)
	at := func(times ...int64) core.Times { return core.Times{At: times} }
	child := core.Child{
		Name: "b", Backoff: core.Backoff{Initial: time.Second, Stable: 10 * time.Second},
		CrashLoop: core.CrashLoop{Failures: 3, Window: 10 * time.Second}, Pinned: "1.0.0",
	}
	end := core.Inputs{
		On: core.OnEnd, Now: 100 * s, Budget: core.Budget{Restarts: 4, Window: 10 * time.Second}, Child: child,
		Exit: core.Exit{Kind: core.Crashed, Text: "boom"}, UpSince: 95 * s, Tries: 2, Rand: 1 << 63, Fails: at(96 * s), Own: at(96 * s), Others: at(92*s, 93*s),
	}
	loop, calm, auto, gives := end, end, end, end
	loop.Fails = at(96*s, 97*s)
	calm.Child.CrashLoop, calm.Child.Pinned = core.CrashLoop{}, ""
	auto.Child.Restart, auto.Auto, auto.Child.Significant, auto.Alive, auto.Child.CrashLoop, auto.Child.Pinned = core.Transient, core.All, true, true, core.CrashLoop{}, ""
	auto.Exit.Kind = core.Normal
	gives = calm
	gives.Others.At = at(91*s, 92*s, 93*s).At
	for _, row := range []struct {
		name   string
		in     core.Inputs
		change func(*core.Inputs)
	}{
		{"the occasion", end, func(i *core.Inputs) { i.On = core.OnRestartFailed }},
		{"now", end, func(i *core.Inputs) { i.Now += 3 * s }},
		{"the strategy", auto, func(i *core.Inputs) { i.Strategy = core.Dynamic }},
		{"automatic shutdown", auto, func(i *core.Inputs) { i.Auto = core.Any }},
		{"the budget's restarts", gives, func(i *core.Inputs) { i.Budget.Restarts = 5 }},
		{"the budget's window", gives, func(i *core.Inputs) { i.Budget.Window = 8 * time.Second }},
		{"the restart type", calm, func(i *core.Inputs) { i.Child.Restart = core.Temporary }},
		{"significance", auto, func(i *core.Inputs) { i.Child.Significant = false }},
		{"the backoff", calm, func(i *core.Inputs) { i.Child.Backoff.Off = true }},
		{"its first delay", calm, func(i *core.Inputs) { i.Child.Backoff.Initial *= 2 }},
		{"its cap", calm, func(i *core.Inputs) { i.Child.Backoff.Max = time.Second }},
		{"its factor", calm, func(i *core.Inputs) { i.Child.Backoff.Factor = 3 }},
		{"its stable period", calm, func(i *core.Inputs) { i.Child.Backoff.Stable = time.Second }},
		{"the crash loop", loop, func(i *core.Inputs) { i.Child.CrashLoop.Failures = 2; i.Fails = at(96 * s) }},
		{"its window", loop, func(i *core.Inputs) { i.Child.CrashLoop.Window = 50 * time.Second; i.Fails.At = nil }},
		{"the pinned version", loop, func(i *core.Inputs) { i.Child.Pinned = "" }},
		{"that it ran there", loop, func(i *core.Inputs) { i.Pinned = true }},
		{"the exit", auto, func(i *core.Inputs) { i.Exit.Kind = core.Crashed }},
		{"a significant sibling", auto, func(i *core.Inputs) { i.Alive = false }},
		{"since when it was up", calm, func(i *core.Inputs) { i.UpSince = 80 * s }},
		{"its failures in a row", calm, func(i *core.Inputs) { i.Tries = 3 }},
		{"chance", calm, func(i *core.Inputs) { i.Rand++; i.Rand <<= 1 }},
		{"a failure", end, func(i *core.Inputs) { i.Fails = at(96*s, 97*s) }},
		{"a restart of its own", end, func(i *core.Inputs) { i.Own.At = nil }},
		{"a restart of a sibling", end, func(i *core.Inputs) { i.Others = at(92 * s) }},
	} {
		before, err := core.Replay(row.in)
		if err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		in := row.in
		row.change(&in)
		if reflect.DeepEqual(in, row.in) {
			t.Errorf("%s: nothing was changed", row.name)
		}
		if after, err := core.Replay(in); err == nil && after == before { // an error says that nothing is decided so
			t.Errorf("%s is another, and the outcome is the same: %+v", row.name, after)
		}
	}
}

// TestE2InputsOfNoSupervisorAreRefused: they may be of hostile origin.
func TestE2InputsOfNoSupervisorAreRefused(t *testing.T) {
	good := core.Inputs{On: core.OnEnd, Now: 1, Budget: core.Budget{Window: 1}, Child: core.Child{Name: "a"}}
	if _, err := core.Replay(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*core.Inputs){
		"occasion 0":      func(i *core.Inputs) { i.On = 0 },
		"occasion 99":     func(i *core.Inputs) { i.On = 99 },
		"strategy":        func(i *core.Inputs) { i.Strategy = 9 },
		"auto_shutdown":   func(i *core.Inputs) { i.Auto = 9 },
		"budget":          func(i *core.Inputs) { i.Budget.Restarts = -1 },
		"restart":         func(i *core.Inputs) { i.Child.Restart = 9 },
		"no name":         func(i *core.Inputs) { i.Child.Name = "" },
		"exit":            func(i *core.Inputs) { i.Exit.Kind = 9 },
		"tries":           func(i *core.Inputs) { i.Tries = -1 },
		"times":           func(i *core.Inputs) { i.Own.At = make([]int64, 513) },
		"more":            func(i *core.Inputs) { i.Others.More = 1 },
		"without measure": func(i *core.Inputs) { i.Fails = core.Times{At: make([]int64, 512), More: 1 << 40} },
		"less than none":  func(i *core.Inputs) { i.Fails.More = -1 },
		"nothing to decide": func(i *core.Inputs) {
			i.Child.Restart = core.Transient
		},
	} {
		in := good
		change(&in)
		if o, err := core.Replay(in); err == nil {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// TestE2ALongBudgetIsCountedAndReplayed: of many times the newest are listed, and the others counted.
func TestE2ALongBudgetIsCountedAndReplayed(t *testing.T) {
	w := newWorld(t, core.Spec{
		Budget: core.Budget{Restarts: 1500, Window: time.Hour}, Children: []core.Child{{Name: "a", Backoff: core.Backoff{Off: true}}, {Name: "b", Backoff: core.Backoff{Off: true}}},
	})
	n, last := 0, core.Decision{}
	w.watch = func(core.Event, []core.Command) {
		for _, d := range w.c.Decided() {
			n++
			last = d
			if again, err := core.Replay(d.Inputs); err != nil || again != d.Outcome {
				t.Fatalf("decision %d: %+v, again %+v %v", n, d.Outcome, again, err)
			}
		}
	}
	w.step(core.Event{Kind: core.Boot})
	for i := 0; w.exit == nil; i++ {
		w.now++
		w.crash([]string{"a", "b"}[i%2])
	}
	if n != 1501 || last.Choice != core.ToGiveUp || last.Own.More+last.Others.More != 1500-1024 || len(last.Own.At) != 512 {
		t.Fatal(n, last.Choice, last.Own.More, last.Others.More)
	}
}

// TestE1AHealthyLifeDecidesNothingAndCostsNothing: a child that is added and stopped, and one that ends as it may.
func TestE1AHealthyLifeDecidesNothingAndCostsNothing(t *testing.T) {
	c, err := core.New(core.Spec{
		Strategy: core.Dynamic, Budget: core.Budget{Restarts: 5, Window: time.Minute},
		Children: []core.Child{{Name: "child", Restart: core.Temporary, Backoff: core.Backoff{Off: true}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Step(core.Event{Kind: core.Boot})
	decided := 0
	step := func(e core.Event) {
		c.Step(e)
		decided += len(c.Decided())
	}
	life := func() {
		step(core.Event{Kind: core.Add, Child: &core.Child{Name: "c"}, Req: 1})
		step(core.Event{Kind: core.Ready, Name: "c", Inc: 1})
		step(core.Event{Kind: core.Terminate, Name: "c", Req: 2})
		step(core.Event{Kind: core.Ended, Name: "c", Inc: 1, Exit: core.Exit{Kind: core.Stopped}})
		step(core.Event{Kind: core.Add, Child: &core.Child{Name: "c"}, Req: 1})
		step(core.Event{Kind: core.Ready, Name: "c", Inc: 1})
		step(core.Event{Kind: core.Ended, Name: "c", Inc: 1})
	}
	const before = 8 // the same seven steps without decisions, at the commit before they came
	if got := testing.AllocsPerRun(1000, life); got > before || decided > 0 {
		t.Errorf("two lives allocate %v times, %d before; %d decisions", got, before, decided)
	} else {
		t.Logf("two lives: %v allocations", got)
	}
}

// TestE1ADecisionReusesItsRoom: in the long run a restart allocates no more with its decision than without.
func TestE1ADecisionReusesItsRoom(t *testing.T) {
	c, err := core.New(core.Spec{Budget: core.Budget{Restarts: 5, Window: time.Minute}, Children: []core.Child{{Name: "a", Backoff: core.Backoff{Off: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	c.Step(core.Event{Kind: core.Boot})
	now, inc, decided := int64(0), uint32(1), 0
	life := func() {
		now += int64(time.Minute)
		c.Step(core.Event{Kind: core.Ready, Name: "a", Inc: inc, Now: now})
		c.Step(core.Event{Kind: core.Ended, Name: "a", Inc: inc, Now: now, Exit: core.Exit{Kind: core.Crashed, Text: "boom"}})
		decided += len(c.Decided())
		inc++
	}
	life()
	const before = 2 // of the work, at the commit before decisions came
	if got := testing.AllocsPerRun(1000, life); got > before || decided < 1000 {
		t.Errorf("a restart allocates %v times, %d before; %d decisions", got, before, decided)
	} else {
		t.Logf("a restart: %v allocations", got)
	}
}

func BenchmarkRestart(b *testing.B) {
	b.ReportAllocs()
	c, _ := core.New(core.Spec{Budget: core.Budget{Restarts: 5, Window: time.Minute}, Children: []core.Child{{Name: "a", Backoff: core.Backoff{Off: true}}}})
	c.Step(core.Event{Kind: core.Boot})
	for i := range uint32(b.N) {
		now := int64(i) * int64(time.Minute)
		c.Step(core.Event{Kind: core.Ready, Name: "a", Inc: i + 1, Now: now})
		c.Step(core.Event{Kind: core.Ended, Name: "a", Inc: i + 1, Now: now, Exit: core.Exit{Kind: core.Crashed, Text: "boom"}})
	}
}

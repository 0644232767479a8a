package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/supervision/account"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// crashes are the decisions about a child that crashes until its supervisor gives up.
func crashes(t testing.TB) (out []evidence.Entry) {
	t.Helper()
	c, err := core.New(core.Spec{
		Budget:   core.Budget{Restarts: 4, Window: time.Minute},
		Children: []core.Child{{Name: "a"}, {Name: "b", CrashLoop: core.CrashLoop{Failures: 2, Window: time.Minute}, Pinned: "1.2.0"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	now, incs := int64(0), map[string]uint32{"a": 1, "b": 1}
	step := func(e core.Event) {
		now += int64(time.Second)
		e.Now, e.Rand, e.Inc = now, 1<<63, incs[e.Name]
		for _, cmd := range c.Step(e) {
			if cmd.Kind == core.Start {
				incs[cmd.Name] = cmd.Inc
			}
		}
		for _, d := range c.Decided() {
			e, err := account.Entry(&d, uint64(len(out)+1))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, e)
		}
	}
	boom := core.Exit{Kind: core.Crashed, Text: "boom"}
	step(core.Event{Kind: core.Boot})
	step(core.Event{Kind: core.Ready, Name: "a"})
	step(core.Event{Kind: core.Ready, Name: "b"})
	for _, name := range strings.Split("b b b b a a a a a", " ") {
		step(core.Event{Kind: core.Ended, Name: name, Exit: boom})
		step(core.Event{Kind: core.Due, Name: name})
		step(core.Event{Kind: core.Ready, Name: name})
	}
	return out
}

func TestE4EveryDecisionSaysWhyInOneLine(t *testing.T) {
	var lines []string
	for _, e := range crashes(t) {
		line, err := account.Why(&e)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	want := `b: ended (crashed: boom) -> restart after 50ms, rule S1; failure 1 of 2 in 1m0s (crash loop); restart 1 of 4 in 1m0s (budget)
b: ended (crashed: boom) -> fall_back to 1.2.0 after 50ms, rule S7; failure 2 of 2 in 1m0s (crash loop)
b: ended (crashed: boom) -> restart after 100ms, rule S1; failure 1 of 2 in 1m0s (crash loop); restart 1 of 4 in 1m0s (budget)
b: ended (crashed: boom) -> quarantine, rule S7; failure 2 of 2 in 1m0s (crash loop)
a: ended (crashed: boom) -> restart after 50ms, rule S1; restart 1 of 4 in 1m0s (budget)
a: ended (crashed: boom) -> restart after 100ms, rule S1; restart 2 of 4 in 1m0s (budget)
a: ended (crashed: boom) -> restart after 200ms, rule S1; restart 3 of 4 in 1m0s (budget)
a: ended (crashed: boom) -> restart after 400ms, rule S1; restart 4 of 4 in 1m0s (budget)
a: ended (crashed: boom) -> give_up, rule S2; restart 5 of 4 in 1m0s (budget)`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestE2AnAlteredEntryIsNamedByTheFieldThatDiffers: and by no other.
func TestE2AnAlteredEntryIsNamedByTheFieldThatDiffers(t *testing.T) {
	v := account.Replays()
	all := crashes(t)
	for i, e := range all {
		if diffs, err := v.Validate(&e); err != nil || len(diffs) > 0 {
			t.Fatalf("entry %d: %v %v", i, diffs, err)
		}
	}
	inputs := func(change func(*core.Inputs)) func(*evidence.Entry) {
		return func(e *evidence.Entry) {
			var in core.Inputs
			if err := marker.Decode(e.Inputs, &in); err != nil {
				t.Fatal(err)
			}
			change(&in)
			e.Inputs, _ = marker.Encode(&in)
		}
	}
	outputs := func(change func(*core.Gave)) func(*evidence.Entry) {
		return func(e *evidence.Entry) {
			var g core.Gave
			if err := marker.Decode(e.Outputs, &g); err != nil {
				t.Fatal(err)
			}
			change(&g)
			e.Outputs, _ = marker.Encode(&g)
		}
	}
	for _, row := range []struct {
		name   string
		change func(*evidence.Entry)
		want   string // of the first entry
	}{
		{"rule", func(e *evidence.Entry) { e.Rule = "S4" }, "rule: recorded S4, recomputed S1"},
		{
			"candidates", func(e *evidence.Entry) { e.Candidates = e.Candidates[:3] },
			"candidates: recorded [rest remove restart], recomputed [rest remove restart fall_back quarantine give_up shut_down]",
		},
		{"constraints", func(e *evidence.Entry) { e.Constraints = e.Constraints[:1] }, "constraints: recorded [restart], recomputed [restart crash_loop budget backoff]"},
		{"choice", func(e *evidence.Entry) { e.Choice = "quarantine" }, "choice: recorded quarantine, recomputed restart"},
		{"delay", outputs(func(g *core.Gave) { g.Delay = 1 }), "outputs.1: recorded 1, recomputed 50000000"},
		{"failures", outputs(func(g *core.Gave) { g.Failures = 7 }), "outputs.2: recorded 7, recomputed 1"},
		{"spent", outputs(func(g *core.Gave) { g.Spent = 0 }), "outputs.3: recorded nothing, recomputed 1"},
		{"tries", outputs(func(g *core.Gave) { g.Tries = 2 }), "outputs.4: recorded 2, recomputed 1"},
		{"outputs that are no map", func(e *evidence.Entry) { e.Outputs = []byte{1} }, "outputs: recorded 1, recomputed {1: 50000000, 2: 1, 3: 1, 4: 1}"},
		{"chance", inputs(func(in *core.Inputs) { in.Rand = 0 }), "outputs.1: recorded 50000000, recomputed nothing"},
		{"an earlier restart", inputs(func(in *core.Inputs) { in.Others.At = []int64{in.Now - 1} }), "outputs.3: recorded 1, recomputed 2"},
		{"the pace", inputs(func(in *core.Inputs) { in.Tries = 1 }), "outputs.1: recorded 50000000, recomputed 100000000; outputs.4: recorded 1, recomputed 2"},
		{"kind", func(e *evidence.Entry) { e.Kind = account.Stop }, `the inputs are not those of a decision: "ended" is no occasion of the kind stop`},
		{"unknown kind", func(e *evidence.Entry) { e.Kind = "lease" }, `decisions of the kind "lease" cannot be recomputed here`},
		{"no inputs", func(e *evidence.Entry) { e.Inputs = []byte{0xa0} }, "the inputs are not those of a decision: CBOR that is not in its deterministic form"},
	} {
		e := all[0]
		row.change(&e)
		diffs, err := v.Validate(&e)
		var got []string
		for _, d := range diffs {
			got = append(got, d.String())
		}
		if err != nil {
			got = append(got, err.Error())
		}
		if strings.Join(got, "; ") != row.want {
			t.Errorf("%s: got %s", row.name, strings.Join(got, "; "))
		}
	}
}

// BenchmarkDecision is a crash and its restart: as it is decided, with its entry, and with the entry's encoding.
func BenchmarkDecision(b *testing.B) {
	for _, mode := range []string{"decided", "entry", "encoded"} {
		b.Run(mode, func(b *testing.B) {
			b.ReportAllocs()
			c, err := core.New(core.Spec{Budget: core.Budget{Restarts: 5, Window: time.Minute}, Children: []core.Child{{Name: "a", Backoff: core.Backoff{Off: true}}}})
			if err != nil {
				b.Fatal(err)
			}
			c.Step(core.Event{Kind: core.Boot})
			inc := uint32(0)
			for b.Loop() {
				inc++
				now := int64(inc) * int64(time.Minute)
				c.Step(core.Event{Kind: core.Ready, Name: "a", Inc: inc, Now: now})
				c.Step(core.Event{Kind: core.Ended, Name: "a", Inc: inc, Now: now, Exit: core.Exit{Kind: core.Crashed, Text: "boom"}})
				for _, d := range c.Decided() {
					if mode == "decided" {
						continue
					}
					e, err := account.Entry(&d)
					if err == nil && mode == "encoded" {
						_, err = e.Encode()
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// FuzzReplay: bytes of hostile origin are refused or replayed, and told, without a panic.
func FuzzReplay(f *testing.F) {
	for _, e := range crashes(f) {
		f.Add([]byte(e.Inputs), []byte(e.Outputs))
	}
	v := account.Replays()
	f.Fuzz(func(t *testing.T, inputs, outputs []byte) {
		for _, kind := range []string{account.Restart, account.Stop} {
			e := evidence.Entry{Kind: kind, Inputs: inputs, Outputs: outputs}
			if len(inputs) > 0 {
				_, _ = v.Validate(&e)
				_, _ = account.Why(&e)
			}
		}
	})
}

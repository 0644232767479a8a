package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/franken-node/fnode-supervisor/engineproc/core"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/spec"
)

var words = map[core.CommandKind]string{
	core.Handshake: "handshake", core.Configure: "configure", core.Invoke: "invoke", core.Cancel: "cancel", core.Shutdown: "shutdown",
	core.Kill: "kill", core.Arm: "arm", core.Disarm: "disarm", core.Ready: "ready", core.Answer: "answer", core.Over: "over",
}

func say(cmds []core.Command) string {
	var out []string
	for _, c := range cmds {
		s := words[c.Do]
		switch c.Do {
		case core.Arm:
			s += " " + c.Delay.String()
		case core.Answer:
			s += fmt.Sprintf(" %d %q %s", c.Call, c.Kind, c.Effect)
		case core.Kill, core.Over:
			s += " " + c.Reason
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func TestStories(t *testing.T) {
	up := []core.Event{{On: spec.EngineLaunched}, {On: spec.EngineReplied}, {On: spec.EngineReplied}}
	call := core.Event{On: spec.EngineCall, Call: 7, Left: time.Second}
	for name, row := range map[string]struct {
		events []core.Event
		want   string // of the last event
	}{
		"start":                   {up, "disarm, ready"},
		"call":                    {append(up, call), "invoke, arm 1.1s"},
		"result":                  {append(up, call, core.Event{On: spec.EngineReplied}), `disarm, answer 7 "" done`},
		"throw":                   {append(up, call, core.Event{On: spec.EngineRefused, Kind: "throw"}), `disarm, answer 7 "throw" unknown`},
		"killed from outside":     {append(up, call, core.Event{On: spec.EngineDied, Kind: "signal(killed)"}), `disarm, answer 7 "died" unknown, over signal(killed)`},
		"deadline overrun":        {append(up, call, core.Event{On: spec.EngineLate}), `answer 7 "overrun" unknown, disarm, kill deadline`},
		"deadline overrun, death": {append(up, call, core.Event{On: spec.EngineLate}, core.Event{On: spec.EngineDied, Kind: "killed"}), "disarm, over deadline"},
		"cancel":                  {append(up, call, core.Event{On: spec.EngineCancel}), "cancel, arm 100ms"},
		"cancel ignored":          {append(up, call, core.Event{On: spec.EngineCancel}, core.Event{On: spec.EngineLate}), `answer 7 "unheard" unknown, disarm, kill cancel_ignored`},
		"refused handshake":       {append(up[:1:1], core.Event{On: spec.EngineRefused, Kind: "refused"}), "disarm, kill refused: refused"},
		"an answer nobody asked":  {append(up, core.Event{On: spec.EngineReplied}), "disarm, kill protocol_fault: unexpected"},
		"start too slow":          {append(up[:2:2], core.Event{On: spec.EngineLate}), "disarm, kill start_timeout"},
		"leave":                   {append(up, core.Event{On: spec.EngineLeave}), "shutdown, arm 1s"},
		"leave ignored":           {append(up, core.Event{On: spec.EngineLeave}, core.Event{On: spec.EngineLate}), "disarm, kill shutdown_timeout"},
		"leave while busy":        {append(up, call, core.Event{On: spec.EngineLeave}), `answer 7 "unheard" unknown, disarm, kill stop`},
		"fault while busy":        {append(up, call, core.Event{On: spec.EngineFault, Kind: "oversized"}), `answer 7 "protocol" unknown, disarm, kill protocol_fault: oversized`},
	} {
		c := core.New(core.Times{})
		var got string
		for _, e := range row.events {
			got = say(c.Step(e))
		}
		if got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, row.want)
		}
	}
}

// TestEveryCallIsAnsweredOnce plays any order of events: one call at a time, one answer each, nothing is
// sent to a dead engine, and a kill is followed by its death only.
func TestEveryCallIsAnsweredOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := core.New(core.Times{})
		open, next, over, launched := uint64(0), uint64(0), 0, false
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			e := core.Event{On: rapid.SampledFrom(spec.Engine.Events).Draw(t, "event"), Kind: rapid.SampledFrom([]string{"", "throw"}).Draw(t, "kind")}
			switch {
			case e.On == spec.EngineCall:
				if c.State() != spec.EngineIdle {
					continue
				}
				next++
				e.Call, e.Left = next, time.Second
				open = next
			case e.On == spec.EngineLaunched:
				if launched || c.State() == spec.EngineDead {
					continue
				}
				launched = true
			case !launched && (e.On == spec.EngineFault || e.On == spec.EngineReplied || e.On == spec.EngineRefused):
				continue // nothing speaks yet
			}
			dead := c.State() == spec.EngineDead
			for _, cmd := range c.Step(e) {
				if dead {
					t.Fatalf("%s after death", words[cmd.Do])
				}
				switch cmd.Do {
				case core.Answer:
					if cmd.Call != open || open == 0 {
						t.Fatalf("an answer to %d while %d is open", cmd.Call, open)
					}
					if (cmd.Kind == "") != (cmd.Effect == base.EffectDone) {
						t.Fatalf("%+v", cmd)
					}
					open = 0
				case core.Over:
					over++
				}
			}
		}
		c.Step(core.Event{On: spec.EngineDied})
		if open != 0 && c.State() == spec.EngineDead && over > 1 {
			t.Fatal("a call was never answered, or the end was told twice")
		}
	})
}

func TestQueueServesTheEarliestDeadlineFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := core.NewQueue(20)
		var all []core.Call
		for i := range rapid.IntRange(0, 25).Draw(t, "calls") {
			c := core.Call{ID: uint64(i + 1), Due: rapid.Int64Range(0, 6).Draw(t, "due")}
			if q.Put(c) != (len(all) < 20) {
				t.Fatal("the bound does not hold")
			} else if len(all) < 20 {
				all = append(all, c)
			}
		}
		slices.SortStableFunc(all, func(a, b core.Call) int {
			rank := func(c core.Call) int64 {
				if c.Due == 0 {
					return 100
				}
				return c.Due
			}
			return int(rank(a) - rank(b))
		})
		now := rapid.Int64Range(0, 6).Draw(t, "now")
		var got []core.Call
		for {
			c, ok, expired := q.Next(now)
			got = append(got, expired...)
			for _, e := range expired {
				if e.Due > now || e.Due == 0 {
					t.Fatal("not expired", e)
				}
			}
			if !ok {
				break
			}
			got = append(got, c)
		}
		if !slices.Equal(got, all) {
			t.Fatalf("\n got %v\nwant %v", got, all)
		}
	})
}

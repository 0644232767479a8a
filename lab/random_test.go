package lab

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

var programSeed = flag.Uint64("program", 0, "run the one random program of this seed")

// The messages of random programs.
type (
	plain  struct{ k int }
	urgent struct{ k int } // Timed
	tick   struct{ k int }
	query  struct{ k int }
)

func init() {
	actors.Register(lanes.Timed, func(u urgent) time.Time { return epoch.Add(time.Duration(u.k) * time.Second) })
}

// op is one effect of a random handler.
type op struct {
	kind, to, k int
}

const (
	opTell = iota
	opUrgent
	opArm
	opDisarm
	opAsk
	opRead
	opCommit
	opErr
	opStop
	opSpawn
	opClose
	opKinds
)

var opNames = [opKinds]string{"tell", "urgent", "arm", "disarm", "ask", "read", "commit", "err", "stop", "spawn", "close"}

// program is a random set of actors: what each does at its start and on each kind of message.
type program struct {
	seed  uint64
	n     int
	cap   []int
	start [][]op
	on    [][][]op // actor, kind of message
}

func (p program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "program %d, %d actors, bounds %v\n", p.seed, p.n, p.cap)
	line := func(who string, ops []op) {
		if len(ops) == 0 {
			return
		}
		fmt.Fprintf(&b, "  %s:", who)
		for _, o := range ops {
			fmt.Fprintf(&b, " %s(a%d,%d)", opNames[o.kind], o.to, o.k)
		}
		b.WriteByte('\n')
	}
	for i := range p.n {
		line(fmt.Sprintf("a%d start", i), p.start[i])
		for k, ops := range p.on[i] {
			line(fmt.Sprintf("a%d on %d", i, k), ops)
		}
	}
	return b.String()
}

// newProgram draws a program. The budget bounds its effects; a message of kind k leads to kinds above k only.
func newProgram(seed uint64, kinds []int) program {
	r := rand.New(rand.NewPCG(seed, 1))
	p := program{seed: seed, n: 2 + r.IntN(3)}
	budget := 3 + r.IntN(6)
	draw := func(least int) (ops []op) {
		for range r.IntN(3) {
			if budget == 0 {
				return ops
			}
			budget--
			ops = append(ops, op{kinds[r.IntN(len(kinds))], r.IntN(p.n), least + r.IntN(2)})
		}
		return ops
	}
	p.cap, p.start, p.on = make([]int, p.n), make([][]op, p.n), make([][][]op, p.n)
	for i := range p.n {
		if r.IntN(4) == 0 {
			p.cap[i] = 1 + r.IntN(2)
		}
		p.start[i] = draw(0)
	}
	for k := range 4 {
		for i := range p.n {
			p.on[i] = append(p.on[i], draw(k+1))
		}
	}
	return p
}

func (p program) scenario() Scenario {
	return Scenario{Name: fmt.Sprint("program ", p.seed), Setup: func(r *Run) {
		refs := make([]actors.Ref, p.n)
		for i := range p.n {
			b := &robot{p: p, i: i, r: r, refs: refs}
			ref, err := r.System().Spawn(actors.Child{Name: fmt.Sprint("a", i), Behaviour: b, Lanes: lanes.Options{Ready: p.cap[i], Timed: 3}})
			if err != nil {
				panic(err)
			}
			refs[i] = ref
		}
	}}
}

// robot plays one actor of a program.
type robot struct {
	p     program
	i     int
	r     *Run
	refs  []actors.Ref
	timer actors.TimerID
	kid   actors.Ref // the newest
	kids  int
}

func (b *robot) Receive(cx *actors.Cx, msg any) error {
	switch m := msg.(type) {
	case actors.Started:
		return b.do(cx, b.p.start[b.i])
	case plain:
		return b.on(cx, m.k)
	case urgent:
		return b.on(cx, m.k)
	case tick:
		return b.on(cx, m.k)
	case *actors.Ask[query, int]:
		if err := b.on(cx, m.Q.k); err != nil {
			return err
		}
		m.Reply(cx, m.Q.k)
	case actors.Answer[int]:
		b.note(cx, codeOf(m.Err))
	case actors.Committed:
		b.note(cx, codeOf(m.Result.Err))
	}
	return nil
}

func (b *robot) on(cx *actors.Cx, k int) error {
	if k < len(b.p.on[b.i]) {
		return b.do(cx, b.p.on[b.i][k])
	}
	return nil
}

func (b *robot) note(cx *actors.Cx, text string) { b.r.Note(cx, text) }

func codeOf(err error) string {
	if c := codes.From(err); c != nil {
		return c.Code.Name
	}
	return fmt.Sprint(err)
}

func (b *robot) do(cx *actors.Cx, ops []op) error {
	for _, o := range ops {
		switch o.kind {
		case opTell:
			b.note(cx, codeOf(cx.Tell(b.refs[o.to], plain{o.k})))
		case opUrgent:
			b.note(cx, codeOf(cx.Tell(b.refs[o.to], urgent{o.k})))
		case opArm:
			id, err := cx.After(time.Second, tick{o.k})
			b.note(cx, codeOf(err))
			if err == nil {
				b.timer = id
			}
		case opDisarm:
			b.note(cx, fmt.Sprint(cx.Disarm(b.timer)))
		case opAsk:
			_, err := actors.Request[query, int](cx, b.refs[o.to], query{o.k}, 0)
			b.note(cx, codeOf(err))
		case opRead:
			v, ok, err := cx.Read(fmt.Sprint("key", o.k%2))
			b.note(cx, fmt.Sprint(string(v), ok, codeOf(err)))
		case opCommit:
			_, err := cx.Commit(store.Tx{Kind: "lab", Set: []store.KV{{Key: fmt.Sprint("key", o.k%2), Value: fmt.Append(nil, b.i, o.k)}}})
			b.note(cx, codeOf(err))
		case opErr:
			b.note(cx, fmt.Sprint(cx.Checkpoint() != nil))
		case opStop:
			return actors.ErrStop
		case opSpawn:
			b.kids++
			kid, err := cx.Spawn(actors.Child{Name: fmt.Sprint("k", b.kids), Supervised: true, Behaviour: actors.Func(func(cx *actors.Cx, msg any) error {
				if _, ok := msg.(actors.CancelRequested); ok {
					b.note(cx, "asked to end")
				}
				return nil
			})})
			b.note(cx, codeOf(err))
			if err == nil {
				b.kid = kid
			}
		case opClose:
			b.note(cx, codeOf(cx.Close(b.kid, regions.Request{Reason: base.ReasonUser})))
		}
	}
	return nil
}

// against compares Explore with brute force on one program.
func against(t *testing.T, p program, o Options) (traces, runs, spare int) {
	t.Helper()
	want, whole := brute(p.scenario(), o, 3_000)
	if !whole {
		return 0, 0, 0 // too large for brute force
	}
	o.Most = 3_000
	got := Explore(p.scenario(), o)
	if !got.Exhausted {
		t.Errorf("%s\n%s: not exhausted after %d runs; %d traces", p, o.Model, got.Runs, len(want))
		return 0, 0, 0
	}
	missing, extra := 0, 0
	var one string
	for fp := range want {
		if got.Traces[fp] == 0 {
			missing++
			one = fp
		}
	}
	for fp := range got.Traces {
		if !want[fp] {
			extra++
			one = fp
		}
	}
	if missing+extra > 0 {
		t.Errorf("%s\n%s: %d of %d traces missing, %d that cannot be; one of them:\n%s", p, o.Model, missing, len(want), extra, one)
	}
	return len(want), got.Runs, got.Blocked*1000 + got.Duplicates
}

func TestExploreEqualsBruteForceOnRandomPrograms(t *testing.T) {
	count := 240
	if os.Getenv("FNODE_LONG") != "" {
		count = 10_000
	}
	simple := []int{opTell, opTell, opTell, opUrgent}
	sets := map[string][]int{
		"sends":    simple,
		"timers":   {opTell, opTell, opUrgent, opArm, opArm, opDisarm},
		"store":    {opTell, opRead, opCommit, opRead, opCommit},
		"asks":     {opTell, opAsk, opAsk, opUrgent},
		"stops":    {opTell, opTell, opStop, opAsk},
		"children": {opTell, opSpawn, opClose, opErr, opTell},
	}
	for name, kinds := range sets {
		t.Run(name, func(t *testing.T) {
			var traces, runs, spare int
			for i := range count / len(sets) {
				seed := uint64(i + 1)
				if *programSeed > 0 {
					seed = *programSeed
				}
				a, b, c := against(t, newProgram(seed, kinds), Options{})
				traces, runs, spare = traces+a, runs+b, spare+c
				if *programSeed > 0 || t.Failed() && i > 20 {
					break
				}
			}
			t.Logf("%d traces, %d runs, blocked %d, twice %d", traces, runs, spare/1000, spare%1000)
		})
	}
}

var _ = errors.New

package lab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
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
	opKid
	opRetire
	opMonitor
	opDemonitor
	opLink
	opReserve
	opAbort
	opKeep
	opAnswer
	opWait
	opCancel // not an effect: says that one actor is asked to end
	opKinds
)

var opNames = [opKinds]string{
	"tell", "urgent", "arm", "disarm", "ask", "read", "commit", "err", "stop", "spawn", "close", "kid", "retire",
	"monitor", "demonitor", "link", "reserve", "abort", "keep", "answer", "wait", "cancel",
}

// program is a random set of actors: what each does at its start and on each kind of message.
type program struct {
	seed   uint64
	n      int
	cap    []int
	cancel int // the actor that the world outside asks to end, at any time; below zero: none
	start  [][]op
	on     [][][]op // actor, kind of message
}

func (p program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "program %d, %d actors, bounds %v, cancel of %d\n", p.seed, p.n, p.cap, p.cancel)
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
	p := program{seed: seed, n: 2 + r.IntN(3), cancel: -1}
	if slices.Contains(kinds, opCancel) {
		p.cancel = r.IntN(p.n)
	}
	budget := 4 + r.IntN(9)
	hub := r.IntN(p.n) // about half of all goes to one actor, so that there is something to race for
	draw := func(least int) (ops []op) {
		for range r.IntN(3) {
			if budget == 0 {
				return ops
			}
			budget--
			to := r.IntN(p.n)
			if r.IntN(2) == 0 {
				to = hub
			}
			ops = append(ops, op{kinds[r.IntN(len(kinds))], to, least + r.IntN(2)})
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
		if p.cancel >= 0 {
			path := refs[p.cancel].Path()
			r.Outside("cancel", func() { r.w.cancel(path) })
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
	watch actors.MonitorID
	held  *actors.Permit
	kept  *actors.Ask[query, int]
	keep  bool // keep the question under way
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
		b.keep = false
		if err := b.on(cx, m.Q.k); err != nil {
			return err
		}
		if b.keep && b.kept == nil {
			b.kept = m
			m.Keep(cx)
			return nil
		}
		m.Reply(cx, m.Q.k)
	case *actors.Permit:
		if b.held != nil || m.Err != nil {
			b.note(cx, codeOf(m.Abort(cx)))
			return nil
		}
		b.held = m
	case actors.Down:
		b.note(cx, m.Exit.Kind.String())
	case actors.ChildEnded:
		b.note(cx, m.Exit.Kind.String())
		if b.kids%2 == 0 && m.Child == b.kid {
			_, err := cx.Respawn(m.Child, b.child())
			b.note(cx, codeOf(err))
		}
	case actors.Answer[int]:
		b.note(cx, codeOf(m.Err))
	case actors.Committed:
		b.note(cx, codeOf(m.Result.Err))
	}
	return nil
}

// child is a small actor with a timer, which ends on the second message.
func (b *robot) child() actors.Behaviour {
	n, arms := 0, b.kids%2 == 0
	return actors.Func(func(cx *actors.Cx, msg any) error {
		switch msg.(type) {
		case actors.Started:
			if arms {
				_, err := cx.After(time.Second, tick{9})
				b.note(cx, codeOf(err))
			}
		case actors.CancelRequested:
			b.note(cx, "asked to end")
		case plain:
			if n++; n == 2 {
				return errors.New("enough")
			}
		}
		return nil
	})
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
			kid, err := cx.Spawn(actors.Child{Name: fmt.Sprint("k", b.kids), Supervised: b.kids%3 > 0, Behaviour: b.child(), Queue: actors.QueuePolicy(o.k % 3)})
			b.note(cx, codeOf(err))
			if err == nil {
				b.kid = kid
			}
		case opKid:
			b.note(cx, codeOf(cx.Tell(b.kid, plain{o.k})))
		case opRetire:
			b.note(cx, codeOf(cx.Retire(b.kid)))
		case opMonitor:
			to := b.refs[o.to]
			if o.k%2 == 0 && b.kid != (actors.Ref{}) {
				to = b.kid
			}
			id, err := cx.Monitor(to)
			b.note(cx, codeOf(err))
			if err == nil {
				b.watch = id
			}
		case opDemonitor:
			cx.Demonitor(b.watch)
		case opLink:
			b.note(cx, codeOf(cx.Link(b.refs[o.to])))
		case opReserve:
			_, err := cx.Reserve(b.refs[o.to])
			b.note(cx, codeOf(err))
		case opAbort:
			if b.held != nil {
				if o.k%2 == 0 {
					b.note(cx, codeOf(b.held.Abort(cx)))
				} else {
					b.note(cx, codeOf(b.held.Send(cx, plain{o.k})))
				}
				b.held = nil
			}
		case opKeep:
			b.keep = true
		case opAnswer:
			if b.kept != nil {
				b.kept.Reply(cx, o.k)
				b.kept = nil
			}
		case opWait:
			_, err := actors.Request[query, int](cx, b.refs[o.to], query{o.k}, time.Second)
			b.note(cx, codeOf(err))
		case opClose:
			b.note(cx, codeOf(cx.Close(b.kid, regions.Request{Reason: base.ReasonUser})))
		}
	}
	return nil
}

// most is how many runs brute force may take; what needs more is too big for it.
const most = 2_000

// against compares Search with brute force on one program.
func against(t *testing.T, p program, o Options) tally {
	t.Helper()
	want, whole := brute(p.scenario(), o, most)
	if !whole {
		return tally{big: 1}
	}
	o.Most, o.verbose = 2*most, true
	got, err := Search(context.Background(), p.scenario(), o)
	if err != nil {
		t.Fatalf("%s\n%v", p, err)
	}
	if !got.Exhausted {
		t.Errorf("%s\n%s: %s after %d runs; %d traces", p, o.Model, got.Why, got.Runs, len(want))
		return tally{}
	}
	missing, extra := 0, 0
	var one string
	for fp := range want {
		if got.texts[fp] == 0 {
			missing++
			one = fp
		}
	}
	for fp := range got.texts {
		if !want[fp] {
			extra++
			one = fp
		}
	}
	if missing+extra > 0 {
		t.Errorf("%s\n%s: %d of %d traces missing, %d that cannot be; one of them:\n%s", p, o.Model, missing, len(want), extra, one)
	}
	if len(got.texts) != got.Traces() {
		t.Errorf("%s\n%d traces as text, %d fingerprints", p, len(got.texts), got.Traces())
	}
	return tally{programs: 1, traces: len(want), runs: got.Runs, blocked: got.Blocked, twice: got.Duplicates}
}

// programSets are kinds of programs, by what they do.
var programSets = []struct {
	name  string
	kinds []int
	o     Options
}{
	{"sends", []int{opTell, opTell, opTell, opUrgent}, Options{}},
	{"timers", []int{opTell, opTell, opUrgent, opArm, opArm, opDisarm}, Options{}},
	{"quiescent", []int{opTell, opTell, opUrgent, opArm, opArm, opDisarm, opWait}, Options{Timers: Quiescent}},
	{"store", []int{opTell, opRead, opCommit, opRead, opCommit}, Options{}},
	{"asks", []int{opTell, opAsk, opAsk, opUrgent, opKeep, opAnswer}, Options{}},
	{"deadlines", []int{opTell, opWait, opWait, opKeep, opAnswer}, Options{}},
	{"permits", []int{opTell, opReserve, opReserve, opAbort, opUrgent}, Options{}},
	{"stops", []int{opTell, opTell, opStop, opAsk, opArm}, Options{}},
	{"watch", []int{opTell, opMonitor, opMonitor, opDemonitor, opStop, opLink}, Options{}},
	{"children", []int{opTell, opSpawn, opSpawn, opClose, opKid, opKid, opErr}, Options{}},
	{"families", []int{opTell, opSpawn, opSpawn, opClose, opKid, opRetire, opMonitor, opStop}, Options{}},
	{"cancels", []int{opTell, opTell, opErr, opAsk, opKeep, opArm, opUrgent, opCancel}, Options{}},
	{"all", []int{opCancel, opTell, opTell, opUrgent, opArm, opDisarm, opAsk, opRead, opCommit, opErr, opStop, opSpawn, opClose, opKid, opRetire, opMonitor, opLink, opReserve, opAbort, opKeep, opAnswer, opWait}, Options{}},
	{"fifo", []int{opTell, opTell, opUrgent, opArm, opDisarm, opAsk, opStop, opCommit, opRead}, Options{Model: FIFO}},
	{"bag", []int{opTell, opTell, opUrgent, opArm, opDisarm, opAsk, opStop, opCommit, opRead}, Options{Model: Bag}},
	{"faults", []int{opTell, opTell, opAsk}, Options{Model: FIFO, Link: Link{Drop: 1, Dup: 1}}},
}

func TestExploreEqualsBruteForceOnRandomPrograms(t *testing.T) {
	count := 500
	if os.Getenv("FNODE_LONG") != "" {
		count = 10_000
	}
	var all tally
	for _, set := range programSets {
		t.Run(set.name, func(t *testing.T) {
			var sum tally
			for i := 0; sum.programs <= count/len(programSets); i++ { // those that are too big do not count
				seed := uint64(i + 1)
				if *programSeed > 0 {
					seed = *programSeed
				}
				sum.add(against(t, newProgram(seed, set.kinds), set.o))
				if *programSeed > 0 || t.Failed() && i > 20 {
					break
				}
			}
			t.Log(sum)
			all.add(sum)
		})
	}
	t.Log("all: ", all)
	if all.blocked*50 > all.runs {
		t.Errorf("more than 2%% of the runs are blocked: %s", all)
	}
}

// found are programs by which brute force has shown a fault of the explorer (docs/attempts.md).
var found = map[string][]uint64{
	"permits": {48}, "watch": {183, 324}, "cancels": {156, 164, 166, 180, 279}, "all": {54, 373}, "bag": {264},
}

func TestProgramsThatFoundAFaultAreExact(t *testing.T) {
	for _, set := range programSets {
		for _, seed := range found[set.name] {
			against(t, newProgram(seed, set.kinds), set.o)
		}
	}
}

// tally sums up comparisons.
type tally struct{ programs, big, traces, runs, blocked, twice int }

func (a *tally) add(b tally) {
	a.programs, a.big, a.traces = a.programs+b.programs, a.big+b.big, a.traces+b.traces
	a.runs, a.blocked, a.twice = a.runs+b.runs, a.blocked+b.blocked, a.twice+b.twice
}

func (a tally) String() string {
	return fmt.Sprintf("%d programs (%d too big), %d traces, %d runs, blocked %d (%.1f%%), twice %d (%.1f%%)",
		a.programs, a.big, a.traces, a.runs, a.blocked, 100*float64(a.blocked)/float64(max(a.runs, 1)), a.twice, 100*float64(a.twice)/float64(max(a.runs, 1)))
}

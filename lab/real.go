package lab

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/spec"
)

// Perform runs a scenario once on a host of production, in a system of its own, and waits until nothing can happen
// any more. The outcome is what every behaviour got, to be looked up in Result.Outcomes of the scenario, witnessed.
// Timers fire at any time, as the lab's free timers do. What takes longer than limit is a violation. Scenarios with
// links that fail, or with handlers that are to be found stuck, have no such run.
func Perform(h *host.Host, sc Scenario, limit time.Duration) (seen string, bad []Violation) {
	l := &live{Host: h, limit: limit, of: map[string]*actors.Slot{}, from: []string{""}}
	l.sys = actors.NewSystem(l, actors.Options{Name: "lab", Events: l.happened})
	r := &Run{live: l}
	Witnessed(sc).Setup(r)
	l.perform()
	l.account()
	bad = append(bad, l.bad...)
	bad = append(bad, r.fails...)
	for _, c := range r.checks {
		if err := c.ok(); err != nil {
			bad = append(bad, Violation{c.check(), err.Error()})
		}
	}
	return r.saw.String(), bad
}

// live is a host of production with a gate: nothing runs before the set-up is over.
type live struct {
	*host.Host                // immutable: workers, timers, clock
	sys        *actors.System // immutable
	limit      time.Duration  // immutable
	visits     []func()       // owned by who sets up

	mu    sync.Mutex
	begun bool                    // guarded by mu: the set-up is over
	armed []*armed                // guarded by mu: timers that wait for that
	open  bool                    // guarded by mu
	held  []func()                // guarded by mu: what waits for the gate
	slots []*actors.Slot          // guarded by mu
	of    map[string]*actors.Slot // guarded by mu
	from  []string                // guarded by mu: senders, by tag
	bad   []Violation             // guarded by mu
}

// pass does f now, or when the gate opens.
func (l *live) pass(f func()) {
	l.mu.Lock()
	if !l.open {
		l.held = append(l.held, f)
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	f()
}

// Send notes the sender and delivers at once.
func (l *live) Send(from, to *actors.Slot, m actors.Message) error {
	stir()
	if from != nil {
		l.mu.Lock()
		m.Tag = uint64(len(l.from))
		l.from = append(l.from, from.Path())
		l.mu.Unlock()
	}
	return l.Host.Send(from, to, m)
}

// Spawn notes the slot and puts it into the run queue.
func (l *live) Spawn(by, s *actors.Slot) {
	l.mu.Lock()
	if l.of[s.Path()] != s {
		l.of[s.Path()] = s
		l.slots = append(l.slots, s)
	}
	l.mu.Unlock()
	l.pass(func() { l.Host.Spawn(by, s) })
}

// Ready puts a slot into the run queue.
func (l *live) Ready(by, s *actors.Slot, t actors.Ticket) {
	l.pass(func() { l.Host.Ready(by, s, t) })
}

// Arm arms a timer that fires soon, however long it was meant to take, but not before the set-up is over.
func (l *live) Arm(s *actors.Slot, _ time.Duration, t *actors.Timer) func() {
	a := &armed{arm: func() func() { return l.Host.Arm(s, time.Duration(rand.IntN(200))*time.Microsecond, t) }}
	l.mu.Lock()
	wait := !l.begun
	if wait {
		l.armed = append(l.armed, a)
	}
	l.mu.Unlock()
	if !wait {
		a.begin()
	}
	return a.off
}

// armed is a timer that may have to wait for the end of the set-up.
type armed struct {
	arm func() (undo func()) // immutable

	mu    sync.Mutex
	undo  func() // guarded by mu
	undid bool   // guarded by mu
}

func (a *armed) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.undid {
		a.undo = a.arm()
	}
}

func (a *armed) off() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.undid = true; a.undo != nil {
		a.undo()
	}
}

// Step lets others run, now and then.
func (l *live) Step(by *actors.Slot, k actors.StepKind) {
	stir()
	l.Host.Step(by, k)
}

// stir lets other goroutines of production run at one effect in four.
func stir() {
	if rand.IntN(4) == 0 {
		runtime.Gosched()
	}
}

func (l *live) happened(ev actors.Event) {
	if ev.Kind == actors.EventViolated || ev.Kind == actors.EventLeaked {
		l.fail(Invariants, "%s: %s", ev.Path, ev.Detail)
	}
}

func (l *live) fail(check, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bad = append(l.bad, Violation{check, fmt.Sprintf(format, args...)})
}

// sender is who sent what is under delivery to the actor. It is called from that actor's worker.
func (l *live) sender(path string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.of[path]; s != nil {
		return l.from[s.Under().Tag]
	}
	return ""
}

// perform opens the gate, lets the world outside do its part, and waits until all is quiet.
func (l *live) perform() {
	l.mu.Lock()
	late := l.armed
	l.begun, l.armed = true, nil
	l.mu.Unlock()
	for _, a := range late {
		a.begin()
	}
	var outside sync.WaitGroup
	for _, f := range l.visits {
		outside.Go(f) // owner: perform; ends: with f
	}
	l.settle()
	outside.Wait()
	l.settle()
}

// settle opens the gate, waits until all is quiet, and shuts it.
func (l *live) settle() {
	l.mu.Lock()
	held := l.held
	l.open, l.held = true, nil
	l.mu.Unlock()
	rand.Shuffle(len(held), func(a, b int) { held[a], held[b] = held[b], held[a] })
	for _, f := range held {
		f()
	}
	l.await()
	l.mu.Lock()
	l.open = false
	l.mu.Unlock()
}

// patience is how many looks in a row are taken after the limit in time. A process that was held up as a whole has
// used up the limit and done nothing in it.
const patience = 100_000

// await waits until two looks in a row find all at rest.
func (l *live) await() {
	before, end, late := uint64(0), time.Now().Add(l.limit), 0
	for {
		now, busy := l.look()
		if busy == nil && now == before {
			return
		}
		if before = now; busy != nil {
			before = 0
		}
		if time.Now().After(end) {
			late++
		}
		if late > patience {
			l.fail(Deadlock, "not quiet after %s: %v, at rest: %v, %+v", l.limit, busy, busy == nil || busy.Rests(), l.views())
			return
		}
		runtime.Gosched()
	}
}

func (l *live) views() (out []actors.ActorView) {
	for _, s := range l.slots {
		out = append(out, s.View())
	}
	return out
}

// account checks the books of every slot (L5), as the oracle does.
func (l *live) account() {
	var o oracles
	for _, s := range l.slots {
		o.books(s.View())
	}
	l.bad = append(l.bad, o.fails...)
}

// look names a slot that does not rest, nil if all do, and gives a sum that changes with whatever any of them does.
// Two looks in a row in which all rest, with the same sum, show that all were at rest at one moment.
func (l *live) look() (sum uint64, busy *actors.Slot) {
	l.mu.Lock()
	slots, begun := l.slots, l.begun
	l.mu.Unlock()
	sum = uint64(len(slots))
	for _, s := range slots {
		v := s.View()
		armed := s.Bound(lanes.Timed) - s.Free(lanes.Timed) - v.Lanes[lanes.Timed].Depth
		ends := v.State == spec.Draining.String() || v.State == spec.Ending.String()
		if !s.Rests() || armed > 0 && begun || ends {
			return 0, s
		}
		for lane := range v.Counts.Sent {
			sum = mix(sum, v.Counts.Sent[lane])
			sum = mix(sum, v.Counts.Taken[lane])
		}
		sum = mix(sum, uint64(v.Incarnation))
	}
	return sum, nil
}

package supervision

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/supervision/core"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// supervisor is the behaviour of one incarnation.
type supervisor struct {
	mu    sync.Mutex // of core: whoever inspects the supervisor reads it from another goroutine
	core  *core.Core // guarded by mu
	spec  Spec
	kids  map[string]*kid
	at    map[actors.Ref]*kid // kids that have a slot
	asks  map[uint64]asked
	next  uint64
	model *core.Child  // of the template; nil: there is none
	todo  []core.Event // events that arose while commands were carried out
	first error        // what made it give up
	end   *core.Exit   // Finish was said
	why   base.Reason  // of the close
	epoch time.Time
}

// asked is a request that waits for its answer.
type asked struct {
	*actors.Ask[Request, struct{}]
	added *kid // the child that it added, also once that is removed again
}

// kid is a child as the driver knows it.
type kid struct {
	spec    *Child // immutable; of those that a template was made into its name is not used
	name    string // immutable
	ref     actors.Ref
	lived   bool             // it has a slot
	refused bool             // its start was refused because the supervisor's region closes; nothing of it runs
	inc     uint32           // the core's count
	n       base.Incarnation // the actor's
	timers  [3]actors.TimerID
	last    actors.Exit
}

// due is the message of a timer.
type due struct {
	name string
	inc  uint32
	kind core.TimerKind
}

func newSupervisor(s Spec) (actors.Behaviour, error) {
	c, err := core.New(s.core())
	if err != nil {
		return nil, err
	}
	sup := &supervisor{core: c, spec: s, kids: map[string]*kid{}, at: map[actors.Ref]*kid{}, asks: map[uint64]asked{}}
	for i := range s.Children {
		if ch := &s.Children[i]; s.Strategy != core.Dynamic {
			sup.kids[ch.Name] = &kid{spec: ch, name: ch.Name}
		}
	}
	if s.Strategy == core.Dynamic {
		model := s.Children[0].core()
		model.Name = "" // each child has its own
		sup.model = &model
	}
	return sup, nil
}

// Receive turns messages into events of the core.
func (s *supervisor) Receive(cx *actors.Cx, msg any) error {
	switch m := msg.(type) {
	case actors.Started:
		if s.spec.Setup != nil {
			if err := s.spec.Setup(cx); err != nil {
				return err
			}
		}
		cx.Publish(s)
		cx.Starting()
		s.step(cx, core.Event{Kind: core.Boot})
	case actors.CancelRequested:
		s.why = m.Reason
		s.step(cx, core.Event{Kind: core.Stop, Exit: core.Exit{Kind: core.Stopped, Text: m.Reason.String()}})
	case actors.ChildStarted:
		s.heard(cx, m.Child, m.Incarnation, core.Event{Kind: core.Ready})
	case actors.ChildEnded:
		s.ended(cx, m)
	case actors.ChildWedged:
		if k := s.at[m.Child]; k != nil && k.n == m.Incarnation && k.spec.TwoIncarnations {
			s.must(cx, cx.LeaveBehind(m.Child))
		}
		s.heard(cx, m.Child, m.Incarnation, core.Event{Kind: core.Stuck})
	case due:
		s.step(cx, core.Event{Kind: core.Due, Name: m.name, Inc: m.inc, Timer: m.kind})
	case *actors.Ask[Request, struct{}]:
		s.request(cx, m)
	}
	return s.finish()
}

// finish ends the supervisor once the core has said so.
func (s *supervisor) finish() error {
	switch {
	case s.end == nil:
		return nil
	case s.end.Clean() && s.end.Kind != core.GaveUp:
		return actors.StopAs(actors.Exit{Kind: actors.ExitShutdown, Reason: s.why})
	case s.first == nil:
		s.first = errors.New(s.end.Text)
	}
	return actors.StopAs(actors.Exit{Kind: actors.ExitFailed, Err: s.first})
}

func (s *supervisor) ended(cx *actors.Cx, m actors.ChildEnded) {
	e := core.Event{Kind: core.Ended, Exit: exitOf(m.Exit)}
	switch {
	case m.Ready:
	case m.Exit.Kind == actors.ExitDeclined:
		e.Kind = core.Declined
	default:
		e.Kind = core.Failed
	}
	if k := s.at[m.Child]; k != nil {
		k.last = m.Exit
		switch {
		case k.leftResidue(m):
			e.Kind = core.Stuck
		case k.gaveUp():
			e.Exit.Kind = core.GaveUp
		}
	}
	s.heard(cx, m.Child, m.Incarnation, e)
}

// heard finds the child; news of an incarnation that is not the current one is stale.
func (s *supervisor) heard(cx *actors.Cx, ref actors.Ref, n base.Incarnation, e core.Event) {
	if k := s.at[ref]; k != nil && k.n == n {
		e.Name, e.Inc = k.name, k.inc
		s.step(cx, e)
	}
}

// gaveUp says whether the child is a supervisor that exceeded its budget.
func (k *kid) gaveUp() bool {
	c := codes.From(k.last.Err)
	return k.spec.Tree != nil && c != nil && c.Code == codes.BudgetExceeded
}

// leftResidue says whether something in the child, a supervisor, cannot be stopped: nothing can follow it at its path.
func (k *kid) leftResidue(m actors.ChildEnded) bool {
	c := codes.From(m.Exit.Err)
	return k.spec.Tree != nil && k.spec.Restart != core.Temporary && len(m.Proof.Residue) > 0 && c != nil && c.Code == codes.ChildWedged
}

func exitOf(e actors.Exit) core.Exit {
	out := core.Exit{Text: e.String()}
	switch e.Kind {
	case actors.ExitNormal, actors.ExitDeclined:
		out.Kind = core.Normal
	case actors.ExitShutdown:
		out.Kind = core.Stopped
	case actors.ExitKilled:
		out.Kind = core.Killed
	default:
		out.Kind = core.Crashed
	}
	return out
}

// View is what inspection shows (S9): a View of now. Any goroutine may call it; who has an answer sees what was done.
func (s *supervisor) View() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return View{s.spec.Strategy, s.core.State().String(), s.core.Children()}
}

// step feeds the core and carries its commands out, until nothing more arises.
func (s *supervisor) step(cx *actors.Cx, e core.Event) {
	s.todo = append(s.todo, e)
	for i := 0; i < len(s.todo); i++ { // it grows meanwhile
		e := s.todo[i]
		e.Now, e.Rand = s.now(cx), cx.Rand()
		s.mu.Lock()
		cmds := s.core.Step(e)
		s.mu.Unlock()
		for _, d := range s.core.Decided() {
			cx.Emit(actors.Event{Kind: EventDecided, Detail: d.On.String() + " -> " + d.Choice.String(), Body: &d})
		}
		for _, cmd := range cmds {
			s.do(cx, cmd)
		}
	}
	clear(s.todo)
	s.todo = s.todo[:0]
}

// now never goes back: a step of the wall clock is none of the run (S2).
func (s *supervisor) now(cx *actors.Cx) int64 {
	t := cx.Now()
	if s.epoch.IsZero() {
		s.epoch = t
	}
	return s.epoch.UnixNano() + int64(t.Sub(s.epoch))
}

func (s *supervisor) do(cx *actors.Cx, cmd core.Command) {
	k := s.kids[cmd.Name]
	switch cmd.Kind {
	case core.Start:
		s.start(cx, k, cmd)
	case core.Close, core.Kill:
		s.close(cx, k, cmd)
	case core.Arm:
		s.arm(cx, k, cmd)
	case core.Disarm:
		cx.Disarm(k.timers[cmd.Timer])
		k.timers[cmd.Timer] = actors.TimerID{}
	case core.Up:
		cx.Ready()
	case core.Reply:
		s.reply(cx, cmd)
	case core.Report:
		s.report(cx, k, cmd)
	case core.Adopt:
		a := s.asks[cmd.Req]
		a.added = &kid{spec: s.added(a.Q.Add), name: cmd.Name}
		s.asks[cmd.Req], s.kids[cmd.Name] = a, a.added
	case core.Remove:
		if k.lived {
			s.must(cx, cx.Retire(k.ref))
			delete(s.at, k.ref)
		}
		delete(s.kids, cmd.Name)
	case core.Evict:
		s.evict(cx, k)
	case core.Finish:
		e := cmd.Exit
		s.end = &e
	}
}

// added is the spec of a child to add: under Dynamic the template's, with what the request changes of it.
func (s *supervisor) added(c *Child) *Child {
	if s.spec.Strategy != core.Dynamic {
		return c
	}
	out := &s.spec.Children[0]
	if c != nil && c.Start != nil && out.Tree == nil {
		own := *out
		own.Name, own.Start, own.Known = c.Name, c.Start, c.Known // the template's version is one of something else
		return &own
	}
	return out
}

// coreOf is the core's part of a spec.
func (s *supervisor) coreOf(c *Child) *core.Child {
	if s.model != nil && c == &s.spec.Children[0] {
		return s.model
	}
	out := c.core()
	return &out
}

// evict: nothing follows for now in the slot of a child, so that what waits there is answered, and what is sent later is
// refused.
func (s *supervisor) evict(cx *actors.Cx, k *kid) {
	if k.lived {
		s.must(cx, cx.Withdraw(k.ref))
	}
}

// close ends a child. One whose start was refused has ended.
func (s *supervisor) close(cx *actors.Cx, k *kid, cmd core.Command) {
	if k.refused {
		k.refused = false
		s.todo = append(s.todo, core.Event{Kind: core.Ended, Name: cmd.Name, Inc: cmd.Inc, Exit: core.Exit{Kind: core.Stopped, Text: "it was not started"}})
		return
	}
	how := "shutdown "
	if cmd.Kind == core.Kill {
		how = "kill "
	}
	cx.Emit(actors.Event{Kind: EventStopping, Detail: how + k.ref.Path()})
	s.must(cx, cx.Close(k.ref, regions.Request{Reason: s.reason(), Brutal: cmd.Kind == core.Kill}))
}

// EventStopping says that a supervisor sends a child its shutdown, or a kill; the child may have ended already.
const EventStopping actors.EventKind = "stopping"

// EventDecided says what a supervisor has decided, before it does it. Body is a *core.Decision of its own.
const EventDecided actors.EventKind = "decided"

// must reports what cannot fail unless the driver is wrong. That the supervisor itself has been fenced is no fault.
func (s *supervisor) must(cx *actors.Cx, err error) {
	if err != nil && !errors.Is(err, codes.Of(codes.Gone)) {
		cx.Emit(actors.Event{Kind: actors.EventViolated, Detail: "supervision: " + err.Error(), Err: err})
	}
}

func (s *supervisor) reason() base.Reason {
	if s.why != base.ReasonNone {
		return base.ReasonParentClosing.Strengthen(s.why)
	}
	if s.first != nil {
		return base.ReasonSiblingFailed
	}
	return base.ReasonUser
}

// start spawns the next incarnation; a refused spawn is a failed start, looked at after this command.
func (s *supervisor) start(cx *actors.Cx, k *kid, cmd core.Command) {
	k.inc, k.refused = cmd.Inc, false
	b, err := k.behaviour(cmd.Pinned)
	made := err == nil
	if made {
		err = s.spawn(cx, k, b)
	}
	if c := codes.From(err); made && c != nil && c.Code == codes.RegionClosing {
		// The supervisor's own region closes, and the request is on its way: that is no failure of the child, and no
		// reason to spend the budget on.
		k.n, k.refused = 0, true
		return
	}
	if err != nil {
		k.n = 0
		k.last = actors.Exit{Kind: actors.ExitFailed, Err: err}
		s.todo = append(s.todo, core.Event{Kind: core.Failed, Name: cmd.Name, Inc: cmd.Inc, Exit: core.Exit{Kind: core.Crashed, Text: err.Error()}})
	}
}

// behaviour makes that of the next incarnation; pinned: of the known-good version.
func (k *kid) behaviour(pinned bool) (b actors.Behaviour, err error) {
	if k.spec.Tree != nil {
		return newSupervisor(*k.spec.Tree)
	}
	defer func() {
		v := recover()
		cause, is := v.(error)
		switch {
		case is:
			err = fmt.Errorf("the start function panicked: %w", cause)
		case v != nil:
			err = fmt.Errorf("the start function panicked: %v", v)
		}
	}()
	start := k.spec.Start
	if pinned {
		start = k.spec.Known.Start
	}
	if b = start(); b == nil {
		return nil, errors.New("the start function gave no behaviour")
	}
	return b, nil
}

func (s *supervisor) spawn(cx *actors.Cx, k *kid, b actors.Behaviour) (err error) {
	if k.lived {
		k.n, err = cx.Respawn(k.ref, b)
		return err
	}
	o := k.spec.Actor
	o.Name, o.Behaviour, o.Supervised, o.Delegate = k.name, b, true, k.spec.Tree != nil
	o.TrapLinks = o.TrapLinks || o.Delegate
	if k.spec.Tree != nil {
		o.Lanes.Timed = timers
	}
	if k.ref, err = cx.Spawn(o); err == nil {
		k.lived, k.n = true, 1
		s.at[k.ref] = k
	}
	return err
}

// timers is the size of a supervisor's Timed lane: three timers per child, for as many as there may come to be.
const timers = 3 * core.MaxChildren

func (s *supervisor) arm(cx *actors.Cx, k *kid, cmd core.Command) {
	id, err := cx.After(cmd.Delay, due{cmd.Name, cmd.Inc, cmd.Timer})
	if err != nil { // the Timed lane holds three timers per child; it is sized for that
		s.must(cx, err)
		return
	}
	k.timers[cmd.Timer] = id
}

func (s *supervisor) request(cx *actors.Cx, m *actors.Ask[Request, struct{}]) {
	if faults := m.Q.faults(s.spec); len(faults) > 0 {
		m.Fail(cx, badTree(faults))
		return
	}
	m.Keep(cx)
	s.next++
	s.asks[s.next] = asked{Ask: m}
	e := core.Event{Kind: m.Q.Kind, Name: m.Q.named(), Req: s.next}
	if e.Kind == core.Add {
		e.Child = s.coreOf(s.added(m.Q.Add))
	}
	s.step(cx, e)
}

func (s *supervisor) reply(cx *actors.Cx, cmd core.Command) {
	m := s.asks[cmd.Req]
	delete(s.asks, cmd.Req)
	if cmd.Err == core.Done {
		m.Reply(cx, struct{}{})
		return
	}
	name := m.Q.named()
	e := codes.New(refusals[cmd.Err], "%s/%s: %s", cx.Path(), name, cmd.Err)
	k := m.added
	if k == nil {
		k = s.kids[name]
	}
	if k != nil && k.last.Err != nil && cmd.Err == core.StartFailed {
		e.Wrap(k.last.Err)
	}
	m.Fail(cx, e)
}

// report records what the core wants known, and keeps the first cause of giving up.
func (s *supervisor) report(cx *actors.Cx, k *kid, cmd core.Command) {
	path := cx.Path() + "/" + cmd.Name
	cause := k.last.Err
	switch {
	case cause != nil:
	case cmd.Context == core.StartError && cmd.Exit.Text != "": // a start that timed out was killed for that
		cause = errors.New(cmd.Name + ": " + cmd.Exit.Text)
		k.last.Err = cause // also of what follows from it
	default:
		cause = errors.New(cmd.Name + " " + k.last.String())
	}
	over := s.core.State() == spec.SupStopping || s.core.State() == spec.SupDone
	booting := over && cmd.Context == core.StartError
	switch {
	case cmd.Context == core.GivingUp:
		s.first = codes.New(codes.BudgetExceeded, "%s gives up: more than %d restarts in %s", cx.Path(),
			s.spec.Budget.Restarts, s.spec.Budget.Window).Fact("last", "%s", path).Wrap(fmt.Errorf("%s: %w", path, cause))
	case cmd.Context == core.Wedged && !k.spec.TwoIncarnations && s.first == nil:
		e := codes.New(codes.ChildWedged, "%s cannot be stopped: its handler does not return", path)
		if k.spec.Tree != nil && k.last.Err != nil {
			e = codes.New(codes.ChildWedged, "something in %s cannot be stopped", path).Wrap(k.last.Err)
		}
		s.first = e
	case booting && s.first == nil:
		s.first = codes.New(codes.BootFailed, "%s did not start", path).Fact("child", "%s", cmd.Name).Wrap(fmt.Errorf("%s: %w", path, cause))
	}
	cx.Emit(actors.Event{Kind: EventReport, Detail: string(cmd.Context) + " " + path + ": " + cmd.Exit.String(), Err: cause, Exit: k.last})
}

// EventReport is a supervisor's report: a child terminated, did not start, did not stop as asked, or the
// supervisor gives up.
const EventReport actors.EventKind = "report"

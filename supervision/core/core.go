package core

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/invariant"
	"github.com/franken-node/fnode-supervisor/spec"
)

// Core is the state of one supervisor.
type Core struct {
	spec     Spec
	template *Child // of a Dynamic supervisor, settled
	state    spec.SupervisorState
	children []*child // in start order, which is that of their seq
	names    map[string]*child
	seq      uint64    // children so far
	alive    int       // children that live, or start or stop: that are not done with
	left     int       // while it stops: children from there on are done with
	ordered  bool      // all stops of a Dynamic supervisor were ordered
	restarts []restart // within the window
	work     *work     // under way; nil when Running
	inbox    []Event   // what waits for the work to be done
	final    Exit      // what Finish says
	out      []Command
	now      int64
	rand     uint64
	decided  []Decision // in this Step
	asked    bool       // the last of them is being made
}

// restart is one that the budget has seen.
type restart struct {
	at int64
	of *child
}

// child is one child in the books.
type child struct {
	*Child   // its spec, settled; shared by those that a template was made into, whose names it does not know
	Name     string
	seq      uint64
	state    spec.ChildState
	inc      uint32
	tries    int     // failures in a row, for the backoff
	failed   bool    // its last start failed: to try again is a restart that the budget has not seen yet
	upSince  int64   // ns; zero while not up
	asked    int64   // ns; when its stop was ordered, zero if it was not
	timedOut bool    // its start or stop timed out: it was killed for that
	armed    bool    // the timer of its state runs
	fails    []int64 // when it failed, within the window of its crash loop
	pinned   bool    // it runs its pinned version, or did when it ended
	last     Exit
}

// work is what a supervisor does one at a time: stop some children, then start some.
type work struct {
	stop  []*child // in the order of stopping
	start []*child // in the order of starting
	on    *child   // the one that is waited for; nil for Dynamic stops
	req   uint64   // a request that waits for the end
	boot  bool
	add   *child    // a child that goes if its start fails
	sole  [1]*child // room for stop or start
	group bool      // a failed start is retried with the strategy's group
}

// New makes the state of a supervisor. The spec must be valid.
func New(s Spec) (*Core, error) {
	if faults := s.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("bad supervisor spec: %s", strings.Join(faults, "; "))
	}
	c := &Core{spec: s, names: map[string]*child{}}
	for i := range s.Children {
		ch := s.Children[i].settled()
		if s.Strategy == Dynamic {
			c.template = ch
			break
		}
		c.enter(ch, ch.Name)
	}
	return c, nil
}

// enter takes a child into the books. Its spec is settled.
func (c *Core) enter(spec *Child, name string) *child {
	c.seq++
	ch := &child{Child: spec, Name: name, seq: c.seq}
	c.children = append(c.children, ch)
	c.names[ch.Name] = ch
	return ch
}

// State is the supervisor's state.
func (c *Core) State() spec.SupervisorState { return c.state }

// Step applies one event and says what to do, in order. The commands are valid until the next Step.
func (c *Core) Step(e Event) []Command {
	clear(c.out)
	c.out, c.now, c.rand, c.decided = c.out[:0], e.Now, e.Rand, c.decided[:0]
	c.apply(e)
	for c.state == spec.SupRunning && len(c.inbox) > 0 {
		next := c.inbox[0]
		c.inbox = c.inbox[1:]
		c.apply(next)
	}
	return c.out
}

func (c *Core) apply(e Event) {
	c.asked = false
	if c.state == spec.SupDone {
		c.refuse(e)
		return
	}
	switch e.Kind {
	case Boot:
		c.begin(&work{start: slices.Clone(c.children), boot: true})
	case Stop:
		c.stopAll(spec.SupStop, e.Exit)
	case Due:
		c.due(e)
	case Add, Terminate, Restarted, Revive, Delete:
		c.request(e)
	default:
		if ch := c.find(e.Name); ch != nil && ch.inc == e.Inc {
			c.heard(ch, e)
		}
	}
}

// move is the only writer of the supervisor's state.
func (c *Core) move(on spec.SupervisorEvent) bool {
	row, ok := spec.Supervisor.Next(c.state, on)
	if !ok {
		invariant.Violated("S1", "supervisor: %s in state %s", on, c.state)
		return false
	}
	c.state = row.To
	return true
}

// timerOf is the timer that runs in a state; it ends with the state.
var timerOf = map[spec.ChildState]TimerKind{
	spec.ChildBackoff: BackoffTimer, spec.ChildStarting: StartTimer, spec.ChildStopping: StopTimer,
}

// shift moves a child. The timer of the state that it leaves is not needed any more: none may be taken for that of
// a later life.
func (c *Core) shift(ch *child, on spec.ChildEvent) bool {
	was := ch.state
	if !ch.move(on) {
		return false
	}
	c.alive += live(ch.state) - live(was)
	if ch.armed && ch.state != was {
		ch.armed = false
		c.do(Command{Kind: Disarm, Name: ch.Name, Inc: ch.inc, Timer: timerOf[was]})
	}
	return true
}

// live is one for a child that stops, or may have to be stopped.
func live(s spec.ChildState) int {
	switch s {
	case spec.ChildUp, spec.ChildStarting, spec.ChildStopping:
		return 1
	}
	return 0
}

// arm starts the timer of the state in which the child is.
func (c *Core) arm(ch *child, delay time.Duration) {
	ch.armed = true
	c.do(Command{Kind: Arm, Name: ch.Name, Inc: ch.inc, Timer: timerOf[ch.state], Delay: delay})
}

// move is the only writer of a child's state.
func (ch *child) move(on spec.ChildEvent) bool {
	row, ok := spec.Child.Next(ch.state, on)
	if !ok {
		invariant.Violated("S1", "child %s: %s in state %s", ch.Name, on, ch.state)
		return false
	}
	ch.state = row.To
	return true
}

func (ch *child) can(on spec.ChildEvent) bool {
	_, ok := spec.Child.Next(ch.state, on)
	return ok
}

func (c *Core) do(cmd Command) { c.out = append(c.out, cmd) }

// find gives the child of a name; nil: there is none.
func (c *Core) find(name string) *child { return c.names[name] }

// place is where a child stands in the order of starting.
func (c *Core) place(ch *child) int {
	i, _ := slices.BinarySearchFunc(c.children, ch.seq, func(o *child, seq uint64) int { return cmp.Compare(o.seq, seq) })
	return i
}

// heard takes news of a child's current incarnation.
func (c *Core) heard(ch *child, e Event) {
	if e.Kind == Stuck && ch.TwoIncarnations {
		e = c.leaveBehind(ch, e)
	}
	switch ch.state {
	case spec.ChildStarting:
		c.heardStart(ch, e)
	case spec.ChildStopping, spec.ChildWedged:
		c.heardStop(ch, e)
	case spec.ChildUp:
		if e.Kind == Stuck {
			c.wedge(ch)
			return
		}
		if e.Kind != Ended && e.Kind != Failed {
			return
		}
		if c.state == spec.SupRunning {
			c.ended(ch, e.Exit)
			return
		}
		c.endedMeanwhile(ch, e)
	}
}

// endedMeanwhile: a child ended while the supervisor starts or stops others. Where it is going to be
// stopped anyway that is settled now; else the decision waits its turn.
func (c *Core) endedMeanwhile(ch *child, e Event) {
	if c.state == spec.SupStopping || c.work != nil && slices.Contains(c.work.stop, ch) {
		c.shift(ch, spec.ChildEnd)
		c.down(ch, e.Exit)
		c.reportEnd(ch, e.Exit)
		return
	}
	c.inbox = append(c.inbox, e)
}

func (c *Core) heardStart(ch *child, e Event) {
	switch e.Kind {
	case Ready:
		c.shift(ch, spec.ChildReady)
		ch.upSince = c.now
		ch.last = Exit{}
	case Declined:
		c.shift(ch, spec.ChildNone)
		ch.last = e.Exit
		c.rest(ch)
	case Failed, Ended:
		c.shift(ch, spec.ChildFailed)
		ch.last = e.Exit
		if ch.timedOut {
			ch.last = Exit{Crashed, fmt.Sprintf("it did not start within %s (start_timeout)", ch.StartTimeout)}
		}
		c.startFailed(ch)
		return
	case Stuck:
		c.wedge(ch)
		return
	default:
		return
	}
	c.proceed()
}

func (c *Core) heardStop(ch *child, e Event) {
	switch e.Kind {
	case Ended, Failed, Declined:
		wasWedged := ch.state == spec.ChildWedged
		c.shift(ch, spec.ChildClosed)
		c.down(ch, e.Exit)
		if wasWedged {
			return
		}
		if odd := e.Exit.Kind == Crashed || e.Exit.Kind == Killed && !ch.Shutdown.Brutal; odd {
			c.report(ShutdownError, ch, e.Exit)
		}
		c.proceed()
	case Stuck:
		c.wedge(ch)
	}
}

// leaveBehind takes a wedged incarnation for a crashed one: its spec lets the next one live beside it.
func (c *Core) leaveBehind(ch *child, e Event) Event {
	e.Exit = Exit{Crashed, "its handler does not return"}
	c.report(Wedged, ch, e.Exit)
	e.Kind = Ended
	if ch.state == spec.ChildStarting {
		e.Kind = Failed
	}
	return e
}

// wedge: the child cannot be stopped. The supervisor fails upwards (R6).
func (c *Core) wedge(ch *child) {
	if ch.state == spec.ChildWedged {
		return
	}
	stopping := c.state == spec.SupStopping
	c.shift(ch, spec.ChildStuck)
	c.report(Wedged, ch, Exit{Crashed, "its handler does not return"})
	if stopping {
		c.proceed()
		return
	}
	c.ask(OnWedge, ch, Exit{})
	c.stopAll(spec.SupGiveUp, Exit{Crashed, ch.Name + " is wedged"})
}

// due: a timer. A stale one does nothing (S3).
func (c *Core) due(e Event) {
	ch := c.find(e.Name)
	if ch == nil || ch.inc != e.Inc {
		return
	}
	if kind, timed := timerOf[ch.state]; timed && kind == e.Timer {
		ch.armed = false
	}
	switch {
	case e.Timer == BackoffTimer && ch.state == spec.ChildBackoff:
		if c.state != spec.SupRunning {
			c.inbox = append(c.inbox, e)
			return
		}
		c.askRetry(ch)
		if !ch.failed || c.afford(ch) {
			c.choose(ToRestart)
			c.restart(ch)
		}
	case e.Timer == StartTimer && ch.state == spec.ChildStarting, e.Timer == StopTimer && ch.state == spec.ChildStopping:
		ch.timedOut = true
		c.overdue(ch)
		c.do(Command{Kind: Kill, Name: ch.Name, Inc: ch.inc})
	}
}

// ended: a child that was up has ended by itself. Its restart type decides (S1, S4).
func (c *Core) ended(ch *child, e Exit) {
	c.askEnd(ch, e)
	c.shift(ch, spec.ChildEnd)
	c.down(ch, e)
	c.reportEnd(ch, e)
	if ch.Restart == Permanent || ch.Restart == Transient && !e.Clean() {
		c.again(ch)
		return
	}
	c.rest(ch)
	if ch.Significant && c.autoEnds() {
		c.stopAll(spec.SupStop, Exit{Stopped, "significant child " + ch.Name + " ended"})
	}
}

// down notes how a child ended that was up; one that was stable starts its backoff over (S3).
func (c *Core) down(ch *child, e Exit) {
	if ch.upSince > 0 && time.Duration(c.now-ch.upSince) >= ch.Backoff.stable() {
		ch.tries = 0
	}
	ch.last, ch.upSince = e, 0
}

func (c *Core) reportEnd(ch *child, e Exit) {
	if ch.Restart == Permanent || !e.Clean() {
		c.report(ChildTerminated, ch, e)
	}
}

// forgets says whether the spec of a child goes with its last incarnation.
func (c *Core) forgets(ch *child) bool {
	return ch.Restart == Temporary || c.spec.Strategy == Dynamic
}

// again plans the restart of a child that ended: within the budget, after the backoff.
func (c *Core) again(ch *child) {
	switch v := c.contain(ch); {
	case v == kept, v == untouched && !c.afford(ch):
		return
	}
	if delay := c.plan(ch); ch.Backoff.Off {
		c.restart(ch)
	} else {
		c.arm(ch, delay)
	}
}

// plan puts a child where its restart waits, and says for how long.
func (c *Core) plan(ch *child) time.Duration {
	delay := ch.Backoff.delay(ch.tries, c.rand)
	ch.tries++
	c.sawBackoff(ch, delay)
	c.shift(ch, spec.ChildDelay)
	return delay
}

// afford counts a restart, and gives up where it is one too many (S2).
func (c *Core) afford(ch *child) bool {
	if !c.spent(ch) {
		return true
	}
	c.report(GivingUp, ch, Exit{Crashed, "reached_max_restart_intensity"})
	first := fmt.Sprintf("restart budget of %d in %s exceeded: %s %s", c.spec.Budget.Restarts, c.spec.Budget.Window, ch.Name, ch.last)
	c.stopAll(spec.SupGiveUp, Exit{GaveUp, first})
	return false
}

// spent counts a restart against the budget and says whether it is one too many (S2).
func (c *Core) spent(ch *child) bool {
	since := c.now - int64(c.spec.Budget.Window)
	c.restarts = slices.DeleteFunc(c.restarts, func(r restart) bool { return r.at <= since || r.at > c.now })
	c.restarts = append(c.restarts, restart{c.now, ch})
	c.sawBudget(ch)
	return len(c.restarts) > c.spec.Budget.Restarts
}

// restart stops and starts what the strategy says: the child alone, all, or it and its younger siblings.
func (c *Core) restart(ch *child) {
	var group []*child
	switch c.spec.Strategy {
	case OneForAll:
		group = c.children
	case RestForOne:
		group = c.children[c.place(ch):]
	default:
		group = []*child{ch}
	}
	w := &work{group: true}
	for _, g := range slices.Backward(group) {
		if g.state == spec.ChildUp {
			w.stop = append(w.stop, g)
		}
	}
	for _, g := range group {
		if g == ch || g.Restart != Temporary {
			w.start = append(w.start, g)
		}
	}
	c.begin(w)
}

// startFailed: a start under way failed. A boot fails as a whole, a request is answered, a restart is
// tried again later, and counts once it is (S3): what is asked meanwhile may call it off.
func (c *Core) startFailed(ch *child) {
	c.report(StartError, ch, ch.last)
	w := c.work
	c.askStart(w, ch)
	switch {
	case w == nil:
	case w.boot:
		c.stopAll(spec.SupGiveUp, Exit{Crashed, fmt.Sprintf("%s did not start: %s", ch.Name, ch.last)})
	case w.add == ch:
		c.remove(ch)
		c.finishWork(StartFailed)
	case !w.group:
		c.rest(ch)
		c.finishWork(StartFailed)
	default:
		v := c.contain(ch)
		if v == kept { // the rest of the group goes on without it
			c.proceed()
			return
		}
		for _, later := range w.start {
			c.shift(later, spec.ChildForget)
		}
		c.work = nil
		c.move(spec.SupIdle)
		ch.failed = v == untouched
		c.arm(ch, c.plan(ch)) // by message, also without a backoff: what came before is looked at first
	}
}

// rest: no incarnation is planned. What waits for one is answered now (R3).
func (c *Core) rest(ch *child) {
	if c.forgets(ch) {
		c.remove(ch)
		return
	}
	c.choose(ToRest)
	c.do(Command{Kind: Evict, Name: ch.Name, Inc: ch.inc})
}

func (c *Core) remove(ch *child) {
	c.choose(ToRemove)
	i := c.place(ch)
	c.children = slices.Delete(c.children, i, i+1)
	delete(c.names, ch.Name)
	c.do(Command{Kind: Remove, Name: ch.Name, Inc: ch.inc})
}

func (c *Core) report(x Context, ch *child, e Exit) {
	c.do(Command{Kind: Report, Name: ch.Name, Inc: ch.inc, Context: x, Exit: e})
}

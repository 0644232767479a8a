package core

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/spec"
)

// Occasion is what a supervisor had to decide about. Its numbers are part of evidence and never change their meaning.
type Occasion uint8

// The occasions.
const (
	OnEnd           Occasion = iota + 1 // a child that was up has ended by itself, and not as one that may: rules S1, S2, S4, S7
	OnBootFailed                        // a child of the boot did not start
	OnAddFailed                         // a child that was added did not start
	OnStartFailed                       // a start that was asked for failed
	OnRestartFailed                     // a restart failed
	OnBackoff                           // the delay after a failed restart is over
	OnStartOverdue                      // a start takes longer than it may
	OnStopOverdue                       // a stop takes longer than it may
	OnWedge                             // a child cannot be stopped
	OnStop                              // the supervisor is to stop
)

// occasions name them; rules are which choice is there on which occasion, and the rule that makes it; always is which
// bounds are looked at in any case.
var (
	occasions = [...]string{
		"", "ended", "boot failed", "add failed", "start failed", "restart failed", "backoff is over", "start is overdue", "stop is overdue",
		"wedged", "stop asked",
	}
	rules = [len(occasions)][len(choices)]string{
		OnEnd: {
			ToRest: "S1", ToRemove: "S1", ToRestart: "S1", ToFallBack: "S7", ToQuarantine: "S7", ToGiveUp: "S2", ToShutDown: "S4",
		},
		OnBootFailed:    {ToGiveUp: "S1"},
		OnAddFailed:     {ToRemove: "S10"},
		OnStartFailed:   {ToRest: "S10", ToRemove: "S10"},
		OnRestartFailed: {ToRestart: "S3", ToFallBack: "S7", ToQuarantine: "S7"},
		OnBackoff:       {ToRestart: "S2", ToGiveUp: "S2"},
		OnStartOverdue:  {ToKill: "S1"},
		OnStopOverdue:   {ToKill: "S1"},
		OnWedge:         {ToGiveUp: "R6"},
		OnStop:          {ToShutDown: "S1"},
	}
	always = [len(occasions)]Looked{OnEnd: AtRestart, OnStartOverdue: AtStartTimeout, OnStopOverdue: AtShutdown, OnWedge: AtTwoIncarnations}
)

// String gives the occasion in words.
func (o Occasion) String() string {
	if int(o) >= len(occasions) {
		return fmt.Sprintf("occasion %d", uint8(o))
	}
	return occasions[o]
}

// Candidates are the choices that there are on this occasion, in their fixed order. They must not be changed.
func (o Occasion) Candidates() []string {
	if int(o) < len(candidates) {
		return candidates[o]
	}
	return nil
}

var candidates = func() (out [len(occasions)][]string) {
	for on, row := range rules {
		for to, rule := range row {
			if rule != "" {
				out[on] = append(out[on], choices[to])
			}
		}
	}
	return out
}() // written at init

// Choice is what was done. Of more than one the greatest counts.
type Choice uint8

// The choices.
const (
	ToRest       Choice = iota + 1 // nothing follows for now; its spec stays
	ToRemove                       // nothing follows, and its spec goes
	ToRestart                      // it is restarted, with what the strategy says; after Delay
	ToFallBack                     // the same, at its known-good version
	ToQuarantine                   // nothing starts it any more
	ToKill                         // it is not waited for any longer
	ToGiveUp                       // the supervisor stops its children and fails to its own
	ToShutDown                     // the supervisor stops its children and ends
)

var choices = [...]string{"", "rest", "remove", "restart", "fall_back", "quarantine", "kill", "give_up", "shut_down"}

// String gives the choice's stable name.
func (c Choice) String() string {
	if int(c) >= len(choices) {
		return fmt.Sprintf("choice %d", uint8(c))
	}
	return choices[c]
}

// Looked is which bounds of the spec were looked at.
type Looked uint8

// The bounds.
const (
	AtRestart Looked = 1 << iota
	AtAutoShutdown
	AtCrashLoop
	AtBudget
	AtBackoff
	AtStartTimeout
	AtShutdown
	AtTwoIncarnations
)

var bounds = [...]string{"restart", "auto_shutdown", "crash_loop", "budget", "backoff", "start_timeout", "shutdown", "two_incarnations"}

// Names are the bounds, in their fixed order. They must not be changed.
func (l Looked) Names() []string { return looked[l] }

var looked = func() (out [256][]string) {
	for l := range out {
		for i, name := range bounds {
			if l&(1<<i) != 0 {
				out[l] = append(out[l], name)
			}
		}
	}
	return out
}() // written at init

// Times are times in ns of the run's clock, oldest first: the newest mostTimes of them, and how many more there were.
type Times struct {
	At   []int64 `cbor:"1,keyasint,omitempty"`
	More int     `cbor:"2,keyasint,omitzero"`
}

const (
	mostTimes = 512
	mostMore  = 100_000 // what Replay takes: the largest budget of a configuration
	mostText  = 1024    // bytes of a name or cause
)

// Inputs are all that a decision depended on: what was not looked at is zero. They are encoded as CBOR with these keys.
type Inputs struct {
	On       Occasion     `cbor:"1,keyasint"`
	Now      int64        `cbor:"2,keyasint"` // ns of the run's clock
	Strategy Strategy     `cbor:"3,keyasint,omitzero"`
	Auto     AutoShutdown `cbor:"4,keyasint,omitzero"`
	Budget   Budget       `cbor:"5,keyasint,omitzero"`
	Child    Child        `cbor:"6,keyasint,omitzero"` // OnStop: none
	Exit     Exit         `cbor:"7,keyasint,omitzero"` // of the child; OnStop: why the supervisor stops
	Pinned   bool         `cbor:"8,keyasint,omitzero"` // it ran its pinned version
	Alive    bool         `cbor:"9,keyasint,omitzero"` // another significant child is not down
	UpSince  int64        `cbor:"10,keyasint,omitzero"`
	Tries    int          `cbor:"11,keyasint,omitzero"` // failures in a row before this one, for the backoff
	Rand     uint64       `cbor:"12,keyasint,omitzero"` // of the jitter
	Fails    Times        `cbor:"13,keyasint,omitzero"` // earlier failures within the window of its crash loop
	Own      Times        `cbor:"14,keyasint,omitzero"` // earlier restarts of it within the budget's window
	Others   Times        `cbor:"15,keyasint,omitzero"` // and of its siblings
}

// Gave is what a decision gave beside the choice, as evidence has it.
type Gave struct {
	Delay    time.Duration `cbor:"1,keyasint,omitzero"` // until the restart
	Failures int           `cbor:"2,keyasint,omitzero"` // within the window of the crash loop, with this one
	Spent    int           `cbor:"3,keyasint,omitzero"` // restarts within the budget's window, with this one
	Tries    int           `cbor:"4,keyasint,omitzero"` // failures in a row, for the backoff
}

// Outcome is what was decided.
type Outcome struct {
	Choice Choice
	Rule   string // "S7"
	Looked Looked
	Gave   Gave
}

// Decision is one that the spec of the supervisor influenced, with all that it depended on.
type Decision struct {
	Inputs
	Outcome
}

// Decided are the decisions of the last Step, in order. They are valid until the next.
//
// The end of a child that its restart type lets end is none, nor is what somebody asks for at run time, nor a restart
// whose delay is over and that was decided before.
func (c *Core) Decided() []Decision {
	for i := range c.decided {
		if d := &c.decided[i]; d.Gave.Tries == 0 { // no delay was drawn
			d.Tries, d.UpSince = 0, 0
		}
	}
	return c.decided
}

// ask begins a decision. What it may depend on is noted here, or where it is looked at.
func (c *Core) ask(on Occasion, ch *child, e Exit) {
	c.asked = true
	if n := len(c.decided); n < cap(c.decided) {
		c.decided = c.decided[:n+1]
	} else {
		c.decided = append(c.decided, Decision{})
	}
	d := c.deciding()
	fails, own, others := d.Fails.At[:0], d.Own.At[:0], d.Others.At[:0] // their room is used again
	*d = Decision{Inputs: Inputs{
		On: on, Now: c.now, Strategy: c.spec.Strategy, Auto: c.spec.AutoShutdown, Budget: c.spec.Budget, Exit: Exit{e.Kind, text(e.Text)},
		Fails: Times{At: fails}, Own: Times{At: own}, Others: Times{At: others},
	}}
	d.Looked = always[on]
	if ch != nil {
		d.Child, d.Pinned, d.UpSince, d.Tries = *ch.Child, ch.pinned, ch.upSince, ch.tries
		d.Child.Name, d.Child.Pinned = text(ch.Name), text(ch.Child.Pinned)
	}
}

// text is what evidence takes of one.
func text(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), mostText)], "?")
}

// deciding is the decision that is being made; nil: none is.
func (c *Core) deciding() *Decision {
	if !c.asked {
		return nil
	}
	return &c.decided[len(c.decided)-1]
}

// choose notes what is done.
func (c *Core) choose(to Choice) {
	if d := c.deciding(); d != nil && to > d.Choice {
		d.Choice, d.Rule = to, rules[d.On][to]
	}
}

// askEnd begins the decision about a child that ended. Where it ended as it may, nothing is decided.
func (c *Core) askEnd(ch *child, e Exit) {
	if !e.Clean() || ch.Restart == Permanent || ch.Significant {
		c.ask(OnEnd, ch, e)
	}
}

// askRetry begins the decision about a restart that failed, when its delay is over.
func (c *Core) askRetry(ch *child) {
	if ch.failed {
		c.ask(OnBackoff, ch, ch.last)
	}
}

// askStart begins the decision about a start that failed.
func (c *Core) askStart(w *work, ch *child) {
	switch {
	case w == nil:
	case w.boot:
		c.ask(OnBootFailed, ch, ch.last)
	case w.add == ch:
		c.ask(OnAddFailed, ch, ch.last)
	case !w.group:
		c.ask(OnStartFailed, ch, ch.last)
	default:
		c.ask(OnRestartFailed, ch, ch.last)
	}
}

// overdue is the decision about a start or stop that takes too long.
func (c *Core) overdue(ch *child) {
	on := OnStopOverdue
	if ch.state == spec.ChildStarting {
		on = OnStartOverdue
	}
	c.ask(on, ch, Exit{})
	c.choose(ToKill)
}

// ending notes that the supervisor stops all, for a reason of its own or because it is asked to.
func (c *Core) ending(why spec.SupervisorEvent, e Exit) {
	if c.deciding() == nil {
		c.ask(OnStop, nil, e)
	}
	if why == spec.SupGiveUp {
		c.choose(ToGiveUp)
		return
	}
	c.choose(ToShutDown)
}

// autoEnds says whether the end of a significant child ends the supervisor (S4).
func (c *Core) autoEnds() bool {
	alive := c.spec.AutoShutdown == All && slices.ContainsFunc(c.children, func(ch *child) bool {
		return ch.Significant && ch.state != spec.ChildDown
	})
	if d := c.deciding(); d != nil {
		d.Looked |= AtAutoShutdown
		d.Alive = alive
	}
	return c.spec.AutoShutdown != Never && !alive
}

// sawBackoff notes a delay that was drawn, which is that of a restart.
func (c *Core) sawBackoff(ch *child, delay time.Duration) {
	d := c.deciding()
	if d == nil {
		return
	}
	d.Gave.Delay, d.Gave.Tries = delay, ch.tries
	if !ch.Backoff.Off {
		d.Looked |= AtBackoff
		d.Rand = c.rand
	}
	c.choose(ToRestart)
}

// sawFailures notes the failures of a child, of which the last is this one.
func (c *Core) sawFailures(ch *child) {
	if d := c.deciding(); d != nil {
		d.Looked |= AtCrashLoop
		d.Gave.Failures = len(ch.fails)
		for _, at := range ch.fails[:len(ch.fails)-1] {
			d.Fails.add(at)
		}
	}
}

// sawBudget notes the restarts within the window, of which the last is this one.
func (c *Core) sawBudget(ch *child) {
	d := c.deciding()
	if d == nil {
		return
	}
	d.Looked |= AtBudget
	d.Gave.Spent = len(c.restarts)
	for _, r := range c.restarts[:len(c.restarts)-1] {
		if r.of == ch {
			d.Own.add(r.at)
		} else {
			d.Others.add(r.at)
		}
	}
}

// IsZero says that there are none: its encoding is left out.
func (t Times) IsZero() bool { return len(t.At) == 0 && t.More == 0 }

// add takes a time; the oldest makes room.
func (t *Times) add(at int64) {
	if len(t.At) == mostTimes {
		copy(t.At, t.At[1:])
		t.At, t.More = t.At[:mostTimes-1], t.More+1
	}
	t.At = append(t.At, at)
}

// all are the times; those that are not listed as if they were the oldest that is.
func (t Times) all() (out []int64, err error) {
	if len(t.At) > mostTimes || t.More < 0 || t.More > mostMore || t.More > 0 && len(t.At) != mostTimes {
		return nil, fmt.Errorf("%d times and %d more", len(t.At), t.More)
	}
	for range t.More {
		out = append(out, t.At[0])
	}
	return append(out, t.At...), nil
}

// Replay decides again: a supervisor that is in the state that the inputs tell of takes the same step. Inputs of
// hostile origin are refused where they are those of no supervisor.
func Replay(in Inputs) (Outcome, error) {
	c, e, err := in.scene()
	if err != nil {
		return Outcome{}, err
	}
	c.Step(e)
	if len(c.Decided()) != 1 {
		return Outcome{}, errors.New("they lead to no decision")
	}
	return c.decided[0].Outcome, nil
}

// scene is a supervisor in the state before the decision, and the event that asks for it.
func (in *Inputs) scene() (*Core, Event, error) {
	e := Event{Kind: Failed, Now: in.Now, Rand: in.Rand, Name: in.Child.Name, Inc: 1, Exit: in.Exit}
	if in.Exit.Kind > GaveUp || in.Tries < 0 {
		return nil, e, fmt.Errorf("exit %d, %d tries", in.Exit.Kind, in.Tries)
	}
	kid := in.Child
	if in.On == OnStop {
		kid = Child{Name: "-"}
	}
	c, err := New(Spec{in.Strategy, in.Budget, in.Auto, []Child{kid}})
	if err != nil {
		return nil, e, err
	}
	if in.Strategy == Dynamic {
		c.enter(kid.settled(), kid.Name)
	}
	ch := c.children[0]
	ch.inc, ch.tries, ch.upSince, ch.pinned, ch.last = 1, in.Tries, in.UpSince, in.Pinned, in.Exit
	if in.Alive {
		other := Child{Name: kid.Name + "+", Restart: Transient, Significant: true}
		c.enter(other.settled(), other.Name).state = spec.ChildUp
	}
	w := &work{on: ch, group: true}
	ch.state, c.state, c.work = spec.ChildStarting, spec.SupWorking, w
	switch in.On {
	case OnEnd:
		ch.state, c.state, c.work, e.Kind = spec.ChildUp, spec.SupRunning, nil, Ended
	case OnBootFailed:
		c.state, w.boot, w.group = spec.SupBooting, true, false
	case OnAddFailed:
		w.add, w.group = ch, false
	case OnStartFailed:
		w.group = false
	case OnRestartFailed:
	case OnBackoff:
		ch.state, c.state, c.work, ch.failed, e.Kind = spec.ChildBackoff, spec.SupRunning, nil, true, Due
	case OnStartOverdue:
		e.Kind, e.Timer = Due, StartTimer
	case OnStopOverdue:
		ch.state, e.Kind, e.Timer = spec.ChildStopping, Due, StopTimer
	case OnWedge:
		e.Kind = Stuck
	case OnStop:
		e.Kind = Stop
	default:
		return nil, e, errors.New(in.On.String())
	}
	for _, o := range c.children {
		c.alive += live(o.state)
	}
	return c, e, in.remember(c, ch)
}

// remember gives the supervisor the times that it had noted.
func (in *Inputs) remember(c *Core, ch *child) error {
	fails, err := in.Fails.all()
	own, err2 := in.Own.all()
	others, err3 := in.Others.all()
	ch.fails = fails
	for _, at := range own {
		c.restarts = append(c.restarts, restart{at, ch})
	}
	for _, at := range others {
		c.restarts = append(c.restarts, restart{at, &child{}})
	}
	return errors.Join(err, err2, err3)
}

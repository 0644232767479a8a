package supervision_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// hostWorld runs a case on the production host, inside a synctest bubble: its goroutines, workers and timers are the
// real ones, its clock goes on when all of them wait.
type hostWorld struct {
	t      *testing.T
	h      *host.Host
	sys    *actors.System
	log    otpLog
	top    *otpSup
	parent actors.Ref

	mu       sync.Mutex
	paths    map[string]string         // guarded by mu: of each name
	sups     map[string]*otpSup        // guarded by mu
	ready    map[string]bool           // guarded by mu: its newest attempt came up
	gated    map[string]bool           // guarded by mu
	hooked   map[string]bool           // guarded by mu
	broken   map[string]otpReason      // guarded by mu: why a start failed
	stopping map[base.Reason]otpReason // guarded by mu: what top is asked to stop with, in our words and in theirs
	icy      bool                      // guarded by mu: top is frozen
	res      otpResult                 // guarded by mu
	notes    map[string]*otpNotes      // guarded by mu
}

// The stimuli that travel as messages.
type (
	otpExit    struct{ reason otpReason }
	otpSignal  struct{ reason otpReason }
	otpRelease struct{}
	otpUp      struct{}
	otpCleaned struct{}
	otpFreeze  struct{ on bool }
	otpStop    struct{ reason base.Reason }
	otpWatch   struct {
		of   actors.Ref
		note otpNote
	}
	otpUnwatch struct{}
)

func runOTPOnHost(t *testing.T, c otpCase) (res otpResult) {
	synctest.Test(t, func(t *testing.T) {
		w := &hostWorld{
			t: t, top: supIn("top", c.Flags, c.Init, c.Children), paths: map[string]string{}, sups: map[string]*otpSup{},
			ready: map[string]bool{}, gated: map[string]bool{}, hooked: map[string]bool{}, broken: map[string]otpReason{},
			stopping: map[base.Reason]otpReason{}, notes: map[string]*otpNotes{},
			res: newResult(),
		}
		res = w.run(c)
	})
	return res
}

func (w *hostWorld) run(c otpCase) otpResult {
	w.h = host.New(host.Options{Workers: 2, System: actors.Options{Events: w.happened}})
	w.sys = w.h.System()
	w.boot()
	w.settle(c.BootUntil)
	for i, s := range c.Stimuli {
		w.log.add(otpEvent{Ev: "step", N: i + 1})
		w.apply(i+1, s)
		w.settle(s.Until)
	}
	res := w.result()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Millisecond) // what hangs is killed
	defer cancel()
	if p, err := w.h.Shutdown(ctx, base.ReasonShutdown, time.Second); err != nil || !p.Quiescent() {
		w.t.Errorf("not quiescent: %v %v", p, err)
	}
	return res
}

// result is what was seen before the host is shut down.
func (w *hostWorld) result() otpResult {
	final, events := w.final(), w.log.end()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.res.final, w.res.events = final, events
	for _, n := range w.notes {
		w.res.notes = append(w.res.notes, *n)
	}
	return w.res
}

// boot starts top below a parent of its own.
func (w *hostWorld) boot() {
	full := w.top.full(w.starter, w.setup, "parent/")
	b, err := supervision.New(full)
	if err != nil {
		w.log.begin("top")
		w.refused(err)
		return
	}
	parent := actors.Func(func(cx *actors.Cx, msg any) error {
		switch m := msg.(type) {
		case actors.Started:
			_, err := cx.Spawn(actors.Child{Name: "top", Behaviour: &frozen{inner: b}, Delegate: true, Lanes: lanes.Options{Timed: 64}})
			return err
		case otpStop:
			ref, _ := w.sys.Lookup("parent/top")
			return cx.Close(ref, regions.Request{Reason: m.reason})
		case otpExit:
			return m.reason // as an error, also where it is a clean one: it is not killed
		}
		return nil
	})
	if w.parent, err = w.sys.Spawn(actors.Child{Name: "parent", Behaviour: parent, Drain: -1}); err != nil {
		w.t.Fatal(err)
	}
}

// refused notes a tree that was not begun, with every fault.
func (w *hostWorld) refused(err error) {
	w.log.add(otpEvent{Ev: "start_failed", Child: "top", N: 1, Reason: json.RawMessage(`"any"`)})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.res.start, w.res.faults[0] = `{"error":"any"}`, faultsOf(err)
}

func faultsOf(err error) (faults []string) {
	if c := codes.From(err); c != nil {
		for _, f := range c.Facts {
			faults = append(faults, f.Text)
		}
	}
	return faults
}

// setup notes that a supervisor's start begins, and does what its init says.
func (w *hostWorld) setup(s *otpSup, path string) func(*actors.Cx) error {
	return func(*actors.Cx) error {
		w.mu.Lock()
		w.paths[s.name], w.sups[s.name], w.ready[s.name] = path, s, false
		w.mu.Unlock()
		w.log.begin(s.name)
		switch a := s.init; {
		case a == `"ignore"`:
			return actors.ErrDecline
		case a.has("raise"):
			panic(actIn(a.raw()).reason())
		case a != "":
			return otpReason(`"any"`)
		}
		return nil
	}
}

// starter makes the start function of a worker.
func (w *hostWorld) starter(k otpChild, path string) func() actors.Behaviour {
	return func() actors.Behaviour {
		n := w.log.begin(k.name)
		w.mu.Lock()
		w.paths[k.name], w.ready[k.name], w.gated[k.name], w.hooked[k.name] = path, false, false, false
		w.mu.Unlock()
		switch a := actIn(nth(k.start, n)); a.word {
		case "raise":
			panic(a.reason())
		case "bad_return":
			return nil
		default:
			return &otpWorker{w: w, name: k.name, n: n, start: a, stop: actIn(nth(k.stop, n))}
		}
	}
}

// frozen delivers to a supervisor, or holds its deliveries.
type frozen struct {
	inner actors.Behaviour
	on    bool
	held  []any
}

// Receive holds what comes while it is frozen, and delivers it in that order at the thaw.
func (f *frozen) Receive(cx *actors.Cx, msg any) error {
	m, is := msg.(otpFreeze)
	switch {
	case is && m.on:
		f.on = true
		return nil
	case is:
		held := f.held
		f.on, f.held = false, nil
		for _, m := range held {
			if err := f.inner.Receive(cx, m); err != nil {
				return err
			}
		}
		return nil
	case f.on:
		if a, is := msg.(*actors.Ask[supervision.Request, struct{}]); is {
			a.Keep(cx)
		}
		f.held = append(f.held, msg)
		return nil
	}
	return f.inner.Receive(cx, msg)
}

// otpWorker is one attempt of a worker.
type otpWorker struct {
	w           *hostWorld
	name        string
	n           int
	start, stop act
	permit      *actors.Permit
}

// exit is the error that ends an actor with this reason.
func (r otpReason) exit() error {
	switch r.kind() {
	case core.Normal:
		return actors.StopAs(actors.Exit{Kind: actors.ExitNormal})
	case core.Stopped:
		return actors.StopAs(actors.Exit{Kind: actors.ExitShutdown, Err: r})
	case core.Killed:
		return actors.StopAs(actors.Exit{Kind: actors.ExitKilled})
	}
	return r
}

// Receive plays the attempt.
func (k *otpWorker) Receive(cx *actors.Cx, msg any) error {
	switch m := msg.(type) {
	case actors.Started:
		return k.begin(cx, k.start)
	case otpUp:
		cx.Ready()
	case otpRelease:
		k.w.at(k.w.gated, k.name, false)
		return k.begin(cx, actIn(k.start.val))
	case otpExit:
		return m.reason.exit()
	case otpSignal:
		if k.stop.word == "obey" {
			if m.reason != asNormal {
				return m.reason.exit()
			}
			return nil
		}
		k.w.log.add(otpEvent{Ev: "trapped_signal", Child: k.name, N: k.n, Reason: m.reason.raw()})
	case actors.CancelRequested:
		return k.asked(cx)
	case *actors.Permit:
		k.permit = m
	case otpCleaned:
		return k.permit.Abort(cx)
	}
	return nil
}

func (k *otpWorker) begin(cx *actors.Cx, a act) error {
	switch a.word {
	case "ok":
		cx.Ready()
	case "ok_after_ms":
		cx.Starting()
		_, err := cx.After(a.ms(), otpUp{})
		return err
	case "ok_then_exit":
		cx.Ready()
		return cx.Tell(cx.Self(), otpExit{a.reason()})
	case "gate":
		cx.Starting()
		k.w.at(k.w.gated, k.name, true)
	case "ignore":
		return actors.ErrDecline
	case "raise":
		return fmt.Errorf("the start function panicked: %w", a.reason())
	case "bad_return":
		return errors.New("it gave no behaviour")
	default: // error, die
		return a.reason().exit()
	}
	return nil
}

// asked is what it does on CancelRequested. A hook that goes on holds an obligation meanwhile: a permit.
func (k *otpWorker) asked(cx *actors.Cx) error {
	if k.stop.word == "obey" || !k.w.is(k.w.ready, k.name) {
		return nil
	}
	k.w.at(k.w.hooked, k.name, true)
	k.w.log.add(otpEvent{Ev: "cleanup", Child: k.name, N: k.n, Reason: asShutdown.raw()})
	switch k.stop.word {
	case "cleanup_exit":
		return k.stop.reason().exit()
	case "cleanup_after_ms":
		if _, err := cx.After(k.stop.ms(), otpCleaned{}); err != nil {
			return err
		}
		fallthrough
	case "hang":
		_, err := cx.Reserve(k.w.parent)
		return err
	}
	return nil
}

func (w *hostWorld) at(m map[string]bool, name string, v bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m[name] = v
}

func (w *hostWorld) is(m map[string]bool, name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return m[name]
}

func nameIn(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// happened turns the kernel's events, and those of the driver, into the file's.
func (w *hostWorld) happened(e actors.Event) {
	name := nameIn(e.Path)
	if e.Kind == actors.EventViolated || e.Kind == actors.EventPanicked {
		w.t.Errorf("%s: %s %v", e.Path, e.Detail, e.Err)
	}
	if !strings.HasPrefix(e.Path, "parent/") {
		return
	}
	switch e.Kind {
	case actors.EventStarted:
		w.at(w.ready, name, true)
		w.add(otpEvent{Ev: "started", Child: name})
		w.topIs(name, `"ok"`)
	case actors.EventEnded:
		w.ended(name, e.Exit)
	case supervision.EventStopping:
		signal, path, _ := strings.Cut(e.Detail, " ")
		w.add(otpEvent{Ev: "stop", Child: nameIn(path), By: name, Signal: signal})
	case supervision.EventReport:
		what, rest, _ := strings.Cut(e.Detail, " ")
		if path, _, _ := strings.Cut(rest, ":"); what == string(core.StartError) {
			w.failed(nameIn(path), e.Exit)
		}
	}
}

func (w *hostWorld) add(e otpEvent) {
	e.N = w.log.latest(e.Child)
	w.log.add(e)
}

func (w *hostWorld) topIs(name string, r otpReason) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if name == "top" {
		w.res.start = r
	}
}

func (w *hostWorld) ended(name string, e actors.Exit) {
	switch up := w.is(w.ready, name); {
	case up:
		r := w.reasonOf(name, e)
		w.at(w.ready, name, false)
		w.add(otpEvent{Ev: "exit", Child: name, Reason: r.raw()})
		if name == "top" {
			w.mu.Lock()
			w.res.exit = r
			w.mu.Unlock()
		}
	case e.Kind == actors.ExitDeclined:
		w.add(otpEvent{Ev: "start_ignored", Child: name})
		w.topIs(name, `"ignore"`)
	case name == "top":
		r := w.reasonOf(name, e)
		w.add(otpEvent{Ev: "start_failed", Child: name, Reason: r.raw()})
		w.topIs(name, reasonFrom(map[string]any{"error": r.raw()}))
	}
}

func (w *hostWorld) failed(name string, e actors.Exit) {
	r := w.reasonOf(name, e)
	w.mu.Lock()
	w.broken[name] = r
	w.mu.Unlock()
	w.add(otpEvent{Ev: "start_failed", Child: name, Reason: r.raw()})
}

// reasonOf says in the file's words how an incarnation ended, or why its start failed.
func (w *hostWorld) reasonOf(name string, e actors.Exit) otpReason {
	var r otpReason
	c := codes.From(e.Err)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case c != nil && c.Code == codes.BootFailed:
		i := slices.IndexFunc(c.Facts, func(f codes.Fact) bool { return f.Label == "child" })
		return failedToStart(c.Facts[i].Text, w.broken[c.Facts[i].Text])
	case c != nil && c.Code == codes.BudgetExceeded:
		return asShutdown // what a supervisor that gave up is to its parent
	case errors.As(e.Err, &r) && strings.Contains(e.Err.Error(), "start function panicked"):
		return raised(r)
	case errors.As(e.Err, &r):
		return r
	case e.Err != nil && strings.Contains(e.Err.Error(), "gave no behaviour"):
		return asNonsense
	case e.Kind == actors.ExitShutdown && name == "top" && w.stopping[e.Reason] != "":
		return w.stopping[e.Reason]
	case e.Kind == actors.ExitShutdown:
		return asShutdown
	case e.Kind == actors.ExitKilled:
		return asKilled
	case e.Kind == actors.ExitGone:
		return asNoproc
	case e.Kind == actors.ExitNormal:
		return asNormal
	}
	return reasonFrom(e.String())
}

// settle waits until all is quiet, and lets time pass as long as a supervisor is at work.
func (w *hostWorld) settle(until *otpUntil) {
	for range 3000 {
		synctest.Wait()
		if until != nil && (w.is(w.gated, until.Gate) || w.is(w.hooked, until.Cleanup)) || !w.busy() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *hostWorld) busy() bool {
	w.mu.Lock()
	icy := w.icy
	w.mu.Unlock()
	return !icy && slices.ContainsFunc(w.sys.Snapshot(), func(a actors.ActorView) bool {
		v, is := a.View.(supervision.View)
		return is && a.State != "Down" && (v.State != "Running" || slices.ContainsFunc(v.Children, func(c core.ChildView) bool { return c.State.String() == "Backoff" }))
	})
}

func (w *hostWorld) ref(name string) actors.Ref {
	w.mu.Lock()
	defer w.mu.Unlock()
	ref, _ := w.sys.Lookup(w.paths[name])
	return ref
}

func (w *hostWorld) tell(to actors.Ref, m any) {
	if err := w.sys.Tell(to, m); err != nil {
		w.t.Errorf("%T to %s: %v", m, to, err)
	}
}

// otpReasons are what top can be asked to stop with: each reason of the file is one of ours.
var otpReasons = map[core.ExitKind]base.Reason{
	core.Normal: base.ReasonUser, core.Stopped: base.ReasonShutdown, core.Crashed: base.ReasonSiblingFailed, core.Killed: base.ReasonTimeout,
}

func (w *hostWorld) apply(step int, s otpStimulus) {
	r := reasonIn(s.Reason)
	switch s.Do {
	case "exit":
		w.tell(w.ref(s.Child), otpExit{r})
	case "kill":
		w.sys.Ask(w.ref(s.Child), regions.Request{Reason: base.ReasonUser, Brutal: true})
	case "signal":
		w.tell(w.ref(s.Child), otpSignal{r})
	case "release":
		if ref := w.ref(s.Child); ref != (actors.Ref{}) { // else its attempt was stopped at the gate
			w.tell(ref, otpRelease{})
		}
	case "freeze", "thaw":
		if s.Supervisor != "top" {
			w.t.Fatal("only top can be frozen")
		}
		w.mu.Lock()
		w.icy = s.Do == "freeze"
		w.mu.Unlock()
		w.tell(w.ref(s.Supervisor), otpFreeze{s.Do == "freeze"})
	case "stop_supervisor":
		why := otpReasons[r.kind()]
		w.mu.Lock()
		w.stopping[why] = r
		w.mu.Unlock()
		w.tell(w.parent, otpStop{why})
	case "parent_exits":
		w.mu.Lock()
		w.stopping[base.ReasonParentClosing] = r
		w.mu.Unlock()
		w.tell(w.parent, otpExit{r})
	case "wait":
		time.Sleep(time.Duration(s.MS) * time.Millisecond)
	case "align":
		now := time.Now()
		time.Sleep(now.Truncate(time.Second).Add(time.Second + time.Duration(s.PhaseMS)*time.Millisecond).Sub(now))
	case "watch":
		w.watch(s)
	case "unwatch":
		ref, _ := w.sys.Lookup(s.Watcher)
		w.tell(ref, otpUnwatch{})
	case "start_child", "terminate_child", "restart_child", "delete_child":
		w.request(step, s)
	case "check_childspecs":
		w.mu.Lock()
		defer w.mu.Unlock()
		w.res.checked(step, s.Specs)
	case "which_children", "count_children", "get_childspec": // views are published (S9)
		if w.ref(s.Supervisor) == (actors.Ref{}) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.res.answer(step, otpGone, nil)
		}
	default:
		w.t.Fatalf("stimulus %s", s.Do)
	}
}

// watch starts an observer, which traps links, and lets it watch.
func (w *hostWorld) watch(s otpStimulus) {
	notes := &otpNotes{Watcher: s.Watcher}
	w.mu.Lock()
	w.notes[s.Watcher] = notes
	w.mu.Unlock()
	var watch otpWatch
	var id actors.MonitorID
	hear := func(e actors.Exit) {
		n := watch.note
		n.Reason = w.reasonOf(nameIn(watch.of.Path()), e).raw()
		w.mu.Lock()
		defer w.mu.Unlock()
		notes.Got = append(notes.Got, n)
	}
	ref, err := w.sys.Spawn(actors.Child{Name: s.Watcher, TrapLinks: true, Behaviour: actors.Func(func(cx *actors.Cx, msg any) (err error) {
		switch m := msg.(type) {
		case otpWatch:
			watch = m
			if m.note.Kind == "exit_signal" {
				return cx.Link(m.of)
			}
			id, err = cx.Monitor(m.of)
			return err
		case otpUnwatch:
			cx.Demonitor(id)
			cx.Unlink(watch.of)
		case actors.Down:
			hear(m.Exit)
		case actors.LinkDown:
			hear(m.Exit)
		}
		return nil
	})})
	if err != nil {
		w.t.Fatal(err)
	}
	w.tell(ref, otpWatch{w.ref(s.Child), otpNote{Child: w.log.ref(s.Child), Kind: otpKinds[s.By]}})
}

func (w *hostWorld) request(step int, s otpStimulus) {
	w.mu.Lock()
	sup, above := w.sups[s.Supervisor], w.paths[s.Supervisor]
	w.mu.Unlock()
	q := supervision.Request{Kind: otpVerbs[s.Do], Name: s.named(sup)}
	if s.Do == "start_child" {
		q.Add = new(s.added(sup).full(w.starter, w.setup, above+"/"))
	}
	answer := func(_ struct{}, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		said := ""
		if err != nil {
			said = otpWords[codes.From(err).Code]
		}
		w.res.answer(step, said, faultsOf(err))
	}
	if err := w.sys.Tell(w.ref(s.Supervisor), actors.Question(w.sys, q, answer)); err != nil {
		answer(struct{}{}, err)
	}
}

// otpWords are our refusals in the core's words.
var otpWords = map[*codes.Code]string{
	codes.NoSuchChild: string(core.NotFound), codes.ChildPresent: string(core.AlreadyHere), codes.ChildRunning: string(core.Running),
	codes.ChildRestarting: string(core.Restarting), codes.SupervisorClosing: string(core.Closing), codes.BadTree: otpBadSpec,
	codes.StartFailed: string(core.StartFailed), codes.Gone: otpGone, codes.AskLost: otpGone,
}

func (w *hostWorld) final() otpFinal {
	f := otpFinal{Supervisors: map[string]otpState{}}
	for _, a := range w.sys.Snapshot() {
		if !strings.HasPrefix(a.Path, "parent/") || a.State == "Down" {
			continue
		}
		name := nameIn(a.Path)
		f.Alive = append(f.Alive, w.log.ref(name))
		if v, is := a.View.(supervision.View); is {
			f.Supervisors[name] = stateOf(v, w.log.ref)
		}
	}
	return f
}

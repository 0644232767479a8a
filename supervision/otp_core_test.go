package supervision_test

import (
	"encoding/json"
	"slices"
	"sort"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// coreWorld runs a case in supervision/core alone: every supervisor of the tree is a Core, children are records, what
// one sends another waits in one queue, and time is a number.
type coreWorld struct {
	t      *testing.T
	log    otpLog
	now    time.Duration
	queue  []func()
	timers []*coreTimer
	procs  map[string]*proc // the newest of each name
	top    *proc
	res    otpResult
	notes  map[string]*coreWatch
	next   uint64
}

type coreTimer struct {
	at  time.Duration
	do  func()
	off bool
}

// proc is one process: a worker, or a supervisor.
type proc struct {
	name   string
	n      int
	inc    uint32 // its supervisor's count
	kid    otpChild
	up     coreSup
	above  *proc // nil: top
	ready  bool
	gone   bool
	gate   *act // where it waits for release
	inHook bool // in its cleanup hook
}

// coreSup is the part of a process that is a supervisor.
type coreSup struct {
	of     *otpSup
	core   *core.Core
	kids   map[string]*proc
	defs   map[string]otpChild
	asks   map[uint64]coreAsk
	timers map[string]map[core.TimerKind]*coreTimer
	broken otpReason // what its own start fails with
	frozen bool
	held   []core.Event
}

type coreAsk struct {
	step int
	add  otpChild
}

type coreWatch struct {
	name string
	n    int
	kind string
	got  []otpNote
	live bool
}

func runOTPInCore(t *testing.T, c otpCase) otpResult {
	w := &coreWorld{t: t, procs: map[string]*proc{}, notes: map[string]*coreWatch{}, res: newResult()}
	top := supIn("top", c.Flags, c.Init, c.Children)
	w.top = w.begin(nil, otpChild{name: "top", sup: top}, 1)
	w.settle(c.BootUntil)
	for i, s := range c.Stimuli {
		w.log.add(otpEvent{Ev: "step", N: i + 1})
		w.apply(i+1, s)
		w.settle(s.Until)
	}
	w.res.events = w.log.end()
	w.res.final = w.final()
	for name, n := range w.notes {
		w.res.notes = append(w.res.notes, otpNotes{name, n.got})
	}
	return w.res
}

func (w *coreWorld) later(f func()) { w.queue = append(w.queue, f) }

func (w *coreWorld) after(d time.Duration, f func()) *coreTimer {
	t := &coreTimer{at: w.now + d, do: f}
	w.timers = append(w.timers, t)
	return t
}

// settle runs until all is quiet, and lets time pass as long as a supervisor is at work.
func (w *coreWorld) settle(until *otpUntil) {
	for range 100_000 {
		if len(w.queue) > 0 {
			f := w.queue[0]
			w.queue = w.queue[1:]
			f()
			continue
		}
		if until != nil && w.holds(until) || !w.busy() || !w.advance(time.Hour) {
			return
		}
	}
	w.t.Fatal("it never gets quiet")
}

func (w *coreWorld) holds(u *otpUntil) bool {
	if u.Gate != "" {
		p := w.procs[u.Gate]
		return p != nil && p.gate != nil
	}
	p := w.procs[u.Cleanup]
	return p != nil && p.inHook
}

func (w *coreWorld) busy() bool {
	for _, p := range w.procs {
		if !p.gone && p.up.core != nil && !p.up.frozen && p.up.core.State() != spec.SupRunning {
			return true
		}
		if !p.gone && p.up.core != nil && slices.ContainsFunc(p.up.core.Children(), func(c core.ChildView) bool { return c.State == spec.ChildBackoff }) {
			return true
		}
	}
	return false
}

// advance fires the next timer, if it is due by then.
func (w *coreWorld) advance(by time.Duration) bool {
	w.timers = slices.DeleteFunc(w.timers, func(t *coreTimer) bool { return t.off })
	sort.SliceStable(w.timers, func(i, j int) bool { return w.timers[i].at < w.timers[j].at })
	if len(w.timers) == 0 || w.timers[0].at > w.now+by {
		return false
	}
	t := w.timers[0]
	w.timers = w.timers[1:]
	w.now = max(w.now, t.at)
	t.do()
	return true
}

// wait lets time pass.
func (w *coreWorld) wait(d time.Duration) {
	end := w.now + d
	for {
		w.settle(nil)
		if !w.advance(end - w.now) {
			w.now = end
			return
		}
	}
}

// begin starts a process; its supervisor hears of it later.
func (w *coreWorld) begin(above *proc, k otpChild, inc uint32) *proc {
	p := &proc{name: k.name, n: w.log.begin(k.name), inc: inc, kid: k, above: above}
	w.procs[k.name] = p
	if k.sup != nil {
		w.boot(p)
	} else {
		w.start(p, actIn(nth(k.start, p.n)))
	}
	return p
}

func (w *coreWorld) boot(p *proc) {
	s := p.kid.sup
	p.up = coreSup{of: s, kids: map[string]*proc{}, defs: map[string]otpChild{}, asks: map[uint64]coreAsk{}, timers: map[string]map[core.TimerKind]*coreTimer{}}
	full := s.full(noStart, nil, "")
	if faults := full.Validate(); len(faults) > 0 {
		w.res.faults[0] = faults
		w.failed(p, `"any"`)
		return
	}
	switch a := s.init; {
	case a == `"ignore"`:
		w.ignored(p)
		return
	case a.has("raise"):
		w.failed(p, actIn(a.raw()).reason())
		return
	case a != "":
		w.failed(p, `"any"`)
		return
	}
	var cs core.Spec
	cs.Strategy, cs.Budget, cs.AutoShutdown = full.Strategy, full.Budget, full.AutoShutdown
	for _, k := range s.kids {
		cs.Children = append(cs.Children, k.core())
		p.up.defs[k.name] = k
	}
	c, err := core.New(cs)
	if err != nil {
		w.t.Fatal(err)
	}
	p.up.core = c
	w.later(func() { w.take(p, core.Event{Kind: core.Boot}) })
}

func (k otpChild) core() core.Child {
	c := k.spec.Child
	c.Supervisor = k.sup != nil
	return c
}

func noStart(otpChild, string) func() actors.Behaviour {
	return func() actors.Behaviour { return nil }
}

// start does what an entry of a start list says.
func (w *coreWorld) start(p *proc, a act) {
	switch a.word {
	case "ok":
		w.ready(p)
	case "ok_after_ms":
		w.after(a.ms(), func() { w.ready(p) })
	case "ok_then_exit":
		w.ready(p)
		w.later(func() { w.exit(p, a.reason()) })
	case "gate":
		next := actIn(a.val)
		p.gate = &next
	case "ignore":
		w.ignored(p)
	case "error", "die":
		w.failed(p, a.reason())
	case "raise":
		w.failed(p, raised(a.reason()))
	case "bad_return":
		w.failed(p, asNonsense)
	default:
		w.t.Fatalf("start %s", a.word)
	}
}

func (w *coreWorld) ready(p *proc) {
	if p.gone {
		return
	}
	p.ready, p.gate = true, nil
	w.log.add(otpEvent{Ev: "started", Child: p.name, N: p.n})
	if p.above == nil {
		w.res.start = `"ok"`
	}
	w.tell(p, core.Event{Kind: core.Ready})
}

func (w *coreWorld) ignored(p *proc) {
	p.gone = true
	w.log.add(otpEvent{Ev: "start_ignored", Child: p.name, N: p.n})
	if p.above == nil {
		w.res.start = `"ignore"`
	}
	w.tell(p, core.Event{Kind: core.Declined})
}

func (w *coreWorld) failed(p *proc, r otpReason) {
	if p.gone {
		return
	}
	p.gone = true
	w.log.add(otpEvent{Ev: "start_failed", Child: p.name, N: p.n, Reason: r.raw()})
	if p.above == nil {
		w.res.start = reasonFrom(map[string]any{"error": r.raw()})
		return
	}
	w.tell(p, core.Event{Kind: core.Failed, Exit: core.Exit{Kind: core.Crashed, Text: string(r)}})
}

// exit ends a process that was up.
func (w *coreWorld) exit(p *proc, r otpReason) {
	w.ended(p, r, core.Exit{Kind: r.kind(), Text: string(r)})
}

func (w *coreWorld) ended(p *proc, r otpReason, e core.Exit) {
	if p.gone {
		return
	}
	p.gone = true
	if !p.ready { // stopped or killed before it was up
		w.tell(p, core.Event{Kind: core.Failed, Exit: e})
		return
	}
	w.log.add(otpEvent{Ev: "exit", Child: p.name, N: p.n, Reason: r.raw()})
	for _, n := range w.notes {
		if n.live && n.name == p.name && n.n == p.n {
			n.hear(r)
		}
	}
	if p.above == nil {
		w.res.exit = r
	}
	w.tell(p, core.Event{Kind: core.Ended, Exit: e})
}

func (n *coreWatch) hear(r otpReason) {
	n.live = false
	n.got = append(n.got, otpNote{otpRef(n.name, n.n), n.kind, r.raw()})
}

// killed is a stranger's kill.
func (w *coreWorld) killed(p *proc) {
	if !p.gone && !p.ready {
		kids := p.up.kids
		w.failed(p, asKilled)
		for _, k := range kids {
			w.kill(k)
		}
	}
	w.kill(p)
}

// kill ends a process and all below it.
func (w *coreWorld) kill(p *proc) {
	if p.gone {
		return
	}
	for _, a := range p.up.asks {
		w.res.answer(a.step, otpGone, nil)
	}
	kids := p.up.kids
	w.exit(p, asKilled)
	for _, k := range kids {
		w.kill(k)
	}
}

// tell brings news of a process to its supervisor.
func (w *coreWorld) tell(p *proc, e core.Event) {
	e.Name, e.Inc = p.name, p.inc
	if p.above != nil {
		w.later(func() { w.take(p.above, e) })
	}
}

// take delivers an event to a supervisor, unless that is frozen.
func (w *coreWorld) take(p *proc, e core.Event) {
	switch {
	case p.gone:
		if a, ok := p.up.asks[e.Req]; ok {
			w.res.answer(a.step, otpGone, nil)
		}
		return
	case p.up.frozen:
		p.up.held = append(p.up.held, e)
		return
	}
	e.Now = int64(w.now)
	for _, cmd := range p.up.core.Step(e) {
		w.do(p, cmd)
	}
}

func (w *coreWorld) do(p *proc, cmd core.Command) {
	k := p.up.kids[cmd.Name]
	switch cmd.Kind {
	case core.Start:
		p.up.kids[cmd.Name] = w.begin(p, p.up.defs[cmd.Name], cmd.Inc)
	case core.Close:
		w.stop(k, p, asShutdown)
		w.asked(k)
	case core.Kill:
		w.stop(k, p, `"kill"`)
		w.kill(k)
	case core.Arm:
		if p.up.timers[cmd.Name] == nil {
			p.up.timers[cmd.Name] = map[core.TimerKind]*coreTimer{}
		}
		p.up.timers[cmd.Name][cmd.Timer] = w.after(cmd.Delay, func() {
			w.take(p, core.Event{Kind: core.Due, Name: cmd.Name, Inc: cmd.Inc, Timer: cmd.Timer})
		})
	case core.Disarm:
		if t := p.up.timers[cmd.Name][cmd.Timer]; t != nil {
			t.off = true
		}
	case core.Up:
		w.ready(p)
	case core.Reply:
		a := p.up.asks[cmd.Req]
		delete(p.up.asks, cmd.Req)
		w.res.answer(a.step, string(cmd.Err), nil)
	case core.Adopt:
		p.up.defs[cmd.Name] = p.up.asks[cmd.Req].add
	case core.Remove:
		delete(p.up.kids, cmd.Name)
	case core.Finish:
		w.finish(p, cmd.Exit)
	case core.Report:
		if cmd.Context == core.StartError {
			p.up.broken = failedToStart(cmd.Name, otpReason(cmd.Exit.Text))
		}
	}
}

// finish ends a supervisor that is empty.
func (w *coreWorld) finish(p *proc, e core.Exit) {
	r := asShutdown
	switch e.Kind {
	case core.Normal, core.Stopped:
		if json.Valid([]byte(e.Text)) {
			r = otpReason(e.Text) // what it was asked with
		}
	case core.Crashed:
		if !p.ready {
			w.failed(p, p.up.broken)
			return
		}
		r = reasonFrom(map[string]any{"crash": e.Text})
	}
	w.ended(p, r, e)
}

func (w *coreWorld) stop(k, by *proc, signal otpReason) {
	var s string
	_ = json.Unmarshal(signal.raw(), &s)
	w.log.add(otpEvent{Ev: "stop", Child: k.name, N: k.n, By: by.name, Signal: s})
}

// asked is how a process reacts when its supervisor asks it to stop.
func (w *coreWorld) asked(p *proc) {
	if p.gone {
		return
	}
	if p.kid.sup != nil {
		w.later(func() {
			w.take(p, core.Event{Kind: core.Stop, Exit: core.Exit{Kind: core.Stopped, Text: string(asShutdown)}})
		})
		return
	}
	a := actIn(nth(p.kid.stop, p.n))
	if a.word == "obey" || !p.ready {
		w.exit(p, asShutdown)
		return
	}
	p.inHook = true
	w.log.add(otpEvent{Ev: "cleanup", Child: p.name, N: p.n, Reason: asShutdown.raw()})
	switch a.word {
	case "cleanup":
		w.exit(p, asShutdown)
	case "cleanup_exit":
		w.exit(p, a.reason())
	case "cleanup_after_ms":
		w.after(a.ms(), func() { w.exit(p, asShutdown) })
	case "hang":
	default:
		w.t.Fatalf("stop %s", a.word)
	}
}

// apply does one stimulus.
func (w *coreWorld) apply(step int, s otpStimulus) {
	sup, p := w.procs[s.Supervisor], w.procs[s.Child]
	switch s.Do {
	case "exit":
		w.exit(p, reasonIn(s.Reason))
	case "kill":
		w.killed(p)
	case "signal":
		w.signal(p, reasonIn(s.Reason))
	case "release":
		if a := p.gate; a != nil && !p.gone { // else its attempt was stopped at the gate
			p.gate = nil
			w.start(p, *a)
		}
	case "freeze":
		sup.up.frozen = true
	case "thaw":
		sup.up.frozen = false
		for _, e := range sup.up.held {
			w.take(sup, e)
		}
		sup.up.held = nil
	case "stop_supervisor", "parent_exits":
		w.take(w.top, core.Event{Kind: core.Stop, Exit: core.Exit{Kind: core.Stopped, Text: string(reasonIn(s.Reason))}})
	case "wait":
		w.wait(time.Duration(s.MS) * time.Millisecond)
	case "align":
		w.wait(time.Second - w.now%time.Second + time.Duration(s.PhaseMS)*time.Millisecond)
	case "watch":
		w.watch(s)
	case "unwatch":
		w.notes[s.Watcher].live = false
	case "start_child", "terminate_child", "restart_child", "delete_child":
		w.request(step, sup, s)
	case "check_childspecs":
		w.res.checked(step, s.Specs)
	case "which_children", "count_children", "get_childspec":
		if sup.gone {
			w.res.answer(step, otpGone, nil)
		}
	default:
		w.t.Fatalf("stimulus %s", s.Do)
	}
}

func (w *coreWorld) signal(p *proc, r otpReason) {
	switch {
	case p.gone, p.kid.sup != nil:
	case actIn(nth(p.kid.stop, p.n)).word != "obey":
		w.log.add(otpEvent{Ev: "trapped_signal", Child: p.name, N: p.n, Reason: r.raw()})
	case r != asNormal:
		w.exit(p, r)
	}
}

func (w *coreWorld) watch(s otpStimulus) {
	n := &coreWatch{name: s.Child, n: w.log.latest(s.Child), kind: otpKinds[s.By], live: true}
	w.notes[s.Watcher] = n
	if p := w.procs[s.Child]; p == nil || p.gone {
		n.hear(asNoproc)
	}
}

var otpKinds = map[string]string{"monitor": "down", "link": "exit_signal"}

var otpVerbs = map[string]core.EventKind{
	"start_child": core.Add, "terminate_child": core.Terminate, "restart_child": core.Revive, "delete_child": core.Delete,
}

func (w *coreWorld) request(step int, sup *proc, s otpStimulus) {
	a := coreAsk{step: step}
	e := core.Event{Kind: otpVerbs[s.Do], Name: s.named(sup.up.of)}
	if s.Do == "start_child" && !sup.gone {
		if a.add = s.added(sup.up.of); s.Args == nil {
			if faults := a.add.faults(sup.up.of); len(faults) > 0 {
				w.res.answer(step, otpBadSpec, faults)
				return
			}
		}
		e.Child = new(a.add.core())
	}
	w.next++
	e.Req = w.next
	sup.up.asks[e.Req] = a
	w.take(sup, e)
}

// named is the child that a request names. Static children have ids, dynamic ones are named by their processes.
func (s otpStimulus) named(sup *otpSup) string {
	if dynamic := sup.spec.Strategy == core.Dynamic; dynamic != (s.PidOf != "") {
		return "nobody"
	}
	return s.Child + s.PidOf
}

// added is the child that start_child adds: its spec, or the template with its arguments.
func (s otpStimulus) added(sup *otpSup) otpChild {
	if s.Args != nil {
		return sup.kids[0].with(s.Args)
	}
	return childIn(s.Spec)
}

// faults are those of a spec under a supervisor, but for the name that is taken.
func (k otpChild) faults(sup *otpSup) []string {
	s := supervision.Spec{AutoShutdown: sup.spec.AutoShutdown, Budget: core.Budget{Window: time.Second}}
	s.Children = []supervision.Child{k.full(noStart, nil, "")}
	return s.Validate()
}

func (w *coreWorld) final() otpFinal {
	f := otpFinal{Supervisors: map[string]otpState{}}
	for name, p := range w.procs {
		if p.gone {
			continue
		}
		f.Alive = append(f.Alive, otpRef(name, p.n))
		if p.up.core != nil {
			v := supervision.View{Strategy: p.up.of.spec.Strategy, State: p.up.core.State().String(), Children: p.up.core.Children()}
			f.Supervisors[name] = stateOf(v, w.log.ref)
		}
	}
	return f
}

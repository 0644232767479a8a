package supervision_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// The file format of the recorded cases of OTP's supervisor, and what both worlds, the production host and the pure
// core, make of it: specs, reasons, the log of events, and the comparison.

var otpCases = flag.String("otp.cases", "testdata/otp-supervisor-cases.json.gz", "cases of OTP's supervisor, JSON, may be gzipped")

type otpCase struct {
	ID, Category, Title string
	Quirk               json.RawMessage
	Flags, Init         json.RawMessage
	Children            []json.RawMessage
	BootUntil           *otpUntil `json:"boot_until"`
	Stimuli             []otpStimulus
	Expected            otpExpected
}

// otpUntil is what to wait for in place of quiet.
type otpUntil struct{ Gate, Cleanup string }

type otpStimulus struct {
	Do, Child, Supervisor, Watcher, By string
	PidOf                              string `json:"pid_of"`
	Reason                             json.RawMessage
	Spec, Args                         json.RawMessage
	Specs                              []json.RawMessage
	MS                                 int
	PhaseMS                            int `json:"phase_ms"`
	Async                              bool
	Until                              *otpUntil
}

type otpExpected struct {
	StartResult    json.RawMessage `json:"start_result"`
	Events         []otpEvent
	Replies        []otpReply
	Notifications  []otpNotes
	SupervisorExit json.RawMessage `json:"supervisor_exit"`
	Final          otpFinal
}

// otpEvent is one event, or lanes between which there is no order.
type otpEvent struct {
	Ev, Child, By, Signal string
	N                     int
	Reason                json.RawMessage
	Late                  bool
	Lanes                 [][]otpEvent
}

type otpReply struct {
	Step  int
	Call  string
	Reply json.RawMessage
}

type otpNotes struct {
	Watcher string
	Got     []otpNote
}

type otpNote struct {
	Child  string          `json:"child"`
	Kind   string          `json:"kind"`
	Reason json.RawMessage `json:"reason"`
}

type otpFinal struct {
	Alive       []string            `json:"alive"`
	Supervisors map[string]otpState `json:"supervisors"`
}

type otpState struct {
	Children []otpKid `json:"children"`
	Count    otpCount `json:"count"`
}

type otpKid struct {
	ID    *string `json:"id"`
	Ref   *string `json:"ref"`
	State string  `json:"state"`
	Type  string  `json:"type"`
}

type otpCount struct {
	Active      int `json:"active"`
	Specs       int `json:"specs"`
	Supervisors int `json:"supervisors"`
	Workers     int `json:"workers"`
}

func loadOTP(t *testing.T) (cases []otpCase) {
	t.Helper()
	b, err := os.ReadFile(*otpCases)
	if err != nil {
		t.Fatal(err)
	}
	if z, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
		if b, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// otpReason is a reason in the file's words, as compact JSON with sorted keys. As an error it is why a child ends.
type otpReason string

func (r otpReason) Error() string { return string(r) }

func reasonIn(raw json.RawMessage) otpReason {
	var v any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &v); err != nil {
			panic(err)
		}
	}
	return reasonFrom(v)
}

func reasonFrom(v any) otpReason {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return otpReason(b)
}

func (r otpReason) raw() json.RawMessage { return json.RawMessage(r) }

func (r otpReason) has(key string) bool { return strings.HasPrefix(string(r), `{"`+key+`":`) }

const (
	asNormal   otpReason = `"normal"`
	asShutdown otpReason = `"shutdown"`
	asKilled   otpReason = `"killed"`
	asNonsense otpReason = `"nonsense"`
	asNoproc   otpReason = `"noproc"`
)

func raised(r otpReason) otpReason { return reasonFrom(map[string]any{"raised": r.raw()}) }

func failedToStart(child string, r otpReason) otpReason {
	return reasonFrom(map[string]any{"shutdown": map[string]any{"failed_to_start_child": child, "reason": r.raw()}})
}

// kind is the reason as a supervisor's core sees it.
func (r otpReason) kind() core.ExitKind {
	switch {
	case r == asNormal:
		return core.Normal
	case r == asShutdown, r.has("shutdown"):
		return core.Stopped
	case r == asKilled:
		return core.Killed
	}
	return core.Crashed
}

// otpSup is a supervisor of a case.
type otpSup struct {
	name string
	kids []otpChild // also the template
	init otpReason
	spec supervision.Spec // without start functions: a world puts its own there
}

// otpChild is a child of a case.
type otpChild struct {
	name        string
	spec        supervision.Child
	sup         *otpSup
	start, stop []json.RawMessage
	noCode      bool // its spec lacks what says how to start it
}

var (
	otpStrategies = map[string]core.Strategy{"one_for_one": core.OneForOne, "one_for_all": core.OneForAll, "rest_for_one": core.RestForOne, "simple_one_for_one": core.Dynamic}
	otpAutos      = map[string]core.AutoShutdown{"never": core.Never, "any_significant": core.Any, "all_significant": core.All}
	otpRestarts   = map[string]core.Restart{"permanent": core.Permanent, "transient": core.Transient, "temporary": core.Temporary}
)

// word translates a word. One that the table does not have becomes a value that Go's type does not have either.
func word[V ~uint8](table map[string]V, raw json.RawMessage, silent V) V {
	if raw == nil {
		return silent
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		if v, ok := table[s]; ok {
			return v
		}
	}
	return math.MaxUint8
}

// whole translates a whole number; anything else, which Go's type cannot hold, becomes one that is refused.
func whole(raw json.RawMessage, silent, bad int) (n int) {
	switch {
	case raw == nil:
		return silent
	case json.Unmarshal(raw, &n) != nil:
		return bad
	}
	return n
}

func supIn(name string, flags, init json.RawMessage, children []json.RawMessage) *otpSup {
	s := &otpSup{name: name}
	if init != nil {
		s.init = reasonIn(init)
	}
	var f map[string]json.RawMessage
	if flags == nil || json.Unmarshal(flags, &f) == nil { // else the zero Spec, which is refused
		s.spec = supervision.Spec{
			Strategy:     word(otpStrategies, f["strategy"], core.OneForOne),
			AutoShutdown: word(otpAutos, f["auto_shutdown"], core.Never),
			Budget: core.Budget{
				Restarts: whole(f["intensity"], 1, -1),
				Window:   time.Duration(whole(f["period_s"], 5, 0)) * time.Second,
			},
		}
	}
	for _, raw := range children {
		s.kids = append(s.kids, childIn(raw))
	}
	return s
}

// childIn translates the spec of a child. A value of another type than a spec's becomes the zero Child.
func childIn(raw json.RawMessage) (k otpChild) {
	var f map[string]json.RawMessage
	if json.Unmarshal(raw, &f) != nil {
		k.noCode = true
		return k
	}
	omitted := stringsIn(f["omit"])
	if f["id"] != nil && !slices.Contains(omitted, "id") {
		_ = json.Unmarshal(f["id"], &k.name) // another type than a string: no name, which is refused
	}
	k.spec.Child = core.Child{
		Name: k.name, Restart: word(otpRestarts, f["restart"], core.Permanent), Shutdown: shutdownIn(f["shutdown"]),
		Backoff: core.Backoff{Off: true},
	}
	if raw := f["significant"]; raw != nil && json.Unmarshal(raw, &k.spec.Significant) != nil {
		k.spec.Significant, k.spec.Restart = true, core.Permanent // a bool has no third value: this breaks the field's own rule
	}
	k.start, k.stop = listIn(f["start"], `"ok"`), listIn(f["stop"], `"obey"`)
	var modules []any
	switch kind := string(f["type"]); {
	case f["start_invalid"] != nil || slices.Contains(omitted, "start"):
		k.noCode = true
	case f["modules"] != nil && string(f["modules"]) != `"dynamic"` && json.Unmarshal(f["modules"], &modules) != nil:
		k.noCode = true // a module list is the child's code: here that is its start function
	case kind == `"supervisor"`:
		var kids []json.RawMessage
		_ = json.Unmarshal(f["children"], &kids)
		k.sup = supIn(k.name, f["flags"], f["init"], kids)
	case kind != "" && kind != `"worker"`:
		k.noCode = true
	}
	return k
}

// with applies the arguments of start_child to the template of a dynamic supervisor.
func (k otpChild) with(args json.RawMessage) otpChild {
	var f map[string]json.RawMessage
	if err := json.Unmarshal(args, &f); err != nil {
		panic(err)
	}
	if err := json.Unmarshal(f["name"], &k.name); err != nil {
		panic(err)
	}
	k.spec.Name = k.name
	if f["start"] != nil {
		k.start = listIn(f["start"], "")
	}
	if f["stop"] != nil {
		k.stop = listIn(f["stop"], "")
	}
	return k
}

func stringsIn(raw json.RawMessage) (out []string) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	_ = json.Unmarshal(raw, &out)
	return out
}

func listIn(raw json.RawMessage, silent string) (out []json.RawMessage) {
	switch {
	case raw == nil:
		return []json.RawMessage{json.RawMessage(silent)}
	case json.Unmarshal(raw, &out) != nil:
		return []json.RawMessage{raw}
	}
	return out
}

func shutdownIn(raw json.RawMessage) core.Shutdown {
	switch string(raw) {
	case "":
		return core.Shutdown{}
	case `"brutal_kill"`:
		return core.Shutdown{Brutal: true}
	case `"infinity"`:
		return core.Shutdown{Wait: true}
	}
	ms := whole(raw, 0, math.MinInt32)
	if ms == math.MinInt32 {
		return core.Shutdown{Brutal: true, Wait: true} // a word that is none: both at once is none either
	}
	return core.Shutdown{Within: time.Duration(ms) * time.Millisecond}
}

// nth is what the list says for the nth attempt: the last entry repeats.
func nth(list []json.RawMessage, n int) json.RawMessage { return list[min(n, len(list))-1] }

// act is an entry of a start or stop list: a word, or a word with a value.
type act struct {
	word string
	val  json.RawMessage
}

func actIn(raw json.RawMessage) (a act) {
	if json.Unmarshal(raw, &a.word) == nil {
		return a
	}
	var f map[string]json.RawMessage
	if err := json.Unmarshal(raw, &f); err != nil || len(f) != 1 {
		panic(fmt.Sprintf("no action: %s", raw))
	}
	for a.word, a.val = range f {
	}
	return a
}

func (a act) ms() time.Duration { return time.Duration(whole(a.val, 0, 0)) * time.Millisecond }

func (a act) reason() otpReason { return reasonIn(a.val) }

// full is the spec with a start function in each child that has code, so that it can be validated.
func (s *otpSup) full(start func(otpChild, string) func() actors.Behaviour, setup func(*otpSup, string) func(*actors.Cx) error, above string) supervision.Spec {
	out := s.spec
	path := above + s.name
	if setup != nil {
		out.Setup = setup(s, path)
	}
	for _, k := range s.kids {
		out.Children = append(out.Children, k.full(start, setup, path+"/"))
	}
	return out
}

func (k otpChild) full(start func(otpChild, string) func() actors.Behaviour, setup func(*otpSup, string) func(*actors.Cx) error, above string) supervision.Child {
	out := k.spec
	switch {
	case k.noCode:
	case k.sup != nil:
		tree := k.sup.full(start, setup, above)
		out.Tree = &tree
	default:
		out.Start = start(k, above+k.name)
	}
	return out
}

// otpLog is what happened, in order, and how often each child was started.
type otpLog struct {
	mu       sync.Mutex
	events   []string // guarded by mu
	attempts map[string]int
	closed   bool // guarded by mu: the case is over
}

// begin counts a start attempt.
func (l *otpLog) begin(name string) (n int) {
	l.mu.Lock()
	if l.attempts == nil {
		l.attempts = map[string]int{}
	}
	if !l.closed {
		l.attempts[name]++
	}
	n = l.attempts[name]
	l.mu.Unlock()
	l.add(otpEvent{Ev: "start", Child: name, N: n})
	return n
}

func (l *otpLog) latest(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.attempts[name]
}

func (l *otpLog) ref(name string) string { return otpRef(name, l.latest(name)) }

func otpRef(name string, n int) string { return fmt.Sprintf("%s#%d", name, n) }

func (l *otpLog) add(e otpEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.events = append(l.events, e.String())
	}
}

func (l *otpLog) end() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.events
}

func (e otpEvent) String() string {
	switch {
	case e.Ev == "step":
		return fmt.Sprintf("[%d]", e.N)
	case e.Lanes != nil:
		var lanes []string
		for _, l := range e.Lanes {
			lanes = append(lanes, fmt.Sprint(l))
		}
		return "{" + strings.Join(lanes, " || ") + "}"
	}
	s := fmt.Sprintf("%s %s#%d", e.Ev, e.Child, e.N)
	if e.By != "" {
		s += " by " + e.By + " " + e.Signal
	}
	if e.Reason != nil {
		s += " " + string(untagged(e.Reason))
	}
	return s
}

// follow says what may come after e, as many ways as there are, where those things may come now. A late stop may be
// left out.
func follow(now []otpEvent, e string) (after [][]otpEvent) {
	if len(now) == 0 {
		return nil
	}
	first, rest := now[0], now[1:]
	if first.Lanes == nil {
		if first.String() == e {
			after = append(after, rest)
		}
		if first.Late {
			after = append(after, follow(rest, e)...)
		}
		return after
	}
	for i, lane := range first.Lanes {
		for _, left := range follow(lane, e) {
			lanes := slices.Clone(first.Lanes)
			lanes[i] = left
			after = append(after, append([]otpEvent{{Lanes: lanes}}, rest...))
		}
	}
	if over(first.Lanes...) {
		after = append(after, follow(rest, e)...)
	}
	return after
}

// over says whether nothing has to come any more.
func over(lanes ...[]otpEvent) bool {
	for _, l := range lanes {
		for _, e := range l {
			if !e.Late && (e.Lanes == nil || !over(e.Lanes...)) {
				return false
			}
		}
	}
	return true
}

// differs compares what happened with what OTP did; "" is identical.
func (e otpExpected) differs(got otpResult) string {
	if d := e.differsInEvents(got.events); d != "" {
		return d
	}
	for _, part := range []struct {
		name      string
		want, got any
	}{
		{"start_result", untagged(e.StartResult), got.start},
		{"supervisor_exit", untagged(e.SupervisorExit), got.exit},
		{"notifications", sorted(e.Notifications), sorted(got.notes)},
		{"final", e.Final.canonical(), got.final.canonical()},
	} {
		if w, g := reasonFrom(part.want), reasonFrom(part.got); w != g {
			return fmt.Sprintf("%s\n got %s\nwant %s", part.name, g, w)
		}
	}
	return ""
}

func (e otpExpected) differsInEvents(got []string) string {
	states := [][]otpEvent{e.Events}
	for i, ev := range got {
		var next [][]otpEvent
		for _, s := range states {
			next = append(next, follow(s, ev)...)
		}
		if len(next) == 0 {
			return fmt.Sprintf("event %d: %s\n got %s\nwant %s", i+1, ev, strings.Join(got, ", "), fmt.Sprint(e.Events))
		}
		states = next
	}
	if !slices.ContainsFunc(states, func(s []otpEvent) bool { return over(s) }) {
		return fmt.Sprintf("it ends early\n got %s\nwant %s", strings.Join(got, ", "), fmt.Sprint(e.Events))
	}
	return ""
}

// untagged is a reason with "any" in place of a named fault, which is compared by its field.
func untagged(raw json.RawMessage) otpReason {
	var v any
	if len(raw) > 0 && json.Unmarshal(raw, &v) != nil {
		panic(string(raw))
	}
	return reasonFrom(withoutTags(v))
}

func withoutTags(v any) any {
	m, is := v.(map[string]any)
	if !is {
		return v
	}
	if m["tag"] != nil {
		return "any"
	}
	for k, inner := range m {
		m[k] = withoutTags(inner)
	}
	return m
}

func sorted(n []otpNotes) []otpNotes {
	n = slices.Clone(n)
	sort.Slice(n, func(i, j int) bool { return n[i].Watcher < n[j].Watcher })
	for i := range n {
		if n[i].Got == nil {
			n[i].Got = []otpNote{}
		}
	}
	return append([]otpNotes{}, n...)
}

func (f otpFinal) canonical() otpFinal {
	out := otpFinal{Alive: append([]string{}, f.Alive...), Supervisors: map[string]otpState{}}
	slices.Sort(out.Alive)
	for name, s := range f.Supervisors {
		s.Children = append([]otpKid{}, s.Children...)
		sort.Slice(s.Children, func(i, j int) bool { return reasonFrom(s.Children[i]) < reasonFrom(s.Children[j]) })
		out.Supervisors[name] = s
	}
	return out
}

// otpResult is what a world saw of a case.
type otpResult struct {
	events  []string
	start   otpReason
	exit    otpReason
	notes   []otpNotes
	final   otpFinal
	faults  map[int][]string // by step; 0 is the boot
	replies map[int]string   // by step: a refusal of the core's, or "" for done
}

func newResult() otpResult {
	return otpResult{start: "null", exit: "null", faults: map[int][]string{}, replies: map[int]string{}}
}

// answer notes the answer to the request of a step.
func (r otpResult) answer(step int, refusal string, faults []string) {
	r.replies[step], r.faults[step] = refusal, faults
}

// checked answers check_childspecs: specs are checked without a supervisor, and without its auto_shutdown.
func (r otpResult) checked(step int, specs []json.RawMessage) {
	r.answer(step, "", nil)
	for _, raw := range specs {
		if faults := childIn(raw).faults(&otpSup{spec: supervision.Spec{AutoShutdown: core.Any}}); len(faults) > 0 {
			r.answer(step, otpBadSpec, faults)
			return
		}
	}
}

// The words of answers that are no refusal of the core's.
const (
	otpGone    = "gone"
	otpBadSpec = string(core.BadSpec)
)

// otpRefusals are OTP's refusals in the core's words.
var otpRefusals = map[string]core.Refusal{
	"not_found": core.NotFound, "running": core.Running, "restarting": core.Restarting,
	"already_present": core.AlreadyHere, "already_started": core.AlreadyHere, "start_failed": core.StartFailed,
	"simple_one_for_one": core.NotFound, // dynamic children have no ids
}

// says is an answer of OTP's in the core's words.
func (r otpReply) says() string {
	var v struct {
		Error any
		Gone  any `json:"call_failed"`
	}
	_ = json.Unmarshal(r.Reply, &v) // the word ok alone is no object
	word, _ := v.Error.(string)
	fault, _ := faultNamed(r.Reply, nil)
	switch {
	case fault != "":
		return otpBadSpec
	case v.Gone != nil:
		return otpGone
	case word != "":
		return string(otpRefusals[word])
	case v.Error != nil:
		return otpBadSpec
	}
	return ""
}

// differsInReplies compares the answers to what changes something; queries are compared by the final state.
func (c otpCase) differsInReplies(got otpResult) string {
	for _, r := range c.Expected.Replies {
		want, ours := r.says(), ""
		if said, asked := got.replies[r.Step]; asked {
			ours = said
		} else if want != otpGone {
			continue
		}
		if ours == string(core.NotFound) && c.Stimuli[r.Step-1].PidOf != "" {
			continue // a process that has ended is no child any more: OTP takes it for a former one
		}
		if fault, named := faultNamed(r.Reply, got.faults[r.Step]); ours != want || fault != "" && !named {
			return fmt.Sprintf("step %d, %s: %q %q, want %q", r.Step, r.Call, ours, got.faults[r.Step], r.Reply)
		}
	}
	return ""
}

// stateOf is a supervisor's part of the final state, from what inspection shows of it.
func stateOf(v supervision.View, ref func(string) string) (s otpState) {
	n := v.Count()
	s.Count = otpCount{Active: n.Active, Specs: n.Specs, Supervisors: n.Supervisors, Workers: n.Workers}
	for _, ch := range v.Children {
		k := otpKid{State: "not_running", Type: "worker"}
		if v.Strategy != core.Dynamic {
			k.ID = &ch.Name
		}
		if ch.Spec.Supervisor {
			k.Type = "supervisor"
		}
		switch ch.State.String() {
		case "Up":
			r := ref(ch.Name)
			k.State, k.Ref = "running", &r
		case "Backoff":
			k.State = "restarting"
		}
		s.Children = append(s.Children, k)
	}
	return s
}

// otpFaults says by which of our fields or rules a fault of OTP's is named.
var otpFaults = map[string]string{
	"invalid_strategy": "strategy", "invalid_intensity": "budget.restarts", "invalid_period": "budget.window",
	"invalid_auto_shutdown": "auto_shutdown", "invalid_type": "budget", "bad_start_spec": "children",
	"missing_id": "name", "invalid_restart_type": "restart", "invalid_shutdown": "shutdown",
	"invalid_significant": "significant", "bad_combination": "significant", "duplicate_child_name": "name",
	"invalid_modules": "start function", "invalid_mfa": "start function", "missing_start": "start function",
	"invalid_child_type": "start function", "invalid_child_spec": "name",
}

// faultNamed says whether the fault in a reason of OTP's is named among ours. fault is "" where the reason tells of none.
func faultNamed(reason json.RawMessage, ours []string) (fault string, named bool) {
	for theirs, field := range otpFaults {
		if bytes.Contains(reason, []byte(`"`+theirs+`"`)) {
			return theirs, slices.ContainsFunc(ours, func(f string) bool { return strings.Contains(f, field) })
		}
	}
	return "", false
}

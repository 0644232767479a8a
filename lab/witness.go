package lab

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/franken-node/fnode-supervisor/actors"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// sightings are what the behaviours of a run got, each in its order. Every actor writes its own line; on a host of
// production several do so at once.
type sightings struct {
	mu    sync.Mutex
	lines map[string][]string // guarded by mu
}

// Saw says that the actor's behaviour got msg. Behaviours of a scenario that is compared with production call it
// first; where nobody compares it does nothing.
func (r *Run) Saw(cx *actors.Cx, msg any) {
	if r.saw == nil {
		return
	}
	text := word(msg)
	if !own(msg) {
		text = r.sender(cx) + text
	}
	r.saw.mu.Lock()
	defer r.saw.mu.Unlock()
	r.saw.lines[cx.Path()] = append(r.saw.lines[cx.Path()], text)
}

// own says whether the kernel sends a message in its own name.
func own(msg any) bool {
	switch msg.(type) {
	case actors.Started, actors.CancelRequested:
		return true
	}
	return false
}

// String gives a line per actor. Where the end of a run came before an actor got anything it has none.
func (s *sightings) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, 0, len(s.lines))
	for path, saw := range s.lines {
		out = append(out, path+" = "+strings.Join(saw, " "))
	}
	sort.Strings(out)
	return outcome + strings.Join(out, "; ")
}

const outcome = "saw "

// Outcomes are what the runs of a witnessed scenario came to: how many runs to each.
func (res *Result) Outcomes() map[string]int {
	out := map[string]int{}
	for v, n := range res.Verdicts {
		if strings.HasPrefix(v, outcome) {
			out[v] = n
		}
	}
	return out
}

// Witnessed is the scenario with one verdict more: what every behaviour got. Its verdicts are the outcomes to which
// those of production are compared.
func Witnessed(sc Scenario) Scenario {
	out := sc
	out.Setup = func(r *Run) {
		r.saw = &sightings{lines: map[string][]string{}}
		sc.Setup(r)
		r.AtEnd(r.saw.String)
	}
	return out
}

// sender names who sent what is under delivery: nobody for what the kernel says in its own name.
func (r *Run) sender(cx *actors.Cx) string {
	from := ""
	switch {
	case r.live != nil:
		from = r.live.sender(cx.Path())
	case r.w.cur != nil:
		if g := r.w.tags[r.w.cur.slot.Under().Tag]; g.link != nil {
			from = g.link.from.path
		}
	}
	if from == "" || from == "-" {
		return ""
	}
	return from + ":"
}

// word is a message as an outcome names it: by what is the same in every run.
func word(msg any) string {
	switch m := msg.(type) {
	case actors.Started:
		return fmt.Sprintf("start%d", m.Incarnation)
	case actors.CancelRequested:
		return "cancel"
	case actors.Down:
		return fmt.Sprintf("down(%s)", m.Exit.Kind)
	case actors.LinkDown:
		return fmt.Sprintf("link_down(%s)", m.Exit.Kind)
	case actors.ChildStarted:
		return fmt.Sprintf("up(%s#%d)", m.Child.Path(), m.Incarnation)
	case actors.ChildEnded:
		return fmt.Sprintf("ended(%s#%d,%s)", m.Child.Path(), m.Incarnation, m.Exit.Kind)
	case actors.ChildWedged:
		return fmt.Sprintf("wedged(%s#%d)", m.Child.Path(), m.Incarnation)
	case *actors.Permit:
		return "permit" + failed(m.Err)
	case fmt.Stringer:
		return m.String()
	case int:
		return strconv.Itoa(m)
	}
	return worded(msg)
}

// worded names questions and answers of any type, and what else there is by its type.
func worded(msg any) string {
	v := reflect.ValueOf(msg)
	if strings.HasPrefix(fmt.Sprintf("%T", msg), "*actors.Ask[") {
		return "ask"
	}
	if v.Kind() != reflect.Struct || !v.FieldByName("Val").IsValid() {
		return fmt.Sprintf("%T", msg)
	}
	if err, bad := v.FieldByName("Err").Interface().(error); bad {
		return "answer" + failed(err)
	}
	return fmt.Sprintf("answer(%v)", v.FieldByName("Val").Interface())
}

// failed names an error by its code.
func failed(err error) string {
	if c := codes.From(err); c != nil {
		return "(" + c.Code.Name + ")"
	}
	return ""
}

// Room is how many places of the actor's Ready lane are neither taken nor promised.
func (r *Run) Room(of actors.Ref) int { return r.System().Room(of) }

package lab

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/franken-node/fnode-supervisor/actors"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Deed is one thing that happens in a step: who does what, to whom, and what came of it.
type Deed struct {
	Who  string `json:"who"`
	Does string `json:"does"`           // one of the words below
	What string `json:"what,omitempty"` // name of a message, timer, commit or key
	Text string `json:"text,omitempty"` // content of a message
	To   string `json:"to,omitempty"`
	Note string `json:"note,omitempty"` // what came of it
}

// The words of deeds.
const (
	doesExist   = "exists"  // since the set-up
	doesBegin   = "begins"  // an incarnation gets its first message
	doesHandle  = "handles" // a message
	doesSend    = "sends"   // and it is queued, refused, or in flight
	doesArm     = "arms"
	doesDisarm  = "disarms"
	doesFire    = "fires"
	doesSubmit  = "submits"
	doesDecide  = "decides"
	doesRead    = "reads"
	doesLook    = "looks" // whether it was cancelled
	doesEnd     = "ends"
	doesGoOn    = "goes on"
	doesMiss    = "misses"
	doesClosed  = "is closed"
	doesDouble  = "doubles" // a link, a letter
	doesArrive  = "brings"  // a link, a letter
	doesGiveUp  = "gives up"
	doesOutside = "acts"
)

// phrases say deeds whose plain words would not be a sentence. {who} and so on stand for the fields.
var phrases = map[string]string{
	doesExist:   "{who} exists",
	doesFire:    "{what} of {who} fires",
	doesDecide:  "{what} of {who} is decided",
	doesLook:    "{who} looks whether it was cancelled",
	doesDouble:  "{what} from {who} to {to} arrives, and a copy stays on the way",
	doesArrive:  "{what} from {who} to {to} arrives",
	doesGiveUp:  "the guard gives up on the handler of {who}",
	doesMiss:    "a message reaches {who} too late",
	doesOutside: "the world outside acts: {what}",
}

// String says the deed in words: "S0 sends S0.1 to R: ready lane, queued".
func (d Deed) String() string {
	phrase, ok := phrases[d.Does]
	if !ok {
		phrase = "{who} {does}"
		for _, part := range []struct{ text, phrase string }{{d.What, " {what}"}, {d.Text, " {text}"}, {d.To, " to {to}"}} {
			if part.text != "" {
				phrase += part.phrase
			}
		}
	}
	s := strings.NewReplacer("{who}", d.Who, "{does}", d.Does, "{what}", d.What, "{text}", d.Text, "{to}", d.To).Replace(phrase)
	if d.Note != "" {
		s += ": " + d.Note
	}
	return s
}

// recorder describes the steps of one run. A nil recorder describes nothing, and costs nothing.
type recorder struct {
	said  []Deed
	mark  int               // where the deeds of the delivery under way begin
	texts map[uint64]string // of messages, by tag
}

func (r *recorder) say(d Deed) { r.said = append(r.said, d) }

// take gives what was said since it was last asked.
func (r *recorder) take() []Deed {
	out := r.said
	r.said = nil
	return out
}

func (r *recorder) delivers() {
	if r != nil {
		r.mark = len(r.said)
	}
}

// first says what came before the deeds of the delivery under way, and is known only after them.
func (r *recorder) first(d Deed) { r.said = slices.Insert(r.said, min(r.mark, len(r.said)), d) }

func (r *recorder) begins(p *place, u actors.Under) {
	if r == nil {
		return
	}
	d := Deed{Who: p.path, Does: doesBegin}
	if u.Begun > 1 {
		d.Note = fmt.Sprintf("incarnation %d", u.Begun)
	}
	r.first(d)
}

func (r *recorder) handles(w *world, p *place, u actors.Under, g tag) {
	if r == nil {
		return
	}
	r.first(Deed{Who: p.path, Does: doesHandle, What: w.book.called(g), Text: r.texts[u.Tag], Note: u.Lane.String() + " lane"})
}

// called names a message: its sender and its number there, or what it has instead.
func (b *book) called(g tag) string {
	if g.msg == 0 {
		return g.note
	}
	return outside(b.msgs[g.msg].name)
}

// outside gives the world outside its name.
func outside(path string) string {
	if rest, ok := strings.CutPrefix(path, "-"); ok && (rest == "" || rest[0] == '.') {
		return "outside" + rest
	}
	return path
}

func (r *recorder) keep(t uint64, text string) string {
	if r.texts == nil {
		r.texts = map[uint64]string{}
	}
	r.texts[t] = text
	return text
}

// sends hears of a message that is queued at once, or refused.
func (r *recorder) sends(w *world, to *actors.Slot, m actors.Message, err error) {
	if r == nil {
		return
	}
	lane, _, _ := m.Lane()
	g := w.tags[m.Tag]
	d := Deed{Who: "outside", Does: doesSend, What: w.book.called(g), Text: r.keep(m.Tag, describe(m.Body)), To: to.Path()}
	if g.link != nil {
		d.Who = outside(g.link.from.path)
	}
	d.Note = lane.String() + " lane, " + taken(err)
	r.say(d)
}

func taken(err error) string {
	if err == nil {
		return "queued"
	}
	if e := codes.From(err); e != nil {
		return "refused, " + e.Code.Name
	}
	return "refused"
}

// posts hears of a message that goes on its way, and may be lost there.
func (r *recorder) posts(w *world, l *letter) {
	if r == nil {
		return
	}
	note := "in flight"
	if l.fate == drops {
		note = "lost on the way"
	}
	r.say(Deed{Who: outside(l.link.from.path), Does: doesSend, What: w.book.called(w.tags[l.m.Tag]), Text: r.keep(l.m.Tag, describe(l.m.Body)), To: l.link.to.path, Note: note})
}

// meets hears of a letter that arrives.
func (r *recorder) meets(w *world, l *letter) {
	if r == nil {
		return
	}
	d := Deed{Who: outside(l.link.from.path), Does: doesArrive, What: w.book.called(w.tags[l.m.Tag]), To: l.link.to.path}
	switch {
	case l.copy:
		d.What = "the copy of " + d.What
	case l.fate == doubles:
		d.Does = doesDouble
	}
	r.say(d)
}

// refused says that a letter that arrived was not taken.
func (r *recorder) refused(p *person, err error) {
	if r != nil && err != nil {
		r.say(Deed{Who: p.path, Does: doesHandle, What: "nothing", Note: taken(err)})
	}
}

// requests hears of what is served at acceptance.
func (r *recorder) requests(from, to *actors.Slot, m actors.Message, err error) {
	if r == nil {
		return
	}
	d := Deed{Who: "outside", Does: "asks for a place", To: to.Path()}
	if from != nil {
		d.Who = from.Path()
	}
	if _, set, ok := m.Watch(); ok {
		d.Does = "sets a monitor"
		if !set {
			d.Does = "takes a monitor back"
		}
	}
	if err != nil {
		d.Note = taken(err)
	}
	r.say(d)
}

func (r *recorder) arms(a *alarm) {
	if r == nil {
		return
	}
	what := "a limit"
	if !a.t.Limit() {
		what = r.keep(a.t.Tag, describeValue(reflect.ValueOf(a.t).Elem().FieldByName("body")))
	}
	r.say(Deed{Who: a.at.path, Does: doesArm, What: fmt.Sprintf("timer#%d", a.n), Text: what, Note: "due at " + a.due.Sub(epoch).String()})
}

func (r *recorder) alarm(a *alarm, does string) {
	if r != nil {
		r.say(Deed{Who: a.at.path, Does: does, What: fmt.Sprintf("timer#%d", a.n)})
	}
}

func (r *recorder) submits(w *world, x *write) {
	if r == nil {
		return
	}
	var parts []string
	for _, c := range x.tx.If {
		parts = append(parts, "if "+c.Key)
	}
	for _, kv := range x.tx.Set {
		parts = append(parts, kv.Key+"="+clip(string(kv.Value), 20))
	}
	for _, k := range x.tx.Delete {
		parts = append(parts, "delete "+k)
	}
	r.say(Deed{Who: x.at.path, Does: doesSubmit, What: w.commitName(x), Text: clip(strings.Join(parts, ", "), mostText)})
}

// commitName is the number of a commit among those of its actor.
func (w *world) commitName(x *write) string {
	name := w.book.names[x.proc]
	return "commit" + name[strings.LastIndexByte(name, '#'):]
}

func (r *recorder) decides(w *world, x *write, err error) {
	if r == nil {
		return
	}
	note := "done"
	if err != nil {
		note = taken(err)
	}
	r.say(Deed{Who: x.at.path, Does: doesDecide, What: w.commitName(x), Note: note})
}

func (r *recorder) reads(by *actors.Slot, what string, v []byte, there bool) {
	if r == nil {
		return
	}
	d := Deed{Who: by.Path(), Does: doesRead, What: clip(what, mostText), Note: "not there"}
	if there {
		d.Note = clip(string(v), 20)
	}
	r.say(d)
}

func (r *recorder) lists(by *actors.Slot, prefix string, keys []string) {
	if r != nil {
		r.reads(by, "the keys under "+prefix, []byte(strings.Join(keys, " ")), true)
	}
}

// stepWords say what a step without a method of its own is.
var stepWords = map[actors.StepKind]Deed{
	actors.StepDone: {Does: doesLook}, actors.StepErr: {Does: doesLook}, actors.StepCheckpoint: {Does: doesLook},
	actors.StepProcess: {Does: "owns a resource"}, actors.StepRelease: {Does: "releases a resource"},
	actors.StepClose: {Does: "asks a child to end"},
	// A spawn is told as the actor that is there then, a disarm as the timer; a promised place is seen in its use.
}

func (r *recorder) steps(by *actors.Slot, k actors.StepKind) {
	if r == nil {
		return
	}
	if d, ok := stepWords[k]; ok {
		d.Who = by.Path()
		r.say(d)
	}
}

// lives are the events of the kernel that are told.
var lives = map[actors.EventKind]string{
	actors.EventSpawned: doesExist, actors.EventEnded: doesEnd, actors.EventClosed: doesClosed, actors.EventWedged: "is wedged",
	actors.EventLeaked: "leaks", actors.EventDeadLetter: doesMiss, actors.EventViolated: "breaks",
}

func (r *recorder) event(ev actors.Event) {
	if r == nil {
		return
	}
	does, ok := lives[ev.Kind]
	if !ok {
		return
	}
	d := Deed{Who: ev.Path, Does: does, Note: clip(ev.Detail, mostText)}
	switch ev.Kind {
	case actors.EventEnded:
		d.Note = clip(ev.Exit.String(), mostText)
	case actors.EventClosed:
		d.Note = "quiescent"
		if !ev.Proof.Quiescent() {
			d.Note = clip(ev.Proof.String(), mostText)
		}
	}
	r.say(d)
}

func (r *recorder) outside(proc string) {
	if r != nil {
		r.say(Deed{Who: "outside", Does: doesOutside, What: strings.TrimPrefix(proc, "outside ")})
	}
}

func (r *recorder) clock() {
	if r != nil {
		r.say(Deed{Who: "clock", Does: "moves to the next timer"})
	}
}

func (r *recorder) givesUp(p *place) {
	if r != nil {
		r.say(Deed{Who: p.path, Does: doesGiveUp})
	}
}

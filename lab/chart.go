package lab

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// How a chart is laid out, in characters.
const (
	mostColumns = 10 // actors with a column of their own; the rest share the last
	mostLabel   = 14
	leastColumn = 10
)

// marks are what stands on an actor's line for a deed, and what the legend says of it.
var marks = map[string]struct {
	mark  rune
	means string
}{
	doesBegin: {'○', "begins"}, doesHandle: {'●', "handles"}, doesArm: {'◇', "arms a timer"}, doesFire: {'◆', "a timer fires"},
	doesDisarm: {'×', "disarms"}, doesSubmit: {'□', "submits a commit"}, doesDecide: {'■', "a commit is decided"}, doesRead: {'▫', "reads"},
	doesEnd: {'┴', "ends"}, doesClosed: {'═', "its region is closed"}, doesDouble: {'⋮', "doubled"}, doesArrive: {'▸', "arrives"},
	doesGiveUp: {'‡', "found stuck"}, doesOutside: {'!', "the outside acts"}, doesMiss: {'✗', "too late"},
}

const otherMark = '·'

// Chart draws the run as a sequence chart in text: a column for each actor, a row for each thing that happens, and
// at the end what the run came to. It is safe to print: text from the trace holds no control characters.
func (t *Trace) Chart() string {
	c := newChart(t)
	var b strings.Builder
	h := t.Header
	fmt.Fprintf(&b, "%s · %s · %s timers · %d steps\n\n", clean(h.Scenario), clean(h.Model), clean(h.Timers), len(t.Steps))
	b.WriteString(c.head())
	c.rows(&b, "set", h.Setup)
	for _, s := range t.Steps {
		c.rows(&b, fmt.Sprint(s.I), s.What)
	}
	b.WriteString("\n")
	b.WriteString(t.End.text())
	b.WriteString(c.legend())
	return b.String()
}

// text says how the run ended.
func (e End) text() string {
	var b strings.Builder
	for _, v := range e.Violations {
		fmt.Fprintf(&b, "  ✗ %s: %s\n", clean(v.Check), indent(v.Detail))
	}
	for _, v := range e.Verdicts {
		fmt.Fprintf(&b, "  the run says %s\n", clean(v))
	}
	switch {
	case e.Cut:
		b.WriteString("  the bound on steps ends the run here\n")
	case len(e.Violations) == 0:
		b.WriteString("  ✓ no check fails\n")
	}
	return b.String()
}

// indent keeps the lines of a detail, and cleans each.
func indent(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n      ")
}

type chart struct {
	column map[string]int // of each actor
	labels []string
	width  int
	used   map[string]bool // words of deeds, for the legend
}

func newChart(t *Trace) *chart {
	c := &chart{column: map[string]int{}, used: map[string]bool{}, width: leastColumn}
	actors := actorsOf(t)
	shown := actors
	if len(actors) > mostColumns {
		shown = busiest(t, actors, mostColumns-1)
	}
	for _, a := range shown {
		c.column[a] = len(c.labels)
		c.labels = append(c.labels, label(a, c.labels))
	}
	if rest := len(actors) - len(shown); rest > 0 {
		for _, a := range actors {
			if _, ok := c.column[a]; !ok {
				c.column[a] = len(c.labels)
			}
		}
		c.labels = append(c.labels, fmt.Sprintf("(%d others)", rest))
	}
	for _, l := range c.labels {
		c.width = max(c.width, utf8.RuneCountInString(l)+3)
	}
	return c
}

// deeds calls f for everything that is drawn.
func (t *Trace) deeds(f func(Deed)) {
	for _, d := range t.Header.Setup {
		f(d)
	}
	for _, s := range t.Steps {
		for _, d := range s.What {
			f(d)
		}
	}
}

// actorsOf lists the actors in the order in which they appear. What goes on without a word is a process, not always an
// actor.
func actorsOf(t *Trace) (out []string) {
	seen := map[string]bool{}
	add := func(a string) {
		if a != "" && !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	t.deeds(func(d Deed) {
		if d.Does != doesGoOn {
			add(d.Who)
			add(d.To)
		}
	})
	return out
}

// busiest are the n actors of which the most is told, in their old order.
func busiest(t *Trace, actors []string, n int) []string {
	count := map[string]int{}
	t.deeds(func(d Deed) { count[d.Who]++; count[d.To]++ })
	byCount := slices.Clone(actors)
	slices.SortStableFunc(byCount, func(a, b string) int { return count[b] - count[a] })
	keep := byCount[:n]
	return slices.DeleteFunc(slices.Clone(actors), func(a string) bool { return !slices.Contains(keep, a) })
}

// label shortens a path to its end, and keeps it apart from the labels that are taken.
func label(path string, taken []string) string {
	r := []rune(clean(path))
	if len(r) > mostLabel {
		r = append([]rune("…"), r[len(r)-mostLabel+1:]...)
		if i := slices.Index(r, '/'); i > 0 && i < len(r)-1 {
			r = append([]rune("…"), r[i:]...)
		}
	}
	name := string(r)
	for n := 2; slices.Contains(taken, name); n++ {
		name = fmt.Sprintf("%s~%d", string(r[:min(len(r), mostLabel-3)]), n)
	}
	return name
}

func (c *chart) at(actor string) int { return c.column[actor]*c.width + 1 }

func (c *chart) head() string {
	line := "      "
	for _, l := range c.labels {
		line += l + strings.Repeat(" ", c.width-utf8.RuneCountInString(l))
	}
	return strings.TrimRight(line, " ") + "\n"
}

// rows draws what was done in one step.
func (c *chart) rows(b *strings.Builder, step string, what []Deed) {
	for i, d := range what {
		if !c.tells(d, what[i+1:]) {
			continue
		}
		c.used[d.Does] = true
		fmt.Fprintf(b, "%4s %s  %s\n", step, c.row(d), clean(briefly(d).String()))
		step = ""
	}
}

// briefly leaves out what goes without saying: a message that is queued, or handled, in the Ready lane.
func briefly(d Deed) Deed {
	if d.Note == "ready lane, queued" || d.Note == "ready lane" {
		d.Note = ""
	}
	return d
}

// tells says whether a deed gets a row: not that an actor was there, or went on to the next thing, and not that a
// letter arrives which is handled at once.
func (c *chart) tells(d Deed, rest []Deed) bool {
	switch d.Does {
	case doesGoOn, doesExist:
		return false
	case doesArrive:
		return len(rest) == 0 || rest[0].Does != doesHandle || strings.HasPrefix(d.What, "the copy")
	}
	return true
}

// row draws the lines of all actors, and the deed on them.
func (c *chart) row(d Deed) string {
	line := []rune(strings.Repeat(" ", max(0, len(c.labels)-1)*c.width+2))
	for i := range c.labels {
		line[i*c.width+1] = '│'
	}
	who := d.Who
	if d.Does == doesDouble || d.Does == doesArrive {
		who = d.To // where it would come
	}
	at, known := c.column[who]
	to, there := c.column[d.To]
	switch {
	case !known:
		return string(line)
	case d.Does == doesSend && there && at != to:
		c.arrow(line, d)
		return string(line)
	}
	mark := otherMark
	if m, ok := marks[d.Does]; ok {
		mark = m.mark
	}
	if d.Does == doesSend {
		mark = '↻' // to itself
	}
	line[c.at(who)] = mark
	return string(line)
}

// arrow draws a message from one line to another, with its name: dashed where it is on the way, and with a cross
// where it is refused.
func (c *chart) arrow(line []rune, d Deed) {
	from, to := c.at(d.Who), c.at(d.To)
	body, head, tail := '─', '▶', '├'
	step := 1
	if to < from {
		step, head, tail = -1, '◀', '┤'
	}
	switch {
	case d.Note == "in flight":
		body = '╌'
	case d.Note == "lost on the way":
		body, head = '╌', '✗'
	case strings.Contains(d.Note, "refused"):
		head = '✗'
	}
	for x := from + step; x != to; x += step {
		line[x] = body
	}
	line[from], line[to-step] = tail, head
	lo, room := min(from, to)+2, max(from, to)-min(from, to)-4
	name := []rune(clean(d.What))
	if len(name) > room {
		name = append([]rune("…"), name[len(name)-max(0, room-1):]...)
	}
	copy(line[lo+(room-len(name))/2:], name)
}

// legend explains the marks that occur.
func (c *chart) legend() string {
	var out []string
	for does, m := range marks {
		if c.used[does] {
			out = append(out, string(m.mark)+" "+m.means)
		}
	}
	slices.Sort(out)
	if c.used[doesSend] {
		out = append([]string{"├─▶ sends"}, out...)
	}
	if len(out) == 0 {
		return ""
	}
	return "\n  " + strings.Join(out, "   ") + "\n"
}

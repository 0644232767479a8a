package programs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/franken-node/fnode-supervisor/lab"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Family is a set of scenarios under one name, told apart by arguments.
type Family struct {
	Name    string
	Doc     string // one line
	Example string // a whole name, of which every form of the tests is a neighbour
	Forms   []Form // in the order in which they are listed
}

// Form is one way to write the arguments: "fanin(n,k)". A form without parameters is the bare name.
type Form struct {
	Params []Param
	Make   func(n []int) lab.Scenario // n are the numbers among the arguments, in order
}

// Param is one argument: a number ("n"), a number with its key ("drop=1"), or a fixed word ("timeout").
type Param struct {
	Name     string
	Kind     ParamKind
	Min, Max int
	UpTo     string // a number among the arguments before, which it may not exceed; "": only Max counts
}

// ParamKind says how an argument is written.
type ParamKind uint8

// The kinds of arguments.
const (
	Number ParamKind = iota
	Setting
	Word
)

// families is every family by name, in the order of registration.
var families []Family

// Add adds a family. Files of this package call it from an init function; a name that is taken, or a family
// that makes nothing, is a mistake of this package and panics.
func Add(f Family) {
	if _, taken := family(f.Name); taken || len(f.Forms) == 0 || f.Doc == "" || f.Example == "" {
		panic(fmt.Sprintf("programs: the family %q is there already, or incomplete", f.Name))
	}
	families = append(families, f)
}

func num(name string, most int) Param { return Param{Name: name, Kind: Number, Min: 1, Max: most} }

func fixed(name string) Param { return Param{Name: name, Kind: Word} }

func setting(name string, most int) Param {
	return Param{Name: name, Kind: Setting, Min: 1, Max: most}
}

// All lists every family, sorted by name.
func All() []Family {
	out := slices.Clone(families)
	slices.SortFunc(out, func(a, b Family) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func family(name string) (Family, bool) {
	i := slices.IndexFunc(families, func(f Family) bool { return f.Name == name })
	if i < 0 {
		return Family{}, false
	}
	return families[i], true
}

// Patterns lists how the family's scenarios are written, a form each.
func (f Family) Patterns() []string {
	out := make([]string, len(f.Forms))
	for i, form := range f.Forms {
		out[i] = f.Name + form.pattern()
	}
	return out
}

func (f Form) pattern() string {
	if len(f.Params) == 0 {
		return ""
	}
	args := make([]string, len(f.Params))
	for i, p := range f.Params {
		args[i] = p.Name
		if p.Kind == Setting {
			args[i] = fmt.Sprintf("%s=%d", p.Name, p.Min)
		}
	}
	return "(" + strings.Join(args, ",") + ")"
}

// Bounds says how large each number may be: "n 1..8, k 1..8".
func (f Family) Bounds() string {
	var out []string
	for _, form := range f.Forms {
		for _, p := range form.Params {
			if b := p.bounds(); b != "" && !slices.Contains(out, b) {
				out = append(out, b)
			}
		}
	}
	return strings.Join(out, ", ")
}

func (p Param) bounds() string {
	switch {
	case p.Kind == Word:
		return ""
	case p.UpTo != "":
		return fmt.Sprintf("%s %d..%s", p.Name, p.Min, p.UpTo)
	}
	return fmt.Sprintf("%s %d..%d", p.Name, p.Min, p.Max)
}

// cancelled joins a scenario's name with the actor that the world outside asks to end (lab.WithCancel).
const cancelled = " with cancel of "

// Find makes the scenario of that name, like "twopc(2,0,timeout)"; blanks around arguments are allowed. The name may
// go on with " with cancel of PATH". An error is codes.LabNoScenario and says what would be right.
func Find(name string) (lab.Scenario, error) {
	base, path, cancel := strings.Cut(name, cancelled)
	sc, err := find(name, base)
	if err != nil || !cancel {
		return sc, err
	}
	if path = strings.TrimSpace(path); path == "" {
		return sc, codes.New(codes.LabNoScenario, "%q names no actor to cancel", name).At(place(name, len(name)))
	}
	return lab.WithCancel(sc, path), nil
}

func find(whole, name string) (lab.Scenario, error) {
	c, err := parseCall(whole, name)
	if err != nil {
		return lab.Scenario{}, err
	}
	f, ok := family(c.name)
	if !ok {
		return lab.Scenario{}, unknown(whole, c)
	}
	var best *codes.Error
	for _, form := range f.Forms {
		n, err := form.take(whole, c)
		if err == nil {
			sc := form.Make(n)
			if sc.Doc == "" {
				sc.Doc = f.Doc
			}
			return sc, nil
		}
		if best == nil || err.Where.Col >= best.Where.Col {
			best = err // the form that goes furthest is the one that was meant; of two, the longer
		}
	}
	best = best.Fact("expected", "%s", strings.Join(f.Patterns(), " or "))
	if b := f.Bounds(); b != "" {
		best = best.Fact("bounds", "%s", b)
	}
	return lab.Scenario{}, best.Fact("try", "fnctl lab explore '%s'", f.Example)
}

// unknown names the nearest families.
func unknown(whole string, c call) error {
	err := codes.New(codes.LabNoScenario, "there is no scenario %q", c.name).At(place(whole, c.at))
	away := func(f Family) int {
		if c.name != "" && strings.HasPrefix(f.Name, c.name) {
			return 0
		}
		return distance(c.name, f.Name)
	}
	all := All()
	slices.SortStableFunc(all, func(a, b Family) int { return away(a) - away(b) })
	var out []string
	for _, f := range all[:min(3, len(all))] {
		if away(f) <= max(2, len(c.name)/2) {
			out = append(out, strings.Join(f.Patterns(), " or "))
		}
	}
	if len(out) > 0 {
		err = err.Fact("nearest", "%s", strings.Join(out, "; "))
	}
	return err
}

// distance is the number of letters to add, drop or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// call is a name taken apart. Places count bytes of the whole name from 0.
type call struct {
	name string
	at   int
	args []arg
	end  int // of the arguments
}

type arg struct {
	text string
	at   int
}

const longestName = 200

func parseCall(whole, s string) (call, error) {
	if len(whole) > longestName {
		return call{}, codes.New(codes.LabNoScenario, "the name of a scenario has at most %d bytes, this one %d", longestName, len(whole))
	}
	c := call{at: len(s) - len(strings.TrimLeft(s, " \t"))}
	s = strings.TrimRight(s, " \t")
	c.end = len(s)
	open := strings.IndexByte(s, '(')
	if open < 0 {
		c.name = strings.TrimSpace(s)
		return c, nil
	}
	c.name = strings.TrimSpace(s[:open])
	if !strings.HasSuffix(s, ")") {
		return c, codes.New(codes.LabNoScenario, "%q: the bracket is not closed", s).At(place(whole, len(s)))
	}
	at := open + 1
	for _, t := range strings.Split(s[at:len(s)-1], ",") {
		c.args = append(c.args, arg{strings.TrimSpace(t), at + len(t) - len(strings.TrimLeft(t, " \t"))})
		at += len(t) + 1
	}
	c.end = len(s) - 1
	return c, nil
}

func place(whole string, at int) codes.Position {
	return codes.Position{File: "scenario", Line: 1, Col: at + 1, Text: whole}
}

// take matches the arguments with the form; an error names the first that does not fit.
func (f Form) take(whole string, c call) ([]int, *codes.Error) {
	var nums []int
	named := map[string]int{}
	for i, a := range c.args {
		if i >= len(f.Params) {
			return nil, codes.New(codes.LabNoScenario, "%s has one argument too many: %q", c.name, a.text).At(place(whole, a.at))
		}
		p := f.Params[i]
		n, err := p.take(a, named)
		if err != nil {
			return nil, err.At(place(whole, a.at))
		}
		if p.Kind != Word {
			nums, named[p.Name] = append(nums, n), n
		}
	}
	if len(c.args) < len(f.Params) {
		return nil, codes.New(codes.LabNoScenario, "%s lacks its argument %s", c.name, f.Params[len(c.args)].Name).At(place(whole, c.end))
	}
	return nums, nil
}

func (p Param) take(a arg, before map[string]int) (int, *codes.Error) {
	text := a.text
	switch p.Kind {
	case Word:
		if text != p.Name {
			return 0, codes.New(codes.LabNoScenario, "%q stands where %s is expected", text, p.Name)
		}
		return 0, nil
	case Setting:
		key, value, ok := strings.Cut(text, "=")
		if !ok || strings.TrimSpace(key) != p.Name {
			return 0, codes.New(codes.LabNoScenario, "%q stands where %s=%d is expected", text, p.Name, p.Min)
		}
		text = strings.TrimSpace(value)
	}
	n, err := strconv.Atoi(text)
	if err != nil || strconv.Itoa(n) != text {
		return 0, codes.New(codes.LabNoScenario, "%q stands where the number %s is expected", text, p.Name)
	}
	most := p.Max
	if v, ok := before[p.UpTo]; ok {
		most = min(most, v)
	}
	if n < p.Min || n > most {
		return 0, codes.New(codes.LabNoScenario, "%s is %d; it goes from %d to %d", p.Name, n, p.Min, most)
	}
	return n, nil
}

package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Step is one change of a running tree (S8). Its fields are immutable.
type Step struct {
	Do    string   // stop: and remove its spec; start: add it; replace: both
	Path  string   // of the child
	Why   []string // what makes it necessary
	Old   *Child   // nil for start
	Child *Child   // nil for stop
}

// String is the step in one line.
func (s Step) String() string {
	what := map[string]string{"stop": "stop %s and remove its spec", "start": "start %s", "replace": "stop %s and start it anew"}[s.Do]
	return fmt.Sprintf(what, s.Path) + ": " + strings.Join(s.Why, ", ")
}

// Plan says how a running tree becomes another, in order: what goes first, youngest first, then what comes. A child
// that did not change has no step. changed says why the package of an extension is another now; "" means it is not.
// The error names everything that cannot change while the daemon runs.
func Plan(old, to *Config, changed func(path string) string) ([]Step, error) {
	var faults Faults
	bad := func(what, format string, args ...any) {
		faults = append(faults, codes.New(codes.BadConfig, "%s cannot change while the daemon runs: %s", what, fmt.Sprintf(format, args...)).
			Fact("try", "restart the daemon with this configuration"))
	}
	for _, s := range []struct{ key, old, to string }{
		{"data.dir", old.Data.Dir, to.Data.Dir},
		{"api.socket", old.API.Socket, to.API.Socket},
		{"metrics.listen", old.Metrics.Listen, to.Metrics.Listen},
		{"logs.level", old.Logs.Level, to.written.Logs.Level},
	} {
		if s.to != "" && s.to != s.old { // what the file does not say may have been said by a flag
			bad(s.key, "it is %s, the file says %s", s.old, s.to)
		}
	}
	if old.Logs.PerExt != to.Logs.PerExt || old.Logs.LinesSec != to.Logs.LinesSec {
		bad("logs", "the bounds are given to each extension when it is made")
	}
	if old.Ledger != to.Ledger {
		bad("ledger", "the store was opened with its bounds")
	}
	if len(old.API.Roles)+len(to.API.Roles) > 0 && !reflect.DeepEqual(old.API.Roles, to.API.Roles) {
		bad("api.roles", "the table of the running daemon stays in force")
	}
	p := planner{changed: changed}
	if why := p.supervisor(old.Tree, to.Tree, ""); len(why) > 0 {
		bad("tree", "%s", strings.Join(why, ", "))
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return p.steps, nil
}

// planner collects the steps.
type planner struct {
	changed func(path string) string
	steps   []Step
}

// supervisor plans what changes below a supervisor. why is not empty where it has to be replaced as a whole; then the
// steps below it do not count.
func (p *planner) supervisor(old, to Supervisor, above string) (why []string) {
	path := above + old.Name + "/"
	if why = differences(old, to, "Children"); len(why) > 0 {
		return why
	}
	var stops, comes []Step
	var stay []string // in the order in which they stand
	below := planner{changed: p.changed}
	for _, c := range old.Children {
		now := find(to.Children, c.name())
		at := path + c.name()
		if now == nil {
			stops = append(stops, Step{"stop", at, []string{"it is not in the file"}, &c, nil})
			continue
		}
		if reasons := below.child(c, *now, path); len(reasons) > 0 {
			comes = append(comes, Step{"replace", at, reasons, &c, now})
			continue
		}
		stay = append(stay, c.name())
	}
	for i := range to.Children {
		if c := &to.Children[i]; find(old.Children, c.name()) == nil {
			comes = append(comes, Step{"start", path + c.name(), []string{"it is new"}, nil, c})
		}
	}
	place := func(s Step) int {
		return slices.IndexFunc(to.Children, func(c Child) bool { return path+c.name() == s.Path })
	}
	slices.SortStableFunc(comes, func(a, b Step) int { return place(a) - place(b) })
	for _, s := range comes {
		stay = append(stay, strings.TrimPrefix(s.Path, path))
	}
	if order := names(to.Children); old.Strategy == "rest_for_one" && !slices.Equal(stay, order) {
		return []string{fmt.Sprintf("its children restart by their order, which would be %s and has to be %s", strings.Join(stay, " "), strings.Join(order, " "))}
	}
	slices.Reverse(stops)
	p.steps = append(p.steps, stops...)
	p.steps = append(p.steps, below.steps...)
	p.steps = append(p.steps, comes...)
	return nil
}

// child says why a child has to be replaced; what changes below a supervisor that stays becomes steps.
func (p *planner) child(old, to Child, above string) (why []string) {
	switch {
	case (old.Supervisor == nil) != (to.Supervisor == nil):
		return []string{"it was " + old.kind() + " and is " + to.kind()}
	case old.Supervisor != nil:
		return p.supervisor(*old.Supervisor, *to.Supervisor, above)
	}
	why = differences(*old.Extension, *to.Extension, "")
	if other := p.changed(above + old.name()); other != "" {
		why = append(why, other)
	}
	return why
}

// differences names the fields in which two values differ.
func differences[T any](old, to T, but string) (out []string) {
	a, b := reflect.ValueOf(old), reflect.ValueOf(to)
	for i := range a.NumField() {
		f := a.Type().Field(i)
		if f.Name == but || reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			continue
		}
		if f.Name == "Policy" {
			out = append(out, differences(a.Field(i).Interface().(Policy), b.Field(i).Interface().(Policy), "")...)
			continue
		}
		out = append(out, fmt.Sprintf("%s %v -> %v", strings.ToLower(f.Name), a.Field(i).Interface(), b.Field(i).Interface()))
	}
	return out
}

func find(in []Child, name string) *Child {
	for i := range in {
		if in[i].name() == name {
			return &in[i]
		}
	}
	return nil
}

func names(in []Child) []string {
	out := make([]string, len(in))
	for i, c := range in {
		out[i] = c.name()
	}
	return out
}

func (c Child) name() string {
	if c.Supervisor != nil {
		return c.Supervisor.Name
	}
	return c.Extension.Name
}

func (c Child) kind() string {
	if c.Supervisor != nil {
		return "a supervisor"
	}
	return "an extension"
}

package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/extension"
	"github.com/franken-node/fnode-supervisor/api"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// Status is the daemon in one look.
func (d *daemon) Status() api.Status {
	d.mu.Lock()
	phase := d.phase
	d.mu.Unlock()
	s := api.Status{
		Meta: api.Of("Status"), Phase: phase, Version: Version,
		UptimeNS: time.Since(d.started).Nanoseconds(), Seq: d.events.Seq(),
	}
	for _, a := range d.host.Snapshot() {
		s.Actors++
		if a.State != "Down" {
			s.Regions++
		}
		s.Obligations += a.Obligations
		if v, ok := a.View.(extension.View); ok && v.Engine.PID > 0 && a.State != "Down" {
			s.Engines++
		}
	}
	s.Checks = []api.Check{
		{Name: "tree", OK: phase == "ready", Detail: "the root supervisor is " + d.rootState()},
		d.storeCheck(),
		{Name: "sandbox", OK: true, Detail: d.iso.Host().String()},
	}
	s.Ready = !slices.ContainsFunc(s.Checks, func(c api.Check) bool { return !c.OK })
	return s
}

// Tree is the supervision tree as of now, from published snapshots.
func (d *daemon) Tree() api.Tree {
	views := map[string]actors.ActorView{}
	for _, a := range d.host.Snapshot() {
		views[a.Path] = a
	}
	t := api.Tree{Meta: api.Of("Tree"), Seq: d.events.Seq()}
	root := d.cfg.Tree.Name
	if a, ok := views[root]; ok {
		t.Root = d.node(a, views)
		return t
	}
	t.Root = api.Node{Path: root, Kind: "supervisor", State: "Failed", Reason: d.lastWords(), Lanes: &api.Lanes{}, Obligations: new(int)}
	return t
}

func (d *daemon) storeCheck() api.Check {
	if err := d.store.Room(); err != nil {
		return api.Check{Name: "store", Detail: err.Error()}
	}
	if n, lost := d.acc.state(); n > 0 || lost > 0 {
		return api.Check{Name: "store", Detail: fmt.Sprintf("the evidence of %d decisions waits for it, that of %d is lost", n, lost)}
	}
	return api.Check{Name: "store", OK: true, Detail: "open under " + d.cfg.Data.Dir}
}

func (d *daemon) lastWords() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last == nil {
		return "it has ended"
	}
	return d.last.String()
}

// node is one actor with its children, in start order.
func (d *daemon) node(a actors.ActorView, all map[string]actors.ActorView) api.Node {
	n := api.Node{
		Path: a.Path, Kind: "actor", State: a.State, Incarnation: uint32(a.Incarnation), Restarts: a.Restarts,
		Lanes: lanesOf(a), Obligations: &a.Obligations,
	}
	if !a.Since.IsZero() {
		n.Since = &a.Since
	}
	switch v := a.View.(type) {
	case supervision.View:
		n.Kind, n.Strategy = "supervisor", v.Strategy.String()
		n.Reason = fmt.Sprintf("%d children", len(v.Children))
		if v.State != a.State {
			n.Reason = strings.ToLower(v.State) + ", " + n.Reason
		}
		for _, c := range v.Children {
			n.Children = append(n.Children, d.child(a.Path, c, all))
		}
	case extension.View:
		n.Kind = "extension"
		n.Reason = extensionReason(v)
		n.Engine = engineOf(a, v)
	}
	return n
}

// child is a child by its supervisor's books; where it has no live actor, the books say why.
func (d *daemon) child(above string, c core.ChildView, all map[string]actors.ActorView) api.Node {
	path := above + "/" + c.Name
	a, ok := all[path]
	n := api.Node{Path: path, Kind: "actor", Incarnation: c.Inc, Lanes: &api.Lanes{}, Obligations: new(int)}
	if ok {
		n = d.node(a, all)
	} else if d.cat.Load().pkgs[path] != nil {
		n.Kind = "extension"
	}
	switch c.State.String() {
	case "Backoff":
		n.State, n.Reason = "Waiting", "restart after backoff; last end: "+c.Last.String()
	case "Down":
		n.State, n.Reason = "Stopped", "last end: "+c.Last.String()
	case "Waiting":
		n.State, n.Reason = "Waiting", "its turn to start"
	case "Starting":
		n.State = "Starting"
	case "Stopping":
		n.State, n.Reason = "Stopping", stopping(c, time.Since(time.Unix(0, c.Asked)))
	case "Wedged":
		n.State, n.Reason = "Wedged", "its handler does not return"
	case "Quarantined":
		n.State, n.Reason = "Quarantined", c.Spec.CrashLoop.String()+"; last end: "+c.Last.String()
	}
	if c.Pinned { // it fell back (S7)
		n.Reason += ", at its known-good version " + c.Spec.Pinned
	}
	if n.State == "Stopped" || n.State == "Waiting" || n.State == "Quarantined" {
		n.Engine = nil
		if v, ok := d.ends.Load(path); ok { // the actor's own time is that of the incarnation that has ended
			at := v.(ended).at
			n.Since = &at
		}
	}
	return n
}

// stopping says how long a child has been asked to stop; one that may take for ever is shown as overdue (R3).
func stopping(c core.ChildView, since time.Duration) string {
	s := "for " + since.Round(time.Second).String()
	if c.Spec.Shutdown.Wait && since > core.DefaultShutdown {
		s += ", overdue: its shutdown has no limit"
	}
	return s
}

func lanesOf(a actors.ActorView) *api.Lanes {
	lane := func(i int) api.Lane {
		return api.Lane{Depth: a.Lanes[i].Depth, OldestNS: a.Lanes[i].Oldest.Nanoseconds()}
	}
	return &api.Lanes{Cancel: lane(0), Timed: lane(1), Ready: lane(2)}
}

func extensionReason(v extension.View) string {
	s := "engine " + strings.ToLower(v.State)
	if v.Running != "" {
		s = "calling " + v.Running
	}
	if v.Queue > 0 {
		s += fmt.Sprintf(", %d waiting", v.Queue)
	}
	if v.Engine.Degraded != "" {
		s += ", " + v.Engine.Degraded
	}
	return s
}

func engineOf(a actors.ActorView, v extension.View) *api.Engine {
	if v.Engine.PID == 0 || a.State == "Down" || v.State == "Dead" {
		return nil
	}
	e := &api.Engine{Kind: "fnode-engine", PID: v.Engine.PID, Profile: v.Engine.Profile, Attained: v.Engine.Attained}
	if d, ok := strings.CutPrefix(v.Engine.Degraded, "degraded("); ok {
		for _, lack := range strings.Split(strings.TrimSuffix(d, ")"), ", ") {
			e.Missing = append(e.Missing, strings.TrimPrefix(lack, "no "))
		}
	}
	if v.Usage != nil {
		e.RSSBytes = v.Usage().RSS
	}
	return e
}

// Extensions lists the packages that the tree runs.
func (d *daemon) Extensions() []api.Extension {
	view := api.Reduce(d.Tree())
	var out []api.Extension
	for path, p := range d.cat.Load().pkgs {
		e := api.Extension{Name: p.name, Version: p.version, Path: path, Digest: p.digest, Profile: p.profile, Methods: p.methods, State: "Stopped"}
		if n, ok := view.Find(path); ok {
			e.State = n.State
		}
		out = append(out, e)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}

func (d *daemon) find(path string) (api.Node, error) {
	if n, ok := api.Reduce(d.Tree()).Find(path); ok {
		return *n, nil
	}
	return api.Node{}, codes.New(codes.NoSuchPath, "there is nothing at %s", path)
}

// Describe is a node in full.
func (d *daemon) Describe(ctx context.Context, path string) (api.Description, error) {
	n, err := d.find(path)
	if err != nil {
		return api.Description{}, err
	}
	out := api.Description{Meta: api.Of("Description"), Node: n, History: []api.Life{}, Events: []api.Event{}}
	for _, e := range d.Extensions() {
		if e.Path == path {
			out.Package = &e
		}
	}
	if p := d.cat.Load().pkgs[path]; p != nil {
		if out.Spec, err = json.Marshal(p.spec); err != nil {
			return out, err
		}
	}
	recs, _, err := d.store.History(path, store.KeepPerPath)
	if err != nil {
		return out, err
	}
	out.History = lives(recs, d.boot)
	events, err := d.events.Read(ctx, "", false)
	if err != nil {
		return out, err
	}
	for e := range events {
		if e.Path == path {
			out.Events = append(out.Events, e)
		}
	}
	if n := len(out.Events); n > 20 {
		out.Events = out.Events[n-20:]
	}
	return out, nil
}

// lives puts starts and ends together. One that began in another run and has no end did not outlive that run's
// daemon, which was killed before it could write the end down.
func lives(recs []store.Record, boot string) []api.Life {
	out := []api.Life{}
	for i, r := range recs {
		if i > 0 && recs[i-1].Boot != r.Boot {
			lost(out)
		}
		at := time.Unix(0, r.At)
		switch r.Event {
		case "started":
			out = append(out, api.Life{Incarnation: r.Incarnation, Started: at})
		case "ended":
			if n := len(out); n == 0 || out[n-1].Ended != nil || out[n-1].Outcome != "" || out[n-1].Incarnation != r.Incarnation {
				out = append(out, api.Life{Incarnation: r.Incarnation, Started: at})
			}
			l := &out[len(out)-1]
			l.Ended, l.Reason = &at, r.Reason
			l.Outcome, _, _ = strings.Cut(r.Reason, ":")
		}
	}
	if n := len(recs); n > 0 && recs[n-1].Boot != boot {
		lost(out)
	}
	return out
}

// lost marks the newest life as one whose end nobody wrote down.
func lost(all []api.Life) {
	if n := len(all); n > 0 && all[n-1].Ended == nil {
		all[n-1].Outcome, all[n-1].Reason = "lost", "its daemon was killed"
	}
}

// Why gives the causes of a state, the first one first.
func (d *daemon) Why(_ context.Context, path string) (api.Why, error) {
	n, err := d.find(path)
	if err != nil {
		return api.Why{}, err
	}
	w := api.Why{Meta: api.Of("Why"), Path: path, State: n.State, Chain: []api.Cause{}}
	for _, a := range d.host.Snapshot() {
		if a.Path != path {
			continue
		}
		if v, ok := a.View.(extension.View); ok && v.End != nil && a.State != "Down" {
			w.Chain = causes(path, v.End) // it is ending, and says why
		} else if a.Last.Err != nil {
			w.Chain = causes(path, a.Last.Err)
		}
	}
	d.mu.Lock()
	if d.last != nil && path == d.cfg.Tree.Name {
		w.Chain = causes(path, d.last.Err)
	}
	d.mu.Unlock()
	if len(w.Chain) == 0 {
		w.Chain, err = d.pastCauses(path)
		if err != nil {
			return w, err
		}
	}
	if n.Since == nil {
		if n.Since, err = d.endedAt(path); err != nil {
			return w, err
		}
	}
	w.Chain = append(w.Chain, api.Cause{Path: path, What: n.State + ": " + n.Reason, Time: n.Since})
	w.Answer = w.Chain[0].What
	if len(w.Chain) == 1 {
		w.Answer = path + " is " + n.State + "; nothing has failed"
	}
	return w, nil
}

// endedAt is when a path ended last, nil if it never did.
func (d *daemon) endedAt(path string) (*time.Time, error) {
	recs, _, err := d.store.History(path, store.KeepPerPath)
	if err != nil {
		return nil, err
	}
	for i := len(recs) - 1; i >= 0; i-- {
		if recs[i].Event == "ended" {
			at := time.Unix(0, recs[i].At)
			return &at, nil
		}
	}
	return nil, nil
}

// pastCauses looks the last failure up in the history: also of runs before this one.
func (d *daemon) pastCauses(path string) ([]api.Cause, error) {
	recs, _, err := d.store.History(path, store.KeepPerPath)
	if err != nil {
		return nil, err
	}
	for i := len(recs) - 1; i >= 0; i-- {
		if r := recs[i]; r.Event == "ended" && r.Cause != "" {
			at := time.Unix(0, r.At)
			return []api.Cause{{Path: path, What: r.Cause, Time: &at}}, nil
		}
	}
	return []api.Cause{}, nil
}

// firstCause is the deepest error of a chain that says what happened. A bare one that the error above it quotes
// ("EOF") tells less than that one does.
func firstCause(err error) error {
	above := err
	for below := errors.Unwrap(err); below != nil; below = errors.Unwrap(below) {
		if _, coded := below.(*codes.Error); coded || !strings.Contains(above.Error(), below.Error()) {
			err = below
		}
		above = below
	}
	return err
}

// causes unwinds an error chain down to its first cause, which comes first.
func causes(path string, err error) []api.Cause {
	var out []api.Cause
	last := firstCause(err)
	for ; err != nil; err = errors.Unwrap(err) {
		c := api.Cause{Path: path, What: err.Error()}
		var coded *codes.Error
		if errors.As(err, &coded) && coded == err {
			c.Code, c.What = coded.Code.ID, coded.What
			for _, f := range coded.Facts {
				c.What += "; " + f.Label + " " + f.Text
			}
			if coded.Where.Line > 0 {
				c.Where = &api.Position{File: coded.Where.File, Line: coded.Where.Line, Col: coded.Where.Col, Text: coded.Where.Text}
			}
		}
		out = append([]api.Cause{c}, out...)
		if err == last {
			break
		}
	}
	return out
}

// Events gives the ring.
func (d *daemon) Events(ctx context.Context, since string, follow bool) (iter.Seq[api.Event], error) {
	return d.events.Read(ctx, since, follow)
}

// Logs gives what an extension wrote.
func (d *daemon) Logs(ctx context.Context, q api.LogQuery) (iter.Seq[api.LogLine], error) {
	ring, ok := d.cat.Load().logs[q.Path]
	if !ok {
		if _, err := d.find(q.Path); err != nil {
			return nil, err
		}
		return func(func(api.LogLine) bool) {}, nil
	}
	return ring.Read(ctx, q), nil
}

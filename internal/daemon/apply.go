package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/extension"
	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/config"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

// Apply makes the running tree what a configuration says (S8): validated whole, planned as a diff, carried out step by
// step without touching what did not change. Where a step fails, those before it are taken back.
func (d *daemon) Apply(ctx context.Context, r api.VerbRequest) (api.VerbResult, error) {
	out := api.VerbResult{Meta: api.Of("VerbResult"), Verb: "apply", Path: r.Path, DryRun: r.DryRun, Before: "in force", After: "in force", Steps: []string{}}
	d.applying.Lock()
	defer d.applying.Unlock()
	old := d.cat.Load()
	to, steps, err := d.plan(ctx, old, r.Path)
	if err != nil {
		return out, codes.Fold(err)
	}
	for _, s := range steps {
		out.Steps = append(out.Steps, s.String()+d.drains(s))
	}
	out.Steps = append(out.Steps, d.stays(to, steps)...)
	if out.Changed = len(steps) > 0; r.DryRun || !out.Changed {
		return out, nil
	}
	if r.TimeoutNS > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.TimeoutNS))
		defer cancel()
	}
	if err := d.activate(ctx, to); err != nil {
		return out, codes.Fold(err)
	}
	d.event("apply", "", fmt.Sprintf("%s: %d steps, asked by uid %d", r.Path, len(steps), r.Peer.UID), nil)
	for i, s := range steps {
		if err := d.take(ctx, to, s); err != nil {
			return out, d.takeBack(old, steps[:i+1], err)
		}
	}
	d.cat.Store(to)
	return out, nil
}

// plan reads the file, loads every package of it, and compares. Nothing is changed.
func (d *daemon) plan(ctx context.Context, old *catalog, file string) (*catalog, []config.Step, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, nil, err
	}
	to := newCatalog(cfg)
	if err := d.load(ctx, to); err != nil {
		return nil, nil, err
	}
	if err := d.permit(to); err != nil {
		return nil, nil, err
	}
	for path := range to.pkgs {
		if ring := old.logs[path]; ring != nil {
			to.logs[path] = ring
		}
	}
	steps, err := config.Plan(old.cfg, cfg, func(path string) string {
		if a, b := old.pkgs[path], to.pkgs[path]; a != nil && b != nil && a.digest != b.digest {
			return "its package changed, " + a.version + " -> " + b.version
		}
		return ""
	})
	cfg.Data, cfg.API, cfg.Metrics, cfg.Logs, cfg.Ledger = old.cfg.Data, old.cfg.API, old.cfg.Metrics, old.cfg.Logs, old.cfg.Ledger // as they stay
	return to, steps, err
}

// stays names the children that are stopped or in quarantine and that the file has too: nothing starts them (S7, S10).
func (d *daemon) stays(to *catalog, steps []config.Step) (out []string) {
	for _, path := range slices.Sorted(maps.Keys(to.pkgs)) {
		touched := slices.ContainsFunc(steps, func(s config.Step) bool { return s.Path == path || strings.HasPrefix(path, s.Path+"/") })
		n, err := d.find(path)
		switch {
		case err != nil || touched:
		case n.State == "Stopped":
			out = append(out, "leave "+path+" stopped, as it was by hand or by its own end")
		case n.State == "Quarantined":
			out = append(out, "leave "+path+" in quarantine: fnctl restart "+path+" releases it")
		}
	}
	return out
}

// drains says what a step has to wait for: the promises that are open at what it stops, and below it.
func (d *daemon) drains(s config.Step) string {
	if s.Do == "start" {
		return ""
	}
	var owed []string
	for _, a := range d.host.Snapshot() {
		if a.Path != s.Path && !strings.HasPrefix(a.Path, s.Path+"/") {
			continue
		}
		if v, ok := a.View.(extension.View); ok && v.Running != "" {
			owed = append(owed, fmt.Sprintf("call %s of %s, %d more waiting", v.Running, a.Path, v.Queue))
		} else if a.Obligations > 0 {
			owed = append(owed, fmt.Sprintf("%d promises of %s", a.Obligations, a.Path))
		}
	}
	if len(owed) == 0 {
		return ""
	}
	slices.Sort(owed)
	return "; drains first: " + strings.Join(owed, ", ")
}

// take carries one step out.
func (d *daemon) take(ctx context.Context, cat *catalog, s config.Step) error {
	above, name, _ := cutLast(s.Path)
	if s.Do != "start" {
		if err := d.drop(ctx, above, name); err != nil {
			return err
		}
	}
	if s.Child == nil {
		return nil
	}
	return d.add(ctx, cat, above, *s.Child)
}

// drop stops a child and removes its spec; one that is not there is dropped already.
func (d *daemon) drop(ctx context.Context, above, name string) error {
	for _, kind := range []core.EventKind{core.Terminate, core.Delete} {
		if err := d.order(ctx, above, supervision.Request{Kind: kind, Name: name}); err != nil && !errors.Is(err, codes.Of(codes.NoSuchChild)) {
			return err
		}
	}
	d.rec.add(above+"/"+name, marker.Lifecycle{Event: "removed"})
	return nil
}

func (d *daemon) add(ctx context.Context, cat *catalog, above string, c config.Child) error {
	spec, err := d.specOf(cat, c, above+"/")
	if err != nil {
		return err
	}
	place := 0
	if n, err := d.find(above); err == nil {
		place = len(n.Children)
	}
	plant(c, above+"/", place, func(path string, n marker.Node) { d.rec.add(path, marker.Lifecycle{Event: "added", Node: &n}) })
	if err = d.order(ctx, above, supervision.Request{Kind: core.Add, Add: new(spec)}); err != nil {
		d.rec.add(above+"/"+spec.Name, marker.Lifecycle{Event: "removed", Reason: "it could not be added"})
	}
	return err
}

func (d *daemon) order(ctx context.Context, above string, q supervision.Request) error {
	ref, ok := d.sys.Lookup(above)
	if !ok {
		return codes.New(codes.NotRunning, "the supervisor %s does not run", above)
	}
	_, err := actors.Call[supervision.Request, struct{}](ctx, d.sys, ref, q)
	return err
}

// undoTime is what taking a step back may take: an extension that starts again.
const undoTime = 30 * time.Second

// takeBack undoes steps, the last of which failed, youngest first, and tells why.
func (d *daemon) takeBack(old *catalog, steps []config.Step, why error) error {
	cat := &catalog{cfg: old.cfg, pkgs: old.pkgs, logs: maps.Clone(old.logs)}
	e := codes.From(why)
	if e == nil {
		e = codes.New(codes.StartFailed, "%v", why).Wrap(why)
	}
	left := 0
	for _, s := range slices.Backward(steps) {
		ctx, cancel := context.WithTimeout(context.Background(), undoTime)
		above, name, _ := cutLast(s.Path)
		err := d.drop(ctx, above, name)
		if err == nil && s.Old != nil {
			err = d.add(ctx, cat, above, *s.Old)
		}
		cancel()
		if err != nil {
			left++
			e = e.Fact("left", "%s: not taken back: %v", s.Path, err)
		}
	}
	if left == 0 {
		e = e.Fact("unchanged", "the tree is as it was: %d steps were taken back", len(steps))
	}
	return e.Fact("failed", "%s", steps[len(steps)-1])
}

package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/config"
	"github.com/franken-node/fnode-supervisor/engineproc/pack"
	"github.com/franken-node/fnode-supervisor/isolation"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// catalog is what a tree is made of. It is immutable once it is the daemon's.
type catalog struct {
	cfg  *config.Config
	pkgs map[string]*loaded      // by path in the tree
	logs map[string]*api.LogRing // by path
}

func newCatalog(c *config.Config) *catalog {
	return &catalog{cfg: c, pkgs: map[string]*loaded{}, logs: map[string]*api.LogRing{}}
}

// loaded is a package that the tree runs.
type loaded struct {
	name, version, digest, profile, bundle string
	methods, caps                          []string
	queue                                  int
	limits                                 limits
	frames                                 func(stack string) []codes.Position
	text                                   func(string) string // places of the bundle become the author's
	spec                                   any                 // for describe
}

// limits are what the package asks for.
type limits struct {
	memory, heap, pids, kv int64
	cpu                    float64
	invoke                 time.Duration
}

// load packs every extension of the tree, before anything is started.
func (d *daemon) load(ctx context.Context, cat *catalog) error {
	var faults []error
	each(cat.cfg.Tree, "", func(path string, e *config.Extension) {
		began := time.Now()
		p, err := pack.Load(ctx, e.Package)
		if err != nil {
			faults = append(faults, err)
			return
		}
		cat.pkgs[path] = describe(p, e)
		if took := time.Since(began); took > 100*time.Millisecond {
			fmt.Fprintf(d.opts.Talk, "packed %s %s in %s\n", p.Manifest.Name, p.Manifest.Version, took.Round(time.Millisecond))
		}
	})
	return joined("%d packages are not usable", faults)
}

// permit refuses a start in which an extension would lack a layer of its profile.
func (d *daemon) permit(cat *catalog) error {
	var faults []error
	each(cat.cfg.Tree, "", func(path string, e *config.Extension) {
		if err := d.iso.Permit(isolation.Spec{Name: e.Name, Path: d.opts.Engine, Profile: cat.pkgs[path].profile, Seals: true}); err != nil {
			faults = append(faults, err)
		}
	})
	return joined("%d extensions cannot run here", faults)
}

// joined keeps a single fault as it is. Where there are more it has the first one's code, and what each of them
// says, once.
func joined(what string, faults []error) error {
	switch len(faults) {
	case 0:
		return nil
	case 1:
		return faults[0]
	}
	first := codes.From(faults[0])
	if first == nil {
		return faults[0]
	}
	e := codes.New(first.Code, what, len(faults)).Wrap(faults[0])
	for _, f := range faults {
		e.Fact("fault", "%s", f)
	}
	for _, f := range faults {
		if c := codes.From(f); c != nil {
			for _, fact := range c.Facts {
				if !slices.Contains(e.Facts, fact) {
					e.Facts = append(e.Facts, fact)
				}
			}
		}
	}
	return e
}

func describe(p *pack.Package, e *config.Extension) *loaded {
	m, mapper := p.Manifest, p.Mapper()
	return &loaded{
		name: e.Name, version: m.Version, digest: p.Digest, profile: first(e.Profile, m.Profile), bundle: string(p.Bundle),
		methods: m.Names(), caps: m.Capabilities, queue: m.Limits.Queue,
		limits: limits{memory: m.Limits.Memory, heap: m.Limits.Heap, pids: m.Limits.Pids, kv: m.Limits.KV, cpu: m.Limits.CPU, invoke: m.Limits.Invoke},
		frames: mapper.Map, text: mapper.Text, spec: m,
	}
}

// each visits the extensions of a tree with their paths.
func each(s config.Supervisor, above string, f func(path string, e *config.Extension)) {
	path := above + s.Name + "/"
	for _, c := range s.Children {
		if c.Extension != nil {
			f(path+c.Extension.Name, c.Extension)
		} else {
			each(*c.Supervisor, path, f)
		}
	}
}

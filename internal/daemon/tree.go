package daemon

import (
	"encoding/json"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/extension"
	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/config"
	"github.com/franken-node/fnode-supervisor/isolation"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/supervision"
	"github.com/franken-node/fnode-supervisor/supervision/core"
)

var (
	strategies = map[string]core.Strategy{"one_for_one": core.OneForOne, "one_for_all": core.OneForAll, "rest_for_one": core.RestForOne, "dynamic": core.Dynamic}
	restarts   = map[string]core.Restart{"permanent": core.Permanent, "transient": core.Transient, "temporary": core.Temporary}
	autos      = map[string]core.AutoShutdown{"never": core.Never, "any": core.Any, "all": core.All}
)

// tree turns the configuration's tree into supervision's.
func (d *daemon) tree(cat *catalog, s config.Supervisor, above string) (supervision.Spec, error) {
	path := above + s.Name
	out := supervision.Spec{
		Strategy: strategies[s.Strategy], AutoShutdown: autos[s.AutoShutdown],
		Budget: core.Budget{Restarts: s.Restarts, Window: s.Window},
	}
	for _, c := range s.Children {
		ch, err := d.specOf(cat, c, path+"/")
		if err != nil {
			return out, err
		}
		out.Children = append(out.Children, ch)
	}
	return out, nil
}

// specOf turns one child into supervision's.
func (d *daemon) specOf(cat *catalog, c config.Child, above string) (supervision.Child, error) {
	if c.Extension != nil {
		return d.extension(cat, *c.Extension, above+c.Extension.Name)
	}
	sub, err := d.tree(cat, *c.Supervisor, above)
	ch := policy(c.Supervisor.Name, c.Supervisor.Policy)
	ch.Shutdown, ch.StartTimeout = core.Shutdown{Wait: true}, 0 // its children have times of their own
	return supervision.Child{Child: ch, Tree: &sub}, err
}

func policy(name string, p config.Policy) core.Child {
	c := core.Child{
		Name: name, Restart: restarts[p.Restart], Significant: p.Significant, StartTimeout: p.StartTimeout,
		Backoff: core.Backoff{Off: p.Backoff.Off, Initial: p.Backoff.Initial, Max: p.Backoff.Max, Factor: p.Backoff.Factor, Stable: p.Backoff.StableAfter},
	}
	switch {
	case p.Brutal:
		c.Shutdown.Brutal = true
	case p.Wait:
		c.Shutdown.Wait = true
	default:
		c.Shutdown.Within = p.Shutdown
	}
	return c
}

// extension makes the child of one extension from its package and what the configuration narrows.
func (d *daemon) extension(cat *catalog, e config.Extension, path string) (supervision.Child, error) {
	p := cat.pkgs[path]
	settings, err := json.Marshal(e.Config)
	if err != nil {
		return supervision.Child{}, err
	}
	m := p.limits
	profile, err := isolation.ProfileNamed(first(e.Profile, p.profile))
	if err != nil {
		return supervision.Child{}, err
	}
	memory := first(e.Memory, m.memory)
	cfg := extension.Config{
		Name: e.Name, Version: p.version, Bundle: p.bundle, Methods: p.methods, Capabilities: p.caps, Settings: settings,
		Profile: profile.Name, Queue: first(e.Queue, p.queue), Deadline: first(e.Invoke, m.invoke),
		Limits: isolation.Limits{Memory: memory, CPU: first(e.CPU, m.cpu), Pids: first(e.Pids, m.pids)},
		Heap:   profile.HeapOf(first(e.Heap, m.heap), memory), KVBytes: m.kv,
	}
	ring := cat.logs[path] // it may have been kept from the tree before
	if ring == nil {
		ring = api.NewLogRing(api.LogOptions{Path: path, Bytes: int(d.cfg.Logs.PerExt), Rate: float64(d.cfg.Logs.LinesSec), Burst: 2 * d.cfg.Logs.LinesSec})
		cat.logs[path] = ring
	}
	deps := extension.Deps{
		Launcher: d.launcher, Frames: p.frames,
		Log: func(_, call string, level int, text string) {
			ring.Append(api.LogLine{Level: levels[level], Call: call, Text: p.text(text)})
		},
		Observe: func(outcome string, took time.Duration) { d.observeInvoke(outcome, took) },
		Died:    func(reason string, oom bool) { d.observeExit(reason, oom) },
	}
	child := policy(e.Name, e.Policy)
	child.CrashLoop = core.CrashLoop(e.CrashLoop)
	return supervision.Child{
		Child: child,
		Start: func() actors.Behaviour { return extension.New(cfg, deps) },
		Actor: actors.Child{
			Class: "extension",
			Caps:  actors.CapSend | actors.CapTimer | actors.CapStore | actors.CapProcess,
			Lanes: lanes.Options{Ready: 2*max(cfg.Queue, 64) + 64},
		},
	}, nil
}

var levels = [...]string{"debug", "info", "warn", "error"}

// first gives the first value that is set.
func first[T comparable](vs ...T) (v T) {
	var zero T
	for _, v = range vs {
		if v != zero {
			return v
		}
	}
	return zero
}

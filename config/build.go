package config

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// builder turns the file into a Config and collects every fault.
type builder struct {
	places  places
	base    string        // folder of the file: packages are relative to it
	refused map[line]bool // whose values were told already
	faults  Faults
}

func (b *builder) bad(key, format string, args ...any) {
	if at, ok := b.places[key]; ok && b.refused[line{at.File, at.Line}] {
		return
	}
	b.faults = append(b.faults, codes.New(codes.BadConfig, "%s: %s", key, fmt.Sprintf(format, args...)).At(b.places.at(key)))
}

var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// The closed sets.
var (
	strategies = []string{"one_for_one", "one_for_all", "rest_for_one"}
	autos      = []string{"never", "any", "all"}
	restarts   = []string{"permanent", "transient", "temporary"}
	profiles   = []string{"strict", "strict_plus", "moderate", "permissive"}
	roles      = []string{"viewer", "author", "operator", "security", "auditor"}
	levels     = []string{"debug", "info", "warn", "error"}
)

const (
	maxNodes = 10_000
	maxDepth = 16
)

func (b *builder) oneOf(key, v string, set []string, def string) string {
	if v == "" {
		return def
	}
	if !slices.Contains(set, v) {
		b.bad(key, "%q is none of %s", v, strings.Join(set, ", "))
	}
	return v
}

func (b *builder) build(f file) *Config {
	c := Default()
	c.Data.Dir, c.API.Socket, c.Metrics.Listen = f.Data.Dir, f.API.Socket, f.Metrics.Listen
	b.listen(f.Metrics.Listen)
	c.Logs.Level = b.oneOf("logs.level", f.Logs.Level, levels, "info")
	c.Logs.PerExt = or(f.Logs.PerExt.n, c.Logs.PerExt)
	c.Logs.LinesSec = or(f.Logs.LineSec, c.Logs.LinesSec)
	if c.Logs.LinesSec < 0 {
		b.bad("logs.lines_per_second", "must be over 0")
	}
	c.Ledger = b.ledger(f)
	for i, r := range f.API.Roles {
		key := fmt.Sprintf("api.roles[%d]", i)
		b.oneOf(key+".role", r.Role, roles, "")
		if (r.UID == nil) == (r.GID == nil) || r.Role == "" {
			b.bad(key, "needs a role and either uid or gid")
		}
		for _, id := range []*int{r.UID, r.GID} {
			if id != nil && (*id < 0 || *id >= math.MaxUint32) {
				b.bad(key, "a uid or gid is 0 to %d", uint32(math.MaxUint32-1))
			}
		}
		c.API.Roles = append(c.API.Roles, Role(r))
	}
	c.Tree = b.tree(f)
	return c
}

const (
	leastQuota            = 64 << 20 // two segments
	leastEvery, mostEvery = 1_000, 100_000_000
	leastRetention        = time.Minute
)

func (b *builder) ledger(f file) Ledger {
	c := DefaultLedger()
	c.Quota, c.Retention, c.Every = or(f.Ledger.Quota.n, c.Quota), or(f.Ledger.Retention.Duration, c.Retention), or(f.Ledger.Every, c.Every)
	if c.Quota < leastQuota {
		b.bad("ledger.quota", "must be at least 64Mi, two segments")
	}
	if c.Retention < leastRetention {
		b.bad("ledger.retention", "must be at least %s", leastRetention)
	}
	if c.Every < leastEvery || c.Every > mostEvery {
		b.bad("ledger.checkpoint_every", "must be %d to %d markers", leastEvery, mostEvery)
	}
	return c
}

func (b *builder) listen(addr string) {
	if fault := ListenFault(addr); fault != "" {
		b.bad("metrics.listen", "%s", fault)
	}
}

// ListenFault says what is wrong with an address for the metrics; empty if nothing is. They are not meant for
// the network: who is allowed to see them is decided by who reaches the loopback.
func ListenFault(addr string) string {
	if addr == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(addr)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
		return fmt.Sprintf("%q is no host:port", addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Sprintf("%q is not a loopback address", host)
	}
	return ""
}

// tree hangs supervisors and extensions under their parents.
func (b *builder) tree(f file) Supervisor {
	root := b.supervisor("tree", f.Tree, "sup", 5)
	if f.Tree.Parent != "" {
		b.bad("tree.parent", "the root has no parent")
	}
	sups := map[string]*Supervisor{root.Name: &root}
	depth := map[string]int{root.Name: 1}
	if len(f.Supervisor)+len(f.Extension) > maxNodes {
		b.bad("extension", "more than %d nodes", maxNodes)
		return root
	}
	type hung struct {
		key    string
		parent string
		child  *Supervisor
	}
	var hang []hung
	for i, s := range f.Supervisor {
		key := fmt.Sprintf("supervisor[%d]", i)
		one := b.supervisor(key, s, "", 20)
		parent := or(s.Parent, root.Name)
		switch {
		case sups[one.Name] != nil:
			b.bad(key+".name", "there is a supervisor %q already", one.Name)
			continue
		case sups[parent] == nil:
			b.bad(key+".parent", "there is no supervisor %q above this line", parent)
			continue
		case depth[parent] >= maxDepth:
			b.bad(key+".parent", "the tree is deeper than %d", maxDepth)
			continue
		}
		sups[one.Name], depth[one.Name] = &one, depth[parent]+1
		hang = append(hang, hung{key, parent, &one})
	}
	exts := map[string]bool{}
	for i, e := range f.Extension {
		key := fmt.Sprintf("extension[%d]", i)
		one := b.extension(key, e)
		parent := sups[or(e.Parent, root.Name)]
		if parent == nil {
			b.bad(key+".parent", "there is no supervisor %q", e.Parent)
			continue
		}
		if exts[one.Name] || taken(parent, one.Name) {
			b.bad(key+".name", "there is an extension %q already; its name is its key space", one.Name)
			continue
		}
		one.CrashLoop = b.loop(key, e, *parent)
		exts[one.Name] = true
		parent.Children = append(parent.Children, Child{Extension: &one})
	}
	for _, h := range slices.Backward(hang) { // supervisors stand before the extensions of the same parent
		p := sups[h.parent]
		if taken(p, h.child.Name) {
			b.bad(h.key+".name", "there is a child %q of %s already", h.child.Name, p.Name)
		}
		p.Children = append([]Child{{Supervisor: h.child}}, p.Children...)
	}
	return root
}

func taken(s *Supervisor, name string) bool {
	return slices.ContainsFunc(s.Children, func(c Child) bool {
		return c.Extension != nil && c.Extension.Name == name || c.Supervisor != nil && c.Supervisor.Name == name
	})
}

func (b *builder) supervisor(key string, s fileSupervisor, name string, budget int) Supervisor {
	out := DefaultSupervisor(or(s.Name, name))
	b.name(key, out.Name)
	out.Strategy = b.oneOf(key+".strategy", s.Strategy, strategies, out.Strategy)
	out.AutoShutdown = b.oneOf(key+".auto_shutdown", s.AutoShutdown, autos, out.AutoShutdown)
	out.Restarts = budget
	if s.Restarts != nil {
		out.Restarts = *s.Restarts
	}
	if out.Restarts < 0 || out.Restarts > 100_000 {
		b.bad(key+".restarts", "must be 0 to 100000")
	}
	out.Window = or(s.Window.Duration, out.Window)
	out.Policy = b.policy(key, s.filePolicy)
	return out
}

func (b *builder) name(key, name string) {
	if !nameRule.MatchString(name) {
		b.bad(key+".name", "%q is no name (lower case, digits, . _ -)", name)
	}
}

func (b *builder) policy(key string, p filePolicy) Policy {
	out := DefaultPolicy()
	out.Restart = b.oneOf(key+".restart", p.Restart, restarts, out.Restart)
	switch p.Shutdown {
	case "":
	case "brutal":
		out.Brutal = true
	case "wait":
		out.Wait = true
	default:
		d, err := parseDuration(p.Shutdown)
		if err != nil {
			b.bad(key+".shutdown", `%q is none of a duration like "5s", brutal, wait`, p.Shutdown)
		}
		out.Shutdown = d
	}
	if out.Significant = p.Significant; p.Significant && out.Restart == "permanent" {
		b.bad(key+".significant", "a permanent child never ends by itself")
	}
	out.StartTimeout = or(p.StartTimeout.Duration, out.StartTimeout)
	o, d := &out.Backoff, p.Backoff
	o.Off, o.Initial, o.Max = d.Off, or(d.Initial.Duration, o.Initial), or(d.Max.Duration, o.Max)
	o.Factor, o.StableAfter = or(d.Factor, o.Factor), or(d.Stable.Duration, o.StableAfter)
	if !(o.Factor >= 1 && o.Factor <= 100) {
		b.bad(key+".backoff.factor", "must be 1 to 100")
	}
	if o.Initial > o.Max {
		b.bad(key+".backoff.initial", "is longer than max, %s", o.Max)
	}
	return out
}

func (b *builder) extension(key string, e fileExtension) Extension {
	b.name(key, e.Name)
	out := Extension{
		Name: e.Name, Package: e.Package, Policy: b.policy(key, e.filePolicy), Queue: e.Queue,
		Profile: b.oneOf(key+".profile", e.Profile, profiles, ""), Memory: e.Memory.n, Heap: e.Heap.n,
		CPU: e.CPU, Pids: e.Pids, Invoke: e.Invoke.Duration, Config: e.Config,
	}
	if e.Package == "" {
		b.bad(key+".package", "is missing: name a folder or a .fnpkg file")
	} else if !filepath.IsAbs(e.Package) {
		out.Package = filepath.Join(b.base, e.Package)
	}
	for _, n := range []struct {
		key string
		bad bool
	}{{"queue", e.Queue < 0 || e.Queue > 1_000_000}, {"cpu", !(e.CPU >= 0 && e.CPU <= 1024)}, {"pids", e.Pids < 0}} {
		if n.bad {
			b.bad(key+"."+n.key, "is out of bounds")
		}
	}
	for _, n := range []struct {
		key         string
		have, least int64
	}{{"heap", e.Heap.n, spec.LeastHeap}, {"memory", e.Memory.n, spec.LeastMemory}, {"pids", e.Pids, spec.LeastPids}} {
		if n.have > 0 && n.have < n.least {
			b.bad(key+"."+n.key, "%d is less than an engine needs to start, %d", n.have, n.least)
		}
	}
	if _, err := json.Marshal(e.Config); err != nil {
		b.bad(key+".config", "holds a value that JSON has not: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return out
}

// loop is what an extension says of crash loops, or its default: on, unless it is temporary or the budget has no room.
func (b *builder) loop(key string, e fileExtension, parent Supervisor) CrashLoop {
	f, out := e.Loop, DefaultCrashLoop(parent)
	key += ".crash_loop"
	said := f.Failures != nil || f.Window.Duration != 0
	switch {
	case f.Off && said:
		b.bad(key+".off", "is said beside what it switches off")
		return CrashLoop{}
	case f.Off, e.Restart == "temporary" && !said:
		return CrashLoop{}
	case e.Restart == "temporary":
		b.bad(key, "a temporary extension is never restarted")
	case !said:
		return out
	}
	if f.Failures != nil {
		out.Failures = *f.Failures
	}
	if out.Window = or(f.Window.Duration, parent.Window); out.Window < parent.Window {
		b.bad(key+".window", "must be at least that of its supervisor %s, %s, whose budget could be spent first", parent.Name, parent.Window)
	}
	if out.Failures < 1 || out.Failures >= parent.Restarts {
		b.bad(key+".failures", "must be at least 1 and below the restarts of its supervisor %s, %d: %d", parent.Name, parent.Restarts, out.Failures)
	}
	return out
}

// or gives the first value that is set.
func or[T comparable](vs ...T) (v T) {
	var zero T
	for _, v = range vs {
		if v != zero {
			return v
		}
	}
	return v
}

// file turns a Config back into the file's shape, for Show.
func (c *Config) file() file {
	var f file
	f.Data.Dir, f.API.Socket, f.Metrics.Listen = c.Data.Dir, c.API.Socket, c.Metrics.Listen
	f.Logs.Level, f.Logs.PerExt, f.Logs.LineSec = c.Logs.Level, size{c.Logs.PerExt}, c.Logs.LinesSec
	f.Ledger.Quota, f.Ledger.Retention, f.Ledger.Every = size{c.Ledger.Quota}, duration{c.Ledger.Retention}, c.Ledger.Every
	for _, r := range c.API.Roles {
		f.API.Roles = append(f.API.Roles, fileRole(r))
	}
	f.Tree = supervisorFile(c.Tree, "")
	walk(c.Tree, &f)
	return f
}

func walk(s Supervisor, f *file) {
	for _, ch := range s.Children {
		if ch.Supervisor != nil {
			f.Supervisor = append(f.Supervisor, supervisorFile(*ch.Supervisor, s.Name))
			walk(*ch.Supervisor, f)
			continue
		}
		e := ch.Extension
		f.Extension = append(f.Extension, fileExtension{
			Name: e.Name, Parent: s.Name, Package: e.Package, Queue: e.Queue, Profile: e.Profile, Memory: size{e.Memory},
			Heap: size{e.Heap}, CPU: e.CPU, Pids: e.Pids, Invoke: duration{e.Invoke}, Config: e.Config, filePolicy: policyFile(e.Policy), Loop: loopFile(e.CrashLoop),
		})
	}
}

func loopFile(l CrashLoop) fileLoop {
	if l == (CrashLoop{}) {
		return fileLoop{Off: true}
	}
	return fileLoop{Failures: &l.Failures, Window: duration{l.Window}}
}

func supervisorFile(s Supervisor, parent string) fileSupervisor {
	return fileSupervisor{
		Name: s.Name, Parent: parent, Strategy: s.Strategy, Restarts: &s.Restarts, Window: duration{s.Window},
		AutoShutdown: s.AutoShutdown, filePolicy: policyFile(s.Policy),
	}
}

func policyFile(p Policy) filePolicy {
	out := filePolicy{Restart: p.Restart, Significant: p.Significant, StartTimeout: duration{p.StartTimeout}, Shutdown: p.Shutdown.String()}
	switch {
	case p.Brutal:
		out.Shutdown = "brutal"
	case p.Wait:
		out.Shutdown = "wait"
	}
	b := p.Backoff
	out.Backoff = fileBackoff{Off: b.Off, Initial: duration{b.Initial}, Max: duration{b.Max}, Factor: b.Factor, Stable: duration{b.StableAfter}}
	return out
}

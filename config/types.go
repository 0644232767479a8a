package config

import (
	"fmt"
	"time"
)

// Config is the whole configuration, validated, with every default filled in.
type Config struct {
	Data    Data
	API     API
	Metrics Metrics
	Logs    Logs
	Ledger  Ledger
	Tree    Supervisor // the root; its name is "sup" unless set

	written file              // what the files say, before defaults
	origins map[string]string // key -> file:line:col
}

// Data says where the state lives.
type Data struct {
	Dir string
}

// API says who may talk to the daemon.
type API struct {
	Socket string
	Roles  []Role
}

// Role gives a role to a user or a group, by number. Exactly one of UID and GID is set.
type Role struct {
	Role string // viewer, author, operator, security, auditor
	UID  *int
	GID  *int
}

// Metrics says where Prometheus finds them. Empty: on the API socket only.
type Metrics struct {
	Listen string
}

// Logs bound what is kept of an extension's output.
type Logs struct {
	Level    string // of the daemon's own log: debug, info, warn, error
	PerExt   int64  // bytes kept per extension
	LinesSec int    // lines per second per extension
}

// Ledger bounds the marker stream.
type Ledger struct {
	Quota     int64         // bytes of its segments: near it what is ephemeral is refused, at it what is not protective
	Retention time.Duration // how long ephemeral payloads are kept
	Every     int           // markers between two checkpoints
}

// DefaultLedger has the defaults.
func DefaultLedger() Ledger {
	return Ledger{Quota: 4 << 30, Retention: 30 * 24 * time.Hour, Every: 1 << 18}
}

// Supervisor is one supervisor of the tree.
type Supervisor struct {
	Name         string
	Strategy     string // one_for_one, one_for_all, rest_for_one
	Restarts     int    // budget
	Window       time.Duration
	AutoShutdown string // never, any, all
	Policy       Policy // how its own parent treats it; not used at the root
	Children     []Child
}

// Child is a nested supervisor or an extension: exactly one is set.
type Child struct {
	Supervisor *Supervisor
	Extension  *Extension
}

// Policy is how a supervisor treats a child.
type Policy struct {
	Restart      string // permanent, transient, temporary
	Shutdown     time.Duration
	Brutal       bool
	Wait         bool
	Significant  bool
	StartTimeout time.Duration
	Backoff      Backoff
}

// Backoff delays restarts.
type Backoff struct {
	Off         bool
	Initial     time.Duration
	Max         time.Duration
	Factor      float64
	StableAfter time.Duration
}

// CrashLoop is when an extension is taken for one that only crashes (S7). The zero value is off.
type CrashLoop struct {
	Failures int           // that many,
	Window   time.Duration // within so long
}

// String says it in words.
func (l CrashLoop) String() string {
	if l == (CrashLoop{}) {
		return "off"
	}
	return fmt.Sprintf("%d in %s", l.Failures, l.Window)
}

// defaultFailures is the crash loop of an extension that names none, where its supervisor's budget has room for it.
const defaultFailures = 5

// DefaultCrashLoop is that of an extension under a supervisor: below the supervisor's budget, and within its window. It is
// off where fewer than two failures would have to be a loop.
func DefaultCrashLoop(s Supervisor) CrashLoop {
	if n := min(defaultFailures, s.Restarts-1); n >= 2 {
		return CrashLoop{n, s.Window}
	}
	return CrashLoop{}
}

// Extension is one extension of the tree. Zero limits mean the package's, and those the profile's.
type Extension struct {
	Name      string
	Package   string // folder or .fnpkg file
	Policy    Policy
	CrashLoop CrashLoop
	Queue     int
	Profile   string // empty: the package's
	Memory    int64
	CPU       float64
	Pids      int64
	Heap      int64
	Invoke    time.Duration
	Config    map[string]any // passed to the extension
}

// DefaultSupervisor has the defaults of a supervisor.
func DefaultSupervisor(name string) Supervisor {
	return Supervisor{Name: name, Strategy: "one_for_one", Restarts: 20, Window: time.Minute, AutoShutdown: "never", Policy: DefaultPolicy()}
}

// DefaultPolicy has the defaults of a child.
func DefaultPolicy() Policy {
	return Policy{
		Restart: "permanent", Shutdown: 5 * time.Second, StartTimeout: 20 * time.Second,
		Backoff: Backoff{Initial: 100 * time.Millisecond, Max: 30 * time.Second, Factor: 2, StableAfter: time.Minute},
	}
}

// Default is the configuration without a file: a root "sup" with a supervisor "ext" over the extensions
// given, in order.
func Default(exts ...Extension) *Config {
	ext := DefaultSupervisor("ext")
	for i := range exts {
		exts[i].CrashLoop = DefaultCrashLoop(ext)
		ext.Children = append(ext.Children, Child{Extension: &exts[i]})
	}
	root := DefaultSupervisor("sup")
	root.Restarts, root.Window = 5, time.Minute
	root.Children = []Child{{Supervisor: &ext}}
	return &Config{Logs: Logs{Level: "info", PerExt: 1 << 20, LinesSec: 1000}, Ledger: DefaultLedger(), Tree: root}
}

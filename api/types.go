package api

import (
	"encoding/json"
	"time"
)

// Version is the API version in every document, and in the Fnode-Api-Version header of every answer.
const Version = "fnode/v1"

// Meta opens every document: apiVersion and kind.
type Meta struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// Of gives the Meta of that kind.
func Of(kind string) Meta { return Meta{Version, kind} }

// Tree is one snapshot of everything supervised. Seq grows with every published snapshot.
type Tree struct {
	Meta
	Seq  uint64 `json:"seq"`
	Root Node   `json:"root"`
}

// Node is one owner or actor in the tree. State is the word ("Running", "Waiting"), Reason what makes it
// more than a word ("lease db-1 held by peer-b, 12s"); Since is when the state began, zero if unknown. Lanes and
// Obligations are nil where nobody knows them: in a tree of the past.
type Node struct {
	Path        string     `json:"path"`
	Kind        string     `json:"kind"` // supervisor, actor, extension, region
	Strategy    string     `json:"strategy,omitempty"`
	State       string     `json:"state"`
	Reason      string     `json:"reason,omitempty"`
	Since       *time.Time `json:"since,omitempty"`
	Incarnation uint32     `json:"incarnation"`
	Restarts    uint64     `json:"restarts"`
	Lanes       *Lanes     `json:"lanes"`
	Obligations *int       `json:"obligations"`
	Engine      *Engine    `json:"engine,omitempty"`
	Children    []Node     `json:"children,omitempty"`
}

// Lanes is a mailbox seen from outside.
type Lanes struct {
	Cancel Lane `json:"cancel"`
	Timed  Lane `json:"timed"`
	Ready  Lane `json:"ready"`
}

// Lane is one queue: messages waiting, and the age of the oldest in nanoseconds.
type Lane struct {
	Depth    int   `json:"depth"`
	OldestNS int64 `json:"oldest_ns"`
}

// Engine is the child process behind an extension. Missing names the layers of the profile that this
// host could not give; the instance is degraded if there is any.
type Engine struct {
	Kind     string   `json:"kind"`
	PID      int      `json:"pid"`
	Profile  string   `json:"profile"`
	Attained []string `json:"attained"`
	Missing  []string `json:"missing,omitempty"`
	RSSBytes int64    `json:"rss_bytes"`
}

// Status is the daemon in one look. Phase is starting, ready, draining or failed.
type Status struct {
	Meta
	Ready       bool    `json:"ready"`
	Phase       string  `json:"phase"`
	Version     string  `json:"version"`
	UptimeNS    int64   `json:"uptime_ns"`
	Actors      int     `json:"actors"`
	Regions     int     `json:"regions"`
	Obligations int     `json:"obligations"`
	Engines     int     `json:"engines"`
	Seq         uint64  `json:"seq"`
	Checks      []Check `json:"checks"`
}

// Check is one question with its answer. Hint says how to get what is missing.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// Event is something that happened. ID is the boot id, a dash and Seq. Type "gap" says that events are
// missing before the next one; Detail says which and why.
type Event struct {
	Meta
	ID     string            `json:"id"`
	Seq    uint64            `json:"seq"`
	Time   time.Time         `json:"time"`
	Type   string            `json:"type"`
	Path   string            `json:"path,omitempty"`
	Detail string            `json:"detail,omitempty"`
	Code   string            `json:"code,omitempty"`
	Attrs  map[string]string `json:"attrs,omitempty"`
}

// TypeGap is the type of an event that tells of missing ones.
const TypeGap = "gap"

// LogLine is one line that an extension wrote. Dropped > 0 makes it a marker for lines that were not kept.
type LogLine struct {
	Meta
	Path    string    `json:"path"`
	Time    time.Time `json:"time"`
	Level   string    `json:"level"` // debug, info, warn, error; "marker" for a marker
	Call    string    `json:"call,omitempty"`
	Text    string    `json:"text"`
	Dropped uint64    `json:"dropped,omitempty"`
}

// Description is one node in full, with its spec, its package and its earlier lives.
type Description struct {
	Meta
	Node    Node            `json:"node"`
	Spec    json.RawMessage `json:"spec,omitempty"`
	Package *Extension      `json:"package,omitempty"`
	History []Life          `json:"history"`
	Events  []Event         `json:"events"`
}

// Life is one incarnation: how it began and ended. Ended is nil while it lives, and where nobody could write its
// end down because its daemon was killed: Outcome is "lost" then.
type Life struct {
	Incarnation uint32     `json:"incarnation"`
	Started     time.Time  `json:"started"`
	Ended       *time.Time `json:"ended,omitempty"`
	Outcome     string     `json:"outcome,omitempty"`
	Reason      string     `json:"reason,omitempty"`
	Code        string     `json:"code,omitempty"`
}

// Why explains a state: Chain holds the first cause first and the state of Path last.
type Why struct {
	Meta
	Path   string  `json:"path"`
	State  string  `json:"state"`
	Answer string  `json:"answer"`
	Chain  []Cause `json:"chain"`
}

// Cause is one link of the chain.
type Cause struct {
	Path   string     `json:"path"`
	What   string     `json:"what"`
	Time   *time.Time `json:"time,omitempty"`
	Code   string     `json:"code,omitempty"`
	Event  string     `json:"event,omitempty"`
	Where  *Position  `json:"position,omitempty"`
	Frames []Position `json:"frames,omitempty"`
}

// Position is a place in a text; Text is the line itself where it is known.
type Position struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"col,omitempty"`
	Text string `json:"text,omitempty"`
}

// Extension is one package that the daemon holds.
type Extension struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Path    string   `json:"path,omitempty"` // of its node in the tree, empty if none
	Digest  string   `json:"digest"`
	Profile string   `json:"profile"`
	State   string   `json:"state"`
	Methods []string `json:"methods"`
}

// ExtensionList is every package that the daemon holds, by name.
type ExtensionList struct {
	Meta
	Items []Extension `json:"items"`
}

// InvokeRequest is one call. Args is any JSON value, null if empty. TimeoutNS 0 is the method's own limit.
// Key is the Idempotency-Key header; with it the caller declares that a retry does no harm.
type InvokeRequest struct {
	Path      string          `json:"path"`
	Method    string          `json:"method"`
	Args      json.RawMessage `json:"args,omitempty"`
	TimeoutNS int64           `json:"timeout_ns,omitempty"`
	Key       string          `json:"-"`
	Peer      Peer            `json:"-"` // who asks, set by the server
}

// InvokeResult is the answer of a call that succeeded.
type InvokeResult struct {
	Meta
	Path        string          `json:"path"`
	Method      string          `json:"method"`
	Call        string          `json:"call"`
	Incarnation uint32          `json:"incarnation"`
	DurationNS  int64           `json:"duration_ns"`
	Result      json.RawMessage `json:"result"`
}

// VerbRequest asks for stop, start, restart or apply; Path is a node's, or for apply the absolute path of a
// configuration where the daemon runs. TimeoutNS 0 is the child's own shutdown time. Drain
// finishes what is owed before it ends. DryRun says what would be done and does nothing.
type VerbRequest struct {
	Path      string `json:"path"`
	TimeoutNS int64  `json:"timeout_ns,omitempty"`
	Drain     bool   `json:"drain,omitempty"`
	DryRun    bool   `json:"dry_run,omitempty"`
	Peer      Peer   `json:"-"` // who asks, set by the server
}

// VerbResult says what a verb did. Changed is false where the node already was as asked; Steps lists what
// was done, or with DryRun what would be.
type VerbResult struct {
	Meta
	Verb    string   `json:"verb"`
	Path    string   `json:"path"`
	DryRun  bool     `json:"dry_run"`
	Changed bool     `json:"changed"`
	Before  string   `json:"before"`
	After   string   `json:"after"`
	Steps   []string `json:"steps"`
}

// Doctor is the list of live self-tests.
type Doctor struct {
	Meta
	OK     bool    `json:"ok"`
	Daemon bool    `json:"daemon"` // whether a running daemon answered
	Checks []Check `json:"checks"`
}

// WhoAmI is the caller as the daemon sees it.
type WhoAmI struct {
	Meta
	UID         int      `json:"uid"`
	GID         int      `json:"gid"`
	PID         int      `json:"pid"`
	Roles       []Role   `json:"roles"`
	Permissions []string `json:"permissions"`
	Why         []string `json:"why"`
}

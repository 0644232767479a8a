package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/invopop/jsonschema"
)

// file is the shape of the TOML file. Field comments are the documentation of the keys (schema, docs).
type file struct {
	Data struct {
		Dir string `toml:"dir,omitempty" json:"dir,omitempty" jsonschema:"description=folder of the state; --data overrides it"`
	} `toml:"data" json:"data,omitempty"`
	API struct {
		Socket string     `toml:"socket,omitempty" json:"socket,omitempty" jsonschema:"description=path of the API's Unix socket; --socket overrides it"`
		Roles  []fileRole `toml:"roles,omitempty" json:"roles,omitempty" jsonschema:"description=who may do what beside root and the daemon's own user"`
	} `toml:"api" json:"api,omitempty"`
	Metrics struct {
		Listen string `toml:"listen,omitempty" json:"listen,omitempty" jsonschema:"description=host:port that serves /metrics; loopback only; empty: the API socket only"`
	} `toml:"metrics" json:"metrics,omitempty"`
	Logs struct {
		Level   string `toml:"level,omitempty" json:"level,omitempty" jsonschema:"enum=debug,enum=info,enum=warn,enum=error,description=of the daemon's own log; default info"`
		PerExt  size   `toml:"per_extension,omitempty" json:"per_extension,omitempty" jsonschema:"description=bytes of output kept per extension; default 1Mi"`
		LineSec int    `toml:"lines_per_second,omitempty" json:"lines_per_second,omitempty" jsonschema:"description=lines per second kept per extension; default 1000"`
	} `toml:"logs" json:"logs,omitempty"`
	Ledger struct {
		Quota     size     `toml:"quota,omitempty" json:"quota,omitempty" jsonschema:"description=bytes that the ledger may have: at nine tenths what is ephemeral is refused, at all of it what is not protective; default 4Gi"`
		Retention duration `toml:"retention,omitempty" json:"retention,omitempty" jsonschema:"description=how long payloads of ephemeral kinds are kept; default 720h"`
		Every     int      `toml:"checkpoint_every,omitempty" json:"checkpoint_every,omitempty" jsonschema:"description=markers between two signed checkpoints with a snapshot of the state; default 262144"`
	} `toml:"ledger" json:"ledger,omitempty"`
	Tree       fileSupervisor   `toml:"tree" json:"tree,omitempty" jsonschema:"description=the root supervisor"`
	Supervisor []fileSupervisor `toml:"supervisor,omitempty" json:"supervisor,omitempty" jsonschema:"description=further supervisors; they start in this order and before the extensions of the same parent"`
	Extension  []fileExtension  `toml:"extension,omitempty" json:"extension,omitempty" jsonschema:"description=extensions in start order"`
}

type fileRole struct {
	Role string `toml:"role" json:"role" jsonschema:"enum=viewer,enum=author,enum=operator,enum=security,enum=auditor"`
	UID  *int   `toml:"uid,omitempty" json:"uid,omitempty"`
	GID  *int   `toml:"gid,omitempty" json:"gid,omitempty"`
}

type fileSupervisor struct {
	Name         string   `toml:"name,omitempty" json:"name,omitempty" jsonschema:"description=one path element; the root's default is sup"`
	Parent       string   `toml:"parent,omitempty" json:"parent,omitempty" jsonschema:"description=name of the supervisor above; default the root"`
	Strategy     string   `toml:"strategy,omitempty" json:"strategy,omitempty" jsonschema:"enum=one_for_one,enum=one_for_all,enum=rest_for_one,description=default one_for_one"`
	Restarts     *int     `toml:"restarts,omitempty" json:"restarts,omitempty" jsonschema:"description=budget: restarts within the window; default 20, at the root 5"`
	Window       duration `toml:"window,omitempty" json:"window,omitempty" jsonschema:"description=budget: sliding window; default 1m"`
	AutoShutdown string   `toml:"auto_shutdown,omitempty" json:"auto_shutdown,omitempty" jsonschema:"enum=never,enum=any,enum=all,description=end when significant children have ended; default never"`
	filePolicy
}

type filePolicy struct {
	Restart      string      `toml:"restart,omitempty" json:"restart,omitempty" jsonschema:"enum=permanent,enum=transient,enum=temporary,description=default permanent"`
	Shutdown     string      `toml:"shutdown,omitempty" json:"shutdown,omitempty" jsonschema:"description=a duration, brutal, or wait; default 5s"`
	Significant  bool        `toml:"significant,omitempty" json:"significant,omitempty" jsonschema:"description=its end counts for auto_shutdown"`
	StartTimeout duration    `toml:"start_timeout,omitempty" json:"start_timeout,omitempty" jsonschema:"description=default 20s"`
	Backoff      fileBackoff `toml:"backoff,omitempty" json:"backoff,omitempty"`
}

type fileBackoff struct {
	Off     bool     `toml:"off,omitempty" json:"off,omitempty" jsonschema:"description=restart at once"`
	Initial duration `toml:"initial,omitempty" json:"initial,omitempty" jsonschema:"description=upper bound of the first delay; default 100ms"`
	Max     duration `toml:"max,omitempty" json:"max,omitempty" jsonschema:"description=default 30s"`
	Factor  float64  `toml:"factor,omitempty" json:"factor,omitempty" jsonschema:"description=default 2"`
	Stable  duration `toml:"stable_after,omitempty" json:"stable_after,omitempty" jsonschema:"description=up for so long: start over; default 1m"`
}

type fileExtension struct {
	Name    string         `toml:"name" json:"name" jsonschema:"description=one path element"`
	Parent  string         `toml:"parent,omitempty" json:"parent,omitempty" jsonschema:"description=name of the supervisor above; default the root"`
	Package string         `toml:"package" json:"package" jsonschema:"description=folder or .fnpkg file; relative to this file"`
	Queue   int            `toml:"queue,omitempty" json:"queue,omitempty" jsonschema:"description=calls that may wait; default 64"`
	Profile string         `toml:"profile,omitempty" json:"profile,omitempty" jsonschema:"enum=strict,enum=strict_plus,enum=moderate,enum=permissive,description=default the package's"`
	Memory  size           `toml:"memory,omitempty" json:"memory,omitempty" jsonschema:"description=limit of the engine's cgroup, like 64Mi; only narrower than the profile's"`
	Heap    size           `toml:"heap,omitempty" json:"heap,omitempty" jsonschema:"description=limit of the JavaScript heap"`
	CPU     float64        `toml:"cpu,omitempty" json:"cpu,omitempty" jsonschema:"description=cores"`
	Pids    int64          `toml:"pids,omitempty" json:"pids,omitempty" jsonschema:"description=processes and threads"`
	Invoke  duration       `toml:"invoke,omitempty" json:"invoke,omitempty" jsonschema:"description=deadline of a call that names none; default the package's, else 1s"`
	Config  map[string]any `toml:"config,omitempty" json:"config,omitempty" jsonschema:"description=given to the extension (fnode:host)"`
	filePolicy
	Loop fileLoop `toml:"crash_loop,omitempty" json:"crash_loop,omitempty" jsonschema:"description=an extension that fails so often is not restarted any more but put in quarantine until fnctl restart releases it"`
}

type fileLoop struct {
	Off      bool     `toml:"off,omitempty" json:"off,omitempty" jsonschema:"description=the supervisor's budget alone decides"`
	Failures *int     `toml:"failures,omitempty" json:"failures,omitempty" jsonschema:"description=so many within the window; below the restarts of the supervisor; default 5, or one below where that is less, and off where that is below 2"`
	Window   duration `toml:"window,omitempty" json:"window,omitempty" jsonschema:"description=at least the supervisor's, which is the default"`
}

// duration is a time like "500ms" or "5s". It is no number, so that 30 is refused and not 30 ns.
type duration struct{ time.Duration }

// longest is far over what any of the times is for, and far below where sums of times overflow.
const longest = 365 * 24 * time.Hour

// UnmarshalText parses it. Zero is refused: it would be taken for a key that is not set.
func (d *duration) UnmarshalText(b []byte) error {
	v, err := parseDuration(string(b))
	d.Duration = v
	return err
}

func parseDuration(s string) (time.Duration, error) {
	v, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf(`%q is no duration; write "500ms" or "5s"`, s)
	case v <= 0 || v > longest:
		return 0, fmt.Errorf(`%q is out of bounds: over 0, at most a year ("8760h")`, s)
	}
	return v, nil
}

// MarshalText writes it.
func (d duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// JSONSchema is for the schema: text.
func (duration) JSONSchema() *jsonschema.Schema { return &jsonschema.Schema{Type: "string"} }

// size is a number of bytes like "64Mi".
type size struct{ n int64 }

// JSONSchema is for the schema: text.
func (size) JSONSchema() *jsonschema.Schema { return &jsonschema.Schema{Type: "string"} }

type unit struct {
	word string
	n    int64
}

var units = []unit{{"Gi", 1 << 30}, {"Mi", 1 << 20}, {"Ki", 1 << 10}, {"", 1}}

// UnmarshalText parses it.
func (s *size) UnmarshalText(b []byte) error {
	for _, u := range units {
		digits, ok := strings.CutSuffix(string(b), u.word)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n <= 0 || n > (1<<40)/u.n {
			break
		}
		s.n = n * u.n
		return nil
	}
	return fmt.Errorf(`%q is no size; write "64Mi" or "1Gi"`, b)
}

// MarshalText writes it.
func (s size) MarshalText() ([]byte, error) {
	i := slices.IndexFunc(units, func(u unit) bool { return s.n%u.n == 0 })
	return []byte(strconv.FormatInt(s.n/units[i].n, 10) + units[i].word), nil
}

// IsZero leaves an unset size out of what Show writes.
func (s size) IsZero() bool { return s.n == 0 }

// IsZero leaves an unset duration out of what Show writes.
func (d duration) IsZero() bool { return d.Duration == 0 }

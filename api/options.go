package api

import (
	stderrors "errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Options of a server. Zero fields take their defaults.
type Options struct {
	Socket       string        // absolute path of the socket; required
	Mode         fs.FileMode   // of the socket; default 0600, 0660 with a Group
	Group        *int          // gid that the socket is given to; default none
	Roles        []RoleRule    // beyond root and the daemon's own uid; default none
	Release      string        // of the daemon, in the Fnode-Version header; default "unknown"
	Metrics      http.Handler  // of /metrics; default none, 404
	Routes       []Route       // beside the API's own; default none
	Log          *slog.Logger  // default slog.Default
	MaxBody      int64         // bytes of a request body; default 1 MiB
	MaxRequests  int           // requests under way at once, streams aside; default 256
	MaxStreams   int           // followed events and logs at once; default 128
	MaxConns     int           // connections at once; default 1024
	BodyTimeout  time.Duration // to read a request; default 10s
	WriteTimeout time.Duration // for one write to a slow reader; default 10s
	Heartbeat    time.Duration // of a silent stream; default 15s
	DrainTimeout time.Duration // for what is under way at the end; default 30s
	ForceTimeout time.Duration // to answer after being cut off; default 2s
	KeepAnswers  int           // idempotent answers kept; default 4096
}

// Validate reports all faults at once.
func (o Options) Validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fault(!filepath.IsAbs(o.Socket), "socket: %q is not an absolute path", o.Socket)
	fault(o.Mode&^0o777 != 0 || o.Mode&0o007 != 0, "mode: %v would open the socket to everyone", o.Mode)
	for i, r := range o.Roles {
		fault(!slices.Contains(allRoles, r.Role), "roles[%d]: there is no role %q", i, r.Role)
		fault((r.UID == nil) == (r.GID == nil), "roles[%d]: give a uid or a gid", i)
	}
	for _, d := range []time.Duration{o.BodyTimeout, o.WriteTimeout, o.Heartbeat, o.DrainTimeout, o.ForceTimeout} {
		fault(d < 0, "a time of %v is negative", d)
	}
	if len(faults) == 0 {
		return nil
	}
	err := stderrors.Join(faults...)
	return codes.New(codes.SocketBlocked, "the API cannot start: %v", err).Wrap(err)
}

func (o Options) withDefaults() Options {
	if o.Mode == 0 {
		o.Mode = 0o600
		if o.Group != nil {
			o.Mode = 0o660
		}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Release == "" {
		o.Release = "unknown"
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	o.MaxRequests, o.MaxStreams = orInt(o.MaxRequests, 256), orInt(o.MaxStreams, 128)
	o.MaxConns, o.KeepAnswers = orInt(o.MaxConns, 1024), orInt(o.KeepAnswers, 4096)
	o.BodyTimeout, o.WriteTimeout = orTime(o.BodyTimeout, 10*time.Second), orTime(o.WriteTimeout, 10*time.Second)
	o.Heartbeat, o.DrainTimeout = orTime(o.Heartbeat, 15*time.Second), orTime(o.DrainTimeout, 30*time.Second)
	o.ForceTimeout = orTime(o.ForceTimeout, 2*time.Second)
	return o
}

func orTime(v, def time.Duration) time.Duration {
	if v == 0 {
		return def
	}
	return v
}

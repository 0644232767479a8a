package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/extension"
	"github.com/franken-node/fnode-supervisor/actors/host"
	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/ledger"
	"github.com/franken-node/fnode-supervisor/config"
	"github.com/franken-node/fnode-supervisor/engineproc"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/isolation"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/supervision"
)

// Version is the release of this build.
const Version = "0.1.0"

// Options configure a run.
type Options struct {
	Config        *config.Config
	Engine        string // path of fnode-engine
	AllowDegraded bool
	Drain         time.Duration // of a shutdown; default 15 s
	Grace         time.Duration // after the drain, before what is left is named; default 2 s
	Log           *slog.Logger
	Talk          io.Writer // for people: progress, the ready line, the proof; default os.Stderr
}

// End is how a run ended.
type End struct {
	Proof  regions.Proof
	Forced bool     // by a second request
	Cut    []string // what was under way when it was forced, one line each
	Why    error    // the root's failure, nil after a shutdown
}

// daemon is one run.
type daemon struct {
	opts      Options
	cfg       *config.Config          // immutable: of the start
	cat       atomic.Pointer[catalog] // what the tree is made of; written by Run and Apply
	applying  sync.Mutex              // one Apply at a time
	launcher  engineproc.Launcher     // immutable after open
	boot      string
	started   time.Time
	store     *books
	iso       *isolation.Manager
	host      *host.Host
	sys       *actors.System
	root      actors.Ref
	srv       *api.Server
	metricsAt net.Listener // nil: metrics are on the socket only
	events    *api.Ring
	rec       *recorder
	acc       *accounts
	meters    *meters
	upkeep    sync.WaitGroup     // of the ledger, by itself
	stop      context.CancelFunc // ends it
	ends      sync.Map           // path -> ended: how its last incarnation ended
	calls     atomic.Uint64      // written by callID
	rootExit  chan actors.Exit   // capacity 1; never closed

	mu    sync.Mutex
	phase string       // guarded by mu: starting, ready, draining, failed
	last  *actors.Exit // guarded by mu: of the root
}

// Run is one life of the daemon. force ends a shutdown that takes too long.
func Run(ctx context.Context, force <-chan struct{}, o Options) (End, error) {
	o = o.withDefaults()
	d := &daemon{
		opts: o, cfg: o.Config, boot: bootID(), started: time.Now(), phase: "starting",
		rootExit: make(chan actors.Exit, 1),
	}
	d.events = api.NewRing(d.boot, 4096)
	d.cat.Store(newCatalog(o.Config))
	d.meters = newMeters(d)
	for _, start := range []func(context.Context) error{d.prepare, d.open} {
		err := start(ctx)
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			fmt.Fprintln(o.Talk, "stopped before it was ready: nothing was started, nothing is left")
			return End{}, nil
		}
		if err != nil {
			return End{}, err
		}
	}
	return d.serve(ctx, force)
}

func (o Options) withDefaults() Options {
	if o.Drain == 0 {
		o.Drain = 15 * time.Second
	}
	if o.Grace == 0 {
		o.Grace = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Talk == nil {
		o.Talk = os.Stderr
	}
	return o
}

func bootID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// prepare checks what needs nothing to be started: the engine and every package.
func (d *daemon) prepare(ctx context.Context) error {
	if st, err := os.Stat(d.opts.Engine); err != nil || st.IsDir() {
		return codes.New(codes.EngineMissing, "there is no engine at %s", d.opts.Engine).Wrap(err)
	}
	return d.load(ctx, d.cat.Load())
}

// open starts everything up to the tree. On an error nothing is left.
func (d *daemon) open(ctx context.Context) (err error) {
	var undo []func()
	defer func() {
		for i := len(undo) - 1; err != nil && i >= 0; i-- {
			undo[i]()
		}
	}()
	dir, err := filepath.Abs(d.cfg.Data.Dir)
	if err != nil {
		return codes.New(codes.StoreUnusable, "the data directory %s has no absolute path", d.cfg.Data.Dir).Wrap(err)
	}
	if err := d.openStore(dir); err != nil {
		return err
	}
	undo = append(undo, func() { _ = d.store.Close() })
	if err := d.listen(); err != nil {
		return err
	}
	undo = append(undo, d.unlisten)
	if _, err := d.store.Prune(); err != nil {
		return err
	}
	var reaped []isolation.Reaped
	d.iso, reaped, err = isolation.Open(ctx, isolation.Options{InstanceID: isolation.InstanceOf(dir), AllowDegraded: d.opts.AllowDegraded})
	if err != nil {
		return err
	}
	undo = append(undo, func() { _ = d.iso.Close(context.Background()) })
	for _, r := range reaped {
		d.opts.Log.Warn("reaped what a crashed daemon left", "daemon", r.Owner.PID, "group", r.Dir, "engines", r.Groups, "killed", r.PIDs)
		d.event("reaped", "", fmt.Sprintf("%s of the daemon with pid %d: %d groups, killed %v", r.Dir, r.Owner.PID, r.Groups, r.PIDs), nil)
	}
	d.acc = newAccounts(d.store, d.opts.Log)
	undo = append(undo, d.acc.close)
	if err := d.activate(ctx, d.cat.Load()); err != nil {
		return err
	}
	d.rec = newRecorder(d.store, d.boot, d.opts.Log)
	d.rec.add(d.cfg.Tree.Name, marker.Lifecycle{Event: "boot", At: d.started.UnixNano(), Reason: fmt.Sprintf("pid %d, reaped %d", os.Getpid(), len(reaped))})
	d.rec.recordTree(d.cfg.Tree)
	d.host = host.New(host.Options{Store: d.store, System: actors.Options{Name: "root", Events: d.happened}})
	d.sys = d.host.System()
	undo = append(undo, func() { _, _ = d.host.Shutdown(context.Background(), base.ReasonShutdown, d.opts.Grace) })
	d.launcher = &engineproc.Sandboxed{Manager: d.iso, Path: d.opts.Engine}
	spec, err := d.tree(d.cat.Load(), d.cfg.Tree, "")
	if err != nil {
		return err
	}
	if d.root, err = supervision.Run(d.sys, d.cfg.Tree.Name, spec); err != nil {
		return err
	}
	d.sys.OnRetired(d.root, func(e actors.Exit) { d.rootExit <- e })
	keep, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.upkeep.Go(func() { d.retain(keep) }) // owner: close joins it; ends: stop
	return nil
}

// listen takes the addresses before anything is started; who connects waits until serve.
func (d *daemon) listen() (err error) {
	if d.srv, err = api.Listen(d.apiOptions(), d); err != nil {
		return err
	}
	if d.cfg.Metrics.Listen == "" {
		return nil
	}
	if d.metricsAt, err = net.Listen("tcp", d.cfg.Metrics.Listen); err != nil {
		d.unlisten()
		return codes.New(codes.SocketBlocked, "metrics cannot be served on %s: %s", d.cfg.Metrics.Listen, reasonOf(err)).
			Fact("try", "another address: --metrics-listen 127.0.0.1:PORT, with a port of 0 to 65535")
	}
	return nil
}

// reasonOf is what the kernel said, without the address that the message names already.
func reasonOf(err error) string {
	var addr *net.AddrError
	var sys *os.SyscallError
	switch {
	case errors.As(err, &sys):
		return sys.Err.Error()
	case errors.As(err, &addr):
		return addr.Err
	}
	return err.Error()
}

func (d *daemon) unlisten() {
	if d.metricsAt != nil {
		_ = d.metricsAt.Close()
	}
	_ = d.srv.Close()
}

// serve runs the API until the end and takes everything down.
func (d *daemon) serve(ctx context.Context, force <-chan struct{}) (end End, err error) {
	srv := d.srv
	apiCtx, stopAPI := context.WithCancel(context.Background())
	served := make(chan error, 1)               // capacity 1; never closed
	go func() { served <- srv.Serve(apiCtx) }() // owner: serve receives from served; ends: stopAPI
	metrics := d.serveMetrics()
	err = d.wait(ctx)
	d.setPhase("draining")
	if err != nil {
		d.setPhase("failed")
	}
	srv.Drain()
	end, closeErr := d.close(force)
	stopAPI()
	apiErr := <-served
	if metrics != nil {
		_ = metrics.Close()
	}
	end.Why = err
	return end, errors.Join(closeErr, apiErr)
}

func (d *daemon) setPhase(p string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.phase = p
}

func (d *daemon) apiOptions() api.Options {
	o := api.Options{Socket: d.cfg.API.Socket, Release: Version, Log: d.opts.Log, MaxBody: 8 << 20, Metrics: d.metrics(), DrainTimeout: 5 * time.Second}
	o.Routes = ledger.Routes(&desk{s: d.store, root: d.cfg.Tree.Name, now: time.Now})
	for _, r := range d.cfg.API.Roles {
		o.Roles = append(o.Roles, api.RoleRule{Role: api.Role(r.Role), UID: r.UID, GID: r.GID})
	}
	return o
}

// wait says when the tree is up and returns at the end: nil for a shutdown, the cause where the root
// failed.
func (d *daemon) wait(ctx context.Context) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for up := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case e := <-d.rootExit:
			return d.failed(e)
		case <-tick.C:
			if up = d.rootState() == "Running"; up {
				tick.Stop()
				d.ready()
			}
		}
	}
}

func (d *daemon) rootState() string {
	for _, a := range d.host.Snapshot() {
		if a.Path == d.cfg.Tree.Name {
			return a.State
		}
	}
	return "Down"
}

func (d *daemon) ready() {
	d.setPhase("ready")
	fmt.Fprintf(d.opts.Talk, "fnode-supervisor ready: %d extensions, socket %s, in %s\n", len(d.cat.Load().pkgs), d.cfg.API.Socket, time.Since(d.started).Round(time.Millisecond))
	d.event("ready", d.cfg.Tree.Name, "", nil)
}

func (d *daemon) failed(e actors.Exit) error {
	d.mu.Lock()
	d.last = &e
	d.mu.Unlock()
	if e.Err != nil {
		return e.Err
	}
	return fmt.Errorf("the root of the tree ended: %s", e)
}

// close drains the tree, then gives back sandboxes and store. A force cuts the drain off.
func (d *daemon) close(force <-chan struct{}) (End, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d.opts.Drain)
	defer cancel()
	forced := make(chan []string, 1) // capacity 1: what was under way; never closed
	done := make(chan struct{})      // capacity 0; closed below
	go func() {                      // owner: close, by done; ends: force or done
		select {
		case <-force:
			forced <- d.underWay()
			cancel()
		case <-done:
		}
	}()
	p, err := d.host.Shutdown(ctx, base.ReasonShutdown, d.opts.Grace)
	close(done)
	end := End{Proof: p}
	select {
	case end.Cut = <-forced:
		end.Forced = true
	default:
	}
	if end.Forced || !p.Quiescent() {
		d.rec.add(d.cfg.Tree.Name, marker.Lifecycle{Event: "cut_off", Reason: p.String(), Cause: strings.Join(end.Cut, "; ")})
	}
	d.rec.add(d.cfg.Tree.Name, marker.Lifecycle{Event: "shutdown", Reason: p.String()})
	d.stop()
	d.upkeep.Wait()
	d.rec.prune.Wait()
	d.acc.close()
	return end, errors.Join(err, d.iso.Close(context.Background()), d.store.Close())
}

// underWay names the extensions that have not ended, and what each is at.
func (d *daemon) underWay() (out []string) {
	for _, a := range d.host.Snapshot() {
		if v, ok := a.View.(extension.View); ok && a.State != "Down" {
			out = append(out, fmt.Sprintf("%s: %s(%s)", a.Path, a.State, extensionReason(v)))
		}
	}
	slices.Sort(out)
	return out
}

// metricsConns bounds the connections for metrics: whoever reaches the loopback may make them, and must not use up
// the descriptors that the API and the engines need.
const metricsConns = 64

// serveMetrics answers Prometheus where the configuration says so; nil where it does not.
func (d *daemon) serveMetrics() *http.Server {
	if d.metricsAt == nil {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", d.metrics())
	s := &http.Server{
		Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(d.opts.Log.Handler(), slog.LevelWarn),
	}
	go func() { _ = s.Serve(api.Limit(d.metricsAt, metricsConns)) }() // owner: serve closes it; ends: Close
	return s
}

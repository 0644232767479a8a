package daemon

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	extension "github.com/franken-node/fnode-supervisor/actors/extension/core"
	"github.com/franken-node/fnode-supervisor/config"
	"github.com/franken-node/fnode-supervisor/isolation"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/supervision/account"
	decisions "github.com/franken-node/fnode-supervisor/supervision/core"
)

// accounts writes the evidence of decisions (rule E1). What grants is written ahead; what protects has been done, and
// its evidence waits here, counted, while the store does not take it.
type accounts struct {
	s   *books
	log *slog.Logger

	mu      sync.Mutex
	waiting []core.Tx // guarded by mu: in the order of the decisions, at most mostWaiting
	lost    uint64    // guarded by mu: decisions that found no place to wait
	closed  bool      // guarded by mu
	trying  bool      // guarded by mu: a goroutine tries again
	stop    chan struct{}
	done    sync.WaitGroup
}

const (
	mostWaiting = 8192
	tryEvery    = time.Second
)

func newAccounts(s *books, log *slog.Logger) *accounts {
	return &accounts{s: s, log: log, stop: make(chan struct{})}
}

// decided takes a supervisor's decision. It never blocks an actor.
func (a *accounts) decided(e actors.Event) {
	d, ok := e.Body.(*decisions.Decision)
	if !ok {
		return
	}
	entry, err := account.Entry(d)
	if err != nil {
		a.log.Error("a decision cannot be written down", "path", e.Path, "decision", e.Detail, "err", err)
		return
	}
	a.protect(e.Path, entry)
}

// protect writes evidence of what was done already.
func (a *accounts) protect(path string, e evidence.Entry) {
	b, err := e.Encode()
	if err != nil {
		a.log.Error("a decision cannot be written down", "path", path, "kind", e.Kind, "err", err)
		return
	}
	tx := core.Tx{Kind: e.Record(), Actor: path, Body: b}
	a.mu.Lock()
	behind := len(a.waiting) > 0 // nothing overtakes
	if behind {
		a.wait(tx)
	}
	a.mu.Unlock()
	if !behind {
		a.s.Commit(tx, func(r core.Result) {
			if r.Err != nil {
				a.refused(tx, r.Err)
			}
		})
	}
}

func (a *accounts) refused(tx core.Tx, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.waiting) == 0 {
		a.log.Warn("evidence waits for the store", "err", err)
	}
	a.wait(tx)
}

// wait keeps a transaction for later. Preconditions: mu is held.
func (a *accounts) wait(tx core.Tx) {
	if len(a.waiting) >= mostWaiting || a.closed {
		a.lost++
		return
	}
	a.waiting = append(a.waiting, tx)
	if !a.trying {
		a.trying = true
		a.done.Go(a.again) // owner: close joins it; ends: nothing waits, or stop
	}
}

// again tries what waits, in order, until all of it is written.
func (a *accounts) again() {
	tick := time.NewTicker(tryEvery)
	defer tick.Stop()
	for {
		select {
		case <-a.stop:
			return
		case <-tick.C:
		}
		for a.next() {
		}
		a.mu.Lock()
		if len(a.waiting) == 0 {
			a.trying = false
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
	}
}

// next writes the oldest that waits and waits for it; it says whether to go on.
func (a *accounts) next() bool {
	a.mu.Lock()
	if len(a.waiting) == 0 {
		a.mu.Unlock()
		return false
	}
	tx := a.waiting[0]
	a.mu.Unlock()
	if err := a.commit(context.Background(), tx); err != nil {
		return false
	}
	a.mu.Lock()
	a.waiting = a.waiting[1:]
	a.mu.Unlock()
	return true
}

func (a *accounts) commit(ctx context.Context, tx core.Tx) error {
	done := make(chan error, 1) // capacity 1: the one answer; never closed
	a.s.Commit(tx, func(r core.Result) { done <- r.Err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// state is how many decisions wait and how many found no place.
func (a *accounts) state() (waiting int, lost uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.waiting), a.lost
}

// close makes a last try and says what is lost.
func (a *accounts) close() {
	close(a.stop)
	a.done.Wait()
	for a.next() {
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed = true; len(a.waiting) > 0 || a.lost > 0 {
		a.log.Error("decisions are without evidence: the store did not take it", "decisions", uint64(len(a.waiting))+a.lost)
	}
}

// activate decides for every extension of a tree whether it may run, and writes down what it grants before anything
// has an effect: no entry, no effect. What was granted already, unchanged, is not granted again.
func (d *daemon) activate(ctx context.Context, cat *catalog) error {
	var faults []error
	each(cat.cfg.Tree, "", func(path string, e *config.Extension) {
		p := cat.pkgs[path]
		s := isolation.Spec{Name: e.Name, Path: d.opts.Engine, Profile: p.profile, Seals: true}
		missing, err := d.iso.Lacking(s)
		if err != nil {
			faults = append(faults, err)
			return
		}
		in := extension.Inputs{
			Path: path, Name: p.name, Version: p.version, Digest: p.digest, Profile: p.profile, Capabilities: p.caps,
			Memory: p.limits.memory, Heap: p.limits.heap, Pids: p.limits.pids, KV: p.limits.kv, MilliCPU: int64(p.limits.cpu * 1000),
			Invoke: int64(p.limits.invoke), Queue: p.queue, MayDegrade: d.opts.AllowDegraded,
		}
		for _, m := range missing {
			in.Missing = append(in.Missing, string(m.Layer))
		}
		if err := d.account(ctx, path, in); err != nil {
			faults = append(faults, err)
		} else if err := d.iso.Permit(s); err != nil {
			faults = append(faults, err)
		}
	})
	return joined("%d extensions cannot run here", faults)
}

// account writes the decision about one activation down.
func (d *daemon) account(ctx context.Context, path string, in extension.Inputs) error {
	e, err := extension.Entry(in)
	if err != nil {
		return err
	}
	b, err := e.Encode()
	if err != nil {
		return err
	}
	if spec.DecisionNamed(e.Kind).Weight == spec.Protective {
		d.acc.protect(path, e)
		return nil
	}
	key := "granted/" + path
	if have, ok, err := d.store.Read(key); err == nil && ok && string(have) == string(b) {
		return nil
	}
	if err := d.acc.commit(ctx, core.Tx{Kind: e.Record(), Actor: path, Body: b, Set: []core.KV{{Key: key, Value: b}}}); err != nil {
		return codes.New(codes.NotGranted, "%s is not activated: its grant could not be written", path).Wrap(err)
	}
	return nil
}

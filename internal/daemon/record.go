package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/config"
	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/supervision"
)

// books is the store as the daemon uses it: it counts what is not written.
type books struct {
	*store.Store
	refused atomic.Uint64 // by Commit's answers: for want of room, or because the store is closed or stopped
	failed  atomic.Uint64 // by them: nobody knows whether it was written
}

// Commit hands tx to the store. What the state or a quota of it refuses is an answer like any other.
func (b *books) Commit(tx core.Tx, done func(core.Result)) {
	b.Store.Commit(tx, func(r core.Result) {
		switch c := codes.From(r.Err); {
		case r.Err == nil, c != nil && (c.Code == codes.Conflict || c.Code == codes.QuotaExceeded || c.Code == codes.BadTx):
		case c != nil && c.HasEffect && c.Effect == base.EffectNone:
			b.refused.Add(1)
		default:
			b.failed.Add(1)
		}
		done(r)
	})
}

// recorder writes what happens to the tree into the ledger, and into the history of each path in the same transaction,
// behind the committer's back: it never blocks an actor.
type recorder struct {
	s     *books
	boot  string
	log   *slog.Logger
	order atomic.Uint64
	once  sync.Once
	prune sync.WaitGroup // prunes under way
}

// pruneEvery is how many records are added between two prunes of a running daemon.
const pruneEvery = 2048

func newRecorder(s *books, boot string, log *slog.Logger) *recorder {
	return &recorder{s: s, boot: boot, log: log}
}

// untold are the events that are in the ledger only: the history of a path is what happened to it.
var untold = map[string]bool{"added": true, "removed": true, "asked": true, "shutdown": true}

// add records what happened to the node at path. done may be nil.
func (r *recorder) add(path string, l marker.Lifecycle) { r.tell(path, l, func() {}) }

func (r *recorder) tell(path string, l marker.Lifecycle, done func()) {
	l.Boot = r.boot
	if l.At == 0 {
		l.At = time.Now().UnixNano()
	}
	tx, err := r.tx(path, l)
	if err != nil {
		r.log.Error("a record could not be encoded", "path", path, "err", err)
		done()
		return
	}
	r.s.Commit(tx, func(res core.Result) {
		if res.Err != nil {
			r.once.Do(func() { r.log.Error("what happens is not recorded any more", "err", res.Err) })
		}
		done()
	})
}

// tx is one marker: of the ledger, and with the history's key.
func (r *recorder) tx(path string, l marker.Lifecycle) (tx core.Tx, err error) {
	if !untold[l.Event] {
		n := r.order.Add(1)
		if n%pruneEvery == 0 {
			r.prune.Go(func() { _, _ = r.s.Prune() }) // owner: close joins it; ends: what is old is deleted, or the store refuses
		}
		tx, err = store.Append(store.Record{
			Path: path, Event: l.Event, Incarnation: l.Incarnation, Reason: l.Reason, Cause: l.Cause, At: l.At, Boot: l.Boot,
		}, r.s.Opened(), n)
		if err != nil {
			return tx, err
		}
	}
	for _, f := range []*string{&l.Reason, &l.Cause} {
		*f = strings.ToValidUTF8((*f)[:min(len(*f), 2<<10)], "")
	}
	above, _, _ := cutLast(path)
	tx.Kind, tx.Actor, tx.Region = "lifecycle", path, above
	tx.Body, err = marker.Encode(&l)
	return tx, err
}

// recorded are the kernel's events that are recorded.
var recorded = map[actors.EventKind]bool{
	actors.EventStarted: true, actors.EventEnded: true, actors.EventWedged: true, actors.EventLeaked: true, "report": true,
}

// happened is the sink of the kernel's events: ring, ledger, log.
func (d *daemon) happened(e actors.Event) {
	if e.Kind == actors.EventSpawned || e.Kind == actors.EventRetired {
		return
	}
	if e.Kind == supervision.EventDecided {
		d.acc.decided(e)
		return
	}
	d.count(e)
	cause, code := causeOf(e)
	ev := api.Event{Type: string(e.Kind), Path: e.Path, Time: e.At, Detail: detail(e, cause), Code: code}
	d.events.Append(ev)
	if recorded[e.Kind] && d.rec != nil {
		l := marker.Lifecycle{Event: string(e.Kind), Incarnation: uint32(e.Incarnation), Reason: detail(e, ""), Cause: cause, Code: code, At: e.At.UnixNano()}
		d.rec.add(e.Path, l)
		if path, reason := contained(e); path != "" {
			l.Event, l.Reason = "quarantined", reason
			d.rec.add(path, l)
		}
	}
	switch e.Kind {
	case actors.EventWedged, actors.EventLeaked, actors.EventViolated, actors.EventPanicked, actors.EventStuck:
		d.opts.Log.Error(string(e.Kind), "path", e.Path, "detail", ev.Detail)
	case "report":
		d.opts.Log.Warn(string(e.Kind), "path", e.Path, "detail", ev.Detail)
	default:
		d.opts.Log.Debug(string(e.Kind), "path", e.Path, "detail", ev.Detail)
	}
}

// contained finds the child that a supervisor's report puts into quarantine (S7), and why.
func contained(e actors.Event) (path, reason string) {
	what, ok := strings.CutPrefix(e.Detail, "quarantined ")
	if e.Kind != "report" || !ok {
		return "", ""
	}
	path, why, _ := strings.Cut(what, ": ")
	loop, last, _ := strings.Cut(strings.TrimPrefix(why, "crashed: "), "; last: ")
	return path, loop + "; last end: " + last
}

// recordTree puts the nodes of a configured tree into the ledger. It waits now and then, so that the store can follow.
func (r *recorder) recordTree(s config.Supervisor) {
	var all sync.WaitGroup
	n := 0
	plant(config.Child{Supervisor: &s}, "", 0, func(path string, node marker.Node) {
		if n++; n%1024 == 0 {
			all.Wait()
		}
		all.Add(1)
		r.tell(path, marker.Lifecycle{Event: "added", Node: &node}, all.Done)
	})
	all.Wait()
}

// plant walks what a configured child is, parents before children, in the order of their start.
func plant(c config.Child, above string, place int, f func(path string, n marker.Node)) {
	if e := c.Extension; e != nil {
		f(above+e.Name, marker.Node{Kind: "extension", Restart: e.Policy.Restart, Place: uint32(place)})
		return
	}
	s := c.Supervisor
	n := marker.Node{Kind: "supervisor", Strategy: s.Strategy, Restart: s.Policy.Restart, Place: uint32(place)}
	if above == "" {
		n.Restart = ""
	}
	f(above+s.Name, n)
	for i, ch := range s.Children {
		plant(ch, above+s.Name+"/", i, f)
	}
}

func detail(e actors.Event, cause string) string {
	switch e.Kind {
	case actors.EventEnded:
		return e.Exit.String()
	case actors.EventClosed:
		return e.Proof.String()
	case actors.EventDeadLetter:
		return e.Detail + ": " + cause
	}
	return e.Detail
}

// causeOf is the first cause of an event, and its code, or that of the error nearest to it.
func causeOf(e actors.Event) (cause, code string) {
	err := e.Err
	if err == nil {
		err = e.Exit.Err
	}
	if err == nil {
		return "", ""
	}
	last := firstCause(err)
	for ; err != nil; err = errors.Unwrap(err) {
		if c := codes.From(err); c != nil {
			code = c.Code.ID
		}
	}
	return last.Error(), code
}

func (d *daemon) event(kind, path, detail string, attrs map[string]string) {
	d.events.Append(api.Event{Type: kind, Path: path, Detail: detail, Attrs: attrs})
}

// howWords says how an open went, in one line.
func howWords(h store.How, head uint64) string {
	if h.Fresh {
		return fmt.Sprintf("a new ledger, in %s", h.Took.Round(time.Millisecond))
	}
	s := fmt.Sprintf("%d markers up to %d, %d after the witness", h.Markers, head, h.Beyond)
	if h.Torn {
		s += fmt.Sprintf("; a torn tail was cut, %d whole frames in it that nobody was told of", h.Cut)
	}
	if h.Rebuilt != "" {
		s += "; the state was made anew: " + h.Rebuilt
	}
	for _, one := range h.Skipped {
		s += "; a snapshot was skipped: " + one
	}
	return s + fmt.Sprintf("; in %s", h.Took.Round(time.Millisecond))
}

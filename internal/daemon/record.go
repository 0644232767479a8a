package daemon

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/api"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/supervision"
)

// recorder writes the history behind the committer's back: it never blocks an actor.
type recorder struct {
	s     *store.Store
	boot  string
	log   *slog.Logger
	order atomic.Uint64
	once  sync.Once
	prune sync.WaitGroup // prunes under way
}

// pruneEvery is how many records are added between two prunes of a running daemon.
const pruneEvery = 2048

func newRecorder(s *store.Store, boot string, log *slog.Logger) *recorder {
	return &recorder{s: s, boot: boot, log: log}
}

func (r *recorder) add(rec store.Record) {
	rec.Boot = r.boot
	n := r.order.Add(1)
	if n%pruneEvery == 0 {
		r.prune.Go(func() { _, _ = r.s.Prune() }) // owner: close joins it; ends: what is old is deleted, or the store refuses
	}
	tx, err := store.Append(rec, r.s.Opened(), n)
	if err != nil {
		r.log.Error("a history record could not be encoded", "path", rec.Path, "err", err)
		return
	}
	r.s.Commit(tx, func(res core.Result) {
		if res.Err != nil {
			r.once.Do(func() { r.log.Error("the history is not written any more", "err", res.Err) })
		}
	})
}

// recorded are the events that go into the history.
var recorded = map[actors.EventKind]bool{
	actors.EventStarted: true, actors.EventEnded: true, actors.EventWedged: true, actors.EventLeaked: true, "report": true,
}

// happened is the sink of the kernel's events: ring, history, log.
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
		d.rec.add(store.Record{Path: e.Path, Event: string(e.Kind), Incarnation: uint32(e.Incarnation), Reason: detail(e, ""), Cause: cause, At: e.At.UnixNano()})
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

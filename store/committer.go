package store

import (
	"strings"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/fxamacker/cbor/v2"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// The bounds of a group: it is one transaction of Badger's, which takes 15% of a memtable.
const (
	groupBytes  = 2 * core.MaxBytes
	groupWrites = 8192
)

// pending is a transaction that waits for the committer.
type pending struct {
	tx    core.Tx
	entry entry // its marker, as far as it is known, and its payload
	done  func(core.Result)
	ask   chan error // a checkpoint is asked for, and there is no transaction; else nil
}

// applying is a durable group on its way to the applier.
type applying struct {
	items []core.Item
	mark  *mark      // what a checkpoint of the state after it says; nil: none is wanted
	ask   chan error // who waits for that; nil: nobody
}

// mark is the stream as of a marker.
type mark struct {
	place marker.Place
	root  marker.ID
	peaks []marker.ID // of the range up to place
}

// encode makes the payload of a transaction, on the goroutine of whoever commits.
func encode(p *pending) error {
	tx := &p.tx
	kind := spec.RecordNamed(tx.Kind)
	if kind == nil {
		return codes.New(codes.BadTx, "there is no kind of record %q", tx.Kind).Outcome(base.EffectNone)
	}
	if err := core.Check(*tx); err != nil {
		return err
	}
	says := marker.Payload{Region: tx.Region, Actor: tx.Actor, Body: cbor.RawMessage(tx.Body)}
	if len(tx.Set) > 0 {
		says.Set = make([]marker.Pair, len(tx.Set))
		for i, kv := range tx.Set {
			says.Set[i] = marker.Pair{Key: cbor.ByteString(kv.Key), Value: kv.Value}
		}
	}
	for _, k := range tx.Delete {
		says.Delete = append(says.Delete, cbor.ByteString(k))
	}
	b, err := marker.Encode(&says)
	if err != nil {
		return codes.New(codes.BadTx, "its payload cannot be encoded: %v", err).Outcome(base.EffectNone)
	}
	p.entry = entry{payload: b, Marker: marker.Marker{
		Kind: kind.Code, Trace: tx.Trace, Region: marker.TagOf(tx.Region), Actor: marker.TagOf(tx.Actor),
		Digest: marker.DigestOf(b), Length: uint32(len(b)),
	}}
	return nil
}

// run is the committer: it takes what is queued, in groups, until the queue is closed.
func (s *Store) run() {
	defer close(s.groups)
	for first := range s.queue {
		group, ask := s.gather(first)
		if len(group) > 0 {
			s.commit(group)
		}
		if ask != nil { // nothing is on its way to the disk
			s.since = 0
			s.groups <- applying{mark: s.mark(), ask: ask}
		}
	}
}

// gather takes what waits, up to the bounds of a group, or to where a checkpoint is asked for.
func (s *Store) gather(first *pending) (group []core.Item, ask chan error) {
	bytes, writes := 0, 0
	take := func(p *pending) {
		if p.ask != nil {
			ask = p.ask
			return
		}
		group = append(group, core.Item{Tx: p.tx, Tag: p})
		bytes, writes = bytes+len(p.entry.payload), writes+len(p.tx.Set)+len(p.tx.Delete)
	}
	take(first)
	for ask == nil && len(group) < s.opts.Group && bytes <= groupBytes-core.MaxBytes && writes <= groupWrites-core.MaxWrites {
		select {
		case p, ok := <-s.queue:
			if !ok {
				return group, ask
			}
			take(p)
		default:
			return group, ask
		}
	}
	return group, ask
}

// commit takes one group through check, append and sync, and hands it to the applier.
func (s *Store) commit(group []core.Item) {
	need := int64(0)
	for _, it := range group {
		need += int64(marker.FrameSize(len(it.Tag.(*pending).entry.payload)))
	}
	room := s.room(need)
	s.mu.Lock()
	out := s.core.Take(group, room)
	s.mu.Unlock()
	s.do(out)
}

// do carries out commands; after one that fails, what that leads to.
func (s *Store) do(out []core.Do) {
	var began time.Time
	for _, d := range out {
		switch d.Command {
		case core.Answer:
			answer(d.Items)
		case core.Append:
			began = time.Now()
			now := s.opts.Now()
			s.entries = s.entries[:0]
			for _, it := range d.Items {
				e := &it.Tag.(*pending).entry
				e.Time = now
				s.entries = append(s.entries, *e)
			}
			if err := s.log.append(s.entries); err != nil {
				s.fail(err)
				return
			}
		case core.Sync:
			err := s.log.sync()
			if err != nil {
				s.fail(err)
				return
			}
			s.opts.Synced(len(d.Items), time.Since(began))
			s.mu.Lock()
			next := s.core.Durable(nil)
			s.mu.Unlock()
			s.do(next)
		case core.Apply:
			s.groups <- applying{items: d.Items, mark: s.wanted(len(d.Items))}
		}
	}
}

// fail stops the writer for good, and says so to whoever asks.
func (s *Store) fail(err error) {
	if err == nil {
		return
	}
	s.told.CompareAndSwap(nil, &err)
	s.mu.Lock()
	out := s.core.Fail(err)
	s.mu.Unlock()
	s.do(out)
}

func answer(items []core.Item) {
	for _, it := range items {
		r := core.Result{Seq: it.Seq, Err: it.Err}
		if it.Err != nil {
			r.Seq = 0
		}
		it.Tag.(*pending).done(r)
	}
}

// room says what is refused for want of room. It also makes the room that the group needs in the stream, before
// anything is decided: what finds none is refused, and nothing is half written.
func (s *Store) room(need int64) core.Level {
	if err := s.lost(); err != nil {
		s.fail(err)
		return core.Level{}
	}
	full := s.opts.room(s.opts.Reserve)
	if s.told.Load() == nil {
		if err := s.log.reserve(need); noRoom(err) {
			full = codes.New(codes.DiskFull, "the next segment of the ledger finds no room under %s", s.opts.Dir).Wrap(err).Outcome(base.EffectNone)
			return core.Level{Stop: spec.StopsAtEmpty + 1, Err: full}
		} else if err != nil {
			s.fail(err)
		}
	}
	if full != nil {
		return core.Level{Stop: spec.StopsAtEmpty, Err: full}
	}
	return s.opts.level(s.log.size())
}

// level says what is refused at this size of the ledger (rule D8).
func (o Options) level(bytes int64) core.Level {
	switch {
	case o.Quota <= 0 || bytes < o.Quota/10*9:
		return core.Level{}
	case bytes < o.Quota:
		return core.Level{Stop: spec.StopsAtHigh, Err: quotaError(bytes, o.Quota)}
	}
	return core.Level{Stop: spec.StopsAtFull, Err: quotaError(bytes, o.Quota)}
}

func quotaError(bytes, quota int64) error {
	return codes.New(codes.LedgerFull, "the ledger has %d MiB of the %d MiB it may have", bytes>>20, quota>>20).Outcome(base.EffectNone)
}

// apply is the applier: it writes durable groups to the state and acknowledges them, in order, until the committer
// ends.
func (s *Store) apply() {
	for g := range s.groups {
		err := s.staleness()
		if g.ask != nil {
			s.keepFor(g, err)
			continue
		}
		if err == nil {
			err = s.st.apply(g.items)
		}
		s.mu.Lock()
		out := s.core.Applied(err)
		if stale := s.core.Stale(); stale != nil {
			s.stale.CompareAndSwap(nil, &stale)
		}
		s.mu.Unlock()
		if err == nil && g.mark != nil {
			s.keep(keeping{mark: g.mark})
		}
		s.do(out)
	}
}

func (s *Store) staleness() error {
	if e := s.stale.Load(); e != nil {
		return *e
	}
	return nil
}

// base is what the committer checks against under what it accepted: the applied state.
type applied struct{ s *Store }

// Get looks a key up in the state.
func (a applied) Get(key string) ([]byte, bool, error) { return a.s.st.lookup(key) }

// Usage counts what a prefix holds in the state.
func (a applied) Usage(prefix string, skip func(string) bool) (bytes, keys int64, err error) {
	return a.s.st.usage(prefix, skip)
}

// keep hands the state as it is now to the keeper, unless it has enough to do.
func (s *Store) keep(k keeping) bool {
	k.txn = s.st.db.NewTransaction(false)
	select {
	case s.marks <- k:
		return true
	default:
		k.txn.Discard()
		return false
	}
}

// keepFor does so for somebody who waits.
func (s *Store) keepFor(g applying, err error) {
	if err == nil && !s.keep(keeping{mark: g.mark, ask: g.ask}) {
		err = codes.New(codes.StoreBusy, "a checkpoint is being written, and another one waits").Outcome(base.EffectNone)
	}
	if err != nil {
		g.ask <- err
	}
}

type keeping struct {
	*mark
	txn *badger.Txn
	ask chan error // who waits; nil: nobody
}

// private says that a key is of the store's own.
func private(key string) bool { return strings.HasPrefix(key, "\x00") }

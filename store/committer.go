package store

import (
	"errors"
	"maps"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/core"
)

// seqKey holds the number of the last commit.
const seqKey = "\x00seq"

// groupBytes bounds one group, so that it fits one Badger transaction (15% of a memtable).
const groupBytes = 2 * core.MaxBytes

// run is the committer: it takes what is queued, decides in order, writes one group, syncs once, and
// answers in order.
func (s *Store) run(seq uint64) {
	for first := range s.queue {
		group, bytes := []pending{first}, core.Size(first.tx)
		for len(group) < s.opts.Group && bytes <= groupBytes-core.MaxBytes {
			select {
			case p, ok := <-s.queue:
				if !ok {
					s.commit(group, &seq)
					return
				}
				group, bytes = append(group, p), bytes+core.Size(p.tx)
				continue
			default:
			}
			break
		}
		s.commit(group, &seq)
	}
}

// commit decides a group against the state and itself, writes the accepted ones and answers all.
func (s *Store) commit(group []pending, seq *uint64) {
	v := &view{s: s, over: map[string][]byte{}}
	results := make([]core.Result, len(group))
	accepted := 0
	if s.failed == nil {
		s.fail(s.lost())
	}
	full := s.opts.room(s.opts.Reserve)
	for i, p := range group {
		if full != nil && s.failed == nil && len(p.tx.Set) > 0 { // what only deletes makes room
			results[i].Err = full
			continue
		}
		if s.failed != nil {
			results[i].Err = stopped(s.failed)
			continue
		}
		if err := core.Decide(v, p.tx); err != nil {
			results[i].Err = err
			continue
		}
		if err := v.apply(p.tx); err != nil {
			results[i].Err = err
			continue
		}
		*seq++
		accepted++
		results[i].Seq = *seq
	}
	if accepted > 0 {
		if err := s.write(v.over, *seq); err != nil {
			s.fail(err)
			s.use = usage{}
			for i := range results {
				if results[i].Err == nil {
					results[i] = core.Result{Err: codes.New(codes.StoreStopped, "the commit could not be synced").Wrap(err).Outcome(base.EffectUnknown)}
				}
			}
		}
	}
	for i, p := range group {
		p.done(results[i])
	}
}

// fail stops the store for good, unless err is nil.
func (s *Store) fail(err error) {
	if err != nil {
		s.failed = err
		s.told.Store(&err)
	}
}

func stopped(why error) error {
	return codes.New(codes.StoreStopped, "the store stopped writing: %v", why).Wrap(why).Outcome(base.EffectNone)
}

// write puts one group into Badger in one transaction and syncs once: that sync is the commit.
func (s *Store) write(over map[string][]byte, seq uint64) (err error) {
	defer caught(&err)
	err = s.db.Update(func(t *badger.Txn) error {
		for k, v := range over {
			var err error
			if v == nil {
				err = t.Delete([]byte(k))
			} else {
				err = t.Set([]byte(k), v)
			}
			if err != nil {
				return err
			}
		}
		return t.Set([]byte(seqKey), bytes8(seq))
	})
	if err != nil {
		return err
	}
	return s.db.Sync()
}

// caught turns a panic of Badger, which a damaged file can cause, into an error.
func caught(err *error) {
	if v := recover(); v != nil {
		*err = codes.New(codes.StoreDamaged, "the state cannot be read: %v", v)
	}
}

// view is the state under the writes of the group so far.
type view struct {
	s    *Store
	over map[string][]byte // nil value: deleted
}

// Get looks a key up in the group, then in the state.
func (v *view) Get(key string) (b []byte, ok bool, err error) {
	if b, ok := v.over[key]; ok {
		return b, b != nil, nil
	}
	return v.s.lookup(key)
}

// Usage is what a prefix holds: counted once, then kept up to date by the committer.
func (v *view) Usage(prefix string) (bytes, keys int64, err error) {
	u, ok := v.s.use[prefix]
	if !ok {
		if u, err = v.s.count(prefix, v.over); err != nil {
			return 0, 0, err
		}
		v.s.use[prefix] = u
	}
	return u.bytes, u.keys, nil
}

// apply lays an accepted transaction over the view. Every key is read before anything is changed.
func (v *view) apply(tx core.Tx) error {
	type write struct {
		key      string
		old, val []byte
		had      bool
	}
	var writes []write
	look := func(k string, val []byte) error {
		old, had, err := v.Get(k)
		writes = append(writes, write{k, old, val, had})
		return err
	}
	var errs []error
	for _, kv := range tx.Set {
		errs = append(errs, look(kv.Key, append(make([]byte, 0, len(kv.Value)), kv.Value...)))
	}
	for _, k := range tx.Delete {
		errs = append(errs, look(k, nil))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, w := range writes {
		if b, again := v.over[w.key]; again { // written before in this very group
			w.old, w.had = b, b != nil
		}
		v.s.use.change(w.key, w.old, w.had, w.val)
		v.over[w.key] = w.val
	}
	return nil
}

// usage holds the counts of the prefixes that a quota was asked for.
type usage map[string]count

type count struct{ bytes, keys int64 }

func (u usage) change(key string, old []byte, had bool, val []byte) {
	for p, c := range u {
		if !strings.HasPrefix(key, p) {
			continue
		}
		if had {
			c.bytes, c.keys = c.bytes-int64(len(key)+len(old)), c.keys-1
		}
		if val != nil {
			c.bytes, c.keys = c.bytes+int64(len(key)+len(val)), c.keys+1
		}
		u[p] = c
	}
}

func (s *Store) count(prefix string, over map[string][]byte) (c count, err error) {
	defer caught(&err)
	seen := maps.Clone(over)
	for k, v := range seen {
		if v != nil && strings.HasPrefix(k, prefix) {
			c.bytes, c.keys = c.bytes+int64(len(k)+len(v)), c.keys+1
		}
	}
	err = s.db.View(func(t *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix, o.PrefetchValues = []byte(prefix), false
		it := t.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if _, ok := seen[string(it.Item().Key())]; !ok {
				c.bytes, c.keys = c.bytes+it.Item().KeySize()+it.Item().ValueSize(), c.keys+1
			}
		}
		return nil
	})
	return c, err
}

func bytes8(n uint64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(n >> (56 - 8*i))
	}
	return b
}

func number(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

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

// run is the committer: it takes what is queued, decides in order, writes one group, syncs once, and
// answers in order.
func (s *Store) run() {
	var seq uint64
	if b, ok, err := s.Read(seqKey); err == nil && ok {
		seq = number(b)
	}
	for first := range s.queue {
		group := []pending{first}
		for len(group) < s.opts.Group {
			select {
			case p, ok := <-s.queue:
				if !ok {
					s.commit(group, &seq)
					return
				}
				group = append(group, p)
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
	for i, p := range group {
		if s.failed != nil {
			results[i].Err = codes.New(codes.StoreStopped, "the store stopped writing").Wrap(s.failed).Outcome(base.EffectNone)
			continue
		}
		if err := core.Decide(v, p.tx); err != nil {
			results[i].Err = err
			continue
		}
		v.apply(p.tx)
		*seq++
		accepted++
		results[i].Seq = *seq
	}
	if accepted > 0 {
		if err := s.write(v.over, *seq); err != nil {
			s.failed = err
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

// write puts one group into Badger and syncs once: that sync is the commit.
func (s *Store) write(over map[string][]byte, seq uint64) error {
	b := s.db.NewWriteBatch()
	defer b.Cancel()
	for k, v := range over {
		var err error
		if v == nil {
			err = b.Delete([]byte(k))
		} else {
			err = b.Set([]byte(k), v)
		}
		if err != nil {
			return err
		}
	}
	if err := b.Set([]byte(seqKey), bytes8(seq)); err != nil {
		return err
	}
	return errors.Join(b.Flush(), s.db.Sync())
}

// view is the state under the writes of the group so far.
type view struct {
	s    *Store
	over map[string][]byte // nil value: deleted
}

// Get looks a key up in the group, then in the state.
func (v *view) Get(key string) ([]byte, bool) {
	if b, ok := v.over[key]; ok {
		return b, b != nil
	}
	var out []byte
	err := v.s.db.View(func(t *badger.Txn) error {
		it, err := t.Get([]byte(key))
		if err != nil {
			return err
		}
		out, err = it.ValueCopy(nil)
		return err
	})
	if err == nil && out == nil {
		out = []byte{}
	}
	return out, err == nil
}

// Usage is what a prefix holds: counted once, then kept up to date by the committer.
func (v *view) Usage(prefix string) (bytes, keys int64) {
	u, ok := v.s.use[prefix]
	if !ok {
		u = v.s.count(prefix, v.over)
		v.s.use[prefix] = u
	}
	return u.bytes, u.keys
}

func (v *view) apply(tx core.Tx) {
	put := func(k string, val []byte) {
		old, had := v.Get(k)
		v.s.use.change(k, old, had, val)
		v.over[k] = val
	}
	for _, kv := range tx.Set {
		put(kv.Key, append(make([]byte, 0, len(kv.Value)), kv.Value...))
	}
	for _, k := range tx.Delete {
		put(k, nil)
	}
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

func (s *Store) count(prefix string, over map[string][]byte) (c count) {
	seen := maps.Clone(over)
	for k, v := range seen {
		if v != nil && strings.HasPrefix(k, prefix) {
			c.bytes, c.keys = c.bytes+int64(len(k)+len(v)), c.keys+1
		}
	}
	_ = s.db.View(func(t *badger.Txn) error { // a view of an open database does not fail
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
	return c
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

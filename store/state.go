package store

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/dgraph-io/badger/v4"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// seqKey holds the sequence of the last marker that was applied.
const seqKey = "\x00seq"

// state is Badger: derived from the stream (rule D2), opened only where its files are those that were left.
type state struct{ db *badger.DB }

// openBadger opens Badger small: one supervisor's state is a few megabytes. A panic of Badger on a
// damaged folder is an error here.
func openBadger(dir string, log *slog.Logger) (st *state, err error) {
	defer func() {
		if v := recover(); v != nil {
			st, err = nil, fmt.Errorf("badger: %v", v)
		}
	}()
	o := badger.DefaultOptions(dir).WithLogger(quiet{log}).WithSyncWrites(false).
		WithMemTableSize(32 << 20).WithNumMemtables(2).WithNumLevelZeroTables(2).WithNumLevelZeroTablesStall(4).
		WithValueLogFileSize(32 << 20).WithBlockCacheSize(4 << 20).WithIndexCacheSize(2 << 20).
		WithNumCompactors(2).WithMetricsEnabled(false).WithDetectConflicts(false)
	db, err := badger.Open(o)
	return &state{db}, err
}

// quiet sends Badger's chatter to the log's debug level.
type quiet struct{ log *slog.Logger }

func (q quiet) Errorf(f string, a ...any) {
	q.log.Warn("badger: " + strings.TrimSpace(fmt.Sprintf(f, a...)))
}

func (q quiet) Warningf(f string, a ...any) {
	q.log.Debug("badger: " + strings.TrimSpace(fmt.Sprintf(f, a...)))
}

func (q quiet) Infof(f string, a ...any) {
	q.log.Debug("badger: " + strings.TrimSpace(fmt.Sprintf(f, a...)))
}
func (q quiet) Debugf(f string, a ...any) {}

// caught turns a panic of Badger, which a damaged file can cause, into an error.
func caught(err *error) {
	if v := recover(); v != nil {
		*err = codes.New(codes.StoreDamaged, "the state cannot be read: %v", v)
	}
}

// apply writes a durable group, as one transaction.
func (st *state) apply(group []core.Item) (err error) {
	defer caught(&err)
	return st.db.Update(func(t *badger.Txn) error {
		for i := range group {
			for _, kv := range group[i].Tx.Set {
				if err := t.Set([]byte(kv.Key), kv.Value); err != nil {
					return err
				}
			}
			for _, k := range group[i].Tx.Delete {
				if err := t.Delete([]byte(k)); err != nil {
					return err
				}
			}
		}
		return t.Set([]byte(seqKey), bytes8(group[len(group)-1].Seq))
	})
}

// lookup reads one key; a key that is not there is no error.
func (st *state) lookup(key string) (v []byte, ok bool, err error) {
	defer caught(&err)
	err = st.db.View(func(t *badger.Txn) error {
		it, err := t.Get([]byte(key))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		ok = true
		if v, err = it.ValueCopy(nil); v == nil {
			v = []byte{}
		}
		return err
	})
	if err != nil {
		return nil, false, codes.New(codes.StoreDamaged, "the state cannot be read").Wrap(err)
	}
	return v, ok, nil
}

// each says how a prefix is walked.
type each struct {
	limit           int
	values, reverse bool
}

func (st *state) each(prefix string, e each, f func(string, []byte)) (err error) {
	defer caught(&err)
	err = st.db.View(func(t *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix, o.PrefetchValues, o.Reverse = []byte(prefix), e.values, e.reverse
		it := t.NewIterator(o)
		defer it.Close()
		from := []byte(prefix)
		if e.reverse {
			from = append(from, 0xff)
		}
		for it.Seek(from); it.Valid() && e.limit > 0; it.Next() {
			if it.Item().Key()[0] == 0 { // the store's own
				continue
			}
			e.limit--
			var v []byte
			if e.values {
				var err error
				if v, err = it.Item().ValueCopy(nil); err != nil {
					return err
				}
			}
			f(string(it.Item().KeyCopy(nil)), v)
		}
		return nil
	})
	if err != nil {
		return codes.New(codes.StoreDamaged, "the state cannot be read").Wrap(err)
	}
	return nil
}

// usage counts what a prefix holds, without the keys that skip names.
func (st *state) usage(prefix string, skip func(string) bool) (bytes, keys int64, err error) {
	defer caught(&err)
	err = st.db.View(func(t *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix, o.PrefetchValues = []byte(prefix), false
		it := t.NewIterator(o)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if !skip(string(it.Item().Key())) {
				bytes, keys = bytes+it.Item().KeySize()+it.Item().ValueSize(), keys+1
			}
		}
		return nil
	})
	return bytes, keys, err
}

// close closes Badger; a panic of its own is an error.
func (st *state) close() (err error) {
	defer caught(&err)
	return st.db.Close()
}

// mostState is how many files Badger's folder may have to be looked at.
const mostState = 10_000

// digests are the SHA-256 of every file in Badger's folder, by base name (rule D6). Badger's files are not under the
// file system of ours: it has no such seam.
func digests(dir string) (map[string]marker.ID, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > mostState {
		return nil, fmt.Errorf("%s has %d files", dir, len(entries))
	}
	out := map[string]marker.ID{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			return nil, fmt.Errorf("%s is no file of Badger's", filepath.Join(dir, e.Name()))
		}
		if out[e.Name()], err = digest(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func digest(name string) (id marker.ID, err error) {
	f, err := os.Open(name)
	if err != nil {
		return id, err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	h.Sum(id[:0])
	return id, errors.Join(err, f.Close())
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

package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/sys/unix"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/core"
)

// Options configure a store.
type Options struct {
	Dir   string       // created if missing, mode 0700
	Log   *slog.Logger // nil: slog.Default
	Queue int          // transactions that wait for the committer; default 4096
	Group int          // most transactions of one sync; default 256
	// Reserve is how many bytes of the file system stay free: below it commits are refused (codes.DiskFull).
	// Default 128 MiB: what Badger may write by itself, to flush and compact, before it gives room back.
	Reserve int64
	// Free says how many bytes are free under Dir. Default: statfs(2).
	Free func() (int64, error)
	// CloseTime bounds Close: Badger tries for ever to write what it still holds. Default 10 s.
	CloseTime time.Duration
}

// needed is what an open itself writes at most.
const needed = 4 << 20

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Queue == 0 {
		o.Queue = 4096
	}
	if o.Group == 0 {
		o.Group = 256
	}
	if o.Reserve == 0 {
		o.Reserve = 128 << 20
	}
	if o.CloseTime == 0 {
		o.CloseTime = 10 * time.Second
	}
	if o.Free == nil {
		o.Free = func() (int64, error) { return freeUnder(o.Dir) }
	}
	return o
}

func freeUnder(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(min(st.Bavail, 1<<40)) * st.Bsize, nil
}

// room refuses where less than least is free. A file system that does not say is taken to have room.
func (o Options) room(least int64) error {
	free, err := o.Free()
	if err != nil || free >= least {
		return nil
	}
	return codes.New(codes.DiskFull, "%s has %d MiB free, %d MiB are kept in reserve", o.Dir, free>>20, least>>20).Outcome(base.EffectNone)
}

// Room is the refusal that a commit would get now, for want of room on the disk or of the directory itself, or
// since the store has stopped; nil if it would be taken.
func (s *Store) Room() error {
	if failed := s.told.Load(); failed != nil {
		return stopped(*failed)
	}
	if err := s.lost(); err != nil {
		return err
	}
	return s.opts.room(s.opts.Reserve)
}

// lost says whether the directory is not ours any more: removed, or another one in its place. What is written
// then would go into files without a name, and nobody would ever read it.
func (s *Store) lost() error {
	mine, err := s.lock.Stat()
	if err != nil {
		return codes.New(codes.StoreUnusable, "the lock of %s cannot be looked at: %v", s.opts.Dir, err).Wrap(err)
	}
	if now, err := os.Stat(s.lock.Name()); err != nil || !os.SameFile(mine, now) {
		return codes.New(codes.StoreUnusable, "the data directory %s was taken away while it was in use", s.opts.Dir).Outcome(base.EffectNone)
	}
	return nil
}

// Store is an open data directory.
type Store struct {
	opts Options // immutable
	lock *os.File
	db   *badger.DB

	queue chan pending // capacity Options.Queue; closed by Close under mu
	mu    sync.RWMutex // guards closed against sends on queue
	shut  bool         // guarded by mu
	done  sync.WaitGroup

	opened uint64                // immutable
	failed error                 // owned by the committer: the first failed write
	told   atomic.Pointer[error] // atomic: the committer writes failed into it, for others
	use    usage                 // owned by the committer
}

type pending struct {
	tx   core.Tx
	done func(core.Result)
}

// Open takes the directory's lock and opens its state. The error is codes.StoreLocked (another daemon, by
// pid), codes.StoreUnusable (the directory), codes.DiskFull, or codes.StoreDamaged (its content).
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, codes.New(codes.StoreUnusable, "the data directory %s cannot be made: %s", o.Dir, reasonOf(err)).Wrap(err)
	}
	lock, err := takeLock(o.Dir)
	if err != nil {
		return nil, err
	}
	if err := o.room(needed); err != nil {
		_ = lock.Close()
		return nil, err
	}
	db, err := openBadger(filepath.Join(o.Dir, "state"), o.Log)
	if err != nil {
		_ = lock.Close()
		return nil, codes.New(codes.StoreDamaged, "the state under %s cannot be opened", o.Dir).Wrap(err)
	}
	s := &Store{opts: o, lock: lock, db: db, queue: make(chan pending, o.Queue), use: usage{}}
	b, _, err := s.lookup(seqKey)
	if err != nil {
		return nil, errors.Join(err, db.Close(), lock.Close())
	}
	s.opened = number(b)
	s.done.Go(func() { s.run(s.opened) }) // owner: Close joins it; ends: the queue is closed
	return s, nil
}

// Opened is the number of the last commit of the run before: it grows from run to run that commits anything.
func (s *Store) Opened() uint64 { return s.opened }

// takeLock locks the directory for this process; the kernel gives the lock back when the process ends.
func takeLock(dir string) (*os.File, error) {
	name := filepath.Join(dir, "LOCK")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, codes.New(codes.StoreUnusable, "%s cannot be opened: %s", name, reasonOf(err)).Wrap(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		b := make([]byte, 32)
		n, _ := f.Read(b)
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, codes.New(codes.StoreLocked, "%s is in use by the daemon with pid %s", dir, strings.TrimSpace(string(b[:n])))
		}
		return nil, codes.New(codes.StoreUnusable, "%s cannot be locked: %s", name, reasonOf(err)).Wrap(err)
	}
	err = errors.Join(f.Truncate(0), writeAt(f, strconv.Itoa(os.Getpid())+"\n"))
	if err != nil {
		_ = f.Close()
		return nil, codes.New(codes.StoreUnusable, "%s cannot be written: %s", name, reasonOf(err)).Wrap(err)
	}
	return f, nil
}

// reasonOf is what the kernel said, without the path that the message names already.
func reasonOf(err error) string {
	var sys unix.Errno
	if errors.As(err, &sys) {
		return sys.Error()
	}
	return err.Error()
}

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

// openBadger opens Badger small: one supervisor's state is a few megabytes. A panic of Badger on a
// damaged folder is an error here.
func openBadger(dir string, log *slog.Logger) (db *badger.DB, err error) {
	defer func() {
		if v := recover(); v != nil {
			db, err = nil, fmt.Errorf("badger: %v", v)
		}
	}()
	o := badger.DefaultOptions(dir).WithLogger(quiet{log}).WithSyncWrites(false).
		WithMemTableSize(32 << 20).WithNumMemtables(2).WithNumLevelZeroTables(2).WithNumLevelZeroTablesStall(4).
		WithValueLogFileSize(32 << 20).WithBlockCacheSize(4 << 20).WithIndexCacheSize(2 << 20).
		WithNumCompactors(2).WithMetricsEnabled(false).WithDetectConflicts(false)
	return badger.Open(o)
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

// Commit queues tx; done is called once with its result. A store that is closed or has no room answers
// at once, with outcome none.
func (s *Store) Commit(tx core.Tx, done func(core.Result)) {
	s.mu.RLock()
	if s.shut {
		s.mu.RUnlock()
		done(core.Result{Err: codes.New(codes.StoreClosed, "the store is closed").Outcome(base.EffectNone)})
		return
	}
	select {
	case s.queue <- pending{tx, done}:
		s.mu.RUnlock()
	default:
		s.mu.RUnlock()
		done(core.Result{Err: codes.New(codes.StoreBusy, "%d transactions wait for the disk", s.opts.Queue).Outcome(base.EffectNone)})
	}
}

// Read looks a key up in what was committed.
func (s *Store) Read(key string) (v []byte, ok bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.shut {
		return nil, false, codes.New(codes.StoreClosed, "the store is closed")
	}
	return s.lookup(key)
}

// lookup reads one key; a key that is not there is no error.
func (s *Store) lookup(key string) (v []byte, ok bool, err error) {
	defer caught(&err)
	err = s.db.View(func(t *badger.Txn) error {
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

// List gives the keys under a prefix, in order, at most limit.
func (s *Store) List(prefix string, limit int) (keys []string, err error) {
	err = s.each(prefix, each{limit: limit}, func(k string, _ []byte) { keys = append(keys, k) })
	return keys, err
}

// Scan gives keys and values under a prefix, in order, at most limit.
func (s *Store) Scan(prefix string, limit int) (kvs []core.KV, err error) {
	err = s.each(prefix, each{limit: limit, values: true}, func(k string, v []byte) { kvs = append(kvs, core.KV{Key: k, Value: v}) })
	return kvs, err
}

// each says how a prefix is walked.
type each struct {
	limit           int
	values, reverse bool
}

func (s *Store) each(prefix string, e each, f func(string, []byte)) error {
	return s.view(func(t *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix, o.PrefetchValues, o.Reverse = []byte(prefix), e.values, e.reverse
		it := t.NewIterator(o)
		defer it.Close()
		from := []byte(prefix)
		if e.reverse {
			from = append(from, 0xff)
		}
		for it.Seek(from); it.Valid() && e.limit > 0; it.Next() {
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
}

func (s *Store) view(f func(*badger.Txn) error) (err error) {
	defer caught(&err)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.shut {
		return codes.New(codes.StoreClosed, "the store is closed")
	}
	if err := s.db.View(f); err != nil {
		return codes.New(codes.StoreDamaged, "the state cannot be read").Wrap(err)
	}
	return nil
}

// Close commits what is queued, closes the state and gives the lock back, within CloseTime. Where the directory
// was taken away nothing can be kept, and the error says so. The second call does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.shut {
		s.mu.Unlock()
		return nil
	}
	s.shut = true
	close(s.queue)
	s.mu.Unlock()
	closed := make(chan error, 1) // capacity 1; never closed
	go func() {                   // owner: Close, which receives; ends: Badger has closed, or with the process
		s.done.Wait()
		err := s.lost()
		if err == nil { // else Badger would try for ever to write into it
			err = s.db.Close()
		}
		closed <- err
	}()
	late := time.NewTimer(s.opts.CloseTime)
	defer late.Stop()
	select {
	case err := <-closed:
		return errors.Join(err, s.lock.Close())
	case <-late.C: // the lock stays: something may still be written
		return codes.New(codes.StoreUnusable, "the state under %s could not be written out within %s", s.opts.Dir, s.opts.CloseTime)
	}
}

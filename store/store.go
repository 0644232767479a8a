package store

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/fs"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
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
	// Quota is how many bytes the ledger may have: at nine tenths what is ephemeral is refused, at all of it what is
	// not protective (codes.LedgerFull). Default 0: no bound but the disk's.
	Quota int64
	// Segment is the size of a segment file in bytes. Default 32 MiB.
	Segment int64
	// Every is after how many markers a snapshot of the state and a signed checkpoint are written. Default 262144.
	Every int
	// Free says how many bytes are free under Dir. Default: statfs(2).
	Free func() (int64, error)
	// CloseTime bounds Close: Badger tries for ever to write what it still holds. Default 10 s.
	CloseTime time.Duration
	// FS is the file system of everything but Badger's folder (rule D7). Default: the real one. With another one the
	// directory has no lock.
	FS fs.FS
	// StateDir is Badger's folder, on the real file system. Default: "state" under Dir.
	StateDir string
	// Now gives ns since 1970; Random fills b. Default: the clock, and the kernel's random bytes.
	Now    func() int64
	Random func(b []byte) error
	// Progress is told of what takes long at Open: "state" made anew, so many markers of so many. Default: the log.
	Progress func(what string, done, of uint64)
	// Synced is told of every group: so many markers, and how long their append and sync took. It must not block.
	Synced func(markers int, took time.Duration)
	anew   bool // make the state anew
}

// needed is what an open itself writes at most, beside one segment.
const needed = 4 << 20

func (o Options) withDefaults() Options {
	set := func(have *int, def int) {
		if *have == 0 {
			*have = def
		}
	}
	set(&o.Queue, 4096)
	set(&o.Group, 256)
	set(&o.Every, 1<<18)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Reserve == 0 {
		o.Reserve = 128 << 20
	}
	if o.Segment == 0 {
		o.Segment = 32 << 20
	}
	if o.CloseTime == 0 {
		o.CloseTime = 10 * time.Second
	}
	if o.StateDir == "" {
		o.StateDir = filepath.Join(o.Dir, stateDir)
	}
	if o.FS == nil {
		o.FS = fs.OS{}
	}
	if o.Free == nil {
		o.Free = func() (int64, error) { return freeUnder(o.Dir) }
	}
	if o.Now == nil {
		o.Now = func() int64 { return time.Now().UnixNano() }
	}
	if o.Random == nil {
		o.Random = func(b []byte) error { _, err := rand.Read(b); return err }
	}
	if o.Synced == nil {
		o.Synced = func(int, time.Duration) {}
	}
	if o.Progress == nil {
		o.Progress = func(what string, done, of uint64) { o.Log.Info("working", "on", what, "done", done, "of", of) }
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

// Store is an open data directory.
type Store struct {
	opts   Options  // immutable
	lock   *os.File // immutable; nil on a file system that is not the real one
	log    *ledger
	st     *state
	signer ed25519.PrivateKey // immutable
	how    How                // immutable after Open

	queue  chan *pending // capacity Options.Queue; closed by Close under shutMu
	groups chan applying // capacity 4; closed by the committer
	marks  chan keeping  // capacity 1; closed by Close when the applier has ended

	shutMu sync.RWMutex // guards shut against sends on queue
	shut   bool         // guarded by shutMu

	mu      sync.Mutex      // guards core
	core    *core.Committer // guarded by mu
	entries []entry         // owned by the committer
	since   int             // owned by the committer: markers since the last checkpoint

	upkeep sync.Mutex     // one Cut or Backup at a time
	witMu  sync.Mutex     // guards wit, and publishing it
	wit    marker.Witness // guarded by witMu once the store is open

	done  sync.WaitGroup        // committer and applier
	kept  sync.WaitGroup        // keeper
	told  atomic.Pointer[error] // atomic: the first failure writes; why nothing is written any more
	stale atomic.Pointer[error] // atomic: the applier writes; why the state is not read
}

// How says how an open went: one of a few stated states.
type How struct {
	Fresh   bool     // there was nothing
	Markers uint64   // that were read and checked
	Beyond  uint64   // of them after the witness
	Torn    bool     // a torn tail was cut
	Cut     int      // whole frames in it, which no acknowledged commit was in
	Rebuilt string   // why the state was made anew; empty: it was opened as it was left
	Skipped []string // snapshots that could not be used
	Took    time.Duration
}

// Open takes the directory's lock, reads and checks the whole stream, and opens the state or makes it anew. The error
// is codes.StoreLocked (another daemon, by pid), codes.StoreUnusable (the directory), codes.DiskFull, codes.StoreOld,
// codes.StoreNewer, codes.LedgerDamaged (by file and offset) or codes.LedgerShort.
func Open(o Options) (*Store, error) {
	s := newStore(o.withDefaults())
	err := s.open()
	if err == nil {
		return s, nil
	}
	err = errors.Join(err, s.log.close(false))
	if s.st != nil {
		err = errors.Join(err, s.st.close())
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return nil, err
}

func newStore(o Options) *Store {
	return &Store{opts: o, log: &ledger{fs: o.FS, dir: filepath.Join(o.Dir, markersDir), most: o.Segment, high: map[uint64]mmr.Hash{}}}
}

// take makes the directory and takes its lock.
func (s *Store) take() (err error) {
	if _, real := s.opts.FS.(fs.OS); !real {
		return nil
	}
	if err := os.MkdirAll(s.opts.Dir, 0o700); err != nil {
		return codes.New(codes.StoreUnusable, "the data directory %s cannot be made: %s", s.opts.Dir, reasonOf(err)).Wrap(err)
	}
	s.lock, err = takeLock(s.opts.Dir)
	return err
}

func (s *Store) open() (err error) {
	began := time.Now()
	if err := s.take(); err != nil {
		return err
	}
	if err := s.opts.room(needed); err != nil {
		return err
	}
	w, fresh, err := s.readWitness()
	if err != nil {
		return err
	}
	if fresh {
		if w, err = s.lay(); err != nil {
			return err
		}
	}
	if s.signer, err = s.key(fresh); err != nil {
		return err
	}
	s.wit, s.how.Fresh = w, fresh
	if fresh { // before the first segment: what has one without a witness is damage
		if err := s.publish(w); err != nil {
			return err
		}
	}
	if _, err := s.recover(w); err != nil {
		return err
	}
	if err := s.sweep(); err != nil {
		return err
	}
	if err := s.openState(w); err != nil {
		return err
	}
	if err := s.publish(about(s.wit, s.mark(), nil)); err != nil { // from here on the store is not clean
		return err
	}
	if err := s.log.cut(); err != nil {
		return err
	}
	s.start()
	if s.log.head.Seq == 0 {
		err = s.say("genesis", &Genesis{Store: s.log.id, Time: s.opts.Now(), Role: "ledger", Key: s.signer.Public().(ed25519.PublicKey)})
	}
	if s.how.Took = time.Since(began); err != nil {
		s.stop()
		s.st = nil
	}
	return err
}

// Genesis is the body of a ledger's first marker.
type Genesis = marker.Genesis

func (s *Store) start() {
	s.core = core.NewCommitter(applied{s}, s.log.head.Seq)
	s.queue, s.groups, s.marks = make(chan *pending, s.opts.Queue), make(chan applying, 4), make(chan keeping, 1)
	s.done.Go(s.run)    // owner: stop joins it; ends: the queue is closed
	s.done.Go(s.apply)  // owner: stop joins it; ends: the committer has ended
	s.kept.Go(s.keeper) // owner: stop joins it; ends: marks is closed
}

// stop ends the goroutines; what is queued is committed first.
func (s *Store) stop() {
	close(s.queue)
	s.done.Wait()
	close(s.marks)
	s.kept.Wait()
}

// How says how the open went.
func (s *Store) How() How { return s.how }

// Opened is the sequence of the last marker of the run before: it grows from run to run that commits anything.
func (s *Store) Opened() uint64 { return s.how.Markers + s.log.base }

// Room is the refusal that a commit would get now, for want of room on the disk or of the directory itself, or
// since the store has stopped; nil if it would be taken.
func (s *Store) Room() error {
	if failed := s.told.Load(); failed != nil {
		return codes.New(codes.StoreStopped, "the store stopped writing: %v", *failed).Wrap(*failed).Outcome(base.EffectNone)
	}
	if err := s.lost(); err != nil {
		return err
	}
	return s.opts.room(s.opts.Reserve)
}

// lost says whether the directory is not ours any more: removed, or another one in its place. What is written
// then would go into files without a name, and nobody would ever read it.
func (s *Store) lost() error {
	if s.lock == nil {
		return nil
	}
	mine, err := s.lock.Stat()
	if err != nil {
		return codes.New(codes.StoreUnusable, "the lock of %s cannot be looked at: %v", s.opts.Dir, err).Wrap(err)
	}
	if now, err := os.Stat(s.lock.Name()); err != nil || !os.SameFile(mine, now) {
		return codes.New(codes.StoreUnusable, "the data directory %s was taken away while it was in use", s.opts.Dir).Outcome(base.EffectNone)
	}
	return nil
}

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

// Commit queues tx; done is called once with its result. A store that is closed or has no room answers
// at once, with outcome none.
func (s *Store) Commit(tx core.Tx, done func(core.Result)) {
	p := &pending{tx: tx, done: done}
	if err := encode(p); err != nil {
		done(core.Result{Err: err})
		return
	}
	s.submit(p)
}

// submit queues p, or answers it.
func (s *Store) submit(p *pending) {
	s.shutMu.RLock()
	if s.shut {
		s.shutMu.RUnlock()
		p.done(core.Result{Err: codes.New(codes.StoreClosed, "the store is closed").Outcome(base.EffectNone)})
		return
	}
	select {
	case s.queue <- p:
		s.shutMu.RUnlock()
	default:
		s.shutMu.RUnlock()
		p.done(core.Result{Err: codes.New(codes.StoreBusy, "%d transactions wait for the disk", s.opts.Queue).Outcome(base.EffectNone)})
	}
}

// reading holds the state open while f looks at it.
func (s *Store) reading(f func() error) error {
	return s.opened(func() error {
		if err := s.staleness(); err != nil {
			return err
		}
		return f()
	})
}

// Read looks a key up in what was committed. Keys that begin with a zero byte are the store's own and are not there.
// The error is codes.StoreClosed, codes.StateStale or codes.StoreDamaged.
func (s *Store) Read(key string) (v []byte, ok bool, err error) {
	err = s.reading(func() (err error) {
		if !private(key) {
			v, ok, err = s.st.lookup(key)
		}
		return err
	})
	return v, ok, err
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

func (s *Store) each(prefix string, e each, f func(string, []byte)) error {
	return s.reading(func() error { return s.st.each(prefix, e, f) })
}

// Close commits what is queued, leaves the store clean and gives the lock back, within CloseTime. Where the directory
// was taken away nothing can be kept, and the error says so. The second call does nothing.
func (s *Store) Close() error {
	s.shutMu.RLock()
	shut := s.shut
	s.shutMu.RUnlock()
	if shut {
		return nil
	}
	closed := make(chan error, 1)          // capacity 1; never closed
	go func() { closed <- s.shutdown() }() // owner: Close, which receives; ends: Badger has closed, or with the process
	late := time.NewTimer(s.opts.CloseTime)
	defer late.Stop()
	select {
	case err := <-closed:
		return err
	case <-late.C: // the lock stays: something may still be written
		return codes.New(codes.StoreUnusable, "the state under %s could not be written out within %s", s.opts.Dir, s.opts.CloseTime)
	}
}

func (s *Store) shutdown() error {
	s.shutMu.Lock()
	if s.shut {
		s.shutMu.Unlock()
		return nil
	}
	s.shut = true
	s.shutMu.Unlock()
	s.stop()
	err := s.lost()
	if err == nil { // else Badger would try for ever to write into it
		err = s.leave()
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// leave closes everything, with a witness that says so if nothing went wrong.
func (s *Store) leave() error {
	clean := s.told.Load() == nil && s.stale.Load() == nil
	if clean {
		if err := s.last(); err != nil {
			return errors.Join(err, s.st.close(), s.log.close(false))
		}
	}
	m := s.mark()
	err := errors.Join(s.st.close(), s.log.close(clean))
	if err != nil || !clean {
		return err
	}
	w := about(s.wit, m, nil)
	w.Clean = true
	if w.State, err = digests(s.opts.StateDir); err != nil {
		return codes.New(codes.StoreUnusable, "the state cannot be read back").Wrap(err)
	}
	return s.publish(w)
}

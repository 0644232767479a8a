package host

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

// Store is what the host needs of the durable state. store.Store implements it.
type Store interface {
	Commit(tx store.Tx, done func(store.Result))
	Read(key string) ([]byte, bool, error)
	List(prefix string, limit int) ([]string, error)
}

// Options configure a Host. The zero value works.
type Options struct {
	Workers int            // default GOMAXPROCS, at least 2
	Quantum int            // deliveries to one slot before others have their turn; default 64
	Spares  int            // most spare workers beside slow handlers; default 256, negative: none
	Store   Store          // nil: Read and Commit answer with codes.NoStore
	System  actors.Options // of the system that runs here
}

// Host runs the actors of one process.
type Host struct {
	opts  Options // immutable
	sys   *actors.System
	queue *lanes.RunQueue[turn]
	wheel *wheel
	rng   sync.Pool // of *rand.Rand

	mu      sync.Mutex
	workers map[*worker]struct{} // guarded by mu
	joined  sync.WaitGroup       // workers that are not held by a stuck handler, wheel, monitor

	busy     atomic.Int32  // workers inside a delivery
	count    atomic.Int32  // workers alive
	surplus  atomic.Int32  // workers that should end when idle
	monitor  chan struct{} // capacity 1; never closed: a delivery began while the monitor slept
	sleeping atomic.Bool   // the monitor sleeps
	clock    atomic.Int64  // ns; written by the monitor; zero while it sleeps
	done     chan struct{} // capacity 0; closed by stop
	once     sync.Once
	stats    Stats
	album    album
}

// Stats count what the scheduler did. Every field is atomic. Deliveries and HandOffs are counted when a worker has served
// its quantum.
type Stats struct {
	Deliveries, HandOffs, Spares, Slow, Stuck atomic.Uint64
}

// New starts a host with an empty system.
func New(o Options) *Host {
	if o.Workers == 0 {
		o.Workers = max(2, runtime.GOMAXPROCS(0))
	}
	if o.Quantum == 0 {
		o.Quantum = 64
	}
	if o.Spares == 0 {
		o.Spares = 256
	}
	h := &Host{
		opts: o, queue: lanes.NewRunQueue[turn](), wheel: newWheel(),
		workers: map[*worker]struct{}{}, monitor: make(chan struct{}, 1), done: make(chan struct{}),
	}
	h.rng.New = func() any { return rand.New(rand.NewPCG(seed(), seed())) }
	h.clock.Store(time.Now().UnixNano())
	o.System.Coarse = &h.clock
	h.sys = actors.NewSystem(h, o.System)
	for range o.Workers {
		h.startWorker()
	}
	h.joined.Go(h.wheel.run) // owner: Shutdown joins it; ends: wheel.stop
	h.joined.Go(h.watch)     // owner: Shutdown joins it; ends: done is closed
	return h
}

func seed() uint64 {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails since Go 1.24
	return binary.LittleEndian.Uint64(b[:])
}

// System is the system that runs here.
func (h *Host) System() *actors.System { return h.sys }

// Stats are the scheduler's counters.
func (h *Host) Stats() *Stats { return &h.stats }

// Send delivers at once: within one process a message arrives when it is sent.
func (h *Host) Send(from, to *actors.Slot, m actors.Message) error { return to.Accept(from, m) }

// Spawn puts the slot into the run queue.
func (h *Host) Spawn(_, s *actors.Slot) {
	if t, ok := s.Wake(); ok {
		h.push(turn{s, t})
	}
}

// turn is a slot's place in the run queue.
type turn struct {
	s *actors.Slot
	t actors.Ticket
}

// Ready puts the slot into the run queue. What a handler hands to its worker (L6) does not come here.
func (h *Host) Ready(_, s *actors.Slot, t actors.Ticket) { h.push(turn{s, t}) }

func (h *Host) push(e turn) { h.queue.Push(e.t.Class(), e) }

// Arm puts the timer on the heap.
func (h *Host) Arm(_ *actors.Slot, d time.Duration, t *actors.Timer) func() {
	return h.wheel.arm(time.Now().Add(d), t)
}

// Read asks the store.
func (h *Host) Read(_ *actors.Slot, key string) ([]byte, bool, error) {
	if h.opts.Store == nil {
		return nil, false, codes.New(codes.NoStore, "this process has no store")
	}
	return h.opts.Store.Read(key)
}

// List asks the store.
func (h *Host) List(_ *actors.Slot, prefix string, limit int) ([]string, error) {
	if h.opts.Store == nil {
		return nil, codes.New(codes.NoStore, "this process has no store")
	}
	return h.opts.Store.List(prefix, limit)
}

// Commit gives the transaction to the store's committer.
func (h *Host) Commit(_ *actors.Slot, tx store.Tx, done func(store.Result)) {
	if h.opts.Store == nil {
		done(store.Result{Err: codes.New(codes.NoStore, "this process has no store")})
		return
	}
	h.opts.Store.Commit(tx, done)
}

// Step lets others run at a checkpoint; it is empty otherwise.
func (h *Host) Step(_ *actors.Slot, k actors.StepKind) {
	if k == actors.StepCheckpoint {
		runtime.Gosched()
	}
}

// Now is the real clock.
func (h *Host) Now() time.Time { return time.Now() }

// Rand is real randomness: a PCG per worker, seeded by the kernel.
func (h *Host) Rand() uint64 {
	r := h.rng.Get().(*rand.Rand)
	defer h.rng.Put(r)
	return r.Uint64()
}

// ErrWedged says that a region could not be closed; the proof names what is left.
var ErrWedged = errors.New("not everything could be stopped")

// Shutdown closes the root region and joins every goroutine. When ctx ends the drain is over and
// everything is killed; what does not end within another grace period is left behind by name, and the
// error is ErrWedged.
func (h *Host) Shutdown(ctx context.Context, why base.Reason, grace time.Duration) (regions.Proof, error) {
	closed := make(chan regions.Proof, 1) // capacity 1: the one proof; never closed
	root := h.sys.Root()
	root.OnClosed(func(p regions.Proof) { closed <- p })
	// A finalizer may run where a region is asked, and not return.
	go root.Close(regions.Request{Reason: why}) // owner: nobody needs to; ends: when all were asked
	var p regions.Proof
	var err error
	select {
	case p = <-closed:
	case <-ctx.Done():
		go root.Kill() // owner: nobody needs to; ends: when all were told
		p, err = h.lastChance(closed, grace)
	}
	if len(p.Residue) > 0 {
		err = ErrWedged
	}
	h.stop()
	return p, err
}

// lastChance waits for what was killed, then fences what is still in a handler.
func (h *Host) lastChance(closed <-chan regions.Proof, grace time.Duration) (regions.Proof, error) {
	select {
	case p := <-closed:
		return p, nil
	case <-time.After(grace):
	}
	h.fenceAll()
	select {
	case p := <-closed:
		return p, nil
	case <-time.After(grace):
		root := h.sys.Root()
		return regions.Proof{Region: root.ID(), Name: root.Name(), Reason: root.Reason(), Residue: root.Residents(100)}, ErrWedged
	}
}

// stop ends every goroutine that is not held by a stuck handler.
func (h *Host) stop() {
	h.once.Do(func() {
		close(h.done)
		h.queue.Close()
		h.wheel.stop()
		h.mu.Lock()
		for w := range h.workers {
			w.release()
		}
		h.mu.Unlock()
	})
	h.joined.Wait()
}

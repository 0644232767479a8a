package host

import (
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
)

// album keeps the newest snapshot for all who look, as long as nothing has happened since.
type album struct {
	mu   sync.Mutex
	last []actors.ActorView // guarded by mu; never changed in place; nil: none that serves another
	of   stamp              // guarded by mu
	at   time.Time          // guarded by mu
}

// stamp tells two moments apart between which something has happened to an actor.
type stamp struct{ deliveries, events uint64 }

// fresh is how long a snapshot serves while nothing happens. What changes beside deliveries and events is the depth of
// a mailbox whose actor does not run, and how old its messages are.
const fresh = 10 * time.Second

// Snapshot lists every actor, sorted by path, without a message to any (S9). It is shared: the caller changes nothing.
// While nothing happens it costs nothing, however many look.
func (h *Host) Snapshot() []actors.ActorView {
	a := &h.album
	a.mu.Lock()
	defer a.mu.Unlock()
	rest := h.busy.Load() == 0 && h.queue.Len() == 0
	now := stamp{h.stats.Deliveries.Load(), h.sys.Told()}
	if rest && a.last != nil && a.of == now && time.Since(a.at) < fresh {
		return a.last
	}
	all := h.sys.Snapshot()
	a.last, a.of, a.at = all, now, time.Now()
	if !rest {
		a.last = nil // a handler may be in the middle of something
	}
	return all
}

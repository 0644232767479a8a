package actors

import (
	"context"
	"slices"
	"time"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

// StepKind names a step that has no method of its own in Host.
type StepKind uint8

// The kinds of bare steps.
const (
	StepDisarm StepKind = iota
	StepDone
	StepErr
	StepCheckpoint
	StepClose
	StepProcess
	StepSpawn
	StepRelease   // a resource leaves the region of by
	StepEnd       // the incarnation of by ends; nobody waits for a turn
	StepShut      // the region of an incarnation that has ended closes
	StepHoldTimed // a place of the own Timed lane is promised
	StepHoldReady // a place of the own Ready lane is promised
	StepFreeTimed // one is given back; nobody waits for a turn
	StepFreeReady // the same, in Ready
	StepAsked     // a region asks something of the incarnation of by, if that does not end; nobody waits for a turn
	StepLeave     // a slot is asked to leave as soon as it is empty; nobody waits for a turn
	StepVacate    // a slot is shut, or goes on without an incarnation that was fenced; nobody waits for a turn
	StepTakeBack  // a message that may be queued in Ready is taken out again; nobody waits for a turn
)

// Cx is the capability context: the only door of an actor to effects (C1), and a context.Context whose
// Done closes when a cancel request is accepted, not when it is delivered, so that a library called
// from a running handler sees it (C2). It belongs to one incarnation and dies with it: effects through
// the Cx of an ended or fenced incarnation are refused.
//
// All methods but those of context.Context may be called from the actor's own handler only.
type Cx Cell

// cell is the incarnation as the kernel sees it.
func (cx *Cx) cell() *Cell { return (*Cell)(cx) }

// later is what AfterFunc was given.
type later struct{ f func() }

// TraceID is a W3C trace id: 16 bytes, all zero means none.
type TraceID [16]byte

// Deadline tells the incarnation's deadline, if its budget has one. It reports none where the clock is not the wall
// clock: the context package would compare the two (C2).
func (cx *Cx) Deadline() (time.Time, bool) {
	if cx.slot.opts.sys.virtual {
		return time.Time{}, false
	}
	d := cx.cell().has().deadline
	return d, !d.IsZero()
}

// Done is closed when a cancel request has been accepted. Reading it is a step.
func (cx *Cx) Done() <-chan struct{} {
	cx.slot.opts.sys.host.Step(cx.slot, StepDone)
	e := cx.cell().ends()
	cx.slot.mu.Lock()
	defer cx.slot.mu.Unlock()
	if e.cancelled == nil {
		e.cancelled = make(chan struct{})
		if !e.asked.IsZero() {
			close(e.cancelled)
		}
	}
	return e.cancelled
}

// Err is nil until a cancel request has been accepted. Reading it is a step.
func (cx *Cx) Err() error {
	cx.slot.opts.sys.host.Step(cx.slot, StepErr)
	return cx.errNow()
}

// Value finds the Cx itself behind a context derived from it.
func (cx *Cx) Value(key any) any {
	if key == (cxKey{}) {
		return cx
	}
	return nil
}

type cxKey struct{}

// FromContext finds the Cx from which ctx was derived. A plain context cannot become a Cx.
func FromContext(ctx context.Context) (*Cx, bool) {
	cx, ok := ctx.Value(cxKey{}).(*Cx)
	return cx, ok
}

// AfterFunc calls f once when a cancel request is accepted, or soon where one was; stop forgets it. The context
// package uses it, so that deriving a context starts no goroutine. f runs where the request is accepted, which may be
// the goroutine of all timers or another actor's worker, and must not block; its panic is this incarnation's end (S5).
func (cx *Cx) AfterFunc(f func()) (stop func() bool) {
	cx.slot.opts.sys.host.Step(cx.slot, StepDone)
	l, e := &later{f}, cx.cell().ends()
	cx.slot.mu.Lock()
	if !e.asked.IsZero() {
		cx.slot.mu.Unlock()
		return cx.soon(f)
	}
	e.after = append(e.after, l)
	cx.slot.mu.Unlock()
	return func() bool {
		cx.slot.mu.Lock()
		defer cx.slot.mu.Unlock()
		i := slices.Index(e.after, l)
		if i >= 0 {
			e.after = slices.Delete(e.after, i, i+1)
		}
		return i >= 0
	}
}

// soon calls f from the host's clock, never here: the context package calls AfterFunc with a lock held that f takes.
func (cx *Cx) soon(f func()) (stop func() bool) {
	t := &Timer{slot: cx.slot, run: func() { cx.call(f) }, due: cx.slot.opts.sys.host.Now()}
	t.undo = cx.slot.opts.sys.host.Arm(cx.slot, 0, t)
	return t.off
}

// call runs what AfterFunc was given. Whoever made the request is not to blame for its panic.
func (cx *Cx) call(f func()) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		e := panicExit(rethrown(v), stack())
		e.On = "AfterFunc"
		cx.cell().region.Fault("AfterFunc: panic: " + e.Err.Error())
		cx.slot.opts.sys.carry(nil, cx.slot, Message{Body: control{exit: &e}, life: cx.cell().n})
	}()
	f()
}

// askedAt is when a cancel request was accepted; zero if none was.
func (cx *Cx) askedAt() time.Time {
	cx.slot.mu.Lock()
	defer cx.slot.mu.Unlock()
	return cx.cell().gone().asked
}

func (cx *Cx) errNow() error {
	e := cx.ended.Load()
	if e == nil {
		return nil
	}
	cx.slot.mu.Lock()
	defer cx.slot.mu.Unlock()
	if e.err == nil && !e.asked.IsZero() {
		e.err = codes.New(codes.Cancelled, "%s: cancel accepted (%s)", cx.slot.path, e.why).Wrap(context.Canceled)
	}
	return e.err
}

// cancel closes Done. It is called when the request is accepted, from any goroutine.
func (cx *Cx) cancel(why base.Reason) {
	e := cx.cell().ends()
	cx.slot.mu.Lock()
	if !e.asked.IsZero() {
		cx.slot.mu.Unlock()
		return
	}
	e.asked, e.why = cx.slot.opts.sys.host.Now(), why
	after := e.after
	e.after = nil
	if e.cancelled != nil {
		close(e.cancelled)
	}
	cx.slot.mu.Unlock()
	for _, l := range after {
		cx.call(l.f)
	}
}

// Checkpoint is for a loop that may run over 1 ms (C4): it returns the cancel error and may let other
// actors run. It never delivers to its own actor.
func (cx *Cx) Checkpoint() error {
	cx.slot.opts.sys.host.Step(cx.slot, StepCheckpoint)
	return cx.errNow()
}

// Self is the actor's own address.
func (cx *Cx) Self() Ref { return Ref{cx.slot} }

// Path is the actor's file-like path.
func (cx *Cx) Path() string { return cx.slot.path }

// Incarnation counts the actor's lives from 1.
func (cx *Cx) Incarnation() base.Incarnation { return cx.cell().n }

// Region is the id of the incarnation's region.
func (cx *Cx) Region() base.RegionID { return cx.cell().region.ID() }

// Trace is the trace id of the message under way.
func (cx *Cx) Trace() TraceID { return cx.cell().has().trace }

// Now is the run's clock. It is no step.
func (cx *Cx) Now() time.Time { return cx.slot.opts.sys.host.Now() }

// Rand is the run's randomness. It is no step.
func (cx *Cx) Rand() uint64 { return cx.slot.opts.sys.host.Rand() }

// Tell sends m to another actor; its lane follows from its type (L1). An error is a refusal, and the
// message still belongs to the caller: codes.LaneFull with RetryAfter, codes.Gone.
func (cx *Cx) Tell(to Ref, m any) error {
	if err := cx.may(CapSend); err != nil {
		return err
	}
	if k := classOf(m); !k.plain {
		if k.kernel {
			return sendable(m)
		}
		if err := cx.told(m); err != nil {
			return err
		}
	} else if to.slot != nil && cx.slot.opts.sys.direct && cx.Trace() == (TraceID{}) {
		return to.slot.tell(cx.slot, m)
	}
	return cx.send(to, Message{Body: m})
}

func (cx *Cx) send(to Ref, m Message) error {
	if to.slot == nil {
		return codes.New(codes.Gone, "%s sends %T to nobody", cx.slot.path, m.Body)
	}
	m.trace, m.from = cx.Trace(), cx.slot
	return cx.slot.opts.sys.host.Send(cx.slot, to.slot, m)
}

// Read looks a key of the durable state up. It needs CapStore.
func (cx *Cx) Read(key string) ([]byte, bool, error) {
	if err := cx.may(CapStore); err != nil {
		return nil, false, err
	}
	return cx.slot.opts.sys.host.Read(cx.slot, key)
}

// List lists keys of the durable state under a prefix, in order, at most limit. It needs CapStore.
func (cx *Cx) List(prefix string, limit int) ([]string, error) {
	if err := cx.may(CapStore); err != nil {
		return nil, err
	}
	return cx.slot.opts.sys.host.List(cx.slot, prefix, limit)
}

// Committed is the answer to Commit: Of is what Commit returned.
type Committed struct {
	Of     uint64
	Result store.Result
}

// Commit hands tx to the group committer; its result comes back as a Committed message that no full
// lane can refuse. It needs CapStore.
func (cx *Cx) Commit(tx store.Tx) (of uint64, err error) {
	if err := cx.may(CapStore); err != nil {
		return 0, err
	}
	slot, cell := cx.slot, cx.cell()
	slot.opts.sys.host.Step(slot, StepHoldReady)
	if !slot.box.Reserve(lanes.Ready) {
		return 0, slot.full("a commit's answer")
	}
	of = slot.opts.sys.nextID()
	cell.holds().commits++
	slot.opts.sys.host.Commit(slot, tx, func(r store.Result) {
		slot.opts.sys.carry(nil, slot, Message{Body: Committed{of, r}, life: cell.n, reserved: true})
	})
	return of, nil
}

// told refuses to tell a promise that the caller holds: two would.
func (cx *Cx) told(m any) error {
	if p, ok := m.(promise); ok && cx.cell().has().promises.has(p) {
		return codes.New(codes.Invariant, "%s tells a promise that it holds: two would (O1)", cx.slot.path)
	}
	return nil
}

// Drained says that the actor has nothing left to finish after a cancel request (R3). Before one it
// does nothing.
func (cx *Cx) Drained() { cx.cell().drained = cx.cell().in(spec.Draining) }

// Starting says in the handler of Started that the actor is not ready yet; it says Ready later.
func (cx *Cx) Starting() { cx.cell().keepStarting = true }

// Ready says that an actor which said Starting is ready now.
func (cx *Cx) Ready() { cx.cell().started() }

// Publish sets the actor's view: what inspection shows of it, without a message (S9). v must be
// immutable from here on, or have a method View() any, which makes a view when somebody looks.
func (cx *Cx) Publish(v any) {
	if cx.may(0) == nil {
		cx.slot.extra().view.Store(&v)
	}
}

// viewer makes a view when somebody looks, for an actor whose view is large and changes often. View is called from any
// goroutine, also after the incarnation has ended.
type viewer interface{ View() any }

// Emit records an event of the system's life.
func (cx *Cx) Emit(e Event) { e.Path = cx.slot.path; cx.slot.opts.sys.emit(e) }

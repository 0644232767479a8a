package actors

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/obligations"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// AskID names a question to its asker.
type AskID uint64

// Ask is a question with its promise of exactly one answer. The handler that gets it calls Reply, Fail,
// Keep or HandOn; returning with none of these fails the asker at once with codes.NoReply.
type Ask[Q, R any] struct {
	Q Q

	id     AskID
	from   *Slot            // nil: the outside world
	life   base.Incarnation // of the asker
	out    func(Answer[R])  // set for the outside world
	holder *Cell            // owned by the holder's worker
	later  bool             // owned by the holder's worker: it was kept
	due    time.Time
	done   atomic.Bool // it was answered: nobody holds it any more
	ans    Answer[R]   // the message of the answer lies here, so that it needs no room of its own; written once
}

// Answer is what the asker receives, exactly once per question.
type Answer[R any] struct {
	ID  AskID
	Val R
	Err error
}

// Request asks another actor. The answer arrives as Answer[R], no later than timeout (then its Err is
// codes.AskTimeout; zero means no limit). The place of the answer is reserved now, so that no full lane
// can refuse it.
func Request[Q, R any](cx *Cx, to Ref, q Q, timeout time.Duration) (AskID, error) {
	if err := cx.may(CapSend); err != nil {
		return 0, err
	}
	slot, cell := cx.slot, cx.cell()
	slot.opts.sys.host.Step(slot, StepHoldReady)
	if !slot.box.Reserve(lanes.Ready) {
		return 0, slot.full("an answer")
	}
	a := &Ask[Q, R]{Q: q, id: AskID(slot.opts.sys.nextID()), from: slot, life: cell.n}
	p := pending{id: a.id, ask: a}
	if timeout > 0 {
		a.due = cx.Now().Add(timeout)
		t, err := cx.arm(timeout, askDue{a.id})
		if err != nil {
			slot.release()
			return 0, err
		}
		p.timer = t
	}
	h := cell.holds()
	h.asks = append(h.asks, p)
	if err := cx.send(to, Message{Body: a}); err != nil {
		cell.pop(a.id)
		cell.disarm(p.timer.t)
		slot.release()
		return 0, err
	}
	return a.id, nil
}

// pending is a question as its asker remembers it.
type pending struct {
	id    AskID
	timer TimerID
	ask   interface{ fail(error) any }
}

// fail is the answer of the kernel's own, to the asker itself: that of the actor asked may still come.
func (a *Ask[Q, R]) fail(err error) any { return Answer[R]{ID: a.id, Err: err} }

// pop takes a question out of those that wait, which are in the order of their ids.
func (c *Cell) pop(id AskID) (p pending, ok bool) {
	h := c.has()
	i, ok := slices.BinarySearchFunc(h.asks, id, func(p pending, id AskID) int { return cmp.Compare(p.id, id) })
	if ok {
		p = h.asks[i]
		h.asks = slices.Delete(h.asks, i, i+1)
	}
	return p, ok
}

// giveUp takes back the place of an answer that nobody waits for any more, also where the answer lies in it.
func (s *Slot) giveUp(id AskID) {
	s.opts.sys.host.Step(s, StepTakeBack)
	s.mu.Lock()
	here := s.box.Remove(lanes.Ready, func(l letter) bool {
		a, is := l.message().Body.(answered)
		return is && a.of() == id
	}) > 0
	if !here {
		put(&s.extra().givenUp, id, struct{}{})
		s.mark(gaveUp, true)
	}
	s.mu.Unlock()
	if here {
		s.extra().stats.Late.Add(1)
		return
	}
	s.release()
}

// unwanted says whether an answer comes after its place was taken back.
func (s *Slot) unwanted(body any) bool {
	a, is := body.(answered)
	if !is {
		return false
	}
	all := s.extra().givenUp
	_, is = all[a.of()]
	delete(all, a.of())
	s.mark(gaveUp, len(all) > 0)
	return is
}

// askDue is the timer of a question.
type askDue struct{ id AskID }

// From is the asker; the zero Ref for the outside world.
func (a *Ask[Q, R]) From() Ref { return Ref{a.from} }

// Due is the asker's deadline; zero if there is none.
func (a *Ask[Q, R]) Due() time.Time { return a.due }

// Reply answers. Answering twice is a broken invariant (O1).
func (a *Ask[Q, R]) Reply(cx *Cx, r R) {
	a.resolve(cx, obligations.Committed, Answer[R]{ID: a.id, Val: r})
}

// Fail answers with an error.
func (a *Ask[Q, R]) Fail(cx *Cx, err error) {
	if err == nil {
		err = errors.New("it failed, and did not say why")
	}
	a.resolve(cx, obligations.Aborted, Answer[R]{ID: a.id, Err: err})
}

// Keep says that the answer comes later, from this incarnation.
func (a *Ask[Q, R]) Keep(*Cx) { a.later = true }

// HandOn gives the question, with its promise, to another actor. On an error the caller still holds it.
func (a *Ask[Q, R]) HandOn(cx *Cx, to Ref) error {
	if err := cx.may(0); err != nil {
		return err
	}
	if err := cx.cell().has().promises.resolve(a.oblige(), obligations.Transferred); err != nil {
		return err
	}
	a.holder, a.later = nil, false
	if err := cx.send(to, Message{Body: a}); err != nil {
		a.hold(cx.cell())
		return err
	}
	return nil
}

func (a *Ask[Q, R]) resolve(cx *Cx, to obligations.State, ans Answer[R]) {
	if a.holder != cx.cell() {
		cx.slot.opts.sys.violated("O1", "%s answers a question that it does not hold", cx.slot.path)
		return
	}
	switch err := cx.cell().has().promises.resolve(a.oblige(), to); {
	case err == nil:
	case errors.Is(err, codes.Of(codes.Gone)):
		return // it was fenced, and the asker was told
	default:
		cx.slot.opts.sys.violated("O1", "%s: %v", cx.slot.path, err)
		return
	}
	a.answer(cx.slot, ans)
}

// answer sends ans where it belongs. An asker that is gone is no error (O3).
func (a *Ask[Q, R]) answer(by *Slot, ans Answer[R]) {
	if a.done.Swap(true) {
		return
	}
	if a.out != nil {
		by.opts.sys.guarded(by.path, "the answer to "+a.label(), func() { a.out(ans) })
		return
	}
	a.ans = ans
	by.opts.sys.carry(by, a.from, Message{Body: boxed(&a.ans), life: a.life, reserved: true})
}

// boxed is *v as an interface, without a copy: v is not written any more. T is no pointer.
func boxed[T any](v *T) (out any) {
	typ := reflect.TypeFor[T]()
	e := (*[2]unsafe.Pointer)(unsafe.Pointer(&out)) // an interface is where its type lies, and where its value lies
	e[0], e[1] = (*[2]unsafe.Pointer)(unsafe.Pointer(&typ))[1], unsafe.Pointer(v)
	return out
}

func (a *Ask[Q, R]) oblige() base.ObligationID { return base.ObligationID(a.id) }
func (a *Ask[Q, R]) label() string             { return reflect.TypeFor[Q]().String() }
func (a *Ask[Q, R]) kept() bool                { return a.later }

// hold makes the cell under delivery the holder of the promise.
func (a *Ask[Q, R]) hold(c *Cell) {
	if a.done.Load() || c.has().promises.has(a) {
		return // it is told, not asked: nobody waits
	}
	a.holder, a.later = c, false
	var due int64
	if !a.due.IsZero() {
		due = nanos(a.due)
	}
	c.owe(a, obligations.Reply, a.label(), due)
}

// abandon answers with an error without touching a ledger: the holder is gone or never was.
func (a *Ask[Q, R]) abandon(by *Slot, err error) {
	a.answer(by, Answer[R]{ID: a.id, Err: err})
}

func lost(path string, effect base.Effect) error {
	return codes.New(codes.AskLost, "%s ended before it answered", path).Outcome(effect)
}

func (a Answer[R]) failed() bool { return a.Err != nil }

package actors

import (
	"context"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/regions"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Call asks an actor from outside and waits for the answer or for ctx. It is for code that is no actor:
// API handlers, main functions, tests. Where ctx ends first the answer is dropped and the outcome is
// unknown.
func Call[Q, R any](ctx context.Context, sys *System, to Ref, q Q) (R, error) {
	var zero R
	if to.slot == nil {
		return zero, codes.New(codes.Gone, "%T is asked of nobody", q).Outcome(base.EffectNone)
	}
	if ctx.Err() != nil {
		return zero, codes.New(codes.AskTimeout, "%s was not asked: there was no time left", to.Path()).
			Wrap(context.Cause(ctx)).Outcome(base.EffectNone)
	}
	got := make(chan Answer[R], 1) // capacity 1: the one answer; never closed
	a := &Ask[Q, R]{Q: q, id: AskID(sys.nextID()), out: func(ans Answer[R]) { got <- ans }}
	if due, ok := ctx.Deadline(); ok {
		a.due = due
	}
	if err := sys.host.Send(nil, to.slot, Message{Body: a, trace: traceOf(ctx)}); err != nil {
		return zero, err
	}
	select {
	case ans := <-got:
		return ans.Val, ans.Err
	case <-ctx.Done():
		return zero, codes.New(codes.AskTimeout, "%s did not answer in time", to.Path()).
			Wrap(context.Cause(ctx)).Outcome(base.EffectUnknown)
	}
}

// Traced gives a context under which Call carries a trace id (W3C): it goes with the question, and with what its
// handlers send because of it.
func Traced(ctx context.Context, id TraceID) context.Context {
	return context.WithValue(ctx, traceKey{}, id)
}

type traceKey struct{}

func traceOf(ctx context.Context) TraceID {
	id, _ := ctx.Value(traceKey{}).(TraceID)
	return id
}

// TellWait sends from outside and waits for room where the Ready lane is full (L4, block). Messages of other lanes are
// refused.
func TellWait(ctx context.Context, sys *System, to Ref, m any) error {
	if to.slot == nil {
		return codes.New(codes.Gone, "%T is sent to nobody", m)
	}
	if err := promisable(m); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return codes.New(codes.LaneFull, "%s was not told: there was no time left", to.Path()).Wrap(context.Cause(ctx))
	}
	got := make(chan *Permit, 1) // capacity 1: the one permit; never closed
	r := &request{kind: reqReserve, id: sys.nextID(), what: func(p *Permit) { got <- p }}
	if err := sys.host.Send(nil, to.slot, Message{request: r}); err != nil {
		return err
	}
	select {
	case p := <-got:
		if p.Err != nil {
			return p.Err
		}
		return sys.host.Send(nil, to.slot, Message{Body: m, reserved: true})
	case <-ctx.Done():
		to.slot.unwait(r, got)
		return codes.New(codes.LaneFull, "%s had no room in time", to.Path()).Wrap(context.Cause(ctx))
	}
}

// unwait takes a waiter back, or gives back the place that it was granted meanwhile.
func (s *Slot) unwait(r *request, got chan *Permit) {
	s.mu.Lock()
	x := s.extra()
	for i, w := range x.room {
		if w == r {
			x.room = append(x.room[:i], x.room[i+1:]...)
			s.mark(wanted, len(x.room) > 0)
			s.mu.Unlock()
			return
		}
	}
	s.mu.Unlock()
	if p := <-got; p.Err == nil {
		s.box.Release(lanes.Ready)
		s.grant()
	}
}

// Question makes the message of a question that the outside world asks; answer is called exactly once,
// on a worker, and must not block. The fabric and other doors use it with System.Tell.
func Question[Q, R any](sys *System, q Q, answer func(R, error)) any {
	return &Ask[Q, R]{Q: q, id: AskID(sys.nextID()), out: func(a Answer[R]) { answer(a.Val, a.Err) }}
}

// StopFromOutside closes the region of an actor whose spec opted in (Child.Doors). It is refused with
// codes.CapabilityDenied for any other.
func (sys *System) StopFromOutside(r Ref, why base.Reason) error {
	if r.slot == nil {
		return codes.New(codes.Gone, "nobody can be stopped")
	}
	if !r.slot.opts.doors {
		return codes.New(codes.CapabilityDenied, "%s does not let foreign senders stop it", r.slot.path)
	}
	sys.host.Step(r.slot, StepClose)
	if c := r.slot.current(); c != nil {
		c.region.Close(regions.Request{Reason: why})
	}
	return nil
}

// Ask asks the region of the actor's incarnation to end, as its owner would; false: no incarnation is there. It is for
// hosts: who asks in earnest is the owner (Cx.Close), or a door that the actor opened (StopFromOutside).
func (sys *System) Ask(r Ref, q regions.Request) bool {
	c := r.slot.current()
	if c == nil {
		return false
	}
	c.region.Close(q)
	return true
}

// OnRetired calls f once when the actor's slot is given up for good; at once if it is.
func (sys *System) OnRetired(r Ref, f func(Exit)) {
	s := r.slot
	s.mu.Lock()
	if s.is(gone) {
		last := s.lastExit()
		s.mu.Unlock()
		sys.guarded(s.path, "OnRetired", func() { f(last) })
		return
	}
	x := s.extra()
	x.onRetired = append(x.onRetired, f)
	s.mu.Unlock()
}

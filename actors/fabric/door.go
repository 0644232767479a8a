package fabric

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
)

// Door is the protoactor face of one logical actor.
type Door struct {
	f   *Fabric    // immutable
	ref actors.Ref // immutable
	pid *actor.PID // immutable after Open

	mu       sync.Mutex
	dead     bool                  // guarded by mu
	watchers map[string]*actor.PID // guarded by mu
}

// Failure is what a foreign asker gets where the kernel's answer is an error.
type Failure struct{ Err error }

// SendUserMessage takes what plain protoactor code sends. PoisonPill, Touch and MessageBatch arrive here
// too.
func (d *Door) SendUserMessage(pid *actor.PID, message any) {
	_, msg, sender := actor.UnwrapEnvelope(message)
	switch m := msg.(type) {
	case *actor.PoisonPill:
		d.Stop(pid)
	case *actor.Touch:
		d.reply(sender, &actor.Touched{Who: d.pid})
	case actor.MessageBatch:
		for _, x := range m.GetMessages() {
			d.take(pid, x, sender)
		}
	default:
		d.take(pid, msg, sender)
	}
}

// take gives one message to the kernel: a question where it carries a sender, else a tell.
func (d *Door) take(pid *actor.PID, msg any, sender *actor.PID) {
	if d.isDead() || msg == nil {
		d.f.deadLetter(pid, msg, sender)
		return
	}
	body := msg
	if sender != nil {
		body = d.f.question(msg, d.answerTo(sender))
	}
	if err := d.f.sys.Tell(d.ref, body); err != nil {
		d.f.deadLetter(pid, msg, sender)
	}
}

// answerTo answers a foreign asker. The reply promise guards the door: exactly one answer ever leaves,
// since a second reply to a protoactor future is a data race inside protoactor.
func (d *Door) answerTo(sender *actor.PID) func(any, error) {
	return func(v any, err error) {
		if err != nil {
			v = &Failure{err}
		}
		d.reply(sender, v)
	}
}

func (d *Door) reply(to *actor.PID, v any) {
	if to != nil {
		guarded(func() { d.f.foreign.Root.RequestWithCustomSender(to, v, d.pid) })
	}
}

// SendSystemMessage takes watch, unwatch and stop; anything else is a message like another.
func (d *Door) SendSystemMessage(pid *actor.PID, message any) {
	switch m := message.(type) {
	case *actor.Watch:
		if !d.watch(m.Watcher) {
			d.f.system(m.Watcher, &actor.Terminated{Who: pid, Why: actor.TerminatedReason_NotFound})
		}
	case *actor.Unwatch:
		d.mu.Lock()
		delete(d.watchers, key(m.Watcher))
		d.mu.Unlock()
	case *actor.Stop:
		d.Stop(pid)
	default:
		d.take(pid, message, nil)
	}
}

// Stop closes the actor's region where its spec opted in; elsewhere the request is a dead letter.
func (d *Door) Stop(pid *actor.PID) {
	if d.isDead() {
		return
	}
	if err := d.f.sys.StopFromOutside(d.ref, base.ReasonUser); err != nil {
		d.f.deadLetter(pid, &Failure{err}, nil)
	}
}

func (d *Door) watch(w *actor.PID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return false
	}
	d.watchers[key(w)] = w
	return true
}

func key(p *actor.PID) string { return p.Address + "/" + p.Id }

func (d *Door) isDead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// close is called once, when the actor's slot was given up: each watcher hears of it exactly once.
func (d *Door) close(actors.Exit) {
	d.mu.Lock()
	if d.dead {
		d.mu.Unlock()
		return
	}
	d.dead = true
	watchers := d.watchers
	d.watchers = nil
	d.mu.Unlock()
	d.f.forget(d)
	for _, w := range watchers {
		d.f.system(w, &actor.Terminated{Who: d.pid, Why: actor.TerminatedReason_Stopped})
	}
}

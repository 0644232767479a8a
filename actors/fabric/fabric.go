package fabric

import (
	"reflect"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/franken-node/fnode-supervisor/actors"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Fabric ties one kernel system to one protoactor system.
type Fabric struct {
	sys     *actors.System     // immutable
	foreign *actor.ActorSystem // immutable

	mu    sync.Mutex
	asks  map[reflect.Type]asker // guarded by mu
	doors map[string]*Door       // guarded by mu
}

// asker turns a foreign message into a question of the kernel.
type asker func(msg any, answer func(any, error)) any

// New ties both. The protoactor system's dead-letter throttle is expected at 1 ms (Config).
func New(sys *actors.System, foreign *actor.ActorSystem) *Fabric {
	return &Fabric{sys: sys, foreign: foreign, asks: map[reflect.Type]asker{}, doors: map[string]*Door{}}
}

// Config are the options with which the protoactor system should be made: its first dead letter starts a
// goroutine that lives for the throttle's interval.
func Config() []actor.ConfigOption {
	return []actor.ConfigOption{actor.WithDeadLetterThrottleInterval(time.Millisecond)}
}

// Accept makes foreign messages of type Q that carry a sender into questions Ask[Q, R]. Without it such
// a message becomes Ask[any, any].
func Accept[Q, R any](f *Fabric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asks[reflect.TypeFor[Q]()] = func(msg any, answer func(any, error)) any {
		return actors.Question[Q, R](f.sys, msg.(Q), func(r R, err error) { answer(r, err) })
	}
}

// Open registers the actor under its path and gives its PID. Opening it again gives the same PID. A path
// that plain protoactor code has taken is refused with codes.NameTaken.
func (f *Fabric) Open(r actors.Ref) (*actor.PID, error) {
	d, isNew, err := f.open(r)
	if err != nil {
		return nil, err
	}
	if isNew {
		f.sys.OnRetired(r, d.close)
	}
	return d.pid, nil
}

func (f *Fabric) open(r actors.Ref) (d *Door, isNew bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d, ok := f.doors[r.Path()]; ok {
		return d, false, nil
	}
	d = &Door{f: f, ref: r, watchers: map[string]*actor.PID{}}
	pid, ok := f.foreign.ProcessRegistry.Add(d, r.Path())
	if !ok {
		return nil, false, codes.New(codes.NameTaken, "protoactor has another process at %s", r.Path())
	}
	d.pid = pid
	f.doors[r.Path()] = d
	return d, true, nil
}

func (f *Fabric) question(msg any, answer func(any, error)) any {
	f.mu.Lock()
	ask, ok := f.asks[reflect.TypeOf(msg)]
	f.mu.Unlock()
	if ok {
		return ask(msg, answer)
	}
	return actors.Question[any, any](f.sys, msg, answer)
}

// forget takes the door's name back. Remove is by name: it must not unregister a successor.
func (f *Fabric) forget(d *Door) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.doors[d.ref.Path()] != d {
		return
	}
	delete(f.doors, d.ref.Path())
	f.foreign.ProcessRegistry.Remove(d.pid)
}

// deadLetter gives a foreign message to protoactor's dead letters, whose subscribers run inline.
func (f *Fabric) deadLetter(pid *actor.PID, msg any, sender *actor.PID) {
	guarded(func() {
		f.foreign.DeadLetter.SendUserMessage(pid, &actor.MessageEnvelope{Message: msg, Sender: sender})
	})
}

// system sends a system message: sendSystemMessage is not exported, the registry is the public way.
func (f *Fabric) system(to *actor.PID, msg any) {
	guarded(func() {
		if p, _ := f.foreign.ProcessRegistry.Get(to); p != nil {
			p.SendSystemMessage(to, msg)
		}
	})
}

// guarded runs foreign code: its panic is its own affair.
func guarded(run func()) {
	defer func() { _ = recover() }()
	run()
}

package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"modernc.org/quickjs"

	"github.com/franken-node/fnode-supervisor/engineproc/wire"
)

// Options configure a run. The zero value works.
type Options struct {
	Limits   wire.Limits
	LoadTime time.Duration // allowance for loading a bundle; default 3 s
	Ready    func() error  // called once, after the VM was warmed up and before the first answer; nil: nothing
}

// Name and Build say which engine this is.
const (
	Name  = "fnode-engine"
	Build = "1.0.0"
)

// Features are what a supervisor may require.
var Features = []string{"cancel", "credit", "chunks", "simulate", "kv", "sourcemap"}

// missing is what the language or the platform has and this engine has not.
var missing = []string{
	"WebAssembly", "Temporal", "top-level await", "fetch", "crypto.subtle other than digest and HMAC", "SharedArrayBuffer workers", "Blob.stream", "Headers", "Request", "Response",
	"Intl locale data other than en-US", "Intl.RelativeTimeFormat", "RegExp legacy static properties", "structuredClone transfer",
}

// maxHostCalls bounds the host calls under way. They take credit; this is for what one turn of code may begin.
const maxHostCalls = 4096

// maxTaken bounds the cancels that are remembered: one call runs at a time.
const maxTaken = 64

// engine is one run. Fields are owned by the VM's goroutine unless they say otherwise.
type engine struct {
	opts   Options
	out    *wire.Writer
	frames chan wire.Frame // capacity 64; closed by the reader
	fault  error           // written by the reader before it closes frames
	done   chan struct{}   // capacity 0; closed by Run: nobody takes frames any more

	mu     sync.Mutex
	cond   *sync.Cond
	credit map[string]uint64 // guarded by mu
	js     *quickjs.VM       // guarded by mu: for interrupts
	busy   uint64            // guarded by mu: the request that runs, 0: none
	taken  map[uint64]bool   // guarded by mu: cancelled requests that have not ended, at most maxTaken
	heard  []wire.Frame      // guarded by mu: host replies that the VM has not settled yet, at most maxHostCalls
	news   chan struct{}     // capacity 1; never closed: heard has grown
	eof    bool              // guarded by mu: the supervisor is gone

	vm       *vm
	hello    wire.HandshakeRequest
	conf     *wire.ConfigureRequest
	exports  []string
	calls    uint64
	asked    int // host calls whose reply was not settled yet
	spent    bool
	deadline time.Time
	request  uint64 // the request under way, for logs and host calls
	broken   error  // the pipe could not be written
}

// Run answers the supervisor until its side of the pipe ends or it asks for shutdown.
func Run(in io.Reader, out io.Writer, o Options) error {
	if o.LoadTime == 0 {
		o.LoadTime = 3 * time.Second
	}
	e := &engine{opts: o, out: wire.NewWriter(out, o.Limits), frames: make(chan wire.Frame, 64), credit: map[string]uint64{}, taken: map[uint64]bool{}, done: make(chan struct{}), news: make(chan struct{}, 1)}
	defer close(e.done)
	e.cond = sync.NewCond(&e.mu)
	go e.read(wire.NewReader(in, o.Limits)) // owner: Run; ends: the input ends, or the next frame after Run has ended
	defer func() {
		if e.vm != nil {
			e.mu.Lock()
			e.js = nil
			e.mu.Unlock()
			e.vm.close()
		}
	}()
	for f := range e.frames {
		done, err := e.handle(f)
		if err != nil || done {
			return err
		}
	}
	if errors.Is(e.fault, io.EOF) {
		return nil
	}
	_, _ = e.out.Send(wire.Frame{Type: wire.Goodbye, Text: e.fault.Error()})
	return e.fault
}

// read takes frames off the pipe. Cancel and credit overtake what runs; host replies wait beside it, so that code
// which waits for credit does not hold up the credit behind them.
func (e *engine) read(r *wire.Reader) {
	defer close(e.frames)
	for {
		f, err := r.Next()
		if err != nil {
			e.mu.Lock()
			e.fault, e.eof = err, true
			if e.js != nil && e.busy != 0 {
				e.js.Interrupt()
			}
			e.mu.Unlock()
			e.cond.Broadcast()
			return
		}
		switch f.Type {
		case wire.Credit:
			e.mu.Lock()
			e.credit[f.Name] += f.Num
			e.mu.Unlock()
			e.cond.Broadcast()
		case wire.Cancel:
			e.cancel(f.Re)
		case wire.HostReply:
			e.hear(f)
		default:
			select {
			case e.frames <- f:
			case <-e.done:
				return
			}
		}
	}
}

// hear keeps a host reply for the VM. There are never more than host calls under way; more are left out.
func (e *engine) hear(f wire.Frame) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.heard) == maxHostCalls {
		return
	}
	e.heard = append(e.heard, f)
	select {
	case e.news <- struct{}{}:
	default:
	}
}

// replies takes what was heard.
func (e *engine) replies() (fs []wire.Frame) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fs, e.heard = e.heard, nil
	return fs
}

func (e *engine) cancel(id uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.taken) < maxTaken {
		e.taken[id] = true // it may not have begun: over looks here before every entry into the VM
	}
	if e.busy != id || id == 0 {
		return
	}
	e.js.Interrupt()
	e.cond.Broadcast()
	select {
	case e.frames <- wire.Frame{Type: wire.Cancel, Re: id}: // wakes a call that waits for the host
	default:
	}
}

// handle answers one frame outside of a call.
func (e *engine) handle(f wire.Frame) (done bool, err error) {
	if f.Type != wire.Request {
		return false, nil // a cancel that comes too late
	}
	e.request = f.ID
	switch f.Name {
	case wire.Handshake:
		err = e.handshake(f)
	case wire.Describe:
		err = e.reply(f.ID, wire.DescribeReply{Engine: Name, Version: Build, Language: "ES2023", Features: Features, Missing: missing})
	case wire.Capabilities:
		err = e.reply(f.ID, Features)
	case wire.Introspect:
		err = e.introspect(f)
	case wire.Configure:
		err = e.configure(f)
	case wire.Invoke, wire.Simulate:
		err = e.invoke(f)
	case wire.Health:
		err = e.reply(f.ID, wire.HealthReply{Calls: e.calls, OK: !e.spent})
	case wire.Shutdown:
		err = errors.Join(e.reply(f.ID, map[string]any{}), e.send(wire.Frame{Type: wire.Goodbye, Text: "shutdown"}))
		return true, err
	default:
		err = e.refuse(f.ID, &result{Kind: wire.KindUnknown, Message: "there is no method " + f.Name})
	}
	return false, errors.Join(err, e.broken)
}

func (e *engine) send(f wire.Frame) error {
	_, err := e.out.Send(f)
	return err
}

func (e *engine) reply(re uint64, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return e.send(wire.Frame{Type: wire.Reply, Re: re, Data: data})
}

func (e *engine) refuse(re uint64, r *result) error {
	text := r.Message
	if r.Name != "" && r.Name != "Error" {
		text = r.Name + ": " + text
	}
	if e.vm != nil {
		r.Stack = e.vm.authors(r.Stack)
	}
	return e.send(wire.Frame{Type: wire.Error, Re: re, Name: r.Kind, Text: clip(text, wire.MaxText), Stack: clip(r.Stack, wire.MaxStack)})
}

func clip(s string, most int) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most-3], "") + "..."
	}
	return s
}

func (e *engine) handshake(f wire.Frame) error {
	var q wire.HandshakeRequest
	if err := json.Unmarshal(f.Data, &q); err != nil {
		return e.refuse(f.ID, &result{Kind: wire.KindBadInput, Message: err.Error()})
	}
	for _, r := range q.Required {
		if !slices.Contains(Features, r) {
			return e.refuse(f.ID, &result{Kind: wire.KindRefused, Message: "unknown required feature " + r})
		}
	}
	switch {
	case q.Protocol != wire.Version:
		return e.refuse(f.ID, &result{Kind: wire.KindRefused, Message: fmt.Sprintf("protocol %d is not spoken here, %d is", q.Protocol, wire.Version)})
	case q.Interface != wire.InterfaceHash:
		return e.refuse(f.ID, &result{Kind: wire.KindRefused, Message: "the interface is " + wire.InterfaceHash + ", not " + q.Interface})
	case e.vm != nil:
		return e.refuse(f.ID, &result{Kind: wire.KindRefused, Message: "a second handshake"})
	case q.Heap <= 0 || q.Stack <= 0 || q.Result <= 0:
		return e.refuse(f.ID, &result{Kind: wire.KindRefused, Message: "heap, stack and result need limits"})
	}
	e.hello = q
	e.out.Narrow(q.MaxFrame)
	if err := e.warm(); err != nil { // not warm, or not sealed: no code is ever loaded here
		return errors.Join(e.refuse(f.ID, &result{Kind: wire.KindRefused, Message: err.Error()}), err)
	}
	return e.reply(f.ID, wire.HandshakeReply{Protocol: wire.Version, Interface: wire.InterfaceHash, Engine: Name, Version: Build, Features: Features})
}

// warm makes the VM and lets it read what a sealed process cannot read later (time zone).
func (e *engine) warm() error {
	v, err := newVM(e.hello.Heap, e.hello.Stack, 0, e)
	if err != nil {
		return err
	}
	e.vm = v
	if _, err := v.js.Eval("new Date(0).getTimezoneOffset()+Math.random()", quickjs.EvalGlobal); err != nil {
		return err
	}
	e.mu.Lock()
	e.js = v.js
	e.mu.Unlock()
	if e.opts.Ready != nil {
		return e.opts.Ready()
	}
	return nil
}

func (e *engine) introspect(f wire.Frame) error {
	if e.conf == nil {
		return e.refuse(f.ID, &result{Kind: wire.KindNotConfigured, Message: "introspect before configure"})
	}
	return e.reply(f.ID, wire.IntrospectReply{Name: e.conf.Name, Version: e.conf.Version, Exports: e.exports, Methods: e.conf.Methods})
}

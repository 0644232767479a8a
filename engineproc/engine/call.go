package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"modernc.org/quickjs"

	"github.com/franken-node/fnode-supervisor/engineproc/wire"
)

// forever stands for a call without a deadline.
const forever = 24 * time.Hour

// configure loads the bundle within the load allowance.
func (e *engine) configure(f wire.Frame) error {
	var q wire.ConfigureRequest
	if err := json.Unmarshal(f.Data, &q); err != nil {
		return e.refuse(f.ID, &result{Kind: wire.KindBadInput, Message: err.Error()})
	}
	if e.vm == nil || e.conf != nil || e.spent {
		return e.refuse(f.ID, &result{Kind: wire.KindRefused, Message: "configure comes once, after the handshake"})
	}
	e.vm.rng = rand.New(rand.NewPCG(q.Seed, 0x9e3779b97f4a7c15))
	began := time.Now()
	e.begin(f.ID, began.Add(e.opts.LoadTime))
	stop := e.guard()
	r := e.load(q)
	stop()
	e.end()
	if err := e.exhausted(); err != nil {
		return err
	}
	if e.spent && r.Kind == "" {
		r = &result{Kind: wire.KindLoad, Name: "InternalError", Message: "out of memory while loading"}
	}
	if r.Kind != "" {
		return e.fail(f.ID, r)
	}
	var reply wire.ConfigureReply
	if err := json.Unmarshal([]byte(r.JSON), &reply); err != nil {
		return e.refuse(f.ID, &result{Kind: wire.KindLoad, Message: err.Error()})
	}
	reply.LoadMS = float64(time.Since(began).Microseconds()) / 1000
	e.exports = reply.Exports
	q.Bundle = ""
	e.conf = &q
	return e.reply(f.ID, reply)
}

func (e *engine) load(q wire.ConfigureRequest) *result {
	small := q
	small.Bundle = ""
	meta, err := json.Marshal(small)
	if err != nil {
		return &result{Kind: wire.KindBadInput, Message: err.Error()}
	}
	if _, err := e.vm.call("begin", e.left(), string(meta)); err != nil {
		return e.interrupted(failure(wire.KindLoad, err), err)
	}
	e.vm.limit(e.left())
	v, err := e.vm.js.EvalValue(e.vm.below(q.Bundle), quickjs.EvalGlobal)
	if err != nil {
		return e.interrupted(failure(wire.KindLoad, err), err)
	}
	v.Free()
	if err := e.vm.jobs(e.left()); err != nil {
		return e.interrupted(failure(wire.KindLoad, err), err)
	}
	if _, err := e.vm.call("finish", e.left()); err != nil {
		return e.interrupted(failure(wire.KindLoad, err), err)
	}
	return e.take()
}

// take gives what the dispatcher reported and forgets it.
func (e *engine) take() *result {
	r := e.vm.result
	e.vm.result = nil
	return r
}

// invoke runs one method to its end.
func (e *engine) invoke(f wire.Frame) error {
	var q wire.InvokeRequest
	switch err := json.Unmarshal(f.Data, &q); {
	case err != nil:
		return e.refuse(f.ID, &result{Kind: wire.KindBadInput, Message: err.Error()})
	case q.Method == "":
		return e.refuse(f.ID, &result{Kind: wire.KindBadInput, Message: "the payload names no method"})
	case e.conf == nil:
		return e.refuse(f.ID, &result{Kind: wire.KindNotConfigured, Message: "invoke before configure"})
	case e.spent:
		return e.refuse(f.ID, &result{Kind: wire.KindOOM, Message: "this instance ran out of memory before and is retired"})
	}
	left := forever
	if f.Num > 0 {
		left = time.Duration(f.Num) * time.Millisecond
	}
	e.calls++
	e.begin(f.ID, time.Now().Add(left))
	r := e.drive(q, left, f.Name == wire.Simulate)
	e.end()
	if n := len(r.JSON); n > e.hello.Result { // the shims count characters, and leave out what is far above
		r = &result{Kind: wire.KindResultSize, Name: "RangeError", Message: fmt.Sprintf("the result has %d bytes; at most %d", n, e.hello.Result)}
	}
	if err := e.exhausted(); err != nil {
		return err
	}
	if r.Kind != "" {
		return e.fail(f.ID, r)
	}
	return e.send(wire.Frame{Type: wire.Reply, Re: f.ID, Data: []byte(r.JSON)})
}

// exhausted looks whether the heap refused an allocation, also one that the code hid: then the instance is
// retired, and says so ahead of its answer.
func (e *engine) exhausted() error {
	if e.spent || !e.vm.heap.refused.Load() {
		return nil
	}
	e.spent = true
	return e.send(wire.Frame{Type: wire.Event, Name: wire.EventSpent, Data: []byte(`{"reason":"oom_heap"}`)})
}

// fail answers with an error; what a used-up heap made of the code is no fault of its author's.
func (e *engine) fail(re uint64, r *result) error {
	if (r.Kind == wire.KindThrow || r.Kind == wire.KindLoad) && r.Name == "InternalError" && r.Message == "stack overflow" {
		r.Kind = wire.KindStack
	}
	if e.spent && (r.Kind == wire.KindThrow || r.Kind == wire.KindLoad || r.Kind == wire.KindStalled) {
		r.Kind = wire.KindOOM
	}
	return e.refuse(re, r)
}

func (e *engine) begin(id uint64, deadline time.Time) {
	e.deadline = deadline
	e.vm.result = nil
	e.mu.Lock()
	e.busy = id
	e.mu.Unlock()
}

func (e *engine) end() {
	e.mu.Lock()
	for id := range e.taken {
		if id <= e.busy {
			delete(e.taken, id) // done with, or too late
		}
	}
	e.busy = 0
	e.mu.Unlock()
}

func (e *engine) left() time.Duration { return time.Until(e.deadline) }

// drive calls the method and then turns the loop (jobs, timers, host replies) until it has reported.
func (e *engine) drive(q wire.InvokeRequest, left time.Duration, simulate bool) *result {
	most := e.hello.Result
	stop := e.guard()
	defer stop()
	var err error
	if e.over() == "" {
		_, err = e.vm.call("invoke", left, q.Method, string(q.Input), q.Call, float64(left.Milliseconds()), most, simulate)
	}
	for {
		if r := e.verdict(err); r != nil {
			return r
		}
		if err = e.vm.jobs(e.left()); err != nil || e.vm.result != nil {
			continue
		}
		err = e.turn()
	}
}

// guard repeats the interrupt of a cancelled call: QuickJS forgets one that comes between two entries.
// After stop it interrupts nothing any more.
func (e *engine) guard() (stop func()) {
	over := false // guarded by e.mu
	var again *time.Timer
	look := func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if over {
			return
		}
		if e.cut() && e.js != nil {
			e.js.Interrupt()
		}
		again.Reset(guardEvery)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	again = time.AfterFunc(guardEvery, look)
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		over = true
		again.Stop()
	}
}

const guardEvery = 20 * time.Millisecond

// verdict says how the call ended, nil if it goes on.
func (e *engine) verdict(err error) *result {
	if r := e.take(); r != nil {
		return r
	}
	if err != nil {
		e.drop()
		return e.interrupted(failure(wire.KindThrow, err), err)
	}
	if kind := e.over(); kind != "" {
		e.drop()
		return &result{Kind: kind, Name: "Error", Message: kind}
	}
	return nil
}

// drop ends the call in the dispatcher: its signal aborts, its timers and host calls are forgotten, and what
// it settles later is not heard.
func (e *engine) drop() {
	_, _ = e.vm.call("abandon", 50*time.Millisecond)
}

// over says whether the call has no more time.
func (e *engine) over() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.cut():
		return wire.KindCancelled
	case e.left() <= 0:
		return wire.KindDeadline
	}
	return ""
}

// cut says whether the request under way was cancelled. The caller holds e.mu.
func (e *engine) cut() bool { return e.eof || e.busy != 0 && e.taken[e.busy] }

// interrupted gives an interrupt its right kind.
func (e *engine) interrupted(r *result, err error) *result {
	if !isInterrupt(err) && !errors.Is(err, errOver) {
		return r
	}
	r.Kind, r.Message, r.Name = wire.KindDeadline, "interrupted at the deadline", "Error"
	if e.over() == wire.KindCancelled {
		r.Kind, r.Message = wire.KindCancelled, "interrupted by a cancel"
	}
	return r
}

var errTooMany = fmt.Errorf("more than %d host calls are under way", maxHostCalls)

// errOver is what a host function gives code whose time is over.
var errOver = errors.New("the call's time is over")

// turn waits for what comes next: a timer, a host reply, a cancel, or the deadline.
func (e *engine) turn() error {
	next, err := e.vm.call("timerNext", e.left())
	if err != nil {
		return err
	}
	wait, hasTimer := ms(next)
	waiting, err := e.vm.call("waiting", e.left())
	if err != nil {
		return err
	}
	if fs := e.replies(); len(fs) > 0 {
		return e.settle(fs)
	}
	if n, _ := ms(waiting); !hasTimer && n == 0 {
		e.vm.result = &result{Kind: wire.KindStalled, Name: "Error", Message: "the promise cannot settle: no timer and no host call is left"}
		e.drop()
		return nil
	}
	if hasTimer && wait <= 0 {
		_, err := e.vm.call("timerRun", e.left()) // what a timer throws ends the call: nobody else hears of it
		return err
	}
	if !hasTimer {
		wait = forever
	}
	clock := time.NewTimer(min(wait, max(0, e.left())))
	defer clock.Stop()
	select {
	case <-clock.C:
		return nil
	case <-e.news:
		return e.settle(e.replies())
	case f, ok := <-e.frames:
		if !ok || f.Type == wire.Cancel {
			return nil // over says the rest
		}
		return e.during(f)
	}
}

func ms(v any) (time.Duration, bool) {
	switch n := v.(type) {
	case int:
		return time.Duration(n) * time.Millisecond, n >= 0
	case float64:
		return time.Duration(n * float64(time.Millisecond)), n >= 0
	}
	return 0, false
}

// settle settles host calls. One that the bundle began while it was loaded is settled in the first call; one
// whose call has ended was rejected then.
func (e *engine) settle(fs []wire.Frame) (first error) {
	for _, f := range fs {
		e.asked--
		if _, err := e.vm.call("settle", e.left(), float64(f.Re), f.OK, string(f.Data), f.Name); first == nil {
			first = err
		}
	}
	return first
}

// during takes a frame inside a call: a request that has to wait for nothing.
func (e *engine) during(f wire.Frame) error {
	switch {
	case f.Type == wire.Request && f.Name == wire.Health:
		return e.reply(f.ID, wire.HealthReply{Calls: e.calls, OK: !e.spent})
	case f.Type == wire.Request:
		return e.refuse(f.ID, &result{Kind: wire.KindRefused, Message: "one call at a time"})
	}
	return nil
}

// pay waits for credit of a class; false if the call's time is over first.
func (e *engine) pay(class string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.credit[class] == 0 {
		wake := time.AfterFunc(max(0, e.left()), e.nudge)
		defer wake.Stop()
	}
	for e.credit[class] == 0 {
		if e.cut() || e.left() <= 0 {
			if e.js != nil {
				e.js.Interrupt()
			}
			return false
		}
		e.cond.Wait()
	}
	e.credit[class]--
	return true
}

// nudge wakes whoever waits for credit, to look at the time.
func (e *engine) nudge() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cond.Broadcast()
}

// log sends a line of output. Code that floods waits here for credit, up to its deadline.
func (e *engine) log(level int, text string) {
	if e.deadline.IsZero() || !e.pay(wire.CreditLog) {
		return
	}
	if err := e.send(wire.Frame{Type: wire.Log, Re: e.request, Num: uint64(max(0, min(level, 3))), Text: clip(e.vm.authors(text), wire.MaxText)}); err != nil {
		e.broken = err
	}
}

// hostCall sends a host call; its answer settles the promise of the id.
func (e *engine) hostCall(name, input string) (float64, error) {
	if e.asked >= maxHostCalls {
		return 0, errTooMany
	}
	if !e.pay(wire.CreditHost) {
		return 0, errOver
	}
	id, err := e.out.Send(wire.Frame{Type: wire.HostCall, Re: e.request, Name: name, Num: uint64(max(1, e.left().Milliseconds())), Data: []byte(input)})
	if err != nil {
		return 0, err
	}
	e.asked++
	return float64(id), nil
}

package lanes

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// What several goroutines touch without a lock goes through word, link and lock, so that a test can run every order of
// their steps (model_test.go). In production hook is nil.

// stepper is told of each step before it is done, and of what it read; wait says that a lock or a neighbour is waited for.
type stepper interface {
	step()
	saw(v uint64)
	wait()
}

var hook stepper // set by tests only, while nothing else runs

// yield lets a neighbour go on who is between two steps of his.
func yield() {
	if hook != nil {
		hook.wait()
		return
	}
	runtime.Gosched()
}

// hooked does one step under the eye of a test.
func hooked[R any](do func() R, sum func(R) uint64) R {
	hook.step()
	r := do()
	hook.saw(sum(r))
	return r
}

func same(v uint64) uint64 { return v }

func truth(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

type word struct{ v atomic.Uint64 }

func (w *word) load() uint64 {
	if hook != nil {
		return hooked(w.v.Load, same)
	}
	return w.v.Load()
}

func (w *word) store(v uint64) {
	if hook != nil {
		hook.step()
	}
	w.v.Store(v)
}

func (w *word) add(n uint64) uint64 {
	if hook != nil {
		return w.hookedAdd(n)
	}
	return w.v.Add(n)
}

func (w *word) cas(old, v uint64) bool {
	if hook != nil {
		return w.hookedCas(old, v)
	}
	return w.v.CompareAndSwap(old, v)
}

//go:noinline
func (w *word) hookedAdd(n uint64) uint64 {
	return hooked(func() uint64 { return w.v.Add(n) }, same)
}

//go:noinline
func (w *word) hookedCas(old, v uint64) bool {
	return hooked(func() bool { return w.v.CompareAndSwap(old, v) }, truth)
}

type link[T any] struct{ p atomic.Pointer[T] }

func (l *link[T]) load() *T {
	if hook != nil {
		return l.hookedLoad()
	}
	return l.p.Load()
}

func (l *link[T]) store(p *T) {
	if hook != nil {
		hook.step()
	}
	l.p.Store(p)
}

func (l *link[T]) cas(old, p *T) bool {
	if hook != nil {
		return l.hookedCas(old, p)
	}
	return l.p.CompareAndSwap(old, p)
}

//go:noinline
func (l *link[T]) hookedLoad() *T {
	return hooked(l.p.Load, func(p *T) uint64 { return truth(p != nil) })
}

//go:noinline
func (l *link[T]) hookedCas(old, p *T) bool {
	return hooked(func() bool { return l.p.CompareAndSwap(old, p) }, truth)
}

type lock struct{ mu sync.Mutex }

//go:noinline
func (l *lock) hooked() {
	for hook.step(); !l.mu.TryLock(); {
		hook.wait()
	}
}

// try takes the lock if it is free.
func (l *lock) try() bool {
	if hook != nil {
		return hooked(l.mu.TryLock, truth)
	}
	return l.mu.TryLock()
}

func (l *lock) unlock() { l.mu.Unlock() }

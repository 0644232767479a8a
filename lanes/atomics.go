package lanes

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// What several goroutines touch without a lock goes through word, link and lock, so that a test can run every order of
// their steps (model_test.go). S says whether one does: Live is of no size, and then the compiler leaves out what tells
// the test; the source is the same.

// stepper is told of each step before it is done, and of what it read; wait says that a lock or a neighbour is waited for.
type stepper interface {
	step()
	saw(v uint64)
	wait()
}

var hook stepper // set by tests only, while nothing else runs

// Live is the S of what runs in production: no test looks at its steps. Its size is what the compiler knows when it
// decides what is small enough to inline, so it is asked for in place.
type Live struct{}

// yield lets a neighbour go on who is between two steps of his.
func yield[S any]() {
	if unsafe.Sizeof(*new(S)) != 0 {
		hook.wait()
		return
	}
	runtime.Gosched()
}

// hooked does one step under the eye of a test, if it looks.
func hooked[R any](do func() R, sum func(R) uint64) R {
	if hook == nil {
		return do()
	}
	hook.step()
	r := do()
	hook.saw(sum(r))
	return r
}

// stepping tells a test that a step comes, if it looks.
//
//go:noinline
func stepping() {
	if hook != nil {
		hook.step()
	}
}

func same(v uint64) uint64 { return v }

func truth(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

type word[S any] struct{ v atomic.Uint64 }

func (w *word[S]) load() uint64 {
	if unsafe.Sizeof(*new(S)) != 0 {
		return stepLoad(&w.v)
	}
	return w.v.Load()
}

func (w *word[S]) store(v uint64) {
	if unsafe.Sizeof(*new(S)) != 0 {
		stepping()
	}
	w.v.Store(v)
}

func (w *word[S]) add(n uint64) uint64 {
	if unsafe.Sizeof(*new(S)) != 0 {
		return stepAdd(&w.v, n)
	}
	return w.v.Add(n)
}

func (w *word[S]) cas(old, v uint64) bool {
	if unsafe.Sizeof(*new(S)) != 0 {
		return stepCas(&w.v, old, v)
	}
	return w.v.CompareAndSwap(old, v)
}

//go:noinline
func stepLoad(w *atomic.Uint64) uint64 { return hooked(w.Load, same) }

//go:noinline
func stepAdd(w *atomic.Uint64, n uint64) uint64 {
	return hooked(func() uint64 { return w.Add(n) }, same)
}

//go:noinline
func stepCas(w *atomic.Uint64, old, v uint64) bool {
	return hooked(func() bool { return w.CompareAndSwap(old, v) }, truth)
}

type link[T, S any] struct{ p atomic.Pointer[T] }

func (l *link[T, S]) load() *T {
	if unsafe.Sizeof(*new(S)) != 0 {
		return stepLook(&l.p)
	}
	return l.p.Load()
}

func (l *link[T, S]) store(p *T) {
	if unsafe.Sizeof(*new(S)) != 0 {
		stepping()
	}
	l.p.Store(p)
}

func (l *link[T, S]) cas(old, p *T) bool {
	if unsafe.Sizeof(*new(S)) != 0 {
		return stepSwap(&l.p, old, p)
	}
	return l.p.CompareAndSwap(old, p)
}

//go:noinline
func stepLook[T any](l *atomic.Pointer[T]) *T {
	return hooked(l.Load, func(p *T) uint64 { return truth(p != nil) })
}

//go:noinline
func stepSwap[T any](l *atomic.Pointer[T], old, p *T) bool {
	return hooked(func() bool { return l.CompareAndSwap(old, p) }, truth)
}

type lock[S any] struct{ mu sync.Mutex }

func (l *lock[S]) take() {
	if unsafe.Sizeof(*new(S)) != 0 {
		stepLock(&l.mu)
		return
	}
	l.mu.Lock()
}

// try takes the lock if it is free.
func (l *lock[S]) try() bool {
	if unsafe.Sizeof(*new(S)) != 0 {
		return hooked(l.mu.TryLock, truth)
	}
	return l.mu.TryLock()
}

func (l *lock[S]) unlock() { l.mu.Unlock() }

//go:noinline
func stepLock(mu *sync.Mutex) {
	if hook == nil {
		mu.Lock()
		return
	}
	for hook.step(); !mu.TryLock(); {
		hook.wait()
	}
}

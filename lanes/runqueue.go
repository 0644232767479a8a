package lanes

import (
	"sync"
	"sync/atomic"
)

// RunQueue is the queue of runnable slots: the same three classes and streak rules as a mailbox (L6).
// All methods may be called from any goroutine.
type RunQueue[T any] struct {
	mu      sync.Mutex
	waiting sync.Cond
	idle    int            // guarded by mu: workers that wait
	streak  Streak         // guarded by mu
	classes [count]ring[T] // guarded by mu
	closed  bool           // guarded by mu
	n       atomic.Uint64  // how many wait, 21 bits a class, the most urgent in the lowest; written under mu
}

const (
	unit = uint64(1)
	wide = 21 // bits of a class in RunQueue.n
)

// NewRunQueue makes an empty queue.
func NewRunQueue[T any]() *RunQueue[T] {
	q := &RunQueue[T]{}
	q.waiting.L = &q.mu
	return q
}

// Push queues v in its class and wakes one worker.
func (q *RunQueue[T]) Push(class Lane, v T) {
	q.mu.Lock()
	q.classes[class].push(entry[T]{v: v})
	q.n.Add(unit << (wide * class))
	wake := q.idle > 0
	if wake {
		q.idle-- // it is counted again when it waits again
	}
	q.mu.Unlock()
	if wake {
		q.waiting.Signal()
	}
}

// Next gives the next slot by rule L3, and waits for one. ok is false once the queue is closed and empty.
func (q *RunQueue[T]) Next() (v T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		l, next, some := Choose(q.streak, q.has())
		if some {
			q.streak = next
			q.n.Add(-(unit << (wide * l)))
			return q.classes[l].pop().v, true
		}
		if q.closed {
			return v, false
		}
		q.idle++
		q.waiting.Wait()
	}
}

// Above says whether a class more urgent than that one waits: a worker looks at every delivery boundary.
func (q *RunQueue[T]) Above(class Lane) bool { return q.n.Load()&(unit<<(wide*class)-1) != 0 }

// Len is how many slots wait.
func (q *RunQueue[T]) Len() (n int) {
	for w := q.n.Load(); w != 0; w >>= wide {
		n += int(w & (unit<<wide - 1))
	}
	return n
}

// Close lets Next return false once the queue is empty.
func (q *RunQueue[T]) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.waiting.Broadcast()
}

func (q *RunQueue[T]) has() (w [3]bool) {
	for l := range q.classes {
		w[l] = q.classes[l].len() > 0
	}
	return w
}

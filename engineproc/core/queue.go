package core

import "time"

// Call is a queued call. Due is its deadline in ns of the run's clock; zero: none.
type Call struct {
	ID  uint64
	Due int64
}

// Queue holds the calls of an extension that wait for an engine: bounded, earliest deadline first, ties
// and calls without a deadline by arrival.
type Queue struct {
	most  int
	calls []Call // in the order of service
}

// NewQueue makes a queue for at most that many calls; zero means 64.
func NewQueue(most int) *Queue {
	if most == 0 {
		most = 64
	}
	return &Queue{most: most}
}

// Len is how many calls wait.
func (q *Queue) Len() int { return len(q.calls) }

// Cap is the bound.
func (q *Queue) Cap() int { return q.most }

// Put queues a call; false: the queue is full.
func (q *Queue) Put(c Call) bool {
	if len(q.calls) >= q.most {
		return false
	}
	i := len(q.calls)
	for i > 0 && later(q.calls[i-1], c) {
		i--
	}
	q.calls = append(q.calls, Call{})
	copy(q.calls[i+1:], q.calls[i:])
	q.calls[i] = c
	return true
}

// later says whether a is served after b although it came first.
func later(a, b Call) bool {
	return b.Due != 0 && (a.Due == 0 || a.Due > b.Due)
}

// Next takes the next call that is still worth serving; expired ones are given back to be refused, with
// outcome none.
func (q *Queue) Next(now int64) (c Call, ok bool, expired []Call) {
	for len(q.calls) > 0 {
		c, q.calls = q.calls[0], q.calls[1:]
		if c.Due == 0 || c.Due > now {
			return c, true, expired
		}
		expired = append(expired, c)
	}
	return Call{}, false, expired
}

// Remove takes a call out; false if it does not wait.
func (q *Queue) Remove(id uint64) bool {
	for i, c := range q.calls {
		if c.ID == id {
			q.calls = append(q.calls[:i:i], q.calls[i+1:]...)
			return true
		}
	}
	return false
}

// Drain takes every call out, in the order of service.
func (q *Queue) Drain() []Call {
	out := q.calls
	q.calls = nil
	return out
}

// RetryAfter guesses when a full queue has room: its length times what a call took lately.
func (q *Queue) RetryAfter(perCall time.Duration) time.Duration {
	return min(max(time.Duration(len(q.calls))*perCall/2, 10*time.Millisecond), 5*time.Second)
}

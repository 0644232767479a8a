package lanes

import (
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"slices"
	"testing"
)

// The lock-free parts, run in every order of their steps: Ready's queue (two fetch-and-adds cannot get one place, no
// message is lost, doubled or overtaken while segments follow or are opened anew, void places are skipped, the bound
// holds) and the turn (exactly one worker, no wake-up lost).
//
// A thread is a goroutine that stops before each of its steps. The search goes depth first and runs each path from the
// start. Two paths meet where every thread has seen the same, and the steps left are the same: only one goes on.

// eyed is the S of what is looked at, step by step.
type eyed struct{ _ byte }

func newEyed[T any](o Options) *Mailbox[T, eyed] {
	m := &Mailbox[T, eyed]{}
	o = o.Settled()
	m.Init(&o)
	return m
}

// thread is a goroutine under the search's hand.
type thread struct {
	go_  chan struct{} // capacity 0: a step may be done; never closed
	at   chan bool     // capacity 0: it stands before a step; true: it waits for a neighbour; closed at its end
	over bool
	wait bool
	seen uint64 // hash of all that it has done and read
}

// search runs threads in every order.
type search struct {
	threads []*thread
	cur     *thread
	paths   int
	met     map[uint64]bool
}

func (s *search) step() { s.cur.stop(false) }

func (s *search) wait() { s.cur.stop(true) }

func (s *search) saw(v uint64) { s.cur.seen = s.cur.seen*0x9E3779B97F4A7C15 ^ (v + 0x165667B19E3779F9) }

func (t *thread) stop(wait bool) {
	t.at <- wait
	<-t.go_
}

// run lets t go on to its next step.
func (s *search) run(t *thread) {
	s.cur = t
	t.seen = t.seen*31 + 1
	t.go_ <- struct{}{}
	wait, more := <-t.at
	t.over, t.wait = !more, wait
}

// explore runs begin's threads in every order of their steps; begin makes them anew each time, and check looks at each
// end. state is what the threads share.
func explore(t *testing.T, begin func() (threads []func(), state func() uint64, check func() error)) (paths, states int) {
	t.Helper()
	s := &search{met: map[uint64]bool{}}
	hook = s
	defer func() { hook = nil }()
	var choices, width []int
	for {
		s.threads, s.cur = nil, nil
		fs, state, check := begin2(begin)
		for _, f := range fs {
			th := &thread{go_: make(chan struct{}), at: make(chan bool)}
			s.threads = append(s.threads, th)
			go func() { // owner: explore, which runs it to its end; ends: with f
				<-th.go_
				f()
				close(th.at)
			}()
		}
		width = width[:0]
		depth, pruned := 0, false
		for {
			var ready []*thread
			for _, th := range s.threads {
				if !th.over && !th.wait {
					ready = append(ready, th)
				}
			}
			if len(ready) == 0 { // all wait, or are over: those that wait look again
				for _, th := range s.threads {
					if !th.over {
						ready = append(ready, th)
					}
				}
			}
			if len(ready) == 0 {
				break
			}
			if depth >= len(choices) && !pruned {
				key := s.key(state)
				if s.met[key] {
					pruned = true
				}
				s.met[key] = true
			}
			if pruned { // run to the end somehow: goroutines are not left behind
				s.free(ready[depth%len(ready)])
				depth++
				if depth > 10_000 {
					t.Fatal("it does not end")
				}
				continue
			}
			if depth == len(choices) {
				choices = append(choices, 0)
			}
			width = append(width, len(ready))
			s.free(ready[choices[depth]])
			if depth++; depth > 10_000 {
				t.Fatal("it does not end")
			}
		}
		s.paths++
		if err := check(); err != nil {
			t.Fatalf("%v, in the order %v", err, choices)
		}
		choices = choices[:min(len(choices), len(width))]
		for len(choices) > 0 && choices[len(choices)-1]+1 >= width[len(choices)-1] {
			choices = choices[:len(choices)-1]
		}
		if len(choices) == 0 {
			return s.paths, len(s.met)
		}
		choices[len(choices)-1]++
	}
}

// begin2 makes what the threads share without a hook: that is no step of theirs.
func begin2(begin func() ([]func(), func() uint64, func() error)) ([]func(), func() uint64, func() error) {
	h := hook
	hook = nil
	defer func() { hook = h }()
	return begin()
}

// free runs t for a step; what waited may go on then.
func (s *search) free(t *thread) {
	s.run(t)
	if !t.wait {
		for _, o := range s.threads {
			o.wait = false
		}
	}
}

func (s *search) key(state func() uint64) uint64 {
	h := hook
	hook = nil
	defer func() { hook = h }()
	f := fnv.New64a()
	for _, t := range s.threads {
		fmt.Fprint(f, t.over, t.wait, t.seen, " ")
	}
	fmt.Fprint(f, state())
	return f.Sum64()
}

func (l *lock[S]) held() bool {
	free := l.mu.TryLock()
	if free {
		l.mu.Unlock()
	}
	return !free
}

// digest is what the threads of a mailbox share.
func (m *Mailbox[T, S]) digest() uint64 {
	f := fnv.New64a()
	fmt.Fprint(f, m.turn.w.load(), m.in, m.taken, m.handled, m.past, m.mu.held())
	for u := m.inbox.load(); u != nil; u = u.older {
		fmt.Fprint(f, "urgent", u.v)
	}
	if m.rare != nil {
		fmt.Fprint(f, m.rare.cancel.len(), m.rare.counts)
	}
	q := m.now()
	if q == nil {
		return f.Sum64()
	}
	fmt.Fprint(f, q.freed, q.seen, q.void.load(), q.limit.load(), q.tight.load(), q.deq, q.over.load())
	names := map[*segment[T, S]]int{nil: 0}
	for _, s := range []*segment[T, S]{q.head, q.tail.load(), q.spare[0].load(), q.spare[1].load(), q.spare[2].load()} {
		m.digestChain(f, names, s)
	}
	fmt.Fprint(f, names[q.head])
	return f.Sum64()
}

// digestChain adds a segment and what follows it.
func (m *Mailbox[T, S]) digestChain(f io.Writer, names map[*segment[T, S]]int, s *segment[T, S]) {
	for ; s != nil; s = s.succ.load() {
		if n, ok := names[s]; ok {
			fmt.Fprint(f, "at", n)
			return
		}
		names[s] = len(names)
		fmt.Fprint(f, ";", s.enq.load(), s.base.load())
		for i := range s.at {
			fmt.Fprint(f, " ", s.at[i].mark, s.at[i].v)
		}
	}
	fmt.Fprint(f, "end")
}

// worker is a consumer as a host has it: it claims tickets and delivers until the mailbox rests.
type worker struct {
	box     *Mailbox[int, eyed]
	tickets []Ticket // as a run queue holds them; touched by one thread between two steps
	got     []int
	inside  int
	broken  error

	unpromised int // places that were asked for, and not given
}

// urgentFrom is where messages of Cancel begin.
const urgentFrom = 1000

func (w *worker) push(t Ticket) {
	if t != 0 {
		w.tickets = append(w.tickets, t)
	}
}

// lastWords are put beside the bound, and never refused.
const lastWords = 500

// looker looks at the books in place of a put, trimmer gives the room back that is not used, reserver takes a promised place.
const (
	looker   = 2000
	trimmer  = 3000
	reserver = 4000
)

// looks checks the books as anybody may see them at any moment.
func (w *worker) looks() {
	v, c := w.box.Look()
	if l := Ready; v[l].Depth < 0 || c.Sent[l] != uint64(v[l].Depth)+c.Taken[l]+c.Refused[l] {
		w.broken = fmt.Errorf("the books: depth %d, %+v", v[l].Depth, c)
	}
}

func (w *worker) put(v int) {
	switch {
	case v == looker:
		w.looks()
		return
	case v == trimmer:
		w.box.Trim()
		return
	case v >= reserver:
		if w.box.Reserve(Ready) {
			w.push(w.box.PutReserved(nil, Ready, 0, v-reserver))
		} else {
			w.unpromised++
		}
		return
	case v >= urgentFrom:
		w.push(w.box.PutCancel(v, func(old, _ int) (int, bool) { return old, false }))
		return
	case v >= lastWords:
		w.push(w.box.PutExtra(v))
		return
	}
	t, _, _ := w.box.Put(v)
	w.push(t)
}

// work serves what is in the run queue now.
func (w *worker) work() {
	for len(w.tickets) > 0 {
		t := w.tickets[0]
		w.tickets = w.tickets[1:]
		if !w.box.Claim(t) {
			continue
		}
		if w.inside++; w.inside != 1 {
			w.broken = fmt.Errorf("%d workers at once", w.inside)
		}
		for more := true; more; {
			v, l, _, ok := w.box.Take(1)
			for after := More; ok && after == More; { // two at a time, if there are, and then as a host does at the end of a turn
				w.got = append(w.got, v)
				second, next, _, a := w.box.Next(l, 1)
				if a != More {
					break
				}
				w.got = append(w.got, second)
				l = next
				w.inside-- // whoever is woken now is not the second
				if after = w.box.Delivered(l, 1, true); after == Rests {
					more, ok = false, false
					break
				}
				w.inside++
				v, l, _, ok = w.box.Take(1)
			}
			if !more {
				break
			}
			w.inside-- // whoever is woken now is not the second
			if more = !w.box.Rest(); more {
				w.inside++
			}
		}
	}
}

// balanced looks at the end: what is queued has a ticket, and the books agree.
func (w *worker) end(sent [][]int, refusable bool) error {
	h := hook
	hook = nil
	defer func() { hook = h }()
	extra := 0
	for _, line := range sent {
		for _, m := range line {
			if m >= lastWords && m < urgentFrom {
				extra++
			}
		}
	}
	if v, _ := w.box.Look(); v[Ready].Depth > w.box.Cap(Ready)+extra {
		return fmt.Errorf("L4: %d wait, over the bound", v[Ready].Depth)
	}
	w.work() // what was queued last
	if w.broken != nil {
		return w.broken
	}
	if n := w.box.Free(Ready); n != w.box.Cap(Ready) {
		return fmt.Errorf("L4: %d places are free of an empty lane", n)
	}
	v, c := w.box.Look()
	if c.Sent[Ready] != uint64(v[Ready].Depth)+c.Taken[Ready]+c.Dead[Ready]+c.Refused[Ready]+c.Revoked[Ready] || v[Ready].Depth != 0 {
		return fmt.Errorf("L5: %+v, %+v", v[Ready], c)
	}
	total, urgent := 0, 0
	for _, line := range sent {
		for _, m := range line {
			if m >= urgentFrom {
				urgent++
			} else {
				total++
			}
		}
		at := -1
		for _, m := range line {
			i := slices.Index(w.got, m)
			switch {
			case i < 0 && refusable && m < lastWords:
			case i < 0:
				return fmt.Errorf("%d was lost: %v", m, w.got)
			case i < at:
				return fmt.Errorf("%d was overtaken: %v", m, w.got)
			default:
				at = i
			}
		}
	}
	if c.Sent[Ready] != uint64(total-w.unpromised) || c.Sent[Cancel] != uint64(urgent) || uint64(len(w.got)) != c.Taken[Ready]+c.Taken[Cancel] {
		return fmt.Errorf("%d sent, the books say %+v; %v", total, c, w.got)
	}
	return nil
}

func TestEveryOrderOfTheStepsOfReadyAndTheTurn(t *testing.T) {
	if raced {
		t.Skip("needs: a run without -race, which sees nothing where one thread goes at a time, and takes seven times as long")
	}
	for _, row := range []struct {
		name  string
		bound int
		fill  int     // messages that were put and taken before, so that the segment is about to end
		left  int     // of those, not taken yet
		puts  [][]int // by thread
		work  int     // workers beside
		long  bool
		small bool // all segments are of one size, one is kept for reuse, and the newest has room for three
		last  bool // no segment is opened anew
	}{
		{"two puts and a worker", 8, 0, 0, [][]int{{1}, {2}}, 1, false, false, false},
		{"a segment is opened anew", 8, 3, 0, [][]int{{1, 2}}, 1, false, false, false},
		{"a segment ends, two puts and a worker", 8, 3, 0, [][]int{{1}, {2}}, 1, false, false, false},
		{"a segment follows, two puts", 8, 4, 2, [][]int{{1}, {2}}, 0, false, false, false},
		{"a segment follows, a put and a worker", 8, 4, 2, [][]int{{1}}, 1, false, false, false},
		{"the last place, two puts", 1, 0, 0, [][]int{{1}, {2}}, 0, false, false, false},
		{"the last place, a put and a worker", 1, 1, 1, [][]int{{1}}, 1, false, false, false},
		{"a last word behind a put that is refused, and a worker", 1, 1, 1, [][]int{{1}, {500}}, 1, true, false, false},
		{"a cancel, a put and a worker", 8, 0, 0, [][]int{{1}, {urgentFrom}}, 1, false, false, false},
		{"two cancels", 8, 1, 1, [][]int{{urgentFrom}, {urgentFrom + 1}}, 0, false, false, false},
		{"a cancel, and a worker with a message", 8, 1, 1, [][]int{{urgentFrom}}, 1, false, false, false},
		{"two workers", 8, 0, 0, [][]int{{1}}, 2, false, false, false},
		{"a segment is used again, two puts", 64, 3, 3, [][]int{{1}, {2}}, 0, false, true, false},
		{"a segment is used again, a put and a worker", 64, 3, 3, [][]int{{1}}, 1, false, true, false},
		{"a segment is used again, a put, and somebody looks", 64, 3, 3, [][]int{{1}, {looker}}, 0, false, true, false},
		{"a segment is not opened anew, a put and a worker", 8, 3, 0, [][]int{{1, 2}}, 1, false, false, true},
		{"the first two puts", 8, 0, 0, [][]int{{1}, {2}}, 0, false, false, false},
		{"the room is given back, a put and a worker", 8, 1, 0, [][]int{{1}, {trimmer}}, 1, false, false, false},
		{"the room is given back, two puts", 8, 2, 0, [][]int{{1}, {trimmer, 2}}, 0, false, false, false},
		{"the room is given back at the end of a segment, two puts", 8, 3, 0, [][]int{{1, 2}, {trimmer}}, 0, false, false, false},
		{"the room is given back, two promises of one place", 1, 1, 0, [][]int{{reserver + 1}, {trimmer, reserver + 2}}, 0, false, false, false},
		{"the room is given back, a promise and a worker", 1, 1, 0, [][]int{{reserver + 1}, {trimmer}}, 1, false, false, false},
		{"the room is given back, a last word and a worker", 1, 1, 0, [][]int{{500}, {trimmer}}, 1, false, false, false},
		{"the room is given back, and somebody looks", 8, 3, 0, [][]int{{1}, {trimmer, looker}}, 0, false, false, false},
		{"the room of a segment that was opened anew is given back, and somebody looks", 8, 5, 0, [][]int{{1}, {trimmer, looker}}, 0, false, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.long && os.Getenv("FNODE_LONG") == "" {
				t.Skip("needs: FNODE_LONG=1, minutes")
			}
			if row.last {
				defer func(n uint64) { lastRound = n }(lastRound)
				lastRound = 0
			}
			if row.small {
				defer func(n uint64) { largest = n }(largest)
				largest = smallest
			}
			paths, states := explore(t, func() ([]func(), func() uint64, func() error) {
				w := &worker{box: newEyed[int](Options{Ready: row.bound})}
				var sent [][]int
				if row.small {
					for i := range 5 {
						w.put(200 + i)
						sent = append(sent, []int{200 + i})
					}
					w.work()
				}
				for i := range row.fill {
					w.put(100 + i)
					if i >= row.fill-row.left {
						continue
					}
					w.work()
				}
				for _, line := range row.puts {
					var msgs []int
					for _, m := range line {
						switch {
						case m >= reserver:
							msgs = append(msgs, m-reserver)
						case m != looker && m != trimmer:
							msgs = append(msgs, m)
						}
					}
					sent = append(sent, msgs)
				}
				for i := range row.fill {
					sent = append(sent, []int{100 + i})
				}
				var fs []func()
				for _, line := range row.puts {
					fs = append(fs, func() {
						for _, v := range line {
							w.put(v)
						}
					})
				}
				for range row.work {
					fs = append(fs, w.work)
				}
				state := func() uint64 {
					f := fnv.New64a()
					fmt.Fprint(f, w.box.digest(), w.tickets, w.got, w.inside)
					return f.Sum64()
				}
				return fs, state, func() error { return w.end(sent, row.bound < 8) }
			})
			t.Logf("%d states, %d paths run", states, paths)
		})
	}
}

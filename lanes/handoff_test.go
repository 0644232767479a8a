package lanes

import (
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"testing"
)

// pair is two mailboxes: what a gets is sent on to b by the handler.
type pair struct {
	a, b   *Mailbox[int, eyed]
	queue  []place2 // the run queue; touched between two steps
	got    []int    // by b, and by a what it kept
	inside [2]int
	broken error
}

// absorbed and above are what a does not send on.
const absorbed = 400

// place2 is a place in the run queue.
type place2 struct {
	box *Mailbox[int, eyed]
	t   Ticket
}

func (p *pair) push(box *Mailbox[int, eyed], t Ticket) {
	if t != 0 {
		p.queue = append(p.queue, place2{box, t})
	}
}

// work is a worker, until the run queue is empty.
func (p *pair) work() {
	for len(p.queue) > 0 {
		e := p.queue[0]
		p.queue = p.queue[1:]
		if !e.box.Claim(e.t) {
			continue
		}
		for box := e.box; box != nil; {
			box = p.turn(box)
		}
	}
}

// turn delivers until the mailbox rests, and gives what runs next on the same worker.
func (p *pair) turn(box *Mailbox[int, eyed]) *Mailbox[int, eyed] {
	who := 0
	if box == p.b {
		who = 1
	}
	for {
		if p.inside[who]++; p.inside[who] != 1 {
			p.broken = fmt.Errorf("%d workers at once", p.inside[who])
		}
		v, l, _, ok := box.Take(1)
		if ok && who == 0 && v < absorbed {
			p.push(p.b, putBy(p.b, p.a, v))
		} else if ok {
			p.got = append(p.got, v)
		}
		_ = box.Offers() // as a host asks before it goes on
		p.inside[who]--  // whoever is woken now is not the second
		rests := false
		if ok {
			rests = box.Delivered(l, 1, true) == Rests
		} else {
			rests = box.Rest()
		}
		if n := box.ClaimOffered(); n != nil {
			if !rests {
				p.push(box, box.Requeue())
			}
			return n
		}
		if rests {
			return nil
		}
	}
}

func putBy(to, by *Mailbox[int, eyed], v int) Ticket {
	t, _, _ := to.PutBy(by, v)
	return t
}

func (p *pair) end(sent []int) error {
	h := hook
	hook = nil
	defer func() { hook = h }()
	p.work()
	if p.broken != nil {
		return p.broken
	}
	slices.Sort(p.got)
	if !slices.Equal(p.got, sent) || p.a.Len() != 0 || p.b.Len() != 0 || !p.a.Rests() || !p.b.Rests() {
		return fmt.Errorf("sent %v, got %v; %d and %d wait", sent, p.got, p.a.Len(), p.b.Len())
	}
	return nil
}

func (p *pair) state() uint64 {
	f := fnv.New64a()
	fmt.Fprint(f, p.a.digest(), p.b.digest(), len(p.queue), p.got, p.inside)
	for _, e := range p.queue {
		fmt.Fprint(f, e.box == p.a, e.t)
	}
	for _, m := range []*Mailbox[int, eyed]{p.a, p.b} {
		h := m.hand.load()
		fmt.Fprint(f, h == nil, h == p.a)
	}
	return f.Sum64()
}

// Whatever comes between, a slot that was handed is served by one worker, and is not forgotten.
func TestL6EveryOrderOfTheStepsOfAHandOff(t *testing.T) {
	if raced {
		t.Skip("needs: a run without -race, which sees nothing where one thread goes at a time, and takes seven times as long")
	}
	for _, row := range []struct {
		name  string
		to    []int // what a has got
		named bool  // a has handed to b before
		more  func(p *pair) []func()
		sent  []int
		long  bool
	}{
		{"a worker alone", []int{1, 2}, false, func(*pair) []func() { return nil }, []int{1, 2}, false},
		{"two workers", []int{1, 2}, true, func(p *pair) []func() { return []func(){p.work} }, []int{1, 2}, false},
		{"a stranger who sends as the handler does", []int{1}, false, func(p *pair) []func() {
			return []func(){func() { p.push(p.b, putBy(p.b, p.a, 7)) }}
		}, []int{1, 7}, false},
		{"the same, where b was named before", []int{1}, true, func(p *pair) []func() {
			return []func(){func() { p.push(p.b, putBy(p.b, p.a, 7)) }}
		}, []int{1, 7}, false},
		{"the same, where a's handler sends nothing", []int{absorbed, absorbed + 1}, true, func(p *pair) []func() {
			return []func(){func() { p.push(p.b, putBy(p.b, p.a, 7)) }}
		}, []int{7, absorbed, absorbed + 1}, false},
		{"a message to b from elsewhere, and the worker that it wakes", []int{1}, true, func(p *pair) []func() {
			return []func(){func() { p.push(p.b, putBy(p.b, nil, 7)); p.work() }}
		}, []int{1, 7}, false},
		{"a cancel of b, and the worker that it wakes", []int{1}, true, func(p *pair) []func() {
			return []func(){func() {
				p.push(p.b, p.b.PutCancel(urgentFrom, func(old, _ int) (int, bool) { return old, false }))
				p.work()
			}}
		}, []int{1, urgentFrom}, false},
		{"the monitor, and the worker that it wakes", []int{1}, true, func(p *pair) []func() {
			return []func(){func() {
				n, k := p.a.Withhold()
				p.push(n, k)
				p.work()
			}}
		}, []int{1}, false},
		{"the monitor before b was ever named", []int{1, 2}, false, func(p *pair) []func() {
			return []func(){func() { p.push(p.a.Withhold()) }}
		}, []int{1, 2}, false},
		{"the monitor, and a message to a", []int{1}, true, func(p *pair) []func() {
			return []func(){func() { p.push(p.a.Withhold()) }, func() { p.push(p.a, putBy(p.a, nil, 2)) }}
		}, []int{1, 2}, true},
		{"b sends to a meanwhile", []int{1}, true, func(p *pair) []func() {
			return []func(){func() { p.push(p.a, putBy(p.a, p.b, 2)) }}
		}, []int{1, 2}, false},
		{"b's room is given back meanwhile", []int{1}, true, func(p *pair) []func() {
			return []func(){p.b.Trim}
		}, []int{1}, false},
		{"a's room is given back, and a message to b from elsewhere", []int{1}, true, func(p *pair) []func() {
			return []func(){func() { p.a.Trim(); p.push(p.b, putBy(p.b, nil, 7)) }}
		}, []int{1, 7}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.long && os.Getenv("FNODE_LONG") == "" {
				t.Skip("needs: FNODE_LONG=1, half a minute")
			}
			paths, states := explore(t, func() ([]func(), func() uint64, func() error) {
				p := &pair{a: newEyed[int](Options{Ready: 8}), b: newEyed[int](Options{Ready: 8})}
				if row.named {
					p.push(p.a, putBy(p.a, nil, 0))
					p.work()
					p.got = nil
				}
				for _, v := range row.to {
					p.push(p.a, putBy(p.a, nil, v))
				}
				return append([]func(){p.work}, row.more(p)...), p.state, func() error { return p.end(row.sent) }
			})
			t.Logf("%d states, %d paths run", states, paths)
		})
	}
}

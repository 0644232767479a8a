// Package checkpoint holds the cases of rule C4.
package checkpoint

import (
	"github.com/franken-node/fnode-supervisor/actors"
)

type work struct {
	N    int
	Next *work
}

type server struct {
	rounds, sum int
	in          chan int
	cfg         struct{ Retries int }
}

func badForever(cx *actors.Cx) error {
	for { // want `this loop of lines 20 to 24 may run over 1 ms in a handler and never calls cx.Checkpoint: nothing ends it but what happens in it`
		if cx.Tell(cx.Self(), 1) != nil {
			return nil
		}
	}
}

func badEndless(_ *actors.Cx) {
	for { // want `nothing ends it`
	}
}

func badMessageBound(cx *actors.Cx, msg any) error {
	if m, ok := msg.(work); ok {
		sum := 0
		for i := 0; i < m.N; i++ { // want `may run over 1 ms`
			sum += i
		}
		return cx.Tell(cx.Self(), sum)
	}
	return nil
}

func badRangeInt(_ *actors.Cx, n int) (sum int) {
	for i := range n { // want `may run over 1 ms`
		sum += i
	}
	return sum
}

func badConstant(_ *actors.Cx) (sum int) {
	for i := 0; i < 10_000_000; i++ { // want `it has 10000000 rounds`
		sum += i
	}
	return sum
}

func badNested(_ *actors.Cx) (sum int) {
	for i := 0; i < 10_000; i++ {
		for j := 0; j < 10_000; j++ { // want `it has 100000000 rounds`
			sum += i ^ j
		}
	}
	return sum
}

func badCondition(_ *actors.Cx, done func() bool) {
	for !done() { // want `may run over 1 ms`
	}
}

func (s *server) badField(_ *actors.Cx) {
	for i := 0; i < s.cfg.Retries; i++ { // want `may run over 1 ms`
		s.sum++
	}
}

func (s *server) badChannel(_ *actors.Cx) {
	for v := range s.in { // want `may run over 1 ms`
		s.sum += v
	}
}

func badSelect(cx *actors.Cx, c <-chan int) {
	for { // want `may run over 1 ms`
		select {
		case <-cx.Done():
			return
		case <-c:
		}
	}
}

func badErr(cx *actors.Cx) {
	for cx.Err() == nil { // want `may run over 1 ms`
	}
}

func badConverges(_ *actors.Cx, x int) (n int) {
	for x != 1 { // want `may run over 1 ms`
		if x%2 == 0 {
			x /= 2
		} else {
			x = 3*x + 1
		}
		n++
	}
	return n
}

// The check is on the way out only: no round comes through it.
func badCheckAfter(cx *actors.Cx, n int) error {
	sum := 0
	for i := 0; i < n; i++ { // want `may run over 1 ms`
		sum += i
		if sum < 0 {
			return cx.Checkpoint()
		}
	}
	return nil
}

func badDeadline(cx *actors.Cx, x uint64) uint64 {
	end := cx.Now().Add(1000)
	for cx.Now().Before(end) { // want `may run over 1 ms`
		x = x*6364136223846793005 + 1
	}
	return x
}

// The bound is checked from below only.
func badCheckedBelow(_ *actors.Cx, n int) (sum int) {
	if n < 100 {
		return 0
	}
	for i := 0; i < n; i++ { // want `may run over 1 ms`
		sum += i
	}
	return sum
}

func badInLiteral(cx *actors.Cx, n int) {
	count := func() (sum int) {
		for i := 0; i < n; i++ { // want `may run over 1 ms`
			sum += i
		}
		return sum
	}
	_ = cx.Tell(cx.Self(), count())
}

func badHelper(cx *actors.Cx, m work) error { return cx.Tell(cx.Self(), crunch(m.N)) }

func crunch(n int) (sum int) {
	for i := 0; i < n; i++ { // want `on the path \d+ calls crunch`
		sum += i
	}
	return sum
}

// It calls a helper, which does not check.
func (s *server) badHelperWithout(cx *actors.Cx, n int) {
	for i := 0; i < n; i++ { // want `may run over 1 ms`
		s.note(cx, i)
	}
}

func (s *server) note(cx *actors.Cx, n int) { s.sum += n; _ = cx.Tell(cx.Self(), n) }

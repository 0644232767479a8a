package checkpoint

import (
	"container/list"
	"maps"
	"slices"
	"strings"

	"github.com/franken-node/fnode-supervisor/actors"
)

func okChecked(cx *actors.Cx, n int) error {
	for i := 0; i < n; i++ {
		if err := cx.Checkpoint(); err != nil {
			return err
		}
	}
	return nil
}

func okForever(cx *actors.Cx) error {
	for {
		if err := cx.Checkpoint(); err != nil {
			return err
		}
	}
}

func okSometimes(cx *actors.Cx, n int) error {
	for i := range n {
		if i%1024 == 0 {
			if err := cx.Checkpoint(); err != nil {
				return err
			}
		}
	}
	return nil
}

func okHelper(cx *actors.Cx, n int) error {
	for i := 0; i < n; i++ {
		if err := one(cx, i); err != nil {
			return err
		}
	}
	return nil
}

func one(cx *actors.Cx, n int) error {
	if n < 0 {
		return nil
	}
	return cx.Checkpoint()
}

func okLiteral(cx *actors.Cx, n int) {
	stop := func() bool { return cx.Checkpoint() != nil }
	for i := 0; i < n && !stop(); i++ {
		_ = i
	}
}

func okSlice(_ *actors.Cx, xs []int) (sum int) {
	for _, x := range xs {
		sum += x
	}
	for i := 0; i < len(xs); i += 2 {
		sum += xs[i]
	}
	for i := len(xs) - 1; i >= 0; i-- {
		sum -= xs[i]
	}
	return sum
}

func okMap(_ *actors.Cx, m map[string]int) (sum int) {
	for _, v := range m {
		sum += v
	}
	for k := range maps.Keys(m) {
		sum += len(k)
	}
	return sum
}

func okString(_ *actors.Cx, s string) (n int) {
	for _, r := range s {
		n += int(r)
	}
	return n
}

func okConstant(_ *actors.Cx) (sum int) {
	for i := range 100 {
		for j := range 100 {
			sum += i * j
		}
	}
	return sum
}

func okWorklist(cx *actors.Cx, todo []int) {
	for len(todo) > 0 {
		_ = cx.Tell(cx.Self(), todo[0])
		todo = todo[1:]
	}
}

func okList(_ *actors.Cx, w *work) (sum int) {
	for ; w != nil; w = w.Next {
		sum += w.N
	}
	return sum
}

func okMin(_ *actors.Cx, n int) (sum int) {
	for i := 0; i < min(n, 64); i++ {
		sum += i
	}
	return sum
}

func okClamped(_ *actors.Cx, n int) (sum int) {
	if n > 1000 {
		n = 1000
	}
	for i := 0; i < n; i++ {
		sum += i
	}
	return sum
}

func okRefused(_ *actors.Cx, m work) (sum int) {
	if m.N > 1000 {
		return 0
	}
	for i := 0; i < m.N; i++ {
		sum += i
	}
	return sum
}

func okSmallType(_ *actors.Cx, n uint8) (sum int) {
	for i := uint8(0); i < n; i++ {
		sum += int(i)
	}
	return sum
}

func okModulo(_ *actors.Cx, n int) (sum int) {
	for i := 0; i < n%32; i++ {
		sum += i
	}
	return sum
}

func okRetry(cx *actors.Cx) error {
	for try := 1; ; try++ {
		err := cx.Tell(cx.Self(), try)
		if err == nil || try >= 3 {
			return err
		}
	}
}

func okHalves(_ *actors.Cx, n int) (bits int) {
	for n > 0 {
		n /= 2
		bits++
	}
	return bits
}

func okCut(_ *actors.Cx, s string) (n int) {
	for {
		_, rest, more := strings.Cut(s, ",")
		if !more {
			return n
		}
		s, n = rest, n+1
	}
}

func okIndex(_ *actors.Cx, s string) (n int) {
	for s != "" {
		i := strings.IndexByte(s, ',')
		if i < 0 {
			return n
		}
		s, n = s[i+1:], n+1
	}
	return n
}

// The maker of the actor fixes how often.
func okFixed(k int) actors.Behaviour {
	return actors.Func(func(cx *actors.Cx, _ any) error {
		for range k {
			_ = cx.Tell(cx.Self(), 1)
		}
		return nil
	})
}

// What a goroutine does is no handler.
func okGoroutine(_ *actors.Cx, in <-chan int, out chan<- int) {
	go func() { //fnodevet:allow ambient the case is about the loop
		for v := range in {
			out <- v
		}
	}()
}

func okNoHandler(n int) (sum int) {
	for i := 0; i < n; i++ {
		sum += i
	}
	return sum
}

func okSorted(_ *actors.Cx, m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }

func okSearch(_ *actors.Cx, xs []int, v int) int {
	lo, hi := 0, len(xs)
	for lo < hi {
		mid := lo + (hi-lo)/2
		if xs[mid] < v {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func okList2(_ *actors.Cx, l *list.List) (n int) {
	for e := l.Front(); e != nil; e = e.Next() {
		n++
	}
	return n
}

func okDivisor(_ *actors.Cx, a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

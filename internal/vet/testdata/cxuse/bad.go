// Package cxuse holds the cases of rules C1 and C2.
package cxuse

import (
	"context"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
)

type tick struct{}

type server struct {
	cx    *actors.Cx
	ctx   context.Context
	later func()
	todo  []func()
	byKey map[string]func()
	all   map[string]*actors.Cx
	port  actors.Port
	n     int
}

var current *actors.Cx

func (s *server) badField(cx *actors.Cx) { s.cx = cx } // want `a Cx is stored in a struct`

func badLiteral(cx *actors.Cx) *server { return &server{cx: cx} } // want `a Cx is stored in a struct`

func badGlobal(cx *actors.Cx) { current = cx } // want `a Cx is stored in a package variable`

func (s *server) badAsContext(cx *actors.Cx) { s.ctx = cx } // want `a Cx is stored in a struct`

func (s *server) badMap(cx *actors.Cx) { s.all["a"] = cx } // want `a Cx is put into a map`

func badSlice(cx *actors.Cx, to []*actors.Cx) { to[0] = cx } // want `a Cx is stored in a slice`

func badChannel(cx *actors.Cx, c chan<- *actors.Cx) { c <- cx } // want `a Cx is sent over a channel`

type badEmbedded struct {
	*actors.Cx // want `a Cx is embedded in a struct`
}

type badDeclared struct {
	saved *actors.Cx // want `a field holds a Cx`
}

func badGoroutine(cx *actors.Cx) {
	go func() { // want `a goroutine captures this handler's Cx`
		_ = cx.Tell(cx.Self(), tick{})
	}()
}

func (s *server) badGoMethod(cx *actors.Cx) {
	go s.work(cx) // want `a goroutine gets this handler's Cx`
}

func (s *server) work(cx *actors.Cx) { _ = cx.Checkpoint() }

func badGoOfCx(cx *actors.Cx) {
	go cx.Drained() // want `a goroutine gets this handler's Cx`
}

func badWaitGroup(cx *actors.Cx, wg *sync.WaitGroup) {
	wg.Go(func() { _ = cx.Checkpoint() }) // want `outlives the handler: it runs on another goroutine`
}

func badAfterFunc(cx *actors.Cx) {
	time.AfterFunc(time.Second, func() { cx.Drained() }) // want `outlives the handler: time.AfterFunc`
}

func badAfterFuncMethod(cx *actors.Cx) {
	time.AfterFunc(time.Second, cx.Ready) // want `outlives the handler: time.AfterFunc`
}

func badContextAfterFunc(cx *actors.Cx) {
	context.AfterFunc(cx, func() { _ = cx.Tell(cx.Self(), tick{}) }) // want `outlives the handler: AfterFunc runs it where the cancel is accepted`
}

func badFinalize(cx *actors.Cx) error {
	return cx.Finalize("x", func() error { return cx.Tell(cx.Self(), tick{}) }) // want `outlives the handler: Finalize`
}

func (s *server) badLater(cx *actors.Cx) {
	s.later = func() { cx.Drained() } // want `a function with this handler's Cx is stored in a struct`
}

func (s *server) badTodo(cx *actors.Cx) {
	s.todo = append(s.todo, func() { cx.Drained() }) // want `a function with this handler's Cx is stored in a struct`
}

func (s *server) badByKey(cx *actors.Cx) {
	s.byKey["a"] = func() { cx.Drained() } // want `a function with this handler's Cx is put into a map`
}

func badSecond(n int, cx *actors.Cx) { _, _ = cx.After(time.Duration(n), tick{}) } // want `not the first parameter`

type badInterface interface {
	Do(name string, cx *actors.Cx) error // want `not the first parameter`
}

var badFuncLit = func(msg any, cx *actors.Cx) error { return cx.Tell(cx.Self(), msg) } // want `not the first parameter`

func badBackground(cx *actors.Cx, call func(context.Context) error) error {
	if cx.Err() != nil {
		return cx.Err()
	}
	return call(context.Background()) // want `context.Background in code that holds a Cx`
}

func badTimeout(_ *actors.Cx, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.TODO(), time.Second) // want `context.TODO in code that holds a Cx`
	defer cancel()
	return call(ctx)
}

func badWithoutCancel(cx *actors.Cx, call func(context.Context) error) error {
	return call(context.WithoutCancel(cx)) // want `WithoutCancel makes a context that does not hear`
}

func badNil(m *actors.Ask[int, int]) { m.Reply(nil, 1) } // want `nil is passed as the Cx`

func badNilHelper(s *server) { s.work(nil) } // want `nil is passed as the Cx`

func badNilVar() error {
	var cx *actors.Cx
	return cx.Checkpoint() // want `nil is passed as the Cx`
}

func badMade() error {
	cx := &actors.Cx{} // want `a Cx is made by hand`
	return cx.Checkpoint()
}

func badNew() error { return new(actors.Cx).Checkpoint() } // want `a Cx is made by hand`

func badAsserted(ctx context.Context) error {
	cx, ok := ctx.(*actors.Cx) // want `asserted to be a Cx`
	if !ok {
		return nil
	}
	return cx.Checkpoint()
}

type hand struct{ by any }

func badSent(cx *actors.Cx, to actors.Ref) error { return cx.Tell(to, cx) } // want `a Cx is sent in a message`

func badSentWithin(cx *actors.Cx, to actors.Ref) error {
	return cx.Tell(to, func() { cx.Drained() }) // want `a function with this handler's Cx is sent in a message`
}

func badOther(cx *actors.Cx) error {
	_, err := cx.Spawn(actors.Child{Name: "c", Behaviour: actors.Func(func(own *actors.Cx, msg any) error {
		return cx.Tell(own.Self(), msg) // want `uses the Cx of the function around it`
	})})
	return err
}

func badSaved() actors.Behaviour {
	var saved *actors.Cx
	return actors.Func(func(cx *actors.Cx, msg any) error {
		saved = cx // want `is stored in a variable from outside the handler`
		return saved.Checkpoint()
	})
}

func badPointer(cx *actors.Cx, to *func()) {
	*to = func() { cx.Ready() } // want `is stored where a pointer leads`
}

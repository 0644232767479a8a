// Package obligation holds the cases of rule O6. A function badX is a fault each, a function okX is none.
package obligation

import (
	"errors"
	"fmt"
	"time"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/obligations"
	"github.com/franken-node/fnode-supervisor/regions"
)

type (
	get  struct{ Key string }
	ask  = *actors.Ask[get, string]
	tick struct{}
)

type server struct {
	data    map[string]string
	waiting []ask
	held    map[string]ask
	permit  *actors.Permit
	end     func(base.Outcome)
	next    actors.Ref
	ready   bool
	n       int
	last    any
	ledger  obligations.Ledger
	ids     map[string]base.ObligationID
}

var errBusy = errors.New("busy")

// An early return forgets the question.
func badEarlyReturn(cx *actors.Cx, msg any) error {
	switch m := msg.(type) {
	case *actors.Ask[get, string]: // want `this question \(\*.*actors.Ask\[get, string\]\) is not answered on the path 40 taken > 41 true > 42 returns; call Reply`
		if m.Q.Key == "" {
			return errBusy
		}
		m.Reply(cx, "x")
	}
	return nil
}

// One branch of two answers.
func badOneBranch(cx *actors.Cx, msg any) error {
	if m, ok := msg.(*actors.Ask[get, int]); ok { // want `not answered on the path`
		if m.Q.Key == "a" {
			m.Reply(cx, 1)
		} else {
			_ = m.Q
		}
	}
	return nil
}

// A case of a switch is missing.
func badSwitch(cx *actors.Cx, m ask) error { // want `not answered on the path`
	switch m.Q.Key {
	case "a":
		m.Reply(cx, "1")
	case "b":
		m.Fail(cx, errBusy)
	}
	return nil
}

// Nothing is bound, nothing is done.
func badIgnored(cx *actors.Cx, msg any) error {
	switch msg.(type) {
	case *actors.Ask[get, string]: // want `not answered on the path`
		return nil
	case tick:
		return cx.Tell(cx.Self(), tick{})
	}
	return nil
}

// The loop may have no round.
func badLoop(cx *actors.Cx, m ask, keys []string) { // want `not answered on the path`
	for _, k := range keys {
		if k == m.Q.Key {
			m.Reply(cx, k)
			return
		}
	}
}

// To store it is not to keep it: the handler returns, and the asker is failed.
func (s *server) badStored(cx *actors.Cx, m ask) { // want `is stored at line \d+ but not kept on the path`
	s.waiting = append(s.waiting, m)
}

func (s *server) badStoredInMap(_ *actors.Cx, msg any) error {
	if m, ok := msg.(ask); ok { // want `is stored at line \d+ but not kept`
		s.held[m.Q.Key] = m
	}
	return nil
}

// Handing on may fail: then it is still held.
func (s *server) badHandOnIgnored(cx *actors.Cx, msg any) error {
	if m, ok := msg.(ask); ok { // want `is still held where HandOn at line \d+ fails`
		_ = m.HandOn(cx, s.next)
	}
	return nil
}

func (s *server) badHandOnSwallowed(cx *actors.Cx, m ask) error { // want `is still held where HandOn at line \d+ fails`
	if err := m.HandOn(cx, s.next); err != nil {
		s.n++
	}
	return nil
}

// Telling a question is refused; it is not handed on by that.
func (s *server) badTold(cx *actors.Cx, m ask) error { // want `not answered on the path`
	return cx.Tell(s.next, m)
}

// A deferred answer comes too late for the return before it.
func badDeferLate(cx *actors.Cx, m ask) error { // want `not answered on the path`
	if m.Q.Key == "" {
		return nil
	}
	defer m.Reply(cx, "x")
	return nil
}

// A deferred literal answers on one condition only.
func badDeferCond(cx *actors.Cx, m ask) (err error) { // want `not answered on the path`
	defer func() {
		if err != nil {
			m.Fail(cx, err)
		}
	}()
	if m.Q.Key == "" {
		return errBusy
	}
	return nil
}

// A panic that is recovered returns after all.
func badRecovered(cx *actors.Cx, m ask) { // want `not answered on the path`
	defer func() { _ = recover() }()
	if m.Q.Key == "" {
		panic("no key")
	}
	m.Reply(cx, "x")
}

// The helper answers on some paths, and does not say on which.
func (s *server) badHelper(cx *actors.Cx, msg any) error {
	if m, ok := msg.(ask); ok { // want `not answered on the path \d+ taken > \d+ calls maybe > \d+ false > \d+ returns`
		s.maybe(cx, m)
	}
	return nil
}

func (s *server) maybe(cx *actors.Cx, m ask) {
	if v, ok := s.data[m.Q.Key]; ok {
		m.Reply(cx, v)
	}
}

// The helper says that it did not answer; nobody listens.
func (s *server) badHelperSays(cx *actors.Cx, m ask) { // want `not answered on the path`
	_ = s.try(cx, m)
}

func (s *server) try(cx *actors.Cx, m ask) bool {
	if !s.ready {
		return false
	}
	m.Reply(cx, "x")
	return true
}

// The message is handed to a method that forgets it.
func (s *server) badDispatch(cx *actors.Cx, msg any) error {
	if _, ok := msg.(tick); ok {
		return nil
	}
	return s.dispatch(cx, msg)
}

func (s *server) dispatch(_ *actors.Cx, msg any) error {
	if _, ok := msg.(*actors.Ask[tick, bool]); ok { // want `not answered on the path`
		s.n++
	}
	return nil
}

// It is looked at, and logged.
func badLogged(_ *actors.Cx, m ask) { // want `not answered on the path`
	fmt.Println("got", m)
}

// A literal is made, and never called.
func badClosureUnused(cx *actors.Cx, m ask) { // want `not answered on the path`
	answer := func() { m.Reply(cx, "x") }
	if m.Q.Key != "" {
		answer()
	}
}

// It is found by a helper, and dropped.
func (s *server) badFound(cx *actors.Cx, msg any) error {
	m, ok := question(msg) // want `not answered on the path`
	if !ok {
		return nil
	}
	if s.ready {
		m.Reply(cx, "x")
	}
	return nil
}

func question(msg any) (ask, bool) {
	m, ok := msg.(ask)
	return m, ok
}

// A local struct does not outlive the handler.
func badLocalStruct(_ *actors.Cx, m ask) int { // want `not answered on the path`
	job := struct {
		m ask
		n int
	}{m, 1}
	return job.n
}

// goto and labels are paths like others.
func badGoto(cx *actors.Cx, m ask) { // want `not answered on the path`
	if m.Q.Key == "" {
		goto out
	}
	m.Reply(cx, "x")
out:
}

// A permit that is good is forgotten.
func badPermit(cx *actors.Cx, msg any) error {
	if p, ok := msg.(*actors.Permit); ok { // want `this permit \(\*.*actors.Permit\) is neither sent nor aborted on the path`
		if p.Err != nil {
			return p.Err
		}
		if cx.Err() != nil {
			return nil
		}
		return p.Send(cx, tick{})
	}
	return nil
}

func (s *server) badPermitSwitch(cx *actors.Cx, p *actors.Permit) error { // want `neither sent nor aborted`
	switch {
	case p.Err != nil:
		return p.Err
	case s.ready:
		return p.Abort(cx)
	}
	return nil
}

// A release function is dropped at once, on an error path, or in the next round.
func badRelease(cx *actors.Cx, res actors.Resource) error {
	_, err := cx.Own(regions.File, res) // want `this release function is not called on the path`
	return err
}

func (s *server) badReleaseEarly(cx *actors.Cx, res actors.Resource) error {
	end, err := cx.Own(regions.File, res) // want `release function is not called`
	if err != nil {
		return err
	}
	if _, err := cx.After(time.Second, tick{}); err != nil {
		return err
	}
	s.end = end
	return nil
}

func badReleaseRound(cx *actors.Cx, all []actors.Resource) error {
	var end func(base.Outcome)
	for _, res := range all {
		var err error
		if end, err = cx.Own(regions.File, res); err != nil { // want `release function is not called on the path .* takes the next one`
			return err
		}
	}
	if end != nil {
		end(base.OutcomeOk)
	}
	return nil
}

// A helper owns, and its caller forgets.
func badReleaseOfHelper(cx *actors.Cx, res actors.Resource) error {
	end, err := own(cx, res) // want `release function is not called`
	if err != nil {
		return err
	}
	if cx.Err() != nil {
		end(base.OutcomeCancelled)
	}
	return nil
}

func own(cx *actors.Cx, res actors.Resource) (func(base.Outcome), error) {
	return cx.Own(regions.File, res)
}

// Entries of a ledger, of any kind, are promises too.
func (s *server) badLedger(_ *actors.Cx, key string) error {
	id := base.ObligationID(s.fresh())
	if err := s.ledger.Reserve(obligations.EngineCall, key, id, 0); err != nil { // want `this ledger entry is not resolved on the path`
		return err
	}
	if key == "" {
		return errBusy
	}
	return s.ledger.Resolve(id, obligations.Committed)
}

func badLedgerOfKind(l *obligations.Ledger, ids func() base.ObligationID, ok bool) error {
	id := ids()
	if err := l.Reserve("my_kind", "work", id, 0); err != nil { // want `ledger entry is not resolved`
		return err
	}
	if ok {
		return l.Transfer(id)
	}
	return nil
}

func (s *server) fresh() uint64 { s.n++; return uint64(s.n) }

// The literal that is the handler.
var badLiteral = actors.Func(func(cx *actors.Cx, msg any) error {
	q, ok := msg.(*actors.Ask[int, int]) // want `not answered on the path`
	if ok && q.Q > 0 {
		q.Reply(cx, q.Q)
	}
	return nil
})

// A deferred literal resolves the entry on one condition.
func badLedgerDeferred(cx *actors.Cx, l *obligations.Ledger, ids func() base.ObligationID) error {
	id := ids()
	err := l.Reserve("my_kind", "work", id, 0) // want `ledger entry is not resolved`
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			_ = l.Resolve(id, obligations.Committed)
		}
	}()
	err = cx.Tell(cx.Self(), tick{})
	return err
}

package obligation

import (
	"fmt"
	"os"
	"slices"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/obligations"
	"github.com/franken-node/fnode-supervisor/regions"
)

func okEveryBranch(cx *actors.Cx, msg any) error {
	switch m := msg.(type) {
	case ask:
		if m.Q.Key == "" {
			m.Fail(cx, errBusy)
			return errBusy
		}
		m.Reply(cx, "x")
	}
	return nil
}

func okDefault(cx *actors.Cx, m ask) {
	switch m.Q.Key {
	case "a":
		m.Reply(cx, "1")
	case "b", "c":
		m.Fail(cx, errBusy)
	default:
		m.Keep(cx)
	}
}

func (s *server) okKept(cx *actors.Cx, msg any) error {
	if m, ok := msg.(ask); ok {
		m.Keep(cx)
		s.waiting = append(s.waiting, m)
	}
	return nil
}

func (s *server) okStoredThenKept(cx *actors.Cx, m ask) {
	s.held[m.Q.Key] = m
	m.Keep(cx)
}

// What is stored may be answered from there before the handler returns.
func (s *server) okStoredThenServed(cx *actors.Cx, m ask) {
	s.waiting = append(s.waiting, m)
	s.serve(cx)
}

func (s *server) serve(cx *actors.Cx) {
	for _, m := range s.waiting {
		m.Reply(cx, "x")
	}
	s.waiting = nil
}

func (s *server) okHandOn(cx *actors.Cx, m ask) {
	if err := m.HandOn(cx, s.next); err != nil {
		m.Fail(cx, err)
	}
}

// The error of HandOn is the handler's: it ends the holder.
func (s *server) okHandOnReturned(cx *actors.Cx, m ask) error { return m.HandOn(cx, s.next) }

func (s *server) okHandOnWrapped(cx *actors.Cx, m ask) error {
	if err := m.HandOn(cx, s.next); err != nil {
		return fmt.Errorf("next: %w", err)
	}
	return nil
}

func okDeferred(cx *actors.Cx, m ask) error {
	defer m.Reply(cx, "x")
	if m.Q.Key == "" {
		return errBusy
	}
	return nil
}

func okDeferredFlag(cx *actors.Cx, m ask) error {
	done := false
	defer func() {
		if !done {
			m.Fail(cx, errBusy)
		}
	}()
	if m.Q.Key == "" {
		return errBusy
	}
	m.Reply(cx, "x")
	done = true
	return nil
}

func okDeferredByError(cx *actors.Cx, m ask) (err error) {
	defer func() {
		if err != nil {
			m.Fail(cx, err)
		}
	}()
	if m.Q.Key == "" {
		return errBusy
	}
	m.Reply(cx, "x")
	return nil
}

// A panic ends the holder, and its kind's rule answers.
func okPanics(cx *actors.Cx, m ask) {
	if m.Q.Key == "" {
		panic("no key")
	}
	m.Reply(cx, "x")
}

func okEndsProcess(cx *actors.Cx, m ask) {
	if m.Q.Key == "" {
		fmt.Println("no key")
		os.Exit(70) //fnodevet:allow ambient the case is about the path
	}
	m.Reply(cx, "x")
}

// Two conditions that are one.
func (s *server) okSameCondition(cx *actors.Cx, m ask) {
	bad := m.Q.Key == ""
	if bad {
		m.Fail(cx, errBusy)
	}
	s.n++
	if !bad {
		m.Reply(cx, "x")
	}
}

func okErrorCondition(cx *actors.Cx, m ask, find func(string) (string, error)) {
	v, err := find(m.Q.Key)
	if err != nil {
		m.Fail(cx, err)
	}
	if err == nil {
		m.Reply(cx, v)
	}
}

func (s *server) okHelperSays(cx *actors.Cx, m ask) {
	if s.try(cx, m) {
		return
	}
	m.Fail(cx, errBusy)
}

func (s *server) okHelperError(cx *actors.Cx, m ask) error {
	if err := s.strict(cx, m); err != nil {
		m.Fail(cx, err)
	}
	return nil
}

func (s *server) strict(cx *actors.Cx, m ask) error {
	v, ok := s.data[m.Q.Key]
	if !ok {
		return errBusy
	}
	m.Reply(cx, v)
	return nil
}

// A helper that only looks owes nothing.
func (s *server) okLooks(cx *actors.Cx, m ask) {
	if s.describe(m) == "" || s.logs(cx, m) {
		m.Fail(cx, errBusy)
		return
	}
	m.Reply(cx, "x")
}

func (s *server) describe(m ask) string             { return m.Q.Key }
func (s *server) logs(cx *actors.Cx, m ask) bool    { return cx.Path() == m.Q.Key }
func (s *server) reply(cx *actors.Cx, m ask)        { m.Reply(cx, s.data[m.Q.Key]) }
func okMethodValue(cx *actors.Cx, s *server, m ask) { f := s.reply; f(cx, m) }

// A first actor that answers some, and passes the message on.
func (s *server) okPassesOn(cx *actors.Cx, msg any) error {
	if m, ok := msg.(ask); ok && s.ready {
		m.Reply(cx, "x")
		return nil
	}
	return s.rest(cx, msg)
}

func (s *server) rest(cx *actors.Cx, msg any) error {
	if m, ok := msg.(ask); ok {
		m.Fail(cx, errBusy)
	}
	return nil
}

func okMiddleware(next actors.Behaviour, seen func(string)) actors.Behaviour {
	return actors.Func(func(cx *actors.Cx, msg any) error {
		err := next.Receive(cx, msg)
		if m, ok := msg.(ask); ok {
			seen(m.Q.Key)
		}
		return err
	})
}

func (s *server) okFast(cx *actors.Cx, msg any) error {
	if s.fast(cx, msg) {
		return nil
	}
	if m, ok := msg.(*actors.Ask[bool, bool]); ok {
		m.Reply(cx, false)
	}
	return nil
}

func (s *server) fast(cx *actors.Cx, msg any) bool {
	m, ok := msg.(*actors.Ask[bool, bool])
	if !ok || !m.Q {
		return false
	}
	m.Reply(cx, true)
	return true
}

func okAnyQuestion(cx *actors.Cx, msg any) error {
	if q, ok := msg.(interface{ Fail(*actors.Cx, error) }); ok {
		q.Fail(cx, errBusy)
		return nil
	}
	_, _ = msg.(ask)
	return nil
}

func okClosure(cx *actors.Cx, m ask) {
	answer := func(v string) { m.Reply(cx, v) }
	if m.Q.Key == "" {
		answer("none")
		return
	}
	answer("x")
}

func okCallback(cx *actors.Cx, m ask, with func(func())) { with(func() { m.Reply(cx, "x") }) }

func okLoopAtLeastOnce(cx *actors.Cx, m ask) {
	for i := 0; i < 3; i++ {
		if i == 0 {
			m.Reply(cx, "x")
			return
		}
	}
}

func okLoopThenFail(cx *actors.Cx, m ask, keys []string) {
	for _, k := range keys {
		if k == m.Q.Key {
			m.Reply(cx, k)
			return
		}
	}
	m.Fail(cx, errBusy)
}

func okTwoTypes(cx *actors.Cx, msg any) error {
	switch m := msg.(type) {
	case *actors.Ask[int, int]:
		m.Reply(cx, 1)
	case *actors.Ask[string, string]:
		m.Reply(cx, "1")
	case fmt.Stringer:
		return cx.Tell(cx.Self(), m.String())
	}
	return nil
}

func okGeneric(cx *actors.Cx, msg any) error {
	if m, ok := msg.(*actors.Ask[int, int]); ok {
		answer(cx, m, 1)
	}
	return nil
}

func answer[Q, R any](cx *actors.Cx, m *actors.Ask[Q, R], r R) { m.Reply(cx, r) }

type wrapped struct {
	ask
	at int
}

func okEmbedded(cx *actors.Cx, m ask) {
	w := &wrapped{m, 1}
	if w.at > 0 {
		w.Reply(cx, "x")
		return
	}
	w.Fail(cx, errBusy)
}

// Questions that were kept are not taken again.
func (s *server) okKeptBefore(cx *actors.Cx) {
	m := s.held["a"]
	if m != nil && s.ready {
		m.Reply(cx, "x")
		delete(s.held, "a")
	}
}

func okPermit(cx *actors.Cx, msg any) error {
	p, ok := msg.(*actors.Permit)
	if !ok {
		return nil
	}
	if p.Err != nil {
		return nil
	}
	if cx.Err() != nil {
		return p.Abort(cx)
	}
	return p.Send(cx, tick{})
}

func (s *server) okPermitStored(_ *actors.Cx, msg any) error {
	if p, ok := msg.(*actors.Permit); ok && p.Err == nil {
		s.permit = p
	}
	return nil
}

func okRelease(cx *actors.Cx, res actors.Resource) error {
	end, err := cx.Own(regions.File, res)
	if err != nil {
		return err
	}
	defer end(base.OutcomeOk)
	if err := cx.Tell(cx.Self(), tick{}); err != nil {
		return err
	}
	return nil
}

func (s *server) okReleaseStored(cx *actors.Cx, res actors.Resource) (err error) {
	s.end, err = cx.Own(regions.File, res)
	return err
}

func okReleaseFinalized(cx *actors.Cx, res actors.Resource) error {
	end, err := cx.Own(regions.File, res)
	if err != nil {
		return err
	}
	return cx.Finalize("file", func() error { end(base.OutcomeOk); return nil })
}

func okReleaseDriver(cx *actors.Cx, res actors.Resource, run func(func(base.Outcome))) error {
	end, err := cx.Own(regions.Goroutine, res)
	if err != nil {
		return err
	}
	go run(end) // owner: the region, by end; ends: run returns
	return nil
}

func okReleaseReturned(cx *actors.Cx, res actors.Resource) (func(base.Outcome), error) {
	end, err := cx.Own(regions.File, res)
	if err != nil {
		return nil, err
	}
	return end, nil
}

func okReleaseRounds(cx *actors.Cx, all []actors.Resource) error {
	var ends []func(base.Outcome)
	for _, res := range all {
		end, err := cx.Own(regions.File, res)
		if err != nil {
			for _, e := range ends {
				e(base.OutcomeFailed)
			}
			return err
		}
		ends = append(ends, end)
	}
	return cx.Finalize("all", func() error {
		for _, e := range ends {
			e(base.OutcomeOk)
		}
		return nil
	})
}

func (s *server) okLedger(_ *actors.Cx, key string) error {
	id := base.ObligationID(s.fresh())
	if err := s.ledger.Reserve(obligations.EngineCall, key, id, 0); err != nil {
		return err
	}
	s.ids[key] = id
	return nil
}

func (s *server) okLedgerResolved(_ *actors.Cx, key string) error {
	id := base.ObligationID(s.fresh())
	if err := s.ledger.Reserve(obligations.Reply, key, id, 0); err != nil {
		return err
	}
	if slices.Contains([]string{"a"}, key) {
		return s.ledger.Transfer(id)
	}
	return s.ledger.Resolve(id, obligations.Aborted)
}

// The caller knows the id.
func (s *server) okLedgerNamed(id base.ObligationID) error {
	return s.ledger.Reserve(obligations.Reply, "x", id, 0)
}

func okAllowed(cx *actors.Cx, msg any) error {
	//fnodevet:allow obligation the test wants the kernel to answer
	if _, ok := msg.(*actors.Ask[bool, int]); ok {
		return cx.Tell(cx.Self(), tick{})
	}
	return nil
}

package regions_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/regions"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func root() *regions.Region {
	var n atomic.Uint64
	return regions.NewRoot("root", func() base.RegionID { return base.RegionID(n.Add(1)) })
}

// member records what it hears.
type member struct {
	name   string
	asked  []base.Reason
	killed int
	alone  int
	h      *regions.Handle
	obey   bool // leaves as soon as it is asked
}

func (m *member) Label() string { return m.name }
func (m *member) Ask(q regions.Request) {
	m.asked = append(m.asked, q.Reason)
	if m.obey && len(m.asked) == 1 {
		m.h.Leave(base.OutcomeCancelled)
	}
}
func (m *member) Kill()  { m.killed++ }
func (m *member) Alone() { m.alone++ }

func (m *member) Closed(regions.Proof) {}

func join(t *testing.T, r *regions.Region, k regions.Kind, m *member) *member {
	t.Helper()
	h, err := r.Join(k, m)
	if err != nil {
		t.Fatal(err)
	}
	m.h = h
	return m
}

func TestR2MembersAreAskedTogetherAndReasonsOnlyStrengthen(t *testing.T) {
	r := root()
	a := join(t, r, regions.Goroutine, &member{name: "a"})
	b := join(t, r, regions.File, &member{name: "b"})
	r.Close(regions.Request{Reason: base.ReasonTimeout})
	r.Close(regions.Request{Reason: base.ReasonUser})
	r.Close(regions.Request{Reason: base.ReasonShutdown})
	want := []base.Reason{base.ReasonTimeout, base.ReasonShutdown}
	if !slices.Equal(a.asked, want) || !slices.Equal(b.asked, want) {
		t.Fatal(a.asked, b.asked)
	}
	if _, err := r.Join(regions.File, &member{}); !errors.Is(err, codes.Of(codes.RegionClosing)) {
		t.Fatal("a closing region took a member:", err)
	}
	if _, err := r.Open("child"); !errors.Is(err, codes.Of(codes.RegionClosing)) {
		t.Fatal("a closing region took a child:", err)
	}
	if err := r.Finalize("late", nil); !errors.Is(err, codes.Of(codes.RegionClosing)) {
		t.Fatal("a closing region took a finalizer:", err)
	}
}

func TestR2ASupervisorIsAskedAlone(t *testing.T) {
	r := root()
	sup := &member{name: "sup"}
	if err := r.Own(sup, true); err != nil {
		t.Fatal(err)
	}
	other := join(t, r, regions.Goroutine, &member{name: "other"})
	r.Close(regions.Request{Reason: base.ReasonUser})
	if len(sup.asked) != 1 || len(other.asked) != 0 {
		t.Fatal(sup.asked, other.asked)
	}
	r.Kill()
	if sup.killed != 1 || other.killed != 0 {
		t.Fatal("a kill reaches the supervisor first:", sup.killed, other.killed)
	}
	r.Resign()
	if other.killed != 1 {
		t.Fatal("and what it owned once it has ended:", other.killed)
	}
}

func TestR6WhatASupervisorOwnsIsKilledWhereItsHandlerDoesNotReturn(t *testing.T) {
	r := root()
	sup := &member{name: "sup"}
	if err := r.Own(sup, true); err != nil {
		t.Fatal(err)
	}
	other := join(t, r, regions.Goroutine, &member{name: "other"})
	r.Kill()
	r.StuckOwner()()
	if other.killed != 1 {
		t.Fatal("nobody ends what a wedged supervisor owned:", other.killed)
	}
}

func TestR2TheOwnerHearsWhenItIsAlone(t *testing.T) {
	r := root()
	own := &member{name: "own"}
	if err := r.Own(own, false); err != nil {
		t.Fatal(err)
	}
	other := join(t, r, regions.Goroutine, &member{name: "other"})
	r.Close(regions.Request{Reason: base.ReasonUser})
	if own.alone != 0 || r.Sole() {
		t.Fatal("alone too early")
	}
	other.h.Leave(base.OutcomeOk)
	if own.alone != 1 || !r.Sole() {
		t.Fatal("not told")
	}
	r.LeaveOwner(base.OutcomeOk, regions.Left{})
	if r.State() != spec.RegionClosed {
		t.Fatal(r.State())
	}
}

func TestR2FinalizersRunInReverseAndTheWorstOutcomeWins(t *testing.T) {
	r := root()
	var order []string
	for _, n := range []string{"first", "second"} {
		_ = r.Finalize(n, func() error { order = append(order, n); return nil })
	}
	_ = r.Finalize("bad", func() error { panic("boom") })
	a := join(t, r, regions.Goroutine, &member{name: "a"})
	var proof regions.Proof
	r.OnClosed(func(p regions.Proof) { proof = p })
	r.Close(regions.Request{Reason: base.ReasonUser})
	a.h.Leave(base.OutcomeFailed)
	if !slices.Equal(order, []string{"second", "first"}) || proof.Outcome != base.OutcomePanicked || len(proof.Faults) != 1 {
		t.Fatal(order, proof)
	}
	if !proof.Quiescent() || proof.Ended[regions.Goroutine] != 1 {
		t.Fatal(proof)
	}
}

func TestR6AStuckActorWedgesAndTheParentEndsWithResidue(t *testing.T) {
	r := root()
	child, _ := r.Open("sup/stuck")
	m := join(t, child, regions.Actor, &member{name: "sup/stuck"})
	good := join(t, r, regions.Goroutine, &member{name: "good", obey: true})
	r.Close(regions.Request{Reason: base.ReasonShutdown})
	m.h.Stuck()()
	if child.State() != spec.RegionWedged || r.State() != spec.RegionClosedWithResidue || len(good.asked) != 1 {
		t.Fatal(child.State(), r.State())
	}
	r.OnClosed(func(p regions.Proof) {
		if p.Quiescent() || !strings.Contains(p.String(), "region sup/stuck") {
			t.Error(p)
		}
	})
	m.h.Leave(base.OutcomeCancelled)
	if child.State() != spec.RegionClosed {
		t.Fatal("it returned after all, and yet:", child.State())
	}
}

// TestR6WhatReturnedIsNoResidueWhileItFinalizes: its parent waits for it again.
func TestR6WhatReturnedIsNoResidueWhileItFinalizes(t *testing.T) {
	r := root()
	child, _ := r.Open("sup/stuck")
	m := join(t, child, regions.Actor, &member{name: "sup/stuck"})
	other := join(t, r, regions.Goroutine, &member{name: "other"})
	_ = child.Finalize("tidy", func() error {
		other.h.Leave(base.OutcomeOk) // the last one that the parent waited for
		return nil
	})
	r.Close(regions.Request{Reason: base.ReasonShutdown})
	m.h.Stuck()()
	if child.State() != spec.RegionWedged {
		t.Fatal(child.State())
	}
	m.h.Leave(base.OutcomeCancelled)
	r.OnClosed(func(p regions.Proof) {
		if !p.Quiescent() {
			t.Error(p)
		}
	})
	if r.State() != spec.RegionClosed {
		t.Fatal(r.State())
	}
}

// TestR4AProofIsImmutable: what returns after the close does not change what was proved.
func TestR4AProofIsImmutable(t *testing.T) {
	r := root()
	child, _ := r.Open("sup/stuck")
	m := join(t, child, regions.Actor, &member{name: "sup/stuck"})
	r.Close(regions.Request{Reason: base.ReasonShutdown})
	m.h.Stuck()()
	var proofs []string
	look := func() { r.OnClosed(func(p regions.Proof) { proofs = append(proofs, p.String()) }) }
	look()
	m.h.Leave(base.OutcomePanicked)
	r.Fault("too late")
	if look(); len(proofs) != 2 || proofs[0] != proofs[1] {
		t.Fatal(proofs)
	}
}

// TestR4AnyTreeClosesQuiescent grows random trees, closes them at a random place with members that
// leave in any order, and checks that closed implies empty and that every member was accounted for.
func TestR4AnyTreeClosesQuiescent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := root()
		all, members := []*regions.Region{r}, []*member{}
		for i := range rapid.IntRange(1, 30).Draw(t, "size") {
			at := all[rapid.IntRange(0, len(all)-1).Draw(t, "at")]
			if rapid.Bool().Draw(t, "region") {
				c, err := at.Open(fmt.Sprint("r", i))
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, c)
				continue
			}
			m := &member{name: fmt.Sprint("m", i), obey: rapid.Bool().Draw(t, "obey")}
			m.h, _ = at.Join(regions.Goroutine, m)
			members = append(members, m)
		}
		r.Close(regions.Request{Reason: base.ReasonUser, Brutal: rapid.Bool().Draw(t, "brutal")})
		for _, m := range rapid.Permutation(members).Draw(t, "order") {
			if !m.obey || len(m.asked) == 0 {
				m.h.Leave(base.OutcomeOk)
			}
		}
		if r.State() != spec.RegionClosed {
			t.Fatalf("not closed: %s with %v", r.State(), r.Residents(10))
		}
		r.OnClosed(func(p regions.Proof) {
			if !p.Quiescent() || p.Ended[regions.Goroutine] != len(members) || p.Ended[regions.Descendant] != len(all)-1 {
				t.Fatalf("%s; %d members, %d regions", p, len(members), len(all))
			}
		})
	})
}

// lodge is an owner whose region lies in it, in the place of another member.
type lodge struct {
	member
	region regions.Region
	proof  *regions.Proof
}

func (l *lodge) Closed(p regions.Proof) { l.proof = &p }

// TestR4ARegionInAnothersPlaceIsAChildLikeAnyOther: members whose places are shared by regions, one after the other or,
// where one cannot be stopped, beside each other, end in any order, and are all counted.
func TestR4ARegionInAnothersPlaceIsAChildLikeAnyOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := root()
		var slots, inside []*member
		var lodges []*lodge
		leave := map[string]func(){}
		for i := range rapid.IntRange(1, 6).Draw(t, "slots") {
			s := &member{name: fmt.Sprint("s", i)}
			s.h, _ = r.Join(regions.Slot, s)
			slots = append(slots, s)
			leave[s.name] = func() { s.h.Leave(base.OutcomeOk) }
			for j := range rapid.IntRange(0, 3).Draw(t, "lives") {
				l := &lodge{member: member{name: fmt.Sprint("l", i, ".", j)}}
				if err := s.h.Lodge(&l.region, l, rapid.Bool().Draw(t, "delegate")); err != nil {
					t.Fatal(err)
				}
				lodges = append(lodges, l)
				leave[l.name] = func() {
					l.region.Resign()
					l.region.Close(regions.Request{})
					l.region.LeaveOwner(base.OutcomeFailed, regions.Left{})
				}
				if rapid.Bool().Draw(t, "owns") {
					m := &member{name: l.name + "/m"}
					m.h, _ = l.region.Join(regions.File, m)
					inside = append(inside, m)
					leave[m.name] = func() { m.h.Leave(base.OutcomeOk) }
				}
			}
		}
		if got := len(r.Residents(100)); got != len(slots)+len(lodges) {
			t.Fatalf("%d residents: %v", got, r.Residents(100))
		}
		var names []string
		for n := range leave {
			names = append(names, n)
		}
		slices.Sort(names)
		order := rapid.Permutation(names).Draw(t, "order")
		when := rapid.IntRange(0, len(order)).Draw(t, "close")
		for i, n := range order {
			if i == when {
				r.Close(regions.Request{Reason: base.ReasonUser})
			}
			leave[n]()
		}
		if when == len(order) {
			r.Close(regions.Request{Reason: base.ReasonUser})
		}
		r.OnClosed(func(p regions.Proof) {
			if !p.Quiescent() || p.Ended[regions.Slot] != len(slots) || p.Ended[regions.Descendant] != len(lodges) ||
				p.Ended[regions.Actor] != len(lodges) || p.Ended[regions.File] != len(inside) {
				t.Fatalf("%s; %d slots, %d regions, %d files", p, len(slots), len(lodges), len(inside))
			}
		})
		if r.State() != spec.RegionClosed {
			t.Fatal(r.State(), r.Residents(10))
		}
		for _, l := range lodges {
			if l.proof == nil || l.proof.Name != l.name || l.proof.Ended[regions.Actor] != 1 || l.proof.Region != l.region.ID() {
				t.Fatal(l.name, l.proof)
			}
		}
	})
}

// TestR6ARegionInAnothersPlaceIsResidueBesideItsSuccessor: what cannot be stopped is named, and what follows it is not.
func TestR6ARegionInAnothersPlaceIsResidueBesideItsSuccessor(t *testing.T) {
	r := root()
	s := join(t, r, regions.Slot, &member{name: "s"})
	old, next := &lodge{member: member{name: "old"}}, &lodge{member: member{name: "next"}}
	if err := s.h.Lodge(&old.region, old, false); err != nil {
		t.Fatal(err)
	}
	old.region.Close(regions.Request{Reason: base.ReasonTimeout})
	old.region.StuckOwner()()
	if err := s.h.Lodge(&next.region, next, false); err != nil {
		t.Fatal(err)
	}
	r.Close(regions.Request{Reason: base.ReasonShutdown})
	if len(next.asked) != 1 || len(old.asked) != 2 || len(s.asked) != 1 {
		t.Fatal(next.asked, old.asked, s.asked)
	}
	s.h.Leave(base.OutcomeOk)
	next.region.LeaveOwner(base.OutcomeOk, regions.Left{})
	if next.proof == nil || r.State() != spec.RegionClosedWithResidue {
		t.Fatal(next.proof, r.State())
	}
	r.OnClosed(func(p regions.Proof) {
		if !slices.Equal(p.Residue, []string{"region old"}) {
			t.Error(p)
		}
	})
	old.region.LeaveOwner(base.OutcomeOk, regions.Left{})
	if old.region.State() != spec.RegionClosed {
		t.Fatal(old.region.State())
	}
}

func TestR4CloseFromManySidesTellsOnce(t *testing.T) {
	for range 200 {
		r := root()
		var hs []*regions.Handle
		for range 8 {
			h, _ := r.Join(regions.Goroutine, &member{name: "m"})
			hs = append(hs, h)
		}
		var told atomic.Int32
		r.OnClosed(func(regions.Proof) { told.Add(1) })
		var wg sync.WaitGroup
		wg.Go(func() { r.Close(regions.Request{Reason: base.ReasonUser}) }) // owner: wg; ends: at once
		for _, h := range hs {
			wg.Go(func() { h.Leave(base.OutcomeOk) }) // owner: wg; ends: at once
		}
		wg.Wait()
		if told.Load() != 1 || r.State() != spec.RegionClosed {
			t.Fatal(told.Load(), r.State())
		}
	}
}

func TestR1LeavingTwiceIsABrokenInvariant(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Fatal("nobody noticed")
		}
	}()
	r := root()
	m := join(t, r, regions.File, &member{name: "f"})
	m.h.Leave(base.OutcomeOk)
	m.h.Leave(base.OutcomeOk)
}

func TestR2AChildThatOpensWhileItsParentClosesIsWaitedFor(t *testing.T) {
	for range 2000 {
		r := root()
		var told atomic.Int32
		r.OnClosed(func(regions.Proof) { told.Add(1) })
		var wg sync.WaitGroup
		wg.Go(func() { r.Close(regions.Request{Reason: base.ReasonUser}) }) // owner: wg; ends: at once
		wg.Go(func() { _, _ = r.Open("child") })                            // owner: wg; ends: at once
		wg.Wait()
		if told.Load() != 1 || r.State() != spec.RegionClosed {
			t.Fatalf("told %d times, %s", told.Load(), r.State())
		}
	}
}

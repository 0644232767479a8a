package regions

import (
	"fmt"
	"strings"

	"github.com/franken-node/fnode-supervisor/internal/base"
)

// Proof is what a closed region shows for itself (R4). Live and Left are counted at the moment of
// closing and are all zero unless Residue names what could not be stopped. Ended counts what had to
// end: a proof that saw nothing proves nothing.
type Proof struct {
	Region  base.RegionID
	Name    string
	Outcome base.Outcome
	Reason  base.Reason
	Live    [kinds]int // members that have not left, by kind
	Ended   [kinds]int // members that have left, by kind, descendants' included
	Left    Left       // messages, timers and obligations that the actors left behind
	Residue []string   // what could not be stopped, by name
	Faults  []string   // finalizers that failed, and callbacks that panicked
}

// Quiescent says whether nothing is left.
func (p Proof) Quiescent() bool {
	return p.Live == [kinds]int{} && p.Left == Left{} && len(p.Residue) == 0
}

// Total is how many members ended, of every kind.
func (p Proof) Total() (n int) {
	for _, k := range p.Ended {
		n += k
	}
	return n
}

// String gives one line: "sup closed (shutdown, ok): 0 messages 0 timers …; ended 3 actors …".
func (p Proof) String() string {
	var b strings.Builder
	word := "closed"
	if len(p.Residue) > 0 {
		word = "closed with residue"
	}
	fmt.Fprintf(&b, "%s %s (%s, %s): left", p.Name, word, p.Reason, p.Outcome)
	if p.Quiescent() {
		b.WriteString(" nothing")
	}
	for k, n := range p.Live {
		if n > 0 {
			fmt.Fprintf(&b, " %d %s", n, Kind(k))
		}
	}
	for _, l := range []struct {
		n    int
		word string
	}{{p.Left.Messages, "messages"}, {p.Left.Timers, "timers"}, {p.Left.Obligations, "obligations"}} {
		if l.n > 0 {
			fmt.Fprintf(&b, " %d %s", l.n, l.word)
		}
	}
	b.WriteString("; ended")
	for k, n := range p.Ended {
		if n > 0 {
			fmt.Fprintf(&b, " %d %s", n, Kind(k))
		}
	}
	if len(p.Residue) > 0 {
		fmt.Fprintf(&b, "; residue: %s", strings.Join(p.Residue, ", "))
	}
	if len(p.Faults) > 0 {
		fmt.Fprintf(&b, "; faults: %s", strings.Join(p.Faults, ", "))
	}
	return b.String()
}

func (p *Proof) add(l Left) {
	p.Left.Messages += l.Messages
	p.Left.Timers += l.Timers
	p.Left.Obligations += l.Obligations
}

func (p *Proof) merge(child *Proof) {
	for k, n := range child.Ended {
		p.Ended[k] += n
	}
	p.add(child.Left)
	p.Residue = append(p.Residue, child.Residue...)
	p.Faults = append(p.Faults, child.Faults...)
}

// proof is what the region can show so far, and the whole proof once it has ended. The caller holds r.mu.
func (r *Region) proof() (p Proof) {
	if c := r.rest; c != nil && c.proof != nil {
		if p = *c.proof; r.ended() {
			return p
		}
	}
	p.Region, p.Name, p.Reason = r.id, r.Name(), r.reason
	p.Outcome = p.Outcome.Worst(r.outcome)
	if r.here == left {
		p.Ended[Actor]++
	}
	return p
}

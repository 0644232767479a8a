package programs

import (
	"maps"
	"slices"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lab"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	store "github.com/franken-node/fnode-supervisor/store/core"
)

// tokenHolds looks at the token itself, in the applied state, and takes the condition out of what is committed.
func (d *driver) tokenHolds(cx *actors.Cx, s *submit) bool {
	bare := *s.it
	bare.tx.If = nil
	for _, c := range s.it.tx.If {
		if c.Key != "token" {
			bare.tx.If = append(bare.tx.If, c)
		} else if d.state["token"] != string(c.Value) {
			err := codes.New(codes.Conflict, "%q is not what the transaction expects", c.Key).Outcome(base.EffectNone)
			d.m.tell(cx, s.it.name[:2], answer{store.Item{Tag: s.it, Err: err}})
			return false
		}
	}
	s.it = &bare
	return true
}

// way is how the driver does its work: rightly, or with one thing wrong.
type way struct {
	doc     string
	finds   string                          // the check that has to trip
	order   func(out []store.Do) []store.Do // other commands instead
	outside bool                            // the token is checked before the committer, against what is applied
	witness bool                            // the keeper hears of a group when it is appended
	bare    bool                            // there is no keeper and no reader
	fails   bool                            // a sync fails, at any time
	again   bool                            // a sync that failed is tried again
}

// before puts a command for the accepted items before the one at which they stand.
func before(at, what store.Command) func([]store.Do) []store.Do {
	return func(out []store.Do) (changed []store.Do) {
		for _, d := range out {
			if d.Command == at {
				changed = append(changed, store.Do{Command: what, Items: d.Items})
			}
			changed = append(changed, d)
		}
		return changed
	}
}

// swapped carries Sync out before Append.
func swapped(out []store.Do) []store.Do {
	for i := 1; i < len(out); i++ {
		if out[i-1].Command == store.Append && out[i].Command == store.Sync {
			out[i-1], out[i] = out[i], out[i-1]
		}
	}
	return out
}

// refusedToo appends what was refused, as if it were written before it is checked.
func refusedToo(out []store.Do) []store.Do {
	if len(out) > 0 && out[0].Command == store.Answer && failed(out[0].Items[0].Err, base.EffectNone) {
		return before(store.Answer, store.Append)(out)
	}
	return out
}

// ways are the forms of the scenario, by the word that stands behind the numbers.
var ways = map[string]way{
	"":              {},
	"bare":          {doc: "without keeper and reader", bare: true},
	"sync_fails":    {doc: "and a sync fails, at any time", fails: true},
	"sync_again":    {doc: "a sync that failed is tried again", finds: "LOST", fails: true, again: true},
	"early_ack":     {doc: "acknowledges before the sync", finds: "LOST", order: before(store.Sync, store.Answer)},
	"early_apply":   {doc: "applies before the append", finds: "AHEAD", order: before(store.Append, store.Apply)},
	"token_outside": {doc: "checks the token outside of the committer", finds: "FENCED", outside: true},
	"early_witness": {doc: "lets the witness run ahead of the sync", finds: "SHORT", witness: true},
	"sync_first":    {doc: "syncs before it appends", finds: "LOST", order: swapped},
	"refused_too":   {doc: "appends before the check", finds: "REFUSED", order: refusedToo},
	"early_answer":  {doc: "acknowledges before it applies", finds: "UNREAD", order: before(store.Apply, store.Answer)},
}

// WrongCommitters are the ways of the driver that are wrong in one thing, each with the check that has to trip.
func WrongCommitters() map[string]string {
	out := map[string]string{}
	for how, w := range ways {
		if w.finds != "" {
			out[how] = w.finds
		}
	}
	return out
}

func init() {
	sized := []Param{{Name: "n", Min: 1, Max: 4}, num("k", 3)}
	f := Family{Name: "committer", Doc: "n writers commit k times each through the store's committer, and the machine crashes once", Example: "committer(2,1)"}
	f.Forms = []Form{form(func(n []int) lab.Scenario { return Committer(n[0], n[1], "") }, sized...)}
	for _, how := range slices.Sorted(maps.Keys(ways)) {
		if how != "" {
			f.Forms = append(f.Forms, form(func(n []int) lab.Scenario { return Committer(n[0], n[1], how) }, append(slices.Clone(sized), fixed(how))...))
		}
	}
	Add(f)
}

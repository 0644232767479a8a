package core

import (
	"strings"

	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Item is a transaction on its way. Tag is the driver's, handed back with the answer.
type Item struct {
	Tx  Tx
	Tag any
	Seq uint64 // given when it is accepted
	Err error  // why it was refused, or stands without being applied
}

// Command is what the driver does next, in the order given: each when the one before it is done, except that Sync of
// a group may run beside Apply of the one before it.
type Command uint8

// The commands. A group goes through Append, Sync, Apply and Answer; what is refused goes to Answer at once.
const (
	Append Command = iota + 1 // write the frames of the group behind the last
	Sync                      // make them durable; then Durable. That is the commit
	Apply                     // write them to the derived state; then Applied
	Answer                    // give each item its result
)

var commandNames = [...]string{"", "append", "sync", "apply", "answer"}

// String gives the command's stable name.
func (c Command) String() string { return commandNames[c] }

// Do is a command with the items it is for. Items must not be changed.
type Do struct {
	Command
	Items []Item
}

// Level is how much room there is, as the driver measures it.
type Level struct {
	// Stop refuses kinds that stop at this or earlier, but not what only deletes: that makes room. Zero: none. Beyond
	// the last there is no room for the group itself, and all of it is refused.
	Stop spec.Stop
	Err  error // the refusal
}

// Committer decides what the one writer of a store does (rule D1): check, append, sync, apply, acknowledge. Its
// state is the snapshot that conflicts and tokens are checked against: what is applied, under what is accepted.
//
// It is not safe for concurrent use. At most one group is between Append and Durable; groups before it wait to be
// applied in order.
type Committer struct {
	view    View
	seq     uint64 // of the last accepted
	synced  uint64 // of the last durable
	applied uint64 // of the last applied
	syncing []Item
	behind  [][]Item // durable, not applied, in order
	over    map[string]write
	use     map[string]count
	failed  error // why nothing is written any more (rule D4)
	stale   error // why the state is not that of the stream: an apply failed (rule D1)
}

// write is the newest accepted value of a key that is not known to be applied.
type write struct {
	value []byte // nil: deleted
	seq   uint64
}

// NewCommitter begins behind the marker seq, with a state that is that of the stream.
func NewCommitter(v View, seq uint64) *Committer {
	return &Committer{view: v, seq: seq, synced: seq, applied: seq, over: map[string]write{}, use: map[string]count{}}
}

// Synced is the last durable sequence.
func (c *Committer) Synced() uint64 { return c.synced }

// Head is the last accepted sequence.
func (c *Committer) Head() uint64 { return c.seq }

// Done is the last applied sequence.
func (c *Committer) Done() uint64 { return c.applied }

// Idle says that a group may be taken: none is between Append and Durable.
func (c *Committer) Idle() bool { return c.syncing == nil }

// Behind is how many durable groups wait to be applied.
func (c *Committer) Behind() int { return len(c.behind) }

// Failed is why nothing is written any more; nil while it is.
func (c *Committer) Failed() error { return c.failed }

// Stale is why the state cannot be read; nil while it can.
func (c *Committer) Stale() error { return c.stale }

// Fail stops the writer for good (rule D4): what was not durable is answered as unknown, and everything after it is
// refused.
func (c *Committer) Fail(err error) []Do {
	if c.failed == nil {
		c.failed = err
	}
	if c.syncing == nil {
		return nil
	}
	lost := c.syncing
	c.syncing = nil
	for i := range lost {
		lost[i].Err = codes.New(codes.StoreStopped, "commit %d could not be synced", lost[i].Seq).Wrap(err).Outcome(base.EffectUnknown)
	}
	return []Do{{Answer, lost}}
}

// Take decides a group, in order, against the state and itself. Preconditions: Idle. What is refused is answered,
// the rest is appended and synced. The group's items are the Committer's from now on.
func (c *Committer) Take(group []Item, room Level) (out []Do) {
	var refused []Item
	accepted := group[:0]
	for _, it := range group {
		if it.Err = c.accept(it.Tx, room); it.Err != nil {
			refused = append(refused, it)
			continue
		}
		c.seq++
		it.Seq = c.seq
		if c.stale == nil {
			c.lay(it)
		}
		accepted = append(accepted, it)
	}
	if refused != nil {
		out = append(out, Do{Answer, refused})
	}
	if len(accepted) > 0 {
		c.syncing = accepted
		out = append(out, Do{Append, accepted}, Do{Sync, accepted})
	}
	return out
}

func (c *Committer) accept(tx Tx, room Level) error {
	kind := spec.RecordNamed(tx.Kind)
	switch {
	case c.failed != nil:
		return codes.New(codes.StoreStopped, "the store stopped writing: %v", c.failed).Wrap(c.failed).Outcome(base.EffectNone)
	case kind == nil:
		return codes.New(codes.BadTx, "there is no kind of record %q", tx.Kind).Outcome(base.EffectNone)
	case room.Stop > spec.StopsAtEmpty, room.Stop >= kind.Stop && len(tx.Set)+len(tx.Body) > 0:
		return room.Err
	case c.stale != nil && len(tx.If) > 0:
		return c.stale
	}
	if err := Decide(c, tx); err != nil {
		return err
	}
	return c.count(tx)
}

// count adds what tx changes to the counts of prefixes. It reads before it changes anything.
func (c *Committer) count(tx Tx) error {
	if len(c.use) == 0 {
		return nil
	}
	last := map[string]int{} // size of the value by the last write; -1: deleted
	for _, kv := range tx.Set {
		last[kv.Key] = len(kv.Value)
	}
	for _, k := range tx.Delete {
		last[k] = -1
	}
	old := map[string]int{}
	for k := range last {
		v, ok, err := c.Get(k)
		if err != nil {
			return err
		}
		if old[k] = len(v); !ok {
			old[k] = -1
		}
	}
	for p, n := range c.use {
		for k, size := range last {
			if strings.HasPrefix(k, p) {
				n.add(k, old[k], -1)
				n.add(k, size, 1)
			}
		}
		c.use[p] = n
	}
	return nil
}

// lay puts what an item writes over the applied state, until that has it.
func (c *Committer) lay(it Item) {
	for _, kv := range it.Tx.Set {
		c.over[kv.Key] = write{held(kv.Value), it.Seq}
	}
	for _, k := range it.Tx.Delete {
		c.over[k] = write{nil, it.Seq}
	}
}

// held is a value that is there, though it may be empty.
func held(v []byte) []byte {
	if v == nil {
		return []byte{}
	}
	return v
}

// Durable tells that the group is durable, or why it is not: then the writer has stopped for good. After Fail, which has
// answered the group, it says nothing new.
func (c *Committer) Durable(err error) []Do {
	if err != nil {
		return c.Fail(err)
	}
	group := c.syncing
	if group == nil {
		return nil
	}
	c.syncing = nil
	c.synced = group[len(group)-1].Seq
	c.behind = append(c.behind, group)
	return []Do{{Apply, group}}
}

// Applied tells that the oldest group behind is in the state, or why not: the commit stands and is acknowledged,
// and the state is not read until it was rebuilt; the groups after it cannot be applied either.
func (c *Committer) Applied(err error) []Do {
	group := c.behind[0]
	c.behind = c.behind[1:]
	if err != nil {
		if c.stale == nil {
			c.stale = codes.New(codes.StateStale, "commit %d could not be applied", group[0].Seq).Wrap(err).Outcome(base.EffectNone)
			c.over, c.use = nil, nil // no condition is looked at any more
		}
		return []Do{{Answer, group}}
	}
	if c.stale == nil {
		c.applied = group[len(group)-1].Seq
		for _, it := range group {
			for _, kv := range it.Tx.Set {
				c.lift(kv.Key)
			}
			for _, k := range it.Tx.Delete {
				c.lift(k)
			}
		}
	}
	return []Do{{Answer, group}}
}

func (c *Committer) lift(key string) {
	if w, ok := c.over[key]; ok && w.seq <= c.applied {
		delete(c.over, key)
	}
}

// Get looks a key up in what is accepted, then in what is applied. It is the Committer's own View.
func (c *Committer) Get(key string) ([]byte, bool, error) {
	if w, ok := c.over[key]; ok {
		return w.value, w.value != nil, nil
	}
	return c.view.Get(key)
}

// Usage is what a prefix holds: counted once, then kept up to date.
func (c *Committer) Usage(prefix string, _ func(string) bool) (bytes, keys int64, err error) {
	n, ok := c.use[prefix]
	if !ok {
		if n.bytes, n.keys, err = c.view.Usage(prefix, func(k string) bool { _, ok := c.over[k]; return ok }); err != nil {
			return 0, 0, err
		}
		for k, w := range c.over {
			if w.value != nil && strings.HasPrefix(k, prefix) {
				n.add(k, len(w.value), 1)
			}
		}
		c.use[prefix] = n
	}
	return n.bytes, n.keys, nil
}

type count struct{ bytes, keys int64 }

func (n *count) add(key string, size, sign int) {
	if size >= 0 {
		n.bytes += int64(sign * (len(key) + size))
		n.keys += int64(sign)
	}
}

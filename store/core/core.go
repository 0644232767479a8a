// Package core is the pure part of the store: what a logical commit is, and whether the committer accepts
// it. Drivers (store, lab) hold the state; this package looks at it through View and says what to write.
//
// It is a leaf: no clock, no I/O, no goroutine. Its functions are pure and safe for concurrent use; a Tx
// is immutable once it was handed over.
//
//	writes, err := core.Decide(view, tx)
package core

import (
	"unicode/utf8"

	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// The bounds of one transaction.
const (
	MaxKey    = 1 << 10 // bytes of a key
	MaxValue  = 1 << 20 // bytes of a value
	MaxWrites = 256     // writes and conditions of one transaction
	MaxBytes  = 2 << 20 // bytes of one transaction, keys and values together
)

// Tx is one logical commit as data: if every condition holds, every write is done, else none.
type Tx struct {
	Kind   string // of the record (spec.RecordKinds): "kv", "history"
	If     []Cond
	Set    []KV
	Delete []string
	// What its marker says beside the writes. All of it may be empty.
	Region, Actor string   // paths
	Trace         [16]byte // of the cause
	Body          []byte   // CBOR, by kind
}

// KV is a key and its value.
type KV struct {
	Key   string
	Value []byte
}

// Cond is one condition. With Quota zero it compares: the key holds exactly Value, or is absent where
// Absent is set. With Quota set it bounds what the prefix Key may hold after this transaction.
type Cond struct {
	Key    string
	Value  []byte
	Absent bool
	Quota  *Quota
}

// Quota bounds a key prefix: keys and values together in bytes, and the number of keys.
type Quota struct {
	Bytes int64
	Keys  int64
}

// Result is the answer to a commit: its place in the order of commits, or the error that refused it.
type Result struct {
	Seq uint64
	Err error
}

// View is the state as Decide sees it: the durable state under the writes already accepted before this
// transaction.
type View interface {
	// Get looks a key up. The value must not be changed. An error refuses the transaction.
	Get(key string) (value []byte, ok bool, err error)
	// Usage is how many bytes (keys and values) and keys a prefix holds, without those keys that skip names.
	Usage(prefix string, skip func(key string) bool) (bytes, keys int64, err error)
}

// Check bounds a transaction without looking at the state.
func Check(tx Tx) error {
	if n := len(tx.If) + len(tx.Set) + len(tx.Delete); n == 0 && len(tx.Body) == 0 || n > MaxWrites {
		return codes.New(codes.BadTx, "a transaction has 1 to %d conditions and writes, this one %d", MaxWrites, n).Outcome(base.EffectNone)
	}
	for _, kv := range tx.Set {
		if len(kv.Value) > MaxValue {
			return codes.New(codes.BadTx, "a value has at most %d bytes, got %d", MaxValue, len(kv.Value)).Outcome(base.EffectNone)
		}
	}
	if len(tx.Region) > MaxKey || len(tx.Actor) > MaxKey || !utf8.ValidString(tx.Region) || !utf8.ValidString(tx.Actor) {
		return codes.New(codes.BadTx, "a path has at most %d bytes of UTF-8", MaxKey).Outcome(base.EffectNone)
	}
	for _, k := range keysOf(tx) {
		if len(k) == 0 || len(k) > MaxKey || k[0] == 0 {
			return codes.New(codes.BadTx, "a key has 1 to %d bytes and does not begin with a zero byte; got %d bytes", MaxKey, len(k)).Outcome(base.EffectNone)
		}
	}
	if n := Size(tx); n > MaxBytes {
		return codes.New(codes.BadTx, "a transaction has at most %d bytes, this one %d", MaxBytes, n).Outcome(base.EffectNone)
	}
	return nil
}

func keysOf(tx Tx) (out []string) {
	for _, c := range tx.If {
		out = append(out, c.Key)
	}
	for _, kv := range tx.Set {
		out = append(out, kv.Key)
	}
	return append(out, tx.Delete...)
}

// Size is how many bytes a transaction writes: keys, values and body.
func Size(tx Tx) (n int) {
	n = len(tx.Body)
	for _, kv := range tx.Set {
		n += len(kv.Key) + len(kv.Value)
	}
	for _, k := range tx.Delete {
		n += len(k)
	}
	return n
}

// Decide says whether tx is accepted on that state. It is refused with codes.BadTx, codes.Conflict or
// codes.QuotaExceeded, always with outcome none.
func Decide(v View, tx Tx) error {
	if err := Check(tx); err != nil {
		return err
	}
	for _, c := range tx.If {
		if err := holds(v, tx, c); err != nil {
			return err
		}
	}
	return nil
}

func holds(v View, tx Tx, c Cond) error {
	if c.Quota != nil {
		return within(v, tx, c)
	}
	have, ok, err := v.Get(c.Key)
	if err != nil {
		return err
	}
	if ok == c.Absent || ok && string(have) != string(c.Value) {
		return codes.New(codes.Conflict, "%q is not what the transaction expects", c.Key).Outcome(base.EffectNone)
	}
	return nil
}

func nothing(string) bool { return false }

// within computes what the prefix would hold after tx.
func within(v View, tx Tx, c Cond) error {
	bytes, keys, err := v.Usage(c.Key, nothing)
	if err != nil {
		return err
	}
	seen := map[string]int64{} // size after the writes so far; -1: absent
	size := func(k string) int64 {
		if n, ok := seen[k]; ok {
			return n
		}
		old, ok, e := v.Get(k)
		if e != nil {
			err = e
		}
		if ok {
			return int64(len(k) + len(old))
		}
		return -1
	}
	change := func(k string, n int64) {
		if len(k) < len(c.Key) || k[:len(c.Key)] != c.Key {
			return
		}
		if old := size(k); old >= 0 {
			bytes, keys = bytes-old, keys-1
		}
		if n >= 0 {
			bytes, keys = bytes+n, keys+1
		}
		seen[k] = n
	}
	for _, kv := range tx.Set {
		change(kv.Key, int64(len(kv.Key)+len(kv.Value)))
	}
	for _, k := range tx.Delete {
		change(k, -1)
	}
	if err != nil {
		return err
	}
	if bytes > c.Quota.Bytes || keys > c.Quota.Keys {
		return codes.New(codes.QuotaExceeded, "%q would hold %d bytes in %d keys; its quota is %d in %d",
			c.Key, bytes, keys, c.Quota.Bytes, c.Quota.Keys).Outcome(base.EffectNone)
	}
	return nil
}

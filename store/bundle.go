package store

import (
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// Source is the open store as a bundle is made from it (rule E4). It may be used as long as the store is open.
func (s *Store) Source() evidence.Source { return source{s} }

type source struct{ s *Store }

// Read hands durable markers over, in order, one read of the disk each: no segment is in memory.
func (x source) Read(first, last uint64, f func(*evidence.Item) bool) error {
	return x.s.opened(func() error {
		last := min(last, x.s.log.headNow().Seq)
		for seq := max(first, 1); seq <= last; seq++ {
			fr, err := x.s.log.get(seq)
			if err != nil || !f(&evidence.Item{Marker: fr.Marker, Payload: fr.Payload, Pruned: fr.Pruned}) {
				return err
			}
		}
		return nil
	})
}

// Prove gives a proof of inclusion.
func (x source) Prove(seq, at uint64) (mmr.Proof, error) {
	p, err := x.s.Prove(seq, at)
	return p.Proof, err
}

// Checkpoint is the newest checkpoint's marker.
func (x source) Checkpoint() (out evidence.Item, err error) {
	code, head := spec.RecordNamed("checkpoint").Code, x.s.Head().Seq
	for last := head; last > x.s.Base(); {
		first := max(x.s.Base()+1, last-min(last-1, 4096))
		err := x.Read(first, last, func(i *evidence.Item) bool {
			if i.Kind == code && !i.Pruned {
				out = *i
				out.Payload = append([]byte(nil), i.Payload...)
			}
			return true
		})
		if err != nil || out.Seq > 0 {
			return out, err
		}
		last = first - 1
	}
	return out, codes.New(codes.LedgerNoCheckpoint, "there is no checkpoint among markers %d to %d", x.s.Base()+1, head)
}

// Base is the sequence before the oldest marker that is kept.
func (x source) Base() uint64 { return x.s.Base() }

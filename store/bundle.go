package store

import (
	"errors"

	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// Source is the open store as a bundle is made from it (rule E4). It may be used as long as the store is open.
func (s *Store) Source() evidence.Source { return source{s} }

type source struct{ s *Store }

// Read hands durable markers over, in order.
func (x source) Read(first, last uint64, f func(*evidence.Item) bool) error {
	err := x.s.opened(func() error {
		return x.s.log.each(max(first, 1), last, func(_ string, _ int, fr *marker.Frame, _ marker.ID) error {
			if !f(&evidence.Item{Marker: fr.Marker, Payload: fr.Payload, Pruned: fr.Pruned}) {
				return ErrEnough
			}
			return nil
		})
	})
	if errors.Is(err, ErrEnough) {
		return nil
	}
	return err
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

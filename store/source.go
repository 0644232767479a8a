package store

import (
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// Source is the ledger for evidence.WriteBundle and evidence.Incident. What the newest checkpoint does not cover cannot
// be exported: call Checkpoint before.
func (s *Store) Source() evidence.Source { return source{s} }

// source is the ledger as a bundle is made from it.
type source struct{ s *Store }

func (o source) Base() uint64 { return o.s.Base() }

// Read reads markers one at a time, so that no segment is in memory.
func (o source) Read(first, last uint64, f func(*evidence.Item) bool) error {
	return o.s.opened(func() error {
		last := min(last, o.s.log.headNow().Seq)
		for seq := max(first, 1); seq <= last; seq++ {
			i, err := o.item(seq)
			if err != nil || !f(&i) {
				return err
			}
		}
		return nil
	})
}

func (o source) item(seq uint64) (evidence.Item, error) {
	fr, err := o.s.log.get(seq)
	return evidence.Item{Marker: fr.Marker, Payload: fr.Payload, Pruned: fr.Pruned}, err
}

func (o source) Prove(seq, at uint64) (mmr.Proof, error) {
	p, err := o.s.Prove(seq, at)
	return p.Proof, err
}

// Checkpoint looks for it from the head. The error is codes.LedgerNoCheckpoint where there is none.
func (o source) Checkpoint() (found evidence.Item, err error) {
	err = o.s.opened(func() error {
		for seq := o.s.log.headNow().Seq; seq > o.s.Base(); seq-- {
			i, err := o.item(seq)
			if err != nil {
				return err
			}
			if k := spec.RecordCoded(i.Kind); k != nil && k.Name == "checkpoint" && !i.Pruned {
				found = i
				return nil
			}
		}
		return codes.New(codes.LedgerNoCheckpoint, "no signed checkpoint has been written yet")
	})
	return found, err
}

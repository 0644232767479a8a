package store

import (
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// highNodes is the height from which nodes of the range are kept in memory: one in 128, 0.3 bytes a marker. Those below
// are computed from the markers themselves, of which a proof needs at most 256: there is no file of nodes that could
// be wrong.
const highNodes = 8

// keep keeps the high ones of the nodes that one leaf made; from is the index of the first.
func (l *ledger) keep(from uint64, made []mmr.Hash) {
	if len(made) <= highNodes {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := highNodes; h < len(made); h++ {
		l.high[from+uint64(h)] = made[h]
	}
}

// Node gives a node of the range of durable markers: mmr.Nodes. A node of markers that were pruned is
// codes.LedgerPruned, unless it is a peak of theirs.
func (l *ledger) Node(index uint64) (mmr.Hash, error) {
	l.mu.RLock()
	h, ok := l.high[index]
	l.mu.RUnlock()
	if ok {
		return h, nil
	}
	height := mmr.Height(index)
	if height >= highNodes && l.climb() {
		l.mu.RLock()
		h, ok := l.high[index]
		l.mu.RUnlock()
		if ok {
			return h, nil
		}
	}
	if height == 0 {
		leaf, _ := mmr.Leaves(index)
		return l.leaf(leaf + 1)
	}
	left, err := l.Node(index - 1<<height)
	if err != nil {
		return mmr.Hash{}, err
	}
	right, err := l.Node(index - 1)
	if err != nil {
		return mmr.Hash{}, err
	}
	return mmr.Interior(index, left, right), nil
}

// climb makes the high nodes of the markers of which only the peaks were known at the start: once, when the first of
// them is asked for. It says whether it made any; where markers cannot be read, whoever asked finds that.
func (l *ledger) climb() bool {
	l.climbing.Lock()
	defer l.climbing.Unlock()
	if l.unclimbed == 0 {
		return false
	}
	l.mu.RLock()
	base := l.base
	peaks := []mmr.Hash{}
	for _, i := range mmr.PeakIndices(base) {
		peaks = append(peaks, l.high[i])
	}
	l.mu.RUnlock()
	acc, err := mmr.Resume(base, peaks)
	if err != nil {
		return false
	}
	var room [64]mmr.Hash
	err = l.each(base+1, l.unclimbed, func(_ string, _ int, _ *marker.Frame, id marker.ID) error {
		l.keep(acc.Size(), acc.Add(room[:0], mmr.Hash(id)))
		return nil
	})
	if err == nil {
		l.unclimbed = 0
	}
	return true
}

// leaf is the id of a marker.
func (l *ledger) leaf(seq uint64) (mmr.Hash, error) {
	fr, err := l.get(seq)
	if err != nil {
		return mmr.Hash{}, err
	}
	return mmr.Hash(fr.Marker.ID()), nil
}

// Proof shows that a marker is in the ledger as of another one.
type Proof struct {
	Marker marker.ID
	Root   marker.ID // of the range of At markers
	Seq    uint64
	At     uint64
	Proof  mmr.Proof
}

// Prove gives the proof that marker seq is among the first at markers; at zero: among all durable ones. The error is
// codes.NoMarker, or codes.LedgerDamaged.
func (s *Store) Prove(seq, at uint64) (p Proof, err error) {
	err = s.opened(func() (err error) {
		p, err = s.prove(seq, at)
		return err
	})
	return p, err
}

func (s *Store) prove(seq, at uint64) (p Proof, err error) {
	if at == 0 {
		at = s.log.headNow().Seq
	}
	if seq == 0 || seq > at {
		return p, s.log.missing(seq)
	}
	fr, err := s.log.get(seq)
	if err != nil {
		return p, err
	}
	p = Proof{Marker: fr.Marker.ID(), Seq: seq, At: at}
	root, err := s.log.root(at)
	if err != nil {
		return p, err
	}
	p.Root = marker.ID(root)
	if p.Proof, err = mmr.InclusionProof(s.log, at, seq-1); err != nil {
		return p, err
	}
	if err := mmr.VerifyInclusion(root, at, seq-1, mmr.Hash(p.Marker), p.Proof); err != nil {
		return p, codes.New(codes.LedgerDamaged, "marker %d does not lead to the root of %d markers", seq, at).Wrap(err)
	}
	return p, nil
}

// root is that of the first n markers.
func (l *ledger) root(n uint64) (mmr.Hash, error) {
	acc, err := l.rangeOf(n)
	return acc.Root(), err
}

// rangeOf is the range of the first n markers.
func (l *ledger) rangeOf(n uint64) (acc mmr.Accumulator, err error) {
	if n > l.headNow().Seq {
		return acc, l.missing(n)
	}
	var peaks []mmr.Hash
	for _, i := range mmr.PeakIndices(n) {
		h, err := l.Node(i)
		if err != nil {
			return acc, err
		}
		peaks = append(peaks, h)
	}
	return mmr.Resume(n, peaks)
}

func (l *ledger) headNow() marker.Place {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.head
}

package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// Item is a marker with its payload as it is stored.
type Item struct {
	marker.Marker
	Payload []byte // encoded; nil where it was pruned
	Pruned  bool
}

// Says decodes the payload. The error is also that it was pruned.
func (i *Item) Says() (p marker.Payload, err error) {
	if i.Pruned {
		return p, errors.New("the payload was pruned")
	}
	return p, marker.Decode(i.Payload, &p)
}

// Source is a ledger as a bundle is made from it: store.Store is one. Errors come back as they are.
type Source interface {
	// Read hands the durable markers from first to last to f, in order, until f answers false. f keeps nothing of the
	// payload, and calls nothing of the source.
	Read(first, last uint64, f func(*Item) bool) error
	// Prove gives the proof that marker seq is among the first at markers.
	Prove(seq, at uint64) (mmr.Proof, error)
	// Checkpoint is the newest marker of the kind "checkpoint".
	Checkpoint() (Item, error)
	// Base is the sequence before the oldest marker that is kept.
	Base() uint64
}

// Selection says what goes into a bundle. The zero value is the whole ledger.
type Selection struct {
	Words       string           // what is selected, for people
	First, Last uint64           // of the sequences to look at; zero: the oldest, the newest that the checkpoint covers
	Pick        func(*Item) bool // which of them; nil: all
	Hide        func(*Item) bool // whose payloads are redacted; nil: none. Its digest and length stay in the marker
	Hidden      string           // which those are and why, for people
	By          string           // who asks for it
	At          int64            // now, ns since 1970
}

// Range selects the markers from first to last.
func Range(first, last uint64) Selection {
	return Selection{Words: fmt.Sprintf("markers %d to %d", first, last), First: first, Last: last}
}

// Under selects what happened at a path and under it. Of pruned markers only those at the path itself are known.
func Under(path string) Selection {
	tag, below := marker.TagOf(path), strings.TrimSuffix(path, "/")+"/"
	return Selection{Words: "path " + path, Pick: func(i *Item) bool {
		if i.Region == tag || i.Actor == tag {
			return true
		}
		p, err := i.Says()
		return err == nil && (strings.HasPrefix(p.Region, below) || strings.HasPrefix(p.Actor, below))
	}}
}

// Incident selects what belongs to what marker seq tells of: itself, what its evidence links to, everything of its trace,
// and what happened to its actor within around before and after it.
func Incident(src Source, seq uint64, around time.Duration) (sel Selection, err error) {
	var of *Item
	err = src.Read(seq, seq, func(i *Item) bool {
		c := *i
		c.Payload = bytes.Clone(i.Payload)
		of = &c
		return false
	})
	if err == nil && of == nil {
		err = codes.New(codes.NoMarker, "the ledger has no marker %d", seq)
	}
	if err != nil {
		return sel, err
	}
	links := []uint64{seq}
	if p, err := of.Says(); err == nil {
		if e, err := Decode(p.Body); err == nil {
			links = append(links, e.Links...)
		}
	}
	m, none := of.Marker, marker.Tag{}
	return Selection{Words: fmt.Sprintf("incident of marker %d, within %s of it", seq, around), Pick: func(i *Item) bool {
		near := max(i.Time, m.Time)-min(i.Time, m.Time) <= int64(around)
		return slices.Contains(links, i.Seq) || i.Trace == m.Trace && m.Trace != none || near && i.Actor == m.Actor && m.Actor != none
	}}, nil
}

// Summary is what a bundle came to hold.
type Summary struct {
	End
	Bytes   int64
	Covered uint64 // the checkpoint signs the markers up to this one
}

// WriteBundle writes a bundle of what is selected. The memory that it takes is a few megabytes, whatever is selected.
// Errors are those of w and of src, and codes.NoMarker where nothing is selected; then what was written is no bundle.
func WriteBundle(w io.Writer, src Source, sel Selection) (Summary, error) {
	b := &writer{w: w, src: src, sel: sel}
	err := b.begin()
	if err == nil {
		err = b.runs()
	}
	if err == nil && b.sum.Markers == 0 {
		err = codes.New(codes.NoMarker, "no marker that the checkpoint of %d markers covers is selected", b.says.Seq)
	}
	if err == nil {
		err = b.cbor(endPart, &b.sum.End)
	}
	return b.sum, err
}

// writer is one bundle under way.
type writer struct {
	w    io.Writer
	src  Source
	sel  Selection
	says marker.Checkpoint
	last uint64 // of the run under way; zero: none is
	sum  Summary
	room []byte
}

func (b *writer) put(k partKind, body ...[]byte) error {
	b.room = appendPart(b.room[:0], k, body...)
	return b.flush()
}

func (b *writer) flush() error {
	n, err := b.w.Write(b.room)
	b.sum.Bytes += int64(n)
	return err
}

func (b *writer) cbor(k partKind, v any) error {
	body, err := marker.Encode(v)
	if err != nil {
		return err
	}
	return b.put(k, body)
}

func (b *writer) marker(k partKind, i *Item, shown uint8) error {
	var room [marker.Size]byte
	payload := i.Payload
	if shown != here {
		payload = nil
	}
	return b.put(k, []byte{shown}, i.Append(room[:0]), payload)
}

func (b *writer) proof(seq uint64) error {
	p, err := b.src.Prove(seq, b.says.Seq)
	if err != nil {
		return err
	}
	return b.put(proofPart, p.Encode())
}

// begin writes all up to the first run.
func (b *writer) begin() error {
	cp, err := b.src.Checkpoint()
	if err != nil {
		return err
	}
	signed, err := signedBy(&cp, &b.says)
	if err != nil {
		return codes.New(codes.LedgerDamaged, "the checkpoint of marker %d cannot be read", cp.Seq).Wrap(err)
	}
	b.sum.Covered = b.says.Seq
	m := b.manifest()
	b.room = append(append(b.room[:0], bundleMagic...), Version)
	if err := b.flush(); err != nil {
		return err
	}
	if err := b.cbor(manifestPart, &m); err != nil {
		return err
	}
	hasGenesis, err := b.anchors(signed.Key, cp.Seq)
	if err == nil {
		err = b.marker(checkpointPart, &cp, here)
	}
	if err == nil && hasGenesis {
		err = b.proof(1)
	}
	return err
}

// manifest settles what is looked at.
func (b *writer) manifest() Manifest {
	first, last := max(b.sel.First, b.src.Base()+1), b.says.Seq
	if b.sel.Last > 0 {
		last = min(last, b.sel.Last)
		b.sum.Beyond = b.sel.Last - last
	}
	b.sel.First, b.sel.Last = first, last
	words := b.sel.Words
	if words == "" {
		words = "the whole ledger"
	}
	return Manifest{
		Store: b.says.Store, Words: words, First: first, Last: last, Whole: b.sel.Pick == nil, Hidden: b.sel.Hidden, By: b.sel.By, At: b.sel.At,
	}
}

// signedBy reads the statement of a checkpoint's marker.
func signedBy(i *Item, says *marker.Checkpoint) (s marker.Signed, err error) {
	p, err := i.Says()
	if err == nil {
		err = marker.Decode(p.Body, &s)
	}
	if err == nil {
		err = s.Open("checkpoint", says)
	}
	return s, err
}

// anchors writes the genesis, where it is kept, and what leads from its key to another one that signs.
func (b *writer) anchors(signer []byte, before uint64) (has bool, err error) {
	var first marker.Genesis
	if b.src.Base() == 0 {
		err = b.each(1, 1, func(i *Item) error {
			has = true
			if p, err := i.Says(); err == nil {
				_ = marker.Decode(p.Body, &first) // whoever verifies says so
			}
			return b.marker(genesisPart, i, shownAs(i))
		})
	}
	if err != nil || bytes.Equal(first.Key, signer) {
		return has, err
	}
	return has, b.each(b.src.Base()+1, before, func(i *Item) error {
		if k := spec.RecordCoded(i.Kind); k == nil || k.Name != "key" {
			return nil
		}
		return b.marker(keyPart, i, shownAs(i))
	})
}

func shownAs(i *Item) uint8 {
	if i.Pruned {
		return pruned
	}
	return here
}

// runs writes what is selected, and the proof of the last of each run.
func (b *writer) runs() error {
	err := b.each(b.sel.First, b.sel.Last, func(i *Item) error {
		if b.sel.Pick != nil && !b.sel.Pick(i) {
			return nil
		}
		if b.last > 0 && i.Seq != b.last+1 {
			if err := b.endRun(); err != nil {
				return err
			}
		}
		shown := shownAs(i)
		if shown == here && b.sel.Hide != nil && b.sel.Hide(i) {
			shown = redacted
		}
		b.sum.Markers++
		switch shown {
		case pruned:
			b.sum.Pruned++
		case redacted:
			b.sum.Redacted++
		}
		b.last = i.Seq
		return b.marker(markerPart, i, shown)
	})
	if err == nil && b.last > 0 {
		err = b.endRun()
	}
	return err
}

func (b *writer) endRun() error {
	b.sum.Runs++
	return b.proof(b.last)
}

// The most that is read of a source at a time.
const (
	mostItems = 1024
	mostBytes = 1 << 20
)

// each hands the markers from first to last to f, which may call the source.
func (b *writer) each(first, last uint64, f func(*Item) error) error {
	var room []Item
	for first <= last {
		room = room[:0]
		bytesRead := 0
		err := b.src.Read(first, last, func(i *Item) bool {
			c := *i
			c.Payload = bytes.Clone(i.Payload)
			room, bytesRead = append(room, c), bytesRead+len(c.Payload)
			return len(room) < mostItems && bytesRead < mostBytes
		})
		if err != nil {
			return err
		}
		for i := range room {
			if err := f(&room[i]); err != nil {
				return err
			}
			first = room[i].Seq + 1
		}
		if len(room) == 0 {
			return nil
		}
	}
	return nil
}

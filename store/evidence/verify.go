package evidence

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/marker"
	"github.com/franken-node/fnode-supervisor/store/mmr"
)

// Check says how a bundle is verified. The zero value trusts the bundle's own genesis, and recomputes nothing.
type Check struct {
	Key      ed25519.PublicKey // the trust anchor: a key that signed, or handed over to one that signed; nil: the genesis's
	Replays  Validator         // recompute decisions
	Progress func(bytes int64) // is called for each part, with the bytes that were read; nil: nobody is told
	Each     func(*Shown)      // is called for each marker of a run, which is valid until it returns; nil: nobody is told
}

// Verify reads a bundle once, from its first byte to its last, one part in memory, and checks everything in it: format,
// anchor, signatures, chains, proofs, payloads, paths, decisions (rule E4). The error is codes.NotABundle,
// codes.BundleNewer, codes.BundleBroken with every place, or the reader's; the report says what was found up to there.
func Verify(r io.Reader, c Check) (Report, error) {
	v := &verifier{Check: c, from: parter{r: r}}
	v.rep.Unknown = map[string]int{}
	err := v.read()
	v.rep.Bytes = v.from.at
	if err == nil {
		err = v.rep.err()
	}
	return v.rep, err
}

// verifier is one verification under way.
type verifier struct {
	Check
	from    parter
	rep     Report
	on      part   // is looked at
	seq     uint64 // the marker that is looked at; zero: none
	mani    bool   // the manifest was read
	trusted ed25519.PublicKey
	first   *link // the genesis, until its proof
	store   *marker.Tag
	says    *marker.Checkpoint // of the checkpoint; nil while it was not read, or does not hold
	signed  bool               // a checkpoint was read
	run     *link              // the last marker of the run under way; nil: none is
	begin   uint64             // the first sequence of the run
	last    uint64             // the newest marker that was read
	ended   *End
	newer   error
}

// link is a marker that something has to lead to.
type link struct {
	marker.Place
	at int64
}

// broken notes a break at the part that is looked at.
func (v *verifier) broken(format string, args ...any) {
	v.brokenAt(v.on.at, v.on.kind.String(), v.seq, format, args...)
}

func (v *verifier) brokenAt(at int64, what string, seq uint64, format string, args ...any) {
	v.rep.BreakCount++
	if len(v.rep.Breaks) < mostBreaks {
		v.rep.Breaks = append(v.rep.Breaks, Break{at, what, seq, fmt.Sprintf(format, args...)})
	}
}

// read reads all parts. The error is one that is no break.
func (v *verifier) read() error {
	version, ok, err := v.from.head()
	switch {
	case err != nil:
		return err
	case !ok:
		return codes.New(codes.NotABundle, "it does not begin as a bundle does (offset 0)")
	case version > Version:
		return codes.New(codes.BundleNewer, "it is of format version %d, this program reads version %d (offset 7)", version, Version)
	}
	for v.newer == nil {
		t, bad, err := v.from.next()
		v.on, v.seq = t, 0
		switch {
		case errors.Is(err, io.EOF):
			v.finish()
			return nil
		case err != nil:
			return err
		case bad != nil: // nothing says where the next part begins
			v.brokenAt(t.at, "part", 0, "%v; what is behind it was not read", bad)
			return nil
		}
		v.part()
		if v.Progress != nil {
			v.Progress(v.from.at)
		}
	}
	return v.newer
}

// part looks at one part.
func (v *verifier) part() {
	kind := v.on.kind
	switch {
	case v.ended != nil:
		v.broken("it stands behind the end of the bundle")
		return
	case kind == manifestPart && v.mani:
		v.broken("a bundle has one manifest")
		return
	case kind != manifestPart && !v.mani:
		v.broken("a bundle begins with its manifest")
		v.mani = true // said once
	case kind == markerPart && !v.signed:
		v.broken("no checkpoint stands before the first marker")
		v.signed = true // said once
	case v.signed && (kind == genesisPart || kind == keyPart || kind == checkpointPart):
		v.broken("it stands behind the checkpoint")
		return
	}
	switch kind {
	case manifestPart:
		v.mani = true
		v.decode(&v.rep.Manifest)
	case genesisPart:
		v.genesis()
	case keyPart:
		v.key()
	case checkpointPart:
		v.checkpoint()
	case markerPart:
		v.marker()
	case proofPart:
		v.proof()
	case endPart:
		v.ended = &End{}
		v.decode(v.ended)
		v.end()
	}
}

func (v *verifier) decode(into any) {
	if err := marker.Decode(v.on.body, into); err != nil {
		v.broken("%v", err)
	}
}

// item reads a marker's part, and checks all that can be seen of it alone.
func (v *verifier) item() (s Shown, ok bool) {
	b := v.on.body
	if len(b) < 1+marker.Size {
		v.broken("a marker has %d bytes, here are %d", 1+marker.Size, len(b))
		return s, false
	}
	shown, payload := b[0], b[1+marker.Size:]
	m, err := marker.Parse(b[1:])
	if err != nil {
		var f *marker.Fault
		if errors.As(err, &f) && f.Newer {
			v.newer = codes.New(codes.BundleNewer, "the marker at offset %d: %v", v.on.at, f)
		}
		v.broken("%v", err)
		return s, false
	}
	s = Shown{Marker: m, Offset: v.on.at, Pruned: shown == pruned, Redacted: shown == redacted}
	v.seq = m.Seq
	kind := spec.RecordCoded(m.Kind)
	switch {
	case kind == nil:
		v.broken("this program knows no kind of record %d; it may be older than the bundle", m.Kind)
	case m.Seq == 0:
		v.broken("sequences begin with 1")
	case m.Seq == 1 && m.Prev != marker.ID{}:
		v.broken("the first marker follows another one")
	case shown > redacted:
		v.broken("a payload cannot be shown in way %d", shown)
	case shown != here && len(payload) > 0:
		v.broken("a payload that is left out has %d bytes", len(payload))
	case shown == here && (len(payload) != int(m.Length) || marker.DigestOf(payload) != m.Digest):
		v.broken("the payload is not the one that the marker states")
	case shown == here:
		return s, v.payload(&s, kind.Name, payload)
	default:
		return s, true
	}
	return s, true // its place in the chain is known all the same
}

// payload decodes what a marker says.
func (v *verifier) payload(s *Shown, kind string, payload []byte) bool {
	if err := marker.Decode(payload, &s.Says); err != nil {
		v.broken("the payload: %v", err)
		return true
	}
	if marker.TagOf(s.Says.Region) != s.Region || marker.TagOf(s.Says.Actor) != s.Actor {
		v.broken("the paths of the payload are not those of the marker")
	}
	v.rep.Payloads++
	if err := v.body(s, kind); err != nil {
		v.broken("the %s: %v", kind, err)
	}
	return true
}

// body checks what a payload adds by kind.
func (v *verifier) body(s *Shown, kind string) error {
	switch body := s.Says.Body; kind {
	case "genesis":
		return marker.Decode(body, &marker.Genesis{})
	case "checkpoint":
		return v.statement(body, "checkpoint", &marker.Checkpoint{})
	case "key":
		return v.statement(body, "key", &marker.Handover{})
	case "grant", "protect":
		e, err := Decode(body)
		if err != nil {
			return err
		}
		s.Entry = &e
		return v.decision(s, kind)
	case "denials":
		d, err := DecodeDenials(body)
		if err == nil {
			s.Denials = &d
		}
		return err
	}
	return nil
}

// statement checks the signature of a signed body. Whose it is, its part says.
func (v *verifier) statement(body []byte, domain string, into any) error {
	var signed marker.Signed
	if err := marker.Decode(body, &signed); err != nil {
		return err
	}
	return signed.Open(domain, into)
}

// decision recomputes an entry.
func (v *verifier) decision(s *Shown, kind string) error {
	v.rep.Decisions++
	if record := s.Entry.Record(); record != kind {
		return fmt.Errorf("the evidence of a %s stands in a %s, and not in a %s", s.Entry.Kind, kind, record)
	}
	for _, l := range s.Entry.Links {
		if l == 0 || l >= s.Seq {
			return fmt.Errorf("it follows from marker %d, which is not before it", l)
		}
	}
	if !v.Replays.Knows(s.Entry.Kind) {
		v.rep.Unknown[s.Entry.Kind]++
		return nil
	}
	var err error
	if s.Differences, err = v.Replays.Validate(s.Entry); err != nil {
		return err
	}
	for _, d := range s.Differences {
		v.broken("the decision is not the one that its inputs lead to: %s", d)
	}
	if len(s.Differences) == 0 {
		v.rep.Recomputed++
	}
	return nil
}

// marker is one of a run.
func (v *verifier) marker() {
	v.unproven()
	s, ok := v.item()
	if !ok {
		v.run = nil
		return
	}
	v.rep.Markers++
	switch {
	case s.Pruned:
		v.rep.Pruned++
	case s.Redacted:
		v.rep.Redacted++
	}
	v.chained(&s)
	p := marker.Place{Seq: s.Seq, ID: s.ID(), Time: s.Time}
	if v.says != nil && s.Seq == v.says.Seq && p.ID != v.says.Head {
		v.broken("it is not the marker that the checkpoint signs")
	}
	if v.run == nil {
		v.begin = s.Seq
	}
	v.run, v.last = &link{p, v.on.at}, s.Seq
	if v.Each != nil {
		v.Each(&s)
	}
}

// unproven sees that the proof of the genesis came.
func (v *verifier) unproven() {
	if v.first != nil && v.says != nil {
		v.brokenAt(v.first.at, "genesis", 1, "no proof leads from it to the checkpoint")
		v.first = nil
	}
}

// chained sees that a marker follows the one before it.
func (v *verifier) chained(s *Shown) {
	m := &v.rep.Manifest
	switch {
	case v.last > 0 && s.Seq <= v.last:
		v.broken("it stands behind marker %d", v.last)
	case v.run != nil && s.Seq != v.run.Seq+1:
		v.broken("it stands where marker %d belongs, or the proof of marker %d", v.run.Seq+1, v.run.Seq)
	case v.run != nil && s.Prev != v.run.ID:
		v.brokenAt(v.run.at, "marker", v.run.Seq, "it is not the one to which marker %d is chained: it was altered, or marker %d was", s.Seq, s.Seq)
	case v.run != nil && s.Time < v.run.Time:
		v.broken("it is earlier than the one before it")
	case s.Seq < m.First || s.Seq > m.Last:
		v.broken("the manifest says markers %d to %d", m.First, m.Last)
	case m.Whole && v.run == nil && (s.Seq != m.First || v.rep.Runs > 0):
		v.broken("the manifest says every marker of %d to %d: some before it are missing", m.First, m.Last)
	}
}

// proof ends a run, or belongs to the genesis.
func (v *verifier) proof() {
	if !v.signed {
		v.broken("it stands before the checkpoint")
		return
	}
	of := v.run
	if of == nil {
		of, v.first = v.first, nil
	}
	if of == nil {
		v.broken("it is of no marker")
		return
	}
	isRun := of == v.run
	v.run, v.seq = nil, of.Seq
	if v.says == nil {
		return // said: there is no root that it could lead to
	}
	p, err := mmr.Decode(v.on.body)
	if err == nil && of.Seq == 0 {
		err = errors.New("it is of no marker")
	}
	if err == nil {
		err = mmr.VerifyInclusion(mmr.Hash(v.says.Root), v.says.Seq, of.Seq-1, mmr.Hash(of.ID), p)
	}
	switch {
	case err != nil && isRun:
		v.broken("markers %d to %d are not shown to be in the ledger: %v", v.begin, of.Seq, err)
	case err != nil:
		v.broken("the genesis is not shown to be in the ledger: %v", err)
	case isRun:
		v.rep.Runs++
	}
}

// end compares what was read with what was written.
func (v *verifier) end() {
	v.unproven()
	if v.run != nil {
		v.brokenAt(v.run.at, "marker", v.run.Seq, "no proof leads from it to the checkpoint")
	}
	e, m, is := v.ended, &v.rep.Manifest, &v.rep
	v.rep.Beyond = e.Beyond
	if e.Markers != is.Markers || e.Redacted != is.Redacted || e.Pruned != is.Pruned {
		v.broken("%d markers were written, %d of them redacted and %d pruned; %d, %d and %d are here",
			e.Markers, e.Redacted, e.Pruned, is.Markers, is.Redacted, is.Pruned)
	}
	if v.says != nil && e.Runs != is.Runs {
		v.broken("%d runs were written, and %d are shown to be in the ledger", e.Runs, is.Runs)
	}
	if m.Whole && v.last != m.Last {
		v.broken("the manifest says every marker of %d to %d: those behind %d are missing", m.First, m.Last, v.last)
	}
}

// finish is reached where the bytes end between two parts.
func (v *verifier) finish() {
	v.on = part{at: v.from.at}
	switch {
	case v.ended == nil:
		v.brokenAt(v.from.at, "part", 0, "the bundle is cut off: it has no end")
	case !v.signed:
		v.brokenAt(v.from.at, "part", 0, "there is no checkpoint: nothing is signed")
	}
}

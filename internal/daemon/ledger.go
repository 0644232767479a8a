package daemon

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/ledger"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/spec"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// desk answers for the ledger.
type desk struct {
	s    *books
	root string           // path of the tree's root
	now  func() time.Time // immutable

	mu    sync.Mutex
	sign  *ledger.Checkpoint // guarded by mu: the newest up to looked
	until uint64             // guarded by mu: where it was looked for
}

var _ ledger.Backend = (*desk)(nil)

// window is how many markers are read at a time when they are looked through: no read holds the files for long. Tests
// make it small before they read.
var window uint64 = 1 << 14

// back hands the markers from last down to first to f, newest first, until it answers false.
func (k *desk) back(first, last uint64, f func(*store.Entry) bool) error {
	first = max(first, k.s.Base()+1)
	for last >= first {
		from := max(first, last-min(last, window-1))
		var some []store.Entry
		err := k.s.Entries(from, last, func(e store.Entry) error {
			some = append(some, e)
			return nil
		})
		if err != nil {
			return err
		}
		for i := range slices.Backward(some) {
			if !f(&some[i]) {
				return nil
			}
		}
		last = from - 1
	}
	return nil
}

func isKind(e *store.Entry, name string) bool {
	k := spec.RecordCoded(e.Kind)
	return k != nil && k.Name == name && !e.Pruned
}

// checkpoint is the newest one; nil where there is none.
func (k *desk) checkpoint(head uint64) (*ledger.Checkpoint, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var body []byte
	var seq uint64
	err := k.back(k.until+1, head, func(e *store.Entry) bool {
		if isKind(e, "checkpoint") {
			seq, body = e.Seq, e.Payload.Body
		}
		return body == nil
	})
	if err == nil && body != nil {
		k.sign, err = ledger.CheckpointOf(seq, body)
	}
	if err == nil {
		k.until = head
	}
	return k.sign, err
}

// Head is the ledger in one look.
func (k *desk) Head() (h ledger.Head, err error) {
	st, err := k.s.Standing()
	if err != nil {
		return h, err
	}
	h = ledger.Head{
		Meta: api.Of("LedgerHead"), Store: hex.EncodeToString(st.Store[:]), Seq: st.Head.Seq, Chain: st.Head.ID.String(), Root: st.Root.String(),
		Time: time.Unix(0, st.Head.Time).UTC(), Base: st.Base, Snapshots: append([]uint64{}, st.Snapshots...), Bytes: st.Bytes, Quota: st.Quota,
		Unwritten: ledger.Unwritten{Refused: k.s.refused.Load(), Failed: k.s.failed.Load()}, Opened: howWords(k.s.How(), k.s.Opened()),
	}
	if st.Over > 0 {
		h.Growth = &ledger.Growth{Bytes: st.Grown, OverNS: st.Over.Nanoseconds()}
		if st.Over >= time.Minute {
			day := int64(float64(st.Grown) * float64(24*time.Hour) / float64(st.Over))
			h.Growth.PerDay = &day
		}
	}
	if st.Why != nil {
		h.Refused = st.Why.Error()
	}
	h.Stops = stops(st)
	h.Checkpoint, err = k.checkpoint(st.Head.Seq)
	return h, err
}

// stops lists what stops where, in order (rule D8).
func stops(st store.Standing) (out []ledger.Stop) {
	high := st.High()
	for _, at := range []struct {
		stop  spec.Stop
		bytes *int64
	}{{spec.StopsAtHigh, &high}, {spec.StopsAtFull, &st.Quota}, {spec.StopsAtEmpty, nil}} {
		if st.Quota == 0 {
			at.bytes = nil
		}
		one := ledger.Stop{When: at.stop.String(), Bytes: at.bytes, Now: st.Why != nil && at.stop <= st.Stop, Kinds: []string{}}
		for _, k := range spec.RecordKinds {
			if k.Stop == at.stop && k.Name != "test" {
				one.Kinds = append(one.Kinds, k.Name)
			}
		}
		out = append(out, one)
	}
	return out
}

// Entry is one marker.
func (k *desk) Entry(seq uint64, proof bool) (ledger.Entry, error) {
	e, err := k.s.Entry(seq)
	if err != nil {
		return ledger.Entry{}, err
	}
	out := ledger.EntryOf(&e)
	if proof {
		p, err := k.s.Prove(seq, 0)
		if err != nil {
			return out, err
		}
		out.Proof = &ledger.Proof{At: p.At, Root: p.Root.String(), Encoded: hex.EncodeToString(p.Proof.Encode())}
	}
	return out, nil
}

// List is the newest markers that fit.
func (k *desk) List(q ledger.Query) (out ledger.List, err error) {
	out = ledger.List{Meta: api.Of("LedgerList"), First: max(q.First, k.s.Base()+1), Last: k.s.Head().Seq, Items: []ledger.Entry{}}
	if q.Last > 0 {
		out.Last = min(out.Last, q.Last)
	}
	if q.Since != "" {
		if err := k.since(q.Since, &out.First); err != nil {
			return out, err
		}
	}
	if q.Until != "" {
		seq, err := k.place(q.Until)
		if err != nil {
			return out, err
		}
		out.Last = min(out.Last, seq)
	}
	if q.Kind != "" && spec.RecordNamed(q.Kind) == nil {
		return out, codes.New(codes.BadRequest, "there is no kind of record %.40q", q.Kind)
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	fits := under(q.Path)
	err = k.back(out.First, out.Last, func(e *store.Entry) bool {
		if kind := spec.RecordCoded(e.Kind); q.Kind != "" && (kind == nil || kind.Name != q.Kind) || !fits(e) {
			return true
		}
		if len(out.Items) == limit {
			out.More = true
			return false
		}
		out.Items = append(out.Items, ledger.EntryOf(e))
		return true
	})
	slices.Reverse(out.Items)
	return out, err
}

// under says which markers are of a path or of one below it. Of pruned ones only those at the path itself are known.
func under(path string) func(*store.Entry) bool {
	tag, below := marker.TagOf(path), path+"/"
	return func(e *store.Entry) bool {
		return path == "" || e.Actor == tag || e.Region == tag || strings.HasPrefix(e.Payload.Actor, below) || strings.HasPrefix(e.Payload.Region, below)
	}
}

// since moves first to the first marker that is not earlier.
func (k *desk) since(place string, first *uint64) error {
	p, err := ledger.ParsePlace(place, k.now())
	if err != nil {
		return err
	}
	seq := p.Seq
	if seq == 0 {
		before, err := k.s.At(p.Time.UnixNano() - 1)
		if c := codes.From(err); err != nil && (c == nil || c.Code != codes.NoMarker) {
			return err
		}
		seq = before + 1
	}
	*first = max(*first, seq)
	return nil
}

// place finds a marker by what people call it: the last one that is not later. The error is codes.NoMarker where it was
// pruned, or never was.
func (k *desk) place(s string) (uint64, error) {
	p, err := ledger.ParsePlace(s, k.now())
	if err != nil {
		return 0, err
	}
	seq := p.Seq
	if seq == 0 {
		if seq, err = k.s.At(p.Time.UnixNano()); err != nil {
			return 0, k.there(err)
		}
	}
	if seq <= k.s.Base() || seq > k.s.Head().Seq {
		if _, err := k.s.Entry(seq); err != nil {
			return 0, k.there(err)
		}
	}
	return seq, nil
}

// there adds to a refusal what there is.
func (k *desk) there(err error) error {
	c := codes.From(err)
	if c == nil || c.Code != codes.NoMarker {
		return err
	}
	first, e := k.s.Entry(k.s.Base() + 1)
	if e != nil {
		return err
	}
	head := k.s.Head()
	return c.Fact("there is", "marker %d of %s to marker %d of %s", first.Seq, stamp(first.Time), head.Seq, stamp(head.Time))
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }

// Verify reads everything again.
func (k *desk) Verify(progress func(done, of uint64) error) (ledger.Verification, error) {
	r, err := k.s.Verify(progress)
	return ledger.VerificationOf(&r), err
}

// Checkpoint writes one.
func (k *desk) Checkpoint() (ledger.Done, error) {
	err := k.s.Checkpoint()
	return ledger.Done{Meta: api.Of("LedgerDone"), What: "checkpoint", Seq: k.s.Head().Seq}, err
}

// Backup copies the store.
func (k *desk) Backup(r ledger.BackupRequest) (ledger.Done, error) {
	head, err := k.s.Backup(r.Dir)
	return ledger.Done{Meta: api.Of("LedgerDone"), What: "backup", Seq: head.Seq, Dir: r.Dir}, err
}

// Prune lets go of the oldest part.
func (k *desk) Prune(r ledger.PruneRequest) (ledger.Done, error) {
	out := ledger.Done{Meta: api.Of("LedgerDone"), What: "prune", DryRun: r.DryRun, Seq: k.s.Head().Seq}
	if r.Why == "" || r.Ephemeral == "" && r.Before == 0 {
		return out, codes.New(codes.BadRequest, "a prune needs a reason, and what to let go of").Outcome(base.EffectNone)
	}
	p := store.Pruning{Why: r.Why, DryRun: r.DryRun, Whole: max(r.Before, 1) - 1}
	if r.Ephemeral != "" {
		var first uint64
		if err := k.since(r.Ephemeral, &first); err != nil {
			return out, err
		}
		p.Ephemeral = first - 1
	}
	did, err := k.s.Cut(p)
	out.Behind, out.Base, out.Payloads, out.Segments, out.Bytes = did.Behind, did.Base, did.Payloads, did.Segments, did.Bytes
	return out, err
}

// around is how long before and after an incident's marker its bundle looks.
const around = time.Minute

// Export writes a bundle, behind a checkpoint of now where the newest one does not cover what is asked for.
func (k *desk) Export(s ledger.Selection, who api.Peer) (io.WriterTo, error) {
	head := k.s.Head().Seq
	src := k.s.Source()
	var sel evidence.Selection
	var err error
	switch {
	case s.Incident > 0:
		sel, err = evidence.Incident(src, s.Incident, around)
	case s.Path != "":
		sel = evidence.Under(s.Path)
	case s.First > 0 || s.Last > 0:
		sel = evidence.Range(s.First, s.Last)
	}
	if err != nil {
		return nil, k.there(err)
	}
	sel.By, sel.At = fmt.Sprintf("uid %d", who.UID), k.now().UnixNano()
	cp, err := k.checkpoint(head)
	if err == nil && (cp == nil || cp.Covers+1 < head && (s.Last == 0 || cp.Covers < s.Last)) {
		err = k.s.Checkpoint()
	}
	return bundle{src, sel}, err
}

// bundle is one to be written.
type bundle struct {
	src evidence.Source
	sel evidence.Selection
}

// WriteTo writes it.
func (b bundle) WriteTo(w io.Writer) (int64, error) {
	out := bufio.NewWriterSize(w, 64<<10)
	sum, err := evidence.WriteBundle(out, b.src, b.sel)
	if err == nil {
		err = out.Flush()
	}
	return sum.Bytes, err
}

package store_test

import (
	"errors"
	"path"
	"strings"
	"testing"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/fs"
)

// last is the newest marker of a kind.
func last(t *testing.T, s *store.Store, kind uint16) (e store.Entry) {
	t.Helper()
	must(t, s.Entries(1, s.Head().Seq, func(x store.Entry) error {
		if x.Kind == kind {
			e = x
		}
		return nil
	}))
	return e
}

// TestD3AShortStoreIsRepairedOnlyOnAWord takes the last segment away: the store does not start, says what is missing,
// a dry run says what would be given up, and a repair sets it aside and leaves a marker.
func TestD3AShortStoreIsRepairedOnlyOnAWord(t *testing.T) {
	w := closed(t, 5)
	names, err := w.disk.List("/data/markers")
	must(t, err)
	gone := names[len(names)-1]
	must(t, w.disk.Remove(path.Join("/data/markers", gone)))
	if _, err := store.Open(w.options()); !errors.Is(err, codes.Of(codes.LedgerShort)) || !strings.Contains(err.Error(), "are missing") {
		t.Fatal(err)
	}
	dry, err := store.Repair(w.options(), "", true)
	if err != nil || dry.Head == 0 || dry.Lost <= dry.Head {
		t.Fatalf("%+v %v", dry, err)
	}
	if _, err := store.Open(w.options()); !errors.Is(err, codes.Of(codes.LedgerShort)) {
		t.Fatal("a dry run changed something:", err)
	}
	did, err := store.Repair(w.options(), "the disk lost a file", false)
	if err != nil || did.Head != dry.Head || did.Into == "" {
		t.Fatalf("%+v %v", did, err)
	}
	s, err := store.Open(w.options())
	must(t, err)
	if e := last(t, s, 6); e.Seq != did.Head+1 || !strings.Contains(string(e.Payload.Body), "the disk lost a file") {
		t.Errorf("the first entry after the repair is not its own: %+v", e)
	}
	w.acked = kept(w.acked, did.Head)
	w.bySeq = upTo(w.bySeq, did.Head)
	w.check(s)
	must(t, s.Close())
	if _, err := store.Repair(w.options(), "again", false); !errors.Is(err, codes.Of(codes.LedgerWhole)) {
		t.Fatal(err)
	}
}

func upTo(seen map[uint64]int, head uint64) map[uint64]int {
	out := map[uint64]int{}
	for seq, n := range seen {
		if seq <= head {
			out[seq] = n
		}
	}
	return out
}

// TestD5DamageInTheMiddleIsRepairedByGivingUpWhatFollows flips a bit at drawn places of the stream: what is before it
// is kept, whatever the place.
func TestD5DamageInTheMiddleIsRepairedByGivingUpWhatFollows(t *testing.T) {
	for seed := range uint64(counted(6, 400)) {
		w := closed(t, seed)
		names, err := w.disk.List("/data/markers")
		must(t, err)
		name := path.Join("/data/markers", names[w.rnd.IntN(len(names))])
		size, err := w.disk.Size(name)
		must(t, err)
		flip(t, w.disk, name, w.rnd.Int64N(size), w.rnd.IntN(8))
		_, err = store.Open(w.options())
		var d *store.Damage
		if !errors.As(err, &d) {
			t.Fatal(seed, err)
		}
		did, err := store.Repair(w.options(), "a test", false)
		if first := strings.HasSuffix(name, "0000000000000001.seg"); first && did.Head == 0 && err != nil {
			continue // nothing of the ledger is left, not even its identity
		}
		if err != nil {
			t.Fatal(seed, name, err)
		}
		w.acked, w.bySeq = kept(w.acked, did.Head), upTo(w.bySeq, did.Head)
		s, err := store.Open(w.options())
		must(t, err)
		w.check(s)
		must(t, s.Close())
		w.live(5)
		w.live(0)
	}
}

// TestD9ABackupIsRestoredAndNeverBehindAWitnessUnasked backs up a running store, goes on, and restores.
func TestD9ABackupIsRestoredAndNeverBehindAWitnessUnasked(t *testing.T) {
	w := newWorld(t, 9)
	w.live(30)
	s, err := store.Open(w.options())
	must(t, err)
	head, err := s.Backup("/backup")
	must(t, err)
	if _, err := s.Backup("/backup"); err == nil {
		t.Error("a backup over another one was taken")
	}
	must(t, s.Close())
	o := w.options()
	o.Dir, o.StateDir = "/elsewhere", t.TempDir()
	if r, err := store.Restore(o, "/backup", ""); err != nil || r.Behind != 0 || r.Aside != "" {
		t.Fatalf("into nothing: %+v %v", r, err)
	}
	w.live(20)
	if _, err := store.Restore(w.options(), "/backup", ""); !errors.Is(err, codes.Of(codes.RestoreBehind)) {
		t.Fatal(err)
	}
	r, err := store.Restore(w.options(), "/backup", "an operator's mistake")
	if err != nil || r.Head != head.Seq || r.Behind <= head.Seq || r.Aside == "" {
		t.Fatalf("%+v %v", r, err)
	}
	s, err = store.Open(w.options())
	must(t, err)
	if e := last(t, s, 4); e.Seq != head.Seq+1 || !strings.Contains(string(e.Payload.Body), "an operator's mistake") {
		t.Errorf("the first entry of the restored ledger is not its receipt: %+v", e)
	}
	w.acked, w.bySeq = kept(w.acked, head.Seq), upTo(w.bySeq, head.Seq)
	w.check(s)
	must(t, s.Close())
	names, err := w.disk.List("/data/" + r.Aside)
	if err != nil || len(names) < 3 {
		t.Errorf("what was there is not set aside: %v %v", names, err)
	}
}

// TestD9ARestoreThatIsCutOffLeavesNoStoreThatOpensWrong crashes a restore at every change of the disk.
func TestD9ARestoreThatIsCutOffLeavesNoStoreThatOpensWrong(t *testing.T) {
	w := newWorld(t, 10)
	w.live(20)
	s, err := store.Open(w.options())
	must(t, err)
	_, err = s.Backup("/backup")
	must(t, err)
	must(t, s.Close())
	w.live(5)
	w.disk = w.disk.Crash(fs.KeepAll)
	whole := *w
	opened, refused := 0, 0
	for n := 1; ; n += counted(9, 1) {
		w := whole
		w.disk = whole.disk.Crash(fs.KeepAll)
		w.disk.StopAt(n, fs.Phase(n%3))
		_, err := store.Restore(w.options(), "/backup", "a test")
		if err == nil {
			break
		}
		w.disk = w.disk.Crash([]uint64{fs.LoseAll, fs.KeepAll, uint64(n)}[n%3])
		s, err := store.Open(w.options())
		c := codes.From(err)
		switch {
		case err == nil:
			opened++
			must(t, s.Close())
		case c != nil && c.Code == codes.LedgerDamaged:
			refused++
		default:
			t.Fatal(n, err)
		}
		if r, err := store.Restore(w.options(), "/backup", "again"); err != nil {
			t.Fatal(n, r, err)
		}
	}
	t.Logf("opened %d, refused %d; a second restore went through after each", opened, refused)
}

// TestD8PruningKeepsTheChainTheProofsAndWhatIsRequired prunes, and says so in the ledger.
func TestD8PruningKeepsTheChainTheProofsAndWhatIsRequired(t *testing.T) {
	w := newWorld(t, 11)
	w.live(60)
	s, err := store.Open(w.options())
	must(t, err)
	must(t, s.Checkpoint())
	must(t, s.Checkpoint()) // the older of two snapshots is the bound
	all := s.Head().Seq
	dry, err := s.Cut(store.Pruning{Ephemeral: all, Whole: all / 3, DryRun: true})
	must(t, err)
	did, err := s.Cut(store.Pruning{Ephemeral: all, Whole: all / 3, Why: "too old"})
	if err != nil || did.Payloads != dry.Payloads || did.Segments != dry.Segments || did.Payloads == 0 || did.Segments == 0 || did.Base != s.Base() {
		t.Fatalf("%+v %+v %v", dry, did, err)
	}
	if _, err := s.Entry(s.Base()); !errors.Is(err, codes.Of(codes.NoMarker)) {
		t.Error(err)
	}
	pruned := 0
	must(t, s.Entries(1, all, func(e store.Entry) error {
		if e.Pruned {
			pruned++
			if e.Kind != 65535 {
				t.Errorf("marker %d of a required kind has lost its payload", e.Seq)
			}
		}
		_, err := s.Prove(e.Seq, 0)
		return err
	}))
	if pruned == 0 || !strings.Contains(string(last(t, s, 5).Payload.Body), "too old") {
		t.Errorf("%d pruned, %+v", pruned, last(t, s, 5))
	}
	w.check(s)
	must(t, s.Close())
	r, err := store.Verify(w.options())
	if err != nil || len(r.Faults) > 0 || r.Base != did.Base {
		t.Fatalf("%v %v", r.Faults, err)
	}
	w.live(3)
	if how, err := store.Rebuild(w.options()); err != nil || how.Rebuilt == "" {
		t.Fatal(how, err)
	}
	w.live(0)
}

package daemon_test

import (
	"bytes"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	extension "github.com/franken-node/fnode-supervisor/actors/extension/core"
	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/supervision/account"
)

// TestE1DecisionsLeaveEvidenceThatIsRecomputed runs a crash loop, ends the daemon, and reads what it left: activations
// ahead of everything, each end with its choice, and nothing that does not follow from its inputs. A second run grants
// nothing again.
func TestE1DecisionsLeaveEvidenceThatIsRecomputed(t *testing.T) {
	r := newRig(t)
	r.write("fragile", plain, plainSource)
	r.write("other", plain, plainSource)
	r.file("c.toml", loopConfig)
	conf := filepath.Join(r.dir, "c.toml")
	r.up("--config", conf)
	for range 2 {
		pid := r.pid("fragile")
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r.eventually("its supervisor has decided", func() bool {
			n := r.node("sup/ext/fragile")
			return n.State == "Quarantined" || n.State == "Running" && n.Engine != nil && n.Engine.PID != pid
		})
	}
	r.stop()
	first := evidenceOf(t, filepath.Join(r.dir, "data"))
	granted := "activation/activate"
	if first[granted] == 0 {
		granted = "downgrade/activate_degraded" // where layers are missing, and the rig allows that
	}
	want := map[string]int{granted: 2, "restart/restart": 1, "restart/quarantine": 1, "stop/shut_down": 2}
	if !maps.Equal(first, want) {
		t.Errorf("%v, want %v", first, want)
	}
	r.up("--config", conf)
	r.stop()
	second := evidenceOf(t, filepath.Join(r.dir, "data"))
	if second[granted] != 2 || second["stop/shut_down"] != 4 {
		t.Errorf("after a second run: %v", second)
	}
}

// evidenceOf counts the entries of a ledger by kind and choice; each is recomputed, and a bundle of all is verified. It
// reads a copy: the daemon may be another user's.
func evidenceOf(t *testing.T, data string) map[string]int {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	replays := account.Replays()
	maps.Copy(replays, extension.Replays())
	seen := map[string]int{}
	var granted uint64
	err = s.Entries(1, s.Head().Seq, func(m store.Entry) error {
		kind := spec.RecordCoded(m.Kind)
		if !slices.Contains([]string{"grant", "protect"}, kind.Name) {
			return nil
		}
		e, err := evidence.Decode(m.Payload.Body)
		if err != nil {
			return err
		}
		if d, err := replays.Validate(&e); err != nil || len(d) > 0 {
			t.Errorf("marker %d: %v %v", m.Seq, d, err)
		}
		if kind.Name == "grant" {
			granted = m.Seq
		} else if granted == 0 {
			t.Error("something was decided before anything was granted")
		}
		seen[e.Kind+"/"+e.Choice]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := evidence.WriteBundle(&b, s.Source(), evidence.Selection{}); err != nil {
		t.Fatal(err)
	}
	if rep, err := evidence.Verify(&b, evidence.Check{Replays: replays}); err != nil || rep.Decisions == 0 || rep.Decisions != rep.Recomputed {
		t.Errorf("%v: %d decisions, %d recomputed", err, rep.Decisions, rep.Recomputed)
	}
	return seen
}

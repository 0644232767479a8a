package daemon_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/ledger"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/evidence"
	"github.com/franken-node/fnode-supervisor/supervision/account"
)

func (r *rig) ledger() *ledger.Client { return ledger.Dial(r.sock) }

// carried is what markers carry of a tree, a line a node.
func carried(t api.Tree, past bool) (out []string) {
	for _, row := range api.Reduce(t).Rows() {
		n := row.Node
		reason := n.Reason
		if !past && n.Kind == "extension" && n.State == "Running" {
			reason = "" // what an extension says of itself
		}
		line := strings.Join([]string{n.Path, n.Kind, n.Strategy, n.State, reason, strconv.Itoa(int(n.Incarnation)), strconv.FormatUint(n.Restarts, 10)}, "|")
		if n.State == "Stopped" || n.State == "Quarantined" {
			line += "|" + n.Since.UTC().Format(time.RFC3339Nano)
		}
		out = append(out, line)
	}
	return out
}

// same waits until the tree of the head, rebuilt from markers, is the live one in what markers carry.
func (r *rig) same(what string) {
	r.t.Helper()
	var live, past []string
	for deadline := time.Now().Add(10 * time.Second); ; {
		l, err := r.c.Tree(r.ctx())
		if err != nil {
			r.t.Fatal(err)
		}
		p, err := r.ledger().TreeAt(r.ctx(), "0s")
		if err != nil {
			r.t.Fatal(err)
		}
		if live, past = carried(l, false), carried(p, true); slices.Equal(live, past) {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s:\nlive %s\npast %s\n%s", what, strings.Join(live, "\n     "), strings.Join(past, "\n     "), r.out)
		}
	}
}

// head is the ledger's newest marker.
func (r *rig) head() uint64 {
	r.t.Helper()
	h, err := r.ledger().Head(r.ctx())
	if err != nil {
		r.t.Fatal(err)
	}
	return h.Seq
}

// TestD2TheTreeOfTheHeadIsTheLiveOne through kills, a stop by hand, a quarantine, its release, another configuration,
// and a second run; and the trees in between stay what they were.
func TestD2TheTreeOfTheHeadIsTheLiveOne(t *testing.T) {
	r := newRig(t)
	r.write("fragile", plain, plainSource)
	r.write("other", plain, plainSource)
	r.file("c.toml", loopConfig)
	conf := filepath.Join(r.dir, "c.toml")
	r.up("--config", conf)
	r.same("up")
	up := r.head()
	for n := 1; n <= 2; n++ {
		pid := r.pid("fragile")
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r.eventually("its supervisor has decided", func() bool {
			n := r.node("sup/ext/fragile")
			return n.State == "Quarantined" || n.State == "Running" && n.Engine != nil && n.Engine.PID != pid
		})
		r.same("killed")
	}
	contained := r.head()
	live, err := r.c.Why(r.ctx(), "sup/ext/fragile")
	if err != nil {
		t.Fatal(err)
	}
	if w, err := r.ledger().WhyAt(r.ctx(), "fragile", "0s"); err != nil || w.State != "Quarantined" || w.Answer == "" || !strings.Contains(live.Chain[0].What, w.Answer) && !strings.Contains(w.Answer, live.Chain[0].What) {
		t.Errorf("%+v %v, live %+v", w, err, live)
	}
	if _, err := r.c.Restart(r.ctx(), api.VerbRequest{Path: "sup/ext/fragile"}, ""); err != nil {
		t.Fatal(err)
	}
	r.same("released")
	if _, err := r.c.Stop(r.ctx(), api.VerbRequest{Path: "sup/ext/other"}, ""); err != nil {
		t.Fatal(err)
	}
	r.same("stopped by hand")
	r.file("d.toml", strings.Replace(loopConfig, `name = "fragile"`, `name = "renamed"`, 1))
	if _, err := r.c.Apply(r.ctx(), api.VerbRequest{Path: filepath.Join(r.dir, "d.toml")}, ""); err != nil {
		t.Fatal(err)
	}
	r.same("another configuration")
	for seq, want := range map[uint64]string{up: "Running", contained: "Quarantined"} {
		tree, err := r.ledger().TreeAt(r.ctx(), strconv.FormatUint(seq, 10))
		if err != nil {
			t.Fatal(err)
		}
		if n, ok := api.Reduce(tree).Find("sup/ext/fragile"); !ok || n.State != want {
			t.Errorf("at %d: %+v, want %s", seq, n, want)
		}
	}
	r.stop()
	r.up("--config", conf)
	r.same("a second run")
	if w, err := r.ledger().WhyAt(r.ctx(), "fragile", "0s"); err != nil || len(w.Chain) != 2 {
		t.Errorf("the failure of the run before is not known: %+v %v", w, err)
	}
	r.stop()
}

// TestTheLedgerOfADaemonIsReadCheckedAndKeptUp, from the first marker to a bundle, a backup and a prune.
func TestTheLedgerOfADaemonIsReadCheckedAndKeptUp(t *testing.T) {
	r := newRig(t)
	r.write("a", plain, plainSource)
	r.file("c.toml", "[[api.roles]]\nrole = \"security\"\nuid = "+strconv.Itoa(os.Geteuid())+"\n[ledger]\nquota = \"64Mi\"\n[[supervisor]]\nname = \"ext\"\n[[extension]]\nname = \"a\"\nparent = \"ext\"\npackage = \"ext/a\"\n")
	r.up("--config", filepath.Join(r.dir, "c.toml"))
	c, ctx := r.ledger(), r.ctx()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err, r.out)
		}
	}
	rc, err := c.Grant(ctx, ledger.GrantRequest{Action: "downgrade", Scope: "sup/ext/a", Reason: "a test", ExpiresNS: int64(time.Hour)}, "k")
	must(err)
	_, err = c.Revoke(ctx, ledger.RevokeRequest{ID: rc.ID, Reason: "over"}, "")
	must(err)
	all, err := c.Receipts(ctx)
	must(err)
	if len(all.Items) != 1 || all.Items[0].State != "revoked" || all.Items[0].Revoked.Reason != "over" || all.Items[0].Reason != "a test" {
		t.Errorf("%+v", all)
	}
	if _, err := c.Revoke(ctx, ledger.RevokeRequest{ID: "none"}, ""); codes.From(err) == nil || codes.From(err).Code.ID != codes.NoReceipt.ID {
		t.Error(err)
	}
	l, err := c.List(ctx, ledger.Query{Path: "sup/ext", Kind: "lifecycle"})
	must(err)
	for _, e := range l.Items {
		if !strings.HasPrefix(e.Actor, "sup/ext") || e.Kind != "lifecycle" || e.Actor == "sup/ext/a" && e.Region != "sup/ext" {
			t.Errorf("%+v", e)
		}
	}
	if len(l.Items) != 4 { // both added, both started
		t.Errorf("%d markers: %+v", len(l.Items), l.Items)
	}
	few, err := c.List(ctx, ledger.Query{Limit: 2})
	must(err)
	if len(few.Items) != 2 || !few.More || few.Items[1].Kind != "receipt" {
		t.Errorf("%+v", few)
	}
	e, err := c.Entry(ctx, 1, true)
	must(err)
	h, err := c.Head(ctx)
	must(err)
	if e.Kind != "genesis" || e.Proof == nil || e.Proof.Root != h.Root || h.Quota != 64<<20 || len(h.Stops) != 3 || h.Stops[0].Kinds[0] != "history" {
		t.Errorf("%+v %+v", e, h)
	}
	v, err := c.Verify(ctx, func(_, _ uint64) {})
	must(err)
	if !v.OK || v.Head != h.Seq || v.Root != h.Root {
		t.Errorf("%+v, head %+v", v, h)
	}
	_, err = c.Checkpoint(ctx, "")
	must(err)
	var b bytes.Buffer
	_, err = c.Export(ctx, ledger.Selection{Path: "sup/ext/a"}, &b)
	must(err)
	if rep, err := evidence.Verify(&b, evidence.Check{Replays: account.Replays()}); err != nil || rep.Markers < 2 {
		t.Errorf("%+v %v", rep, err)
	}
	dir := filepath.Join(r.dir, "backup")
	_, err = c.Backup(ctx, ledger.BackupRequest{Dir: dir}, "")
	must(err)
	if _, err := c.Prune(ctx, ledger.PruneRequest{Why: "nothing named"}, ""); codes.From(err) == nil || codes.From(err).Code.ID != codes.BadRequest.ID {
		t.Error(err)
	}
	p, err := c.Prune(ctx, ledger.PruneRequest{Before: 3, Why: "a test", DryRun: true}, "")
	must(err)
	if p.Segments != 0 || p.Behind == 0 {
		t.Errorf("%+v", p)
	}
	for _, place := range []string{"999999", "1000h"} {
		_, err := c.TreeAt(ctx, place)
		if e := codes.From(err); e == nil || e.Code.ID != codes.NoMarker.ID || len(e.Facts) == 0 || !strings.Contains(e.Facts[0].Text, "marker 1 of ") {
			t.Errorf("%s: %v", place, err)
		}
	}
	r.serves("fnode_ledger_head_seq ", "fnode_ledger_bytes ", "fnode_ledger_append_seconds_count ", "fnode_ledger_refused_total 0", "fnode_ledger_failed_total 0")
	r.stop()
	if !strings.Contains(r.out.String(), "the ledger is open") {
		t.Error(r.out)
	}
}

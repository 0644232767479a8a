package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/ledger"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake answers with what it was asked.
type fake struct {
	api.Backend
	asked   atomic.Pointer[any]
	writes  atomic.Int64
	steps   uint64 // of a verification
	fails   error  // of a verification, and of an export after 4 bytes
	stopped chan error
}

func note[T any](f *fake, q T) { v := any(q); f.asked.Store(&v) }

func (f *fake) Status() api.Status { return api.Status{Ready: true, Phase: "ready"} }
func (f *fake) Tree() api.Tree     { return api.Tree{} }

func (f *fake) Head() (ledger.Head, error) {
	return ledger.Head{Meta: api.Of("LedgerHead"), Seq: 7}, nil
}

func (f *fake) Entry(seq uint64, proof bool) (ledger.Entry, error) {
	note(f, proof)
	if seq > 7 {
		return ledger.Entry{}, codes.New(codes.NoMarker, "there is no marker %d", seq)
	}
	return ledger.Entry{Seq: seq}, nil
}

func (f *fake) List(q ledger.Query) (ledger.List, error) {
	note(f, q)
	return ledger.List{Items: []ledger.Entry{{Seq: 7}}}, nil
}

func (f *fake) Verify(progress func(done, of uint64) error) (ledger.Verification, error) {
	for i := range f.steps {
		if err := progress(i, f.steps); err != nil {
			f.stopped <- err
			return ledger.Verification{}, err
		}
	}
	return ledger.Verification{OK: true, Head: f.steps}, f.fails
}

func (f *fake) TreeAt(place string) (api.Tree, error) {
	note(f, place)
	return api.Tree{Root: api.Node{Path: "sup"}}, nil
}

func (f *fake) WhyAt(path, place string) (api.Why, error) {
	note(f, path+" "+place)
	return api.Why{Path: path}, nil
}

func (f *fake) did(what string) (ledger.Done, error) {
	f.writes.Add(1)
	return ledger.Done{What: what}, nil
}

func (f *fake) Checkpoint() (ledger.Done, error) { return f.did("checkpoint") }
func (f *fake) Backup(r ledger.BackupRequest) (ledger.Done, error) {
	note(f, r)
	return f.did("backup")
}

func (f *fake) Prune(r ledger.PruneRequest) (ledger.Done, error) {
	note(f, r)
	return f.did("prune")
}

func (f *fake) Export(s ledger.Selection, _ api.Peer) (io.WriterTo, error) {
	note(f, s)
	return f, nil
}

// WriteTo is the bundle.
func (f *fake) WriteTo(w io.Writer) (int64, error) {
	n, _ := w.Write([]byte("half"))
	if f.fails != nil {
		return int64(n), f.fails
	}
	m, err := w.Write([]byte("whole"))
	return int64(n + m), err
}

func (f *fake) Grant(_ context.Context, r ledger.GrantRequest, who api.Peer) (ledger.Receipt, error) {
	f.writes.Add(1)
	return ledger.Receipt{ID: fmt.Sprint("rc_", f.writes.Load()), Action: r.Action, UID: who.UID}, nil
}

func (f *fake) Revoke(_ context.Context, r ledger.RevokeRequest, _ api.Peer) (ledger.Receipt, error) {
	f.writes.Add(1)
	return ledger.Receipt{ID: r.ID, State: "revoked"}, nil
}

func (f *fake) Receipts() (ledger.ReceiptList, error) { return ledger.ReceiptList{}, nil }

// serve runs the API with the rows of f until the test ends.
func serve(t *testing.T, f *fake, roles ...api.Role) *ledger.Client {
	t.Helper()
	o := api.Options{Socket: filepath.Join(t.TempDir(), "s"), Routes: ledger.Routes(f), Log: slog.New(slog.DiscardHandler), Heartbeat: time.Second}
	uid := os.Geteuid()
	for _, r := range roles {
		o.Roles = append(o.Roles, api.RoleRule{Role: r, UID: &uid})
	}
	s, err := api.Listen(o, f)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)          // capacity 1; never closed
	go func() { served <- s.Serve(ctx) }() // owner: the cleanup; ends: cancel
	t.Cleanup(func() { cancel(); <-served })
	return ledger.Dial(o.Socket)
}

func is(err error, c *codes.Code) bool {
	e := codes.From(err)
	return e != nil && e.Code.ID == c.ID
}

// TestReceiptsNeedTheRoleSecurity: an operator, who may do everything else, may not grant himself an exception. A write
// with a key is carried out once.
func TestReceiptsNeedTheRoleSecurity(t *testing.T) {
	f := &fake{}
	c := serve(t, f)
	_, err := c.Grant(t.Context(), ledger.GrantRequest{Action: "a"}, "")
	if _, err2 := c.Revoke(t.Context(), ledger.RevokeRequest{ID: "x"}, ""); !is(err, codes.RoleDenied) || !is(err2, codes.RoleDenied) || f.writes.Load() != 0 {
		t.Fatalf("%v; %v; %d writes", err, err2, f.writes.Load())
	}
	if _, err := c.Receipts(t.Context()); err != nil {
		t.Error(err)
	}
	c = serve(t, f, api.Security)
	for range 3 {
		r, err := c.Grant(t.Context(), ledger.GrantRequest{Action: "a"}, "once")
		if err != nil || r.ID != "rc_1" || r.UID != os.Geteuid() {
			t.Fatalf("%+v %v", r, err)
		}
	}
	if _, err := c.Grant(t.Context(), ledger.GrantRequest{Action: "b"}, "once"); !is(err, codes.KeyReused) {
		t.Error(err)
	}
	if f.writes.Load() != 1 {
		t.Errorf("%d writes", f.writes.Load())
	}
}

// TestWhatIsAskedReachesTheBackend, and what cannot be asked is refused before.
func TestWhatIsAskedReachesTheBackend(t *testing.T) {
	f := &fake{}
	c, ctx := serve(t, f), t.Context()
	got := func(want any) {
		t.Helper()
		if p := f.asked.Swap(nil); p == nil || *p != want {
			t.Errorf("asked %+v, want %+v", p, want)
		}
	}
	q := ledger.Query{First: 2, Last: 9, Path: "sup/ext", Kind: "receipt", Since: "1h", Until: "7", Limit: 5}
	if l, err := c.List(ctx, q); err != nil || len(l.Items) != 1 {
		t.Error(l, err)
	}
	got(q)
	if h, err := c.Head(ctx); err != nil || h.Seq != 7 || h.Kind != "LedgerHead" {
		t.Error(h, err)
	}
	if e, err := c.Entry(ctx, 3, true); err != nil || e.Seq != 3 {
		t.Error(e, err)
	}
	got(true)
	if _, err := c.Entry(ctx, 8, false); !is(err, codes.NoMarker) {
		t.Error(err)
	}
	if tree, err := c.TreeAt(ctx, "10m"); err != nil || tree.Root.Path != "sup" {
		t.Error(tree, err)
	}
	got("10m")
	if _, err := c.WhyAt(ctx, "sup", "3"); err != nil {
		t.Error(err)
	}
	got("sup 3")
	p := ledger.PruneRequest{Ephemeral: "720h", Before: 4, Why: "w", DryRun: true}
	if _, err := c.Prune(ctx, p, ""); err != nil {
		t.Error(err)
	}
	got(p)
	if _, err := c.Backup(ctx, ledger.BackupRequest{Dir: "/b"}, ""); err != nil {
		t.Error(err)
	}
	got(ledger.BackupRequest{Dir: "/b"})
	if _, err := c.Backup(ctx, ledger.BackupRequest{Dir: "b"}, ""); !is(err, codes.BadRequest) {
		t.Error(err)
	}
	if _, err := c.List(ctx, ledger.Query{Limit: ledger.MaxLimit + 1}); !is(err, codes.BadRequest) {
		t.Error(err)
	}
	if _, err := c.Checkpoint(ctx, ""); err != nil {
		t.Error(err)
	}
}

// TestAVerificationIsStreamed: progress, then the report or why there is none; a reader that goes ends it.
func TestAVerificationIsStreamed(t *testing.T) {
	f := &fake{steps: 3, stopped: make(chan error, 1)}
	c := serve(t, f)
	told := 0
	v, err := c.Verify(t.Context(), func(done, of uint64) { told++ })
	if err != nil || !v.OK || v.Head != 3 || told != 3 {
		t.Errorf("%+v %v, %d told", v, err, told)
	}
	f.fails = codes.New(codes.StoreUnusable, "the disk is gone")
	if _, err := c.Verify(t.Context(), func(_, _ uint64) {}); !is(err, codes.StoreUnusable) {
		t.Error(err)
	}
	f.steps = 1 << 40
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := c.Verify(ctx, func(_, _ uint64) { cancel() }); !is(err, codes.Interrupted) {
		t.Error(err)
	}
	if err := <-f.stopped; err == nil {
		t.Error("it went on for nobody")
	}
}

// TestABundleThatBreaksOffIsNoBundle: what failed after some bytes is an error for whoever reads them.
func TestABundleThatBreaksOffIsNoBundle(t *testing.T) {
	f := &fake{}
	c := serve(t, f)
	var b bytes.Buffer
	if n, err := c.Export(t.Context(), ledger.Selection{First: 1, Last: 4}, &b); err != nil || n != 9 || b.String() != "halfwhole" {
		t.Errorf("%q %d %v", b.String(), n, err)
	}
	if p := f.asked.Load(); *p != any(ledger.Selection{First: 1, Last: 4}) {
		t.Errorf("%+v", *p)
	}
	f.fails = errors.New("the disk is gone")
	if _, err := c.Export(t.Context(), ledger.Selection{}, io.Discard); !is(err, codes.ConnectionLost) {
		t.Error(err)
	}
}

func TestAPlaceIsAMarkerATimeOrADurationBack(t *testing.T) {
	now := time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC)
	for in, want := range map[string]ledger.Place{
		"118": {Seq: 118}, "10m": {Time: now.Add(-10 * time.Minute)}, "0s": {Time: now},
		"2026-11-25T19:00:00Z": {Time: now.Add(-time.Hour)},
	} {
		if got, err := ledger.ParsePlace(in, now); err != nil || got.Seq != want.Seq || !got.Time.Equal(want.Time) {
			t.Errorf("%s: %+v %v", in, got, err)
		}
	}
	for _, in := range []string{"", "0", "-5m", "-3", "yesterday", "2026-11-25", strings.Repeat("9", 30)} {
		if got, err := ledger.ParsePlace(in, now); !is(err, codes.BadRequest) {
			t.Errorf("%s: %+v %v", in, got, err)
		}
	}
}

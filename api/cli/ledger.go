package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/ledger"
	"github.com/franken-node/fnode-supervisor/api/render"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
)

const (
	longTimeout = 30 * time.Minute // of what reads or writes the whole ledger
	saySecond   = time.Second      // between two lines of progress, and before the first
)

func (a *app) ledger() *cobra.Command {
	return a.group(&cobra.Command{Use: "ledger", Short: "Read, check and keep up the marker stream", Example: "  fnctl ledger head"},
		a.ledgerHead(), a.ledgerGet(), a.ledgerList(), a.ledgerVerify(), a.ledgerExport(),
		a.ledgerCheckpoint(), a.ledgerBackup(), a.ledgerPrune(), a.ledgerRebuild(), a.ledgerRepair(), a.ledgerRestore())
}

func (a *app) books() *ledger.Client { return ledger.Dial(a.socket) }

// counting tells progress on stderr once a second, from the first second on.
func (a *app) counting() func(what string, done, of uint64) {
	next := a.now().Add(saySecond)
	return func(what string, done, of uint64) {
		if now := a.now(); now.After(next) {
			next = now.Add(saySecond)
			fmt.Fprintf(a.env.Stderr, "%s: %d of %d\n", what, done, of)
		}
	}
}

// offline are the options of a store that no daemon has open.
func (a *app) offline(dir string) store.Options {
	return store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Progress: a.counting()}
}

// there refuses a folder without a ledger, so that none is made in it.
func there(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "markers")); err != nil {
		return codes.New(codes.InputMissing, "there is no ledger under %s", dir).Wrap(err)
	}
	return nil
}

// busy says what to do where a daemon has the folder open.
func busy(err error, instead string) error {
	if c := codes.From(err); c != nil && c.Code == codes.StoreLocked {
		return c.Fact("try", "%s", instead)
	}
	return err
}

func (a *app) ledgerHead() *cobra.Command {
	c := &cobra.Command{
		Use: "head", Short: "Show where the ledger stands",
		Long: "Show the newest marker, the root of all, what the newest checkpoint covers, the size with its growth and its quota,\n" +
			"what is refused now, and what stops first as room ends.",
		Example: "  fnctl ledger head\n  fnctl ledger head -o json", Args: cobra.NoArgs,
	}
	return a.leaf(c, "", func(ctx context.Context, _ []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		h, err := a.books().Head(ctx)
		if err != nil {
			return render.Doc{}, err
		}
		return render.Doc{Value: h, Names: []string{strconv.FormatUint(h.Seq, 10)}, Text: headText(h)}, nil
	})
}

func headText(h ledger.Head) string {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-11s %s\n", name, render.Clean(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintf(&b, "ledger %s: markers %d to %d\n", render.Clean(h.Store), h.Base+1, h.Seq)
	row("newest", "%s", h.Time.Format(time.RFC3339))
	row("chain head", "%s", h.Chain)
	row("root", "%s", h.Root)
	if c := h.Checkpoint; c != nil {
		row("checkpoint", "marker %d covers 1 to %d, signed %s; %d markers are behind it", c.Seq, c.Covers, c.Time.Format(time.RFC3339), h.Seq-c.Covers)
	} else {
		row("checkpoint", "none yet; fnctl ledger checkpoint writes one")
	}
	row("snapshots", "%s", dash(strings.Trim(fmt.Sprint(h.Snapshots), "[]")))
	row("size", "%s%s", sized(h.Bytes), grown(h))
	row("refused now", "%s", or(h.Refused, "nothing"))
	for i, s := range h.Stops {
		at := s.When
		if s.Bytes != nil {
			at += ", " + sized(*s.Bytes)
		}
		if s.Now {
			at += " (now)"
		}
		row([]string{"stops first", "then", "last"}[min(i, 2)], "%s: %s", at, strings.Join(s.Kinds, ", "))
	}
	row("unwritten", "%d refused, %d failed since the daemon started", h.Unwritten.Refused, h.Unwritten.Failed)
	row("opened", "%s", h.Opened)
	return b.String()
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// grown is the growth beside the size, and the quota.
func grown(h ledger.Head) string {
	s := ""
	if h.Quota > 0 {
		s = " of " + sized(h.Quota)
	}
	g := h.Growth
	switch {
	case g == nil:
		return s
	case g.PerDay == nil:
		return s + fmt.Sprintf("; %s in %s, too short for a rate", sized(g.Bytes), api.Short(time.Duration(g.OverNS)))
	}
	return s + fmt.Sprintf("; %s a day, by the last %s", sized(*g.PerDay), api.Short(time.Duration(g.OverNS)))
}

// sized is a number of bytes in at most four digits.
func sized(n int64) string {
	f, unit := float64(n), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f < 1024 {
			break
		}
		f, unit = f/1024, u
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}

func seqArg(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return 0, codes.New(codes.Usage, "%q is no marker's number", s)
	}
	return n, nil
}

func (a *app) ledgerGet() *cobra.Command {
	proof := false
	c := &cobra.Command{
		Use: "get SEQ", Short: "Show one marker with what it says",
		Long:    "Show a marker and its payload, decoded by its kind. --proof adds the proof that it is in the ledger, and the root that it leads to.",
		Example: "  fnctl ledger get 118\n  fnctl ledger get 118 --proof -o json", Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&proof, "proof", false, "with the proof of inclusion and its root")
	return a.leaf(c, "4", func(ctx context.Context, args []string) (render.Doc, error) {
		seq, err := seqArg(args[0])
		if err != nil {
			return render.Doc{}, err
		}
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		e, err := a.books().Entry(ctx, seq, proof)
		if err != nil {
			return render.Doc{}, err
		}
		return render.Doc{Value: e, Names: []string{args[0]}, Text: entryText(e)}, nil
	})
}

func entryText(e ledger.Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "marker %d, %s: %s\n", e.Seq, render.Clean(e.Kind), render.Clean(e.Summary))
	row := func(name, v string) {
		if v != "" {
			fmt.Fprintf(&b, "  %-8s %s\n", name, render.Clean(v))
		}
	}
	row("time", e.Time.Format(time.RFC3339Nano))
	row("actor", e.Actor)
	row("region", e.Region)
	row("trace", e.Trace)
	row("id", e.ID)
	row("prev", e.Prev)
	row("payload", fmt.Sprintf("%d bytes, digest %s", e.Length, e.Digest))
	for _, w := range e.Set {
		row("sets", fmt.Sprintf("%s, %d bytes", w.Key, w.Bytes))
	}
	for _, k := range e.Delete {
		row("deletes", k)
	}
	if len(e.Body) > 0 {
		fmt.Fprintf(&b, "  %-8s %s\n", "says", strings.ReplaceAll(resultText(e.Body), "\n", "\n  "))
	}
	if p := e.Proof; p != nil {
		row("root", fmt.Sprintf("%s, of %d markers", p.Root, p.At))
		row("proof", p.Encoded)
	}
	return b.String()
}

func (a *app) ledgerList() *cobra.Command {
	var q ledger.Query
	c := &cobra.Command{
		Use: "list", Short: "List markers, the newest last",
		Long: "List the newest markers that fit, the newest last. A path selects a node and all below it. --since and --until take a\n" +
			"marker's number, an RFC 3339 time, or a duration back.",
		Example: "  fnctl ledger list\n  fnctl ledger list --path sup/ext/feed --since 1h\n  fnctl ledger list --kind protect --limit 20 -o jsonl\n  fnctl ledger list --first 100 --last 120",
		Args:    cobra.NoArgs,
	}
	f := c.Flags()
	f.Uint64Var(&q.First, "first", 0, "the first marker to look at")
	f.Uint64Var(&q.Last, "last", 0, "the last marker to look at")
	f.StringVar(&q.Path, "path", "", "only of this node, and of those below it")
	f.StringVar(&q.Kind, "kind", "", "only of this kind of record")
	f.StringVar(&q.Since, "since", "", "only from here on")
	f.StringVar(&q.Until, "until", "", "only up to here")
	f.IntVar(&q.Limit, "limit", 100, fmt.Sprintf("the newest so many, at most %d", ledger.MaxLimit))
	return a.leaf(c, "4 65", func(ctx context.Context, _ []string) (render.Doc, error) {
		if q.Limit < 1 || q.Limit > ledger.MaxLimit {
			return render.Doc{}, codes.New(codes.Usage, "--limit %d is not 1 to %d", q.Limit, ledger.MaxLimit)
		}
		ctx, cancel := a.within(ctx, longTimeout)
		defer cancel()
		l, err := a.books().List(ctx, q)
		if err != nil {
			return render.Doc{}, err
		}
		doc := render.Doc{Value: l, Items: []any{}, Grid: render.Grid{Narrow: 5, Head: []string{"SEQ", "TIME", "KIND", "ACTOR", "WHAT", "BYTES", "ID"}}}
		for _, e := range l.Items {
			seq := strconv.FormatUint(e.Seq, 10)
			doc.Items, doc.Names = append(doc.Items, e), append(doc.Names, seq)
			doc.Grid.Rows = append(doc.Grid.Rows, []string{
				seq, e.Time.Format("2006-01-02T15:04:05.000Z"), e.Kind, dash(e.Actor), dash(e.Summary), strconv.FormatUint(uint64(e.Length), 10), e.ID,
			})
		}
		if l.More {
			fmt.Fprintf(a.env.Stderr, "there are older ones that fit: --limit, or --last %d\n", l.Items[0].Seq-1)
		}
		return doc, nil
	})
}

func (a *app) ledgerVerify() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use: "verify", Short: "Read everything again and name what is wrong",
		Long: "Read every marker, checkpoint and snapshot again: chain, root, checksums, signatures. The running daemon does it beside\n" +
			"its work; --data does it for a folder that no daemon has open. Exit 1 with every place, by file and offset, where something is wrong.",
		Example: "  fnctl ledger verify\n  fnctl ledger verify --data /var/lib/fnode-supervisor\n  fnctl ledger verify -o json", Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&data, "data", "", "folder of a ledger that no daemon has open")
	return a.leaf(c, "1 66 75", func(ctx context.Context, _ []string) (render.Doc, error) {
		v, err := a.verification(ctx, data)
		if err != nil {
			return render.Doc{}, err
		}
		doc := render.Doc{Value: v, Names: []string{v.Root}, Text: verificationText(v)}
		if v.OK {
			return doc, nil
		}
		e := codes.New(codes.LedgerFaulty, "the ledger has %d bad places", len(v.Faults))
		for _, f := range v.Faults {
			e.Fact("bad", "%s, offset %d: %s", f.File, f.Offset, f.What)
		}
		return doc, e
	})
}

func (a *app) verification(ctx context.Context, data string) (ledger.Verification, error) {
	say := a.counting()
	if data == "" {
		ctx, cancel := a.within(ctx, longTimeout)
		defer cancel()
		return a.books().Verify(ctx, func(done, of uint64) { say("verify", done, of) })
	}
	if err := there(data); err != nil {
		return ledger.Verification{}, err
	}
	r, err := store.Verify(a.offline(data))
	return ledger.VerificationOf(&r), busy(err, "fnctl ledger verify, which asks that daemon")
}

func verificationText(v ledger.Verification) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ledger %s: markers %d to %d, root %s\n", v.Store, v.Base+1, v.Head, v.Root)
	fmt.Fprintf(&b, "  %d checkpoints hold, the newest covers marker %d; %d snapshots are whole\n", v.Checkpoints, v.Signed, v.Snapshots)
	for _, l := range [][2]string{{"the state is made anew at the next start", v.State}, {"a torn tail is cut at the next start", v.Torn}} {
		if l[1] != "" {
			fmt.Fprintf(&b, "  %s: %s\n", l[0], render.Clean(l[1]))
		}
	}
	if v.OK {
		b.WriteString("  nothing is wrong\n")
	}
	return b.String()
}

// Exported is what export prints.
type Exported struct {
	api.Meta
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
}

func (a *app) ledgerExport() *cobra.Command {
	var s ledger.Selection
	var out string
	c := &cobra.Command{
		Use: "export --out FILE", Short: "Write a bundle that fnode-verify checks offline",
		Long: "Write a bundle: markers with the proofs that they are the ledger's, behind a signed checkpoint, for fnode-verify. By range,\n" +
			"by path, or by incident (a marker: what it links to, its trace, and its actor a minute around it); else the whole ledger.",
		Example: "  fnctl ledger export --out all.bundle\n  fnctl ledger export --out feed.bundle --path sup/ext/feed\n  fnctl ledger export --out crash.bundle --incident 118\n  fnctl ledger export --out some.bundle --first 100 --last 200",
		Args:    cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&out, "out", "", "file to write; it must not exist")
	f.Uint64Var(&s.First, "first", 0, "the first marker")
	f.Uint64Var(&s.Last, "last", 0, "the last marker")
	f.StringVar(&s.Path, "path", "", "what happened at this node and below it")
	f.Uint64Var(&s.Incident, "incident", 0, "what belongs to this marker")
	_ = c.MarkFlagRequired("out")
	c.MarkFlagsMutuallyExclusive("path", "incident", "first")
	c.MarkFlagsMutuallyExclusive("path", "incident", "last")
	return a.leaf(c, "4 74", func(ctx context.Context, _ []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, longTimeout)
		defer cancel()
		n, err := writeWhole(out, func(w io.Writer) (int64, error) { return a.books().Export(ctx, s, w) })
		if err != nil {
			return render.Doc{}, err
		}
		return render.Doc{
			Value: Exported{api.Of("LedgerExport"), out, n}, Names: []string{out},
			Text: fmt.Sprintf("%s: %s; check it with: fnode-verify %s\n", render.Clean(out), sized(n), render.Clean(out)),
		}, nil
	})
}

// writeWhole writes beside the target and renames, so that half a file never has the name.
func writeWhole(name string, fill func(io.Writer) (int64, error)) (int64, error) {
	failed := func(err error) error {
		return codes.New(codes.OutputFailed, "%s cannot be written: %v", name, err).Wrap(err)
	}
	if _, err := os.Lstat(name); err == nil {
		return 0, failed(os.ErrExist)
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".fnctl-*")
	if err != nil {
		return 0, failed(err)
	}
	n, err := fill(f)
	if late := errors.Join(f.Chmod(0o600), f.Sync(), f.Close()); err == nil && late != nil {
		err = failed(late)
	}
	if err == nil {
		if late := os.Rename(f.Name(), name); late != nil {
			err = failed(late)
		}
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return n, err
}

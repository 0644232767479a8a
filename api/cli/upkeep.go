package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/ledger"
	"github.com/franken-node/fnode-supervisor/api/render"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
)

func keyFlag(c *cobra.Command, key *string) {
	c.Flags().StringVar(key, "idempotency-key", "", "carry it out once, however often it is sent with this key")
}

// doneDoc prints what an upkeep did.
func doneDoc(d ledger.Done, format string, args ...any) render.Doc {
	d.Meta = api.Of("LedgerDone")
	text := fmt.Sprintf(format, args...)
	if d.DryRun {
		text = "nothing was done; it would be: " + text
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = render.Clean(lines[i])
	}
	return render.Doc{Value: d, Names: []string{strconv.FormatUint(d.Seq, 10)}, Text: strings.Join(lines, "\n") + "\n"}
}

func (a *app) ledgerCheckpoint() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "checkpoint", Short: "Write a signed checkpoint of now",
		Long:    "Dump the state, sign where the ledger stands, and put that into it. The daemon does so by itself now and then.",
		Example: "  fnctl ledger checkpoint", Args: cobra.NoArgs,
	}
	keyFlag(c, &key)
	return a.leaf(c, "75", func(ctx context.Context, _ []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, longTimeout)
		defer cancel()
		d, err := a.books().Checkpoint(ctx, key)
		if err != nil {
			return render.Doc{}, err
		}
		return doneDoc(d, "a checkpoint was written; the head is marker %d", d.Seq), nil
	})
}

func (a *app) ledgerBackup() *cobra.Command {
	var r ledger.BackupRequest
	var key string
	c := &cobra.Command{
		Use: "backup --out DIR", Short: "Copy the ledger while the daemon runs",
		Long: "Write a copy of the ledger as of now into an empty or missing folder where the daemon runs, on its file system. It has the\n" +
			"key that signs checkpoints: keep it as you keep the data folder. fnctl ledger restore takes it.",
		Example: "  fnctl ledger backup --out /var/backups/fnode-2026-11-25", Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&r.Dir, "out", "", "empty or missing folder")
	_ = c.MarkFlagRequired("out")
	keyFlag(c, &key)
	return a.leaf(c, "74 75", func(ctx context.Context, _ []string) (render.Doc, error) {
		var err error
		if r.Dir, err = filepath.Abs(r.Dir); err != nil {
			return render.Doc{}, codes.New(codes.InputMissing, "%s has no absolute path: %v", r.Dir, err)
		}
		ctx, cancel := a.within(ctx, longTimeout)
		defer cancel()
		d, err := a.books().Backup(ctx, r, key)
		if err != nil {
			return render.Doc{}, err
		}
		return doneDoc(d, "%s holds the ledger up to marker %d", d.Dir, d.Seq), nil
	})
}

func (a *app) ledgerPrune() *cobra.Command {
	var r ledger.PruneRequest
	var key string
	c := &cobra.Command{
		Use: "prune --why TEXT", Short: "Let go of the oldest part",
		Long: "--ephemeral-before lets go of payloads of ephemeral kinds: their markers stay, and with them the chain and every proof.\n" +
			"--before lets go of whole segments, with what is required in them. Nothing behind the older of two snapshots goes. A marker of it stays.",
		Example: "  fnctl ledger prune --ephemeral-before 720h --why 'monthly' --dry-run\n  fnctl ledger prune --before 1000000 --why 'archived in all.bundle'",
		Args:    cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&r.Ephemeral, "ephemeral-before", "", "payloads of ephemeral kinds before this: a marker's number, an RFC 3339 time, or a duration back")
	f.Uint64Var(&r.Before, "before", 0, "whole segments whose markers are all before this one")
	f.StringVar(&r.Why, "why", "", "the reason, which stays in the ledger")
	f.BoolVar(&r.DryRun, "dry-run", false, "say what would go and do nothing")
	_ = c.MarkFlagRequired("why")
	c.MarkFlagsOneRequired("ephemeral-before", "before")
	keyFlag(c, &key)
	return a.leaf(c, "1 4 65 75", func(ctx context.Context, _ []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, longTimeout)
		defer cancel()
		d, err := a.books().Prune(ctx, r, key)
		if err != nil {
			return render.Doc{}, err
		}
		return doneDoc(d, "%d payloads and %d whole segments, %s, behind the snapshot of marker %d; the ledger begins with marker %d", d.Payloads, d.Segments, sized(d.Bytes), d.Behind, d.Base+1), nil
	})
}

// dataFlag names the folder of an offline command.
func dataFlag(c *cobra.Command, data *string) {
	c.Flags().StringVar(data, "data", "", "the data folder; no daemon may have it open")
	_ = c.MarkFlagRequired("data")
}

const stopFirst = "stop that daemon first: systemctl stop fnode-supervisor, or SIGTERM to its pid"

func (a *app) ledgerRebuild() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use: "rebuild --data DIR", Short: "Make the state anew from the ledger, offline",
		Long:    "Throw the derived state away and make it anew from the newest good snapshot and the markers behind it. The ledger is not changed.",
		Example: "  fnctl ledger rebuild --data /var/lib/fnode-supervisor", Args: cobra.NoArgs,
	}
	dataFlag(c, &data)
	return a.leaf(c, "66 74 75", func(context.Context, []string) (render.Doc, error) {
		if err := there(data); err != nil {
			return render.Doc{}, err
		}
		h, err := store.Rebuild(a.offline(data))
		if err != nil {
			return render.Doc{}, busy(err, stopFirst)
		}
		d := ledger.Done{What: "rebuild", Seq: h.Markers, Detail: strings.Join(h.Skipped, "; ")}
		return doneDoc(d, "the state was made anew; %d markers were read", h.Markers), nil
	})
}

func (a *app) ledgerRepair() *cobra.Command {
	var data, why string
	dry := false
	c := &cobra.Command{
		Use: "repair --data DIR", Short: "Give up what stands behind the first bad place, offline",
		Long: "Make a ledger that does not open one that does, by giving up everything from the first bad place on. Nothing is deleted:\n" +
			"the files are set aside whole, under the data folder, and a marker says what was given up and why. Try a backup first.",
		Example: "  fnctl ledger repair --data /var/lib/fnode-supervisor --dry-run\n  fnctl ledger repair --data /var/lib/fnode-supervisor --why 'the disk lost a block'",
		Args:    cobra.NoArgs,
	}
	dataFlag(c, &data)
	c.Flags().StringVar(&why, "why", "", "the reason, which stays in the ledger")
	c.Flags().BoolVar(&dry, "dry-run", false, "say what would be given up and do nothing")
	return a.leaf(c, "1 66 74 75", func(context.Context, []string) (render.Doc, error) {
		if err := there(data); err != nil {
			return render.Doc{}, err
		}
		r, err := store.Repair(a.offline(data), why, dry)
		if err != nil {
			return render.Doc{}, busy(err, stopFirst)
		}
		d := ledger.Done{What: "repair", DryRun: dry, Seq: r.Head, Lost: r.Lost, Place: r.Place, Aside: r.Into, Detail: strings.Join(r.Moved, ", ")}
		return doneDoc(d, "the ledger ends with marker %d; markers up to %d are known to have been there\n  bad    %s\n  aside  %s", r.Head, r.Lost, dash(r.Place), dash(d.Detail)), nil
	})
}

func (a *app) ledgerRestore() *cobra.Command {
	var data, why string
	c := &cobra.Command{
		Use: "restore BACKUP --data DIR", Short: "Put a backup in the place of a ledger, offline",
		Long: "Check a backup and put it in the place of what is under the data folder, which is set aside whole. It refuses to go back\n" +
			"behind what was witnessed there unless --why says why; that is the first entry of the restored ledger.",
		Example: "  fnctl ledger restore /var/backups/fnode-2026-11-25 --data /var/lib/fnode-supervisor\n  fnctl ledger restore OLD --data DIR --why 'the disk died'",
		Args:    cobra.ExactArgs(1),
	}
	dataFlag(c, &data)
	c.Flags().StringVar(&why, "why", "", "why markers are given up; it stays in the ledger")
	return a.leaf(c, "1 66 74 75", func(_ context.Context, args []string) (render.Doc, error) {
		if err := there(args[0]); err != nil {
			return render.Doc{}, err
		}
		r, err := store.Restore(a.offline(data), args[0], why)
		if err != nil {
			return render.Doc{}, busy(err, stopFirst)
		}
		d := ledger.Done{What: "restore", Seq: r.Head, Behind: r.Behind, Aside: r.Aside, Dir: args[0]}
		return doneDoc(d, "the ledger is that of the backup, up to marker %d; what was there had witnessed %d, and is under %s", r.Head, r.Behind, dash(r.Aside)), nil
	})
}

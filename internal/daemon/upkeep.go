package daemon

import (
	"context"
	"fmt"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
)

// openStore opens the ledger and the state, and tells how that went.
func (d *daemon) openStore(dir string) error {
	next := time.Now().Add(time.Second)
	st, err := store.Open(store.Options{
		Dir: dir, Log: d.opts.Log, Quota: d.cfg.Ledger.Quota, Every: d.cfg.Ledger.Every, Synced: d.meters.synced,
		Progress: func(what string, done, of uint64) {
			if now := time.Now(); now.After(next) {
				next = now.Add(time.Second)
				fmt.Fprintf(d.opts.Talk, "ledger: %s, %d of %d markers\n", what, done, of)
			}
		},
	})
	if err != nil {
		return err
	}
	d.store = &books{Store: st}
	h, words, say := st.How(), howWords(st.How(), st.Head().Seq), d.opts.Log.Info
	if !h.Fresh && (h.Torn || h.Rebuilt != "" || len(h.Skipped) > 0) {
		say = d.opts.Log.Warn
	}
	say("the ledger is open", "how", words)
	d.event("ledger", "", words, nil)
	return nil
}

// retainEvery is the time between two looks for ephemeral payloads that are too old.
const retainEvery = 24 * time.Hour

// retain lets go of ephemeral payloads that are older than the configuration says, now and once a day, until ctx ends.
func (d *daemon) retain(ctx context.Context) {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		d.letGo(time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// letGo does so once.
func (d *daemon) letGo(now time.Time) {
	keep := d.cfg.Ledger.Retention
	seq, err := d.store.At(now.Add(-keep).UnixNano())
	var out store.Pruned
	if err == nil {
		out, err = d.store.Cut(store.Pruning{Ephemeral: seq, Why: fmt.Sprintf("ephemeral payloads are kept for %s", keep)})
	}
	switch c := codes.From(err); {
	case err == nil && out.Payloads > 0:
		d.opts.Log.Info("ephemeral payloads were let go", "payloads", out.Payloads, "bytes", out.Bytes, "older", keep)
	case c != nil && (c.Code == codes.NoMarker || c.Code == codes.LedgerNoCheckpoint): // nothing is so old, or nothing may go yet
	case err != nil:
		d.opts.Log.Error("ephemeral payloads could not be let go", "err", err)
	}
}

package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api/ledger"
	"github.com/franken-node/fnode-supervisor/api/render"
)

func (a *app) receipt() *cobra.Command {
	return a.group(&cobra.Command{Use: "receipt", Short: "Grant, list and revoke exceptions", Example: "  fnctl receipt list"},
		a.receiptGrant(), a.receiptList(), a.receiptRevoke())
}

func (a *app) receiptGrant() *cobra.Command {
	var r ledger.GrantRequest
	var expires time.Duration
	var key string
	c := &cobra.Command{
		Use: "grant --action A --scope S --reason R --expires D", Short: "Grant an exception, with role security",
		Long:    "Write a receipt into the ledger: which action, on what, why, and until when. It needs the role security; who granted it stays with it.",
		Example: "  fnctl receipt grant --action downgrade --scope sup/ext/feed --reason 'incident 42' --expires 24h", Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&r.Action, "action", "", "what is allowed")
	f.StringVar(&r.Scope, "scope", "", "on what: a path, a pattern, a name")
	f.StringVar(&r.Reason, "reason", "", "why")
	f.DurationVar(&expires, "expires", 0, "from now until when, like 24h")
	for _, name := range []string{"action", "scope", "reason", "expires"} {
		_ = c.MarkFlagRequired(name)
	}
	keyFlag(c, &key)
	return a.leaf(c, "65 75", func(ctx context.Context, _ []string) (render.Doc, error) {
		r.ExpiresNS = int64(expires)
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		out, err := a.books().Grant(ctx, r, key)
		if err != nil {
			return render.Doc{}, err
		}
		return receiptDoc(out), nil
	})
}

func (a *app) receiptRevoke() *cobra.Command {
	var r ledger.RevokeRequest
	var key string
	c := &cobra.Command{
		Use: "revoke ID", Short: "Take an exception back, with role security",
		Long:    "Write into the ledger that a receipt counts no more. The receipt stays, and says when, by whom and why it was taken back.",
		Example: "  fnctl receipt revoke rc_3f2a9c0d1e4b5a67 --reason 'incident 42 is over'", Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&r.Reason, "reason", "", "why")
	keyFlag(c, &key)
	return a.leaf(c, "4 65 75", func(ctx context.Context, args []string) (render.Doc, error) {
		r.ID = args[0]
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		out, err := a.books().Revoke(ctx, r, key)
		if err != nil {
			return render.Doc{}, err
		}
		return receiptDoc(out), nil
	})
}

func (a *app) receiptList() *cobra.Command {
	c := &cobra.Command{
		Use: "list", Short: "List every receipt that was granted",
		Long:    "List the receipts, the newest last: valid, expired and revoked ones.",
		Example: "  fnctl receipt list\n  fnctl receipt list -o wide", Args: cobra.NoArgs,
	}
	return a.leaf(c, "", func(ctx context.Context, _ []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		l, err := a.books().Receipts(ctx)
		if err != nil {
			return render.Doc{}, err
		}
		doc := render.Doc{Value: l, Items: []any{}, Grid: render.Grid{Narrow: 6, Head: []string{"ID", "STATE", "ACTION", "SCOPE", "EXPIRES", "REASON", "GRANTED", "UID"}}}
		for _, r := range l.Items {
			doc.Items, doc.Names = append(doc.Items, r), append(doc.Names, r.ID)
			doc.Grid.Rows = append(doc.Grid.Rows, []string{
				r.ID, r.State, r.Action, r.Scope, r.Expires.Format(time.RFC3339), r.Reason, r.Granted.Format(time.RFC3339), fmt.Sprint(r.UID),
			})
		}
		return doc, nil
	})
}

func receiptDoc(r ledger.Receipt) render.Doc {
	text := fmt.Sprintf("%s is %s: %s on %s until %s", r.ID, r.State, r.Action, r.Scope, r.Expires.Format(time.RFC3339))
	return render.Doc{Value: r, Names: []string{r.ID}, Text: render.Clean(text) + "\n"}
}

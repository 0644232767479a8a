package daemon

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/ledger"
	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store/core"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

const (
	receiptPrefix = "receipt/"
	mostReceipts  = 100_000
	mostExpiry    = 366 * 24 * time.Hour
)

func rolesOf(p api.Peer) []string {
	out := make([]string, len(p.Roles))
	for i, r := range p.Roles {
		out[i] = string(r)
	}
	return out
}

// Grant writes a receipt.
func (k *desk) Grant(ctx context.Context, r ledger.GrantRequest, who api.Peer) (ledger.Receipt, error) {
	expiry := time.Duration(r.ExpiresNS)
	for name, v := range map[string]string{"action": r.Action, "scope": r.Scope, "reason": r.Reason} {
		if len(strings.TrimSpace(v)) == 0 || len(v) > 512 {
			return ledger.Receipt{}, codes.New(codes.BadRequest, "%s: has 1 to 512 bytes", name).Outcome(base.EffectNone)
		}
	}
	if expiry <= 0 || expiry > mostExpiry {
		return ledger.Receipt{}, codes.New(codes.BadRequest, "expires_ns: over 0, at most %s", mostExpiry).Outcome(base.EffectNone)
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	now := k.now()
	out := marker.Receipt{
		ID: "rc_" + hex.EncodeToString(b[:]), Action: r.Action, Scope: r.Scope, Reason: r.Reason,
		Granted: now.UnixNano(), Expires: now.Add(expiry).UnixNano(), UID: who.UID, Roles: rolesOf(who),
	}
	return k.write(ctx, &out, core.Cond{Key: receiptPrefix + out.ID, Absent: true})
}

// Revoke writes that a receipt counts no more. One that is revoked already is given as it is.
func (k *desk) Revoke(ctx context.Context, r ledger.RevokeRequest, who api.Peer) (ledger.Receipt, error) {
	if len(r.Reason) > 512 || len(r.ID) > 64 {
		return ledger.Receipt{}, codes.New(codes.BadRequest, "reason or id is too long").Outcome(base.EffectNone)
	}
	have, ok, err := k.s.Read(receiptPrefix + r.ID)
	if err == nil && !ok {
		err = codes.New(codes.NoReceipt, "there is no receipt %.64q", r.ID).Outcome(base.EffectNone).Fact("try", "fnctl receipt list")
	}
	if err != nil {
		return ledger.Receipt{}, err
	}
	var out marker.Receipt
	if err := marker.Decode(slices.Clone(have), &out); err != nil {
		return ledger.Receipt{}, codes.New(codes.BadRecord, "the receipt %s cannot be read", r.ID).Wrap(err)
	}
	if out.Revoked != nil {
		return ledger.ReceiptOf(&out, k.now()), nil
	}
	out.Revoked = &marker.Revoked{At: k.now().UnixNano(), Reason: r.Reason, UID: who.UID, Roles: rolesOf(who)}
	return k.write(ctx, &out, core.Cond{Key: receiptPrefix + r.ID, Value: have})
}

// write commits a receipt and its marker, if the key is as it was.
func (k *desk) write(ctx context.Context, r *marker.Receipt, as core.Cond) (ledger.Receipt, error) {
	b, err := marker.Encode(r)
	if err != nil {
		return ledger.Receipt{}, err
	}
	done := make(chan error, 1) // capacity 1: the one answer; never closed
	tx := core.Tx{Kind: "receipt", If: []core.Cond{as}, Set: []core.KV{{Key: as.Key, Value: b}}, Body: b}
	k.s.Commit(tx, func(r core.Result) { done <- r.Err })
	select {
	case err = <-done:
	case <-ctx.Done():
		err = codes.New(codes.Cancelled, "nobody waits for the receipt").Outcome(base.EffectUnknown).Wrap(ctx.Err())
	}
	if err != nil {
		return ledger.Receipt{}, err
	}
	return ledger.ReceiptOf(r, k.now()), nil
}

// Receipts lists them all.
func (k *desk) Receipts() (ledger.ReceiptList, error) {
	out := ledger.ReceiptList{Meta: api.Of("ReceiptList"), Items: []ledger.Receipt{}}
	kvs, err := k.s.Scan(receiptPrefix, mostReceipts)
	if err != nil {
		return out, err
	}
	for _, kv := range kvs {
		var r marker.Receipt
		if err := marker.Decode(kv.Value, &r); err != nil {
			return out, codes.New(codes.BadRecord, "the receipt %s cannot be read", kv.Key).Wrap(err)
		}
		out.Items = append(out.Items, ledger.ReceiptOf(&r, k.now()))
	}
	slices.SortStableFunc(out.Items, func(a, b ledger.Receipt) int { return a.Granted.Compare(b.Granted) })
	return out, nil
}

package ledger

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"strconv"

	"github.com/franken-node/fnode-supervisor/api"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// Client asks a daemon about its ledger, over the same socket and with the same errors as api.Client.
type Client struct{ c *api.Client }

// Dial makes a client of the daemon at that socket.
func Dial(socket string) *Client { return &Client{api.Dial(socket)} }

// Head asks for the ledger in one look.
func (c *Client) Head(ctx context.Context) (out Head, err error) {
	err = c.c.Get(ctx, "/v1/ledger/head", nil, &out)
	return out, err
}

// Entry asks for one marker, with the proof that it is in the ledger where that is wanted.
func (c *Client) Entry(ctx context.Context, seq uint64, proof bool) (out Entry, err error) {
	err = c.c.Get(ctx, "/v1/ledger/entry", url.Values{"seq": {strconv.FormatUint(seq, 10)}, "proof": {strconv.FormatBool(proof)}}, &out)
	return out, err
}

func put(q url.Values, key string, n uint64) {
	if n > 0 {
		q.Set(key, strconv.FormatUint(n, 10))
	}
}

// List asks for markers.
func (c *Client) List(ctx context.Context, s Query) (out List, err error) {
	q := url.Values{"path": {s.Path}, "kind": {s.Kind}, "since": {s.Since}, "until": {s.Until}}
	put(q, "first", s.First)
	put(q, "last", s.Last)
	put(q, "limit", uint64(max(s.Limit, 0)))
	err = c.c.Get(ctx, "/v1/ledger/list", q, &out)
	return out, err
}

// Verify has everything read again; progress is told meanwhile.
func (c *Client) Verify(ctx context.Context, progress func(done, of uint64)) (Verification, error) {
	for raw, err := range c.c.Stream(ctx, "/v1/ledger/verify", nil) {
		var p Progress
		if err == nil {
			err = json.Unmarshal(raw, &p)
		}
		switch {
		case err != nil:
			return Verification{}, err
		case p.Report != nil:
			return *p.Report, nil
		}
		progress(p.Done, p.Of)
	}
	return Verification{}, codes.New(codes.VersionSkew, "the stream of a verification has no report")
}

// TreeAt asks for the tree as it was.
func (c *Client) TreeAt(ctx context.Context, place string) (out api.Tree, err error) {
	err = c.c.Get(ctx, "/v1/ledger/tree", url.Values{"at": {place}}, &out)
	return out, err
}

// WhyAt asks for the first cause of a node's state as it was.
func (c *Client) WhyAt(ctx context.Context, path, place string) (out api.Why, err error) {
	err = c.c.Get(ctx, "/v1/ledger/why", url.Values{"path": {path}, "at": {place}}, &out)
	return out, err
}

// Checkpoint has a signed checkpoint written.
func (c *Client) Checkpoint(ctx context.Context, key string) (out Done, err error) {
	err = c.c.Post(ctx, "/v1/ledger/checkpoint", struct{}{}, key, &out)
	return out, err
}

// Backup has the ledger copied to a folder where the daemon runs.
func (c *Client) Backup(ctx context.Context, r BackupRequest, key string) (out Done, err error) {
	err = c.c.Post(ctx, "/v1/ledger/backup", r, key, &out)
	return out, err
}

// Prune lets go of the oldest part.
func (c *Client) Prune(ctx context.Context, r PruneRequest, key string) (out Done, err error) {
	err = c.c.Post(ctx, "/v1/ledger/prune", r, key, &out)
	return out, err
}

// Export writes a bundle to w, and says how many bytes it has. Where it fails what was written is no bundle.
func (c *Client) Export(ctx context.Context, s Selection, w io.Writer) (int64, error) {
	q := url.Values{}
	if s.Path != "" {
		q.Set("path", s.Path)
	}
	put(q, "first", s.First)
	put(q, "last", s.Last)
	put(q, "incident", s.Incident)
	return c.c.Download(ctx, "/v1/ledger/export", q, w)
}

// Grant asks for a receipt.
func (c *Client) Grant(ctx context.Context, r GrantRequest, key string) (out Receipt, err error) {
	err = c.c.Post(ctx, "/v1/receipts/grant", r, key, &out)
	return out, err
}

// Revoke takes one back.
func (c *Client) Revoke(ctx context.Context, r RevokeRequest, key string) (out Receipt, err error) {
	err = c.c.Post(ctx, "/v1/receipts/revoke", r, key, &out)
	return out, err
}

// Receipts asks for every receipt.
func (c *Client) Receipts(ctx context.Context) (out ReceiptList, err error) {
	err = c.c.Get(ctx, "/v1/receipts", nil, &out)
	return out, err
}

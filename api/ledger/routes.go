package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/internal/base"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// ask is a request to an added row.
type ask struct {
	ctx  context.Context
	q    url.Values
	body []byte
	who  api.Peer
}

// Routes are the API's rows for b.
func Routes(b Backend) (out []api.Route) {
	for _, r := range []struct {
		method, pattern string
		need            api.Permission
		stream          bool
		do              func(ask) (any, error)
		doc             string
	}{
		{"GET", "/v1/ledger/head", api.PermView, false, func(ask) (any, error) { return b.Head() }, "the ledger in one look"},
		{"GET", "/v1/ledger/entry", api.PermLedger, false, entry(b), "one marker: ?seq=&proof="},
		{"GET", "/v1/ledger/list", api.PermLedger, false, list(b), "markers: ?first=&last=&path=&kind=&since=&until=&limit="},
		{"GET", "/v1/ledger/verify", api.PermLedger, true, verify(b), "server-sent progress of reading everything again, then the report"},
		{"GET", "/v1/ledger/export", api.PermLedger, true, export(b), "a bundle: ?first=&last=, ?path= or ?incident="},
		{"GET", "/v1/ledger/tree", api.PermView, false, func(a ask) (any, error) { return b.TreeAt(a.q.Get("at")) }, "the tree as it was: ?at="},
		{"GET", "/v1/ledger/why", api.PermView, false, func(a ask) (any, error) { return b.WhyAt(a.q.Get("path"), a.q.Get("at")) }, "the first cause as it was: ?path=&at="},
		{"POST", "/v1/ledger/checkpoint", api.PermUpkeep, false, func(ask) (any, error) { return b.Checkpoint() }, "write a signed checkpoint with a snapshot"},
		{"POST", "/v1/ledger/backup", api.PermUpkeep, false, backup(b), "copy the ledger: BackupRequest"},
		{"POST", "/v1/ledger/prune", api.PermUpkeep, false, written(b.Prune), "let go of the oldest part: PruneRequest"},
		{"GET", "/v1/receipts", api.PermView, false, func(ask) (any, error) { return b.Receipts() }, "every receipt"},
		{"POST", "/v1/receipts/grant", api.PermReceipt, false, signed(b.Grant), "grant a receipt: GrantRequest"},
		{"POST", "/v1/receipts/revoke", api.PermReceipt, false, signed(b.Revoke), "take a receipt back: RevokeRequest"},
	} {
		out = append(out, api.Route{
			Method: r.method, Pattern: r.pattern, Need: r.need, Write: r.method == http.MethodPost, Stream: r.stream, Doc: r.doc,
			Do: func(ctx context.Context, q url.Values, body []byte, who api.Peer) (any, error) {
				return r.do(ask{ctx, q, body, who})
			},
		})
	}
	return out
}

// number reads a sequence or a count; absent it is zero.
func number(q url.Values, key string) (n uint64, err error) {
	v := q.Get(key)
	if v == "" {
		return 0, nil
	}
	if n, err = strconv.ParseUint(v, 10, 64); err != nil || n == 0 {
		return 0, codes.New(codes.BadRequest, "%s: %.40q is no number over 0", key, v)
	}
	return n, nil
}

// numbers reads several.
func numbers(q url.Values, into map[string]*uint64) error {
	var errs []error
	for key, to := range into {
		var err error
		*to, err = number(q, key)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func entry(b Backend) func(ask) (any, error) {
	return func(a ask) (any, error) {
		seq, err := number(a.q, "seq")
		if err != nil {
			return nil, err
		}
		return b.Entry(seq, a.q.Get("proof") == "true")
	}
}

func list(b Backend) func(ask) (any, error) {
	return func(a ask) (any, error) {
		q := Query{Path: a.q.Get("path"), Kind: a.q.Get("kind"), Since: a.q.Get("since"), Until: a.q.Get("until")}
		var limit uint64
		if err := numbers(a.q, map[string]*uint64{"first": &q.First, "last": &q.Last, "limit": &limit}); err != nil {
			return nil, err
		}
		if limit > MaxLimit {
			return nil, codes.New(codes.BadRequest, "limit: at most %d markers", MaxLimit)
		}
		q.Limit = int(limit)
		return b.List(q)
	}
}

func verify(b Backend) func(ask) (any, error) {
	return func(a ask) (any, error) {
		return iter.Seq2[any, error](func(yield func(any, error) bool) {
			gone := errors.New("nobody reads the report")
			r, err := b.Verify(func(done, of uint64) error {
				if a.ctx.Err() != nil || !yield(Progress{Done: done, Of: of}, nil) {
					return gone
				}
				return nil
			})
			switch {
			case errors.Is(err, gone):
			case err != nil:
				yield(nil, err)
			default:
				yield(Progress{Done: r.Head - r.Base, Of: r.Head - r.Base, Report: &r}, nil)
			}
		}), nil
	}
}

func export(b Backend) func(ask) (any, error) {
	return func(a ask) (any, error) {
		s := Selection{Path: a.q.Get("path")}
		if err := numbers(a.q, map[string]*uint64{"first": &s.First, "last": &s.Last, "incident": &s.Incident}); err != nil {
			return nil, err
		}
		return b.Export(s, a.who)
	}
}

func backup(b Backend) func(ask) (any, error) {
	return written(func(r BackupRequest) (Done, error) {
		if !filepath.IsAbs(r.Dir) {
			return Done{}, codes.New(codes.BadRequest, "dir: %.200q is no absolute path of a folder", r.Dir).Outcome(base.EffectNone)
		}
		return b.Backup(r)
	})
}

// written is a write whose body is one document.
func written[T, R any](do func(T) (R, error)) func(ask) (any, error) {
	return func(a ask) (any, error) {
		var r T
		if err := decode(a.body, &r); err != nil {
			return nil, err
		}
		return do(r)
	}
}

// signed is one that notes who asks.
func signed[T, R any](do func(context.Context, T, api.Peer) (R, error)) func(ask) (any, error) {
	return func(a ask) (any, error) {
		return written(func(r T) (R, error) { return do(a.ctx, r, a.who) })(a)
	}
}

// decode reads exactly one JSON document without unknown fields.
func decode(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); more == io.EOF {
			return nil
		}
		err = errors.New("something follows the document")
	}
	return api.BadJSON("body", body, d.InputOffset(), err)
}

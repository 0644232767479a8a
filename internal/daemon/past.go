package daemon

import (
	"time"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/ledger"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/store"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// lifecycle decodes one; nil for another kind.
func lifecycle(e *store.Entry) *marker.Lifecycle {
	var l marker.Lifecycle
	if !isKind(e, "lifecycle") || marker.Decode(e.Payload.Body, &l) != nil {
		return nil
	}
	return &l
}

// past is the tree as of a place: what the run that was under way then had told of itself. The error is codes.NoMarker
// where the place, or the begin of that run, is not kept.
func (k *desk) past(place string) (p ledger.Past, seq, boot uint64, err error) {
	if seq, err = k.place(place); err != nil {
		return p, 0, 0, err
	}
	root := marker.TagOf(k.root)
	err = k.back(1, seq, func(e *store.Entry) bool {
		if e.Actor == root {
			if l := lifecycle(e); l != nil && l.Event == "boot" {
				boot = e.Seq
			}
		}
		return boot == 0
	})
	if err == nil && boot == 0 {
		err = codes.New(codes.NoMarker, "no run of the daemon that had begun by marker %d is kept from its begin", seq)
	}
	if err != nil {
		return p, 0, 0, k.there(err)
	}
	for from := boot; from <= seq; from += window {
		err := k.s.Entries(from, min(seq, from+window-1), func(e store.Entry) error {
			if l := lifecycle(&e); l != nil {
				p.Take(e.Payload.Actor, l)
			}
			return nil
		})
		if err != nil {
			return p, 0, 0, err
		}
	}
	return p, seq, boot, nil
}

// TreeAt is the tree as of a place.
func (k *desk) TreeAt(place string) (api.Tree, error) {
	p, seq, _, err := k.past(place)
	if err != nil {
		return api.Tree{}, err
	}
	return p.Tree(seq), nil
}

// WhyAt explains a node's state as of a place.
func (k *desk) WhyAt(path, place string) (api.Why, error) {
	p, seq, boot, err := k.past(place)
	if err != nil {
		return api.Why{}, err
	}
	n, err := api.Reduce(p.Tree(seq)).Resolve(path)
	if err != nil {
		return api.Why{}, err
	}
	var before *api.Cause
	if !p.Failed(n.Path) {
		before, err = k.failure(n.Path, boot)
	}
	return p.Why(n, before), err
}

// failure is the last one of a path before a marker; nil where none is kept.
func (k *desk) failure(path string, before uint64) (found *api.Cause, err error) {
	tag := marker.TagOf(path)
	err = k.back(1, before-1, func(e *store.Entry) bool {
		if e.Actor != tag {
			return true
		}
		if l := lifecycle(e); l != nil && l.Event == "ended" && l.Cause != "" {
			at := time.Unix(0, l.At)
			found = &api.Cause{Path: path, What: l.Cause, Time: &at, Code: l.Code}
		}
		return found == nil
	})
	return found, err
}

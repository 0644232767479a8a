package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/store/marker"
)

// Past is the tree as lifecycle markers tell of it: Take them in order, from the boot of a run on, then ask. What they
// do not carry is nil: lanes, obligations, engines, and what an extension says of itself.
type Past struct {
	root   *node
	byPath map[string]*node
}

// node is one node of the tree, and its last failure.
type node struct {
	api.Node
	restart  string // permanent, transient, temporary
	children []*node
	failure  *api.Cause
}

// Take adds what happened at path.
func (p *Past) Take(path string, l *marker.Lifecycle) {
	when := time.Unix(0, l.At)
	switch l.Event {
	case "boot":
		*p = Past{byPath: map[string]*node{}}
		p.grow(path, &marker.Node{Kind: "supervisor"})
		p.root.set("Starting", "its run begins", &when)
		return
	case "added":
		p.grow(path, l.Node)
		return
	case "shutdown":
		for _, n := range p.byPath {
			n.set("Stopped", "the daemon was shut down", &when)
		}
		return
	}
	n := p.byPath[path]
	if n == nil {
		return // of a part of the stream that is not known
	}
	switch l.Event {
	case "removed":
		p.fell(n)
	case "started":
		n.Incarnation, n.Restarts = l.Incarnation, uint64(max(l.Incarnation, 1)-1)
		n.set("Running", "", &when)
	case "ended":
		n.Incarnation = l.Incarnation
		p.ended(n, l, &when)
	case "stopped":
		n.set("Stopped", n.Reason, n.Since)
		n.Reason = strings.Replace(n.Reason, restartWords, "", 1)
	case "quarantined":
		n.set("Quarantined", l.Reason, n.Since)
	case "wedged":
		n.set("Wedged", "its handler does not return", &when)
	}
}

const restartWords = "restart after backoff; "

func (n *node) set(state, reason string, since *time.Time) {
	n.State, n.Reason, n.Since = state, reason, since
}

// ended is what its supervisor does then, by its policy (S2).
func (p *Past) ended(n *node, l *marker.Lifecycle, when *time.Time) {
	if l.Cause != "" {
		n.failure = &api.Cause{Path: n.Path, What: l.Cause, Time: when, Code: l.Code}
	}
	how := l.Reason[:max(strings.IndexAny(l.Reason+" ", ": "), 0)]
	clean := slices.Contains([]string{"normal", "shutdown", "declined"}, how)
	last := "last end: " + l.Reason
	switch {
	case n.restart == "permanent" || n.restart == "transient" && !clean:
		n.set("Waiting", restartWords+last, when)
	case n.restart == "temporary":
		p.fell(n)
	default:
		n.set("Stopped", last, when)
	}
}

// grow puts a node into the books, behind its siblings.
func (p *Past) grow(path string, what *marker.Node) {
	if what == nil || p.byPath == nil {
		return
	}
	if old := p.byPath[path]; old != nil {
		p.fell(old)
	}
	n := &node{restart: what.Restart}
	n.Path, n.Kind, n.Strategy = path, what.Kind, what.Strategy
	n.set("Waiting", "its turn to start", nil)
	above := path[:max(strings.LastIndexByte(path, '/'), 0)]
	switch up := p.byPath[above]; {
	case up != nil:
		up.children = append(up.children, n)
	case p.root == nil:
		p.root = n
	default:
		return
	}
	p.byPath[path] = n
}

// fell takes a node and all below it out of the books.
func (p *Past) fell(n *node) {
	if n == p.root {
		p.root = nil
	}
	for path := range p.byPath {
		if path == n.Path || strings.HasPrefix(path, n.Path+"/") {
			delete(p.byPath, path)
		}
	}
	if up := p.byPath[n.Path[:max(strings.LastIndexByte(n.Path, '/'), 0)]]; up != nil {
		up.children = slices.DeleteFunc(up.children, func(c *node) bool { return c == n })
	}
}

// Tree is the tree after what was taken; seq is the last marker. It has no root before the first boot.
func (p *Past) Tree(seq uint64) api.Tree {
	t := api.Tree{Meta: api.Of("Tree"), Seq: seq}
	if p.root != nil {
		t.Root = p.root.view()
	}
	return t
}

func (n *node) view() api.Node {
	out := n.Node
	for _, c := range n.children {
		out.Children = append(out.Children, c.view())
	}
	if n.Kind == "supervisor" && n.State == "Running" {
		out.Reason = fmt.Sprintf("%d children", len(out.Children))
	}
	return out
}

// Why explains the state of a node of the tree: its last failure in this run, or where there is none the one before it,
// and the state.
func (p *Past) Why(n *api.Node, before *api.Cause) api.Why {
	w := api.Why{Meta: api.Of("Why"), Path: n.Path, State: n.State, Chain: []api.Cause{}}
	if own := p.byPath[n.Path]; own != nil && own.failure != nil {
		before = own.failure
	}
	if before != nil {
		w.Chain = append(w.Chain, *before)
	}
	w.Chain = append(w.Chain, api.Cause{Path: n.Path, What: strings.TrimSuffix(n.State+": "+n.Reason, ": "), Time: n.Since})
	w.Answer = w.Chain[0].What
	if len(w.Chain) == 1 {
		w.Answer = n.Path + " is " + n.State + "; nothing has failed"
	}
	return w
}

// Failed says whether the node has failed since the boot.
func (p *Past) Failed(path string) bool {
	return p.byPath[path] != nil && p.byPath[path].failure != nil
}

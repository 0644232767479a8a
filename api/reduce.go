package api

import (
	"fmt"
	"strings"
	"time"

	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// View is a tree reduced for reading: every node found by path, in order, with its depth. All commands and
// pages read the tree through it. A View is immutable and safe for concurrent use.
//
//	v := api.Reduce(tree)
//	node, err := v.Resolve("markdown")
type View struct {
	Seq  uint64
	rows []Row
	at   map[string]int
}

// Row is one node at its depth below the root.
type Row struct {
	Depth int
	Last  bool // whether it is the last child of its parent
	*Node
}

// Totals counts nodes by kind and by what they do.
type Totals struct {
	Nodes, Actors, Extensions, Engines, Obligations int
	Restarts                                        uint64
	Degraded                                        []string // paths of degraded instances
}

// Reduce flattens a snapshot, parents before children, children in order of start.
func Reduce(t Tree) *View {
	v := &View{Seq: t.Seq, at: map[string]int{}}
	if t.Root.Path != "" {
		v.add(&t.Root, 0, true)
	}
	return v
}

func (v *View) add(n *Node, depth int, last bool) {
	v.at[n.Path] = len(v.rows)
	v.rows = append(v.rows, Row{depth, last, n})
	for i := range n.Children {
		v.add(&n.Children[i], depth+1, i == len(n.Children)-1)
	}
}

// Rows gives every node in order. The slice belongs to the view.
func (v *View) Rows() []Row { return v.rows }

// Find gives the node of exactly that path.
func (v *View) Find(path string) (*Node, bool) {
	i, ok := v.at[path]
	if !ok {
		return nil, false
	}
	return v.rows[i].Node, true
}

// Resolve finds a node by its path, or by the end of its path where only one node ends so: markdown for
// sup/ext/markdown.
func (v *View) Resolve(name string) (*Node, error) {
	if err := checkPath(name); err != nil {
		return nil, err
	}
	if n, ok := v.Find(name); ok {
		return n, nil
	}
	var hits []*Node
	for _, r := range v.rows {
		if strings.HasSuffix(r.Path, "/"+name) {
			hits = append(hits, r.Node)
		}
	}
	switch len(hits) {
	case 1:
		return hits[0], nil
	case 0:
		return nil, codes.New(codes.NoSuchPath, "there is no %s", name).Fact("try", "fnctl tree -o name")
	}
	return nil, ambiguous(name, hits)
}

func ambiguous(name string, hits []*Node) error {
	e := codes.New(codes.AmbiguousPath, "%s fits %d nodes", name, len(hits))
	for _, n := range hits[:min(len(hits), 5)] {
		e.Fact("one of", "%s", n.Path)
	}
	return e
}

// Select gives the nodes of all names and patterns in the tree's order, each once; without any, every
// node. A name must resolve; a pattern that fits nothing is codes.NoSuchPath.
func (v *View) Select(names []string) ([]Row, error) {
	if len(names) == 0 {
		return v.rows, nil
	}
	want := map[string]bool{}
	for _, name := range names {
		if err := v.mark(name, want); err != nil {
			return nil, err
		}
	}
	var out []Row
	for _, r := range v.rows {
		if want[r.Path] {
			out = append(out, r)
		}
	}
	return out, nil
}

func (v *View) mark(name string, want map[string]bool) error {
	if !isGlob(name) {
		n, err := v.Resolve(name)
		if err == nil {
			want[n.Path] = true
		}
		return err
	}
	if err := checkPath(name); err != nil {
		return err
	}
	hit := false
	for _, r := range v.rows {
		if match(name, r.Path) {
			want[r.Path], hit = true, true
		}
	}
	if !hit {
		return codes.New(codes.NoSuchPath, "nothing fits %s", name).Fact("try", "fnctl tree -o name")
	}
	return nil
}

// Totals counts the whole tree.
func (v *View) Totals() (t Totals) {
	for _, r := range v.rows {
		t.Nodes++
		if r.Obligations != nil {
			t.Obligations += *r.Obligations
		}
		t.Restarts += r.Restarts
		if r.Kind != "region" {
			t.Actors++
		}
		if r.Kind == "extension" {
			t.Extensions++
		}
		if r.Engine == nil {
			continue
		}
		t.Engines++
		if len(r.Engine.Missing) > 0 {
			t.Degraded = append(t.Degraded, r.Path)
		}
	}
	return t
}

// StateText is the state as people read it: never one word alone.
func (n *Node) StateText(now time.Time) string {
	switch {
	case n.Reason != "":
		return fmt.Sprintf("%s(%s)", n.State, n.Reason)
	case n.Since != nil:
		return fmt.Sprintf("%s(for %s)", n.State, Short(now.Sub(*n.Since)))
	}
	return fmt.Sprintf("%s(incarnation %d)", n.State, n.Incarnation)
}

// Layers is what the sandbox attained: the profile with its layers, or degraded(no …) with what is missing.
func (e *Engine) Layers() string {
	if len(e.Missing) == 0 {
		return e.Profile + "(" + strings.Join(e.Attained, ", ") + ")"
	}
	return "degraded(no " + strings.Join(e.Missing, ", no ") + ")"
}

// Short prints a duration in at most two units.
func Short(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}

// Live says whether the node runs or is about to: everything but stopped, quarantined, down, failed and wedged.
func (n *Node) Live() bool {
	switch n.State {
	case "Stopped", "Quarantined", "Down", "Failed", "Wedged":
		return false
	}
	return true
}

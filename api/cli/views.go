package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/render"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// NodeList is what get prints: nodes without their children.
type NodeList struct {
	api.Meta
	Seq   uint64     `json:"seq"`
	Items []api.Node `json:"items"`
}

func (a *app) status() *cobra.Command {
	c := &cobra.Command{
		Use: "status [PATH]", Short: "Say whether the daemon is ready, or a node runs",
		Long:    "Without PATH: the daemon in one look; exit 1 if it is not ready. With PATH: that node; exit 3 if it is not running.",
		Example: "  fnctl status\n  fnctl status markdown\n  fnctl status -o json",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: a.paths,
	}
	return a.leaf(c, "1 3 4", func(ctx context.Context, args []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		if len(args) == 1 {
			return a.nodeStatus(ctx, args[0])
		}
		st, err := a.client().Status(ctx)
		if err != nil {
			return render.Doc{}, err
		}
		doc := render.Doc{Value: st, Names: []string{"sup"}, Text: statusText(st), Grid: checkGrid(st.Checks)}
		if a.format == render.Table || a.format == render.Wide {
			doc.Text += a.degraded(ctx)
		}
		if !st.Ready {
			return doc, api.NotReady(st)
		}
		return doc, nil
	})
}

// degraded names the instances that run with less than their profile; nothing if the tree cannot be read.
func (a *app) degraded(ctx context.Context) string {
	t, err := a.client().Tree(ctx)
	if err != nil {
		return ""
	}
	v, out := api.Reduce(t), ""
	for _, p := range v.Totals().Degraded {
		n, _ := v.Find(p)
		out += fmt.Sprintf("  %s %s\n", render.Clean(p), render.Clean(n.Engine.Layers()))
	}
	return out
}

func statusText(st api.Status) string {
	state := "is ready"
	if !st.Ready {
		state = "is not ready: " + st.Phase
	}
	return fmt.Sprintf("fnode-supervisor %s %s, up %s\n  %d actors · %d regions · %d obligations · %d engines · seq %d\n",
		render.Clean(st.Version), render.Clean(state), api.Short(time.Duration(st.UptimeNS)), st.Actors, st.Regions, st.Obligations, st.Engines, st.Seq)
}

func checkGrid(checks []api.Check) render.Grid {
	if len(checks) == 0 {
		return render.Grid{}
	}
	g := render.Grid{Head: []string{"CHECK", "OK", "DETAIL"}}
	for _, c := range checks {
		ok, detail := "yes", c.Detail
		if !c.OK {
			ok = "NO"
			if c.Hint != "" {
				detail += " (" + c.Hint + ")"
			}
		}
		g.Rows = append(g.Rows, []string{c.Name, ok, detail})
	}
	return g
}

func (a *app) nodeStatus(ctx context.Context, name string) (render.Doc, error) {
	t, err := a.client().Tree(ctx)
	if err != nil {
		return render.Doc{}, err
	}
	rows, err := api.Reduce(t).Select([]string{name})
	if err != nil {
		return render.Doc{}, err
	}
	doc := a.nodes(t.Seq, rows)
	for _, r := range rows {
		if !r.Live() {
			return doc, codes.New(codes.NotRunning, "%s is %s", r.Path, r.StateText(a.now())).Fact("try", "fnctl why %s", r.Path)
		}
	}
	return doc, nil
}

// atFlag is for views of the past.
func atFlag(c *cobra.Command, at *string) {
	c.Flags().StringVar(at, "at", "", "as it was: a marker's number, an RFC 3339 time, or a duration back (10m); what markers do not carry is null")
}

// treeAt is the tree of now, or as it was.
func (a *app) treeAt(ctx context.Context, at string) (api.Tree, error) {
	if at == "" {
		return a.client().Tree(ctx)
	}
	return a.books().TreeAt(ctx, at)
}

func (a *app) get() *cobra.Command {
	var at string
	c := &cobra.Command{
		Use: "get [PATH|GLOB…]", Short: "List nodes",
		Long:    "List the nodes of all names and patterns, each once, without their children; without any, every node. * stays inside a segment, ** crosses them.",
		Example: "  fnctl get\n  fnctl get 'sup/ext/*'\n  fnctl get markdown feed -o wide\n  fnctl get '**' -o name\n  fnctl get 'sup/ext/*' --at 10m", ValidArgsFunction: a.paths,
	}
	atFlag(c, &at)
	return a.leaf(c, "4", func(ctx context.Context, args []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		t, err := a.treeAt(ctx, at)
		if err != nil {
			return render.Doc{}, err
		}
		rows, err := api.Reduce(t).Select(args)
		if err != nil {
			return render.Doc{}, err
		}
		return a.nodes(t.Seq, rows), nil
	})
}

func (a *app) nodes(seq uint64, rows []api.Row) render.Doc {
	list := NodeList{Meta: api.Of("NodeList"), Seq: seq, Items: []api.Node{}}
	doc := render.Doc{Items: []any{}, Grid: nodeGrid()}
	for _, r := range rows {
		n := *r.Node
		n.Children = nil
		list.Items = append(list.Items, n)
		doc.Items = append(doc.Items, n)
		doc.Names = append(doc.Names, n.Path)
		doc.Grid.Rows = append(doc.Grid.Rows, a.nodeRow(n.Path, &n))
	}
	doc.Value = list
	return doc
}

func nodeGrid() render.Grid {
	return render.Grid{Narrow: 5, Head: []string{"PATH", "STATE", "RESTARTS", "PID", "LAYERS", "KIND", "STRATEGY", "INC", "CANCEL", "TIMED", "READY", "OLDEST", "OWED", "RSS"}}
}

func (a *app) nodeRow(name string, n *api.Node) []string {
	pid, layers, rss := "-", "-", "-"
	if e := n.Engine; e != nil {
		layers, rss = a.layers(e), fmt.Sprintf("%.1fMi", float64(e.RSSBytes)/(1<<20))
		if e.PID > 0 {
			pid = strconv.Itoa(e.PID)
		}
	}
	depths, oldest, owed := [3]string{"-", "-", "-"}, "-", "-"
	if l := n.Lanes; l != nil {
		depths = [3]string{strconv.Itoa(l.Cancel.Depth), strconv.Itoa(l.Timed.Depth), strconv.Itoa(l.Ready.Depth)}
		oldest = api.Short(time.Duration(max(l.Cancel.OldestNS, l.Timed.OldestNS, l.Ready.OldestNS)))
	}
	if n.Obligations != nil {
		owed = strconv.Itoa(*n.Obligations)
	}
	return []string{
		name, n.StateText(a.now()), strconv.FormatUint(n.Restarts, 10), pid, layers, n.Kind, dash(n.Strategy), strconv.FormatUint(uint64(n.Incarnation), 10),
		depths[0], depths[1], depths[2], oldest, owed, rss,
	}
}

// layers names what is missing always, and what is attained in full where there is room.
func (a *app) layers(e *api.Engine) string {
	if len(e.Missing) == 0 && a.format == render.Table {
		return fmt.Sprintf("%s, all %d layers", e.Profile, len(e.Attained))
	}
	return e.Layers()
}

func (a *app) tree() *cobra.Command {
	var at string
	c := &cobra.Command{
		Use: "tree", Short: "Draw everything supervised",
		Long:    "Draw the tree of supervisors, actors, extensions and regions from one snapshot, with states, restarts, engine pids and what each sandbox attained.",
		Example: "  fnctl tree\n  fnctl tree -o wide\n  fnctl tree -o json\n  fnctl tree --at 118", Args: cobra.NoArgs,
	}
	atFlag(c, &at)
	return a.leaf(c, "", func(ctx context.Context, _ []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		t, err := a.treeAt(ctx, at)
		if err != nil {
			return render.Doc{}, err
		}
		return a.drawing(t), nil
	})
}

// drawing lays the tree out as rows with branches.
func (a *app) drawing(t api.Tree) render.Doc {
	doc := render.Doc{Value: t, Grid: nodeGrid()}
	doc.Grid.Head[0] = "TREE"
	var last []bool     // whether the ancestor at that depth is the last child
	var parent []string // path at that depth
	for _, r := range api.Reduce(t).Rows() {
		last, parent = append(last[:r.Depth], r.Last), append(parent[:r.Depth], r.Path)
		name := r.Path
		if r.Depth > 0 {
			name = branch(last) + strings.TrimPrefix(r.Path, parent[r.Depth-1]+"/")
		}
		doc.Names = append(doc.Names, r.Path)
		doc.Grid.Rows = append(doc.Grid.Rows, a.nodeRow(name, r.Node))
	}
	return doc
}

func branch(last []bool) string {
	var b strings.Builder
	for _, l := range last[1 : len(last)-1] {
		if l {
			b.WriteString("   ")
		} else {
			b.WriteString("│  ")
		}
	}
	if last[len(last)-1] {
		return b.String() + "└─ "
	}
	return b.String() + "├─ "
}

func (a *app) describe() *cobra.Command {
	c := &cobra.Command{
		Use: "describe PATH", Short: "Show one node in full",
		Long:    "Show a node with its spec, its package, its earlier lives and its newest events.",
		Example: "  fnctl describe markdown\n  fnctl describe sup/ext/markdown -o yaml", Args: cobra.ExactArgs(1), ValidArgsFunction: a.paths,
	}
	return a.leaf(c, "4", func(ctx context.Context, args []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		d, err := a.client().Describe(ctx, args[0])
		if err != nil {
			return render.Doc{}, err
		}
		return render.Doc{Value: d, Names: []string{d.Node.Path}, Text: a.description(d)}, nil
	})
}

func (a *app) description(d api.Description) string {
	var b strings.Builder
	row := a.nodeRow(d.Node.Path, &d.Node)
	for i, head := range nodeGrid().Head {
		fmt.Fprintf(&b, "%-10s %s\n", strings.ToLower(head), render.Clean(row[i]))
	}
	if p := d.Package; p != nil {
		fmt.Fprintf(&b, "%-10s %s %s, profile %s, %s\n%-10s %s\n", "package", render.Clean(p.Name), render.Clean(p.Version), render.Clean(p.Profile), render.Clean(p.Digest),
			"methods", render.Clean(strings.Join(p.Methods, ", ")))
	}
	if len(d.Spec) > 0 {
		fmt.Fprintf(&b, "spec\n  %s\n", pretty(d.Spec, "  "))
	}
	for i, l := range d.History {
		if i == 0 {
			b.WriteString("lives\n")
		}
		fmt.Fprintf(&b, "  %s\n", render.Clean(a.life(l)))
	}
	for i, e := range d.Events {
		if i == 0 {
			b.WriteString("events\n")
		}
		fmt.Fprintf(&b, "  %s\n", eventText(e))
	}
	return b.String()
}

func (a *app) life(l api.Life) string {
	began := fmt.Sprintf("incarnation %d began %s, ", l.Incarnation, l.Started.Format(time.RFC3339))
	switch {
	case l.Ended != nil:
		return began + strings.TrimSpace(fmt.Sprintf("%s, ended %s: %s %s", api.Short(l.Ended.Sub(l.Started)), dash(l.Outcome), l.Reason, l.Code))
	case l.Outcome != "":
		return began + l.Outcome + ": " + l.Reason
	}
	return began + api.Short(a.now().Sub(l.Started)) + ", lives"
}

func (a *app) why() *cobra.Command {
	var at string
	c := &cobra.Command{
		Use: "why PATH", Short: "Name the first cause of a node's state",
		Long:    "Explain why a node is as it is: the first cause first, then what followed from it, the state last.",
		Example: "  fnctl why markdown\n  fnctl why sup -o json\n  fnctl why markdown --at 2026-11-25T19:00:00Z", Args: cobra.ExactArgs(1), ValidArgsFunction: a.paths,
	}
	atFlag(c, &at)
	return a.leaf(c, "4", func(ctx context.Context, args []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, viewTimeout)
		defer cancel()
		ask := a.client().Why
		if at != "" {
			ask = func(ctx context.Context, path string) (api.Why, error) { return a.books().WhyAt(ctx, path, at) }
		}
		y, err := ask(ctx, args[0])
		if err != nil {
			return render.Doc{}, err
		}
		doc := render.Doc{Value: y, Text: a.because(y), Names: []string{}, Items: []any{}}
		for _, cause := range y.Chain {
			doc.Names, doc.Items = append(doc.Names, cause.Path), append(doc.Items, cause)
		}
		return doc, nil
	})
}

func (a *app) because(y api.Why) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s\n", render.Clean(y.Path), render.Clean(y.State))
	if y.Answer != "" {
		fmt.Fprintf(&b, "because %s\n", render.Clean(y.Answer))
	}
	for i, c := range y.Chain {
		fmt.Fprintf(&b, "%4d  %s: %s", i+1, render.Clean(c.Path), render.Clean(c.What))
		if c.Time != nil {
			fmt.Fprintf(&b, ", %s ago", api.Short(a.now().Sub(*c.Time)))
		}
		fmt.Fprintf(&b, "  %s\n", render.Clean(c.Code))
		places := c.Frames
		if c.Where != nil {
			places = append([]api.Position{*c.Where}, places...)
		}
		for _, p := range places {
			fmt.Fprintf(&b, "      at %s\n", render.Clean(codes.Position{File: p.File, Line: p.Line, Col: p.Col}.String()))
		}
	}
	return b.String()
}

// pretty indents JSON for people; control characters inside strings are escaped by JSON already.
func pretty(raw json.RawMessage, prefix string) string {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return render.Clean(string(raw))
	}
	out, err := json.MarshalIndent(v, prefix, "  ")
	if err != nil {
		return render.Clean(string(raw))
	}
	lines := strings.Split(string(out), "\n")
	for i := range lines {
		lines[i] = render.Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

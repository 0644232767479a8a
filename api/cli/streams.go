package cli

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/franken-node/fnode-supervisor/api"
	"github.com/franken-node/fnode-supervisor/api/render"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
)

// EventList and LogList are what events and logs print as one document.
type (
	EventList struct {
		api.Meta
		Items []api.Event `json:"items"`
	}
	LogList struct {
		api.Meta
		Items []api.LogLine `json:"items"`
	}
)

func (a *app) logs() *cobra.Command {
	var q api.LogQuery
	var since string
	c := &cobra.Command{
		Use: "logs PATH", Short: "Show what an extension wrote",
		Long:    "Show the lines that an extension wrote. Each extension has a log of its own size and rate; a marker says how many lines were dropped.",
		Example: "  fnctl logs markdown\n  fnctl logs -f --tail 20 feed\n  fnctl logs feed --since 5m -o jsonl\n  fnctl logs feed --call c_7",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: a.paths,
	}
	f := c.Flags()
	f.BoolVarP(&q.Follow, "follow", "f", false, "go on with what comes next")
	f.StringVar(&since, "since", "", "only lines since: a duration back (5m) or an RFC 3339 time")
	f.IntVar(&q.Tail, "tail", 0, "only the newest lines (0: all)")
	f.StringVar(&q.Call, "call", "", "only the lines of this call")
	return a.leaf(c, "4 65", func(ctx context.Context, args []string) (render.Doc, error) {
		q.Path = args[0]
		var err error
		if q.Since, err = a.sinceTime(since); err != nil {
			return render.Doc{}, err
		}
		if q.Tail < 0 {
			return render.Doc{}, codes.New(codes.Usage, "--tail %d is negative", q.Tail)
		}
		ctx, cancel := a.within(ctx, bounded(q.Follow))
		defer cancel()
		items, err := feed(a, a.client().Logs(ctx, q), q.Follow, logDoc)
		if err != nil || q.Follow {
			return render.Doc{}, a.followed(ctx, q.Follow, err)
		}
		doc := gather(items, logDoc)
		doc.Value = LogList{api.Of("LogList"), items}
		return doc, nil
	})
}

func (a *app) sinceTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return a.now().Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, codes.New(codes.Usage, "--since %q is neither a duration back nor an RFC 3339 time", s)
	}
	return t, nil
}

func (a *app) events() *cobra.Command {
	var follow bool
	var since string
	c := &cobra.Command{
		Use: "events", Short: "Show what happened",
		Long:    "Show the events that are kept. An id is the daemon's boot id and a sequence number; events that are no longer kept are told as a gap.",
		Example: "  fnctl events\n  fnctl events -f --since now\n  fnctl events --since 3f2a-118 -o jsonl", Args: cobra.NoArgs,
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what comes next")
	c.Flags().StringVar(&since, "since", "", "only events after this id; now: only what comes")
	return a.leaf(c, "65", func(ctx context.Context, _ []string) (render.Doc, error) {
		ctx, cancel := a.within(ctx, bounded(follow))
		defer cancel()
		items, err := feed(a, a.client().Events(ctx, since, follow), follow, eventDoc)
		if err != nil || follow {
			return render.Doc{}, a.followed(ctx, follow, err)
		}
		doc := gather(items, eventDoc)
		doc.Value = EventList{api.Of("EventList"), items}
		return doc, nil
	})
}

// bounded is the time of a read: none for one that follows.
func bounded(follow bool) time.Duration {
	if follow {
		return 0
	}
	return viewTimeout
}

// feed prints each item as it comes if the stream is followed, else gives them all.
func feed[T any](a *app, seq iter.Seq2[T, error], follow bool, form func(T) render.Doc) ([]T, error) {
	all := []T{}
	for item, err := range seq {
		if err != nil {
			return nil, err
		}
		if !follow {
			all = append(all, item)
			continue
		}
		if err := a.printer().Doc(form(item)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// followed turns the reader's own --timeout of a followed stream into its ordinary end.
func (a *app) followed(ctx context.Context, follow bool, err error) error {
	if e := codes.From(err); follow && a.timeout > 0 && ctx.Err() == context.DeadlineExceeded && e != nil && e.Code == codes.ClientTimeout {
		return nil
	}
	return err
}

// gather makes one document of many; the caller sets its value.
func gather[T any](items []T, form func(T) render.Doc) render.Doc {
	doc := render.Doc{Items: []any{}}
	for _, item := range items {
		d := form(item)
		doc.Items = append(doc.Items, item)
		doc.Names = append(doc.Names, d.Names...)
		doc.Text += d.Text + "\n"
	}
	return doc
}

func eventDoc(e api.Event) render.Doc {
	return render.Doc{Value: e, Names: []string{e.ID}, Text: eventText(e)}
}

func eventText(e api.Event) string {
	return render.Clean(fmt.Sprintf("%s  %s  %s  %s  %s %s", e.Time.Format("15:04:05.000"), e.ID, e.Type, dash(e.Path), e.Detail, e.Code))
}

func logDoc(l api.LogLine) render.Doc {
	text := fmt.Sprintf("%s  %-6s %s", l.Time.Format("15:04:05.000"), l.Level, l.Text)
	return render.Doc{Value: l, Names: []string{l.Call}, Text: render.Clean(text)}
}

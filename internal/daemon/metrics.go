package daemon

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/extension"
	"github.com/franken-node/fnode-supervisor/lanes"
	codes "github.com/franken-node/fnode-supervisor/spec/errors"
	"github.com/franken-node/fnode-supervisor/spec/metrics"
)

// meters are the instruments that are observed as things happen; the rest is collected from snapshots.
type meters struct {
	reg         *prometheus.Registry
	invoke      *prometheus.HistogramVec
	exits       *prometheus.CounterVec
	oom         prometheus.Counter
	restarts    *prometheus.CounterVec
	regionClose prometheus.Histogram
	cancel      *prometheus.HistogramVec
}

func newMeters(d *daemon) *meters {
	m := &meters{
		reg:         prometheus.NewRegistry(),
		invoke:      prometheus.NewHistogramVec(metrics.InvokeSeconds.Histogram(), []string{"outcome"}),
		exits:       prometheus.NewCounterVec(metrics.EngineExits.Counter(), []string{"reason"}),
		oom:         prometheus.NewCounter(metrics.EngineOOM.Counter()),
		restarts:    prometheus.NewCounterVec(metrics.Restarts.Counter(), []string{"reason"}),
		regionClose: prometheus.NewHistogram(metrics.RegionClose.Histogram()),
		cancel:      prometheus.NewHistogramVec(metrics.CancelLatency.Histogram(), []string{"phase"}),
	}
	m.reg.MustRegister(m.invoke, m.exits, m.oom, m.restarts, m.regionClose, m.cancel, &collector{d})
	return m
}

func (d *daemon) metrics() http.Handler {
	return promhttp.HandlerFor(d.meters.reg, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

func (d *daemon) observeInvoke(outcome string, took time.Duration) {
	d.meters.invoke.WithLabelValues(outcome).Observe(took.Seconds())
}

func (d *daemon) observeExit(reason string, oom bool) {
	d.meters.exits.WithLabelValues(exitWord(reason)).Inc()
	if oom {
		d.meters.oom.Inc()
	}
}

// exitWord keeps the label's set closed: exit, signal, oom_cgroup, seccomp, killed.
func exitWord(reason string) string {
	for i, c := range reason {
		if c == '(' {
			return reason[:i]
		}
	}
	return reason
}

// count observes the kernel's events.
func (d *daemon) count(e actors.Event) {
	switch {
	case e.Kind == actors.EventStarted && e.Incarnation > 1:
		d.meters.restarts.WithLabelValues(d.lastEnd(e.Path)).Inc()
	case e.Kind == actors.EventEnded:
		d.ends.Store(e.Path, ended{e.Exit.Kind.String(), e.At, !e.Told.IsZero()})
		if !e.Told.IsZero() {
			d.meters.cancel.WithLabelValues("deliver").Observe(max(0, e.Told.Sub(e.Asked).Seconds()))
			d.meters.cancel.WithLabelValues("drain").Observe(max(0, e.At.Sub(e.Told).Seconds()))
		}
	case e.Kind == actors.EventClosed:
		if v, ok := d.ends.Load(e.Path); ok {
			took := max(0, e.At.Sub(v.(ended).at).Seconds())
			d.meters.regionClose.Observe(took)
			if v.(ended).cancelled {
				d.meters.cancel.WithLabelValues("close").Observe(took)
			}
		}
	}
}

type ended struct {
	kind      string
	at        time.Time
	cancelled bool
}

func (d *daemon) lastEnd(path string) string {
	if v, ok := d.ends.Load(path); ok {
		return v.(ended).kind
	}
	return "unknown"
}

// collector reads a snapshot at every scrape.
type collector struct{ d *daemon }

// Describe is for prometheus.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range metrics.Collected {
		ch <- m.Desc()
	}
}

// Collect is for prometheus.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(m *metrics.Metric, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(m.Desc(), m.ValueType(), v, labels...)
	}
	var depth, oldest [3]float64
	var counts lanes.Counts
	states, open := map[string]int{}, 0
	var rss, pids int64
	var cpu float64
	for _, a := range c.d.sys.Snapshot() {
		states[a.State]++
		open += a.Obligations
		for l := range a.Lanes {
			depth[l] += float64(a.Lanes[l].Depth)
			oldest[l] = max(oldest[l], a.Lanes[l].Oldest.Seconds())
			add(&counts, a.Counts, l)
		}
		if v, ok := a.View.(extension.View); ok && v.Usage != nil && a.State != "Down" {
			u := v.Usage()
			rss, pids, cpu = rss+u.RSS, pids+u.Pids, cpu+u.CPU.Seconds()
		}
	}
	for l := range depth {
		lane := lanes.Lane(l).String()
		gauge(metrics.LaneDepth, depth[l], lane)
		gauge(metrics.LaneOldest, oldest[l], lane)
		for result, n := range map[string]uint64{
			"handled": counts.Handled[l], "refused": counts.Refused[l], "dead": counts.Dead[l], "merged": counts.Merged[l], "revoked": counts.Revoked[l],
		} {
			gauge(metrics.Messages, float64(n), lane, result)
		}
	}
	for _, s := range metrics.ActorStates {
		gauge(metrics.Actors, float64(states[s]), s)
	}
	gauge(metrics.Obligations, float64(open), "open")
	gauge(metrics.EngineRSS, float64(rss))
	gauge(metrics.EnginePids, float64(pids))
	gauge(metrics.EngineCPU, cpu)
	st := c.d.host.Stats()
	gauge(metrics.SlowHandlers, float64(st.Slow.Load()))
	gauge(metrics.StuckHandlers, float64(st.Stuck.Load()))
}

func add(sum *lanes.Counts, c lanes.Counts, l int) {
	sum.Handled[l] += c.Handled[l]
	sum.Refused[l] += c.Refused[l]
	sum.Dead[l] += c.Dead[l]
	sum.Merged[l] += c.Merged[l]
	sum.Revoked[l] += c.Revoked[l]
}

// listenMetrics serves /metrics over TCP where the operator asked for it.
func listenMetrics(addr string, h http.Handler, log *slog.Logger) (*http.Server, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, codes.New(codes.SocketBlocked, "metrics cannot be served on %s", addr).Wrap(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", h)
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go func() { _ = s.Serve(l) }() // owner: serve closes it; ends: Close
	return s, nil
}

package daemon

import (
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/franken-node/fnode-supervisor/actors"
	"github.com/franken-node/fnode-supervisor/actors/extension"
	"github.com/franken-node/fnode-supervisor/internal/base"
	"github.com/franken-node/fnode-supervisor/lanes"
	"github.com/franken-node/fnode-supervisor/spec"
	"github.com/franken-node/fnode-supervisor/spec/metrics"
	"github.com/franken-node/fnode-supervisor/supervision"
)

// meters are the instruments that are observed as things happen; the rest is collected from snapshots.
type meters struct {
	reg         *prometheus.Registry
	invoke      *prometheus.HistogramVec
	exits       *prometheus.CounterVec
	oom         prometheus.Counter
	wedged      prometheus.Counter
	restarts    *prometheus.CounterVec
	regionClose prometheus.Histogram
	cancel      *prometheus.HistogramVec
	appends     prometheus.Histogram
}

func newMeters(d *daemon) *meters {
	m := &meters{
		reg:         prometheus.NewRegistry(),
		invoke:      prometheus.NewHistogramVec(metrics.InvokeSeconds.Histogram(), []string{"outcome"}),
		exits:       prometheus.NewCounterVec(metrics.EngineExits.Counter(), []string{"reason"}),
		oom:         prometheus.NewCounter(metrics.EngineOOM.Counter()),
		wedged:      prometheus.NewCounter(metrics.Wedged.Counter()),
		restarts:    prometheus.NewCounterVec(metrics.Restarts.Counter(), []string{"reason"}),
		regionClose: prometheus.NewHistogram(metrics.RegionClose.Histogram()),
		cancel:      prometheus.NewHistogramVec(metrics.CancelLatency.Histogram(), []string{"phase"}),
		appends:     prometheus.NewHistogram(metrics.LedgerAppend.Histogram()),
	}
	m.reg.MustRegister(m.invoke, m.exits, m.oom, m.wedged, m.restarts, m.regionClose, m.cancel, m.appends, &collector{d: d, mails: map[[2]string]*tally[base.ID]{}})
	return m
}

func (m *meters) synced(_ int, took time.Duration) { m.appends.Observe(took.Seconds()) }

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

// exitWord keeps the label's set closed: exit, signal, oom_heap, oom_cgroup, seccomp, killed.
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
	case e.Kind == actors.EventWedged:
		d.meters.wedged.Inc()
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
type collector struct {
	d *daemon

	mu    sync.Mutex
	cpu   tally[int]                    // guarded by mu; by pid
	mails map[[2]string]*tally[base.ID] // guarded by mu; by lane and result
}

// tally makes a counter of what live things count for themselves: it keeps what the gone ones had counted when
// they were seen last.
type tally[K comparable] struct {
	seen  map[K]float64
	total float64
}

// see takes the counts of everything that lives now and gives the sum, which never falls.
func (t *tally[K]) see(now map[K]float64) float64 {
	for k, v := range now {
		t.total += max(0, v-t.seen[k])
	}
	t.seen = now
	return t.total
}

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
	states, open, contained := map[string]int{}, 0, 0
	var rss, pids int64
	cpu, all := map[int]float64{}, c.d.sys.Snapshot()
	for _, a := range all {
		states[a.State]++
		open += a.Obligations
		contained += inQuarantine(a)
		for l := range a.Lanes {
			depth[l] += float64(a.Lanes[l].Depth)
			oldest[l] = max(oldest[l], a.Lanes[l].Oldest.Seconds())
		}
		if v, ok := a.View.(extension.View); ok && v.Usage != nil && a.State != "Down" {
			u := v.Usage()
			rss, pids = rss+u.RSS, pids+u.Pids
			cpu[v.Engine.PID] = u.CPU.Seconds()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range depth {
		lane := lanes.Lane(l).String()
		gauge(metrics.LaneDepth, depth[l], lane)
		gauge(metrics.LaneOldest, oldest[l], lane)
		for result, of := range results {
			gauge(metrics.Messages, c.mail(lane, result).see(counted(all, l, of)), lane, result)
		}
	}
	for _, s := range metrics.ActorStates {
		gauge(metrics.Actors, float64(states[s]), s)
	}
	gauge(metrics.Obligations, float64(open), "open")
	gauge(metrics.Quarantined, float64(contained))
	gauge(metrics.EngineRSS, float64(rss))
	gauge(metrics.EnginePids, float64(pids))
	gauge(metrics.EngineCPU, c.cpu.see(cpu))
	for _, t := range c.d.sys.Times() {
		for m, h := range map[*metrics.Metric]lanes.Histogram{metrics.LaneWait: t.Wait, metrics.LaneService: t.Service} {
			ch <- prometheus.MustNewConstHistogram(m.Desc(), h.Count(), h.Sum.Seconds(), h.UpTo(), t.Class, t.Lane.String())
		}
	}
	st := c.d.host.Stats()
	gauge(metrics.SlowHandlers, float64(st.Slow.Load()))
	gauge(metrics.StuckHandlers, float64(st.Stuck.Load()))
	b := c.d.store
	gauge(metrics.LedgerHead, float64(b.Head().Seq))
	gauge(metrics.LedgerBytes, float64(b.Bytes()))
	gauge(metrics.LedgerRefused, float64(b.refused.Load()))
	gauge(metrics.LedgerFailed, float64(b.failed.Load()))
}

// inQuarantine counts the children in quarantine of a supervisor that lives (S7).
func inQuarantine(a actors.ActorView) (n int) {
	v, is := a.View.(supervision.View)
	if !is || a.State == "Down" {
		return 0
	}
	for _, c := range v.Children {
		if c.State == spec.ChildQuarantined {
			n++
		}
	}
	return n
}

// results are what can become of a message (L5).
var results = map[string]func(lanes.Counts) [3]uint64{
	"handled": func(c lanes.Counts) [3]uint64 { return c.Handled },
	"refused": func(c lanes.Counts) [3]uint64 { return c.Refused },
	"dead":    func(c lanes.Counts) [3]uint64 { return c.Dead },
	"merged":  func(c lanes.Counts) [3]uint64 { return c.Merged },
	"revoked": func(c lanes.Counts) [3]uint64 { return c.Revoked },
}

func counted(all []actors.ActorView, lane int, of func(lanes.Counts) [3]uint64) map[base.ID]float64 {
	out := make(map[base.ID]float64, len(all))
	for _, a := range all {
		out[a.ID] = float64(of(a.Counts)[lane])
	}
	return out
}

// mail is the tally of a lane and result. The caller holds c.mu.
func (c *collector) mail(lane, result string) *tally[base.ID] {
	k := [2]string{lane, result}
	if c.mails[k] == nil {
		c.mails[k] = &tally[base.ID]{}
	}
	return c.mails[k]
}

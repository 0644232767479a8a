// Package metrics is the table of every Prometheus metric: names are frozen here, labels come from closed
// sets. Values are immutable and safe for concurrent use.
//
//	prometheus.NewHistogramVec(metrics.InvokeSeconds.Histogram(), []string{"outcome"})
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Kind is counter, gauge or histogram.
type Kind string

// The kinds.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Metric is one row.
type Metric struct {
	Name   string
	Kind   Kind
	Unit   string
	Labels []string
	Help   string
}

// The metrics.
var (
	LaneDepth     = &Metric{"fnode_lane_depth", Gauge, "messages", []string{"lane"}, "Messages that wait, by lane, over all mailboxes."}
	LaneOldest    = &Metric{"fnode_lane_oldest_seconds", Gauge, "seconds", []string{"lane"}, "Age of the oldest message that waits, by lane."}
	LaneWait      = &Metric{"fnode_lane_wait_seconds", Histogram, "seconds", []string{"class", "lane"}, "How long messages waited, by class of actor and lane: one in 64, weighed, and each over a millisecond."}
	LaneService   = &Metric{"fnode_lane_service_seconds", Histogram, "seconds", []string{"class", "lane"}, "How long handlers took, by class of actor and lane: one in 64, weighed, and each over a millisecond."}
	Messages      = &Metric{"fnode_messages_total", Counter, "messages", []string{"lane", "result"}, "What became of messages: handled, refused, dead, merged, revoked."}
	Actors        = &Metric{"fnode_actors", Gauge, "actors", []string{"state"}, "Actors by the state of their incarnation."}
	Restarts      = &Metric{"fnode_actor_restarts_total", Counter, "restarts", []string{"reason"}, "Restarts by how the incarnation before ended."}
	Obligations   = &Metric{"fnode_obligations", Gauge, "obligations", []string{"state"}, "Promises that are open."}
	RegionClose   = &Metric{"fnode_region_close_seconds", Histogram, "seconds", nil, "From the end of an incarnation to its closed region."}
	CancelLatency = &Metric{"fnode_cancel_latency_seconds", Histogram, "seconds", []string{"phase"}, "A cancel by phase: deliver (accepted to delivered), drain (delivered to ended), close (ended to closed)."}
	EngineRSS     = &Metric{"fnode_engine_rss_bytes", Gauge, "bytes", nil, "Memory of all engines, by their cgroups."}
	EngineCPU     = &Metric{"fnode_engine_cpu_seconds_total", Counter, "seconds", nil, "CPU time of the engines that live."}
	EnginePids    = &Metric{"fnode_engine_pids", Gauge, "processes", nil, "Processes and threads of all engines."}
	EngineOOM     = &Metric{"fnode_engine_oom_total", Counter, "kills", nil, "Engines that the kernel killed at their memory limit."}
	EngineExits   = &Metric{"fnode_engine_exits_total", Counter, "exits", []string{"reason"}, "Ends of engines by cause."}
	InvokeSeconds = &Metric{"fnode_invoke_seconds", Histogram, "seconds", []string{"outcome"}, "Calls, by what a failed one may have done; done: it succeeded."}
	SlowHandlers  = &Metric{"fnode_handlers_slow_total", Counter, "handlers", nil, "Handlers that held a worker over a millisecond while others waited."}
	Wedged        = &Metric{"fnode_wedged_total", Counter, "incarnations", nil, "Incarnations whose handler does not return, and that were fenced because of it."}
	Quarantined   = &Metric{"fnode_quarantined", Gauge, "children", nil, "Children in quarantine: they failed too often, and start only when they are asked for by name."}
	StuckHandlers = &Metric{"fnode_handlers_stuck_total", Counter, "handlers", nil, "Handlers that outlasted their budget."}
	LedgerHead    = &Metric{"fnode_ledger_head_seq", Gauge, "markers", nil, "The last durable marker."}
	LedgerAppend  = &Metric{"fnode_ledger_append_seconds", Histogram, "seconds", nil, "From the write of a group of markers until it is durable."}
	LedgerBytes   = &Metric{"fnode_ledger_bytes", Gauge, "bytes", nil, "The segments of the ledger."}
	LedgerRefused = &Metric{"fnode_ledger_refused_total", Counter, "commits", nil, "Commits that were refused for want of room, or because the store is closed or stopped."}
	LedgerFailed  = &Metric{"fnode_ledger_failed_total", Counter, "commits", nil, "Commits of which nobody knows whether they are durable."}
)

// All lists the table.
var All = []*Metric{
	LaneDepth, LaneOldest, LaneWait, LaneService, Messages, Actors, Restarts, Obligations, RegionClose, CancelLatency, EngineRSS, EngineCPU, EnginePids, EngineOOM, EngineExits,
	InvokeSeconds, SlowHandlers, StuckHandlers, Wedged, Quarantined, LedgerHead, LedgerAppend, LedgerBytes, LedgerRefused, LedgerFailed,
}

// Collected are those that are read from a snapshot at every scrape.
var Collected = []*Metric{
	LaneDepth, LaneOldest, LaneWait, LaneService, Messages, Actors, Obligations, EngineRSS, EngineCPU, EnginePids, SlowHandlers, StuckHandlers, Quarantined,
	LedgerHead, LedgerBytes, LedgerRefused, LedgerFailed,
}

// ActorStates is the closed set of fnode_actors' label.
var ActorStates = []string{"Starting", "Running", "Draining", "Ending", "Fenced", "Down"}

// Desc is the metric's description for a collector.
func (m *Metric) Desc() *prometheus.Desc {
	return prometheus.NewDesc(m.Name, m.Help, m.Labels, nil)
}

// ValueType is the metric's type for a collector.
func (m *Metric) ValueType() prometheus.ValueType {
	if m.Kind == Counter {
		return prometheus.CounterValue
	}
	return prometheus.GaugeValue
}

// Counter gives the options of a counter.
func (m *Metric) Counter() prometheus.CounterOpts {
	return prometheus.CounterOpts{Name: m.Name, Help: m.Help}
}

// Histogram gives the options of a histogram: classic buckets from 100 us to 10 s, and native ones.
func (m *Metric) Histogram() prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: m.Name, Help: m.Help, Buckets: []float64{.0001, .0003, .001, .003, .01, .03, .1, .3, 1, 3, 10},
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	}
}

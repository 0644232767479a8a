// Command bench measures the kernel against its peers and writes one JSON object a line. It is a module of its own, so
// that what only a comparison needs stays out of the product's go.mod.
//
// Both sides of a row do the same work with the same messages, on the same number of cores, warm, one repetition of each
// in turn; the ratio is the median of the repetitions' ratios. Counters and conservation are on: production runs so.
//
//	bench -quick -out kernel.jsonl
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"text/tabwriter"
)

// figure is what one repetition of one side gave: by measure's unit, lower is better, and allocations per operation.
type figure struct{ value, allocs float64 }

// side runs one repetition of n operations. quick asks for a shorter one.
type side func(quick bool) figure

// peer is what a measure is compared with.
type peer struct {
	name string
	run  side
}

// measure is one row per peer.
type measure struct {
	name, unit string
	reps       [2]int // of a whole run, of a quick one
	ours       side
	peers      []peer
	goals      []string // of each peer, or of the figure: floor to land / goal
}

// row is a line of the output. Ratio says how many times better than the peer.
type row struct {
	Measure  string   `json:"measure"`
	Ours     float64  `json:"ours"`
	Peer     *float64 `json:"peer"`
	PeerName *string  `json:"peer_name"`
	Ratio    *float64 `json:"ratio"`
	Unit     string   `json:"unit"`

	allocs float64
	goal   string
}

func main() {
	quick := flag.Bool("quick", false, "40 seconds: fewer and shorter repetitions, and a fifth of a million idle actors")
	out := flag.String("out", "kernel.jsonl", "where the lines go")
	only := flag.String("only", "", "measures whose names match this expression")
	profile := flag.String("cpuprofile", "", "write a CPU profile of our side only; no peer runs")
	heap := flag.String("memprofile", "", "write a profile of our side's allocations; no peer runs")
	flag.BoolVar(&cpu, "cpu", false, "count the time of all cores used instead of the time that passes, where rates are measured")
	flag.Parse()
	if err := run(*quick, *out, *only, *profile, *heap); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(quick bool, out, only, profile, heap string) error {
	want, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // the profiler has written
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if heap != "" {
		runtime.MemProfileRate = 512
		defer writeHeap(heap)
	}
	var rows []row
	for _, m := range measures {
		if !want.MatchString(m.name) {
			continue
		}
		if profile != "" || heap != "" {
			m.peers = nil
		}
		rows = append(rows, m.rows(quick)...)
	}
	return write(rows, out)
}

func writeHeap(name string) {
	f := must(os.Create(name))
	defer f.Close() //nolint:errcheck // the profiler has written
	check(pprof.Lookup("allocs").WriteTo(f, 0))
}

// rows runs the repetitions, ours and each peer's in turn.
func (m measure) rows(quick bool) []row {
	reps := m.reps[0]
	if quick {
		reps = m.reps[1]
	}
	var ours, allocs []float64
	peers, ratios := make([][]float64, len(m.peers)), make([][]float64, len(m.peers))
	for range reps {
		runtime.GC()
		f := m.ours(quick)
		ours, allocs = append(ours, f.value), append(allocs, f.allocs)
		for i, p := range m.peers {
			runtime.GC()
			g := p.run(quick)
			peers[i], ratios[i] = append(peers[i], g.value), append(ratios[i], g.value/f.value)
		}
	}
	base := row{Measure: m.name, Ours: median(ours), Unit: m.unit, allocs: median(allocs)}
	if len(m.peers) == 0 {
		base.goal = m.goals[0]
		m.say(base)
		return []row{base}
	}
	var out []row
	for i, p := range m.peers {
		r := base
		v, ratio := median(peers[i]), median(ratios[i])
		r.Peer, r.PeerName, r.Ratio, r.goal = &v, &p.name, &ratio, m.goals[i]
		m.say(r)
		out = append(out, r)
	}
	return out
}

func (m measure) say(r row) { fmt.Fprintf(os.Stderr, "%s: %.4g\n", r.Measure, r.Ours) }

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

func write(rows []row, out string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // the writes tell
	for _, r := range rows {
		if err := json.NewEncoder(f).Encode(r); err != nil {
			return err
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "measure\tours\tpeer\tratio\tfloor / goal\tallocs/op\tunit, peer")
	for _, r := range rows {
		if r.Peer == nil {
			fmt.Fprintf(w, "%s\t%.4g\t-\t-\t%s\t%.2f\t%s\n", r.Measure, r.Ours, r.goal, r.allocs, r.Unit)
			continue
		}
		fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%.2f\t%s\t%.2f\t%s, %s\n", r.Measure, r.Ours, *r.Peer, *r.Ratio, r.goal, r.allocs, r.Unit, *r.PeerName)
	}
	return w.Flush()
}

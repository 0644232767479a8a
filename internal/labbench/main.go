// Command labbench measures the lab and writes one JSON object a line: how many traces it explores a second, how many
// schedules it completes a second on one core, and what a million traces cost in memory. It starts nothing but
// explorations; nothing else uses its package.
//
//	labbench -quick -out bench/lab.jsonl
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/franken-node/fnode-supervisor/lab"
	"github.com/franken-node/fnode-supervisor/lab/programs"
)

// row is one measure. Ratio says how many times better than the peer; there is none in this program's reach.
type row struct {
	Measure  string   `json:"measure"`
	Ours     float64  `json:"ours"`
	Peer     *float64 `json:"peer"`
	PeerName *string  `json:"peer_name"`
	Ratio    *float64 `json:"ratio"`
	Unit     string   `json:"unit"`
}

func main() {
	quick := flag.Bool("quick", false, "40 seconds: fewer repetitions, and a fifth of a million traces")
	out := flag.String("out", "bench/lab.jsonl", "where the lines go")
	flag.Parse()
	if err := run(*quick, *out); err != nil {
		fmt.Fprintln(os.Stderr, "labbench:", err)
		os.Exit(1)
	}
}

func run(quick bool, out string) error {
	reps, traces := 25, 1_000_000
	if quick {
		reps, traces = 9, 200_000
	}
	var explore, draw []float64
	for i := range reps { // interleaved, so that a busy moment does not fall on one measure
		a, err := explored()
		if err != nil {
			return err
		}
		b, err := drawn(uint64(i))
		if err != nil {
			return err
		}
		explore, draw = append(explore, a), append(draw, b)
		fmt.Fprintf(os.Stderr, "%d of %d: %.0f traces/s, %.0f schedules/s\n", i+1, reps, a, b)
	}
	bytes, err := memory(traces)
	if err != nil {
		return err
	}
	rows := []row{
		{Measure: "traces/s", Ours: median(explore), Unit: "traces/s of fanin(3,3), n1, explored whole, median"},
		{Measure: "schedules/s/core", Ours: median(draw), Unit: "complete runs/s of fanin(3,3), 22 events each, drawn, one core, median"},
		{Measure: "bytes per 1M traces", Ours: bytes, Unit: fmt.Sprintf("bytes of the process at 1M traces of fanin(10,1), %d of them run", traces)},
	}
	return write(rows, out)
}

// explored gives traces a second.
func explored() (float64, error) {
	began, n := time.Now(), 0
	for time.Since(began) < 700*time.Millisecond {
		got, err := lab.Search(context.Background(), programs.Fanin(3, 3), lab.Options{})
		switch {
		case err != nil:
			return 0, err
		case got.Explored != 1680 || got.Traces() != 1680 || !got.Exhausted:
			return 0, fmt.Errorf("fanin(3,3) has 1680 traces; explored %d, %d of them different", got.Explored, got.Traces())
		}
		n += got.Explored
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// drawn gives complete schedules a second on one core.
func drawn(seed uint64) (float64, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const runs = 20_000
	began := time.Now()
	got, err := lab.Sample(context.Background(), programs.Fanin(3, 3), lab.Options{Seed: seed}, lab.Draw{By: lab.Walk, Runs: runs})
	if err != nil {
		return 0, err
	}
	if got.Explored != runs || got.Steps != 22*runs {
		return 0, fmt.Errorf("%d runs of %d steps, expected %d of 22", got.Explored, got.Steps, runs)
	}
	return runs / time.Since(began).Seconds(), nil
}

// memory gives the bytes that the process has taken of the system when a million traces are explored. Where fewer are,
// what the second half of them added is carried on.
func memory(traces int) (float64, error) {
	var half uint64
	at := 0
	got, err := lab.Search(context.Background(), programs.Fanin(10, 1), lab.Options{Most: traces, Progress: func(p lab.Progress) {
		if half == 0 && p.Explored >= traces/2 {
			half, at = taken(), p.Explored
			fmt.Fprintf(os.Stderr, "memory: %d of %d traces\n", p.Explored, traces)
		}
	}})
	if err != nil {
		return 0, err
	}
	if got.Traces() != traces {
		return 0, fmt.Errorf("%d traces, expected %d", got.Traces(), traces)
	}
	all := taken()
	runtime.KeepAlive(got)
	slope := float64(all-min(half, all)) / float64(max(traces-at, 1))
	return float64(all) + slope*float64(1_000_000-traces), nil
}

func taken() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}

func median(v []float64) float64 {
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
	return table(os.Stdout, rows)
}

func table(to io.Writer, rows []row) error {
	w := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.0f\t%s\n", r.Measure, r.Ours, r.Unit)
	}
	return w.Flush()
}

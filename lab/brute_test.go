package lab

import (
	"fmt"
	"sort"
	"strings"
)

// brute is the naive explorer: every order of every step, with a set of states that were seen. What it finds is
// what Explore has to find.
func brute(sc Scenario, o Options, most int) (traces map[string]bool, whole bool) {
	x := &explorer{sc: sc, o: o, names: newNames()}
	traces = map[string]bool{}
	seen := map[string]bool{}
	var path []int
	for runs := 0; runs < most; runs++ {
		r := x.start()
		w := r.w
		var width []int
		for d := 0; ; d++ {
			ms := append([]move(nil), w.moves(nil)...)
			if len(ms) == 0 {
				traces[w.fingerprint()] = true
				break
			}
			if d >= len(path) {
				k := w.digest()
				if seen[k] {
					break
				}
				seen[k] = true
				path = append(path, 0)
			}
			width = append(width, len(ms))
			e := w.do(ms[path[d]])
			for len(x.last) < len(x.names.procs) {
				x.last = append(x.last, nil)
			}
			if d == 0 {
				clear(x.last)
			}
			e.order(w.events[:len(w.events)-1], x.last) // commits ask for causes
			x.last[e.proc] = e
		}
		w.end()
		path = path[:len(width)]
		for len(path) > 0 && path[len(path)-1]+1 >= width[len(path)-1] {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			return traces, true
		}
		path[len(path)-1]++
	}
	return traces, false
}

// digest is the state: what every process has done, what waits where, and what the disk holds.
func (w *world) digest() string {
	var lines []string
	did, queued := map[int]int{}, map[string][]string{}
	for _, e := range w.events {
		did[e.proc]++
		for _, a := range e.acc {
			if a.kind == put {
				k := fmt.Sprintf("%d/%d", a.obj, a.lane)
				queued[k] = append(queued[k], fmt.Sprintf("%d.%d%v", e.proc, did[e.proc], a.refused))
			}
			if a.kind == look { // which writes a read has seen
				lines = append(lines, fmt.Sprintf("r%d.%d.%d@%d", e.proc, did[e.proc], a.obj, len(queued[fmt.Sprint(a.obj)])))
			}
			if a.kind == touch {
				k := fmt.Sprintf("%d", a.obj)
				queued[k] = append(queued[k], fmt.Sprintf("%d.%d", e.proc, did[e.proc]))
			}
		}
	}
	for p, n := range did {
		lines = append(lines, fmt.Sprintf("p%d=%d", p, n))
	}
	for k, q := range queued {
		lines = append(lines, "q"+k+"="+strings.Join(q, ","))
	}
	for _, p := range w.slots {
		lines = append(lines, fmt.Sprintf("s%s=%v%v%v", p.path, p.hist, p.paused, p.ready))
	}
	for _, a := range w.timers {
		lines = append(lines, fmt.Sprintf("t%d=%v", a.proc, a.on))
	}
	for k, v := range w.disk {
		lines = append(lines, fmt.Sprintf("d%s=%s", k, v))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// Command testsum reads `go test -json` and prints what a person wants: every failure in full, skips by
// their reason, the slowest packages, and one closing line. It exits 1 if anything failed.
//
//	go test -json ./... | go run ./internal/testsum
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// event is one line of `go test -json` (go doc test2json).
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

type sum struct {
	passed, failed, skipped int
	output                  map[string]*strings.Builder // by package and test
	reasons                 map[string]int
	took                    map[string]float64
	broken                  []string
}

func main() {
	s := sum{output: map[string]*strings.Builder{}, reasons: map[string]int{}, took: map[string]float64{}}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 16<<20)
	for in.Scan() {
		var e event
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			fmt.Println(in.Text())
			continue
		}
		s.take(e)
	}
	os.Exit(s.close())
}

func (s *sum) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		if e.Action == "build-output" {
			key = e.ImportPath
		}
		if s.output[key] == nil {
			s.output[key] = &strings.Builder{}
		}
		s.output[key].WriteString(e.Output)
	case "build-fail":
		s.broken = append(s.broken, e.ImportPath)
		fmt.Printf("BUILD FAILED %s\n%s", e.ImportPath, s.text(e.ImportPath))
	case "pass", "fail", "skip":
		s.end(e, key)
	}
}

func (s *sum) text(key string) string {
	if b := s.output[key]; b != nil {
		return b.String()
	}
	return ""
}

func (s *sum) end(e event, key string) {
	if e.Test == "" {
		s.took[e.Package] = e.Elapsed
		if e.Action == "fail" {
			s.broken = append(s.broken, e.Package)
			fmt.Printf("FAIL %s\n%s", e.Package, s.text(key))
		}
		return
	}
	switch e.Action {
	case "pass":
		s.passed++
	case "fail":
		s.failed++
		fmt.Printf("FAIL %s %s\n%s", e.Package, e.Test, s.text(key))
	case "skip":
		s.skipped++
		s.reasons[reason(s.text(key))]++
	}
	delete(s.output, key)
}

var skipLine = regexp.MustCompile(`(?m)^\s+\S+_test\.go:\d+: (.*)$`)

func reason(out string) string {
	if m := skipLine.FindStringSubmatch(out); m != nil {
		return m[1]
	}
	return "no reason given"
}

func (s *sum) close() int {
	slow := slices.SortedFunc(maps.Keys(s.took), func(a, b string) int { return int(1000 * (s.took[b] - s.took[a])) })
	for _, p := range slow[:min(5, len(slow))] {
		fmt.Printf("%7.1fs  %s\n", s.took[p], p)
	}
	for _, r := range slices.Sorted(maps.Keys(s.reasons)) {
		fmt.Printf("%d skipped: %s\n", s.reasons[r], r)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
	if s.failed > 0 || len(s.broken) > 0 || s.passed == 0 {
		return 1
	}
	return 0
}

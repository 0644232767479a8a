#!/usr/bin/env bash
# The figures of docs/performance.md, from one run on this machine.
set -uo pipefail
cd "$(dirname "$0")/.."
FNODE_MEASURE=1 go test -count=1 -run 'TestMeasure$' -v ./internal/daemon | grep -E 'measure_test|^(ok|FAIL|---)'
FNODE_MEASURE=1 go test -count=1 -run 'TestMeasure$' -v ./isolation | grep -E '_test.go|^(ok|FAIL)'
go test -run XXX -bench . -benchtime 200ms ./store ./lanes ./engineproc/wire | grep -E '^(Benchmark|ok|FAIL)'

#!/usr/bin/env bash
# The full counts of one wing (a folder, or kernel for lanes to supervision), package by package; a package that passed is not run again until
# its code changes. FNODE_LONG=1 is what the tests look at.
set -uo pipefail
cd "$(dirname "$0")/.."
wing=$1
case $wing in
all) where=(./...) ;;
kernel) where=(./lanes/... ./regions/... ./obligations/... ./supervision/... ./actors/...) ;;
*) where=("./$wing/...") ;;
esac
mkdir -p .cache/long
fail=0
for pkg in $(go list "${where[@]}"); do
  key=$( (go list -deps -f '{{if not .Standard}}{{.Dir}}{{end}}' "$pkg" | grep "^$PWD" | while read -r d; do cat "$d"/*.go; done) | sha256sum | cut -c1-16)
  stamp=.cache/long/$(echo "$pkg" | tr / _).$key
  if [ -f "$stamp" ]; then
    echo "passed before: $pkg"
    cat "$stamp"
    continue
  fi
  echo "== $pkg"
  more=()
  case $pkg in
  */lab/programs) more=(-race -timeout 180m) ;; # 10^5 runs on the host of production
  */actors/host) more=(-race) ;;               # ten minutes of stress
  esac
  if FNODE_LONG=1 go test -count=1 -timeout 40m -v "${more[@]}" "$pkg" -rapid.checks=20000 >.cache/long/out 2>&1 || { grep -q 'flag provided but not defined: -rapid' .cache/long/out && FNODE_LONG=1 go test -count=1 -timeout 40m -v "${more[@]}" "$pkg" >.cache/long/out 2>&1; }; then
    grep -E '^(ok|\?)|_test.go:[0-9]+: [0-9]|OK, passed' .cache/long/out | tee "$stamp"
  else
    tail -60 .cache/long/out
    fail=1
  fi
done
exit $fail

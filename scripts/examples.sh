#!/usr/bin/env bash
# Installs the npm dependencies of the examples: locked, without scripts. Says which are left out.
set -uo pipefail
cd "$(dirname "$0")/.."
for dir in examples/*/; do
  grep -q '"dependencies"' "$dir/package.json" || continue
  [ -d "$dir/node_modules" ] && continue
  name=$(basename "$dir")
  if ! command -v npm >/dev/null; then
    echo "left out: $name needs npm (install Node.js), which is not here"
  elif ! (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null 2>&1); then
    rm -rf "$dir/node_modules"
    echo "left out: the npm dependencies of $name could not be installed (no network?)"
  else
    echo "installed the npm dependencies of $name"
  fi
done
exit 0

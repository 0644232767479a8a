#!/usr/bin/env bash
# make run: the supervisor with the examples, in a temporary folder, and what to type next.
set -uo pipefail
cd "$(dirname "$0")/.."
home=$(mktemp -d "${TMPDIR:-/tmp}/fnode-run.XXXXXX")
trap 'rm -rf "$home"' EXIT
mkdir "$home/ext"
for dir in examples/*/; do
  name=$(basename "$dir")
  if grep -q '"dependencies"' "$dir/package.json" && [ ! -d "$dir/node_modules" ]; then
    echo "left out: $name (its npm dependencies are not installed)"
    continue
  fi
  ln -s "$PWD/examples/$name" "$home/ext/$name"
done
sock="$home/api.sock"
port=${FNODE_METRICS_PORT:-9464}
metrics=(--metrics-listen "127.0.0.1:$port")
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
  echo "port $port is taken: metrics stay on the socket"
  metrics=()
fi
# In a session of its own: else Ctrl-C would reach it twice, from the terminal and from here, and the second cuts the drain off.
own=$(command -v setsid || true)
$own bin/fnode-supervisor run --extensions "$home/ext" --data "$home/data" --socket "$sock" --allow-degraded "${metrics[@]}" &
pid=$!
trap 'kill -INT $pid 2>/dev/null' INT TERM HUP
for _ in $(seq 300); do
  bin/fnctl --socket "$sock" status >/dev/null 2>&1 && break
  kill -0 $pid 2>/dev/null || break
  sleep 0.1
done
if bin/fnctl --socket "$sock" status >/dev/null 2>&1; then
  echo
  for call in 'markdown render {"text":"# hi"}' 'validate check {"schema":{"type":"number"},"data":"x"}' \
    'feed parse {"xml":"<rss><channel><title>t</title><item><guid>1</guid><title>a</title></item></channel></rss>"}' 'thrower ok null'; do
    read -r ext method arg <<<"$call"
    [ -e "$home/ext/$ext" ] || continue
    echo "\$ fnctl invoke $ext $method '$arg'"
    bin/fnctl --socket "$sock" invoke "$ext" "$method" "$arg"
  done
  echo
  bin/fnctl --socket "$sock" tree
  cat <<TXT

It runs. In another terminal:

  export FNODE_SOCKET=$sock PATH=$PWD/bin:\$PATH
  fnctl tree                                       what is supervised, and how it is shut in
  fnctl invoke markdown render '{"text":"# hi"}'   call it
  fnctl invoke thrower boom                        an error with the author's file and line
  fnctl invoke spinner spin; fnctl invoke spinner ok
  fnctl invoke hog heap; fnctl why hog             dies of its memory limit, and says which
  kill -9 \$(fnctl get markdown -o json | grep -o '"pid": *[0-9]*' | grep -o '[0-9]*'); sleep 1; fnctl tree
  fnctl events -f                                  what happens
  fnctl --help

Ctrl-C here drains everything and prints the proof that nothing is left.
TXT
fi
wait $pid
code=$?
while kill -0 $pid 2>/dev/null; do wait $pid; code=$?; done
if [ $code -gt 130 ]; then # killed: its data folder goes with this script, so nobody else would reap its cgroups
  bin/fnode-supervisor run --config /dev/null --data "$home/data" --socket "$sock" &
  pid=$!
  for _ in $(seq 100); do
    bin/fnctl --socket "$sock" status >/dev/null 2>&1 && break
    kill -0 $pid 2>/dev/null || break
    sleep 0.1
  done
  kill -INT $pid 2>/dev/null
  wait $pid
fi
exit $code

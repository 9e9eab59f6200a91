#!/usr/bin/env bash
# Batches per second of the embedded store and of the Redis store, in turns, on this machine's disk.
# `./run bench store [ROUNDS]` calls it: one line of JSON per measurement, then a table of medians.
# A batch is what a tool call writes: session, two events, order, outbox entry, answer.
set -euo pipefail

bin=$(readlink -f "$1")
rounds=${2:-3}
folder=$(mktemp -d /var/tmp/vcs-XXXXXX)
servers=()

cleanup() {
  local pid
  for pid in "${servers[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$folder"
}
trap cleanup EXIT

# redis NAME OPTION ...: a server on a unix socket of its own.
redis() {
  local name=$1
  shift
  mkdir "$folder/$name"
  redis-server --port 0 --unixsocket "$folder/$name.sock" --dir "$folder/$name" --save '' \
    --logfile "$folder/$name.log" "$@" &
  servers+=($!)
}

redis redis-always --appendonly yes --appendfsync always
redis redis-everysec --appendonly yes --appendfsync everysec
redis redis-memory --appendonly no

for ((round = 1; round <= rounds; ++round)); do
  for in_flight in 1 16 64; do
    rm -rf "$folder/embedded" && mkdir "$folder/embedded"
    "$bin/voicectl-store-bench" --label embedded --folder "$folder/embedded" --in-flight $in_flight
    for name in redis-always redis-everysec redis-memory; do
      redis-cli -s "$folder/$name.sock" flushall >/dev/null
      "$bin/voicectl-store-bench" --label $name --redis "unix://$folder/$name.sock" \
        --in-flight $in_flight
    done
  done
done | tee "$folder/figures"

python3 - "$folder/figures" <<'PYTHON'
import collections, json, statistics, sys
runs = collections.defaultdict(list)
for line in open(sys.argv[1], encoding="utf-8"):
    run = json.loads(line)
    runs[run["store"], run["in_flight"]].append(run)
names = ["batches_per_second", "p50_us", "p99_us", "round_trips_per_batch", "commands_per_batch"]
print(f"{'store':16}{'waiting':>8}" + "".join(f"{name.replace('_per_', '/'):>22}" for name in names))
for (store, waiting), list_of in runs.items():
    cells = [f"{statistics.median(r[n] for r in list_of):>22g}" if n in list_of[0] else f"{'':>22}"
             for n in names]
    print(f"{store:16}{waiting:>8}" + "".join(cells))
PYTHON

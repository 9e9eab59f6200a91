#!/usr/bin/env bash
# Measures what the README promises. `./run bench [apply|kill|latency]` calls it; figures go to
# standard output, progress to standard error. Loopback only; each load is bounded and ends by itself.
# `./run bench runtime [--rounds N] ...` is tests/bench/runtime_bench.py, `./run bench store [ROUNDS]`
# is tests/bench/store_bench.sh, `./run bench handover ...` is tests/bench/handover_bench.py,
# `./run bench NAME ...` is tests/bench/NAME_bench.py for archive, instructions, monitor, neighbours,
# recovery, scale and start;
# `./run bench signature` looks whether the time of a check tells on it;
# `./run bench meter` what it costs to count for whom an instance works,
# `./run bench replay [TENANTS [DAYS [SEED]]]` how long a policy takes over a recorded month.
set -euo pipefail

bin=$(readlink -f "$1")
shift
wanted=${1:-all}
if [ "$wanted" = runtime ]; then
  shift
  exec python3 "$(dirname "$(readlink -f "$0")")/runtime_bench.py" "$bin" "$@"
fi
if [ "$wanted" = handover ]; then
  shift
  exec python3 "$(dirname "$(readlink -f "$0")")/handover_bench.py" "$bin" "$@"
fi
if [[ " archive instructions monitor neighbours recovery scale start " = *" $wanted "* ]]; then
  shift
  exec python3 "$(dirname "$(readlink -f "$0")")/${wanted}_bench.py" "$bin" "$@"
fi
if [ "$wanted" = signature ]; then
  exec "$bin/voicectl-signature-bench"
fi
if [ "$wanted" = replay ]; then
  shift
  exec "$bin/voicectl-replay-bench" "$@"
fi
if [ "$wanted" = meter ]; then
  exec "$bin/voicectl-meter-bench"
fi
if [ "$wanted" = store ]; then
  shift
  exec "$(dirname "$(readlink -f "$0")")/store_bench.sh" "$bin" "$@"
fi
folder=$(mktemp -d /tmp/vcb-XXXXXX)
workspace=$folder/ws
port=18080
domain=bench.test

cleanup() {
  "$bin/voicectl" down --workspace "$workspace" --purge --yes --confirm=ws >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap cleanup EXIT

say() { printf '%s\n' "$*" >&2; }
voicectl() { "$bin/voicectl" --socket "$(run_folder)/control.sock" "$@"; }
run_folder() { sed -n 's/.*"run" *: *"\([^"]*\)".*/\1/p' "$workspace/workspace.json"; }
member() { tr ',{}' '\n\n\n' | sed -n "s/.*\"$1\" *: *\"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }
rss_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
now_ms() { date +%s%3N; }

# platform_file TENANTS: a platform with that many restaurants.
platform_file() {
  cat <<TEXT
apiVersion: voicectl/v1
platform:
  domain: $domain
  edge: { mode: dynamic, address: 127.0.0.1, http_port: $port, https_port: 18443 }
  ports: { range: "20000-24999" }
  pool: { size: 1 }
  monitor: { mode: off }  # nobody moves but where the measurement says so
  ultravox: { endpoint: "http://127.0.0.1:14100/api" }
tenants:
TEXT
  local i
  for ((i = 1; i <= $1; ++i)); do
    printf '  - { slug: t%d, name: T%d, business_type: restaurant, plan: enterprise, ' "$i" "$i"
    printf 'limits: { concurrent_sessions: 100000 }, '
    printf 'menu: [ { name: Margherita Pizza, price: "18.99" }, { name: Garlic Bread, price: "8.99" } ] }\n'
  done
}

start() {
  platform_file "$1" >"$folder/platform.yaml"
  "$bin/voicectl" up --workspace "$workspace" -f "$folder/platform.yaml" >&2
}
pid_of() { voicectl "$1" -o json | member pid; }

bench_apply() {
  say "apply: 100 tenants from nothing, one more, and nothing to do"
  platform_file 0 | sed 's/^tenants:$/tenants: []/' >"$folder/platform.yaml"
  "$bin/voicectl" up --workspace "$workspace" -f "$folder/platform.yaml" >&2
  local before reloads_before after
  platform_file 100 >"$folder/100.yaml"
  platform_file 101 >"$folder/101.yaml"
  reloads_before=$(voicectl status -o json | member reloads)
  before=$(now_ms)
  voicectl apply -f "$folder/100.yaml" --yes >/dev/null 2>&1
  after=$(now_ms)
  printf 'apply.100_tenants_ms %s\n' $((after - before))
  printf 'apply.100_tenants_reloads %s\n' $(($(voicectl status -o json | member reloads) - reloads_before))
  reloads_before=$(voicectl status -o json | member reloads)
  before=$(now_ms)
  voicectl apply -f "$folder/101.yaml" --yes >/dev/null 2>&1
  after=$(now_ms)
  printf 'apply.one_more_ms %s\n' $((after - before))
  printf 'apply.one_more_reloads %s\n' $(($(voicectl status -o json | member reloads) - reloads_before))
  before=$(now_ms)
  voicectl apply -f "$folder/101.yaml" --yes >/dev/null 2>&1
  after=$(now_ms)
  printf 'apply.nothing_to_do_ms %s\n' $((after - before))
  printf 'apply.daemon_rss_kib %s\n' "$(rss_kib "$(pid_of status)")"
  printf 'apply.instance_rss_kib %s\n' "$(rss_kib "$(pid_of ps)")"
}

bench_kill() {
  say "kill -9 of the instance, then of the daemon, during traffic"
  start 3
  local key=$folder/key target victim load
  voicectl tenant key create t1 --scope admin -o json | member key >"$key"
  for target in instance daemon; do
    for kind in reads writes; do
      if [ "$kind" = reads ]; then
        "$bin/voicectl-caller" load --port $port --host t1.$domain --seconds 6 --parallel 8 \
          >"$folder/$kind" &
      else
        "$bin/voicectl-caller" load --port $port --host t1.$domain --seconds 6 --parallel 8 \
          --method POST --path /api/sessions --body '{"customer_name":"Bench"}' --expect 201 \
          --key-file "$key" >"$folder/$kind" &
      fi
      load=$!
      local round
      for round in 1 2 3; do
        # The load runs meanwhile; the pause is its share before each kill.
        sleep 1
        if [ "$target" = instance ]; then
          victim=$(pid_of ps)
          # Killed again and again it comes back later each time: the backoff at work.
          while [ "$victim" = null ]; do
            sleep 0.1
            victim=$(pid_of ps)
          done
          kill -9 "$victim"
        else
          victim=$(pid_of status)
          kill -9 "$victim"
          "$bin/voicectl" up --workspace "$workspace" >/dev/null 2>&1
        fi
        : "$round"
      done
      wait "$load" || true
      printf 'kill.%s.%s %s\n' "$target" "$kind" "$(cat "$folder/$kind")"
    done
  done
}

bench_latency() {
  say "a conversation: session creation, and tool call to WebSocket event"
  start 1
  voicectl tenant key create t1 --scope widget -o json | member key >"$folder/key"
  local i
  for i in 1 2 3 4 5 6 7 8 9 10; do
    "$bin/voicectl-caller" call --port $port --host t1.$domain --key-file "$folder/key" --json \
      2>/dev/null >"$folder/call.$i"
  done
  printf 'latency.session_creation_us %s\n' \
    "$(for i in 1 2 3 4 5 6 7 8 9 10; do member creation_us <"$folder/call.$i"; done | sort -n | tr '\n' ' ')"
  printf 'latency.tool_to_event_ms %s\n' \
    "$(for i in 1 2 3 4 5 6 7 8 9 10; do member tool_to_event_ms <"$folder/call.$i"; done | sort -n | tr '\n' ' ')"
}

for name in apply kill latency; do
  if [ "$wanted" = all ] || [ "$wanted" = "$name" ]; then
    "bench_$name"
    "$bin/voicectl" down --workspace "$workspace" --purge --yes --confirm=ws >/dev/null 2>&1 || true
  fi
done

#!/usr/bin/env bash
# Shows the platform working: starts it with the three demo businesses, holds a conversation with
# each, kills an instance under load, promotes a tenant under load, lets the monitor promote one, and leaves everything
# running. `./run demo` calls it.
#
# Usage: examples/demo.sh FOLDER_OF_PROGRAMS [--check] [--workspace DIR] [--file FILE]
# FILE: another one with the same tenants, for other ports than those of examples/qastco.yaml.
set -euo pipefail

bin=$(readlink -f "$1")
here=$(dirname "$(readlink -f "$0")")
shift
check=no
workspace=
file=$here/qastco.yaml
while [ $# -gt 0 ]; do
  case $1 in
    --check) check=yes ;;
    --workspace)
      workspace=$2
      shift
      ;;
    --file)
      file=$2
      shift
      ;;
    *)
      printf 'demo: cannot use "%s": allowed are --check, --workspace DIR and --file FILE\n' "$1" >&2
      exit 2
      ;;
  esac
  shift
done
if [ -z "$workspace" ]; then
  if [ "$(id -u)" -eq 0 ]; then
    workspace=/var/tmp/voicectl-demo
  else
    workspace=${XDG_STATE_HOME:-$HOME/.local/state}/voicectl-demo
  fi
fi

port=$(sed -n 's/^ *http_port: *//p' "$file")
https_port=$(sed -n 's/^ *https_port: *//p' "$file")
domain=qastco.com
tenants=(mario-pizza dr-smith techsupport)
keys=$(mktemp -d)
failures=0

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; }
# verify TEXT COMMAND...: runs the command, and says whether what TEXT claims holds.
verify() {
  local claim=$1
  shift
  if "$@"; then
    printf '  ok      %s\n' "$claim"
  else
    printf '  FAILED  %s\n' "$claim"
    failures=$((failures + 1))
  fi
}
voicectl() { "$bin/voicectl" --socket "$run_folder/control.sock" "$@"; }
cleanup() {
  rm -rf "$keys"
  if [ "$check" = yes ]; then
    "$bin/voicectl" down --workspace "$workspace" --purge --yes --confirm="$(basename "$workspace")" >/dev/null 2>&1 || true
  fi
}
trap cleanup EXIT

step "1. Start daemon, nginx and the Ultravox stand-in, and apply ${file#"${here%/*}/"}"
show "voicectl up --workspace $workspace -f ${file#"${here%/*}/"}"
"$bin/voicectl" up --workspace "$workspace" -f "$file"
run_folder=$(sed -n 's/.*"run" *: *"\([^"]*\)".*/\1/p' "$workspace/workspace.json")
# A workspace of an earlier build runs that build's program until it is told otherwise.
voicectl upgrade --watch 1s --allow-drops --yes >/dev/null
show "voicectl tenant list"
voicectl tenant list
show "voicectl ps"
voicectl ps

step "2. A second apply has nothing to do"
show "voicectl plan -f ${file#"${here%/*}/"} --detailed-exitcode"
verify "the plan is empty" voicectl plan -f "$file" --detailed-exitcode

step "3. A customer calls each business: through nginx, with the tenant's host name"
declare -A effect=([mario-pizza]=order.created [dr-smith]=appointment.booked
  [techsupport]=ticket.created)
for tenant in "${tenants[@]}"; do
  voicectl tenant key create "$tenant" --scope widget -o json |
    sed -n 's/.*"key" *: *"\([^"]*\)".*/\1/p' >"$keys/$tenant"
  printf '\n%s\n' "$tenant.$domain"
  "$bin/voicectl-caller" call --port $port --host "$tenant.$domain" --key-file "$keys/$tenant" |
    tee "$keys/$tenant.log"
  verify "$tenant: ${effect[$tenant]} came as an event" grep -q "${effect[$tenant]}" "$keys/$tenant.log"
  verify "$tenant: the session was completed" grep -q "session.completed" "$keys/$tenant.log"
done
show "voicectl session list"
voicectl session list

step "4. Kill the instance under load: the daemon replaces it, no request fails"
# pid_of INSTANCE
pid_of() {
  voicectl ps -o json | tr ',{}' '\n\n\n' |
    sed -n "/\"instance\" *: *\"$1\"/,/\"pid\"/s/.*\"pid\" *: *\([0-9]*\).*/\1/p"
}
home_of() {
  voicectl tenant show "$1" -o json | tr ',{}' '\n\n\n' | sed -n 's/.*"instance" *: *"\([^"]*\)".*/\1/p'
}
shared=$(home_of mario-pizza)
victim=$(pid_of "$shared")
"$bin/voicectl-caller" load --port $port --host mario-pizza.$domain --seconds 3 >"$keys/load" &
load=$!
# The load has begun once its first connection is there; the event log tells when it is over.
kill -9 "$victim"
printf '  killed %s (process %s)\n' "$shared" "$victim"
wait "$load" || true
printf '  %s\n' "$(cat "$keys/load")"
verify "no request failed" grep -q '"failed":0' "$keys/load"
verify "another process serves" test "$(pid_of "$shared")" != "$victim"
show "voicectl events"
voicectl events | tail -n 4

step "5. One more tenant: no reload of nginx"
reloads() { voicectl status -o json | tr ',{}' '\n\n\n' | sed -n 's/.*"reloads" *: *\([0-9]*\).*/\1/p'; }
before=$(reloads)
show "voicectl tenant create soup-kitchen --name 'Soup Kitchen' --type restaurant ..."
voicectl tenant create soup-kitchen --name "Soup Kitchen" --type restaurant \
  --menu-file "$here/qastco/restaurant-menu.yaml" --yes
verify "nginx was not reloaded" test "$(reloads)" = "$before"
verify "curl reaches it" curl -sf -o /dev/null -H "Host: soup-kitchen.$domain" \
  "http://127.0.0.1:$port/health"
voicectl tenant delete soup-kitchen --confirm soup-kitchen >/dev/null

step "6. Promote a tenant and take it back while it is being called: every WebSocket stays open"
voicectl tenant key create mario-pizza --scope admin -o json |
  sed -n 's/.*"key" *: *"\([^"]*\)".*/\1/p' >"$keys/admin"
"$bin/voicectl-handover-load" --port $port --host mario-pizza.$domain --key-file "$keys/admin" \
  --connections 50 --seconds 4 --pings 200 --sessions 5 >"$keys/moves" 2>"$keys/moves.err" &
callers=$!
until grep -q ready "$keys/moves.err" || ! kill -0 "$callers" 2>/dev/null; do sleep 0.1; done
before=$(reloads)
for direction in promote demote; do
  show "voicectl tenant $direction mario-pizza --yes"
  voicectl tenant $direction mario-pizza --yes | tail -n 1
done
wait "$callers" || true
printf '  %s\n' "$(cat "$keys/moves")"
verify "no WebSocket ended" grep -q '"ended":0' "$keys/moves"
verify "no event was lost, doubled or reordered" \
  grep -Eq '"doubled":0.*"lost":0.*"reordered":0' "$keys/moves"
verify "no request failed" grep -q '"failed":0' "$keys/moves"
verify "nginx was not reloaded" test "$(reloads)" = "$before"
voicectl events | grep handed_over | tail -n 2 || true

step "7. Load on one tenant: it gets an instance of its own by itself, and gives it back when it is quiet"
end_sessions() {
  local session
  for session in $(voicectl session list --tenant mario-pizza -o name); do
    voicectl session end "${session#session/}" --yes >/dev/null
  done
}
# others_wait WHEN: asks the two other tenants 600 times, and keeps what their callers saw, and what it cost
# the process that serves them, in $keys/WHEN.
others_wait() {
  "$bin/voicectl-neighbours-load" --port $port --host dr-smith.$domain --host techsupport.$domain \
    --key-file "$keys/dr-smith" --key-file "$keys/techsupport" --rate 200 --connections 8 \
    --warm-up 0.5 --seconds 3 --pid "$(pid_of "$shared")" >"$keys/$1" || true
}
# figure WHEN NAME: whole, for bash counts no fractions.
figure() { sed -nE "s/.*\"$2\":([0-9]+).*/\1/p" "$keys/$1"; }
# Right after the hand-over: the others are where they were, and mario-pizza is not there.
is_apart() {
  local own
  own=$(home_of mario-pizza)
  [ "$(home_of dr-smith)" = "$shared" ] && [ "$(home_of techsupport)" = "$shared" ] &&
    [ "$own" != "$shared" ] && [ "$(pid_of "$shared")" != "$(pid_of "$own")" ]
}
# Of half of their requests; what a machine that others use as well adds to that by chance is far below the
# tolerance of twice as much and 20 ms.
wait_no_longer() { [ "$(figure alone p50_us)" -le $((2 * $(figure beside p50_us) + 20000)) ]; }
costs_less() { [ "$(figure alone cpu_us_each)" -lt "$(figure beside cpu_us_each)" ]; }
# event WORD...: the first event of this step whose line holds all of them; nothing if there is none.
event() {
  local found word
  found=$(cat "$keys/events")
  for word in "$@"; do found=$(grep -F -- "$word" <<<"$found" || true); done
  head -n 1 <<<"$found"
}
# wait_for SECONDS WORD...: until there is such an event.
wait_for() {
  local end=$(($(date +%s) + $1))
  shift
  until [ -n "$(event "$@")" ] || [ "$(date +%s)" -ge "$end" ]; do sleep 0.1; done
}
value_of() { sed -nE "s/.*\"$2\":(\"([^\"]*)\"|([0-9.]+)).*/\2\3/p" <<<"$1"; }
# at EVENT [SECONDS]: when it was, or so many seconds earlier.
at() { date -d "$(value_of "$1" at) ${2:+$2 seconds ago}" +%H:%M:%S.%1N; }
line() { printf '  %-10s  %s\n' "$1" "$2"; }

cat >"$keys/policy.yaml" <<'TEXT'
monitor:
  demote_after: 6s
  cooldown: 1s
  marks: { professional: { high_sessions: 8, low_sessions: 3, promote_after: 5s } }
TEXT
end_sessions
# Until the monitor has seen that they are gone: it looks every five seconds.
seen_sessions() {
  voicectl tenant show mario-pizza -o json | tr ',{}' '\n\n\n' |
    sed -n 's/.*"sessions" *: *\([0-9]*\).*/\1/p' | head -n 1
}
patience=$(($(date +%s) + 15))
until [ "$(seen_sessions)" = 0 ] || [ "$(date +%s)" -ge "$patience" ]; do sleep 0.2; done
show "voicectl tenant tier mario-pizza auto --yes   # 'demote' has told it to stay in the pool"
voicectl tenant tier mario-pizza auto --yes >/dev/null
show "voicectl policy set policy.yaml --yes   # marks and dwells that one can wait for"
voicectl policy set "$keys/policy.yaml" -m "the demo's marks" --yes >/dev/null
before=$(reloads)
shared=$(home_of dr-smith)
last=$(voicectl events -o json | tail -n 1 | sed -n 's/.*"number":\([0-9]*\).*/\1/p')
voicectl events -f --after "$last" -o json >"$keys/events" 2>/dev/null &
follower=$!
others_wait quiet
begun=$(date +%H:%M:%S.%1N)
: >"$keys/busy.err"
"$bin/voicectl-handover-load" --port $port --host mario-pizza.$domain --key-file "$keys/admin" \
  --connections 300 --seconds 23 --pings 1200 --sessions 2 >"$keys/busy" 2>"$keys/busy.err" &
callers=$!
until grep -q ready "$keys/busy.err" || ! kill -0 "$callers" 2>/dev/null; do sleep 0.1; done
others_wait beside
wait_for 40 '"name":"tenant.handed_over"' '"to":"dedicated-mario-pizza'
apart=no
if is_apart; then apart=yes; fi
others_wait alone
wait "$callers" || true
ended=$(date +%H:%M:%S.%1N)
end_sessions
wait_for 40 '"name":"tenant.handed_over"' '"from":"dedicated-mario-pizza'
kill "$follower" 2>/dev/null || true
wait "$follower" 2>/dev/null || true

decision=$(event '"name":"monitor.promotes"')
ready=$(event '"name":"instance.ready"' 'instance/dedicated-mario-pizza')
there=$(event '"name":"tenant.handed_over"' '"to":"dedicated-mario-pizza')
quiet_again=$(event '"name":"monitor.demotes"')
back=$(event '"name":"tenant.handed_over"' '"from":"dedicated-mario-pizza')
verify "mario-pizza was promoted" test -n "$there"
verify "and demoted" test -n "$back"
if [ -n "$there" ] && [ -n "$back" ]; then
  busy_for=$(sed -n 's/.*"busy_s":\([0-9]*\),.*"name":"sessions".*/\1/p' <<<"$decision")
  line "$begun" "300 callers connect through nginx; each second two more sessions begin"
  line "$(at "$decision" "${busy_for:-0}")" "the load is at the mark of 8 live sessions"
  line "$(at "$decision")" "decision: $(value_of "$decision" reason)"
  line "$(at "$ready")" "dedicated-mario-pizza is ready"
  line "$(at "$there")" "handed over: $(value_of "$there" websockets) WebSockets, nobody was served for $(value_of "$there" pause_us) µs"
  line "$ended" "the load ends"
  line "$(at "$quiet_again")" "decision: $(value_of "$quiet_again" reason)"
  line "$(at "$back")" "handed over to $(value_of "$back" to)"
else
  grep -E 'monitor\.|instance\.|step\.|apply\.' "$keys/events" || true
fi
printf '  callers of mario-pizza: %s\n' "$(cat "$keys/busy")"
# told TEXT NAME: a figure of the others before, during and after.
told() {
  printf "  %s: %'d µs before, %'d µs beside the load, %'d µs once it was alone\n" "$1" \
    "$(figure quiet "$2")" "$(figure beside "$2")" "$(figure alone "$2")"
}
told "half of the others' requests take less than" p50_us
told "99 of 100 take less than" p99_us
told "their process works for each of them" cpu_us_each
verify "the others are in a process without mario-pizza" test "$apart" = yes
for when in quiet beside alone; do
  verify "no request of the others failed ($when)" grep -q '"errors":0.*"refused":0' "$keys/$when"
done
verify "the others wait no longer than beside the load" wait_no_longer
verify "and their process no longer works for it" costs_less
verify "no WebSocket ended" grep -q '"ended":0' "$keys/busy"
verify "no event was lost, doubled or reordered" \
  grep -Eq '"doubled":0.*"lost":0.*"reordered":0' "$keys/busy"
verify "no request failed" grep -q '"failed":0' "$keys/busy"
verify "nginx was not reloaded" test "$(reloads)" = "$before"
show "voicectl why mario-pizza"
voicectl why mario-pizza | head -n 4
# The monitor may be moving the tenant just now: then the plan is another one a moment later.
is_reset=
for _ in 1 2 3 4 5; do
  if voicectl policy set default -m "the usual marks" --yes >/dev/null 2>&1; then
    is_reset=yes
    break
  fi
  sleep 1
done
[ -n "$is_reset" ] || verify "the usual marks are set again" false

step "8. Take a backup of a tenant while it is served, and look whether all of its data are sound"
show "voicectl tenant export mario-pizza --file mario-pizza.tar.zst"
verify "the archive is written" voicectl tenant export mario-pizza --file "$keys/mario-pizza.tar.zst"
show "voicectl tenant check mario-pizza"
verify "the data are sound" voicectl tenant check mario-pizza

step "9. Look what was forecast of each plan, beside what came of it"
show "voicectl forecast list"
voicectl forecast list
# It says "tenants moved 2 (1 forecast)" of what was counted otherwise. WebSockets are those of the last sample, which is
# a few seconds old.
all_as_forecast() {
  ! voicectl forecast list --limit 500 | sed -E 's/websockets moved [0-9]+ \([0-9]+ forecast\)//' | grep -q ' forecast)'
}
verify "each plan did what was forecast" all_as_forecast

if [ "$failures" -gt 0 ]; then
  printf '\n%s checks failed\n' "$failures"
  exit 1
fi
if [ "$check" = yes ]; then
  step "Everything holds; stopping"
  exit 0
fi
step "The platform is running. Try:"
cat <<TEXT
  alias voicectl='$bin/voicectl --socket $run_folder/control.sock'
  voicectl status
  key=\$(voicectl tenant key create mario-pizza --scope widget)
  curl -s -H "Host: mario-pizza.$domain" -H "X-API-Key: \$key" \\
    -d '{"customer_name":"Ada"}' http://127.0.0.1:$port/api/sessions
  curl -s --cacert $workspace/state/authority-root.pem \\
    --connect-to ::127.0.0.1:$https_port https://mario-pizza.$domain/health
  voicectl logs -f
  voicectl events -f
  $bin/voicectl down --workspace $workspace
TEXT

#!/usr/bin/env bash
# Runs one long command with its output in a log, showing that it is alive:
#   tools/step.sh "TITLE" "HOW TO CONTINUE AFTER A FAILURE" COMMAND [ARGUMENT ...]
# Its status is the command's. STEP_PLAIN=1: never draw over a line (two steps at the same time).
set -uo pipefail
[ $# -ge 3 ] || { echo "usage: tools/step.sh TITLE HINT COMMAND [ARGUMENT ...]" >&2; exit 2; }
title=$1 hint=$2
shift 2

logs="${LOOPBACK_HA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-loopback-ha}/logs"
mkdir -p "$logs" || exit 1
find "$logs" -name '*.log' -mtime +14 -delete 2>/dev/null
slug=${title//[^[:alnum:]]/-}
log="$logs/$(date +%Y%m%d-%H%M%S)-${slug:0:40}-$$.log"

draw=
if [ -t 2 ] && [ -z "${STEP_PLAIN:-}" ] && [ "${TERM:-dumb}" != dumb ]; then draw=1; fi

elapsed() {
  if [ "$SECONDS" -lt 1 ]; then echo "under 1 s"; elif [ "$SECONDS" -lt 60 ]; then echo "$SECONDS s"; else echo "$((SECONDS / 60)) min $((SECONDS % 60)) s"; fi
}

last_line() {
  tail -c 2000 "$log" | tr '\r' '\n' | sed 's/\x1b\[[0-9;?]*[A-Za-z]//g' | tr -cd '[:print:]\n' | grep '[^ ]' | tail -n 1
}

# Its own process group (set -m), so that ending this step ends all that the command started.
set -m
"$@" >"$log" 2>&1 </dev/null &
child=$!
set +m

# shellcheck disable=SC2317 # called by the traps
stop() {
  trap '' INT TERM HUP
  kill -TERM -- "-$child" 2>/dev/null
  for _ in {1..50}; do kill -0 -- "-$child" 2>/dev/null || break; sleep 0.1; done
  kill -KILL -- "-$child" 2>/dev/null
  printf '%s%s: stopped after %s. To continue: %s\n' "${draw:+$'\r\e[K'}" "$title" "$(elapsed)" "$hint" >&2
  exit "$1"
}
trap 'stop 130' INT
trap 'stop 143' TERM
trap 'stop 129' HUP

SECONDS=0 told=0
for wait in 0.1 0.2 0.3 0.3; do
  kill -0 "$child" 2>/dev/null || break
  sleep "$wait"
done
while kill -0 "$child" 2>/dev/null; do
  if [ -n "$draw" ]; then
    line="$title  $(elapsed)  $(last_line)"
    width=$(stty size <&2 2>/dev/null | cut -d ' ' -f 2)
    [ "${width:-0}" -gt 0 ] || width=80
    printf '\r\e[K%s' "${line:0:width-1}" >&2
  elif [ "$told" -eq 0 ]; then
    printf '%s ... (log: %s)\n' "$title" "$log" >&2
    told=1
  elif [ $((SECONDS / 15)) -ge "$told" ]; then
    line=$(last_line)
    printf '%s: %s  %s\n' "$title" "$(elapsed)" "${line:0:120}" >&2
    told=$((SECONDS / 15 + 1))
  fi
  sleep 0.25
done
wait "$child"
status=$?

[ -z "$draw" ] || printf '\r\e[K' >&2
if [ "$status" -eq 0 ]; then
  printf '%s: done in %s\n' "$title" "$(elapsed)" >&2
  exit 0
fi
{
  echo
  echo "$title: FAILED after $(elapsed). The end of the log:"
  tail -n 20 "$log" | sed 's/^/  | /'
  printf 'command:  %s\n' "$(printf '%q ' "$@")"
  echo "status:   $status"
  echo "log:      $log"
  echo "continue: $hint"
} >&2
exit "$status"

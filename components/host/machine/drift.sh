#!/bin/bash
# What this instance holds differently from what was applied, for look.sh. Changes nothing.
# Prints INSTANCE TAB drift TAB LINE (the first few), INSTANCE TAB looked TAB NUMBER-OF-LINES, and what else a role shows.
# shellcheck source-path=SCRIPTDIR
. "${BASH_SOURCE[0]%/*}/lib.sh"
readonly most_lines=20 longest=160
# A user who may only look must not be able to stop us while we hold a lock.
trap '' TSTP TTIN TTOU

# A shared lock: nothing is applied meanwhile, and looks do not wait for each other.
if [[ -e $run/lock ]]; then
  exec {lock}<"$run/lock"
  if ! flock -s -w 2 "$lock"; then
    printf '%s\tunknown\tanother run is in progress here (%s)\n' "$instance" "$(cat "$run/holder" 2>/dev/null)"
    exit 0
  fi
fi
# After an interrupted run the machine is in doubt, which explains all differences.
[[ ! -e $state/in-doubt ]] || exit 0

shopt -s inherit_errexit
found=$(all_drift)
mapfile -t lines <<<"$found"
[[ $found ]] || lines=()
answer=$(
  for line in "${lines[@]:0:most_lines}"; do printf 'drift\t%s\n' "${line:0:longest}"; done
  printf 'looked\t%s\n' "${#lines[@]}"
  sights
)
# Several of these run at the same time: their lines must not mix. Only root can lock this folder.
[[ -d $run ]] || mkdir -m 700 "$run" 2>/dev/null || [[ -d $run ]]
exec {turn}<"$run"
flock "$turn"
printf '%s\n' "$answer" | sed "s/^/$instance\t/"

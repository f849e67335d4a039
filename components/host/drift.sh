#!/bin/bash
# What this machine holds differently from what was applied, for observe.sh. Changes nothing.
# Prints INSTANCE TAB drift TAB LINE, capped, and at last INSTANCE TAB looked TAB NUMBER-OF-LINES.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
readonly most_lines=20 longest=160

# Shared: nobody applies while we look, and looking waits for nobody who looks.
if [[ -e $run/lock ]]; then
  exec {lock}<"$run/lock"
  if ! flock -s -w 2 "$lock"; then
    printf '%s\tunknown\tanother run is at work here (%s)\n' "$instance" "$(cat "$run/holder" 2>/dev/null)"
    exit 0
  fi
fi
# What was killed half-way is in doubt; all that differs comes from that.
[[ ! -e $state/in-doubt ]] || exit 0

shopt -s inherit_errexit
found=$(all_drift)
mapfile -t lines <<<"$found"
[[ $found ]] || lines=()
answer=''
for line in "${lines[@]:0:most_lines}"; do answer+="$instance"$'\t'drift$'\t'"${line:0:longest}"$'\n'; done
# In one write, because several of us run at once.
printf '%s%s\tlooked\t%s\n' "$answer" "$instance" "${#lines[@]}"

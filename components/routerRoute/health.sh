#!/bin/bash
# What clients get, and what each server would answer, asked from this router. Changes nothing.
#   health.sh [--every SECONDS] [--sample NUMBER]
# Prints WAY TAB STATE TAB SERVER TAB SITE TAB VIP TAB REASON for each question, STATE being ok or fail:
#   live     every VIP, by the route it has now; SERVER is who shall have it
#   marked   NUMBER VIPs of each server whatever the routes say, others in each round; only where flows are pinned
# Then "busy TAB HOLDER" where another run was at work, whose proof leads questions elsewhere, and "end".
# One round, or one every so many seconds until nobody reads any more.
# shellcheck disable=SC2034,SC2154 # what lib.sh sets and uses
# shellcheck source-path=SCRIPTDIR source=../host/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'exit 0' PIPE
every='' sample=8 round=0
while [[ ${1:-} == --* ]]; do
  case $1 in
    --every) every=$2 ;;
    --sample) sample=$2 ;;
    *) fail "health.sh knows no $1" ;;
  esac
  shift 2
done

live_checks() {
  local proof
  proof=$(mktemp -d "$run/health.XXXXXX")
  awk '{ print $1 }' "$bundle/want/routes" >"$proof/moves"
  moving_checks '' | awk -F '\t' -v OFS='\t' '{ n = split($NF, word, " "); $NF = "live " word[n] " " word[n - 2]; print }'
  rm -rf "$proof"
}
marked_checks() {
  [[ $(setting "$bundle" pin_flows) == yes ]] || return 0
  awk -v sample="$sample" -v round="$round" '
    FILENAME ~ /servers$/ { server[++servers] = $1; mark[servers] = $4; next }
    { line[vips++] = $0 }
    END {
      for (s = 1; s <= servers; s++) {
        print "mark\t" mark[s]
        for (i = 0; i < sample && i < vips; i++) {
          split(line[(round * sample + i) % vips], f, " ")
          label = "marked " server[s] " " f[2]
          if (f[3] == "http") printf "http\t%s\t80\t%s\t%s\t200\t%s\t%s\n", f[1], f[4], f[5], server[s] " " f[2], label
          else if (f[3] == "tcp") printf "tcp\t%s\t%s\t%s\n", f[1], f[4], label
          else printf "ping\t%s\t%s\n", f[1], label
        }
      }
    }' "$bundle/want/servers" "$bundle/want/private/vips"
}
tell_if_busy() {
  local lock
  exec {lock}<"$run/lock"
  flock -s -n "$lock" || printf 'busy\t%s\n' "$(cat "$run/holder" 2>/dev/null)"
  exec {lock}>&-
}

while true; do
  # A run of pulumi puts another version in force meanwhile.
  bundle=$(readlink -f "$state/current") scripts=$bundle/scripts
  source=$(proof_source)
  busy=$(tell_if_busy)
  { live_checks; marked_checks; } | { ask --deadline 0 --timeout 1 || true; } |
    awk -F '\t' -v OFS='\t' '{ split($3, word, " "); print word[1], $1, word[2], word[3], $2, $4 }'
  for line in "$busy" "$(tell_if_busy)"; do [[ ! $line ]] || say "$line"; done
  say end
  [[ $every ]] || break
  round=$((round + 1))
  sleep "$every"
done

#!/bin/bash
# Asks from this router what clients get, and what each server would answer. Changes nothing.
#   health.sh [--servers | --pages] [--sample NUMBER] [--timeout SECONDS] [--every SECONDS]
# Prints STATE TAB VIP TAB WAY SERVER SITE TAB REASON TAB CAUSE TAB MS for each question, as probe.pl does. WAY is
#   live     every VIP, by the route that it has now; SERVER is the one that should have it
#   marked   NUMBER VIPs of each server, whatever the routes are, others in each round; only where flows are pinned
#   host     with --servers, each server's own address: whether the machine is up
# Then, with --servers and --every: "trouble TAB SENTENCE" for each thing that keeps visitors out, or "trouble" where nothing does (see
# forwarding.sh); "held TAB SERVER TIME REASON" for each server that a guard here holds as dead; "busy TAB HOLDER" where another run was
# at work, whose health check may have redirected the questions; "conntrack TAB COUNT TAB MAX"; "end".
# --pages: only sites' own pages, as siteHealth.sh asks for them before a move. WAY is "page"; no status is expected, so CAUSE has it, and
# of https there is the certificate. Each site is asked of each server that is not down; where flows are not pinned, of those that have a
# VIP of it. With --every, NUMBER sites of each server, others in each round; else all, or as many as 6 s allow, and then
# "unasked TAB COUNT".
# --servers: only what is needed to judge each server: the marked VIPs, or where flows are not pinned NUMBER live VIPs of each.
# One round, or one every SECONDS (0.2 at least) until the reader is gone. NUMBER is 64 at most, --timeout 10.
# shellcheck source-path=SCRIPTDIR source=../host/machine/lib.sh
. "${BASH_SOURCE[0]%/*}/lib.sh"
trap 'exit 0' PIPE
arguments=("$@")
servers='' pages='' sample=8 timeout=1 every=''
while [[ ${1:-} == --* ]]; do
  case $1 in
    --servers)
      servers=1
      shift
      continue
      ;;
    --pages)
      pages=1
      shift
      continue
      ;;
    --sample) sample=$(bounded "$1" "$2" 1 64) ;;
    --timeout) timeout=$(bounded "$1" "$2" 0.05 10) ;;
    --every) every=$(bounded "$1" "$2" 0.2 3600) ;;
    *) fail "health.sh knows no $1" ;;
  esac
  shift 2
done
begin_asking "$every"
: "${site_seconds?}" "${sites_at_once?}"

# live_checks PRESENT: with it any server's answer will do, as in moving_checks.
live_checks() {
  local folder
  folder=$(mktemp -d "$run/health.XXXXXX")
  awk '{ print $1 }' "$bundle/want/routes" >"$folder/moves"
  moving_checks "$folder/moves" "$1" | awk -F '\t' -v OFS='\t' '{ n = split($NF, word, " "); $NF = "live " word[n] " " word[n - 2]; print }'
  rm -rf "$folder"
}
# Of several checks of a site on a VIP only the first one counts: an open port alone says less about the server.
by_server() { awk -F '\t' 'asked[$2 FS $NF]++ { next } { split($NF, word, " "); own[word[2]] = own[word[2]] $0 "\n" } END { for (server in own) printf "group\n%s", own[server] }'; }
marked_checks() { vip_checks "$bundle" | awk_file markedChecks "$bundle/want/servers" -; }
# page_places PINNED: MARK SERVER and a line of vip_checks for each site and server to ask for its page, all servers of a site together.
# MARK is - where the routes decide.
page_places() { vip_checks "$bundle" | awk_file pagePlaces -v pinned="$1" "$bundle/want/servers" "$bundle/want/routes" -; }
# In another order each time.
page_checks() { page_places "$(setting "$bundle" pin_flows)" | awk_file pageChecks -v every="$every" -v seed="$RANDOM"; }
questions() {
  local pinned
  pinned=$(setting "$bundle" pin_flows)
  if [[ $servers ]]; then awk '{ printf "host\t%s\thost %s\n", $2, $1 }' "$bundle/want/servers"; fi
  if [[ ! $servers ]]; then live_checks ''; elif [[ $pinned != yes ]]; then live_checks 1 | by_server; fi
  if [[ $pinned == yes ]]; then marked_checks; fi
}

# look_aside FILE: keeps the file up to date with the sentences of forwarding_trouble, as long as this script runs.
look_aside() {
  local found before='' turn
  for ((turn = 0; ; turn++)); do
    rules=''
    read_rules
    # A trial on a copy costs more. It is repeated when the rules change, and now and then, as elements of sets don't show in them.
    if [[ $turn == 0 || $rules != "$before" || $((turn % 10)) == 0 ]] || [[ $(forwarding_faults) ]]; then
      found=$(forwarding_trouble) || found=unknown
      before=$rules
      if [[ $found != unknown* ]]; then
        printf '%s' "${found:+$found$'\n'}" >"$1.new"
        mv "$1.new" "$1"
      fi
    fi
    sleep 10
    kill -0 "$$" || return 0
  done
} >/dev/null 2>&1

aside=()
if [[ $servers && $every ]]; then
  rm -f "$run/trouble.$$"
  # And the servers that this router's guard holds, if it has one.
  aside=(--aside "$run/trouble.$$" --held "$run/held.$instance")
  look_aside "$run/trouble.$$" &
  looking=$!
  trap 'kill "$looking" 2>/dev/null || true; rm -f "$run/trouble.$$"' EXIT
fi
from=$(check_source)
current=$(readlink "$state/current")
if [[ $pages && ! $every ]]; then
  page_checks | { ask "$from" --deadline 0 --within 6 --timeout "$site_seconds" --parallel "$sites_at_once" --lock "$run/lock" || true; } |
    awk -F '\t' '$5 == "unasked" { unasked++; next } $1 == "end" && unasked { print "unasked\t" unasked } { print }'
  exit 0
fi
if [[ $pages ]]; then questions() { page_checks; }; fi
questions | ask "$from" --deadline 0 --timeout "$timeout" --sample "$sample" --lock "$run/lock" \
  "${aside[@]}" ${every:+--every "$every" --while "$state/current=$current" ${seat:+--while "$seat=$$"}} || [[ ! $every ]]
[[ ! ${looking:-} ]] || kill "$looking" 2>/dev/null || true
keep_seat
# A run of Pulumi put another version in force, with its own scripts.
if [[ $every ]]; then exec bash "$state/current/scripts/health.sh" "${arguments[@]}"; fi

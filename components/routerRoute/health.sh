#!/bin/bash
# What clients get, and what each server would answer, asked from this router. Changes nothing.
#   health.sh [--servers | --pages] [--sample NUMBER] [--timeout SECONDS] [--every SECONDS]
# Prints STATE TAB VIP TAB WAY SERVER SITE TAB REASON TAB CAUSE TAB MS for each question, as probe.pl has it, WAY being
#   live     every VIP, by the route it has now; SERVER is who shall have it
#   marked   NUMBER VIPs of each server whatever the routes say, others in each round; only where flows are pinned
#   host     with --servers, each server's Ethernet address: whether the machine itself lives
# Then, with --servers and --every, "trouble TAB SENTENCE" for each thing that keeps visitors out of this router, or "trouble" where
# nothing does (see forwarding.sh), "held TAB SERVER TIME REASON" for each server that a guard here holds as dead, "busy TAB HOLDER" where another run was at work, whose proof leads questions elsewhere, "conntrack TAB COUNT TAB MAX",
# and "end".
# With --pages only sites' own pages, as siteHealth.sh asks for them before a move: WAY is "page", no status is right, so CAUSE has
# it, and of https there is the certificate. Each site once of each server that is not down; where flows are not pinned, of those that
# have a VIP of it. With --every NUMBER sites of each server, others in each round; else all, or as many as 6 s allow, and then
# "unasked TAB COUNT".
# With --servers as little as tells of each server: what is marked, and where nothing is, NUMBER VIPs live of each.
# One round, or one every so many seconds until nobody reads any more: 0.2 at least, NUMBER 64 and --timeout 10 at most.
# shellcheck disable=SC2034,SC2154 # what lib.sh sets and uses
# shellcheck source-path=SCRIPTDIR source=../host/machine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
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

# live_checks PRESENT: with it whoever answers is right, as in moving_checks.
live_checks() {
  local proof
  proof=$(mktemp -d "$run/health.XXXXXX")
  awk '{ print $1 }' "$bundle/want/routes" >"$proof/moves"
  moving_checks "$1" | awk -F '\t' -v OFS='\t' '{ n = split($NF, word, " "); $NF = "live " word[n] " " word[n - 2]; print }'
  rm -rf "$proof"
}
# Of several checks of a site on a VIP the first one tells of the server: an open port alone says less.
by_server() { awk -F '\t' 'asked[$2 FS $NF]++ { next } { split($NF, word, " "); own[word[2]] = own[word[2]] $0 "\n" } END { for (server in own) printf "group\n%s", own[server] }'; }
marked_checks() {
  vip_checks "$bundle" | awk "$check_functions"'
    FILENAME ~ /servers$/ { server[++servers] = $1; mark[servers] = $4; next }
    !asked[$1 FS $2]++ { line[++vips] = $0 }
    END {
      for (s = 1; s <= servers; s++) {
        print "mark\t" mark[s] "\ngroup"
        for (i = 1; i <= vips; i++) {
          split(line[i], f, " ")
          label = "marked " server[s] " " f[2]
          print question(line[i], server[s] " " f[2], label)
        }
      }
    }' "$bundle/want/servers" -
}
# A line of vip_checks for each site and server that is asked for its page: MARK SERVER LINE, MARK being - where routes decide. All
# servers of a site together.
page_places() {
  vip_checks "$bundle" | awk -v pinned="$1" "$prefix_functions"'
    FILENAME ~ /servers$/ { if ($3 == "up") { up[$1]; server[++servers] = $1; mark[servers] = $4 } next }
    FILENAME ~ /routes$/ { note($0); next }
    $3 != "http" { next }
    pinned == "yes" { if (!asked[$2]++) for (s = 1; s <= servers; s++) print mark[s], server[s], $0; next }
    { split(within($1 "/33"), route, " "); if ((route[2] in up) && !asked[$2, route[2]]++) print "-", route[2], $0 }' "$bundle/want/servers" "$bundle/want/routes" -
}
# Others first each time.
page_checks() {
  page_places "$(setting "$bundle" pin_flows)" | awk -v every="$every" -v seed="$RANDOM" "$page_functions"'
    BEGIN { srand(seed) }
    {
      line = $0
      sub(/^[^ ]+ [^ ]+ /, "", line)
      check = ($1 == "-" ? "" : "mark\t" $1 "\n") page_question(line, "page " $2 " " $4) "\n"
      if (every == "") { if (!($4 in of_site)) site[++sites] = $4; of_site[$4] = of_site[$4] check }
      else of_server[$2] = of_server[$2] check
    }
    END {
      for (i = sites; i >= 1; i--) { j = 1 + int(rand() * i); printf "%s", of_site[site[j]]; site[j] = site[i] }
      for (server in of_server) printf "group\n%s", of_server[server]
    }'
}
questions() {
  local pinned
  pinned=$(setting "$bundle" pin_flows)
  if [[ $servers ]]; then awk '{ printf "host\t%s\thost %s\n", $2, $1 }' "$bundle/want/servers"; fi
  if [[ ! $servers ]]; then live_checks ''; elif [[ $pinned != yes ]]; then live_checks 1 | by_server; fi
  if [[ $pinned == yes ]]; then marked_checks; fi
}

# look_aside FILE: keeps the sentences there, for as long as we are there.
look_aside() {
  local found before='' turn
  for ((turn = 0; ; turn++)); do
    rules=''
    read_rules
    # What is tried on a copy costs more, and changes with the rules; the elements of sets are none of them.
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
  # Whom this router's guard holds, if it has one.
  aside=(--aside "$run/trouble.$$" --held "$run/held.$instance")
  look_aside "$run/trouble.$$" &
  looking=$!
  trap 'kill "$looking" 2>/dev/null || true; rm -f "$run/trouble.$$"' EXIT
fi
source=$(check_source)
current=$(readlink "$state/current")
if [[ $pages && ! $every ]]; then
  page_checks | { ask --deadline 0 --within 6 --timeout "$site_seconds" --parallel "$sites_at_once" --lock "$run/lock" || true; } |
    awk -F '\t' '$5 == "unasked" { unasked++; next } $1 == "end" && unasked { print "unasked\t" unasked } { print }'
  exit 0
fi
if [[ $pages ]]; then questions() { page_checks; }; fi
questions | ask --deadline 0 --timeout "$timeout" --sample "$sample" --lock "$run/lock" \
  "${aside[@]}" ${every:+--every "$every" --while "$state/current=$current" ${seat:+--while "$seat=$$"}} || [[ ! $every ]]
[[ ! ${looking:-} ]] || kill "$looking" 2>/dev/null || true
keep_seat
# A run of pulumi put another version in force, which brings its own scripts.
if [[ $every ]]; then exec bash "$state/current/scripts/health.sh" "${arguments[@]}"; fi

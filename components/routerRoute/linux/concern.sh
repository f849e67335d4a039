# shellcheck shell=bash disable=SC2154
# Routes to VIP prefixes on a Linux router.
#   want/routes         PREFIX SERVER NEXT-HOP
#   want/block          packets to addresses of the block that nobody has end here instead of circling
#   want/private/vips   VIP SITE CHECK [HOST PATH SERVER-ANSWER...]: what the new server must answer before a prefix moves
#   want/settings       ethernet=PREFIX  proof_source=ADDRESS|""  (addresses the proof is asked from)
readonly protocol=76 metric=7676 proof_table=7676 proof_preference=7676

setting() { sed -n "s/^$1=//p" "$bundle/want/settings"; }

# "PREFIX via HOP" and "unreachable PREFIX" for all that stands under our protocol number, and "rule" for what a
# proof left behind when it was killed.
live_items() {
  printf '%s\n' "route show table main proto $protocol" "rule show pref $proof_preference" | ip -4 -batch - |
    awk '$1 == "unreachable" { print $1, $2; next } $2 == "via" { print $1, $2, $3 } /^[0-9]+:/ { print "rule" }' | sort -u
}
wanted_items() {
  [[ -z $1 ]] || awk 'FILENAME ~ /block$/ { print "unreachable", $1; next } { print $1, "via", $3 }' "$1/want/routes" "$1/want/block" | sort -u
}
# Prefixes (and the block) that any version of this instance wanted.
prefixes_of_all_versions() { { of_all_versions routes | awk '{ print $1 }'; of_all_versions block; } | sort -u; }
items_of_others() {
  local other
  for other in $(others); do wanted_items "$other"; done | sort -u
}

# The wanted ones are the same as long as the version is: the supervisor asks every second.
declare -A wanted_cache
is_live() {
  local live
  [[ -v wanted_cache[$1] ]] || wanted_cache[$1]=$(wanted_items "$1")
  live=$(live_items)
  # Other instances' items stand under the same protocol number.
  [[ $live == "${wanted_cache[$1]}" ]] || [[ $(comm -23 <(say "$live") <(comm -23 <(items_of_others) <(say "${wanted_cache[$1]}"))) == "${wanted_cache[$1]}" ]]
}

check() {
  need ip perl awk
  local line other prefix server hop direct known
  [[ $(</proc/sys/net/ipv4/ip_forward) == 1 ]] ||
    fail "this machine forwards no packets, so it is no router; nothing was changed. Set net.ipv4.ip_forward=1 (sysctl.d)"
  for other in $(others); do
    line=$(awk 'NR == FNR { mine[$1]; next } $1 in mine { print $1; exit }' "$bundle/want/routes" "$other/want/routes")
    [[ -z $line ]] || fail "$line is already routed by stack $(meta_of "$other" stack); nothing was changed. Take it out of one of the two"
  done
  # One process for all of them: this is the time a failover takes.
  direct=$(awk '{ print "route get", $3 }' "$bundle/want/routes" | ip -4 -force -batch - 2>/dev/null || true)
  known=$(prefixes_of_all_versions)
  while read -r prefix server hop; do
    [[ $'\n'$direct == *$'\n'"$hop dev "* ]] ||
      fail "$server ($hop) is not on a network of this router ($(ip -4 route get "$hop" 2>&1 | head -n 1)); nothing was changed. Check the router's Ethernet address"
    if [[ $'\n'$known$'\n' != *$'\n'"$prefix"$'\n'* ]]; then
      line=$(ip -4 route show exact "$prefix" table main | grep -v "metric $metric" | head -n 1 || true)
      [[ -z $line ]] || fail "somebody else routes $prefix already ($line); nothing was changed. Remove that route first"
    fi
  done <"$bundle/want/routes"
  line=$(ip -4 rule show pref "$proof_preference")
  [[ -z $line || $line == *" lookup $proof_table"* ]] ||
    fail "routing rule preference $proof_preference, which the proof needs, is taken: $line; nothing was changed"
  moves=$(comm -13 <(live_items) <(awk '{ print $1, "via", $3 }' "$bundle/want/routes" | sort))
  [[ -z $moves ]] || prove
}

# vips_in PREFIXES: the checks of the VIPs that lie in these prefixes, with the server that shall get them.
moving_checks() {
  awk '
    function number(address,  part) { split(address, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
    FILENAME ~ /moves$/ { split($1, p, "/"); size = 2 ^ (32 - p[2]); first = number(p[1]); moving[first] = size; next }
    FILENAME ~ /routes$/ { split($1, p, "/"); first = number(p[1]); if (first in moving) { low[++count] = first; high[count] = first + moving[first]; server[count] = $2 }; next }
    {
      vip = number($1)
      for (i = 1; i <= count; i++) if (vip >= low[i] && vip < high[i]) {
        if ($3 == "http") printf "http\t%s\t80\t%s\t%s\t200\t%s\t%s on %s\n", $1, $4, $5, (present ? "-" : server[i] " " $2), "site " $2, server[i]
        else if ($3 == "tcp") printf "tcp\t%s\t%s\t%s on %s\n", $1, $4, $2, server[i]
        else printf "ping\t%s\t%s on %s\n", $1, $2, server[i]
      }
    }' present="$1" "$proof/moves" "$bundle/want/routes" "$bundle/want/private/vips"
}

# Nothing moves to a server that does not answer there. Asked as a client would: the answer must find its way back
# to an address outside the Ethernet, which a server without a default route can't do.
prove() {
  local source
  source=$(proof_source)
  proof=$(mktemp -d "$run/proof.XXXXXX")
  say "$moves" >"$proof/moves"
  moving_checks '' >"$proof/all"
  [[ -s $proof/all ]] || return 0

  begin_proof_path
  if ask --deadline 0 <"$proof/all" >"$proof/answers"; then
    cut -f 2 "$proof/answers" | sort -u >"$proof/proven"
  else
    prove_what_is_served
  fi
  end_proof_path
}

# Asked of the new server: what the present one answers, or answered when it was last proved. What nobody serves
# yet, a new site on a sick server for one, must not keep traffic from moving.
prove_what_is_served() {
  local bad silent
  end_proof_path
  moving_checks 1 >"$proof/asked"
  answering --timeout 1 <"$proof/asked" >"$proof/present"
  [[ ! -e $state/proven ]] || cat "$state/proven" >>"$proof/present"
  checks_of "$proof/present" >"$proof/required"
  [[ -s $proof/required ]] || cp "$proof/all" "$proof/required"

  begin_proof_path
  if ! ask --deadline 4 <"$proof/required" >"$proof/answers"; then
    silent=$(silent_server)
    [[ -z $silent ]] || fail "$silent does not answer at all; nothing was moved. Is it up?"
    if ! ask --deadline 26 <"$proof/required" >"$proof/answers"; then
      bad=$(awk -F '\t' '$1 == "fail" { print $3 " does not answer for " $2 ": " $4; exit }' "$proof/answers")
      fail "$bad; nothing was moved. Asked from $source: check that server's vhosts, its VIPs and its default route"
    fi
  fi
  answering <"$proof/all" >"$proof/proven"
  comm -23 <(sort "$proof/all") <(checks_of "$proof/proven" | sort) | awk -F '\t' '{ print $2 "\t" $NF }' |
    while IFS=$'\t' read -r vip label; do warn "$label does not answer for $vip, as no server did before"; done
}

# The checks of the VIPs that a file lists.
checks_of() { awk -F '\t' 'FILENAME != ARGV[2] { listed[$1]; next } $2 in listed' "$1" "$proof/all"; }
# VIPs that answer now, of the checks on stdin.
answering() { { ask --deadline 0 "$@" || true; } | awk -F '\t' '$1 == "ok" { print $2 }' | sort -u; }
ask() { perl "$scripts/probe.pl" --source "$source" "$@"; }

proof_source() {
  local source device
  source=$(setting proof_source)
  if [[ $source ]]; then
    say "$source"
    return
  fi
  device=$(awk '{ print "route get", $3; exit }' "$bundle/want/routes" | ip -4 -batch - | awk '{ print $3; exit }')
  source=$(ip -4 -o address show scope global | awk -v device="$device" '$2 != device { sub(/\/.*/, "", $4); print $4; exit }')
  [[ $source ]] || fail "this router has no address outside the Ethernet to ask the servers from; nothing was changed. Name one: routers.$machine.proofSource"
  say "$source"
}

# A server that is gone: the kernel has given up resolving its address. Bound too late looks different.
silent_server() {
  local prefix server hop
  while read -r prefix server hop; do
    if grep -q "^$prefix " "$proof/moves" && ip -4 neigh show to "$hop" | grep -q -e FAILED -e INCOMPLETE; then
      say "$server ($hop)"
      return
    fi
  done <"$bundle/want/routes"
}

# The rule comes first and goes last: it is what the next run knows a proof by that was killed.
begin_proof_path() {
  end_proof_path
  ip -4 rule add from "$source" lookup "$proof_table" pref "$proof_preference"
  awk -v table="$proof_table" '{ print "route replace", $1, $2, $3, "table", table }' "$proof/moves" | ip -4 -batch -
}
end_proof_path() {
  ip -4 route flush table "$proof_table" 2>/dev/null || true
  ip -4 rule del pref "$proof_preference" lookup "$proof_table" 2>/dev/null || true
}
cleanup() {
  [[ ${proof:-} ]] || return 0
  end_proof_path
  rm -rf "$proof"
}

# What was proven is asked again before the next move.
prepare() {
  [[ -e ${proof:-}/proven ]] || return 0
  touch "$state/proven"
  sort -u "$proof/proven" "$state/proven" | comm -12 - <(awk '{ print $1 }' "$bundle/want/private/vips" | sort) >"$state/proven.new"
  mv "$state/proven.new" "$state/proven"
}

activate() {
  local dir=$1 live force=()
  live=$(live_items)
  if grep -qx rule <<<"$live"; then end_proof_path; fi
  # The supervisor restores what it can (a link may still be down) and leaves alone what somebody else put in our place.
  [[ ! ${restoring:-} ]] || force=(-force)
  {
    comm -13 <(say "$live") <(wanted_items "$dir") | while read -r line; do
      if ! { [[ ${restoring:-} && $line == *' via '* ]] && ip -4 route show exact "${line%% *}" table main | grep -v "proto $protocol" | grep -qv "metric $metric"; }; then
        say "route replace $line proto $protocol$([[ $line != unreachable* ]] || say " metric $metric")"
      fi
    done
    # After the new ones, in the same batch: what no version in force wants any more.
    comm -23 <(say "$live") <({ wanted_items "$dir"; items_of_others; } | sort -u) |
      awk -v ours="$(prefixes_of_all_versions | tr '\n' ' ')" -v kept="$(wanted_items "$dir" | awk '{ print $1 }' | tr '\n' ' ')" '
        BEGIN { split(ours, a, " "); for (i in a) own[a[i]]; split(kept, b, " "); for (i in b) keep[b[i]] }
        $1 == "unreachable" ? $2 in own : $1 in own && !($1 in keep) { print "route del", $0, "proto '"$protocol"'" }'
  } | ip -4 "${force[@]}" -batch -
}

# The forwarding table has the last word: a rule or a longer foreign prefix shadows a route that is there.
verify() {
  local prefix server hop network address found
  found=$(awk '{ sub(/\/.*/, "", $1); split($1, part, "."); part[4]++; print "route get", part[1] "." part[2] "." part[3] "." part[4] }' "$1/want/routes" |
    ip -4 -force -batch - 2>/dev/null || true)
  while read -r prefix server hop; do
    network=${prefix%/*}
    address=${network%.*}.$((${network##*.} + 1))
    [[ $'\n'$found == *$'\n'"$address via $hop "* ]] ||
      fail "$prefix should go to $server ($hop), but the kernel forwards $address so: $(ip -4 route get "$address" 2>&1 | head -n 1). Somebody else's route or rule is in the way"
  done <"$1/want/routes"
}

report() {
  awk 'NR == FNR { moved[$1]; next } { print $1, "is served by", $2, "(" $3 ")" ($1 in moved ? ", moved" : "") }' <(say "${moves:-}") "$1/want/routes"
}

drift() {
  local missing
  missing=$(comm -23 <(wanted_items "$1") <(live_items))
  [[ $missing ]] || return 0
  say "- route ${missing//$'\n'/$'\n'- route }"
  awk '{ print "route show table main exact", ($1 == "unreachable" ? $2 : $1) }' <<<"$missing" | ip -4 -force -batch - | sed 's/^/+ route /; s/ *$//'
}

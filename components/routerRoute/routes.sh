# shellcheck shell=bash disable=SC2154
# What all routers share on which bash runs: the wanted files, what must be possible, the proof, the result.
#   want/routes         PREFIX SERVER NEXT-HOP
#   want/servers        NAME ADDRESS up|down MARK TABLE
#   want/block          packets to addresses of the block that nobody has end here instead of circling
#   want/private/vips   VIP,VIP,... SITE http HOST PATH [CHECK-PATH [https]] | tcp PORT [GREETING] | dns ZONE | ping: what the new server must
#                       answer before a prefix moves
#   want/settings       server_subnet=PREFIX  check_source=ADDRESS|""  (addresses the proof is asked from)  pin_flows=yes|no
#                       mark_mask=0x…  rule_priority=NUMBER  confirm_seconds=NUMBER  check_seconds=NUMBER  helpers=NAME,PROTOCOL,PORT ...
# A kind adds live_items (PREFIX via HOP and "unreachable PREFIX", for all of ours that the kernel has), is_live and activate.
readonly proof_table=7676 proof_preference=7676
# shellcheck source-path=SCRIPTDIR source=forwarding.sh
. "$scripts/forwarding.sh"
# shellcheck source-path=SCRIPTDIR source=obstacles.sh
. "$scripts/obstacles.sh"
# shellcheck source-path=SCRIPTDIR source=inside.sh
. "$scripts/inside.sh"
# shellcheck source-path=SCRIPTDIR source=askers.sh
. "$scripts/askers.sh"
# shellcheck source-path=SCRIPTDIR source=siteHealth.sh
. "$scripts/siteHealth.sh"

# setting DIR NAME: of a bundle.
setting() { value_in "$1/want/settings" "$2"; }

# A change of routes may cut off whoever makes it.
confirm_seconds() { setting "$1" confirm_seconds; }
# What check() found to move needs no second look.
changes() { [[ ${moves:-} ]] || ! is_live "$1"; }

readonly move_command=/usr/local/sbin/loopback-ha-move
install_command() {
  install_file "$move_command" 755 <"$scripts/move.sh"
  install_guard
}
remove_command() {
  [[ $(others)$(siblings) ]] || rm -f "$move_command"
  remove_guard
}
# For kinds that can have a guard.
install_guard() { :; }
remove_guard() { :; }

# "PREFIX via HOP" and "unreachable BLOCK", as a bundle wants them; nothing without a bundle.
wanted_routes() {
  [[ ! $1 ]] || awk 'FILENAME ~ /block$/ { print "unreachable", $1; next } { print $1, "via", $3 }' "$1/want/routes" "$1/want/block"
}

# What a kind adds to these two, if it does.
check_kind() { :; }
verify_kind() { :; }

# This component under another kind: a changed kind is there before the former one goes, and takes over from it.
siblings() {
  local dir
  for dir in "$root/${instance%.*}".*/current; do
    if [[ -e $dir/want/routes && $dir != "$state"/* && ${dir#"$root/${instance%.*}."} != *.*/current ]]; then say "$dir"; fi
  done
}

routes_of_siblings() {
  local dir
  for dir in $(siblings); do awk '{ print $1, "via", $3, "" }' "$dir/want/routes"; done
}

# Bundles of other components, whatever the kind: a prefix is routed by one of them.
others() {
  local routes
  for routes in "$root"/*/current/want/routes; do
    if [[ -e $routes && $routes != "$state"/* && $'\n'$(siblings)$'\n' != *$'\n'"${routes%/want/routes}"$'\n'* ]]; then say "${routes%/want/routes}"; fi
  done
}

check() {
  need ip perl awk
  local line other
  note_moves
  # Of a loopback-ha-move that was killed, or an apply.sh by hand: we have the lock.
  rm -rf "$run"/proof.*
  check_forwarding
  for other in $(others); do
    line=$(awk 'NR == FNR { mine[$1]; next } $1 in mine { print $1; exit }' "$bundle/want/routes" "$other/want/routes")
    [[ -z $line ]] || fail "$line is already routed by stack $(meta_of "$other" stack); nothing was changed. Remove it from one of the two stacks"
  done
  check_next_hops
  check_foreign_routes
  line=$(ip -4 rule show pref "$proof_preference")
  [[ -z $line || $line == *" lookup $proof_table"* ]] ||
    fail "routing rule priority $proof_preference, which health checks before a move need, is already used: $line; nothing was changed"
  check_kind
  [[ $moves ]] || return 0
  check_inside
  prove
}

check_next_hops() {
  local wrong server hop
  wrong=$(awk '{ print "route get", $3 }' "$bundle/want/routes" | sort -u | ask_kernel |
    awk 'FILENAME !~ /routes$/ { if ($2 == "dev") direct[$1]; next } !($3 in direct) { print $2, $3; exit }' - "$bundle/want/routes")
  [[ $wrong ]] || return 0
  read -r server hop <<<"$wrong"
  fail "$server ($hop) is not on a network of this router ($(kernels_way "$hop")); nothing was changed. Check the router's Ethernet address"
}

# ask_kernel <COMMANDS: what can't be answered is left out.
ask_kernel() { ip -4 -force -batch - 2>/dev/null || true; }

# A prefix that none of our versions had may be somebody else's.
check_foreign_routes() {
  local new line
  new=$(awk -v wanted_file="$bundle/want/routes" 'FILENAME != wanted_file { had[$1]; next } !($1 in had) { print $1 }' <(of_all_versions routes) "$bundle/want/routes")
  [[ $new ]] || return 0
  line=$(main_routes <<<"$new" | grep -v "metric $metric" | grep -vF -f <(routes_of_siblings | sed 's|/32 | |') | head -n 1 || true)
  [[ -z $line ]] || fail "${line%% *} already has a route not managed by this stack ($line); nothing was changed. Remove that route first"
}
# main_routes <PREFIXES: the main table's routes to exactly these, all within the block. One question for all: each takes a
# second where the table is the Internet's.
main_routes() {
  awk '
    function plain(prefix) { sub(/\/32$/, "", prefix); return prefix }
    FILENAME == "-" { if (NF) asked[plain($1)]; next }
    !/^[ \t]/ { shown = plain($1 ~ /^[0-9]/ ? $1 : $2) in asked }
    shown { sub(/ nhid [0-9]*/, ""); print }' - <(ip -4 route show root "$(<"$bundle/want/block")" table main)
}

# What the kernel says of what the bundle wants, whatever else it routes: one address of each prefix, the next hops, and
# one of the block that nobody has. Other words are a reason to look at all of it.
# shellcheck disable=SC2034
glance() {
  [[ ${questions:-} ]] || questions=$(sample_addresses "$bundle" | glance_questions; questions_of_kind)
  glanced=$(exec ip -4 -force -batch - <<<"$questions" 2>&1) || true
  glance_of_kind
}
glance_questions() {
  awk -v ethernet="$(setting "$bundle" server_subnet)" '
    function number(address,  part) { split(address, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
    function address(n,  text, i) { for (i = 0; i < 4; i++) { text = n % 256 (i ? "." text : ""); n = int(n / 256) } return text }
    function note(prefix,  p) { split(prefix, p, "/"); low[++count] = number(p[1]); end[count] = low[count] + 2 ^ (32 - p[2]) }
    function is_free(n,  i) { for (i = 1; i <= count; i++) if (n >= low[i] && n < end[i]) return 0; return n < last }
    FILENAME == "-" { note($2); print "route get fibmatch", $1; if (!hops[$4]++) print "route get fibmatch", $4; next }
    {
      split($1, p, "/"); last = number(p[1]) + 2 ^ (32 - p[2])
      if (ethernet != "") note(ethernet)
      if (is_free(last - 1)) { print "route get fibmatch", address(last - 1); exit }
      for (i = 1; i <= count; i++) if (is_free(end[i])) { print "route get fibmatch", address(end[i]); exit }
    }' - "$bundle/want/block"
}
questions_of_kind() { :; }
glance_of_kind() { :; }

# vip_checks DIR: a bundle's want/private/vips, a line for each VIP.
vip_checks() { awk '{ count = split($1, vip, ","); for (i = 1; i <= count; i++) print vip[i] substr($0, length($1) + 1) }' "$1/want/private/vips"; }

# For awk: a line of vip_checks as probe.pl asks it, ANSWER being what http must say, and what it asks in words.
readonly check_functions='
  function question(line, answer, label,  f, greeting) {
    split(line, f, " ")
    if (f[3] == "http") return sprintf("http\t%s\t80\t%s\t%s\t200\t%s\t%s", f[1], f[4], f[5], answer, label)
    if (f[3] == "dns") return sprintf("dns\t%s\t53\t%s\t%s", f[1], f[4], label)
    if (f[3] != "tcp") return sprintf("ping\t%s\t%s", f[1], label)
    greeting = line
    sub(/^[^ ]+ [^ ]+ tcp [^ ]+ ?/, "", greeting)
    return sprintf("tcp\t%s\t%s\t%s\t%s", f[1], f[4], greeting == "" ? "-" : greeting, label)
  }
  function subject(line,  f) {
    split(line, f, " ")
    if (f[3] == "http") return "site " f[2]
    if (f[3] == "dns") return "zone " f[4] " of " f[2]
    return (f[3] == "tcp" ? "port " f[4] " of " : "") f[2]
  }'

# moving_checks PRESENT: the checks of the VIPs that lie in the moving prefixes, for probe.pl. A label ends with the server
# that shall get them, " on SERVER". With PRESENT any server's answer will do.
moving_checks() {
  vip_checks "$bundle" | awk "$check_functions"'
    function number(address,  part) { split(address, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
    FILENAME ~ /moves$/ { moving[$1]; next }
    FILENAME ~ /routes$/ { if ($1 in moving) { split($1, p, "/"); low[++count] = number(p[1]); high[count] = low[count] + 2 ^ (32 - p[2]); server[count] = $2 }; next }
    {
      vip = number($1)
      for (i = 1; i <= count; i++)
        if (vip >= low[i] && vip < high[i]) print question($0, present ? "-" : server[i] " " $2, subject($0) " on " server[i])
    }' present="$1" "$proof/moves" "$bundle/want/routes" -
}

# Nothing moves to a server that does not answer there. Asked as a client would: the answer must find its way back
# to an address outside the Ethernet, which a server without a default route can't do.
prove() {
  local source
  source=$(check_source)
  # Where receive.sh takes it away, should we be killed.
  proof=$(mktemp -d "${LOOPBACK_HA_SCRATCH:-$run}/proof.XXXXXX")
  say "$moves" >"$proof/moves"
  moving_checks '' >"$proof/all"
  [[ -s $proof/all ]] || return 0

  note_present_sites
  begin_proof_path
  if ask_each "$proof/all" --deadline 0; then
    answered <"$proof/answers" >"$proof/proven"
  elif [[ ${LOOPBACK_HA_FORCE_MOVE:-} ]]; then
    move_unproved
  else
    prove_what_is_served
  fi
  compare_sites
  end_proof_path
}

# Asked of the new server: what the present one answers, or answered when it was last proved. What nobody serves
# yet, a new site on a sick server for one, must not keep traffic from moving.
prove_what_is_served() {
  local bad silent patience
  patience=$(setting "$bundle" check_seconds)
  end_proof_path
  moving_checks 1 >"$proof/asked"
  ask_each "$proof/asked" --deadline 0 --timeout 1 || true
  answered <"$proof/answers" >"$proof/present"
  cp "$proof/answers" "$proof/now"
  : >"$proof/odd"
  [[ ! -e $state/proven ]] || cat "$state/proven" >>"$proof/present"
  checks_of "$proof/present" >"$proof/required"
  [[ -s $proof/required ]] || cp "$proof/all" "$proof/required"

  begin_proof_path
  if ! ask_each "$proof/required" --deadline 4 && ! enough; then
    silent=$(silent_server)
    awk -v server="${silent%% *}" 'FILENAME != "-" { moving[$1]; next } ($1 in moving) && $2 == server { print $1 }' "$proof/moves" - <"$bundle/want/routes" | note_unmoved
    [[ -z $silent ]] || fail "$silent does not answer at all; nothing was moved. Is it running? If it is dead, set its state to down and run pulumi up again"
    if ! ask_each "$proof/required" --deadline "$((patience - 4))" && ! enough; then
      bad=$(awk -F '\t' 'FILENAME == ARGV[1] { odd[$0]; next } $1 == "fail" && !($0 in odd) { print $2 "\t" $3 " does not answer for " $2 ": " $4 }' "$proof/odd" "$proof/answers")
      cut -f 1 <<<"$bad" | prefixes_of | note_unmoved
      bad=${bad%%$'\n'*}
      bad=${bad#*$'\t'}
      fail "$bad; nothing was moved. It was asked from $source: check that server's service, its VIPs and its default route, and that its route back to $source goes through this router (routers.$machine.checkSource sets another address to ask from)"
    fi
  fi
  head -n 3 "$proof/odd" | while IFS=$'\t' read -r _ vip label reason _; do
    warn "$label answers $reason for $vip, but so does the server that has it now: any answer is accepted then"
  done
  ask_each "$proof/all" --deadline 0 || true
  answered <"$proof/answers" >"$proof/proven"
  awk -F '\t' '{ sub(/ on [^ ]+$/, "", $3); print $2 "\t" $3 }' "$proof/odd" | cat - "$proof/proven" >"$proof/fair"
  comm -23 <(sort "$proof/all") <(checks_of "$proof/fair" | sort) | awk -F '\t' '{ print $2 "\t" $NF }' |
    while IFS=$'\t' read -r vip label; do warn "$label does not answer for $vip, but neither did any server before"; done
}

# note_unmoved <PREFIXES: for which the proof fails. loopback-ha-move moves the others then.
note_unmoved() { cat >>"${LOOPBACK_HA_UNMOVED:-/dev/null}"; }
# prefixes_of <VIPS: those in which these lie, one of a single address included.
prefixes_of() {
  awk "$prefix_functions"'FILENAME == wanted_file { note($0); next } { split(within($1 "/33"), field, " "); print field[1] }' wanted_file="$bundle/want/routes" "$bundle/want/routes" - | sort -u
}

# Any answer is an answer: what came, in $proof/odd, with another status than that of our virtual host is enough where the
# server that has the VIP now answers the same, or not at all. 404 and 421, from a dead one's successor, say that the site
# is not there: Apache has not our text, or only that for unknown names. Fails where anything else is amiss.
enough() {
  awk -F '\t' '
    function key(label) { sub(/ on [^ ]+$/, "", label); return $2 FS label }
    FILENAME == ARGV[1] { now[key($3)] = $1 == "ok" ? "ok" : $5; next }
    $1 != "fail" { next }
    {
      before = now[key($3)]
      same = before == $5
      nobody = before ~ /^(refused|unreachable|silent|late)$/ && $5 != "status 404" && $5 != "status 421"
      if ($5 ~ /^status [0-9]+$/ && (same || nobody)) print; else lacking = 1
    }
    END { exit lacking }' "$proof/now" "$proof/answers" >"$proof/odd"
}

# For this one run somebody knows better.
move_unproved() {
  answered <"$proof/answers" >"$proof/proven"
  awk -F '\t' '$1 == "fail" { print $3 " does not answer for " $2 ": " $4 }' "$proof/answers" >"$proof/skipped"
  head -n 10 "$proof/skipped" | while read -r line; do warn "LOOPBACK_HA_FORCE_MOVE: moved although $line"; done
  (($(wc -l <"$proof/skipped") <= 10)) || warn "LOOPBACK_HA_FORCE_MOVE: and $(($(wc -l <"$proof/skipped") - 10)) more VIPs"
}

# A check is known by its VIP and its label without the server: "VIP TAB WHAT". A VIP may have several.
# checks_of FILE: those that it lists.
checks_of() { awk -F '\t' 'FILENAME != ARGV[2] { listed[$0]; next } { what = $NF; sub(/ on [^ ]+$/, "", what) } ($2 FS what) in listed' "$1" "$proof/all"; }
# Those that were answered, of what probe.pl says.
answered() { awk -F '\t' '$1 == "ok" { sub(/ on [^ ]+$/, "", $3); print $2 "\t" $3 }' | sort -u; }
# ask_each QUESTIONS [OPTION...]: into $proof/answers; fails where one is not answered well. A prober that dies has not asked all,
# and then what it said proves nothing, in either direction.
ask_each() {
  local questions=$1 result=0 died
  shift
  ask "$@" <"$questions" >"$proof/answers" || result=$?
  if (($(grep -c -e $'^ok\t' -e $'^fail\t' "$proof/answers") == $(wc -l <"$questions"))); then return "$result"; fi
  died="the health check on this router ended without a result (killed, or out of memory: see dmesg)"
  [[ ${LOOPBACK_HA_FORCE_MOVE:-} ]] || fail "$died; nothing was moved"
  warn "LOOPBACK_HA_FORCE_MOVE: moved although $died"
  return 1
}
ask() { perl "$scripts/probe.pl" --source "$source" "$@"; }

check_source() {
  local source device
  source=$(setting "$bundle" check_source)
  if [[ $source ]]; then
    say "$source"
    return
  fi
  device=$(awk '{ print "route get", $3; exit }' "$bundle/want/routes" | ip -4 -batch - | awk '{ print $3; exit }')
  source=$(ip -4 -o address show scope global | usual_source "$device")
  [[ $source ]] || fail "this router has no address outside the servers' subnet to check the servers from; nothing was changed. Set one: routers.$machine.checkSource"
  say "$source"
}

# usual_source ETHERNET <ADDRESSES as `ip -4 -o address` shows them: the first outside the Ethernet. One of a bridge for
# containers or guests only where there is no other: the servers may have the same, and then their answers come back nowhere.
readonly bridge_names='^(docker|br-|virbr|lxcbr|lxdbr|incusbr|podman|cni|veth|vnet|flannel|cali|nerdctl)'
usual_source() {
  awk -v ethernet="$1" -v bridges="$bridge_names" '
    $2 == ethernet { next }
    { address = $4; sub(/\/.*/, "", address) }
    $2 ~ bridges { if (bridge == "") bridge = address; next }
    source == "" { source = address }
    END { if (source bridge != "") print source == "" ? bridge : source }'
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
  [[ ! $(ip -4 rule show pref "$proof_preference") ]] || end_proof_path
  {
    say "rule add from $source lookup $proof_table pref $proof_preference"
    awk -v table="$proof_table" '{ print "route replace", $1, $2, $3, "table", table }' "$proof/moves"
  } | ip -4 -batch -
}
end_proof_path() {
  printf '%s\n' "route flush table $proof_table" "rule del pref $proof_preference lookup $proof_table" | ip -4 -force -batch - >/dev/null 2>&1 || true
}
cleanup() {
  [[ ${proof:-} ]] || return 0
  end_proof_path
  rm -rf "$proof"
}

# Where all that differs are next hops, one of the servers that lost prefixes answers for none of them, and the servers
# that got them answer for all.
better_kept() {
  local now=$1 former=$2 bundle=$2 file source proof kept=1
  for file in settings block; do cmp -s "$now/want/$file" "$former/want/$file" || return 1; done
  cmp -s <(awk '{ print $1 }' "$now/want/routes" | sort) <(awk '{ print $1 }' "$former/want/routes" | sort) || return 1
  source=$(check_source) || return 1
  proof=$(mktemp -d "$run/proof.XXXXXX") || return 1
  comm -13 <(wanted_routes "$now" | sort) <(wanted_routes "$former" | sort) >"$proof/moves"
  moving_checks '' >"$proof/all"
  begin_proof_path
  # Twice: one late answer is no death.
  if ask --deadline 0 --timeout 1 <"$proof/all" >"$proof/answers" || [[ ! $(silent_in "$proof/answers") ]] ||
    ask --deadline 0 --timeout 2 <"$proof/all" >>"$proof/answers" || [[ ! $(silent_in "$proof/answers") ]]; then
    kept=
  else
    bundle=$now
    comm -23 <(wanted_routes "$now" | sort) <(wanted_routes "$former" | sort) >"$proof/moves"
    moving_checks '' >"$proof/all"
    begin_proof_path
    mv "$proof/answers" "$proof/now"
    [[ -s $proof/all ]] && { ask --deadline 4 <"$proof/all" >"$proof/answers" || enough; } || kept=
  fi
  end_proof_path
  rm -rf "$proof"
  [[ $kept ]]
}
# silent_in ANSWERS: the servers that answered nothing, not even with another status or words. A prober that was killed says nothing of anybody.
silent_in() {
  awk -F '\t' '{ server = $3; sub(/.* on /, "", server); asked[server] } $1 == "ok" || $5 ~ /^(status|other)/ { alive[server] }
    END { for (server in asked) if (!(server in alive)) print server }' "$1"
}

# What was proven is asked again before the next move.
prepare() {
  [[ -e ${proof:-}/proven ]] || return 0
  touch "$state/proven"
  sort -u "$proof/proven" "$state/proven" | awk 'FILENAME != "-" { wanted[$1]; next } $1 in wanted' <(vip_checks "$bundle") - >"$state/proven.new"
  replace "$state/proven.new" "$state/proven"
}

# ADDRESS PREFIX SERVER NEXT-HOP: one address of each prefix of a bundle, the first host's where it has hosts.
sample_addresses() {
  awk '{ split($1, p, "/"); split(p[1], part, "."); if (p[2] < 31) part[4]++; print part[1] "." part[2] "." part[3] "." part[4], $0 }' "$1/want/routes"
}

kernels_way() { { ip -4 route get "$@" 2>&1 || true; } | head -n 1; }
# told_way ANSWER WHAT: where the kernel sends packets that should go elsewhere, and why that may be.
told_way() {
  if [[ $1 == *"RTNETLINK answers: "* ]]; then
    say "has no route there (${1#*RTNETLINK answers: }): is the link to the servers down? See: ip -br link; ip -4 route"
  else
    say "forwards them like this: $1. A $2 not managed by this stack is in the way"
  fi
}

# The forwarding table has the last word: a rule or a longer foreign prefix shadows a route that is there.
verify() {
  local wrong
  {
    sample_addresses "$1"
    addresses_of_rules "$1"
  } >"$run/samples"
  verify_kind "$1"
  verify_inside "$1"
  wrong=$(awk '{ print "route get", $1 }' "$run/samples" | ask_kernel |
    awk 'FILENAME !~ /samples$/ { goes[$1 " " $3]; next } !(($1 " " $4) in goes)' - "$run/samples")
  [[ $wrong ]] || wrong=$(led_elsewhere)
  fail_or_warn 2 told_wrong "$wrong"
  warn_of_losses
}
# told_wrong "ADDRESS PREFIX SERVER NEXT-HOP [WAY]"
told_wrong() {
  local address prefix server hop way
  read -r address prefix server hop way <<<"$1"
  say "$prefix should go to $server ($hop), but packets to $address don't: the kernel $(told_way "${way:-$(kernels_way "$address")}" "route or rule")"
}

report() {
  awk 'NR == FNR { moved[$1]; next } { print $1, "is served by", $2, "(" $3 ")" ($1 in moved ? ", moved" : "") }' <(say "${moves:-}") "$1/want/routes"
}

# For what will move: "live PREFIX HOP" of this instance's prefixes, or "live -" when none is routed.
live_routes() {
  live_items | awk 'FILENAME != "-" { ours[$1]; next } $2 == "via" && ($1 in ours) { print "live\t" $1, $3; any = 1 } END { if (!any) print "live\t-" }' "$bundle/want/routes" -
}

# For drift: what loopback-ha-move did since pulumi was last here.
moved_by_hand() {
  [[ ! -e $state/current/moved ]] || awk '{ print "- " $1 " via " $2; print "+ " $1 " via " $3 ", moved on the router at " $4 "; to keep it: overrides[\"" $1 "\"] = " $3 }' "$state/current/moved"
}

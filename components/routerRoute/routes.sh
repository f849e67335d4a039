# shellcheck shell=bash
# What all routers that run bash share: the wanted files, the preflight checks, the health check before a move, the result.
#   want/routes         PREFIX SERVER NEXT-HOP
#   want/servers        NAME ADDRESS up|down MARK TABLE
#   want/block          packets to unused addresses of the block are dropped here, so that they do not loop
#   want/private/vips   VIP,VIP,... SITE http HOST PATH [CHECK-PATH [https]] | tcp PORT [GREETING] | dns ZONE | ping: what the new server must
#                       answer before a prefix moves
#   want/settings       server_subnet=PREFIX  check_source=ADDRESS|""  (the health check asks from it)  pin_flows=yes|no
#                       mark_mask=0x…  rule_priority=NUMBER  confirm_seconds=NUMBER  check_seconds=NUMBER  helpers=NAME,PROTOCOL,PORT ...
# A kind adds live_items ("PREFIX via HOP" and "unreachable PREFIX" of all loopback-ha routes in the kernel), is_live and activate.
# It may define, instead of the empty ones below: check_kind and check_foreign_routes (in check), verify_kind (in verify),
# questions_of_kind and glance_of_kind (in glance).
: "${scripts?}" "${bundle?}" "${root?}" "${run?}" "${state?}" "${instance?}" "${machine?}"
readonly check_table=7676 check_preference=7676
# Has the process number of a run that asks servers before a move. It holds the lock, and has changed nothing yet.
readonly asking=$run/asking.$instance
is_asked() {
  local pid
  read -r pid 2>/dev/null <"$asking" && kill -0 "$pid" 2>/dev/null
}
# Of the health check before a move: its folder, and the router's address that it asks from.
checks='' check_from=''
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
# shellcheck source-path=SCRIPTDIR source=networkd.sh
. "$scripts/networkd.sh"

# setting DIR NAME: of a bundle.
setting() { value_in "$1/want/settings" "$2"; }

# A change of routes may cut off the operator's own connection.
confirm_seconds() { setting "$1" confirm_seconds; }
# When check() has found something to move, is_live need not look again.
changes() { [[ $moves ]] || ! is_live "$1"; }

readonly move_command=/usr/local/sbin/loopback-ha-move
install_command() {
  install_file "$move_command" 755 <"$scripts/move.sh"
  install_networkd_setting
  install_guard
}
remove_command() {
  if [[ ! $(others)$(siblings) ]]; then
    rm -f "$move_command"
    remove_networkd_setting
  fi
  remove_textfile
  remove_guard
}
# For kinds that can write one.
remove_textfile() { :; }
# For kinds that can have a guard.
install_guard() { :; }
remove_guard() { :; }

# wanted_routes DIR: "PREFIX via HOP" and "unreachable BLOCK" as that bundle wants them; nothing for "".
wanted_routes() {
  [[ ! $1 ]] || awk 'FILENAME ~ /block$/ { print "unreachable", $1; next } { print $1, "via", $3 }' "$1/want/routes" "$1/want/block"
}

# What a kind may add to `check` and `verify`.
check_foreign_routes() { :; }
check_kind() { :; }
verify_kind() { :; }

# This component's bundles under another kind: when the kind changes, the new one is installed first and takes over, then the former
# one is removed.
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

# Bundles of other components, of any kind. Only one of all may route a prefix.
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
  # Left by a loopback-ha-move, or an apply.sh run by hand, that was killed: this run has the lock.
  ! compgen -G "$run/checks.*" >/dev/null || rm -rf "$run"/checks.*
  check_forwarding
  for other in $(others); do
    line=$(awk 'NR == FNR { mine[$1]; next } $1 in mine { print $1; exit }' "$bundle/want/routes" "$other/want/routes")
    [[ -z $line ]] || fail "$line is already routed by stack $(meta_of "$other" stack); nothing was changed. Remove it from one of the two stacks"
  done
  check_next_hops
  check_foreign_routes
  line=$(ip -4 rule show pref "$check_preference")
  [[ -z $line || $line == *" lookup $check_table"* ]] ||
    fail "routing rule priority $check_preference, which health checks before a move need, is already used: $line; nothing was changed"
  check_kind
  [[ $moves ]] || return 0
  check_inside
  # Where /run is full, the supervisor waits for us.
  { say "$$" >"$asking"; } 2>/dev/null || true
  check_before_move
  rm -f "$asking"
}

check_next_hops() {
  local wrong server hop
  wrong=$(awk '{ print "route get", $3 }' "$bundle/want/routes" | sort -u | ask_kernel |
    awk 'FILENAME !~ /routes$/ { if ($2 == "dev") direct[$1]; next } !($3 in direct) { print $2, $3; exit }' - "$bundle/want/routes")
  [[ $wrong ]] || return 0
  read -r server hop <<<"$wrong"
  fail "$server ($hop) is not on a network of this router ($(kernels_way "$hop")); nothing was changed. Check the router's Ethernet address"
}

# ask_kernel <COMMANDS: leaves out what the kernel can't answer.
ask_kernel() { ip -4 -force -batch - 2>/dev/null || true; }

# main_routes <PREFIXES: the main table's routes to exactly these, all in the block. One query for all: with a full Internet table, each
# query takes a second.
main_routes() { awk_file mainRoutes - <(ip -4 route show root "$(<"$bundle/want/block")" table main); }

# Asks the kernel only about what the bundle wants, whatever else it routes: one address of each prefix, the next hops, and one unused
# address of the block. When the answer is not as before, everything is compared.
# shellcheck disable=SC2034
glance() {
  [[ ${questions:-} ]] || questions=$(sample_addresses "$bundle" | glance_questions; questions_of_kind)
  glanced=$(exec ip -4 -force -batch - <<<"$questions" 2>&1) || true
  glance_of_kind
}
glance_questions() { awk_file glanceQuestions -v ethernet="$(setting "$bundle" server_subnet)" - "$bundle/want/block"; }
questions_of_kind() { :; }
glance_of_kind() { :; }

# vip_checks DIR: want/private/vips of a bundle, with one line for each VIP.
vip_checks() { awk '{ count = split($1, vip, ","); for (i = 1; i <= count; i++) print vip[i] substr($0, length($1) + 1) }' "$1/want/private/vips"; }

# moving_checks MOVES [PRESENT]: the checks of the VIPs in the prefixes of the file MOVES (its name ends with "moves"), for probe.pl. A
# label ends with the server that gets them, " on SERVER". With PRESENT any server's answer will do.
moving_checks() { vip_checks "$bundle" | awk_file movingChecks -v present="${2:-}" "$1" "$bundle/want/routes" -; }

# Nothing moves to a server that does not answer for the VIPs. The router asks as a client would, from an address outside the servers'
# subnet: a server without a default route can't answer it.
check_before_move() {
  check_from=$(check_source)
  # Where receive.sh removes it, should this process be killed.
  checks=$(mktemp -d "${LOOPBACK_HA_SCRATCH:-$run}/checks.XXXXXX")
  say "$moves" >"$checks/moves"
  moving_checks "$checks/moves" >"$checks/all"
  [[ -s $checks/all ]] || return 0

  note_present_sites
  begin_check_path
  if ask_each "$checks/all" --deadline 0; then
    answered <"$checks/answers" >"$checks/healthy"
  elif [[ ${LOOPBACK_HA_FORCE_MOVE:-} ]]; then
    move_unchecked
  else
    check_what_is_served
  fi
  compare_sites
  end_check_path
}

# The new server must answer what the present one answers, or answered at the last health check. What no server answers yet, such as
# a new site on a sick server, must not keep traffic from moving.
check_what_is_served() {
  local bad silent patience
  patience=$(setting "$bundle" check_seconds)
  end_check_path
  moving_checks "$checks/moves" 1 >"$checks/asked"
  ask_each "$checks/asked" --deadline 0 --timeout 1 || true
  answered <"$checks/answers" >"$checks/present"
  cp "$checks/answers" "$checks/now"
  : >"$checks/odd"
  [[ ! -e $state/healthy ]] || cat "$state/healthy" >>"$checks/present"
  checks_of "$checks/present" >"$checks/required"
  [[ -s $checks/required ]] || cp "$checks/all" "$checks/required"

  begin_check_path
  if ! ask_each "$checks/required" --deadline 4 && ! enough; then
    silent=$(silent_server)
    awk -v server="${silent%% *}" 'FILENAME != "-" { moving[$1]; next } ($1 in moving) && $2 == server { print $1 }' "$checks/moves" - <"$bundle/want/routes" | note_unmoved
    [[ -z $silent ]] || fail "$silent does not answer at all; nothing was moved. Is it running? If it is dead, set its state to down and run pulumi up again"
    if ! ask_each "$checks/required" --deadline "$((patience - 4))" && ! enough; then
      bad=$(awk -F '\t' 'FILENAME == ARGV[1] { odd[$0]; next } $1 == "fail" && !($0 in odd) { print $2 "\t" $3 " does not answer for " $2 ": " $4 }' "$checks/odd" "$checks/answers")
      cut -f 1 <<<"$bad" | prefixes_of | note_unmoved
      bad=${bad%%$'\n'*}
      bad=${bad#*$'\t'}
      fail "$bad; nothing was moved. It was asked from $check_from: check that server's service, its VIPs and its default route, and that its route back to $check_from goes through this router (routers.$machine.checkSource sets another address to ask from)"
    fi
  fi
  while IFS=$'\t' read -r _ vip label reason _; do
    say "$label answers $reason for $vip, but so does the server that has it now: any answer is accepted then"
  done <"$checks/odd" | warn_each 3 "VIPs with such answers"
  ask_each "$checks/all" --deadline 0 || true
  answered <"$checks/answers" >"$checks/healthy"
  awk -F '\t' '{ sub(/ on [^ ]+$/, "", $3); print $2 "\t" $3 }' "$checks/odd" | cat - "$checks/healthy" >"$checks/fair"
  comm -23 <(sort "$checks/all") <(checks_of "$checks/fair" | sort) | awk -F '\t' '{ print $2 "\t" $NF }' |
    while IFS=$'\t' read -r vip label; do warn "$label does not answer for $vip, but neither did any server before"; done
}

# note_unmoved <PREFIXES: whose health check fails. loopback-ha-move then moves the others.
note_unmoved() { cat >>"${LOOPBACK_HA_UNMOVED:-/dev/null}"; }
# prefixes_of <VIPS: the prefixes that they are in, a /32 included.
prefixes_of() { awk_file prefixesOf "$bundle/want/routes" - | sort -u; }

# enough: whether all bad answers are acceptable; those go to $checks/odd. An answer with another status than expected is good enough where
# the server that has the VIP now answers with the same status, or not at all. 404 and 421 from the successor of a dead server are not:
# the site is not there, as Apache lacks its virtual host, or has only the one for unknown names.
enough() { awk_file acceptedAnswers "$checks/now" "$checks/answers" >"$checks/odd"; }

# For this one run the operator has overridden the check.
move_unchecked() {
  answered <"$checks/answers" >"$checks/healthy"
  awk -F '\t' '$1 == "fail" { print "LOOPBACK_HA_FORCE_MOVE: moved although " $3 " does not answer for " $2 ": " $4 }' "$checks/answers" | warn_each 10 VIPs
}

# A check is known by its VIP and its label without the server: "VIP TAB WHAT". A VIP may have several.
# checks_of FILE: those that it lists.
checks_of() { awk -F '\t' 'FILENAME != ARGV[2] { listed[$0]; next } { what = $NF; sub(/ on [^ ]+$/, "", what) } ($2 FS what) in listed' "$1" "$checks/all"; }
# answered <ANSWERS of probe.pl: the checks that were answered well.
answered() { awk -F '\t' '$1 == "ok" { sub(/ on [^ ]+$/, "", $3); print $2 "\t" $3 }' | sort -u; }
# ask_each QUESTIONS [OPTION...]: writes $checks/answers; fails when one is not answered well. A prober that died has not asked all, so its
# answers count neither for nor against a server.
ask_each() {
  local questions=$1 result=0 died
  shift
  ask "$check_from" "$@" <"$questions" >"$checks/answers" || result=$?
  if (($(grep -c -e $'^ok\t' -e $'^fail\t' "$checks/answers") == $(wc -l <"$questions"))); then return "$result"; fi
  died="the health check on this router ended without a result (killed, or out of memory: see dmesg)"
  [[ ${LOOPBACK_HA_FORCE_MOVE:-} ]] || fail "$died; nothing was moved"
  warn "LOOPBACK_HA_FORCE_MOVE: moved although $died"
  return 1
}
# ask FROM [OPTION...] <QUESTIONS: probe.pl, from that address of this router.
ask() { perl "$scripts/probe.pl" --source "$@"; }

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

# usual_source DEVICE <ADDRESSES as `ip -4 -o address` prints them: the first one that is not of that device, which leads to the servers.
# An address of a bridge for containers or guests is the last choice: the servers may have the same one, and then never answer.
usual_source() { awk_file usualSource -v ethernet="$1" -v bridges="$bridge_names"; }

# silent_server: the first new server whose address the kernel can't resolve: it is gone. One that binds its VIPs late looks different.
silent_server() {
  local prefix server hop
  while read -r prefix server hop; do
    if grep -q "^$prefix " "$checks/moves" && ip -4 neigh show to "$hop" | grep -q -e FAILED -e INCOMPLETE; then
      say "$server ($hop)"
      return
    fi
  done <"$bundle/want/routes"
}

# The rule comes first and goes last: by it the next run recognizes a health check that was killed.
begin_check_path() {
  [[ ! $(ip -4 rule show pref "$check_preference") ]] || end_check_path
  {
    say "rule add from $check_from lookup $check_table pref $check_preference"
    awk -v table="$check_table" '{ print "route replace", $1, $2, $3, "table", table }' "$checks/moves"
  } | ip -4 -batch -
}
end_check_path() {
  printf '%s\n' "route flush table $check_table" "rule del pref $check_preference lookup $check_table" | ip -4 -force -batch - >/dev/null 2>&1 || true
}
cleanup() {
  rm -f "$asking"
  [[ $checks ]] || return 0
  end_check_path
  rm -rf "$checks"
}

# better_kept NOW FORMER: true where only next hops differ, at least one of the servers that lost prefixes answers for none of them,
# and the servers that got them answer for all.
better_kept() {
  local now=$1 former=$2 bundle=$2 file check_from checks kept=1
  for file in settings block; do cmp -s "$now/want/$file" "$former/want/$file" || return 1; done
  cmp -s <(awk '{ print $1 }' "$now/want/routes" | sort) <(awk '{ print $1 }' "$former/want/routes" | sort) || return 1
  check_from=$(check_source) || return 1
  checks=$(mktemp -d "$run/checks.XXXXXX") || return 1
  comm -13 <(wanted_routes "$now" | sort) <(wanted_routes "$former" | sort) >"$checks/moves"
  moving_checks "$checks/moves" >"$checks/all"
  begin_check_path
  # Twice, as one late answer does not make a server dead.
  if ask "$check_from" --deadline 0 --timeout 1 <"$checks/all" >"$checks/answers" || [[ ! $(silent_in "$checks/answers") ]] ||
    ask "$check_from" --deadline 0 --timeout 2 <"$checks/all" >>"$checks/answers" || [[ ! $(silent_in "$checks/answers") ]]; then
    kept=
  else
    bundle=$now
    comm -23 <(wanted_routes "$now" | sort) <(wanted_routes "$former" | sort) >"$checks/moves"
    moving_checks "$checks/moves" >"$checks/all"
    begin_check_path
    mv "$checks/answers" "$checks/now"
    [[ -s $checks/all ]] && { ask "$check_from" --deadline 4 <"$checks/all" >"$checks/answers" || enough; } || kept=
  fi
  end_check_path
  rm -rf "$checks"
  [[ $kept ]]
}
# silent_in ANSWERS: the servers that gave no answer at all, not even a wrong one. Of a prober that was killed: none.
silent_in() {
  awk -F '\t' '{ server = $3; sub(/.* on /, "", server); asked[server] } $1 == "ok" || $5 ~ /^(status|other)/ { alive[server] }
    END { for (server in asked) if (!(server in alive)) print server }' "$1"
}

# What was healthy is asked again before the next move.
prepare() {
  [[ $checks && -e $checks/healthy ]] || return 0
  [[ -e $state/healthy ]] || : >"$state/healthy"
  sort -u "$checks/healthy" "$state/healthy" | awk 'FILENAME != "-" { wanted[$1]; next } $1 in wanted' <(vip_checks "$bundle") - >"$state/healthy.new"
  replace "$state/healthy.new" "$state/healthy"
}

# sample_addresses DIR: ADDRESS PREFIX SERVER NEXT-HOP, one address of each prefix: that of its first host where it has hosts.
sample_addresses() {
  awk '{ split($1, p, "/"); split(p[1], part, "."); if (p[2] < 31) part[4]++; print part[1] "." part[2] "." part[3] "." part[4], $0 }' "$1/want/routes"
}

kernels_way() { { ip -4 route get "$@" 2>&1 || true; } | head -n 1; }
# kernels_way_message ANSWER WHAT: where the kernel sends packets instead, and the likely reason.
kernels_way_message() {
  if [[ $1 == *"RTNETLINK answers: "* ]]; then
    say "has no route there (${1#*RTNETLINK answers: }): is the link to the servers down? See: ip -br link; ip -4 route"
  else
    say "forwards them like this: $1. A $2 not managed by this stack is in the way"
  fi
}

# Asks the kernel how it forwards: a rule or another's longer prefix can shadow a route that is in the table.
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
  fail_or_warn 2 wrong_way_message "$wrong"
  warn_of_losses
}
# wrong_way_message "ADDRESS PREFIX SERVER NEXT-HOP [WAY]"
wrong_way_message() {
  local address prefix server hop way
  read -r address prefix server hop way <<<"$1"
  say "$prefix should go to $server ($hop), but packets to $address don't: the kernel $(kernels_way_message "${way:-$(kernels_way "$address")}" "route or rule")"
}

report() {
  awk 'NR == FNR { moved[$1]; next } { print $1, "is served by", $2, "(" $3 ")" ($1 in moved ? ", moved" : "") }' <(say "$moves") "$1/want/routes"
}

# For the preview of moves: "live PREFIX HOP" of this instance's prefixes, or "live -" when none of them is routed.
live_routes() {
  live_items | awk 'FILENAME != "-" { ours[$1]; next } $2 == "via" && ($1 in ours) { print "live\t" $1, $3; any = 1 } END { if (!any) print "live\t-" }' "$bundle/want/routes" -
}

# For drift: what loopback-ha-move did since Pulumi's last run.
moved_by_hand() {
  [[ ! -e $state/current/moved ]] || awk '{ print "- " $1 " via " $2; print "+ " $1 " via " $3 ", moved on the router at " $4 "; to keep it: overrides[\"" $1 "\"] = " $3 }' "$state/current/moved"
}

# shellcheck shell=bash
# Routes to VIP prefixes on a Linux router: iproute2, and nftables where flows are pinned. What is wanted: see routes.sh.
# loopback-ha's routes and rules have a protocol number of their own.
: "${scripts?}" "${bundle?}" "${state?}"
readonly protocol=76 metric=7676
# shellcheck source-path=SCRIPTDIR source=../routes.sh
. "$scripts/routes.sh"
# shellcheck source-path=SCRIPTDIR source=pinning.sh
. "$scripts/pinning.sh"
# shellcheck source-path=SCRIPTDIR source=tracking.sh
. "$scripts/tracking.sh"
# shellcheck source-path=SCRIPTDIR source=guard.sh
. "$scripts/guard.sh"
# shellcheck source-path=SCRIPTDIR source=textfile.sh
. "$scripts/textfile.sh"

# live_items: loopback-ha's part of the kernel's tables: "PREFIX via HOP", "unreachable PREFIX", "table TABLE via HOP", "fwmark MARK/MASK to BLOCK
# lookup TABLE pref PREFERENCE", and "rule" for what a health check left behind when it was killed.
live_items() {
  printf '%s\n' "route show table all proto $protocol" "rule show" | ip -4 -batch - |
    awk_file liveItems -v proto="proto $protocol" -v check="$check_preference:" | sort -u
}

# wanted_items DIR: in the form of live_items. Cached, as a version's items never change and the supervisor needs them each second.
declare -A wanted_cache
wanted_items() {
  [[ $1 ]] || return 0
  [[ -v wanted_cache[$1] ]] || wanted_cache[$1]=$({ wanted_routes "$1"; pin_items "$1"; } | sort -u)
  say "${wanted_cache[$1]}"
}
items_of_others() {
  local other
  for other in $(others); do wanted_items "$other"; done | sort -u
}
items_of_all_versions() {
  local dir
  for dir in "$state"/versions/*; do [[ ! -e $dir/meta ]] || wanted_items "$dir"; done | sort -u
}

is_live() {
  local live
  # A guard changes what is wanted.
  ! guards "$1" || unset "wanted_cache[$1]"
  wanted_items "$1" >/dev/null
  live=$(live_items)
  # Other instances' items have the same protocol number.
  [[ $live == "${wanted_cache[$1]}" ]] || [[ $(comm -23 <(say "$live") <(comm -23 <(items_of_others) <(say "${wanted_cache[$1]}"))) == "${wanted_cache[$1]}" ]] || return
  pins_are_live "$1"
}

# When another try could succeed, the glance shows it.
# shellcheck disable=SC2034
glance_tells_all=1
questions_of_kind() {
  say 'rule show'
  ! pins_flows "$bundle" || pin_questions
}

check_kind() {
  check_textfile
  ! pins_flows "$bundle" || check_pins
}
# A prefix that no version of this instance had may have someone else's route.
check_foreign_routes() {
  local new line
  new=$(awk -v wanted_file="$bundle/want/routes" 'FILENAME != wanted_file { had[$1]; next } !($1 in had) { print $1 }' <(of_all_versions routes) "$bundle/want/routes")
  [[ $new ]] || return 0
  line=$(main_routes <<<"$new" | grep -v "metric $metric" | grep -vF -f <(routes_of_siblings | sed 's|/32 | |') | head -n 1 || true)
  [[ -z $line ]] || fail "${line%% *} already has a route not managed by this stack ($line); nothing was changed. Remove that route first"
}
verify_kind() {
  # A restart of the router's networking or firewall may have wiped some of it since. The supervisor waits until this run ends.
  is_live "$1" || activate "$1"
  pins_flows "$1" || return 0
  verify_pins "$1"
  # Previews say it, too; here it comes last, so as not to delay the move.
  { conntrack_trouble; pin_warnings; } | while read -r line; do warn "$line"; done
}

# commands VERB <ITEMS: commands for ip. "add" replaces what is there.
commands() { awk_file itemCommands -v verb="$1" -v own="proto $protocol" -v rule_own="protocol $protocol" -v metric="metric $metric"; }
of_pins() { grep -E '^(fwmark|table) ' || true; }
of_routes() { grep -vE '^(fwmark|table) ' || true; }

lock_beside() { is_asked && lock_tables && is_asked; }

activate() {
  local dir=$1 live missing pins
  lock_tables
  # shellcheck disable=SC2086 # names
  [[ ! ${LOOPBACK_HA_RELEASE:-} ]] || end_holds $LOOPBACK_HA_RELEASE
  adapt_files "$dir"
  begin_generation "$dir"
  # What lies at a path may be another text since it was read.
  wanted_cache=()
  wanted_items "$dir" >/dev/null
  live=$(live_items)
  # Left behind by a health check that was killed; beside a run, it is that run's.
  if [[ ${restoring:-} != beside && $'\n'$live$'\n' == *$'\n'rule$'\n'* ]]; then end_check_path; fi
  missing=$(comm -13 <(say "$live") <(wanted_items "$dir"))
  # First what marked flows need, then the marks, then the routes for everything else; last comes what nothing uses any more.
  pins=$(of_pins <<<"$missing")
  [[ ! $pins ]] || commands add <<<"$pins" | change_kernel
  if [[ ${restoring:-} ]]; then try_pins "$dir"; else load_pins "$dir"; fi
  commands add < <(of_routes <<<"$missing") | leave_foreign "$live" | change_kernel
  drop_stale "$dir" "$live"
  unlock_tables
  [[ ${restoring:-} ]] || tell_clients "$dir"
}

# While restoring, what can't be set now (a link is down) does not hold up the rest; the supervisor says what is missing.
change_kernel() {
  if [[ ${restoring:-} ]]; then ip -4 -force -batch - 2>/dev/null || true; else ip -4 -batch -; fi
}

# drop_stale DIR LIVE: removes what other versions of this instance wanted, and no other instance wants.
drop_stale() {
  local dir=$1 stale
  stale=$(comm -23 <(say "$2") <({ wanted_items "$dir"; items_of_others; } | sort -u) | comm -12 - <(items_of_all_versions))
  [[ $stale ]] || return 0
  {
    # A route that got another next hop was replaced.
    commands del < <(of_routes <<<"$stale" | awk 'FILENAME != "-" { replaced[$1]; next } $1 == "unreachable" || !($1 in replaced)' <(wanted_routes "$dir") -)
    commands del < <(of_pins <<<"$stale")
  } | change_kernel
}

# leave_foreign LIVE <COMMANDS: the supervisor leaves alone a route that someone else put in the place of loopback-ha's: "add" fails there,
# so the routes of the kernel need not be listed.
leave_foreign() {
  if [[ ! ${restoring:-} ]]; then
    cat
    return
  fi
  awk 'FILENAME != "-" { if ($2 == "via") ours[$1]; next }
    $2 == "replace" && $4 == "via" && !($3 in ours) { $2 = "add" }
    { print }' <(say "$1") -
}

drift() {
  local missing obstacle
  missing=$(comm -23 <(wanted_items "$1") <(live_items))
  if [[ $missing ]]; then
    awk '$1 == "fwmark" { print "- rule " $0; next } $1 == "table" { print "- route default via " $4 " table " $2; next } { print "- route " $0 }' <<<"$missing"
    of_routes <<<"$missing" | awk '{ print ($1 == "unreachable" ? $2 : $1) }' | main_routes | sed 's/^/+ route /; s/ *$//'
  fi
  obstacle=$(pin_obstacle "$1")
  if [[ $obstacle ]]; then
    printf '%s\n' '- flows are pinned' "+ pinning flows: $obstacle"
  elif pins_flows "$1" && [[ -e $pins_listed ]]; then
    ! could_leave_others_untracked "$1" || say "- nft notrack of what is none of the VIPs'"
    diff -U0 "$pins_listed" <(list_pins) | awk '/^(---|\+\+\+) |^@@/ { next } { sub(/^[-+]/, "& nft "); gsub(/[ \t]+/, " "); print }' || true
  fi
  networkd_drift
  moved_by_hand
  ! guards "$1" || unit_drift "$guard_unit" guard.service
}

sights() {
  local flows
  live_routes
  held_sights
  conntrack_trouble | sed 's/^/trouble\t/'
  forwarding_sights
  inside_sights
  # When flows can't be pinned, drift says why.
  if ! pins_flows "$bundle" || [[ $(pin_obstacle "$bundle") ]]; then return 0; fi
  pin_warnings | sed 's/^/limits\t/'
  if flows=$(count_flows "$bundle"); then awk '{ print "flows\t" $0 }' <<<"${flows:--}"; fi
}

# shellcheck shell=bash
# Pinned flows: a connection stays with the server where it began, while new ones follow the routes. New flows to a VIP
# get the mark of their server in conntrack; a routing rule for that mark leads to a table with that server's next hop.
# A flip changes one nft map. Without the nft table nothing is marked, and the main table routes everything.
: "${bundle?}" "${run?}" "${instance?}" "${machine?}" "${protocol?}"
# take_lock (lib.sh) sets it.
lock=''
readonly pin_table=loopback-ha.$instance
readonly pins_listed=$run/pins.$instance.listed pins_loaded=$run/pins.$instance.loaded macs=$run/macs.$instance
readonly pins_failure=$run/pins.$instance.failure tracked_by=$run/tracked-by.$instance

pins_flows() { [[ $1 && $(setting "$1" pin_flows) == yes ]]; }

# pin_items DIR: the routing rule and the table of each server, in the form of `live_items`.
pin_items() {
  pins_flows "$1" || return 0
  awk -v mask="$(setting "$1" mark_mask)" -v preference="$(setting "$1" rule_priority)" '
    FILENAME ~ /want\/block$/ { block = $1; next }
    { print "fwmark", $4 "/" mask, "to", block, "lookup", $5, "pref", preference; print "table", $5, "via", $2 }' \
    "$1/want/block" "$1/want/servers"
}

# Questions for the glance: the way by each server's mark, and the neighbours, for the servers' network cards.
pin_questions() {
  local sample
  read -r sample _ < <(sample_addresses "$bundle") || return 0
  awk -v sample="$sample" '{ print "route get fibmatch", sample, "mark", $4 }' "$bundle/want/servers"
  say "neigh show to $(setting "$bundle" server_subnet) nud reachable nud stale nud delay nud probe nud permanent"
}
# Other machines there come and go, and the state of a neighbour changes all the time. This starts no process, as it runs each second.
forget_other_neighbours() {
  local line address kept=
  if [[ ! $server_addresses ]]; then
    while read -r _ address _; do server_addresses+=" $address "; done <"$bundle/want/servers"
  fi
  while IFS= read -r line; do
    if [[ $line == *' lladdr '* ]]; then
      address=${line%% *} line=${line##* lladdr }
      [[ $server_addresses == *" $address "* ]] || continue
      line="$address ${line%% *}"
    fi
    kept+=$line$'\n'
  done <<<"$glanced"
  glanced=$kept
}

# The table is listed, and what tracks connections is looked for, when they may have changed: at the start, when the kernel notifies of
# a change, and while something is wrong (nft itself may be).
pins_seen='' changed=1 server_addresses='' silent_trackers=''
await_change() {
  # What a version wants never changes.
  if [[ ! ${pinned:-} ]]; then
    pinned=no only_vips=no
    ! pins_flows "$bundle" || pinned=yes
    ! wants_only_vips "$bundle" || only_vips=yes
  fi
  if [[ $pinned == no ]]; then
    pause 1
  elif [[ $only_vips == yes ]]; then
    await_trackers
  elif hear 1 nftables "$pin_table"; then
    changed=1
  fi
}
# Waits for a second. The kernel does not notify of everything that tracks.
await_trackers() {
  local before
  see_silent_trackers
  before=$silent_trackers
  for _ in 1 2 3 4; do
    if hear 0.25 nftables "$pin_table"; then changed=1; fi
    see_silent_trackers
    [[ $before == "$silent_trackers" ]] || changed=1
    if [[ $changed ]]; then
      end_untracked
      return
    fi
  done
  # Rules of iptables come and go without any notification.
  [[ $silent_trackers != *iptables* ]] || changed=1
}
glance_of_kind() {
  [[ $glanced != *' lladdr '* ]] || forget_other_neighbours
  if [[ $changed || $said ]]; then
    changed=
    pins_seen=$(
      ! pins_flows "$bundle" || in_time 3 nft list table ip "$pin_table" 2>&1 || true
      ! wants_only_vips "$bundle" || trackers || true
    )
  fi
  glanced+=$pins_seen
  add_holds
  tell_textfile
}

# learn_macs DIR: keeps the file of ADDRESS MAC of its servers. The kernel forgets a neighbour after a while; this file does not.
learn_macs() {
  # The supervisor learns without a lock.
  local learned=$macs.$BASHPID
  [[ -e $macs ]] || : >"$macs"
  ip -4 neigh show nud reachable nud stale nud delay nud probe nud permanent |
    awk_file learnedMacs "$1/want/servers" - "$macs" |
    sort >"$learned"
  if cmp -s "$learned" "$macs"; then rm -f "$learned"; else mv -f "$learned" "$macs"; fi
}

# pin_ruleset DIR: one transaction for nft. Chains are emptied and filled again, never unhooked: no packet meets half of it.
#   to_vip      a flow keeps its server. A new one gets the server of its VIP, and so does one without any answer yet: a client may
#               have used that port when the server was dead, and conntrack remembers that for minutes
#   gone        a flow of a server that is down is reset here, as its successor may drop packets of a connection that it does not
#               know. A prefix that is still routed to that server, as loopback-ha-move may leave one, stays with it
#   prerouting  a flow from a VIP belongs to the server whose network card sends it. So flows older than this table, and connections
#               that a server opens, are marked with their real server; a card that two servers share says nothing
#   untracked   with trackOnlyVips, traffic that is not to or from a VIP
#   output      the router's own ICMP errors (fragmentation needed) follow the flow that they are about
#   ct helper   reads a protocol that opens further connections: the kernel gives those the mark of the first one
pin_ruleset() {
  local dir=$1 mask keep only_vips=
  ! leaves_others_untracked "$dir" || only_vips=yes
  mask=$(setting "$dir" mark_mask)
  keep=$(printf '0x%08x' $((0xffffffff ^ mask)))
  begin_ruleset "$dir"
  awk_file pinRuleset -v t="ip $pin_table" -v mask="$mask" -v keep="$keep" -v helpers="$(setting "$dir" helpers)" -v only_vips="$only_vips" \
    "$dir/want/servers" "$dir/want/routes" "$macs"
}

# The table, and what reads protocols there.
begin_ruleset() {
  local helper name transport
  say "add table ip $pin_table"
  for helper in $(setting "$1" helpers); do
    IFS=, read -r name transport _ <<<"$helper"
    say "add ct helper ip $pin_table $name { type \"$name\" protocol $transport; }"
  done
}

list_pins() {
  local result=0
  in_time 3 nft list table ip "$pin_table" 2>/dev/null || result=$?
  ((result != 124)) || say "$nft_hangs" >"$pins_failure"
}
readonly nft_hangs='it does not answer within 3 s'
# in_time SECONDS COMMAND...: a program that hangs must not keep the supervisor from the plain routes. A run has a limit of its own.
in_time() { if [[ ${restoring:-} ]]; then timeout "$@"; else "${@:2}"; fi; }

pins_are_live() {
  if ! pins_flows "$1"; then
    [[ ! -e $pins_listed ]]
    return
  fi
  # A failure stays noted until a load succeeds.
  [[ -e $pins_listed && ! -e $pins_failure ]] || return 1
  if [[ ${restoring:-} ]]; then note_trackers "$1"; elif could_leave_others_untracked "$1"; then return 1; fi
  learn_macs "$1"
  [[ $(list_pins) == "$(<"$pins_listed")" && $(pin_ruleset "$1") == "$(<"$pins_loaded")" ]]
}

load_pins() {
  local dir=$1 text live change stale line
  if ! pins_flows "$dir"; then
    drop_pins
    return
  fi
  note_trackers "$dir"
  learn_macs "$dir"
  text=$(pin_ruleset "$dir")
  live=$(list_pins)
  [[ $live || ${restoring:-} ]] || begin_pins "$dir"
  change=$text
  if [[ $live && -e $pins_listed && $live == "$(<"$pins_listed")" ]]; then change=$(changed_pins <<<"$text"); fi
  stale=$(awk '$1 == "chain" && $2 ~ /_/ && $2 != "to_vip" { print "chain", $2 } $1 == "ct" && $2 == "helper" { print "ct helper", $3 }' <<<"$live" |
    while read -r line; do [[ $text == *"add ${line% *} ip $pin_table ${line##* }"[$' \n']* ]] || say "delete ${line% *} ip $pin_table ${line##* }"; done)
  # The table of an older loopback-ha, with other types, can't be changed but only replaced; nor can one that is being flushed
  # at this moment.
  in_time 20 nft -f - <<<"$change"$'\n'"$stale" 2>/dev/null ||
    in_time 20 nft -f - <<<"add table ip $pin_table"$'\n'"delete table ip $pin_table"$'\n'"$text" ||
    fail "nft rejects the table '$pin_table', without which open connections would break; see the lines above"
  rm -f "$pins_failure"
  say "$text" >"$pins_loaded"
  list_pins >"$pins_listed"
  [[ $live ]] || forget_ended_flows "$dir"
}

# try_pins DIR: the plain routes need no pins, so a failure is noted and they are set all the same. drift shows it, so the supervisor logs it.
try_pins() {
  local failed
  # Not in a condition, so that set -e holds inside.
  set +e
  (
    set -e
    nft_answers
    load_pins "$1"
  ) 2>"$pins_failure.new"
  failed=$?
  set -e
  grep -s '^warning: ' "$pins_failure.new" >&2 || true
  if ((failed)); then
    # A full /run has no room for it.
    {
      awk 'NF && !/^warning: / && !/ failed \(line / { print; exit }' "$pins_failure.new" >"$pins_failure"
      [[ -s $pins_failure ]] || say "loading the table failed (exit code $failed)" >"$pins_failure"
    } 2>/dev/null || true
  fi
  rm -f "$pins_failure.new"
}
nft_answers() {
  local result=0
  timeout 3 nft list tables >/dev/null 2>&1 || result=$?
  if ((result == 124)); then
    say "$nft_hangs" >&2
    return 1
  fi
}
# pin_obstacle DIR: why flows can't be pinned although they should be, in one line; nothing where they can.
pin_obstacle() {
  local program
  pins_flows "$1" || return 0
  for program in nft conntrack; do
    if ! command -v "$program" >/dev/null; then
      say "the program '$program' is missing ($(package_of "$program"))"
      return
    fi
  done
  if [[ -s $pins_failure ]]; then
    say "nft fails: $(<"$pins_failure")"
  elif [[ ! -e $pins_listed ]]; then
    say "their table is not loaded, or there is no space to record it (df $run)"
  fi
}

# Without a table the kernel may have tracked nothing while a client opened a new connection from a port that it had used before. To
# conntrack that is the old connection, with sequence numbers outside its window: invalid, and never marked. (An established entry is
# taken up again, whatever the numbers: nf_ct_tcp_fixup in the kernel.)
forget_ended_flows() {
  local block ended side
  read -r block <"$1/want/block"
  for ended in TIME_WAIT CLOSE; do
    for side in -d -s; do
      conntrack -D -f ipv4 -p tcp --state "$ended" "$side" "$block" >/dev/null 2>&1 || true
    done
  done
}

# changed_pins <RULESET: the part of it that differs from what is loaded. A flip changes nothing that packets of open flows meet.
changed_pins() {
  awk '
    FILENAME != "-" { loaded[$5] = loaded[$5] $0 "\n"; next }
    { line[++count] = $0; name[count] = $5; wanted[$5] = wanted[$5] $0 "\n" }
    END { for (i = 1; i <= count; i++) if (wanted[name[i]] != loaded[name[i]]) print line[i] }' "$pins_loaded" -
}

drop_pins() {
  [[ ! $(list_pins) ]] || nft delete table ip "$pin_table"
  rm -f "$pins_listed" "$pins_loaded" "$pins_failure" "$macs" "$tracked_by"
}

# Its table under another instance's name: that is there before this one goes, so no packet meets none.
carry_role() {
  local from=$1 to=$2 name
  carry_guard "$from" "$to"
  if [[ -e $run/pins.$from.loaded ]] && nft list table ip "loopback-ha.$from" >/dev/null 2>&1; then
    sed -E "s/ ip loopback-ha\\.${from//./\\.}( |\$)/ ip loopback-ha.$to\\1/" "$run/pins.$from.loaded" >"$run/pins.$to.loaded"
    nft -f "$run/pins.$to.loaded"
    nft list table ip "loopback-ha.$to" >"$run/pins.$to.listed"
    nft delete table ip "loopback-ha.$from"
  fi
  for name in macs tracked-by; do
    if [[ -e $run/$name.$from ]]; then mv -f "$run/$name.$from" "$run/$name.$to"; fi
  done
  rm -f "$run/pins.$from".*
}

# begin_pins DIR: flows that are open when pinning begins are with the servers to which the routes have led so far. Those that conntrack
# knows are marked here. The others, as the kernel may not have tracked any, are marked by their next packet, before anything moves.
begin_pins() {
  local before=$run/before.$instance mask prefix mark
  mask=$(setting "$1" mark_mask)
  rm -rf "$before"
  mkdir -p "$before/want"
  cp "$1/want/servers" "$1/want/settings" "$before/want"
  awk 'FILENAME ~ /want\/servers$/ { name[$2] = $1; next } FILENAME ~ /want\/routes$/ { ours[$1]; next }
    $2 == "via" && ($3 in name) && ($1 in ours) { print $1, name[$3], $3 }' "$1/want/servers" "$1/want/routes" <(live_items) >"$before/want/routes"
  if ! diff -q <(sort "$before/want/routes") <(sort "$1/want/routes") >/dev/null && [[ -s $before/want/routes ]]; then
    while read -r prefix mark; do
      conntrack -U -f ipv4 -d "$prefix" -m "$mark/$mask" >/dev/null 2>&1 || true
    done < <(awk 'FILENAME ~ /want\/servers$/ { mark[$2] = $4; next } { print $1, mark[$3] }' "$before/want/servers" "$before/want/routes")
    pin_ruleset "$before" | nft -f -
    forget_ended_flows "$1"
    sleep 1
  fi
  rm -rf "$before"
}

# count_flows DIR: PREFIX SERVER-ADDRESS COUNT of flows to VIPs: established TCP, and all UDP. Fails when that takes too long.
count_flows() {
  local mask
  mask=$(setting "$1" mark_mask)
  timeout 2 conntrack -L -f ipv4 2>/dev/null | flows "$1" |
    awk '{ count[$1 " " $2]++ } END { for (key in count) print key, count[key] }' | sort
}

# flows DIR <LISTING: PREFIX SERVER-ADDRESS PROTOCOL CLIENT CLIENT-PORT VIP VIP-PORT of flows with a server's mark, without those that
# this router opened itself to check the servers.
flows() {
  awk_file flows -v own="$(ip -4 -o address show | awk '{ sub(/\/.*/, "", $4); printf "%s ", $4 }')" -v mask="$(($(setting "$1" mark_mask)))" \
    "$1/want/servers" "$1/want/routes" -
}

# check_pins: fails, before anything is changed, for what would break pinning on this router.
check_pins() {
  local mask line preference
  need nft conntrack
  mask=$(setting "$bundle" mark_mask)
  preference=$(setting "$bundle" rule_priority)
  line=$(awk '{ print "route show table", $5 }' "$bundle/want/servers" | ask_kernel | grep -v "proto $protocol" | head -n 1 || true)
  [[ -z $line ]] || fail "a routing table that pinning needs has a route not managed by this stack ($line); nothing was changed. Set routers.$machine.pinning.tableBase to a number followed by unused tables"
  while read -r line; do
    [[ $line != *" proto $protocol"* ]] || continue
    [[ ${line%%:*} != "$preference" ]] || fail "routing rule priority $preference, which pinning needs, is already used ($line); nothing was changed. Set routers.$machine.pinning.rulePriority"
    if has_mark_within "$mask" "$line"; then
      fail "a routing rule not managed by this stack uses marks within $mask ($line); nothing was changed. Set routers.$machine.pinning.markMask to unused bits"
    fi
  done < <(ip -4 rule show)
  check_helpers
  check_trackers
  [[ ! $(others) ]] || check_pins_of_others
}

check_helpers() {
  local helpers
  helpers=$(setting "$bundle" helpers)
  [[ ! $helpers ]] || begin_ruleset "$bundle" | nft -c -f - 2>/dev/null ||
    fail "this router's kernel lacks a module for pinning.helpers (nf_conntrack_${helpers%%,*}); nothing was changed. Install it, or remove the helpers"
}

check_pins_of_others() {
  local line
  line=$(items_of_others | comm -13 <(pin_items "$bundle" | sort) - | awk 'NR == FNR { split($0, w, " "); if ($1 == "table") hop[$2] = $4; next } $1 == "table" && ($2 in hop) && hop[$2] != $4 { print $2; exit }' <(pin_items "$bundle") -)
  [[ -z $line ]] || fail "routing table $line is used for another server by another stack's pins; nothing was changed. Give the stacks different values of routers.$machine.pinning.tableBase and markMask"
}

# has_mark_within MASK RULE
has_mark_within() {
  [[ $2 =~ fwmark\ ([0-9a-fx]+)(/([0-9a-fx]+))? ]] && (((${BASH_REMATCH[3]:-0xffffffff} & $1) != 0))
}

# One line when conntrack's table is full, or soon will be. That hurts all traffic, pinned or not, and logins to the router.
readonly tracked=/proc/sys/net/netfilter/nf_conntrack
conntrack_trouble() {
  local count max
  [[ -r ${tracked}_count && -r ${tracked}_max ]] || return 0
  count=$(<${tracked}_count)
  max=$(<${tracked}_max)
  # 0 means no limit. A full table stays just below its limit: the kernel drops half-open connections first.
  if ((max == 0 || count * 10 < max * 8)); then return 0; fi
  local now="once it is full, the kernel drops new connections, including those to the router itself"
  ((count * 100 < max * 99)) || now="the kernel drops new connections, including those to the router itself"
  say "the conntrack table is $((count * 100 / max)) % full ($count of $max): $now. Raise net.netfilter.nf_conntrack_max to at least $((max * 2)), and the buckets with it (/sys/module/nf_conntrack/parameters/hashsize)"
}

# Limits of pinning on this router, one a line, for previews and runs.
pin_warnings() {
  track_warnings
  [[ $(</proc/sys/net/netfilter/nf_conntrack_tcp_loose) == 1 ]] ||
    say "net.netfilter.nf_conntrack_tcp_loose is 0: after a reboot of this router open connections are not pinned again"
  awk '{ of[$2] = of[$2] " " $1; count[$2]++ }
    END { for (card in count) if (count[card] > 1) print "several servers answer with the network card" " " card " (" substr(of[card], 2) "): connections that began before pinning, or that a server opens, can\047t be told apart" }' "$macs" 2>/dev/null || true
  # Without the elements of sets: there may be millions of them, and listing them takes seconds.
  nft -t list ruleset 2>/dev/null | awk_file pinWarnings -v ours="$pin_table"
  strict_devices
}

# The kernel applies the higher of a device's own rp_filter and that of all: 2 is loose, 1 strict.
strict_devices() {
  local all device own strict='' devices
  mapfile -t devices < <(awk '{ print "route get", $2 }' "$bundle/want/servers" | ask_kernel | awk '$2 == "dev" { print $3 }' | sort -u)
  ((${#devices[@]} > 1)) || return 0
  all=$(</proc/sys/net/ipv4/conf/all/rp_filter)
  for device in "${devices[@]}"; do
    own=$(<"/proc/sys/net/ipv4/conf/$device/rp_filter")
    ((all != 1 || own == 2)) || own=1
    ((own != 1 || all == 2)) || strict+=" $device"
  done
  [[ ! $strict ]] || say "the servers are reached through several interfaces, but rp_filter is 1 on$strict: packets of pinned flows may be dropped there. Set net.ipv4.conf.all.rp_filter to 2"
}

# A packet with a server's mark must go to that server, whatever the main table has. The run affects the servers that get a prefix, and
# those that lose one but are up and keep its open connections.
verify_pins() {
  local wrong sample
  read -r sample _ <"$run/samples" || return 0
  wrong=$(awk -v sample="$sample" '{ print "route get", sample, "mark", $4 }' "$1/want/servers" | ask_kernel |
    awk 'FILENAME !~ /want\/servers$/ { if ($2 == "via") for (i = 4; i < NF; i++) if ($i == "mark") goes[$(i + 1)] = $3; next }
      goes[$4] != $2' - "$1/want/servers")
  wrong=$(awk 'FILENAME != "-" { if (NF) prefixes[$3] = prefixes[$3] " " $1; next }
    NF { count = split(prefixes[$2], prefix, " "); print "-", $0; for (i = 1; $3 != "down" && i <= count; i++) print prefix[i], $0 }' \
    "$1/want/routes" <(routes_left) - <<<"$wrong")
  fail_or_warn 1 wrong_mark_message "$wrong"
}
wrong_mark_message() {
  local name hop mark sample goes why
  read -r sample _ <"$run/samples"
  read -r _ name hop _ mark _ <<<"$1"
  goes=$(ip -4 route get "$sample" mark "$mark" 2>&1 | head -n 1 || true)
  why="A routing rule not managed by this stack is in the way"
  if [[ $goes == RTNETLINK* ]]; then why=$(down_links); fi
  say "packets with mark $mark should go to $name ($hop), but the kernel forwards them like this: $goes. ${why:-"One of loopback-ha's routes was lost in the meantime; run 'pulumi up' again"}"
}

# Resets the connections of the clients of a server that is down at once, and again where that did not arrive: a flow that was reset is
# gone from the listing. In the background, so that nothing waits for clients that are gone.
tell_clients() {
  local mask marks
  pins_flows "$1" || return 0
  mask=$(setting "$1" mark_mask)
  marks=$(awk '$3 == "down" { print $4 }' "$1/want/servers")
  [[ $marks ]] || return 0
  tickle "$1" "$mask" "$marks" || warn "could not reset the connections of servers that are down: their clients will notice only by a timeout"
  (
    exec {lock}>&-
    for _ in 1 2; do
      sleep 0.4
      [[ -e $1/want/settings ]] || exit 0
      tickle "$1" "$mask" "$marks"
    done
  ) </dev/null >/dev/null 2>&1 &
}
# tickle DIR MASK MARKS
tickle() {
  local mark
  for mark in $3; do conntrack -L -f ipv4 -p tcp --state ESTABLISHED -m "$mark/$2" 2>/dev/null || true; done |
    flows "$1" | cut -d ' ' -f 4-7 | perl "$1/scripts/tickle.pl"
}

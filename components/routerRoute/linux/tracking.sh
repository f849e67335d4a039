# shellcheck shell=bash
# pinning.trackOnlyVips: pinning does not make the kernel track traffic other than that of VIPs. A stateful firewall or NAT needs
# everything tracked: it would take untracked packets for invalid and drop them, new logins included. So the option is refused beside
# such rules, and the supervisor switches it off within a second when they appear. From then on everything is tracked, until a run finds
# nothing that needs it.
: "${bundle?}" "${state?}" "${machine?}" "${pin_table?}" "${tracked_by?}"

wants_only_vips() { [[ -e $1/want/settings && $(setting "$1" track_only_vips) == yes ]]; }

# leaves_others_untracked DIR: is it in force with this version?
leaves_others_untracked() { wants_only_vips "$1" && [[ ! -e $tracked_by ]]; }

# had_to_end DIR: was it switched off because something needs all connections tracked?
had_to_end() { wants_only_vips "$1" && [[ -e $tracked_by ]]; }

# What else than this instance needs connections tracked on this router, one a line.
trackers() {
  local rules table
  rules=$(in_time 3 nft -t list ruleset 2>/dev/null) || say "nftables' rules, which nft can't list"
  tracking_rules <<<"$rules"
  [[ ! -r /proc/net/ip_tables_names ]] || while read -r table; do
    if [[ $table == nat ]]; then
      say "iptables' table nat (iptables-legacy)"
    elif ! type -P iptables-legacy-save >/dev/null; then
      say "perhaps iptables' table $table, which nothing here can list (iptables-legacy-save)"
    else
      iptables-legacy-save -t "$table" | awk -v table="$table" '
        / -m (conntrack|state|connmark|connlimit|connbytes|connlabel|helper|cluster) | -j (CT|CONNMARK|CONNSECMARK|SYNPROXY)( |$)/ {
          print "iptables\047 table " table " (" $0 ")"
        }'
    fi
  done </proc/net/ip_tables_names
  [[ ! -r /proc/net/ip_vs ]] || (($(wc -l </proc/net/ip_vs) <= 3)) || say "IPVS (ipvsadm -L)"
  [[ ! -S /run/conntrackd.ctl ]] || say "conntrackd"
}

# Sets "silent_trackers": which of those are there that the kernel does not notify of. Starts no process.
see_silent_trackers() {
  local lines
  silent_trackers=
  if [[ -r /proc/net/ip_tables_names ]]; then
    mapfile -t lines </proc/net/ip_tables_names
    ((${#lines[@]} == 0)) || silent_trackers+="iptables ${lines[*]}"
  fi
  if [[ -r /proc/net/ip_vs ]]; then
    mapfile -t -n 4 lines </proc/net/ip_vs
    ((${#lines[@]} < 4)) || silent_trackers+=' IPVS'
  fi
  [[ ! -S /run/conntrackd.ctl ]] || silent_trackers+=' conntrackd'
}

# tracking_rules <RULESET: each table that tracks IPv4 connections, with the first line that does.
tracking_rules() { awk_file trackingRules -v ours="$pin_table"; }

# Fails when a run would switch trackOnlyVips on beside something that needs all connections tracked. Where it is in force already, it
# stops no run.
check_trackers() {
  local found
  if ! wants_only_vips "$bundle" || wants_only_vips "$state/current"; then return 0; fi
  found=$(trackers | head -n 1)
  [[ ! $found ]] || fail "pinning.trackOnlyVips can't be used together with something that needs all connections tracked: $found; nothing was changed. Remove routers.$machine.pinning.trackOnlyVips"
}

# note_trackers DIR: switches trackOnlyVips off, or on again, in $tracked_by. The supervisor does so, and a run before it loads the table.
note_trackers() {
  local found=
  ! wants_only_vips "$1" || found=$(trackers)
  if [[ ! $found ]]; then
    [[ ${restoring:-} ]] || rm -f "$tracked_by"
    return 0
  fi
  [[ ! -e $tracked_by ]] || return 0
  say "$found" >"$tracked_by"
  warn "pinning.trackOnlyVips is switched off: ${found%%$'\n'*} needs all connections tracked. From now on the router tracks them all; make sure that the conntrack table is large enough"
}

# At once when such rules appear, so that those whom they keep out need not wait until everything has been compared. The empty chains
# are removed later.
end_untracked() {
  leaves_others_untracked "$bundle" || return 0
  note_trackers "$bundle"
  [[ -e $tracked_by ]] || return 0
  in_time 3 nft -f - <<<"flush chain ip $pin_table untracked_in"$'\n'"flush chain ip $pin_table untracked_out" 2>/dev/null || true
}

# could_leave_others_untracked DIR: can a run switch it on again, as nothing needs all connections tracked any more?
could_leave_others_untracked() { had_to_end "$1" && [[ ! $(trackers) ]]; }

track_warnings() {
  had_to_end "$bundle" || return 0
  say "pinning.trackOnlyVips is not in force: $(head -n 1 "$tracked_by") needs all connections tracked. The router tracks them all"
}

# shellcheck shell=bash
# Whether this router forwards what visitors send. The health check before a move can't tell: packets that the router itself
# sends pass no forward chain. What is certain is read (`forwarding_faults`); what only the rules themselves can say is tried on a copy of
# the firewall, in a network of its own (`forwarding_losses`).
: "${scripts?}" "${bundle?}" "${run?}"

# Names of devices that are bridges for containers and guests: no visitors come by them.
readonly bridge_names='^(docker|br-|virbr|lxcbr|lxdbr|incusbr|podman|cni|veth|vnet|flannel|cali|nerdctl)'

# Read once, without the elements of sets: there may be a million.
read_rules() { [[ ${rules:-} ]] || rules=$(nft -st list ruleset 2>/dev/null || true; legacy_rules); }

ethernet_devices() { awk '{ print "route get", $3 }' "$bundle/want/routes" | sort -u | ask_kernel | awk '$2 == "dev" { print $3 }' | sort -u; }
# visitor_devices <DEVICES to the servers: the devices by which visitors come.
visitor_devices() {
  local ethernet
  ethernet=$(cat)
  {
    ip -4 route show default | awk '{ for (i = 1; i < NF; i++) if ($i == "dev") print "default", $(i + 1) }'
    ip -4 -o address show scope global | awk '{ print "address", $2 }'
  } | awk_file visitorDevices -v ethernet="$ethernet" -v bridges="$bridge_names"
}

# What certainly keeps visitors out: WHAT TAB WHAT-TO-DO, one a line.
forwarding_faults() {
  local family table chain command
  if [[ $(</proc/sys/net/ipv4/ip_forward) != 1 ]]; then
    printf '%s\t%s\n' "this machine does not forward packets, so it can't be a router" "Set net.ipv4.ip_forward=1 (sysctl.d)"
    return
  fi
  deaf_devices
  read_rules
  closed_chains <<<"$rules" | while read -r family table chain; do
    if [[ $family == legacy ]]; then command="iptables-legacy -S $chain"; else command="nft list chain $family $table $chain"; fi
    printf '%s\t%s\n' "chain $chain of table $family $table drops everything that this router forwards, so no visitor gets through" \
      "See: $command; accept traffic to and from the VIPs there"
  done
}

# A single device can be set not to forward what arrives on it.
deaf_devices() {
  local setting deaf='' ethernet device
  for setting in /proc/sys/net/ipv4/conf/*/forwarding; do
    [[ $(<"$setting") == 1 ]] || deaf+=$'\n'${setting%/forwarding}
  done
  [[ $deaf ]] || return 0
  ethernet=$(ethernet_devices)
  { say "$ethernet" && visitor_devices <<<"$ethernet"; } | sort -u | while read -r device; do
    [[ $deaf$'\n' != *"/conf/$device"$'\n'* ]] ||
      printf '%s\t%s\n' "this router does not forward packets that arrive on $device" "Set net.ipv4.conf.$device.forwarding=1 (sysctl.d)"
  done
}

# Tables of iptables-legacy, which nft does not list, as nft would print them.
legacy_rules() {
  if ! grep -qsx filter /proc/net/ip_tables_names || ! command -v iptables-legacy >/dev/null; then return 0; fi
  iptables-legacy -S FORWARD 2>/dev/null | awk_file legacyRules
}

# closed_chains <RULES: FAMILY TABLE CHAIN of those that let nothing through: a policy or a rule drops everything, and no rule before it
# could accept anything.
closed_chains() { awk_file closedChains; }

# tables_to_try <RULES: FAMILY TABLE of those that may drop or redirect what is forwarded, or leave it to a program ("asks").
tables_to_try() { awk_file tablesToTry; }

# forwarding_losses: what the rules keep from visitors, in one sentence; "unknown TAB WHY" where that can't be found out.
forwarding_losses() {
  local copy tables said
  read_rules
  tables=$(tables_to_try <<<"$rules")
  [[ $tables ]] || return 0
  if [[ $tables == *asks* ]]; then
    printf 'unknown\ta program makes the decision (queue, synproxy)\n'
    return
  fi
  forget_copies
  copy=$(mktemp -d "${LOOPBACK_HA_SCRATCH:-$run}/copy.$$.XXXXXX")
  if copy_router "$copy" "$tables" 2>/dev/null; then
    said=$(timeout 4 unshare -n bash "$scripts/rehearse.sh" "$copy" "$scripts" 2>/dev/null) || said="unknown the trial failed, or took too long"
  else
    said="unknown the rules can't be copied"
  fi
  rm -rf "$copy"
  awk_file lossMessage <<<"$said"
}

# forget_copies: left by processes that were killed.
forget_copies() {
  local left pid
  for left in "$run"/copy.* "$run"/trouble.*; do
    pid=${left#"$run"/*.}
    [[ -d /proc/${pid%%.*} ]] || rm -rf "$left"
  done
}

# forwarding_trouble: what keeps visitors out, for people, one sentence a line; "unknown TAB WHY" where that can't be found out.
forwarding_trouble() {
  local faults
  read_rules
  faults=$(forwarding_faults)
  if [[ $faults ]]; then say "${faults//$'\t'/. }"; else forwarding_losses; fi
}
forwarding_sights() {
  forwarding_trouble | awk -F '\t' '$1 == "unknown" { print "limits\tit is unknown whether firewall rules not managed by this stack let visitors through: " $2; next } { print "trouble\t" $0 }'
}
# Before anything moves: fails for what certainly keeps visitors out.
check_forwarding() {
  local what remedy
  read_rules
  IFS=$'\t' read -r what remedy < <(forwarding_faults) || return 0
  if [[ ${LOOPBACK_HA_FORCE_MOVE:-} ]]; then
    warn "LOOPBACK_HA_FORCE_MOVE: continuing although $what. $remedy"
  else
    fail "$what; nothing was changed. $remedy, then run 'pulumi up' again"
  fi
}
# After the move, so as not to delay it: warns of VIPs and ports that the rules let no visitor through to.
warn_of_losses() {
  local line
  forwarding_losses | while read -r line; do [[ $line == unknown* ]] || warn "$line"; done
}

# copy_router FOLDER TABLES: what rehearse.sh needs.
copy_router() {
  local folder=$1 ethernet visitors family table name number=10
  mkdir "$folder/tables"
  ethernet=$(ethernet_devices)
  visitors=$(visitor_devices <<<"$ethernet")
  while read -r family table _; do
    [[ $table ]] || continue
    [[ $table != legacy/* ]] || continue
    name=$folder/tables/$((number++))-"$family $table"
    timeout 2 nft -s list table "$family" "$table" >"$name.nft" || return
    # Rules of iptables that nft can't express.
    if grep -qE '(^|[ \t])(# )?xt[ _]' "$name.nft"; then
      rm "$name.nft"
      iptables-nft-save -t "$table" >"$name.iptables" || return
    fi
  done <<<"$2"
  if [[ $2 == *" legacy/"* ]]; then iptables-legacy-save -t filter >"$folder/tables/99-legacy filter.legacy" || return; fi
  if command -v ipset >/dev/null && grep -q match-set "$folder"/tables/*.{iptables,legacy} 2>/dev/null; then ipset save >"$folder/ipsets" || return; fi
  copy_devices "$folder" "$ethernet" "$visitors" >"$folder/commands"
  forwarding_questions "$visitors" >"$folder/questions"
}

# copy_devices FOLDER ETHERNET VISITORS: commands for ip. Nothing answers ARP in the copy: all neighbours are permanent, with one MAC.
copy_devices() {
  local folder=$1 number=0 device
  while read -r device; do
    say "link add $device address 02:00:00:00:00:01 type veth peer name lha-end$number"
    say "link set lha-end$number up"
    say "link set $device up"
    say "$device=lha-end$((number++))" >&3
  done < <(printf '%s\n' "$2" "$3" | sort -u) 3>"$folder/ends"
  ip -o link show | awk -F ': ' '{ sub(/@.*/, "", $2); print $2 }' | grep -vxF -e lo -f <(printf '%s\n' "$2" "$3") | head -n 200 |
    while read -r device; do if grep -qwsF -e "$device" "$folder"/tables/*; then say "link add $device type veth peer name lha-side$((number++))"; fi; done
  ip -4 -o address show scope global | awk -v devices="$2"$'\n'"$3" '
    BEGIN { n = split(devices, d, "\n"); for (i = 1; i <= n; i++) copied[d[i]] }
    $2 in copied { print "address add", $4, "dev", $2 }'
  awk '{ print "route get", $3 }' "$bundle/want/routes" | sort -u | ask_kernel | awk_file copyNeighbours - "$bundle/want/routes"
  visitors "$3" | while read -r device source; do
    say "route replace $source dev $device"
    say "neigh replace $source lladdr 02:00:00:00:00:02 dev $device nud permanent"
  done
}

# visitors DEVICES: DEVICE ADDRESS, for each device a neighbour's address and a remote one: a rule may keep out only one of the two.
visitors() {
  local device last=8
  while read -r device; do
    ip -4 -o address show dev "$device" scope global | awk -v device="$device" '{
      sub(/\/.*/, "", $4); split($4, p, "."); last = p[4] % 4
      print device, p[1] "." p[2] "." p[3] "." (p[4] + (last < 2 ? 1 : -1)); exit }'
    say "$device 8.8.8.$((last++))"
  done <<<"$1"
}

# forwarding_questions DEVICES: DEVICE SOURCE VIP PROTOCOL PORT, as visitors would ask each VIP.
forwarding_questions() {
  local sources
  sources=$(visitors "$1" | xargs)
  vip_checks "$bundle" | awk_file forwardingQuestions -v sources="$sources"
}

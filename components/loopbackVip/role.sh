# shellcheck shell=bash
# VIPs on the loopback device. Lines of want/bindings (lineFormats.ts):
#   address A            A/32 on lo; a longer prefix would bind the whole subnet
#   local PREFIX         all addresses of the prefix, by a local route (AnyIP)
#   unreachable PREFIX   packets to unbound VIPs would otherwise bounce between this server and the router
# want/sysctls: KEY=VALUE. This server does not answer ARP for a VIP.
# Set by lib.sh:
: "${bundle?}" "${machine?}" "${root?}" "${stack?}" "${state?}" "${version?}"
protocol=76
metric=7676

live_items() {
  printf '%s\n' 'address show dev lo' "route show table local dev lo proto $protocol" "route show type unreachable proto $protocol" |
    ip -4 -o -batch - |
    awk '$3 == "inet" && sub(/\/32$/, "", $4) { print "address", $4 } $1 == "local" || $1 == "unreachable" { print $1, $2 }'
}
sorted_live() { live_items | sort -u; }

# batch add|del: turns lines of bindings on stdin into lines for ip -batch.
batch() {
  awk -v verb="$1" -v protocol="$protocol" -v metric="$metric" '
    $1 == "address" { print "address", verb, $2 "/32 dev lo" }
    $1 == "local" { print "route", verb, "local", $2, "dev lo table local proto", protocol }
    $1 == "unreachable" { print "route", verb, "unreachable", $2, "proto", protocol, "metric", metric }'
}

check() {
  need ip awk
  local line other
  line=$(ip -4 -o address show | awk '
    NR == FNR { if ($1 == "address") wanted[$2]; next }
    $2 != "lo" { split($4, a, "/"); if (a[1] in wanted) print a[1] " already belongs to interface " $2 }
  ' "$bundle/want/bindings" - | head -n 1)
  [[ -z $line ]] || fail "VIP $line; nothing was changed. Remove it there, or give the site another host number"
  for other in $(others); do
    [[ $(meta_of "$other" stack) != "$stack" ]] || continue
    line=$(grep -Fx -f <(grep -E '^(address|local) ' "$bundle/want/bindings") "$other/want/bindings" | head -n 1 || true)
    [[ -z $line ]] || fail "VIP ${line#* } already belongs to stack $(meta_of "$other" stack); nothing was changed. Give one of the two another host number"
  done
}

# Addresses that were on lo before this stack's stay when ours go. Noted once, when a line is first wanted here.
prepare() {
  local wanted=$state/versions/$version/want
  touch "$state/known" "$state/adopted"
  {
    cat "$state/adopted"
    comm -12 <(sorted_live) <(comm -23 <(sort -u "$wanted/bindings") "$state/known") | comm -23 - <(of_others bindings | sort -u)
  } | sort -u >"$state/adopted.new"
  replace "$state/adopted.new" "$state/adopted"
  of_all_versions bindings | sort -u >"$state/known"
  local key
  if [[ ! -e $sysctl_before ]]; then
    while IFS='=' read -r key _; do
      say "$key=$(<"$(sysctl_file "$key")")"
    done <"$wanted/sysctls" >"$sysctl_before.new"
    replace "$sysctl_before.new" "$sysctl_before"
  fi
}

# Shared by all instances: the first one notes the values, the last one restores them.
sysctl_before=$root/sysctl-before
sysctl_file() { say "/proc/sys/${1//.//}"; }
set_sysctls() {
  local key value
  while IFS='=' read -r key value; do
    [[ $(<"$(sysctl_file "$key")") == "$value" ]] || say "$value" >"$(sysctl_file "$key")"
  done <"$1"
}

is_live() {
  local key value
  while IFS='=' read -r key value; do
    [[ $(<"$(sysctl_file "$key")") == "$value" ]] || return 1
  done <"$1/want/sysctls"
  [[ -z $(comm -23 <(sort -u "$1/want/bindings") <(sorted_live)) && -z $(stale_items "$1" <(sorted_live)) ]]
}

# The kernel does not announce everything (a sysctl, a lost message): checked every ten seconds as well.
await_change() { hear 10 lo "$protocol" || true; }

# stale_items DIR LIVE: what this instance brought, is still there and is no longer wanted.
stale_items() {
  of_all_versions bindings | sort -u | comm -12 - "$2" |
    comm -23 - <({ [[ -z $1 ]] || cat "$1/want/bindings"; of_others bindings; cat "$state/adopted" 2>/dev/null || true; } | sort -u)
}

activate() {
  local dir=$1 live
  live=$(sorted_live)
  if [[ $dir ]]; then
    set_sysctls "$dir/want/sysctls"
    comm -23 <(sort -u "$dir/want/bindings") <(say "$live") | batch add | ip -4 -batch -
  elif [[ -e $sysctl_before && -z $(others) ]]; then
    set_sysctls "$sysctl_before"
    rm -f "$sysctl_before"
  fi
  # New ones first: no VIP is unbound while the binding mode changes.
  stale_items "$dir" <(say "$live") | batch del | ip -4 -batch -
}

verify() {
  local missing
  missing=$(comm -23 <(sort -u "$1/want/bindings") <(sorted_live) | head -n 1)
  [[ -z $missing ]] || fail "the kernel does not show '$missing' after it was added"
  missing=$(awk '$1 == "address" { print "route get " $2 }' "$1/want/bindings" | ip -4 -batch - | awk '/via|dev/ && $1 != "local" { print $1; exit }')
  [[ -z $missing ]] || fail "VIP $missing is bound, but the kernel would not deliver its packets locally (check for a routing rule: ip rule)"
}

report() {
  say "$machine: $(grep -c '^address' "$1/want/bindings" || true) VIPs and $(grep -c '^local' "$1/want/bindings" || true) whole prefixes bound on lo"
}

drift() {
  local key value now
  comm -23 <(sort -u "$1/want/bindings") <(sorted_live) | awk '
    $1 == "address" { print "- address " $2 "/32 on lo" }
    $1 == "local" { print "- local " $2 " on lo" }
    $1 == "unreachable" { print "- unreachable route " $2 }'
  while IFS='=' read -r key value; do
    read -r now <"$(sysctl_file "$key")"
    [[ $now == "$value" ]] || printf '%s\n' "- sysctl $key = $value" "+ sysctl $key = $now"
  done <"$1/want/sysctls"
}

# shellcheck shell=bash disable=SC2154
# Routes of others inside our prefixes: a longer one wins, whatever ours say, and a sample of addresses may miss it.

# For awk. mawk turns large numbers into few digits where they are keys.
# shellcheck disable=SC2016
readonly prefix_functions='
  function number(address,  part) { split(address, part, "."); return ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4] }
  function bits_of(prefix,  part) { return split(prefix, part, "/") == 2 ? part[2] : 32 }
  function key(prefix, bits) { sub(/\/.*/, "", prefix); return sprintf("%.0f/%d", int(number(prefix) / 2 ^ (32 - bits)), bits) }
  function note(route,  field) { split(route, field, " "); lengths[bits_of(field[1])]; wanted[key(field[1], bits_of(field[1]))] = route }
  function within(prefix,  bits) {
    for (bits in lengths) if (bits + 0 < bits_of(prefix) && (key(prefix, bits) in wanted)) return wanted[key(prefix, bits)]
    return ""
  }'

# supernet <ROUTES: the smallest prefix that holds all: the kernel may have a million others.
supernet() {
  awk "$prefix_functions"'
    { low = number($1); high = low + 2 ^ (32 - bits_of($1)) - 1; if (NR == 1 || low < least) least = low; if (high > most) most = high }
    END {
      for (size = 1; int(least / size) != int(most / size); size *= 2) bits++
      least = int(least / size) * size
      printf "%d.%d.%d.%d/%d\n", int(least / 16777216), int(least / 65536) % 256, int(least / 256) % 256, least % 256, 32 - bits
    }'
}

# routes_inside DIR: PREFIX SERVER NEXT-HOP of DIR, and the route of somebody else, as ip shows it, that leads a part of it elsewhere.
routes_inside() {
  local net
  [[ -s $1/want/routes ]] || return 0
  net=$(supernet <"$1/want/routes")
  {
    ip -4 -N -o route show table main root "$net"
    # This machine's own addresses.
    ip -4 -N -o route show table local type local root "$net"
  } | awk "$prefix_functions"'
    FILENAME == "-" {
      i = $1 ~ /\./ ? 1 : 2
      if (i == 2) $1 = split("- local broadcast - - blackhole unreachable prohibit throw", name, " ") && ($1 in name) ? name[$1] : "special"
      protocol = hop = ""
      for (j = i; j < NF; j++) { if ($j == "proto") protocol = $(j + 1); if ($j == "via") hop = $(j + 1) }
      prefix = $i ~ /\// ? $i : $i "/32"
      if (protocol == 76 || (protocol == 196 && (prefix in ours))) next
      route = within($i)
      if (route == "") next
      split(route, field, " ")
      if (i == 2 || hop != field[3]) { sub(/ *$/, ""); print route, $0 }
      next
    }
    FILENAME == wanted_file { note($0) }
    { ours[$1] }' wanted_file="$1/want/routes" "$1/want/routes" <(of_all_versions routes) <(cat "$root"/*/current/want/routes 2>/dev/null || true) -
}

# told_inside <ROUTES of routes_inside: one sentence for each.
told_inside() {
  awk '{
    route = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", route)
    split(route, f, " "); what = f[1] ~ /^[0-9]/ ? f[1] : f[1] " " f[2]
    protocol = hop = device = ""
    for (i = 1; i in f; i++) { if (f[i] == "proto") protocol = f[i + 1]; if (f[i] == "via") hop = " via " f[i + 1]; if (f[i] == "dev") device = " dev " f[i + 1] }
    print $1 " should go to " $2 " (" $3 "), but a more specific route not managed by this stack sends part of it elsewhere: " what hop device ". " \
      (protocol > 10 && protocol != 16 && protocol != 18 ? "A routing daemon has set it (protocol " protocol "): take it out there" (protocol == 11 || protocol >= 186 ? " (FRR: vtysh -c \"show ip route " f[2 - (f[1] ~ /^[0-9]/)] "\")" : "") : f[1] == "local" ? "Take the address off: ip address del " f[2] device : "Remove it: ip route del " what hop device)
  }'
}

# Before anything moves.
check_inside() { complain_inside "$bundle" '; nothing was moved'; }
verify_inside() { complain_inside "$1"; }
complain_inside() {
  local told
  told=$(routes_inside "$1" | told_inside)
  fail_or_warn 1 as_told "$told" "${2:-}"
}
as_told() { say "$1$2"; }
inside_sights() { routes_inside "$bundle" | told_inside | sed 's/^/trouble\t/'; }

# addresses_of_rules DIR: as sample_addresses has them, one for each rule of others that is for a part of a prefix.
addresses_of_rules() {
  ip -4 rule show | awk "$prefix_functions"'
    FILENAME == "-" { for (i = 1; i < NF; i++) if ($i == "to" && (route = within($(i + 1))) != "") { address = $(i + 1); sub(/\/.*/, "", address); print address, route }; next }
    { note($0) }' "$1/want/routes" -
}

# "ADDRESS PREFIX SERVER NEXT-HOP WAY" where a rule of somebody else for what comes in by a device leads
# visitors elsewhere. Asked only where there is such a rule.
led_elsewhere() {
  [[ $(ip -4 rule show) == *" iif "* ]] || return 0
  visitors "$(ethernet_devices | visitor_devices)" | awk 'FILENAME == "-" { from[++count] = $2 " iif " $1; next } { for (i = 1; i <= count; i++) print "route get", $1, "from", from[i] }' - "$run/samples" | ask_kernel |
    awk 'FILENAME == "-" { if ($2 == "from") { way[$1] = $0; hop[$1] = $4 == "via" ? $5 : "" } next } ($1 in way) && hop[$1] != $4 { print $0, way[$1] }' - "$run/samples"
}

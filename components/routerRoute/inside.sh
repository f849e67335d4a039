# shellcheck shell=bash
: "${bundle?}" "${root?}" "${run?}"
# Routes of others inside our prefixes: a longer one wins, whatever ours say, and a sample of addresses may miss it.

# supernet <ROUTES: the smallest prefix that holds all: the kernel may have a million others.
supernet() { awk_file supernet; }

# routes_inside DIR: PREFIX SERVER NEXT-HOP of DIR, and the route of somebody else, as ip shows it, that leads a part of it elsewhere.
routes_inside() {
  local net
  [[ -s $1/want/routes ]] || return 0
  net=$(supernet <"$1/want/routes")
  {
    ip -4 -N -o route show table main root "$net"
    # This machine's own addresses.
    ip -4 -N -o route show table local type local root "$net"
  } | awk_file routesInside -v wanted_file="$1/want/routes" "$1/want/routes" <(of_all_versions routes) <(cat "$root"/*/current/want/routes 2>/dev/null || true) -
}

# told_inside <ROUTES of routes_inside: one sentence for each.
told_inside() { awk_file insideMessages; }

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
addresses_of_rules() { ip -4 rule show | awk_file addressesOfRules "$1/want/routes" -; }

# "ADDRESS PREFIX SERVER NEXT-HOP WAY" where a rule of somebody else for what comes in by a device leads
# visitors elsewhere. Asked only where there is such a rule.
led_elsewhere() {
  [[ $(ip -4 rule show) == *" iif "* ]] || return 0
  visitors "$(ethernet_devices | visitor_devices)" | awk 'FILENAME == "-" { from[++count] = $2 " iif " $1; next } { for (i = 1; i <= count; i++) print "route get", $1, "from", from[i] }' - "$run/samples" | ask_kernel |
    awk 'FILENAME == "-" { if ($2 == "from") { way[$1] = $0; hop[$1] = $4 == "via" ? $5 : "" } next } ($1 in way) && hop[$1] != $4 { print $0, way[$1] }' - "$run/samples"
}

# shellcheck shell=bash
# Routes not managed by loopback-ha that are inside its prefixes: the longer prefix wins, and a sample of addresses may miss it.
: "${bundle?}" "${root?}" "${run?}"

# supernet <ROUTES: the smallest prefix that has all of them in it. Only that part of the table is read: the rest may be a million routes.
supernet() { awk_file supernet; }

# routes_inside DIR: PREFIX SERVER NEXT-HOP of DIR, and the other route, as ip prints it, that leads a part of that prefix elsewhere.
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

# inside_messages <ROUTES of routes_inside: one sentence for each.
inside_messages() { awk_file insideMessages; }

# Before anything moves.
check_inside() { fail_or_warn_inside "$bundle" '; nothing was moved'; }
verify_inside() { fail_or_warn_inside "$1"; }
fail_or_warn_inside() {
  local messages
  messages=$(routes_inside "$1" | inside_messages)
  fail_or_warn 1 message_as_is "$messages" "${2:-}"
}
message_as_is() { say "$1$2"; }
inside_sights() { routes_inside "$bundle" | inside_messages | sed 's/^/trouble\t/'; }

# addresses_of_rules DIR: lines as of sample_addresses, one for each routing rule that is for a part of a prefix.
addresses_of_rules() { ip -4 rule show | awk_file addressesOfRules "$1/want/routes" -; }

# led_elsewhere: "ADDRESS PREFIX SERVER NEXT-HOP WAY" where a routing rule for an incoming device leads visitors elsewhere. Asks only
# when there is a rule with iif.
led_elsewhere() {
  [[ $(ip -4 rule show) == *" iif "* ]] || return 0
  visitors "$(ethernet_devices | visitor_devices)" | awk 'FILENAME == "-" { from[++count] = $2 " iif " $1; next } { for (i = 1; i <= count; i++) print "route get", $1, "from", from[i] }' - "$run/samples" | ask_kernel |
    awk 'FILENAME == "-" { if ($2 == "from") { way[$1] = $0; hop[$1] = $4 == "via" ? $5 : "" } next } ($1 in way) && hop[$1] != $4 { print $0, way[$1] }' - "$run/samples"
}

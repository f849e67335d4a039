# In: items, see live_items in role.sh. -v verb: add or del; -v own, rule_own, metric: what loopback-ha's routes and rules have in common.
# Out: commands for ip. "add" replaces a route that is there.
NF == 0 { next }
$1 == "fwmark" { print "rule", verb, $0, rule_own; next }
{ route = verb == "add" ? "route replace" : "route del" }
$1 == "table" { print route, "default via", $4, "table", $2, own; next }
$1 == "unreachable" { print route, $0, own, metric; next }
{ print route, $0, own }

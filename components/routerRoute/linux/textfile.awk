# Prometheus' text format for node_exporter. In, each behind part=NAME: servers (NAME ADDRESS ...), routes (PREFIX SERVER HOP), held
# (SERVER TIME REASON), live ("live TAB PREFIX HOP", or "live TAB -"). -v now (seconds), repairs, guard (empty: none; 0, 1: whether it
# runs), moves (of the guard).
function announce(name, type, help) {
  print "# HELP loopback_ha_router_" name " " help
  print "# TYPE loopback_ha_router_" name " " type
}
function sample(name, labels, n) { print "loopback_ha_router_" name labels " " n }
part == "servers" { name_of[$2] = $1 }
part == "routes" { wanted[$1] = $3 }
part == "held" && !($1 in held) { held[$1]; held_count++ }
part == "live" && $2 != "-" { prefix[++count] = $2; hop[$2] = $3 }
END {
  announce("supervisor_timestamp_seconds", "gauge", "When the supervisor of the routes last wrote this file.")
  sample("supervisor_timestamp_seconds", "", now)
  announce("repairs_total", "counter", "How often the supervisor has restored something since it was started.")
  sample("repairs_total", "", repairs)
  for (i in wanted) if (hop[i] != wanted[i]) missing++
  announce("missing_prefixes", "gauge", "Prefixes that do not go to the server that this router was told.")
  sample("missing_prefixes", "", missing + 0)
  if (count) announce("prefix_server_info", "gauge", "Which server this router sends a prefix to.")
  for (i = 1; i <= count && i <= 1000; i++) {
    server = hop[prefix[i]] in name_of ? name_of[hop[prefix[i]]] : hop[prefix[i]]
    sample("prefix_server_info", "{prefix=\"" prefix[i] "\",server=\"" server "\"}", 1)
  }
  if (guard == "") exit
  announce("guard_running", "gauge", "Whether the guard runs.")
  sample("guard_running", "", guard)
  announce("guard_moves_total", "counter", "How often the guard has moved a dead server's prefixes.")
  sample("guard_moves_total", "", moves)
  announce("held_servers", "gauge", "Servers that the guard holds as dead.")
  sample("held_servers", "", held_count + 0)
  if (held_count) announce("held_server_info", "gauge", "A server that the guard holds as dead.")
  for (server in held) sample("held_server_info", "{server=\"" server "\"}", 1)
}

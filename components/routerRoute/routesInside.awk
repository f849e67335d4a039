# In: want/routes of the bundle and of this router's other bundles, as files; "-" routes as `ip -N -o route show` prints them.
# -v wanted_file: which of the files is the bundle's own.
# Out: a line of the bundle's routes, and the route not managed by loopback-ha that leads a part of it elsewhere.
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
FILENAME == wanted_file { note_route($0) }
{ ours[$1] }

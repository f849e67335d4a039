# The routes and servers in force while the guard holds servers. Each prefix of a held server goes to its first fallback that is up
# and not held, and a held server is down. A prefix without such a fallback stays where it is.
# In: files after part=held (SERVER TIME REASON), part=fallbacks (PREFIX SERVER ...), part=servers and part=routes (see routes.sh),
# in this order. -v also: more held servers, separated by spaces. -v but: a server to treat as not held.
# Out: the files named by -v servers_out and -v routes_out.

BEGIN {
  count = split(also, more, " ")
  for (i = 1; i <= count; i++) held[more[i]]
  printf "" >servers_out
  printf "" >routes_out
}
function first_fallback(prefix,  list, count, i) {
  count = split(order[prefix], list, " ")
  for (i = 2; i <= count; i++) if (list[i] in takes) return list[i]
  return ""
}
part == "held" { if ($1 != but) held[$1]; next }
part == "fallbacks" { order[$1] = $0; next }
part == "servers" {
  hop[$1] = $2
  if ($1 in held) $3 = "down"
  if ($3 == "up") takes[$1]
  print >servers_out
  next
}
{
  if (($2 in held) && (server = first_fallback($1)) != "") print $1, server, hop[server] >routes_out
  else print >routes_out
}

# In: want/servers, want/routes, "-" flows as `conntrack -L` prints them. -v own: this router's addresses; -v mask: as a number.
# Out: PREFIX SERVER-ADDRESS PROTOCOL CLIENT CLIENT-PORT VIP VIP-PORT of flows to and from VIPs that have a server's mark.
BEGIN {
  split(own, addresses, " ")
  for (i in addresses) is_own[addresses[i]]
  # A script that has outlived its bundle has none.
  if (mask + 0 == 0) exit
  # The mask is one run of bits: what is left of a mark after the lower bits are cut off is the server.
  for (unit = 1; mask % (unit * 2) == 0; unit *= 2);
  room = mask / unit + 1
}
FILENAME ~ /want\/servers$/ { server[hex(tolower($4)) / unit] = $2; next }
FILENAME ~ /want\/routes$/ { note_route($1); next }
($1 == "tcp" && $4 == "ESTABLISHED") || $1 == "udp" {
  n = 0; mark = 0
  for (i = 4; i <= NF; i++) {
    split($i, pair, "=")
    if (pair[1] == "mark") mark = pair[2]
    else if (n < 4 && pair[1] ~ /^(src|dst|sport|dport)$/) value[++n] = pair[2]
  }
  host = int(mark / unit) % room
  if (!(host in server) || value[1] in is_own || value[2] in is_own) next
  # A connection that a server opened from a VIP has it on the other side.
  if ((prefix = within(value[2] "/33")) != "") print prefix, server[host], $1, value[1], value[3], value[2], value[4]
  else if ((prefix = within(value[1] "/33")) != "") print prefix, server[host], $1, value[2], value[4], value[1], value[3]
}

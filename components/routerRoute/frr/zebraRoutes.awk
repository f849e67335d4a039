# In: what vtysh prints for `show ip route PREFIX`, of some prefixes.
# Out: PREFIX PROTOCOL DISTANCE TAG|- installed|other HOP|reject of each route that zebra has for exactly these.
$1 == "Routing" { prefix = $4 }
$1 == "Known" {
  protocol = $3; gsub(/[",]/, "", protocol); distance = $5 + 0; tag = "-"
  for (i = 6; i < NF; i++) if ($i == "tag") tag = $(i + 1) + 0
}
/^ +(\* )?([0-9.]+,|unreachable|directly)/ && !/inactive/ {
  hop = $1 == "*" ? $2 : $1; sub(/,/, "", hop)
  print prefix, protocol, distance, tag, $1 == "*" ? "installed" : "other", hop == "unreachable" ? "reject" : hop
}

# In: a ruleset as nft prints it. -v ours: the name of this instance's table.
# Out: "table FAMILY NAME (RULE)" of each other table that tracks IPv4 connections, with its first such rule.
function found() { if (!(table in seen)) { seen[table]; sub(/^[ \t]+/, ""); print "table " table " (" $0 ")" } }
$1 == "table" { table = $2 " " $3; skip = $2 !~ /^(ip|inet|bridge)$/ || $3 == ours; next }
skip || $1 == "elements" { next }
/xt (match|target) "(conntrack|state|connmark|connlimit|connbytes|connlabel|helper|cluster|CT|CONNMARK|CONNSECMARK|SYNPROXY|SNAT|DNAT|MASQUERADE|REDIRECT|NETMAP)"/ { found(); next }
{
  line = " " $0 " "
  gsub(/"[^"]*"/, "", line)
  if (line ~ /[ \t{(]ct +[a-z]/ || line ~ /type nat hook/ || line ~ /[ \t](masquerade|snat|dnat|redirect|synproxy)[ \t]/ || line ~ /[ \t]flow (add|offload) / || $1 == "flowtable") found()
}

# In: routes and rules as `ip` prints them. -v proto: "proto NUMBER" of loopback-ha; -v check: "PREFERENCE:" of the rule of health checks.
# Out: see live_items in role.sh.
$1 == "unreachable" { print $1, $2; next }
$1 == "default" { for (i = 4; i < NF; i++) if ($i == "table") print "table", $(i + 1), "via", $3; next }
$2 == "via" { print $1 ($1 ~ /\// ? "" : "/32"), $2, $3; next }
$1 == check { print "rule"; next }
substr($0, length($0) - length(proto) + 1) == proto {
  sub(/:/, "", $1)
  print "fwmark", $7, "to", $5, "lookup", $9, "pref", $1
}

# In: what rehearse.sh prints. Out: a sentence about what is lost, "unknown TAB WHY", or nothing.
$1 == "unknown" { sub(/^unknown /, ""); print "unknown\t" $0; exit }
$1 == "by" { by = "table " $2 " " $3; look = $2 == "legacy" ? "iptables-legacy -S" : "nft list table " $2 " " $3; next }
$1 == "lost" && !count++ { split($0, f, " ") }
END {
  if (!count) exit
  what = (f[6] == "icmp" ? "a ping" : "a new connection") " from " f[4] " (by " f[3] ") to " f[5] (f[6] == "icmp" ? "" : " " f[6] " port " f[7])
  print (f[2] == "back" ? "the answer to " : "") what " does not get through this router" (by ? ": " by " keeps it out" : "") \
    (count > 1 ? ", and " count - 1 " more VIPs or ports" : "") ". See: " (by ? look : "nft list ruleset") "; accept traffic to and from the VIPs there"
}

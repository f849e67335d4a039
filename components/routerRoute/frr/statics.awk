# In: FRR's running configuration. -v tag: that of loopback-ha's routes. Out: PREFIX HOP|reject DISTANCE ours|foreign of each static route.
$1 == "ip" && $2 == "route" && /^ip/ && !/ vrf / {
  distance = 1; whose = "foreign"
  for (i = 5; i < NF; i++) if ($i == "tag" && $(i + 1) == tag) { whose = "ours"; if (i + 2 <= NF) distance = $(i + 2) }
  print $3, $4 ~ /^(Null0|blackhole)$/ ? "reject" : $4, distance, whose
}

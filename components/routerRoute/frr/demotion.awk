# In: want/routes of a sibling; "-" routes as `ip -N route show` prints them. -v sign: + or -; -v zebra: FRR's protocol number; -v by: the
# difference of the metrics. Out: commands for ip that put the sibling's routes behind FRR's (+) or in front again (-).
FILENAME ~ /want\/routes$/ { theirs[$1]; next }
$2 == "via" && ($1 in theirs) {
  metric = 0
  for (i = 4; i < NF; i++) { if ($i == "metric") metric = $(i + 1); if ($i == "proto") protocol = $(i + 1) }
  if (protocol == zebra || (metric >= by) == (sign == "+")) next
  route = $1 " via " $3 " proto " protocol " metric "
  printf "route append %s%.0f\nroute del %s%.0f\n", route, metric + (sign == "+" ? by : -by), route, metric
}

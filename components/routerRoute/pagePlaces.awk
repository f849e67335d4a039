# In: want/servers, want/routes, "-" lines of vip_checks. -v pinned: yes or no. Out: see page_places in health.sh.
FILENAME ~ /servers$/ { if ($3 == "up") { up[$1]; server[++servers] = $1; mark[servers] = $4 } next }
FILENAME ~ /routes$/ { note_route($0); next }
$3 != "http" { next }
pinned == "yes" { if (!asked[$2]++) for (s = 1; s <= servers; s++) print mark[s], server[s], $0; next }
{ split(within($1 "/33"), route, " "); if ((route[2] in up) && !asked[$2, route[2]]++) print "-", route[2], $0 }

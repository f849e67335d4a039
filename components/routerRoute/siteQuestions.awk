# In, by the first word: "move PREFIX via HOP", "live PREFIX via HOP", "server NAME ADDRESS STATE", "answered SITE", "site " and a line of
# vip_checks. -v only: only sites that are "answered", unless it is empty.
# Out: a question for probe.pl for each site that moves away from a server that is up; its label is SITE NEW-SERVER PRESENT-SERVER.
$1 == "move" { to[$2] = $4; note_route($2) }
$1 == "live" && $3 == "via" { from[$2] = $4 }
$1 == "server" { name[$3] = $2; if ($4 == "up") up[$3] }
$1 == "answered" { answered[$2] }
$1 == "site" && !($3 in asked) {
  prefix = within($2 "/33")
  if (prefix == "" || !(from[prefix] in up) || from[prefix] == to[prefix] || (only && !($3 in answered))) next
  asked[$3]
  print page_question(substr($0, 6), $3 " " name[to[prefix]] " " name[from[prefix]])
}

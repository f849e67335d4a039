# In: want/routes; "-" routing rules as `ip rule show` prints them.
# Out: an address of each rule that is for a part of a prefix, and the line of that prefix.
FILENAME == "-" {
  for (i = 1; i < NF; i++)
    if ($i == "to" && (route = within($(i + 1))) != "") { to = $(i + 1); sub(/\/.*/, "", to); print to, route }
  next
}
{ note_route($0) }

# In: lines of routesInside.awk. Out: a sentence for each, with the command that helps.
{
  route = $0
  sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", route)
  split(route, f, " ")
  has_type = f[1] !~ /^[0-9]/
  prefix = f[1 + has_type]
  what = has_type ? f[1] " " prefix : prefix
  protocol = hop = device = ""
  for (i = 1; i in f; i++) { if (f[i] == "proto") protocol = f[i + 1]; if (f[i] == "via") hop = " via " f[i + 1]; if (f[i] == "dev") device = " dev " f[i + 1] }
  if (protocol > 10 && protocol != 16 && protocol != 18) {
    remedy = "A routing daemon has set it (protocol " protocol "): take it out there"
    if (protocol == 11 || protocol >= 186) remedy = remedy " (FRR: vtysh -c \"show ip route " prefix "\")"
  } else if (f[1] == "local") remedy = "Take the address off: ip address del " f[2] device
  else remedy = "Remove it: ip route del " what hop device
  print $1 " should go to " $2 " (" $3 "), but a more specific route not managed by this stack sends part of it elsewhere: " what hop device ". " remedy
}

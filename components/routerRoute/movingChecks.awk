# In: a file "moves" (a moving prefix begins each line), want/routes, "-" lines of vip_checks. -v present: empty, or any server's answer will do.
# Out: a question for probe.pl for each check of a VIP in a moving prefix. Its label ends with " on SERVER", the server that gets it.
FILENAME ~ /moves$/ { moving[$1]; next }
FILENAME ~ /routes$/ {
  if ($1 in moving) { low[++count] = number($1); high[count] = low[count] + 2 ^ (32 - bits_of($1)); server[count] = $2 }
  next
}
{
  vip = number($1)
  for (i = 1; i <= count; i++)
    if (vip >= low[i] && vip < high[i]) print question($0, present ? "-" : server[i] " " $2, subject($0) " on " server[i])
}

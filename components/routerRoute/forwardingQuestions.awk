# In: lines of vip_checks. -v sources: "DEVICE ADDRESS" of each kind of visitor, all in one line.
# Out: DEVICE SOURCE VIP PROTOCOL PORT for rehearse.pl, of 500 VIPs and ports at most.
BEGIN { n = split(sources, source, " ") }
{
  what = $1 " " ($3 == "http" ? "tcp 80" : $3 == "dns" ? "udp 53" : $3 == "tcp" ? "tcp " $4 : "icmp 0")
  if (asked[what]++) next
  for (i = 1; i < n; i += 2) print source[i], source[i + 1], what
  if (++count == 500) exit
}

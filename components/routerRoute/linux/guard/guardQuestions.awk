# The guard's questions, for probe.pl: each server's own address, and by its mark one VIP of each service per round, in turn. A service
# is all HTTP sites, the https of those that have it, one TCP port, all zones, or ping. Each is a group of its own, because a server is
# dead only if all its services are.
# In: want/servers, then lines of vip_checks on stdin. Out: lines for probe.pl, labelled "host SERVER" or "marked SERVER".

# Like `question` in functions.awk, but any answer will do.
function any_question(f) {
  if (f[3] == "http") return "http\t" f[1] "\t80\t" f[4] "\t" f[5] "\t200\t-"
  if (f[3] == "dns") return "dns\t" f[1] "\t53\t" f[4]
  if (f[3] == "tcp") return "tcp\t" f[1] "\t" f[4] "\t-"
  return "ping\t" f[1]
}
# Several sites may share a VIP: one of them is asked.
function add(service, vip, text) {
  if (!(service in known)) known[service] = ++services
  if ((vip, service) in asked) return
  asked[vip, service]
  line[known[service], ++lines[known[service]]] = text
}
FILENAME != "-" {
  server[++servers] = $1
  at[servers] = $2
  mark[servers] = $4
  next
}
{
  split($0, f, " ")
  add(f[3] == "tcp" ? "tcp " f[4] : f[3], f[1], any_question(f))
  if (f[7] == "https") add("https", f[1], "hello\t" f[1] "\t443\t" f[4])
}
END {
  for (i = 1; i <= servers; i++) {
    print "group"
    print "host\t" at[i] "\thost " server[i]
    print "mark\t" mark[i]
    for (s = 1; s <= services; s++) {
      print "group"
      for (n = 1; n <= lines[s]; n++) print line[s, n] "\tmarked " server[i]
    }
  }
}

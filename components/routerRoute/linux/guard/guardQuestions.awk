# The guard's questions, for probe.pl: each server's own address, and by its mark one VIP of each service per round, in turn. A service
# is all HTTP sites, one TCP port, all zones, or ping. Each is a group of its own, because a server is dead only if all its services are.
# In: want/servers, then lines of vip_checks on stdin. Out: lines for probe.pl, labelled "host SERVER" or "marked SERVER".

function service_of(f) { return f[3] == "http" ? "http" : f[3] == "tcp" ? "tcp " f[4] : f[3] }
# Like `question` in functions.awk, but any answer will do.
function any_question(line, f, label) {
  if (f[3] == "http") return "http\t" f[1] "\t80\t" f[4] "\t" f[5] "\t200\t-\t" label
  if (f[3] == "dns") return "dns\t" f[1] "\t53\t" f[4] "\t" label
  if (f[3] == "tcp") return "tcp\t" f[1] "\t" f[4] "\t-\t" label
  return "ping\t" f[1] "\t" label
}
FILENAME != "-" {
  server[++servers] = $1
  at[servers] = $2
  mark[servers] = $4
  next
}
{
  split($0, f, " ")
  name = service_of(f)
  if (!(name in known)) known[name] = ++services
  s = known[name]
  # Several sites may share a VIP.
  if (($1, s) in asked) next
  asked[$1, s]
  line[s, ++lines[s]] = $0
}
END {
  for (i = 1; i <= servers; i++) {
    print "group"
    print "host\t" at[i] "\thost " server[i]
    print "mark\t" mark[i]
    for (s = 1; s <= services; s++) {
      print "group"
      for (n = 1; n <= lines[s]; n++) {
        split(line[s, n], f, " ")
        print any_question(line[s, n], f, "marked " server[i])
      }
    }
  }
}

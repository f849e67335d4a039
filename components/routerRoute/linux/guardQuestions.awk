# What the guard asks, for probe.pl: each server itself, and by its mark one VIP of each of its services a round, in turn. A server
# is dead only where all of its services are: one group for each (an HTTP site for all, a TCP port, a zone's name server).
# In: want/servers, then lines of vip_checks on stdin. -v only: the name of a server, when only that one is asked.

function service(f) { return f[3] == "http" ? "http" : f[3] == "tcp" ? "tcp " f[4] : f[3] }
# As `question` of routes.sh, but any answer is one.
function question(line, f, label) {
  if (f[3] == "http") return "http\t" f[1] "\t80\t" f[4] "\t" f[5] "\t200\t-\t" label
  if (f[3] == "dns") return "dns\t" f[1] "\t53\t" f[4] "\t" label
  if (f[3] == "tcp") return "tcp\t" f[1] "\t" f[4] "\t-\t" label
  return "ping\t" f[1] "\t" label
}
FILENAME != "-" {
  if (only != "" && $1 != only) next
  server[++servers] = $1
  at[servers] = $2
  mark[servers] = $4
  next
}
{
  split($0, f, " ")
  name = service(f)
  if (!(name in known)) known[name] = ++services
  s = known[name]
  # A VIP that several sites share is asked once.
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
        print question(line[s, n], f, "marked " server[i])
      }
    }
  }
}

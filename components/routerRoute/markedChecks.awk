# In: want/servers; "-" lines of vip_checks. Out: a group of questions for probe.pl for each server, with its mark.
FILENAME ~ /servers$/ { server[++servers] = $1; mark[servers] = $4; next }
!asked[$1 FS $2]++ { line[++vips] = $0 }
END {
  for (s = 1; s <= servers; s++) {
    print "mark\t" mark[s] "\ngroup"
    for (i = 1; i <= vips; i++) {
      split(line[i], f, " ")
      print question(line[i], server[s] " " f[2], "marked " server[s] " " f[2])
    }
  }
}

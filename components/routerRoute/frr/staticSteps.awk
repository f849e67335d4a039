# In, by the variable part before each file: has (lines of statics.awk), want and others ("PREFIX HOP" that this bundle and those of others
# want), own (prefixes of all versions of this instance). -v near, far: the two distances.
# Out: see steps in role.sh.
part == "has" && $4 == "foreign" { foreign[$1 " " $2]; next }
part == "has" { has[$1 " " $2] = $3; at[$1 " " $3] = $2; next }
part == "want" { want[$1 " " $2]; next }
part == "own" { own[$1]; next }
part == "others" { keep[$1 " " $2]; next }
END {
  # Another route may drop what is left of the block already.
  for (route in want) if (!(route in has) && !(route in foreign)) {
    split(route, p, " ")
    free = ((p[1] " " near) in at) ? far : near
    if (((p[1] " " near) in at) && ((p[1] " " far) in at)) { print "clear", p[1], at[p[1] " " far], far; delete has[p[1] " " at[p[1] " " far]] }
    print "add", route, free
  }
  for (route in has) { split(route, p, " "); if (p[1] in own && !(route in want) && !(route in keep)) print "drop", route, has[route] }
}

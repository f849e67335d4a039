# In: what configured prints, then what foreign_sockets prints. Out: the first Listen whose port another program holds:
# ADDRESS TAB PORT TAB PLACE TAB HOLDER.

function family(at) { return at ~ /^\[/ ? 6 : at == "*" ? 46 : 4 }
function all(at) { return at ~ /^([*]|0[.]0[.]0[.]0|\[::\])$/ }
function meet(a, b) {
  # With [::], Apache listens on IPv4, too.
  if (a == "[::]") a = "*"
  if (family(a) != 46 && family(b) != 46 && family(a) != family(b)) return 0
  return a == b || all(a) || all(b)
}

BEGIN { FS = OFS = "\t" }
FILENAME == ARGV[1] { if ($1 == "listen") { count++; at[count] = $2; port[count] = $3; place[count] = $4 } next }
{
  sub(/%.*/, "", $1)
  for (i = 1; i <= count; i++)
    if (port[i] == $2 && meet(at[i], $1)) { print at[i], port[i], place[i], $3; exit }
}

# In: what configured prints, then want/sites. Out: the sites that a virtual host not managed by this stack also serves, by name:
# SITE TAB NAME TAB PLACE. Both sides may have wildcards.

# Do the names that end so include one that the other pattern fits?
function meets(ending, pattern,  star, last, i, a, b) {
  for (star = length(pattern); star > 0 && substr(pattern, star, 1) != "*"; star--);
  last = length(pattern) - star
  if (!star && last < length(ending)) return 0
  for (i = 0; i < last && i < length(ending); i++) {
    a = substr(ending, length(ending) - i, 1)
    b = substr(pattern, length(pattern) - i, 1)
    if (b != "?" && a != b) return 0
  }
  return 1
}

BEGIN { FS = OFS = "\t" }

FILENAME == ARGV[1] {
  if ($1 != "name") next
  known[++all] = $2
  where[all] = $3
  if ($2 !~ /[*?]/) { if (!($2 in at)) at[$2] = $3; next }
  wild[++count] = $2
  place[count] = $3
  gsub(/[^a-z0-9*?-]/, "[&]", wild[count])
  gsub(/[*]/, ".*", wild[count])
  gsub(/[?]/, ".", wild[count])
  next
}

{
  split($0, field, " ")
  names = split(field[2], name, ",")
  for (j = 1; j <= names; j++) {
    if (name[j] ~ /^[*]/) {
      for (i = 1; i <= all; i++) if (meets(substr(name[j], 2), known[i])) { print field[1], known[i], where[i]; next }
      continue
    }
    if (name[j] in at) { print field[1], name[j], at[name[j]]; next }
    for (i = 1; i <= count; i++) if (name[j] ~ "^" wild[i] "$") { print field[1], name[j], place[i]; next }
  }
}

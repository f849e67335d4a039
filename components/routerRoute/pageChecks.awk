# In: lines of page_places. -v every: empty for all sites once, in any order; else a group for each server. -v seed: a number.
# Out: questions for probe.pl.
BEGIN { srand(seed) }
{
  line = $0
  sub(/^[^ ]+ [^ ]+ /, "", line)
  check = ($1 == "-" ? "" : "mark\t" $1 "\n") page_question(line, "page " $2 " " $4) "\n"
  if (every == "") { if (!($4 in of_site)) site[++sites] = $4; of_site[$4] = of_site[$4] check }
  else of_server[$2] = of_server[$2] check
}
END {
  for (i = sites; i >= 1; i--) { j = 1 + int(rand() * i); printf "%s", of_site[site[j]]; site[j] = site[i] }
  for (server in of_server) printf "group\n%s", of_server[server]
}

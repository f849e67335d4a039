# In: lines of site_statuses from the present servers, then answers of probe.pl from the new ones, as two files.
# Out: see worse_sites in siteHealth.sh.
function day(begins) { return substr(begins, 1, 4) "-" substr(begins, 5, 2) "-" substr(begins, 7, 2) }
BEGIN { FS = OFS = "\t" }
FILENAME == ARGV[1] { now[$1] = $2; shown[$1] = $3; begins[$1] = $4; named[$1] = $5; next }
$5 == "unasked" { next }
{
  split($3, word, " ")
  site = word[1]
  if (!(site in now) || substr(now[site], 1, 1) > 3) next
  status = $5 ~ /^status / ? substr($5, 8) : ""
  if (substr(status, 1, 1) != substr(now[site], 1, 1))
    print $2, site, word[2], word[3], "status " now[site], status != "" ? "status " status : $5 == "late" || $5 == "silent" ? "nothing in time" : "no page (" $4 ")"
  else if (named[site] == "named" && $9 == "another")
    print $2, site, word[2], word[3], "a certificate for that name", "one that is not for that name"
  else if (shown[site] != "" && $7 != shown[site] && $8 < begins[site])
    print $2, site, word[2], word[3], "the certificate of " day(begins[site]), "the older certificate of " day($8)
}

# In: answers of probe.pl to presentQuestions.awk, lines of site_statuses from the present servers, lines of worse_sites, as three files.
# Out: the lines of worse_sites whose present server has that site, and still answers its page as before.
BEGIN { FS = "\t" }
FILENAME == ARGV[1] { if ($5 == "status 404" || $5 == "status 421") strange[$2, $3]; next }
FILENAME == ARGV[2] { now[$1] = substr($2, 1, 1); next }
($1, $2) in strange || ($5 ~ /^status / && ($2 in now) && now[$2] != substr($5, 8, 1)) { next }
{ print }

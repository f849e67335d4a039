# In: a file of lines of worse_sites; "-" lines of vip_checks. Out: a question for probe.pl for each such site's health path, as its
# present server answers it; its label is the site.
FILENAME != "-" { split($0, field, "\t"); present[field[1], field[2]] = field[4]; next }
$3 == "http" && ($1, $2) in present { print question($0, present[$1, $2] " " $2, $2) }

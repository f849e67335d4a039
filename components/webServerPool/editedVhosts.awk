# In: part=1 want/private/directives, part=2 the diff of our virtual hosts, wanted and found. Out: lines "- vhost SITE: LINE" and
# "+ vhost SITE: LINE". Of a line that may hold a password, a site's secret or the health path, only the directive is shown.
# From the environment, as a process list must not show it: TOKEN, the secret part of the health path.

function shown(line, ours,  goes_on) {
  goes_on = continued
  continued = !ours && line ~ /\\$/
  if (ours && !index(line, ENVIRON["TOKEN"]) && !(line in secret)) return line
  if (line ~ /^[ \t]*(<\/[A-Za-z]+>)?$/) return line
  match(line, /^[ \t]*(#|<?[A-Za-z]+)/)
  return (goes_on || RLENGTH < 0 ? "" : substr(line, 1, RLENGTH) " ") "(not shown: it may hold " (ours && !(line in secret) ? "the health path" : "a secret") ")"
}

part == 1 { if ($2 == "*") secret[substr($0, length($1) + 4)]; next }
FNR <= 2 { next }
/^@@ / { site = /@@ # site / ? "vhost " $NF : "vhosts"; next }
{ print substr($0, 1, 1) " " site ": " shown(substr($0, 2), /^-/) }

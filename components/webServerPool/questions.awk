# In: want/private/vhost.conf, then lines of want/sites. Out: for probe.pl, what each of these sites must answer.
# -v machine: this server's name; thorough: so many sites are asked on each of their VIPs, the others on one.

function ask(vip, as) { printf "http\t%s\t80\t%s\t%s\t200\t%s %s\t%s\n", vip, as, path, machine, $1, $1 }

FILENAME ~ /vhost[.]conf$/ { if ($1 == "<Location") { path = $2; gsub(/[">]/, "", path) } next }
{ line[FNR] = $0 }

END {
  for (n = 1; n <= FNR; n++) {
    $0 = line[n]
    names = split($2, name, ",")
    count = split($3, vip, ",")
    turn = n % count + 1
    if (!in_sample(n, FNR / thorough)) { ask(vip[turn], name[1]); continue }
    for (i = 1; i <= count; i++) ask(vip[i], name[1])
    # A name that only the wildcard fits.
    for (i = 2; i <= names; i++) if (sub(/^[*]/, "loopback-ha", name[i])) ask(vip[turn], name[i])
    printf "http\t%s\t80\tunknown.loopback-ha.invalid\t/\t421\t-\t%s (unknown name)\n", vip[turn], $1
  }
}

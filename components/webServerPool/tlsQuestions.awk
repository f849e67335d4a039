# In: - (what https_sites prints), then lines of want/sites. Out: for probe.pl, which certificate each of these sites must show.
# -v store: the folder of certificates; thorough: as in questions.awk.

function ask(vip) { if (minimum[$1] == "TLSv1.2") printf "tls\t%s\t443\t%s\t%s/%s.pem\t%s (https)\n", vip, name[1], store, hash[$1], $1 }

FILENAME == "-" { hash[$1] = $2; minimum[$1] = $3; next }
{ line[FNR] = $0 }

END {
  for (n = 1; n <= FNR; n++) {
    $0 = line[n]
    split($2, name, ",")
    count = split($3, vip, ",")
    turn = n % count + 1
    if (!in_sample(n, FNR / thorough)) { if ($1 in hash) ask(vip[turn]); continue }
    if ($1 in hash) for (i = 1; i <= count; i++) ask(vip[i])
    printf "tls\t%s\t443\tunknown.loopback-ha.invalid\t%s/unknown.pem\t%s (https, unknown name)\n", vip[turn], store, $1
  }
}

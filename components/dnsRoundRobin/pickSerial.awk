# In: what this machine knows, lines "- SERIAL HASH" and "- DATE", then what peers say, lines "PEER SERIAL HASH" and "PEER DATE".
# Out: "serial SERIAL" for the text with the hash, and "beyond PEER SERIAL" for each peer's serial that was ignored.
# A peer's serial counts up to the limit, or to 100 beyond what this machine served. It never counts when it is beyond by half of
# all serials: this machine would then be behind (RFC 1982).
# -v hash: of the wanted text; limit: the highest serial to expect by date; most: the highest serial there is.

$2 !~ /^[0-9]+$/ || (NF != 2 && NF != 3) { next }

$1 != "-" {
  if (!(bound += 0)) {
    bound = limit > max + 100 ? limit : max + 100
    if (max && bound > max + 2147483647) bound = max + 2147483647
    if (bound > most - 1) bound = most - 1
  }
  if ($2 + 0 > bound) { print "beyond", $1, $2; next }
}

$2 + 0 > most { next }
NF == 2 { if ($2 + 0 > today) today = $2 + 0; next }
$2 + 0 > max_of_all { max_of_all = $2 + 0 }
$1 == "-" && $2 + 0 > max { max = $2 + 0 }
$3 == hash && $2 + 0 > same { same = $2 + 0 }

END {
  next_one = max_of_all + 1 > today ? max_of_all + 1 : today
  printf "serial %.0f\n", (same && same == max_of_all ? same : next_one)
}

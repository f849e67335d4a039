# In: rules as `iptables-legacy -S FORWARD` prints them. Out: the same as nft would print them, as far as closedChains.awk reads that.
$1 == "-P" { print "table ip legacy/filter {\nchain FORWARD {\ntype filter hook forward priority filter; policy " tolower($3) ";"; next }
NF == 4 && $3 == "-j" && $4 == "DROP" { print "drop"; next }
/ -j (DROP|REJECT|LOG)/ { print "limited drop"; next }
{ print "accept" }
END { print "}\n}" }

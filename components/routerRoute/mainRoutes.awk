# In: "-" prefixes that are asked for, one a line; then a file with routes as `ip route show` prints them.
# Out: the routes to exactly these prefixes, with all their lines.
function plain(prefix) { sub(/\/32$/, "", prefix); return prefix }
FILENAME == "-" { if (NF) asked[plain($1)]; next }
!/^[ \t]/ { shown = plain($1 ~ /^[0-9]/ ? $1 : $2) in asked }
shown { sub(/ nhid [0-9]*/, ""); print }

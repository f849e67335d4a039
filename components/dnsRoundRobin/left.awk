# In: "TTL NAME ADDRESS" of what is served now, from a file named pairs; then the history. Out: for each pair that is no longer
# served, the line of the history by which resolvers may have it for the longest time.

FILENAME ~ /pairs$/ { here[$2 " " $3]; next }
{ pair = $3 " " $4 }
!(pair in here) && $1 + $2 > until[pair] { until[pair] = $1 + $2; line[pair] = $0 }
END { for (pair in line) print line[pair] }

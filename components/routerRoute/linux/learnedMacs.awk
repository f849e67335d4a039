# In: want/servers, "-" neighbours as `ip neigh show` prints them, a file of ADDRESS MAC as learned so far (its name has "macs." in it).
# Out: ADDRESS MAC of the servers that are up. What the kernel says now wins.
FILENAME ~ /want\/servers$/ { if ($3 == "up") server[$2]; next }
FILENAME ~ /macs[.][^\/]*$/ { if (!($1 in mac)) mac[$1] = $2; next }
{ for (i = 2; i < NF; i++) if ($i == "lladdr") mac[$1] = $(i + 1) }
END { for (server_address in server) if (server_address in mac) print server_address, mac[server_address] }

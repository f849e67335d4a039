# In: "default DEVICE" of default routes, "address DEVICE" of addresses. -v ethernet: devices to the servers, one a line; -v bridges: a
# pattern of names. Out: the devices by which visitors come: those of default routes, else all others, else the Ethernet.
BEGIN { n = split(ethernet, device, "\n"); for (i = 1; i <= n; i++) inside[device[i]] }
$1 == "default" { if (!usual[$2]++) print $2; found = 1; next }
!found && !($2 in inside) && $2 !~ bridges && !usual[$2]++ { print $2; other = 1 }
END { if (!found && !other) print device[1] }

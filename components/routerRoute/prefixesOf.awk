# In: want/routes; "-" VIPs. Out: the prefix of each VIP.
FILENAME != "-" { note_route($0); next }
{ split(within($1 "/33"), field, " "); print field[1] }

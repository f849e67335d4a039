# In: want/servers; then, by the first word, "all ADDRESS COUNT" and "idle ADDRESS COUNT". Out: SERVER TAB COUNT TAB IDLE of each server.
BEGIN { OFS = "\t" }
FILENAME ~ /servers$/ { name[$2] = $1; order[++servers] = $2; next }
$1 == "all" { all[$2] = $3; next }
{ idle[$2] = $3 }
END { for (i = 1; i <= servers; i++) print name[order[i]], all[order[i]] + 0, idle[order[i]] + 0 }

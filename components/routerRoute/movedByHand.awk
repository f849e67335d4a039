# In: "-" lines of movePlan.awk; then the file "moved" as it was. -v now: the time.
# Out: PREFIX FROM TO TIME of what was moved on the router since Pulumi's last run. FROM is the server that had it then.
FILENAME == "-" { order[++count] = $1; server[$1] = $2; former[$1] = $4; next }
$1 in server { former[$1] = $2; next }
{ print }
END { for (i = 1; i <= count; i++) if (former[order[i]] != server[order[i]]) print order[i], former[order[i]], server[order[i]], now }

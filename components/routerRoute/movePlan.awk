# In: want/servers, want/routes, "-" lines "PREFIX SERVER" that are asked for. -v from: servers that may have a prefix now, with commas, or
# empty; -v stack: its name.
# Out: PREFIX SERVER NEXT-HOP FORMER-SERVER ITS-NEXT-HOP of each prefix that can move; "- REASON" of each that can't.
FILENAME ~ /servers$/ { hop[$1] = $2; servers = servers " " $1; next }
FILENAME ~ /routes$/ { former[$1] = $2; former_hop[$1] = $3; if (++routes <= 20) prefixes = prefixes " " $1; next }
!($1 in former) { print "-", $1, "is not a prefix of stack " stack " on this router; known prefixes:" prefixes; next }
!($2 in hop) { print "-", $1 ": " $2, "is not a server of this router; known servers:" servers; next }
former[$1] == $2 { print "-", $1, "goes to", $2, "already"; next }
from != "" && !index("," from ",", "," former[$1] ",") { print "-", $1, "goes to " former[$1] ", and not to", from; next }
{ print $1, $2, hop[$2], former[$1], former_hop[$1] }

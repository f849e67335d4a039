# In: held_file (SERVER TIME REASON, of the guard), want/servers, want/routes, "-" lines "PREFIX SERVER" that are asked for. -v from: servers
# that may have a prefix now, with commas, or empty; -v stack: its name; -v held_file: that file, which may be missing.
# Out: PREFIX SERVER NEXT-HOP FORMER-SERVER ITS-NEXT-HOP of each prefix that can move; "- REASON" of each that can't.
FILENAME == held_file { held[$1]; next }
FILENAME ~ /servers$/ { hop[$1] = $2; servers = servers " " $1; next }
FILENAME ~ /routes$/ { former[$1] = $2; former_hop[$1] = $3; if (++routes <= 20) prefixes = prefixes " " $1; next }
!($1 in former) { print "-", $1, "is not a prefix of stack " stack " on this router; known prefixes:" prefixes; next }
!($2 in hop) { print "-", $1 ": " $2, "is not a server of this router; known servers:" servers; next }
$2 in held { print "-", $1 ": the guard holds", $2, "as dead. First: loopback-ha-guard release", $2; next }
former[$1] == $2 { print "-", $1, "goes to", $2, "already"; next }
from != "" && !index("," from ",", "," former[$1] ",") { print "-", $1, "goes to " former[$1] ", and not to", from; next }
{ print $1, $2, hop[$2], former[$1], former_hop[$1] }

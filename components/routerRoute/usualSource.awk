# In: addresses as `ip -4 -o address show` prints them. -v ethernet: the device to the servers. -v bridges: a pattern of names.
# Out: the first address of another device; a bridge's only where there is no other.
$2 == ethernet { next }
{ sub(/\/.*/, "", $4) }
$2 ~ bridges { if (bridge == "") bridge = $4; next }
source == "" { source = $4 }
END { if (source bridge != "") print source == "" ? bridge : source }

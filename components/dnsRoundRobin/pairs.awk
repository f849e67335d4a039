# In: a zone as zone.ts renders it. Out: "TTL NAME ADDRESS" of each of its IPv4 addresses.

$1 == "$ORIGIN" { origin = $2; sub(/\.$/, "", origin) }
$1 == "$TTL" { usual = $2 }
/^[^ $]/ {
  i = 2; ttl = usual
  if ($i ~ /^[0-9]+$/) ttl = $(i++)
  if ($i == "IN" && $(i + 1) == "A") print ttl, ($1 == "@" ? origin : $1 "." origin), $(i + 2)
}

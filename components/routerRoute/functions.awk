# What the awk programs of routers share; awk_file (lib.sh) brings it to each of them, after lib.awk. A program must not use the
# names of these functions for its own variables, nor "wanted" and "lengths" for others than note_route's.

# Prefixes and the routes to them: note_route each line "PREFIX ...", then ask `within`.
function prefix_key(prefix, bits) { sub(/\/.*/, "", prefix); return sprintf("%.0f/%d", int(number(prefix) / 2 ^ (32 - bits)), bits) }
function note_route(route,  field, bits) {
  split(route, field, " ")
  bits = bits_of(field[1])
  lengths[bits]
  wanted[prefix_key(field[1], bits)] = route
}
# The noted line of the smallest prefix that is larger than this one and has it in it, or "". An address is ADDRESS "/33".
function within(prefix,  own, bits, best) {
  own = bits_of(prefix)
  best = -1
  for (bits in lengths) if (bits + 0 < own && bits + 0 > best && (prefix_key(prefix, bits) in wanted)) best = bits + 0
  return best < 0 ? "" : wanted[prefix_key(prefix, best)]
}

# 0x2000000 as a number. Lower case.
function hex(text,  value, i) {
  for (i = 3; i <= length(text); i++) value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
  return value
}

# A line of vip_checks as a question for probe.pl: ANSWER is what http must say.
function question(line, answer, label,  f, greeting) {
  split(line, f, " ")
  if (f[3] == "http") return sprintf("http\t%s\t80\t%s\t%s\t200\t%s\t%s", f[1], f[4], f[5], answer, label)
  if (f[3] == "dns") return sprintf("dns\t%s\t53\t%s\t%s", f[1], f[4], label)
  if (f[3] != "tcp") return sprintf("ping\t%s\t%s", f[1], label)
  greeting = line
  sub(/^[^ ]+ [^ ]+ tcp [^ ]+ ?/, "", greeting)
  return sprintf("tcp\t%s\t%s\t%s\t%s", f[1], f[4], greeting == "" ? "-" : greeting, label)
}
# What that line checks, in words.
function subject(line,  f) {
  split(line, f, " ")
  if (f[3] == "http") return "site " f[2]
  if (f[3] == "dns") return "zone " f[4] " of " f[2]
  return (f[3] == "tcp" ? "port " f[4] " of " : "") f[2]
}
# The question for a site's own page. No status is expected, so probe.pl reports which one it was. LINE is one of vip_checks. A site
# with https is asked by https: port 80 may only redirect.
function page_question(line, label,  f) {
  split(line, f, " ")
  return (f[7] == "https" ? "https\t" f[1] "\t443\t" : "http\t" f[1] "\t80\t") f[4] "\t" (f[6] == "" ? "/" : f[6]) "\t-\t-\t" label
}

# For each line of `nft list ruleset`: whether it is in a table for IPv4 that is not loopback-ha's. Cuts quoted texts out of the line, as a
# comment may say "accept"; sets family, table, chain, and whether it is a forward chain.
function is_rule_of_others() {
  gsub(/"[^"]*"/, "\"\"")
  sub(/ comment ""$/, "")
  if ($1 == "table") { family = $2; table = $3; of_others = family ~ /^(ip|inet|netdev)$/ && table !~ /^loopback-ha\./ }
  if (!of_others) return 0
  if ($1 == "flags" && /dormant/) return of_others = 0
  if ($1 == "chain") { chain = $2; forward = 0 }
  if ($1 == "type" && /hook forward/) forward = 1
  return 1
}

# In: a ruleset as nft prints it. Out: FAMILY TABLE CHAIN of each forward chain that lets nothing through.
!is_rule_of_others() { next }
$1 == "chain" { open = closed = 0 }
$1 == "type" && /policy drop/ { last = 1; next }
$1 == "type" { last = 0; next }
!forward { next }
$1 == "}" {
  if (closed || (last && !open)) { if (sub(/^legacy\//, "", table)) family = "legacy"; print family, table, chain }
  forward = 0
  next
}
/^[ \t]*(counter( packets [0-9]+ bytes [0-9]+)? )?(log[^a-z]*( (prefix|level|flags|group) [^ ]+)* )?(drop|reject( with .*)?)$/ { if (!open) closed = 1; next }
/(^|[ \t:])(accept|jump|goto|vmap|queue|xt|synproxy)([ \t,}]|$)/ { open = 1 }

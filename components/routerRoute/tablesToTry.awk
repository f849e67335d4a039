# In: a ruleset as nft prints it. Out: FAMILY TABLE of each that may drop or redirect what is forwarded; then "asks" where it leaves that
# to a program.
!is_rule_of_others() { next }
{ id = family " " table }
$1 == "type" && /hook (forward|prerouting|postrouting|ingress|egress)/ { hooked[id]; if (/policy drop/) drops[id] }
/(^|[ \t:])(drop|reject|dnat|redirect|tproxy|xt)([ \t,}]|$)/ { drops[id] }
/(^|[ \t:])(queue|synproxy)([ \t,}]|$)/ { asks[id] }
END { for (id in drops) if (id in hooked) print id, (id in asks ? "asks" : "") }

# In: want/servers, want/routes, a file of ADDRESS MAC. -v t: "ip TABLE"; -v mask, keep: the bits of marks that are loopback-ha's, and all
# others; -v helpers: NAME,PROTOCOL,PORT ...; -v only_vips: yes, or empty.
# Out: commands for nft; what they make is said at pin_ruleset in pinning.sh.
function fill(kind, name, type, elements) {
  print "add", kind, t, name, "{ type " type "; }"
  print "flush", kind, t, name
  if (elements != "") print "add element", t, name, "{" substr(elements, 2) " }"
}
function add_chain(name, hook) { print "add chain", t, name, hook; print "flush chain", t, name }
function add_rule(name, text) { print "add rule", t, name, text }
FILENAME ~ /want\/servers$/ { mark[$2] = $4; number_of[$2] = $5; up[$2] = $3 == "up"; order[++count] = $2; next }
FILENAME ~ /want\/routes$/ { vips = vips ", " $1; routes = routes ", " $1 " : goto serve_" number_of[$3]; left[$3] = left[$3] ", " $1; next }
up[$1] || ($1 in left) { if (!cards[$2]++) card[++known] = $2; sender[$2] = number_of[$1] }
END {
  for (i = 1; i <= known; i++) if (cards[card[i]] == 1) senders = senders ", " card[i] " : goto learn_" sender[card[i]]
  add_chain("gone")
  for (i = 1; i <= count; i++) {
    a = order[i]
    to_ct = "ct mark set ct mark and " keep " or " mark[a]
    to_packet = "meta mark set meta mark and " keep " or " mark[a]
    add_chain("serve_" number_of[a]); add_rule("serve_" number_of[a], to_ct); add_rule("serve_" number_of[a], to_packet)
    add_chain("keep_" number_of[a]); add_rule("keep_" number_of[a], to_packet)
    add_chain("learn_" number_of[a]); add_rule("learn_" number_of[a], to_ct)
    fate = up[a] ? "keep_" number_of[a] : "gone"
    if (!up[a] && (a in left)) {
      fate = "left_" number_of[a]
      add_chain(fate); add_rule(fate, "ip daddr {" substr(left[a], 2) " } goto keep_" number_of[a]); add_rule(fate, "goto gone")
    }
    pins = pins ", " mark[a] " : goto " fate
  }
  fill("set", "vips", "ipv4_addr; flags interval", vips)
  fill("map", "routes", "ipv4_addr : verdict; flags interval", routes)
  fill("map", "pins", "mark : verdict", pins)
  fill("map", "senders", "ether_addr : verdict", senders)
  add_rule("gone", "tcp flags & (syn | rst) == 0 reject with tcp reset")
  add_rule("gone", "ip daddr vmap @routes")
  add_chain("to_vip")
  add_rule("to_vip", "tcp flags & (fin | syn | rst | ack) == syn ct state new ip daddr vmap @routes")
  add_rule("to_vip", "ct mark and " mask " vmap @pins")
  add_rule("to_vip", "ip daddr vmap @routes")
  if (only_vips) {
    # Names with "_" go when they are wanted no more.
    add_chain("untracked_in", "{ type filter hook prerouting priority raw; }")
    add_rule("untracked_in", "ip daddr != @vips ip saddr != @vips notrack")
    add_chain("untracked_out", "{ type filter hook output priority raw; }")
    add_rule("untracked_out", "ip daddr != @vips ip saddr != @vips notrack")
  }
  add_chain("prerouting", "{ type filter hook prerouting priority mangle; }")
  for (i = split(helpers, helper, " "); i > 0; i--) {
    split(helper[i], h, ",")
    add_rule("prerouting", "ip daddr @vips " h[2] " dport " h[3] " ct helper set \"" h[1] "\"")
  }
  add_rule("prerouting", "ip daddr @vips goto to_vip")
  add_rule("prerouting", "ip saddr @vips ether saddr vmap @senders")
  add_chain("output", "{ type route hook output priority mangle; }")
  add_rule("output", "ip daddr @vips ct mark and " mask " vmap @pins")
}

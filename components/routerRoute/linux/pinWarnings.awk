# In: a ruleset as nft prints it. -v ours: the name of this instance's table. Out: a sentence for each thing in other tables that limits pinning.
$1 == "table" { mine = $3 == ours }
mine { next }
tolower($0) ~ /(^|[^a-z])notrack([^a-z]|$)/ { notrack = 1 }
$1 == "flowtable" { offload = 1 }
/meta mark set ct mark([ \t]*$|[ \t]+[^& \t])/ { unmasked = 1 }
END {
  if (notrack) print "an nftables rule not managed by this stack says notrack: flows that it matches are not pinned"
  if (offload) print "a flowtable not managed by this stack offloads connections: those bypass pinning, and a flip breaks them"
  if (unmasked) print "an nftables rule not managed by this stack restores packet marks unmasked (meta mark set ct mark): it may undo pinning"
}

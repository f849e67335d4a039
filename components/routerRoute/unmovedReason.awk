# In: a file of prefixes that can't move; "-" lines of movePlan.awk. From the environment REASON.
# Out: "PREFIX, PREFIX: REASON", with eight prefixes at most.
FILENAME != "-" { unmoved[$1]; next }
$1 in unmoved && ++count <= 8 { prefixes = prefixes (count > 1 ? ", " : "") $1 }
END { print prefixes (count > 8 ? " and " count - 8 " more" : "") ": " ENVIRON["REASON"] }

# In: "-" lines of sample_addresses; then want/block. -v ethernet: the servers' subnet, or "".
# Out: what to ask `ip -batch`: the way to each sample, to each next hop, and to one address of the block that no machine has.
function take(prefix) { low[++count] = number(prefix); end[count] = low[count] + 2 ^ (32 - bits_of(prefix)) }
function is_free(n,  i) { for (i = 1; i <= count; i++) if (n >= low[i] && n < end[i]) return 0; return n < last }
FILENAME == "-" { take($2); print "route get fibmatch", $1; if (!hops[$4]++) print "route get fibmatch", $4; next }
{
  last = number($1) + 2 ^ (32 - bits_of($1))
  if (ethernet != "") take(ethernet)
  if (is_free(last - 1)) { print "route get fibmatch", address(last - 1); exit }
  for (i = 1; i <= count; i++) if (is_free(end[i])) { print "route get fibmatch", address(end[i]); exit }
}
